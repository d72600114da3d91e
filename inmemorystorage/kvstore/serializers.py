"""Serialize values: as JSON that restores more types, or as pickles in a store of your own."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

# A dict with this key represents a value of a type that JSON lacks.
_TYPE = "__type__"
_VALUE = "value"


@dataclass(frozen=True)
class Serializer:
    """A pair of functions that dump and load values."""

    dump: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]

    def dumps(self, value: Any) -> bytes:
        """Return a value as bytes; raise ``TypeError`` for one that cannot be serialized."""
        try:
            return self.dump(value)
        except RecursionError as error:
            raise TypeError("the value is nested too deeply, or contains itself") from error
        except (AttributeError, ValueError, pickle.PickleError) as error:
            raise TypeError(f"the value cannot be serialized: {error}") from error


class _Type(NamedTuple):
    """How to write and read values of a type."""

    cls: type
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


# The order matters: a datetime is a date too.
_TYPES = {
    "bytes": _Type(bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    "datetime": _Type(datetime, datetime.isoformat, datetime.fromisoformat),
    "date": _Type(date, date.isoformat, date.fromisoformat),
    "time": _Type(time, time.isoformat, time.fromisoformat),
    "timedelta": _Type(
        timedelta,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: timedelta(*parts),
    ),
    "decimal": _Type(Decimal, str, Decimal),
    "uuid": _Type(UUID, str, UUID),
    # A dict of the project that looks like one of ours.
    "dict": _Type(dict, lambda value: [*value.items()], dict),
}


class _Encoder(DjangoJSONEncoder):
    """Django's encoder, which also writes the type of a value."""

    def default(self, o: Any) -> Any:
        """Return the dict that represents a value of a type that JSON lacks."""
        for name, each in _TYPES.items():
            if isinstance(o, each.cls):
                return {_TYPE: name, _VALUE: each.write(o)}
        return super().default(o)


def _dump_json(value: Any) -> bytes:
    text = json.dumps(_escaped(value), cls=_Encoder, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _escaped(value: Any) -> Any:
    """Escape dicts that look like ours; raise ``TypeError`` for keys that are not text."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(
                    f"A dict in a key-value store has keys of type str, not {type(key).__name__} "
                    f"({key!r}): JSON has no others. Use str keys, or ?serializer=pickle."
                )
        escaped = {key: _escaped(each) for key, each in value.items()}
        if _TYPE in escaped:
            return {_TYPE: "dict", _VALUE: [[key, each] for key, each in escaped.items()]}
        return escaped
    if isinstance(value, (list, tuple)):
        return [_escaped(each) for each in value]
    return value


def _load_json(data: bytes) -> Any:
    return json.loads(data.decode("utf-8", "surrogatepass"), object_hook=_restored)


def _restored(value: dict[str, Any]) -> Any:
    return _TYPES[value[_TYPE]].read(value[_VALUE]) if _TYPE in value else value


SERIALIZERS = {
    "json": Serializer(_dump_json, _load_json),
    "pickle": Serializer(pickle.dumps, pickle.loads),
}
