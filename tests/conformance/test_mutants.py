"""Mutants: a small storage with one fault each, which at least one check and at most three find."""

from __future__ import annotations

import io
import itertools
import posixpath
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
from conformance.small import Device, DictStorage, Handle
from django.core.files.base import File
from django.core.files.storage import Storage

from inmemorystorage.conformance import Capabilities, Report, check_storage

pytestmark = pytest.mark.once

DECLARED = Capabilities(
    overwrites=False,
    deletes=True,
    sizes=True,
    lists=True,
    directories=True,
    urls=True,
    paths=False,
    modified_time=True,
    created_time=True,
    accessed_time=True,
    writes=True,
    modes=True,
    text=True,
    ranges=True,
    atomic_names=True,
    concurrency=True,
)
MOST = 3
numbers = itertools.count()


def saving(change: Callable[..., str]) -> dict[str, Any]:
    """Return a save() that changes the name that it returns."""
    return {"save": lambda self, *args, **options: change(Storage.save(self, *args, **options))}


def storing(read: Callable[[Any], bytes]) -> dict[str, Any]:
    """Return a save() that reads its content in another way."""
    return {"read": lambda self, content: read(content)}


def opening(change: Callable[[Any], object]) -> dict[str, Any]:
    """Return an open() that changes its handle."""

    def _open(self: DictStorage, name: str, mode: str = "rb") -> Any:
        file = DictStorage._open(self, name, mode)
        return change(file) or file

    return {"_open": _open}


def handle(**members: Any) -> dict[str, Any]:
    """Return an open() whose handles have other members."""
    return {"handle": type("Handle", (Handle,), members)}


def device(**members: Any) -> dict[str, Any]:
    """Return an open() whose streams read and write in another way."""
    return {"device": type("Device", (Device,), members)}


def listing(change: Callable[[list[str], list[str], str], Any]) -> dict[str, Any]:
    """Return a listdir() that changes its two lists."""
    return {"listdir": lambda self, path: change(*DictStorage.listdir(self, path), path)}


def save_anywhere(self: DictStorage, name: str, content: Any, max_length: int | None = None) -> str:
    """Save under a name that leads anywhere."""
    name = posixpath.normpath(name).lstrip("/")
    return self._save(self.get_available_name(name, max_length), File(content))


def save_in_turn(self: Any, name: str, content: Any) -> str:
    """Keep the name on the storage while the content is read."""
    self.current = name
    data = self.read(content)
    self.add(self.current, data)
    return str(self.current)


def save_late(self: DictStorage, name: str, content: Any) -> str:
    """Read the content after the name was found free, and do not look again."""
    self.add(name, self.read(content))
    return name


def save_content(self: DictStorage, name: str, content: Any) -> str:
    """Save a file, unless its content is empty."""
    return DictStorage._save(self, name, content) if content.size else name


def save_and_close(content: Any) -> bytes:
    """Read the content, and close it."""
    data = b"".join(map(DictStorage().encode, content.chunks()))
    content.close()
    return data


def first_chunk(content: Any) -> bytes:
    """Read one chunk."""
    return next(map(DictStorage().encode, content.chunks()), b"")


def chunks_from_the_position(self: Handle, chunk_size: int = File.DEFAULT_CHUNK_SIZE) -> Any:
    """Yield chunks from the position."""
    while chunk := self.read(chunk_size):
        yield chunk


def delete_strictly(self: DictStorage, name: str) -> None:
    """Delete a file; raise an error if it is missing."""
    if not self.exists(name):
        raise FileNotFoundError(name)
    DictStorage.delete(self, name)


def delete_prefix(self: DictStorage, name: str) -> None:
    """Delete all files whose names begin with a name."""
    for each in [each for each in self.files if each.startswith(name)]:
        DictStorage.delete(self, each)


def delete_directory(self: DictStorage, name: str) -> None:
    """Delete a file and its directory, if that is empty."""
    DictStorage.delete(self, name)
    if "/" in name:
        DictStorage.delete(self, posixpath.dirname(name))


def delete_unlisted(self: DictStorage, name: str) -> None:
    """Delete a file, and keep its name for listdir()."""
    self.__dict__.setdefault("deleted", set()).add(name)
    DictStorage.delete(self, name)


