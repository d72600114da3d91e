"""Values as bytes: JSON that restores what it has no word for, or pickle for who owns the store."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

# A dict with this key alone stands for what JSON has no word for.
_TYPE = "__type__"
_VALUE = "value"


class Serializer(NamedTuple):
    """A way to write values down, and to read them."""

    dumps: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]


class _Type(NamedTuple):
    """How values of a type are written, and read."""

    cls: type
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


# In this order: a datetime is a date too.
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
    # A dict of the project's own that looks like one of ours.
    "dict": _Type(dict, lambda value: [*value.items()], dict),
}


class _Encoder(DjangoJSONEncoder):
    """Django's encoder, which writes also what type a value was."""

    def default(self, o: Any) -> Any:
        """Return what stands for a value that JSON has no word for."""
        for name, each in _TYPES.items():
            if isinstance(o, each.cls):
                return {_TYPE: name, _VALUE: each.write(o)}
        return super().default(o)


def _dump_json(value: Any) -> bytes:
    text = json.dumps(_escaped(value), cls=_Encoder, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _escaped(value: Any) -> Any:
    """Return a value in which no dict looks like one of ours, and each has text for keys."""
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
