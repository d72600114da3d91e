"""Fit keys and values of any length into an engine's limits."""

from __future__ import annotations

import errno
import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from .backends import Backend

try:  # the extra "isal": the same CRC-32 (RFC 1952, section 8), several times faster
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

__all__ = ["HASHED", "Pieces", "crc32", "fit"]

# The prefix of hashed keys.
HASHED = "sha256-"

# The first byte of a head; neither JSON nor a pickle starts with it.
_MARK = b"\x01"


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


class Head(NamedTuple):
    """The record stored under the key of a value that is cut into pieces."""

    id: str
    number: int
    checksum: int

    def dump(self) -> bytes:
        """Return the head as stored."""
        return _MARK + json.dumps(self).encode()


class Pieces:
    """
    Read and write values of any length; cut those that the backend does not accept whole.

    :param prefix: the prefix of the keys of pieces.
    """

    def __init__(self, backend: Backend, prefix: str) -> None:
        self._backend = backend
        self._prefix = prefix

    def get(self, key: str, label: str) -> bytes | None:
        """
        Return the value of a key, or ``None`` for a missing key.

        :param label: the key as errors report it.

        Raises ``OSError`` if the engine has lost a part of the value.
        """
        return self.join(key, self._backend.get(key), label)

    def join(self, key: str, value: bytes | None, label: str) -> bytes | None:
        """Return the whole value for what the backend returned for a key, as `get` does."""
        while (head := _head(value)) is not None:
            pieces = self._backend.get_many([*self._keys(head)])
            whole = b"".join(each or b"" for each in pieces)
            if crc32(whole) == head.checksum and None not in pieces:
                return whole
            found, value = value, self._backend.get(key)
            if value == found:  # no other writer replaced it
                raise OSError(errno.EIO, "the store has lost a part of this value", label)
        return value

    def set(self, key: str, value: bytes) -> None:
        """Store a value; concurrent readers see the old or the new one, whole."""
        limit = self._backend.value_max
        if limit is None:
            self._backend.set(key, value)
            return
        stored = value if len(value) <= limit else self._cut(value, limit)
        # Read as late as possible: the pieces of a write in between would stay as orphans.
        before = self._backend.get(key)
        self._backend.set(key, stored)
        self._drop(before)

    def delete(self, key: str) -> None:
        """Delete a key and the pieces of its value."""
        before = None if self._backend.value_max is None else self._backend.get(key)
        self._backend.delete(key)
        self._drop(before)

    def _cut(self, value: bytes, limit: int) -> bytes:
        """Store the pieces of a value, and return its head."""
        head = Head(uuid.uuid4().hex, -(-len(value) // limit), crc32(value))
        parts = (value[start : start + limit] for start in range(0, len(value), limit))
        try:
            self._backend.set_many(zip(self._keys(head), parts, strict=True))
        except Exception:
            with suppress(Exception):  # the first error is the one to report
                self._backend.delete_many(self._keys(head))
            raise
        return head.dump()

    def _drop(self, value: bytes | None) -> None:
        if (head := _head(value)) is not None:
            self._backend.delete_many(self._keys(head))

    def _keys(self, head: Head) -> Iterator[str]:
        return (fit(self._backend, self._prefix, f"{head.id}.{n}") for n in range(head.number))


def _head(value: bytes | None) -> Head | None:
    if value is None or not value.startswith(_MARK):
        return None
    return Head(*json.loads(value[len(_MARK) :]))