def list_deleted(self: DictStorage, path: str) -> tuple[list[str], list[str]]:
    """List deleted files too."""
    directories, files = DictStorage.listdir(self, path)
    return directories, files + self.below(path, self.__dict__.get("deleted", ()))


def open_shared(self: DictStorage, name: str, mode: str = "rb") -> Any:
    """Return a handle for reading that is open already."""
    shared = self.__dict__.setdefault("shared", {})
    if mode == "rb" and name in shared and not shared[name].closed:
        return shared[name]
    file = DictStorage._open(self, name, mode)
    if mode == "rb":
        shared[name] = file
    return file


MUTANTS: dict[str, dict[str, Any]] = {
    # Names.
    "get_available_name() returns the name": {
        "get_available_name": lambda self, name, max_length=None: name,
        "_save": save_late,
    },
    "save() overwrites a file that was saved while it read": {"_save": save_late},
    "save() keeps the name on the storage": {"_save": save_in_turn, "current": ""},
    "save() returns an absolute name": saving(lambda name: f"/media/{name}"),
    "save() returns the last component": saving(posixpath.basename),
    "save() returns a name with backslashes": saving(lambda name: name.replace("/", "\\")),
    "save() accepts names that lead outside": {"save": save_anywhere},
    "save() lowercases the name": {
        "_save": lambda self, name, content: DictStorage._save(self, name.lower(), content)
    },
    "get_available_name() ignores max_length": {
        "get_available_name": lambda self, name, max_length=None: Storage.get_available_name(
            self, name
        )
    },
    "get_alternative_name() appends after the extension": {
        "get_alternative_name": lambda self, root, ext: f"{root}{ext}_{next(numbers):07}"
    },
    "get_alternative_name() counts": {
        "get_alternative_name": lambda self, root, ext: f"{root}_{next(numbers)}{ext}"
    },
    "generate_filename() drops the directory": {
        "generate_filename": lambda self, name: self.get_valid_name(posixpath.basename(name))
    },
    "generate_filename() accepts names that lead outside": {
        "generate_filename": lambda self, name: posixpath.join(
            posixpath.dirname(name), self.get_valid_name(posixpath.basename(name))
        )
    },
    # Content.
    "save() reads content from its position": storing(
        lambda content: DictStorage().encode(content.read())
    ),
    "save() stores the first chunk alone": storing(first_chunk),
    "save() closes the content": storing(save_and_close),
    "save() converts newlines": storing(
        lambda content: DictStorage().read(content).replace(b"\r\n", b"\n")
    ),
    "save() stores text in Latin-1": {
        "encode": lambda self, chunk: (
            chunk.encode("latin-1", "replace") if isinstance(chunk, str) else chunk
        )
    },
    "save() stores no empty file": {"_save": save_content},
    # exists(), delete(), size().
    "exists() is true for a prefix": {
        "exists": lambda self, name: any(
            each.startswith(name) for each in (*self.files, *self.directories)
        )
    },
    "exists() returns an object or None": {
        "exists": lambda self, name: self.files.get(name) or name in self.directories or None
    },
    "delete() of a missing file raises": {"delete": delete_strictly},
    "delete() deletes names that begin with the name": {"delete": delete_prefix},
    "delete() deletes the empty directory": {"delete": delete_directory},
    "delete() leaves the name in listdir()": {"delete": delete_unlisted, "listdir": list_deleted},
    "size() counts characters": {"size": lambda self, name: len(self.files[name].content.decode())},
    "size() is remembered": {
        "size": lambda self, name: self.__dict__.setdefault(
            f"size of {name}", DictStorage.size(self, name)
        )
    },
    # listdir().
    "listdir() swaps its lists": listing(lambda directories, files, path: (files, directories)),
    "listdir() returns full names": listing(
        lambda directories, files, path: (
            [posixpath.join(path, each) for each in directories],
            [posixpath.join(path, each) for each in files],
        )
    ),
    "listdir() returns everything below": {
        "below": lambda self, path, names: [
            each[len(path) + 1 :] if path else each
            for each in names
            if each.startswith(f"{path}/" if path else "")
        ]
    },
    "listdir() takes directories with a common prefix for one": {
        "below": lambda self, path, names: [
            posixpath.basename(each) for each in names if posixpath.dirname(each).startswith(path)
        ]
    },
    "listdir() omits directories": listing(lambda directories, files, path: ([], files)),
    "listdir() repeats a directory for each file in it": {
        "listdir": lambda self, path: (
            self.below(path, map(posixpath.dirname, self.files))
            or DictStorage.listdir(self, path)[0],
            self.below(path, self.files),
        )
    },
    # url() and times.
    "url() does not quote": {"url": lambda self, name: f"/media/{name}"},
    "url() drops the directory": {
        "url": lambda self, name: f"/media/{quote(posixpath.basename(name))}"
    },
    "get_modified_time() is naive": {
        "get_modified_time": lambda self, name: self.files[name].modified.replace(tzinfo=None)
    },
    "get_created_time() takes the local time for UTC": {
        "get_created_time": lambda self, name: self.files[name].created - timedelta(hours=5)
    },
    "get_modified_time() is that of the save": {
        "get_modified_time": lambda self, name: self.files[name].created
    },
    "get_modified_time() is that of the call": {
        "get_modified_time": lambda self, name: datetime.now(timezone.utc)
    },
    "get_accessed_time() returns a timestamp": {
        "get_accessed_time": lambda self, name: self.files[name].accessed.timestamp()
    },
    "deconstruct() is missing": {"deconstruct": None},
    # open().
    "open() returns a handle at its end": opening(lambda file: file.seek(0, io.SEEK_END) and None),
    "open() reads text by default": {
        "open": lambda self, name, mode="r": Storage.open(self, name, mode)
    },
    "open() creates a missing file": {
        "stored": lambda self, name, mode: (
            self.files[name]
            if name in self.files and set(mode).isdisjoint("wx")
            else DictStorage.stored(self, name, mode.replace("r", "a"))
        )
    },
    "open() of a missing file raises KeyError": {
        "stored": lambda self, name, mode: (
            self.files[name] if "r" in mode else DictStorage.stored(self, name, mode)
        )
    },
    "open() with w keeps the old content": {
        "stored": lambda self, name, mode: DictStorage.stored(self, name, mode.replace("w", "a"))
    },
    "open() with x replaces a file": {
        "stored": lambda self, name, mode: DictStorage.stored(self, name, mode.replace("x", "w"))
    },
    "open() with a starts at the start": device(
        write=lambda self, part: (
            self.__dict__.update(mode=self.mode.replace("a", "w")) or Device.write(self, part)
        )
    ),
    "open() with r keeps newlines": {"newline": ""},
    "open() with r reads Latin-1": {"encoding": "latin-1"},
    # Handles.
    "name of a handle is None": opening(lambda file: setattr(file, "name", None)),
    "mode of a handle is rb": opening(lambda file: setattr(file, "mode", "rb")),
    "size of a handle counts characters": handle(
        size=property(lambda self: len(self.storage.files[self.name].content.decode()))
    ),
    "chunks() continues at the position": handle(chunks=chunks_from_the_position),
    "handles of one file are one": {"_open": open_shared},
    "write() returns None": handle(write=lambda self, part: self.file.write(part) and None),
    "flush() does nothing": handle(flush=lambda self: None),
    "close() leaves the handle open": handle(close=lambda self: self.flush()),
    "write() after the end leaves no gap": device(
        write=lambda self, part: (
            setattr(self, "position", min(self.position, len(self.stored.content)))
            or Device.write(self, part)
        )
    ),
    "truncate() only cuts": device(
        truncate=lambda self, size=None: Device.truncate(
            self, min(len(self.stored.content), self.position if size is None else size)
        )
    ),
}


def examine(members: dict[str, Any]) -> Report:
    """Check a storage with some members replaced; migrations know it under its own name."""
    return check_storage(type("DictStorage", (DictStorage,), members), DECLARED)


def test_the_storage_without_a_fault_passes() -> None:
    """The storage without a fault passes all checks, as it is declared."""
    report = examine({})
    assert report.ok, report
    assert all(has == getattr(DECLARED, name) for name, has in report.capabilities.items())


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_found(name: str) -> None:
    """At least one check finds a fault, and at most three do."""
    failed = [each.check.name for each in examine(MUTANTS[name]).failures]
    assert 1 <= len(failed) <= MOST, failed
