"""What a network's failures are called where files are: errno."""

from __future__ import annotations

import errno
import socket
import ssl

# What has an errno of its own counting, or none.
_KINDS = {
    socket.gaierror: errno.EHOSTUNREACH,
    ssl.SSLError: errno.EPROTO,
    TimeoutError: errno.ETIMEDOUT,
    # A socket of the file system: it is the server that is missing, and no file of a storage.
    FileNotFoundError: errno.ECONNREFUSED,
}


def network_errno(error: BaseException | None) -> int | None:
    """Return the errno of a failure of the network, ``None`` for another exception."""
    if not isinstance(error, OSError):
        return None
    kinds = (number for kind, number in _KINDS.items() if isinstance(error, kind))
    return next(kinds, error.errno)
