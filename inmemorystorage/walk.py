"""Walk any storage through Django's storage API: names, sizes, times, and a tree as text."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.files.storage import Storage

# What listdir() raises for a missing directory or a file; the last is Django's InMemoryStorage's.
NO_DIRECTORY = (FileNotFoundError, NotADirectoryError, FileExistsError)

# Characters that move a terminal's cursor, break a line, reverse the text that follows, or cannot
# be encoded: controls, line separators, bidirectional controls, and surrogates (bytes of a file's
# name that are not UTF-8).
_is_unprintable = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# A label, and the children of a directory; a file has none.
Branch = tuple[str, Iterable["Branch"]]


@dataclass(frozen=True)
class DirEntry:
    """
    A file or a directory in a storage, as ``os.DirEntry`` is one on a disk.

    :param name: relative to the storage, without slashes at its ends; ``""`` is the root.

    Size and time are looked up when first read; on a bucket each is a request.
    """

    storage: Storage = field(repr=False, compare=False)
    name: str
    is_directory: bool

    @property
    def basename(self) -> str:
        """Return the last component of the name."""
        return self.name.rpartition("/")[2]

    @cached_property
    def size(self) -> int | None:
        """Return a file's size in bytes; ``None`` if it is unknown, and for a directory."""
        return None if self.is_directory else _ask(self.storage.size, self.name)

    @cached_property
    def modified(self) -> datetime | None:
        """Return when a file was last modified; ``None`` if unknown, and for a directory."""
        return None if self.is_directory else _ask(self.storage.get_modified_time, self.name)


def _ask(method: Callable[[str], Any], name: str) -> Any:
    """Return what a method returns; ``None`` if the storage lacks it or the file is gone."""
    try:
        return method(name)
    except (NotImplementedError, OSError):
        return None


def scan(storage: Storage, name: str = "") -> list[DirEntry]:
    """
    Return the entries of one directory: directories first, each group sorted.

    Raises what ``listdir()`` raises, and ``NotImplementedError`` where the storage has none. A
    bucket lists a missing directory as an empty one.
    """
    directories, files = _list(storage, name)
    found = [(part, True) for part in directories] + [(part, False) for part in files]
    return [DirEntry(storage, join(name, part), is_directory) for part, is_directory in found]


def _list(storage: Storage, name: str) -> tuple[list[str], list[str]]:
    """Return the sorted names of the directories and of the files in a directory."""
    try:
        directories, files = storage.listdir(name)
    except NotImplementedError as error:
        raise NotImplementedError(f"{type(storage).__name__} cannot list its files.") from error
    # A bucket may list the directory itself, as an empty name or a dot.
    itself = ("", ".", "..")
    stripped = (part.rstrip("/") for part in directories)
    return (
        sorted(part for part in stripped if part not in itself),
        sorted(part for part in files if part not in itself),
    )


def file_names(storage: Storage, enters: Callable[[str], bool] = bool) -> Iterator[str]:
    """
    Yield the names of all files, of which only those in one directory are in memory at a time.

    :param enters: whether the files below a directory are yielded; by default all.
    """
    pending = [""]
    while pending:
        directory = pending.pop()
        try:
            directories, files = _list(storage, directory)
        except NO_DIRECTORY:  # it no longer exists
            continue
        yield from (join(directory, part) for part in files)
        below = (join(directory, part) for part in reversed(directories))
        pending += [each for each in below if enters(each)]


def find_listed(storage: Storage, name: str) -> str | None:
    """
    Return how a storage lists a file whose name may be spelled differently, or ``None``.

    It may have backslashes, dots, the location of the storage, other cases of letters, or another
    form of Unicode.
    """
    parts = posixpath.normpath(name.replace("\\", "/")).lstrip("/").split("/")
    tails = (parts[start:] for start in range(len(parts)))
    return next((found for tail in tails if (found := _find_listed(storage, tail))), None)


def _find_listed(storage: Storage, parts: list[str]) -> str | None:
    directory = ""
    for position, part in enumerate(parts, start=1):
        try:
            directories, files = _list(storage, directory)
        except NO_DIRECTORY:
            return None
        spelled = _spelled_as(part, files if position == len(parts) else directories)
        if spelled is None:
            return None
        directory = join(directory, spelled)
    return directory


def _spelled_as(part: str, listed: list[str]) -> str | None:
    if part in listed:
        return part
    folded = _fold(part)
    return next((each for each in listed if _fold(each) == folded), None)


def _fold(part: str) -> str:
    return unicodedata.normalize("NFC", part).casefold()


def join(directory: str, name: str) -> str:
    """Return the name of an entry in a directory, of which ``""`` is the root."""
    return f"{directory}/{name}" if directory and name else directory or name


def walk(
    entries: Sequence[DirEntry], on_error: Callable[[OSError], object] | None = None
) -> Iterator[DirEntry]:
    """
    Yield the entries and everything below them, each directory before its content.

    :param on_error: called with the error of a directory that cannot be listed, which is raised by
        default. A directory that no longer exists is empty.
    """
    pending = [*reversed(entries)]
    while pending:
        entry = pending.pop()
        yield entry
        if entry.is_directory:
            pending += reversed(_scan_existing(entry, on_error))


def _scan_existing(entry: DirEntry, on_error: Callable[[OSError], object] | None) -> list[DirEntry]:
    try:
        return scan(entry.storage, entry.name)
    except NO_DIRECTORY:
        return []
    except OSError as error:
        if on_error is None:
            raise
        on_error(error)
        return []


def find(storage: Storage, name: str) -> DirEntry | None:
    """
    Return the entry at a name, or ``None``; the root always exists.

    A name with entries below it is a directory. Without any, a bucket's file and a disk's empty
    directory differ only in whether they can be opened.
    """
    if not name or _has_entries(storage, name):
        return DirEntry(storage, name, is_directory=True)
    if not storage.exists(name):
        return None
    return DirEntry(storage, name, is_directory=not _is_file(storage, name))


def _has_entries(storage: Storage, name: str) -> bool:
    try:
        return bool(scan(storage, name))
    except (NotImplementedError, OSError):
        return False


def _is_file(storage: Storage, name: str) -> bool:
    try:
        storage.open(name).close()
    except OSError as error:  # such as one that this user may not read
        return not isinstance(error, IsADirectoryError)
    return True


def draw_tree(branches: Iterable[Branch]) -> Iterator[str]:
    """Yield a line for each branch and each one below it, to any depth."""
    levels = [deque(branches)]
    while levels:
        if not levels[-1]:
            levels.pop()
            continue
        label, below = levels[-1].popleft()
        stem = "".join("│   " if level else "    " for level in levels[:-1])
        yield stem + ("├── " if levels[-1] else "└── ") + label
        levels.append(deque(below))


def printable(text: str) -> str:
    """Return the text with characters that harm a terminal or a page escaped as in Python."""
    return _is_unprintable.sub(lambda found: ascii(found[0])[1:-1], text)
