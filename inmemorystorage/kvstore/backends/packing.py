"""An entry as one value, for engines that keep it so."""

from __future__ import annotations

import struct

from .base import Entry

_LENGTH = struct.Struct(">I")


def pack(entry: Entry) -> bytes:
    """Return the length of the meta, the meta and the body, as one value."""
    return b"".join((_LENGTH.pack(len(entry.meta)), *entry))


def unpack(value: bytes) -> Entry:
    """Return the entry in a value that `pack` made."""
    start = _LENGTH.size
    end = start + _LENGTH.unpack_from(value)[0]
    return Entry(value[start:end], value[end:])
