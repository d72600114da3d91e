"""Helpers that Redis and memcached share: batches, packed entries, errno of network errors."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterable, Iterator

from .base import Entry, batches

# Limits of one request: bytes (a single value may have more), and keys. Four chunks of 1 MiB fit,
# with some bytes of overhead each.
BATCH_BYTES = 4 * (2**20 + 2**10)
BATCH_KEYS = 512

# Bytes of the length of a packed meta.
_LENGTH = 4

# Exceptions whose errno is missing, or does not come from the operating system.
_KINDS = {
    socket.gaierror: errno.EHOSTUNREACH,
    ssl.SSLError: errno.EPROTO,
    TimeoutError: errno.ETIMEDOUT,
    # A Unix socket's path: the server is missing, not a file of a storage.
    FileNotFoundError: errno.ECONNREFUSED,
}


def batches_of_values(values: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Yield keys and values in lists, each for one request."""
    return batches(values, BATCH_KEYS, size=BATCH_BYTES, measure=lambda pair: len(pair[1]))


def pack(entry: Entry) -> bytes:
    """Return an entry as one value: the length of the meta, the meta, the body."""
    return b"".join((len(entry.meta).to_bytes(_LENGTH, "big"), *entry))


def unpack(value: bytes) -> Entry:
    """Return the entry that `pack` packed; other data has a meta that no reader accepts."""
    end = _LENGTH + int.from_bytes(value[:_LENGTH], "big")
    return Entry(value[_LENGTH:end], value[end:])


def network_errno(error: BaseException | None) -> int | None:
    """Return the errno of a network error, ``None`` for other exceptions."""
    if not isinstance(error, OSError):
        return None
    kinds = (number for kind, number in _KINDS.items() if isinstance(error, kind))
    return next(kinds, error.errno)
