"""What a model's class says: its fields, and its ``Meta``."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...mistakes import hint
from ..store import KeyValueStore
from .fields import Field


class FieldError(TypeError):
    """A class cannot be a model: of its fields, or its ``Meta``."""


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


def find_fields(model: type, reserved: type) -> dict[str, Field[Any]]:
    """
    Return the fields of a class and of those above it, by their names.

    :param reserved: the class whose names no field may have, but ``pk`` for the primary key.
    """
    found: dict[str, Field[Any]] = {}
    for each in reversed(model.__mro__):
        for name, value in vars(each).items():
            found.pop(name, None)  # the class has something else in its place
            if isinstance(value, Field):
                found[name] = value
    for name, field in found.items():
        _check_name(model, name, field, reserved)
    keys = [name for name, field in found.items() if field.pk]
    if len(keys) > 1:
        raise FieldError(f"{model.__qualname__} has two primary keys: {' and '.join(keys)}.")
    return found


def _check_name(model: type, name: str, field: Field[Any], reserved: type) -> None:
    if field.name != name:
        raise FieldError(
            f"{model.__qualname__} has one field for {name} and {field.name}: make two."
        )
    if hasattr(reserved, name) and not (name == "pk" and field.pk):
        raise FieldError(f"{model.__qualname__}.{name} cannot be a field: models have a {name}.")
