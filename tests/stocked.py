"""Storages of all kinds, and files in them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage.memory import InMemoryStorage as DjangosInMemoryStorage

from inmemorystorage import InMemoryStorage


class Bucket(Storage):
    """A storage of whole names, as buckets are: it has no directories and no times."""

    def __init__(self, **options: Any) -> None:
        self.files: dict[str, bytes] = {}
        self.__dict__.update(options)

    def _open(self, name: str, mode: str = "rb") -> File:
        if name not in self.files:
            raise FileNotFoundError(name)
        return File(io.BytesIO(self.files[name]), name)

    def _save(self, name: str, content: File) -> str:
        self.files[name] = b"".join(content.chunks())
        return name

    def delete(self, name: str) -> None:
        """Delete a file, if there is one."""
        self.files.pop(name, None)

    def exists(self, name: str) -> bool:
        """Return whether there is a file."""
        return name in self.files

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the entries below a prefix, and a marker of the "directory" itself."""
        prefix = f"{path}/" if path else ""
        rest = [name.removeprefix(prefix) for name in self.files if name.startswith(prefix)]
        directories = {name.partition("/")[0] + "/" for name in rest if "/" in name}
        return [*directories, "."], [name for name in rest if "/" not in name] + [""]

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return len(self.files[name])

    def url(self, name: str | None) -> str:
        """Return a URL on another host."""
        return f"https://bucket.example/{name}?signature=x"


class Unlisted(Bucket):
    """A storage without listdir() and size()."""

    listdir = Storage.listdir
    size = Storage.size


def on_disk(directory: Path) -> Storage:
    """Return a storage on a disk."""
    return FileSystemStorage(directory, "/media/")


def like_disk(directory: Path) -> Storage:
    """Return an in-memory storage that behaves like a disk."""
    return InMemoryStorage(location=directory, behaves_like="filesystem")


def anywhere(factory: Callable[..., Storage], directory: Path) -> Storage:
    """Return a storage that needs no directory."""
    return factory()


KINDS: dict[str, Callable[[Path], Storage]] = {
    "memory": partial(anywhere, InMemoryStorage),
    "filesystem": like_disk,
    "disk": on_disk,
    "django": partial(anywhere, DjangosInMemoryStorage),
    "bucket": partial(anywhere, Bucket),
}


def stock(storage: Storage, *names: str, content: bytes = b"content") -> Storage:
    """Save files, each with the same content; return the storage."""
    for name in names:
        assert storage.save(name, ContentFile(content)) == name
    return storage
