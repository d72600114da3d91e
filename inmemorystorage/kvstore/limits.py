"""Fit keys and values of any length into an engine's limits."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from .backends import Backend, Damaged, decoded

try:  # the extra "isal": the same CRC-32 (RFC 1952, section 8), several times faster
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

__all__ = ["HASHED", "Pieces", "checked", "crc32", "delete_numbered", "fit"]

# The prefix of hashed keys.
HASHED = "sha256-"

# The first byte of a head; neither JSON nor a pickle starts with it.
_MARK = b"\x01"

# Stored numbers are less: sizes, and times, which are before the year 9999.
LIMITS: dict[type, int] = {int: 2**63, float: 253_370_764_800}

# Numbered keys to read, to look for or to delete at once.
_AT_ONCE = 64


def fit(backend: Backend, prefix: str, key: str) -> str:
    """
    Return ``prefix`` and a key as one key that the backend accepts; distinct keys stay distinct.

    :param prefix: short ASCII text that separates keys of different kinds.
    """
    if not _fits(backend, prefix + key) or key.startswith(HASHED):
        key = HASHED + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return prefix + key


def _fits(backend: Backend, key: str) -> bool:
    try:
        length = len(key.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False
    if backend.key_max is not None and length > backend.key_max:
        return False
    return not backend.plain_keys or (key.isascii() and key.isprintable() and " " not in key)


def checked(value: Any, kind: type) -> Any:
    """Return a stored value; raise ``ValueError`` for other kinds, and for numbers out of range."""
    if kind in LIMITS:
        is_valid = type(value) in (int, kind) and 0 <= value < LIMITS[kind]
    else:
        is_valid = type(value) is kind
    if not is_valid:
        raise ValueError(f"{value!r} is damaged")
    return value


def delete_numbered(backend: Backend, key: Callable[[int], str], count: int) -> None:
    """
    Delete keys that are numbered from 0.

    The last ones go first: if this is interrupted, the first ones lead to the rest.

    :param key: returns the key of a number.
    :param count: the most keys that may exist, which may be far more than do exist.
    """
    end = _AT_ONCE
    while end < count and any(map(backend.has_key, map(key, range(end, end + _AT_ONCE)))):
        end += _AT_ONCE
    for first in reversed(range(0, min(end, count), _AT_ONCE)):
        backend.delete_many([*map(key, range(first, min(first + _AT_ONCE, count)))])


class Head(NamedTuple):
    """The record stored under the key of a value that is cut into pieces."""

    id: str
    number: int
    checksum: int

    def dump(self) -> bytes:
        """Return the head as stored."""
        return _MARK + json.dumps(self).encode()

    @classmethod
    def load(cls, stored: bytes) -> Head:
        """Return the head as stored; ignore what later versions add."""
        return cls(*map(checked, json.loads(stored[len(_MARK) :]), (str, int, int)))


class Pieces:
    """
    Read and write values of any length; cut those that the backend does not accept whole.

    :param prefix: the prefix of the keys of pieces.
    """

    def __init__(self, backend: Backend, prefix: str) -> None:
        self._backend = backend
        self._prefix = prefix

    def join(self, key: str, value: bytes | None) -> bytes | None:
        """
        Return the whole value for what the backend returned for a key.

        Raises `Damaged` if the engine has lost a part of the value.
        """
        while (head := _head(value)) is not None:
            whole = self._read(head)
            if whole is not None:
                return whole
            found, value = value, self._backend.get(key)
            if value == found:  # no other writer replaced it
                raise Damaged("the store has lost a part of this value")
        return value

    def _read(self, head: Head) -> bytes | None:
        """Return the value of a head, ``None`` if a piece is missing or damaged."""
        pieces: list[bytes] = []
        while len(pieces) < head.number:
            numbers = range(len(pieces), min(len(pieces) + _AT_ONCE, head.number))
            found = self._backend.get_many([self._key(head, number) for number in numbers])
            pieces += [each for each in found if each is not None]
            if None in found:
                return None
        whole = b"".join(pieces)
        return whole if crc32(whole) == head.checksum else None

    def set(self, key: str, value: bytes) -> None:
        """Store a value; concurrent readers see the old or the new one, whole."""
        limit = self._backend.value_max
        stored = value if limit is None or len(value) <= limit else self._cut(value, limit)
        # Read as late as possible: the pieces of a write in between would stay as orphans.
        before = self._head(key)
        self._backend.set(key, stored)
        self._drop(before)

    def delete(self, key: str) -> None:
        """Delete a key and the pieces of its value."""
        before = self._head(key)
        self._backend.delete(key)
        self._drop(before)

    def _cut(self, value: bytes, limit: int) -> bytes:
        """Store the pieces of a value, and return its head."""
        head = Head(uuid.uuid4().hex, -(-len(value) // limit), crc32(value))
        parts = (value[start : start + limit] for start in range(0, len(value), limit))
        try:
            keys = map(partial(self._key, head), range(head.number))
            self._backend.set_many(zip(keys, parts, strict=True))
        except Exception:
            with suppress(Exception):  # the first error is the one to report
                self._drop(head)
            raise
        return head.dump()

    def _head(self, key: str) -> Head | None:
        """Return the head of the value that a key has; a damaged one leads to no pieces."""
        with suppress(Damaged):
            if self._backend.value_max is not None:
                return _head(self._backend.get(key))
        return None

    def _drop(self, head: Head | None) -> None:
        if head is not None:
            delete_numbered(self._backend, partial(self._key, head), head.number)

    def _key(self, head: Head, number: int) -> str:
        return fit(self._backend, self._prefix, f"{head.id}.{number}")


def _head(value: bytes | None) -> Head | None:
    if value is None or not value.startswith(_MARK):
        return None
    return decoded(Head.load, value)
