"""The fields of models."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..serializers import SERIALIZERS

if TYPE_CHECKING:
    from typing_extensions import Self

    from .base import Model

T = TypeVar("T")


class Field(Generic[T]):
    """
    A value that a model keeps: anything that its store takes.

    A subclass may override `clean`, `encode` and `decode`. None of them is asked about ``None``,
    and a ``TypeError`` or ``ValueError`` that they raise is raised with the field's name.

    :param default: what the field has where nothing was said; of what is not callable, each object
        has a copy of its own.
    :param pk: whether the field is the primary key.
    """

    name: str = ""

    @overload
    def __init__(self: Field[Any], default: None = None, pk: bool = False) -> None: ...
    @overload
    def __init__(self, default: Callable[[], T], pk: bool = False) -> None: ...
    @overload
    def __init__(self, default: T, pk: bool = False) -> None: ...
    def __init__(self, default: Any = None, pk: bool = False) -> None:
        self.default = default
        self.pk = pk

    def get_default(self) -> T:
        """Return the default for one object."""
        value: T = self.default() if callable(self.default) else copy.deepcopy(self.default)
        return value

    def clean(self, value: Any) -> Any:
        """
        Return a value as the field keeps it, when it is assigned and before it is stored.

        Raises ``TypeError`` or ``ValueError``, with what is wrong, for what it does not keep.
        """
        return value

    def encode(self, value: Any) -> Any:
        """Return what `Model.to_dict` has for a value."""
        return value

    def decode(self, value: Any) -> Any:
        """Return the value for what `encode` has returned."""
        return value

    def apply(self, hook: Callable[[Any], Any], value: Any, model: type[Model]) -> Any:
        """Return what one of the hooks makes of a value, and name the field in its errors."""
        try:
            return None if value is None else hook(value)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{model.__name__}.{self.name}: {error}") from error

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Model, owner: type) -> T: ...
    def __get__(self, instance: Model | None, owner: type) -> Any:
        if instance is None:
            return self
        if self.name not in vars(instance):  # in the pickle of an object without this field
            self.__set__(instance, self.get_default())
        return vars(instance)[self.name]

    def __set__(self, instance: Model, value: T) -> None:
        vars(instance)[self.name] = self.apply(self.clean, value, type(instance))


class JSONField(Field[Any]):
    """What the JSON of a store can say, whatever serializer the store has."""

    def clean(self, value: Any) -> Any:
        """Return the value; raise ``TypeError`` for one that JSON has no word for."""
        SERIALIZERS["json"].dumps(value)
        return value


class DateTimeField(Field[T]):
    """A ``datetime``, naive or aware as it was; of a time zone, the offset is kept."""

    @overload
    def __init__(
        self: DateTimeField[datetime | None], default: None = None, pk: bool = False
    ) -> None: ...
    @overload
    def __init__(
        self: DateTimeField[datetime],
        default: datetime | Callable[[], datetime],
        pk: bool = False,
    ) -> None: ...
    def __init__(self, default: Any = None, pk: bool = False) -> None:
        super().__init__(default, pk)

    def clean(self, value: Any) -> datetime:
        """Return the value; raise ``TypeError`` for one that is no ``datetime``."""
        if not isinstance(value, datetime):
            raise TypeError(f"a datetime is needed, not {type(value).__name__}.")
        return value


class BytesField(Field[T]):
    """``bytes``; of a ``bytearray`` and a ``memoryview``, a copy."""

    @overload
    def __init__(
        self: BytesField[bytes | None], default: None = None, pk: bool = False
    ) -> None: ...
    @overload
    def __init__(
        self: BytesField[bytes], default: bytes | Callable[[], bytes], pk: bool = False
    ) -> None: ...
    def __init__(self, default: Any = None, pk: bool = False) -> None:
        super().__init__(default, pk)

    def clean(self, value: Any) -> bytes:
        """Return the value as ``bytes``; raise ``TypeError`` for what is none."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"bytes are needed, not {type(value).__name__}.")
        return bytes(value)
