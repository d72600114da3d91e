"""What the errors of backends say, of any client library, and which one a caller gets."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any, NoReturn

from django.core.exceptions import SuspiciousOperation

from ..exceptions import PathDoesNotExist

Failures = Sequence[tuple[str, Exception]]

# Of sockets; other numbers are answers about files.
_UNREACHABLE_NUMBERS = {
    *(errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTDOWN),
    *(errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.ENETUNREACH, errno.ETIMEDOUT),
}
# What the clients of buckets and servers call an engine that cannot be reached, each in an
# exception tree of its own: botocore, requests, urllib3, redis, google-auth, azure-core, paramiko.
_UNREACHABLE_NAMES = {
    *("ConnectionError", "TimeoutError", "HTTPClientError", "Timeout", "ConnectTimeout"),
    *("MaxRetryError", "TransportError", "ServiceRequestError", "SSHException", "gaierror"),
}
# About the call, or about what a storage does not do; an OSError is about a file.
_ANSWERS = (
    *(OSError, ValueError, NotImplementedError, AttributeError, TypeError, SuspiciousOperation),
)
# What a name is like, whether or not there is a file: it leads through one, or to a directory, or
# no file can have it.
_SHAPES = {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


def is_missing(error: BaseException) -> bool:
    """Return whether a backend says by an error that it has no such file."""
    return isinstance(error, FileNotFoundError) or _http_status(error) == 404


def is_unreachable(error: BaseException) -> bool:
    """Return whether an error says that a backend does not answer."""
    names = {cls.__name__ for cls in type(error).__mro__}
    number = getattr(error, "errno", None)
    return not names.isdisjoint(_UNREACHABLE_NAMES) or number in _UNREACHABLE_NUMBERS


def is_answer(error: BaseException) -> bool:
    """Return whether an error says something of a name, or of what a storage does not do."""
    return isinstance(error, _ANSWERS)


def _http_status(error: BaseException) -> Any:
    """Return the status that an HTTP API has answered with: as boto3 keeps it, or as others do."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return getattr(error, "status_code", None) or getattr(response, "status_code", None)


def raise_failure(failures: Failures, name: str) -> NoReturn:
    """
    Raise what all backends together say that have failed, in their order.

    :param failures: at least one: what the backend is called, and its error.

    Where all say that there is no such file, that is a ``FileNotFoundError``. Otherwise it is the
    first one's own error, unless that only says so and another one knows the name's shape. The
    other errors are in its notes, and in ``__context__``.
    """
    chosen = _choose(failures, name)
    others = [(label, error) for label, error in failures if error is not chosen]
    for label, error in others:
        _add_note(chosen, f"{label}: {type(error).__name__}: {error}")
    _raise_all([chosen, *(error for _, error in others)])


def _choose(failures: Failures, name: str) -> Exception:
    errors = [error for _, error in failures]
    if not all(map(is_missing, errors)):
        shapes = [error for error in errors if getattr(error, "errno", None) in _SHAPES]
        return shapes[0] if shapes and is_missing(errors[0]) else errors[0]
    found = [error for error in errors if isinstance(error, FileNotFoundError)]
    return found[0] if found else PathDoesNotExist(name)


def _add_note(error: Exception, note: str) -> None:
    # Exceptions have add_note() since Python 3.11.
    error.__dict__.setdefault("__notes__", []).append(note)


def _raise_all(errors: list[Exception]) -> NoReturn:
    """Raise the first error; each has the next one for its context, as if it came of that."""
    if errors[1:]:
        try:
            _raise_all(errors[1:])
        finally:
            raise errors[0]
    raise errors[0]
