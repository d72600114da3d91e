"""Helpers for the contract's tests: what a test does to a storage."""

import pickle
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage


def put(storage: Storage, name: str, content: bytes | str = b"") -> str:
    """Save content, and return its name."""
    return storage.save(name, ContentFile(content))


def get(storage: Storage, name: str) -> bytes:
    """Return the bytes of a file."""
    with storage.open(name) as file:
        return file.read()


def write(storage: Storage, name: str, content: bytes | str, mode: str = "wb") -> None:
    """Write to a file through a new handle."""
    with storage.open(name, mode) as file:
        file.write(content)


def names(storage: Storage, directory: str = "") -> list[str]:
    """Return the names of all files below a directory."""
    directories, files = storage.listdir(directory)
    prefix = f"{directory}/" if directory else ""
    below = [name for each in directories for name in names(storage, prefix + each)]
    return sorted([prefix + file for file in files] + below)


def raises_unless(condition: bool, error: type[Exception]) -> AbstractContextManager[Any]:
    """Expect an error unless the storage has the capability."""
    return nullcontext() if condition else pytest.raises(error)


def repickled(storage: Storage) -> Storage:
    """Pickle and unpickle a storage, and return the result."""
    return pickle.loads(pickle.dumps(storage))


def read_and_close(file: File) -> Any:
    """Read a handle to its end, and close it."""
    with file:
        return file.read()
