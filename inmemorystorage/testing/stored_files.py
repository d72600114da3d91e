"""The files of a storage as a test sees them: in memory, on a disk, in a bucket, or through it."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage

from ..buckets.bucket import StoredObject
from ..fallback import FallbackStorage
from ..kvstore import KeyValueStorage
from ..storage import InMemoryStorage
from ..tree.nodes import InMemoryDir, InMemoryFile, InMemoryNode
from ..walk import Branch, draw_tree, scan, walk
from .bucket_floor import Place, floor_of
from .django_memory import DjangoMemory
from .levels import Level
from .operations import unobserved
from .snapshot import Entry


class Changes(NamedTuple):
    """
    The contents of files that may have changed, by name.

    ``before`` has those of the files that a level found, ``now`` those of the files that exist.
    """

    before: dict[str, bytes]
    now: dict[str, bytes]


def files_of(storage: Storage) -> StoredFiles:
    """Return the files of a storage; raise ``TypeError`` for a real bucket, for instance."""
    if isinstance(storage, InMemoryStorage):
        return FilesInMemory(storage)
    floor = floor_of(storage)
    if floor is not None:
        return FilesInBucket(floor.place(storage))
    if isinstance(storage, FileSystemStorage):
        return FilesOnDisk(storage)
    if isinstance(storage, (DjangoInMemoryStorage, FallbackStorage, KeyValueStorage)):
        return FilesThroughStorage(storage)
    raise TypeError(
        f"A test cannot see the files of a {type(storage).__module__}.{type(storage).__name__}. "
        "Use override_storages(), which replaces it."
    )


class FilesInMemory:
    """The files of a storage in memory."""

    def __init__(self, storage: InMemoryStorage) -> None:
        storage._mount.pull_all()  # include changes at lent paths
        self._storage = storage

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        return sorted(name for name, _ in files_at(self._storage.filesystem, ""))

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise ``KeyError`` if there is none of that name."""
        node = self._storage.filesystem.find(name.split("/"))
        if not isinstance(node, InMemoryFile):
            raise KeyError(name)
        return node.content

    def changes(self, level: Level | None) -> Changes:
        """Return the contents of the files that may have changed in a level."""
        noted = {} if level is None else level.savepoint.noted()
        nodes = {each: before for each, before in noted.items() if isinstance(each, InMemoryNode)}
        changes = TreeChanges(self._storage.filesystem, nodes)
        return Changes(changes.before, changes.now)

    def draw(self) -> str:
        """Return a tree of the files, as text."""
        return self._storage.tree()


