"""
Models: objects with fields, each kept in a key-value store under its primary key.

A model is a subclass of `Model`, with a `Field` for each thing that is kept::

    class Visitor(models.Model):
        address = models.Field(pk=True)
        pages = models.Field(default=0)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, overload
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist

from ..options import hint
from .serializers import SERIALIZERS
from .store import KeyValueStore, get_kvstore

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "BytesField",
    "DateTimeField",
    "DoesNotExist",
    "Field",
    "FieldError",
    "JSONField",
    "Model",
]

_T = TypeVar("_T")


class DoesNotExist(ObjectDoesNotExist):
    """There is no object with that primary key; each model has a subclass of its own."""


class FieldError(TypeError):
    """A class cannot be a model: of its fields, or its ``Meta``."""


class Field(Generic[_T]):
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
    def __init__(self, default: Callable[[], _T], pk: bool = False) -> None: ...
    @overload
    def __init__(self, default: _T, pk: bool = False) -> None: ...
    def __init__(self, default: Any = None, pk: bool = False) -> None:
        self.default = default
        self.pk = pk

    def get_default(self) -> _T:
        """Return the default for one object."""
        value: _T = self.default() if callable(self.default) else copy.deepcopy(self.default)
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
    def __get__(self, instance: Model, owner: type) -> _T: ...
    def __get__(self, instance: Model | None, owner: type) -> Any:
        if instance is None:
            return self
        if self.name not in vars(instance):  # in the pickle of an object without this field
            self.__set__(instance, self.get_default())
        return vars(instance)[self.name]

    def __set__(self, instance: Model, value: _T) -> None:
        vars(instance)[self.name] = self.apply(self.clean, value, type(instance))


class JSONField(Field[Any]):
    """What the JSON of a store can say, whatever serializer the store has."""

    def clean(self, value: Any) -> Any:
        """Return the value; raise ``TypeError`` for one that JSON has no word for."""
        SERIALIZERS["json"].dumps(value)
        return value


class DateTimeField(Field[_T]):
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


class BytesField(Field[_T]):
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


class Options(NamedTuple):
    """What a model's ``Meta`` says."""

    key_prefix: str
    store: str | KeyValueStore | None = None
    abstract: bool = False

    def inherited(self, model: type) -> Options:
        """Return what a class below says: the store is that of the class above."""
        meta = vars(model).get("Meta")
        given = {
            name: value
            for name, value in getattr(meta, "__dict__", {}).items()
            if not name.startswith("__")
        }
        name = model.__qualname__
        for option in given:
            if option not in self._fields:
                raise FieldError(
                    f"{name}.Meta has no option {option!r}.{hint(option, self._fields)} "
                    f"It has {', '.join(self._fields)}."
                )
        options = Options(
            **{"key_prefix": f"{model.__module__}.{name}", "store": self.store} | given
        )
        if ":" in options.key_prefix:  # would be a key of another class
            raise FieldError(f"{name}.Meta.key_prefix has a colon: {options.key_prefix!r}.")
        return options


