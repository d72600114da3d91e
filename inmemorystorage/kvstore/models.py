"""
Models: objects with fields, each stored in a key-value store under its primary key.

A model is a subclass of `Model` with a `Field` for each value that it stores::

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
    """No object has that primary key; each model has its own subclass."""


class FieldError(TypeError):
    """A class cannot be a model because of its fields or its ``Meta``."""


class Field(Generic[_T]):
    """
    A value that a model stores: any that its store accepts.

    A subclass may override `clean`, `encode` and `decode`. They are never called with ``None``, and
    a ``TypeError`` or ``ValueError`` from them is raised again with the field's name.

    :param default: the value of the field if none is given: a callable that returns it, or a value
        of which each object gets its own copy.
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
        Return the value to keep; called when a value is assigned and before it is stored.

        Raises ``TypeError`` or ``ValueError`` for a value that the field does not accept.
        """
        return value

    def encode(self, value: Any) -> Any:
        """Return a value as `Model.to_dict` contains it."""
        return value

    def decode(self, value: Any) -> Any:
        """Return the value that `encode` encoded."""
        return value

    def apply(self, hook: Callable[[Any], Any], value: Any, model: type[Model]) -> Any:
        """Return what a hook returns for a value, and name the field in its errors."""
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
        if self.name not in vars(instance):  # unpickled from before the model had this field
            self.__set__(instance, self.get_default())
        return vars(instance)[self.name]

    def __set__(self, instance: Model, value: _T) -> None:
        vars(instance)[self.name] = self.apply(self.clean, value, type(instance))


class JSONField(Field[Any]):
    """A value that a store's JSON has a type for, whatever serializer the store uses."""

    def clean(self, value: Any) -> Any:
        """Return the value; raise ``TypeError`` if JSON has no type for it."""
        SERIALIZERS["json"].dumps(value)
        return value


class DateTimeField(Field[_T]):
    """A ``datetime``, naive or aware; of a time zone, the store keeps the offset."""

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
        """Return the value; raise ``TypeError`` unless it is a ``datetime``."""
        if not isinstance(value, datetime):
            raise TypeError(f"the value must be a datetime, not {type(value).__name__}.")
        return value


class BytesField(Field[_T]):
    """``bytes``; a ``bytearray`` or a ``memoryview`` is copied."""

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
        """Return the value as ``bytes``; raise ``TypeError`` for other types."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"the value must be bytes, not {type(value).__name__}.")
        return bytes(value)


class Options(NamedTuple):
    """The options of a model's ``Meta``."""

    key_prefix: str
    store: str | KeyValueStore | None = None
    abstract: bool = False

    def inherited(self, model: type) -> Options:
        """Return the options of a subclass, which inherits the store."""
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
        if ":" in options.key_prefix:  # its keys could be those of another class
            raise FieldError(
                f"{name}.Meta.key_prefix must not contain a colon: {options.key_prefix!r}."
            )
        return options


class Model:
    """
    An object that is stored under its primary key.

    Subclasses inherit fields, and may replace or remove them. An inner class ``Meta`` may have
    ``store`` (a URI or a store; inherited; by default that of the setting
    KEY_VALUE_STORE_BACKEND), ``key_prefix`` (represents the class in keys; by default its module
    and name) and ``abstract`` (only subclasses can have objects).

    Two objects are equal if they have the same class and the same primary key.

    :param values: values of fields; other fields get their defaults.

    Raises ``TypeError`` for an unknown field, and what a field raises for a value that it does not
    accept, as assigning does.
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
            raise TypeError(f"{type(self).__name__} is abstract: make an object of a subclass.")
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
        """Return the object with a primary key, ``None`` if it does not exist."""
        found = None if pk is None else cls._store().get(cls._key(pk))
        return None if found is None else cls.from_dict(found)

    @classmethod
    def get_or_raise(cls, pk: Any) -> Self:
        """Return the object with a primary key; raise `DoesNotExist` if it does not exist."""
        found = cls.get(pk)
        if found is None:
            raise cls.DoesNotExist(f"No {cls.__name__} has the primary key {pk!r}.")
        return found

    @classmethod
    def get_many(cls, pks: Iterable[Any]) -> dict[Any, Self]:
        """Return the objects that exist, by their primary keys, in one request."""
        keys = {pk: cls._key(pk) for pk in pks if pk is not None}
        found = cls._store().get_many(keys.values())
        return {pk: cls.from_dict(found[key]) for pk, key in keys.items() if key in found}

    @property
    def pk(self) -> Any:
        """Return the primary key, ``None`` if the model or the object has none."""
        return None if self._pk_name is None else getattr(self, self._pk_name)

    def save(self) -> None:
        """
        Store the object under its primary key; replace an object that is stored there.

        Raises ``ValueError`` without a primary key. After a change of its primary key, an object is
        stored a second time.
        """
        self._store().set(self._own_key(), self.to_dict())

    def delete(self) -> None:
        """Delete the object stored under the primary key; do nothing if there is none."""
        self._store().delete(self._own_key())

    def to_dict(self) -> dict[str, Any]:
        """Return a copy of the fields' encoded values, by name."""
        model, values = type(self), {}
        for name, field in self._fields.items():
            value = field.apply(field.clean, getattr(self, name), model)
            values[name] = copy.deepcopy(field.apply(field.encode, value, model))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """
        Return an object with a copy of the values that `to_dict` returned.

        The model may have had other fields when the object was stored: missing fields get their
        defaults, and unknown ones are dropped.
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
            raise TypeError(f"{cls.__name__} has no primary key: set pk=True on one of its fields.")
        field = cls._fields[cls._pk_name]
        text = field.apply(field.encode, field.apply(field.clean, pk, cls), cls)
        if not isinstance(text, (str, int, UUID)) or isinstance(text, bool):
            raise TypeError(
                f"{cls.__name__}.{field.name}: a primary key must be a str, an int or a UUID, "
                f"not {type(text).__name__}; encode() may return one of these."
            )
        return f"models:{cls._options.key_prefix}:{text}"

    def _own_key(self) -> str:
        if self._pk_name is not None and self.pk is None:
            raise ValueError(
                f"{type(self).__name__} cannot be stored without its primary key: "
                f"set {self._pk_name}."
            )
        return self._key(self.pk)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or (self.pk is not None and self.pk == other.pk)

    def __hash__(self) -> int:
        if self.pk is None:
            raise TypeError(f"This {type(self).__name__} has no primary key, and so no hash.")
        return hash((type(self), self.pk))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.pk!r}>"


def _find_fields(model: type) -> dict[str, Field[Any]]:
    """Return the fields of a class and of its bases, by name."""
    found: dict[str, Field[Any]] = {}
    for each in reversed(model.__mro__):
        for name, value in vars(each).items():
            found.pop(name, None)  # the class replaces the field
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
            f"{model.__qualname__} has the same field as {name} and {field.name}: make two."
        )
    if hasattr(Model, name) and not (name == "pk" and field.pk):
        raise FieldError(f"{model.__qualname__}.{name} cannot be a field: Model.{name} exists.")
