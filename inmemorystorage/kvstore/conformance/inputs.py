"""The keys and values that every store is tried with."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**63, 0.1, 1e300, "", "text", "é日本\U0001f600", "\0\n\r\t\x7f"),
    *([], {}, [1, [2, {"three": None}]], {"": "", "é": [{}]}, {"__type__": "bytes", "value": "!"}),
    *(b"", b"\0\xff" * 100, b"\x01{}", date(2026, 2, 28), time(1, 2, 3, 4)),
    *(datetime(2026, 1, 2, 3, 4, 5, 678901), datetime(2026, 1, 2, tzinfo=timezone.utc)),
    datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    *(timedelta(days=-1, microseconds=1), Decimal("1.10"), Decimal("-0E+3"), uuid.UUID(int=7)),
    {"deep": [{"bytes": b"x", "when": date(2026, 1, 1)}]},
]
KEYS = [
    *("a", "a b", "a\nb", "a\r\nset x 0 0 1\r\ny", "a\0b", "é日本\U0001f600", "\ud800", "\x7f"),
    *("x" * 251, "x" * 2000, "é" * 200, "a/b", "a?b=c&d", "{a}b", "%2e", "'\"", "*", "a:b"),
    *("A", "__a__", "sha256-" + "0" * 64),
]


def typed(value: Any) -> Any:
    """Return a value with the types in it, which comparing by itself leaves out."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return type(value), value
