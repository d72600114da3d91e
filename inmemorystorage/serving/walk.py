"""Walking any storage through Django's storage API alone: what is where, how large, how old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.files.storage import Storage

# What listdir() raises where there is no directory, or a file; the last is Django's in-memory one.
NO_DIRECTORY = (FileNotFoundError, NotADirectoryError, FileExistsError)


@dataclass(frozen=True)
class Entry:
    """
    One name of a storage.

    :param storage: where it is.
    :param name: relative to the storage, without a slash at its ends; ``""`` is the root.
    :param is_directory: what the storage listed it as.
    :param is_last: whether it is the last of its directory.

    Size and time are asked for when they are first read, which on a bucket is a request each.
    """

    storage: Storage = field(repr=False, compare=False)
    name: str
    is_directory: bool
    is_last: bool = False

    @property
    def parent(self) -> str:
        """Return the name of the directory that it is in."""
        return self.name.rpartition("/")[0]

    @property
    def basename(self) -> str:
        """Return the last component of the name."""
        return self.name.rpartition("/")[2]

    @cached_property
    def size(self) -> int | None:
        """Return the bytes of a file; ``None`` where they are unknown, and for a directory."""
        return None if self.is_directory else ask(self.storage.size, self.name)

    @cached_property
    def modified(self) -> datetime | None:
        """Return when a file was last written; ``None`` as for `size`: a bucket has no folders."""
        return None if self.is_directory else ask(self.storage.get_modified_time, self.name)


def ask(method: Callable[[str], Any], name: str) -> Any:
    """Return what a storage answers; ``None`` where it cannot tell, or the file is gone by now."""
    try:
        return method(name)
    except (NotImplementedError, OSError):
        return None


def scan(storage: Storage, name: str = "") -> list[Entry]:
    """
    Return what is in one directory: its directories, then its files, each sorted.

    A bucket has no directories but in the names of its files: what is not there is empty.

    Raises what ``listdir()`` raises, and ``NotImplementedError`` where the storage has none.
    """
    try:
        directories, files = storage.listdir(name)
    except NotImplementedError as error:
        raise NotImplementedError(f"{type(storage).__name__} cannot list its files.") from error
    found = [
        *((part, True) for part in sorted(map(_strip, directories))),
        *((part, False) for part in sorted(files)),
    ]
    # A bucket may list the directory itself, under an empty name or a dot.
    found = [(part, is_directory) for part, is_directory in found if part not in ("", ".", "..")]
    return [
        Entry(storage, join(name, part), is_directory, position == len(found))
        for position, (part, is_directory) in enumerate(found, 1)
    ]


def _strip(directory: str) -> str:
    return directory.rstrip("/")


def join(directory: str, name: str) -> str:
    """Return the name of what is called ``name`` in a directory, of which ``""`` is the root."""
    return f"{directory}/{name}" if directory and name else directory or name


def _raise(error: OSError) -> None:
    raise error


def walk(
    storage: Storage, name: str = "", on_error: Callable[[OSError], None] = _raise
) -> Iterator[Entry]:
    """
    Yield everything below a directory, each directory before what is in it.

    :param on_error: called for a directory further down that cannot be listed; raises by default.
        One that is gone by now is empty.
    """
    return descend(scan(storage, name), on_error)


def descend(
    entries: Iterable[Entry], on_error: Callable[[OSError], None] = _raise
) -> Iterator[Entry]:
    """Yield ``entries`` and everything below them, as `walk` does."""
    pending = [iter(entries)]
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            continue
        yield entry
        if entry.is_directory:
            pending.append(iter(_below(entry, on_error)))


def _below(entry: Entry, on_error: Callable[[OSError], None]) -> list[Entry]:
    try:
        return scan(entry.storage, entry.name)
    except NO_DIRECTORY:
        return []
    except OSError as error:
        on_error(error)
        return []


def find(storage: Storage, name: str) -> Entry | None:
    """
    Return what has a name, or ``None``; the root is always there.

    A directory is what has names in it. Where there are none, a bucket's file and a disk's empty
    directory look alike until they are opened.
    """
    if not name or _has_names(storage, name):
        return Entry(storage, name, is_directory=True)
    if not storage.exists(name):
        return None
    return Entry(storage, name, is_directory=not _opens(storage, name))


def _has_names(storage: Storage, name: str) -> bool:
    try:
        return bool(scan(storage, name))
    except (NotImplementedError, OSError):
        return False


def _opens(storage: Storage, name: str) -> bool:
    try:
        storage.open(name).close()
    except OSError as error:
        return not isinstance(error, IsADirectoryError)
    return True


@dataclass
class Total:
    """
    What is below a directory.

    :param size: bytes of all files whose size is known.
    :param unknown: how many files have a size that is not.
    """

    name: str
    size: int = 0
    unknown: int = 0

    def add(self, size: int | None, unknown: int = 0) -> None:
        """Count a file, or a directory that is summed up."""
        self.size += size or 0
        self.unknown += unknown + (size is None)


def sum_sizes(storage: Storage, name: str = "") -> Iterator[Total]:
    """Yield the total of each directory below one, after those in it, and of that one last."""
    opened = [Total(name)]
    for entry in walk(storage, name):
        while opened[-1].name != entry.parent:
            yield _close(opened)
        if entry.is_directory:
            opened.append(Total(entry.name))
        else:
            opened[-1].add(entry.size)
    while opened:
        yield _close(opened)


def _close(opened: list[Total]) -> Total:
    closed = opened.pop()
    if opened:
        opened[-1].add(closed.size, closed.unknown)
    return closed
