"""Helpers of the tests of files on a store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import locmem
from inmemorystorage.kvstore.connections import backend_for

numbers = itertools.count(1)
CHUNK = 10
LONG = b"0123456789" * 5


def make(**options: Any) -> KeyValueStorage:
    """Return an empty storage with small chunks, on a locmem:// store that no other test uses."""
    return KeyValueStorage(f"locmem://files-{next(numbers)}", chunk_size=CHUNK, **options)


def save(storage: KeyValueStorage, name: str, content: bytes = LONG) -> str:
    """Save content, by default in several chunks."""
    return storage.save(name, ContentFile(content))


def read(storage: KeyValueStorage, name: str) -> bytes:
    """Return the content of a file."""
    with storage.open(name) as file:
        return file.read()


def memory(storage: KeyValueStorage) -> Any:
    """Return the dicts of a locmem:// storage."""
    backend = backend_for(storage.uri)
    assert isinstance(backend, locmem.LocmemBackend)
    return backend.data


def chunks(storage: KeyValueStorage) -> dict[str, bytes]:
    """Return all chunks by their keys."""
    found: dict[str, bytes] = memory(storage).values
    return found


def notes(storage: KeyValueStorage) -> list[str]:
    """Return the identifiers of content that has a note."""
    return [
        name for key, each in memory(storage).directories.items() if ":s:" in key for name in each
    ]


class Content:
    """
    Content that yields pieces, and calls functions between them.

    :param pieces: bytes to yield, and functions to call.
    """

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces

    def chunks(self) -> Iterator[bytes]:
        """Yield the pieces."""
        for piece in self.pieces:
            if callable(piece):
                piece()
            else:
                yield piece
