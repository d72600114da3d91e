"""What the backends of Redis and of memcached share: batches, packed entries, errno."""

from __future__ import annotations

import errno
import socket
import ssl
import struct
from collections.abc import Iterable, Iterator

from .base import Entry, batches

# What a request to a server of memory has at most: bytes, unless a single value has more, and keys.
# Four values of 1 MiB have room, with some bytes more than that each.
BATCH_BYTES = 4 * (2**20 + 2**10)
BATCH_KEYS = 512

_LENGTH = struct.Struct(">I")

# What has an errno of its own counting, or none.
_KINDS = {
    socket.gaierror: errno.EHOSTUNREACH,
    ssl.SSLError: errno.EPROTO,
    TimeoutError: errno.ETIMEDOUT,
    # A socket of the file system: it is the server that is missing, and no file of a storage.
    FileNotFoundError: errno.ECONNREFUSED,
}


def batches_of_values(values: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Yield keys and values in lists for a request each."""
    return batches(values, BATCH_KEYS, size=BATCH_BYTES, measure=lambda pair: len(pair[1]))


def pack(entry: Entry) -> bytes:
    """Return the length of the meta, the meta and the body, as one value."""
    return b"".join((_LENGTH.pack(len(entry.meta)), *entry))


def unpack(value: bytes) -> Entry:
    """Return the entry in a value that `pack` made."""
    start = _LENGTH.size
    end = start + _LENGTH.unpack_from(value)[0]
    return Entry(value[start:end], value[end:])


def network_errno(error: BaseException | None) -> int | None:
    """Return the errno of a failure of the network, ``None`` for another exception."""
    if not isinstance(error, OSError):
        return None
    kinds = (number for kind, number in _KINDS.items() if isinstance(error, kind))
    return next(kinds, error.errno)
