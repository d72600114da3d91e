"""What a network's failures are called where files are: errno."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator


def network_errno(error: BaseException) -> int | None:
    """Return the errno of the network's failure behind an exception, ``None`` without one."""
    return next((_errno(each) for each in _chain(error) if isinstance(each, OSError)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _errno(error: OSError) -> int | None:
    # Their errno counts something else: getaddrinfo's codes, OpenSSL's, and nothing at all.
    if isinstance(error, socket.gaierror):
        return errno.EHOSTUNREACH
    if isinstance(error, ssl.SSLError):
        return errno.EPROTO
    if isinstance(error, TimeoutError):
        return errno.ETIMEDOUT
    return error.errno
