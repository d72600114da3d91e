"""Storages to use as layers: some record calls, some fail, some wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from inmemorystorage import FallbackStorage, InMemoryStorage

# Arguments for the operations of Django's API, and of its predecessors.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "open": ("a.txt",),
    "exists": ("a.txt",),
    "listdir": ("",),
    "size": ("a.txt",),
    "url": ("a.txt",),
    "path": ("a.txt",),
    "accessed_time": ("a.txt",),
    "created_time": ("a.txt",),
    "modified_time": ("a.txt",),
    "get_accessed_time": ("a.txt",),
    "get_created_time": ("a.txt",),
    "get_modified_time": ("a.txt",),
    "get_valid_name": ("a.txt",),
    "get_alternative_name": ("a", ".txt"),
    "generate_filename": ("a.txt",),
}


class Recording(InMemoryStorage):
    """A storage in memory that records its calls."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[tuple[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in RECORDED:
            return found

        def record(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args[0] if args else None))
            return found(*args, **kwargs)

        return record

    @contextmanager
    def assert_no_calls(self) -> Iterator[None]:
        """Fail if the block asks this storage anything."""
        self.calls.clear()
        yield
        assert self.calls == []


WRITES = {"save", "_save", "delete", "get_available_name", "is_name_available"}
RECORDED = {*ARGUMENTS, *WRITES}


class Failing(Storage):
    """A storage that raises one error in every method."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name not in RECORDED:
            return super().__getattribute__(name)

        def fail(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            raise self.error

        return fail


class Waiting(InMemoryStorage):
    """A storage that answers when it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.waits = 0

    def exists(self, name: str) -> bool:
        """Return whether a file exists, after the release."""
        self.waits += 1
        self.released.wait(10)
        return super().exists(name)


class Only:
    """An object with a method or two, which is no storage of Django's."""

    def __init__(self, **answers: Any) -> None:
        for name, answer in answers.items():
            setattr(self, name, lambda *args, answer=answer: answer)


def put(storage: Any, name: str, content: bytes = b"content") -> str:
    """Save a file; return its name."""
    return str(storage.save(name, ContentFile(content)))


def get(storage: Any, name: str) -> bytes:
    """Return the content of a file."""
    with storage.open(name) as file:
        return bytes(file.read())


def stocked(*names: str, kind: Any = InMemoryStorage) -> Any:
    """Return a storage with files that contain their own names."""
    storage = kind()
    for name in names:
        put(storage, name, name.encode())
    return storage


def over(*names: str, **options: Any) -> tuple[Any, Any, Any]:
    """Return a `FallbackStorage`, its upper layer, and its lower layer with files."""
    upper, lower = InMemoryStorage(), stocked(*names, kind=Recording)
    lower.calls.clear()
    return FallbackStorage([upper, lower], **options), upper, lower


def refuse(name: str) -> bool:
    """Raise as a storage does that cannot be reached."""
    raise ConnectionRefusedError(111, "refused")
