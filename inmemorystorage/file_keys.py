"""
Turn names of files into keys: all names of one file in any storages have the same key.

The key is the real path on a disk, the path from the root of a tree in memory, or the name in a
bucket.
"""

from __future__ import annotations

import functools
import os
import posixpath
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage

from .fallback.readonly import ReadOnlyStorage
from .project import storage_layers, unwrap
from .tree.nodes import InMemoryDir

# The directories whose real paths are remembered.
DIRECTORIES = 1_000
# Attributes that name the bucket of a storage.
_BUCKETS = ("bucket_name", "azure_container")
# The storages of these packages keep files themselves; another one may wrap any storage.
_BACKENDS = ("inmemorystorage.", "storages.backends.")


def keys_of(storages: list[Storage]) -> list[StorageKeys]:
    """Return the keys of each storage of a project."""
    layers = [[*leaves(each)] for each in storages]
    is_loose = not all(_is_known(leaf) for each in layers for leaf in each)
    return [StorageKeys(each, is_loose=is_loose) for each in layers]


def layers_of(storage: Storage) -> Iterator[Storage]:
    """Yield the layers of a `FallbackStorage`; none for any other storage."""
    return (each for each in map(unwrap, storage_layers(storage)) if each is not storage)


def leaves(storage: Storage) -> Iterator[Storage]:
    """Yield the storages that keep the files of a storage."""
    for layer in storage_layers(storage):
        if isinstance(layer, ReadOnlyStorage):
            yield from leaves(unwrap(layer.find()))
        else:
            yield unwrap(layer)


def _is_known(storage: Storage) -> bool:
    if isinstance(storage, (FileSystemStorage, DjangoInMemoryStorage)):
        return True
    return any(cls.__module__.startswith(_BACKENDS) for cls in type(storage).__mro__)


class StorageKeys:
    """
    Turn names of a storage into keys.

    :param layers: the storages that keep its files.
    :param is_loose: whether equal names in any two storages may be of one file, since some storage
        of the project may keep its files in another one.
    """

    def __init__(self, layers: list[Storage], *, is_loose: bool = False) -> None:
        self.layers = layers
        self._of_layers = [
            DiskKeys(each) if isinstance(each, FileSystemStorage) else NameKeys(each)
            for each in layers
        ]
        self._is_loose = is_loose
        self.tops = [each.top for each in self._of_layers]

    def of(self, name: str) -> list[bytes]:
        """Return the keys of a name: of the first layer, of the others, and of any storage."""
        keys = [each.key(name) for each in self._of_layers]
        return [encode(key) for key in (*keys, *([f"any:{name}"] if self._is_loose else []))]

    def enters(self, directory: str) -> bool:
        """Return whether the files below a directory have no other names in the storage."""
        return all(each.enters(directory) for each in self._of_layers)

    def overlap(self, tops: list[str]) -> bool:
        """Return whether the storage has files below one of those directories, or above it."""
        return any(a.startswith(b) or b.startswith(a) for a in self.tops for b in tops)


class DiskKeys:
    """The keys of files on a disk: their real paths."""

    def __init__(self, storage: FileSystemStorage) -> None:
        self._storage = storage
        self._location = os.path.abspath(storage.location)
        self._real = functools.lru_cache(maxsize=DIRECTORIES)(os.path.realpath)
        self.top = f"disk:{os.path.join(self._real(self._location), '')}"

    def key(self, name: str) -> str:
        """Return the key of a name; one of no file if the storage refuses the name."""
        try:
            path = self._storage.path(name)
            directory, last = os.path.split(path)
            if os.path.islink(path):
                return f"disk:{os.path.realpath(path)}"
            return f"disk:{os.path.join(self._real(directory), last)}"
        except (SuspiciousOperation, ValueError):
            return f"refused:{name}"

    def enters(self, directory: str) -> bool:
        """Return whether a directory is not a link to another one below the location."""
        path = self._real(os.path.join(self._location, directory))
        top = self.top.removeprefix("disk:")
        return path == os.path.join(top, directory) or not path.startswith(top)


class NameKeys:
    """The keys of files in memory, in a bucket, or in a storage of any other class."""

    def __init__(self, storage: Any) -> None:
        self.top = _top(storage)

    def key(self, name: str) -> str:
        """Return the key of a name."""
        return self.top + name

    def enters(self, directory: str) -> bool:
        """Return true: each name has its own file."""
        return True


def _top(storage: Any) -> str:
    directory = getattr(storage, "filesystem", None)
    if isinstance(directory, InMemoryDir):
        root, parts = directory.location()
        return posixpath.join(f"memory:{id(root)}", *parts, "")
    if isinstance(storage, DjangoInMemoryStorage):
        return f"memory:{id(vars(storage))}/"
    # Conservative: different services may have buckets of one name, and storages of one class
    # without a known bucket may have the same files.
    names = (getattr(storage, name, None) for name in _BUCKETS)
    bucket = next((name for name in names if isinstance(name, str)), None)
    base = type(storage).__mro__[type(storage).__mro__.index(Storage) - 1]
    place = f"bucket:{bucket}" if bucket else f"class:{base.__module__}.{base.__qualname__}"
    location = str(getattr(storage, "location", "")).strip("/")
    return posixpath.join(place, location, "")


def encode(text: str) -> bytes:
    """Return text as bytes, also with surrogates: bytes of a name on a disk that are not UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def decode(text: bytes) -> str:
    """Return the text that `encode` made bytes of."""
    return text.decode("utf-8", "surrogatepass")