class FilesOnDisk:
    """The regular files of a storage on a disk."""

    def __init__(self, storage: FileSystemStorage) -> None:
        self._location = os.path.abspath(storage.location)

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        return sorted(self._names())

    def _names(self) -> Iterator[str]:
        for directory, _, files in os.walk(self._location):
            for name in files:
                path = os.path.join(directory, name)
                if stat.S_ISREG(os.lstat(path).st_mode):
                    yield self._name(path)

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self._location).replace(os.sep, "/")

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise ``KeyError`` if there is none of that name."""
        try:
            with open(os.path.join(self._location, name), "rb") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(name) from None

    def changes(self, level: Level | None) -> Changes:
        """Return the contents of the files that may have changed in a level."""
        if level is None:
            return Changes({}, {})
        snapshot, above = level.snapshot, os.path.join(self._location, "")
        if snapshot is None or not above.startswith(os.path.join(snapshot.directory, "")):
            raise TypeError(
                f"{self._location} is not moved, so its changes are unknown. Look at its files "
                "instead, or let the kit move it: set inmemorystorage_override, and MEDIA_ROOT "
                "in the settings, and leave it and STORAGES as they are there."
            )
        changed = [
            (self._name(path), entries)
            for path, entries in snapshot.changes(level).items()
            if path.startswith(above)
        ]
        before = {name: entry.content for name, (entry, _) in changed if _is_file(entry)}
        now = {name: entry.content for name, (_, entry) in changed if _is_file(entry)}
        return Changes(before, now)

    def draw(self) -> str:
        """Return a tree of the files, as text."""
        sizes = {
            name: os.lstat(os.path.join(self._location, name)).st_size for name in self._names()
        }
        return _draw(f"{self._location}/", sizes)


class FilesThroughStorage:
    """The files of another storage that can list them, by its own operations."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        with unobserved(), contextlib.suppress(FileNotFoundError):
            return sorted(each.name for each in walk(scan(self._storage)) if not each.is_directory)
        return []

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise ``KeyError`` if there is none of that name."""
        try:
            with unobserved(), self._storage.open(name, "rb") as file:
                return bytes(file.read())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(name) from None

    def changes(self, level: Level | None) -> Changes:
        """Return the contents of the files that may have changed in a level."""
        if level is None:
            return Changes({}, {})
        if DjangoMemory.current is None or not isinstance(self._storage, DjangoInMemoryStorage):
            raise TypeError(
                f"The changes of a {type(self._storage).__name__} are unknown. Look at its files "
                "instead."
            )
        return Changes(*DjangoMemory.current.changes(level, self._storage))

    def draw(self) -> str:
        """Return a tree of the files, as text."""
        with unobserved():
            sizes = {name: self._storage.size(name) for name in self.names()}
        return _draw(f"{type(self._storage).__name__}/", sizes)


class FilesInBucket:
    """
    The objects of a bucket in memory below a storage's location.

    Keys that end in a slash, which consoles make for folders, are no files.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        return [name for name in map(self._name, self._place.bucket.objects.keys) if name]

    def _name(self, key: str) -> str:
        prefix = self._place.prefix
        return key[len(prefix) :] if key.startswith(prefix) and not key.endswith("/") else ""

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise ``KeyError`` if there is none of that name."""
        stored = self._place.bucket.objects.get(self._place.prefix + name)
        if stored is None:
            raise KeyError(name)
        return decoded(stored)

    def changes(self, level: Level | None) -> Changes:
        """Return the contents of the files that may have changed in a level."""
        objects = self._place.bucket.objects
        noted = {} if level is None else level.savepoint.noted().get(objects, {})
        before = {self._name(key): stored for key, stored in noted.items() if stored}
        now = {self._name(key): objects.get(key) for key in noted}
        return Changes(_contents(before), _contents(now))

    def draw(self) -> str:
        """Return a tree of the files, as text."""
        objects = self._place.bucket.objects
        sizes = {name: len(objects[self._place.prefix + name].content) for name in self.names()}
        return _draw(self._place.url, sizes)


def _contents(objects: Mapping[str, StoredObject | None]) -> dict[str, bytes]:
    return {name: decoded(stored) for name, stored in objects.items() if name and stored}


def decoded(stored: StoredObject) -> bytes:
    """Return the content of an object as storages read it: uncompressed."""
    if stored.attributes.headers.get("content-encoding") != "gzip":
        return stored.content
    try:
        return gzip.decompress(stored.content)
    except (OSError, EOFError, zlib.error):
        return stored.content


StoredFiles = FilesInMemory | FilesOnDisk | FilesThroughStorage | FilesInBucket


def _draw(title: str, sizes: Mapping[str, int]) -> str:
    tree: dict[str, Any] = {}
    for name, size in sizes.items():
        *parts, last = name.split("/")
        directory = tree
        for part in parts:
            directory = directory.setdefault(f"{part}/", {})
        directory[f"{last} ({size:,})"] = {}
    return "\n".join([title, *draw_tree(_branches(tree))])


def _branches(tree: dict[str, Any]) -> Iterable[Branch]:
    for label, below in sorted(tree.items(), key=lambda each: (not each[1], each[0])):
        yield label, _branches(below)


def _is_file(entry: Entry | None) -> TypeGuard[Entry]:
    return entry is not None and stat.S_ISREG(entry.status.st_mode)


class TreeChanges:
    """
    The contents of those files below a directory that may have changed.

    :param top: the directory.
    :param noted: the former states of nodes, as the journal noted them.
    """

    def __init__(self, top: InMemoryDir, noted: Mapping[Any, Any]) -> None:
        self._noted = noted
        self.now: dict[str, bytes] = {}
        self.before: dict[str, bytes] = {}
        root, place = top.location()
        for node, before in noted.items():
            node_root, parts = node.location()
            if node_root is not root:
                continue
            is_below = parts[: len(place)] == place
            name = "/".join(parts[len(place) :])
            if is_below and isinstance(node, InMemoryDir):
                self._compare_entries(node, f"{name}/" if name else "", before.entries)
            elif is_below:
                self._compare_file(name, node)
            elif isinstance(node, InMemoryDir):
                self._compare_top(top, place, parts, before.entries)

    def _compare_file(self, name: str, file: InMemoryFile) -> None:
        if not self._is_new(file):
            self.now[name] = file.content
            self.before[name] = self._content_before(file)

    def _compare_top(
        self, top: InMemoryDir, place: list[str], above: list[str], entries: Any
    ) -> None:
        """Compare with the directory that this one replaced, if a noted one above had it."""
        depth = len(above)
        if place[:depth] != above or place[depth : depth + 1] not in ([name] for name in entries):
            return
        old = entries[place[depth]]
        for part in place[depth + 1 :]:
            old = self._entries_before(old).get(part)
        self.now |= {name: file.content for name, file in files_at(top, "")}
        self.before |= dict(self._files_before(old, ""))

    def _entries_before(self, node: Any) -> dict[str, Any]:
        if not isinstance(node, InMemoryDir):
            return {}
        noted = self._noted[node].entries if node in self._noted else {}
        return {**node.children.copy(), **noted}

    def _compare_entries(self, directory: InMemoryDir, above: str, entries: Any) -> None:
        for name, before in entries.items():
            now = directory.children.get(name)
            self.now |= {each: file.content for each, file in files_at(now, above + name)}
            self.before |= dict(self._files_before(before, above + name))

    def _files_before(self, node: Any, name: str) -> Iterator[tuple[str, bytes]]:
        for each, file in _files(node, name, self._entries_before):
            yield each, self._content_before(file)

    def _content_before(self, file: InMemoryFile) -> bytes:
        return bytes(self._noted[file][-1]) if file in self._noted else file.content

    def _is_new(self, file: InMemoryFile) -> bool:
        """Return whether a file is a noted entry, which is compared with its directory."""
        above = self._noted.get(file.parent)
        return above is not None and file.name in above.entries


def files_at(node: InMemoryNode | None, name: str) -> Iterator[tuple[str, InMemoryFile]]:
    """Yield a file, or the files below a directory, with their names."""
    return _files(node, name, lambda each: getattr(each, "children", {}).copy())


def _files(
    node: Any, name: str, entries: Callable[[Any], dict[str, Any]]
) -> Iterator[tuple[str, InMemoryFile]]:
    pending = [(name, node)]
    while pending:
        name, node = pending.pop()
        if isinstance(node, InMemoryFile):
            yield name, node
            continue
        below = entries(node).items()
        pending += [(f"{name}/{each}" if name else each, child) for each, child in below][::-1]
