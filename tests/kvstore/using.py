"""Stores as tests use them: one operation, with its errors as the layers above report them."""

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
    """Return what an operation on the backend behind a URI returns."""
    with reporting(uri, "the key") as backend:
        return operation(backend)


def failing(uri: str, operation: Callable[[Backend], object]) -> OSError:
    """Return the error of an operation, which names the key."""
    with pytest.raises(OSError) as info:  # noqa: PT011 (what it is, the caller asserts)
        use(uri, operation)
    assert info.value.filename == "the key"
    return info.value


def set_and_get(backend: Backend) -> bytes | None:
    """Set a key, and return what is read of it."""
    backend.set("key", b"value")
    return backend.get("key")


def all_texts(error: BaseException) -> str:
    """Return all that is shown of an error, with those that it came from."""
    return "".join(traceback.format_exception(error))


@contextmanager
def closing() -> Iterator[None]:
    """Close connections at the end of a block, as a request does."""
    try:
        yield
    finally:
        close_connections()
