"""Run one operation on a backend, with the errors that the layers above raise."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from inmemorystorage.kvstore import Backend
from inmemorystorage.kvstore.connections import close_connections, reporting

_T = TypeVar("_T")


def use(uri: str, operation: Callable[[Backend], _T]) -> _T:
    """Return the result of an operation on the backend of a URI."""
    with reporting(uri, "the key") as backend:
        return operation(backend)


def failing(uri: str, operation: Callable[[Backend], object]) -> OSError:
    """Return the error of an operation, which must name the key."""
    with pytest.raises(OSError) as info:  # noqa: PT011 (what it is, the caller asserts)
        use(uri, operation)
    assert info.value.filename == "the key"
    return info.value


def set_and_get(backend: Backend) -> bytes | None:
    """Set a key, and return its value."""
    backend.set("key", b"value")
    return backend.get("key")


def is_lost(uri: str, key: str) -> bool:
    """Return whether a key's server is down; raise other errors."""
    try:
        assert use(uri, lambda backend: backend.get(key)) == b"value"
    except ConnectionError:
        return True
    return False


def all_texts(error: BaseException) -> str:
    """Return the whole traceback of an error, with its causes."""
    return "".join(traceback.format_exception(error))


@contextmanager
def closing() -> Iterator[None]:
    """Close connections at the end of a block, as the end of a request does."""
    try:
        yield
    finally:
        close_connections()
