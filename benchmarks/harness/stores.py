"""The protocol of a contestant, and the bare dict that marks the floor."""

from __future__ import annotations

from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any, Protocol

KIB = 1024
MIB = 1024 * KIB


class Store(Protocol):
    """The measured part of Django's storage API."""

    def save(self, name: str, content: Any) -> str:
        """Store a file; return its name."""

    def open(self, name: str) -> AbstractContextManager[Any]:
        """Open a file for reading bytes."""

    def exists(self, name: str) -> bool:
        """Return whether a name is taken."""

    def size(self, name: str) -> int:
        """Count the bytes of a file."""

    def url(self, name: str) -> str:
        """Return the URL of a file."""

    def listdir(self, path: str) -> Any:
        """List the directories and the files of a directory."""

    def delete(self, name: str) -> None:
        """Remove a file."""

    def path(self, name: str) -> str:
        """Return the path of a file on the disk."""


class DictStore:
    """Keep bytes in one flat dict: no checks, no directories, no handles."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.exists = self.files.__contains__

    def save(self, name: str, content: Any) -> str:
        """Keep the bytes of a ContentFile, under a numbered name if `name` is taken."""
        files = self.files
        while name in files:
            name = f"{name}-{len(files)}"
        files[name] = content.file.getvalue()
        return name

    def open(self, name: str) -> BytesIO:
        """Return a stream over the bytes."""
        return BytesIO(self.files[name])

    def size(self, name: str) -> int:
        """Count the bytes."""
        return len(self.files[name])

    def delete(self, name: str) -> None:
        """Remove the bytes."""
        del self.files[name]

    def url(self, name: str) -> str:
        """Put the prefix before the name, unquoted."""
        return "/media/" + name

    def listdir(self, path: str) -> Any:
        """Refuse: a flat dict has no directories."""
        raise NotImplementedError("A flat dict has no directories.")

    def path(self, name: str) -> str:
        """Refuse: nothing is on a disk."""
        raise NotImplementedError("A dict has no files on a disk.")
