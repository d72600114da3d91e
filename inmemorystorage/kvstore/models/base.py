"""`Model`."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist

from ...mistakes import hint
from ..store import KeyValueStore, get_kvstore
from .fields import Field
from .options import Options, find_fields

if TYPE_CHECKING:
    from typing_extensions import Self


class DoesNotExist(ObjectDoesNotExist):
    """There is no object with that primary key; each model has a subclass of its own."""


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
        cls._fields = find_fields(cls, Model)
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