class Model:
    """
    An object that is kept in a store.

    Fields are inherited, and a class below may put another field, or none, in the place of one.
    An inner class ``Meta`` may have ``store`` (a URI, or a store; inherited; the default is that of
    the setting KEY_VALUE_STORE_BACKEND), ``key_prefix`` (what stands for the class in keys; the
    default is its module and name) and ``abstract`` (there are objects of the classes below alone).

    Two objects are equal if they are of one class and have the same primary key.

    :param values: those of the fields; the others have their defaults.

    Raises ``TypeError`` for a field that there is not, and, as assigning does, what the fields
    raise for a value that they do not keep.
    """

    DoesNotExist: ClassVar[type[ObjectDoesNotExist]] = DoesNotExist
    _fields: ClassVar[Mapping[str, Field[Any]]] = {}
    _pk_name: ClassVar[str | None] = None
    _options: ClassVar[Options] = Options("", abstract=True)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._options = cls._options.inherited(cls)
        cls._fields = _find_fields(cls)
        cls._pk_name = next((name for name, field in cls._fields.items() if field.pk), None)
        errors = tuple(each.DoesNotExist for each in cls.__bases__ if issubclass(each, Model))
        names = {"__module__": cls.__module__, "__qualname__": f"{cls.__qualname__}.DoesNotExist"}
        cls.DoesNotExist = type("DoesNotExist", errors, names)

    def __init__(self, /, **values: Any) -> None:
        if self._options.abstract:
            raise TypeError(f"{type(self).__name__} is abstract: make a class of it.")
        for name in values:
            if name not in self._fields:
                raise TypeError(
                    f"{type(self).__name__} has no field {name!r}.{hint(name, self._fields)} "
                    f"It has {', '.join(self._fields) or 'none'}."
                )
        for name, field in self._fields.items():
            setattr(self, name, values[name] if name in values else field.get_default())

    @classmethod
    def get(cls, pk: Any) -> Self | None:
        """Return the object with a primary key, ``None`` where there is none."""
        found = None if pk is None else cls._store().get(cls._key(pk))
        return None if found is None else cls.from_dict(found)

    @classmethod
    def get_or_raise(cls, pk: Any) -> Self:
        """Return the object with a primary key; raise the model's `DoesNotExist`."""
        found = cls.get(pk)
        if found is None:
            raise cls.DoesNotExist(f"There is no {cls.__name__} with the primary key {pk!r}.")
        return found

    @classmethod
    def get_many(cls, pks: Iterable[Any]) -> dict[Any, Self]:
        """Return those objects that are there, by their primary keys, in one request."""
        keys = {pk: cls._key(pk) for pk in pks if pk is not None}
        found = cls._store().get_many(keys.values())
        return {pk: cls.from_dict(found[key]) for pk, key in keys.items() if key in found}

    @property
    def pk(self) -> Any:
        """Return the primary key, ``None`` where there is none."""
        return None if self._pk_name is None else getattr(self, self._pk_name)

    def save(self) -> None:
        """
        Store the object under its primary key, in the place of what is there.

        Raises ``ValueError`` without a primary key. An object whose primary key was changed is
        stored a second time.
        """
        self._store().set(self._own_key(), self.to_dict())

    def delete(self) -> None:
        """Delete what is stored under the primary key; silent where there is nothing."""
        self._store().delete(self._own_key())

    def to_dict(self) -> dict[str, Any]:
        """Return a copy of the fields' values, encoded, by their names."""
        model, values = type(self), {}
        for name, field in self._fields.items():
            value = field.apply(field.clean, getattr(self, name), model)
            values[name] = copy.deepcopy(field.apply(field.encode, value, model))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """
        Return an object with a copy of the values that `to_dict` has returned.

        A field that is not in there has its default; what is no field is left out: a model may have
        had other fields when the object was stored.
        """
        known = {name: field for name, field in cls._fields.items() if name in values}
        return cls(
            **{
                name: field.apply(field.decode, copy.deepcopy(values[name]), cls)
                for name, field in known.items()
            }
        )

    @classmethod
    def _store(cls) -> KeyValueStore:
        store = cls._options.store
        return store if isinstance(store, KeyValueStore) else get_kvstore(store)

    @classmethod
    def _key(cls, pk: Any) -> str:
        """Return the key of an object; 1 and "1" are one primary key, as in a URL."""
        if cls._pk_name is None:
            raise TypeError(f"{cls.__name__} has no primary key: give one of its fields pk=True.")
        field = cls._fields[cls._pk_name]
        text = field.apply(field.encode, field.apply(field.clean, pk, cls), cls)
        if not isinstance(text, (str, int, UUID)) or isinstance(text, bool):
            raise TypeError(
                f"{cls.__name__}.{field.name}: a primary key is a str, an int or a UUID, "
                f"not {type(text).__name__}; encode() may make it one."
            )
        return f"models:{cls._options.key_prefix}:{text}"

    def _own_key(self) -> str:
        if self._pk_name is not None and self.pk is None:
            raise ValueError(f"{type(self).__name__}.{self._pk_name} is the primary key: set it.")
        return self._key(self.pk)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or (self.pk is not None and self.pk == other.pk)

    def __hash__(self) -> int:
        if self.pk is None:
            raise TypeError(f"This {type(self).__name__} has no primary key, and thus no hash.")
        return hash((type(self), self.pk))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.pk!r}>"


def _find_fields(model: type) -> dict[str, Field[Any]]:
    """Return the fields of a class and of those above it, by their names."""
    found: dict[str, Field[Any]] = {}
    for each in reversed(model.__mro__):
        for name, value in vars(each).items():
            found.pop(name, None)  # the class has something else in its place
            if isinstance(value, Field):
                found[name] = value
    for name, field in found.items():
        _check_name(model, name, field)
    keys = [name for name, field in found.items() if field.pk]
    if len(keys) > 1:
        raise FieldError(f"{model.__qualname__} has two primary keys: {' and '.join(keys)}.")
    return found


def _check_name(model: type, name: str, field: Field[Any]) -> None:
    if field.name != name:
        raise FieldError(
            f"{model.__qualname__} has one field for {name} and {field.name}: make two."
        )
    if hasattr(Model, name) and not (name == "pk" and field.pk):
        raise FieldError(f"{model.__qualname__}.{name} cannot be a field: models have a {name}.")
