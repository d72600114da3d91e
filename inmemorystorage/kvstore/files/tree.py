"""The tree of names: how files and directories are found, made and deleted."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from django.core.exceptions import SuspiciousFileOperation

from ...behaviors import Behavior
from ...exceptions import os_error
from ...streams import MemoryIO, parse_mode
from ..backends import Entry, Inserted
from ..limits import HASHED
from ..uri import parse
from .chunks import ContentStore
from .entries import MARKER, Clock, Found, Kind, Record
from .orphans import Orphan
from .reading import StoredContent

# Directories above a name to read at once: all of a usual one.
_READ_AT_ONCE = 32
# The entry at a marker.
_OPEN = Entry(Kind.DIRECTORY.value)


class Name(NamedTuple):
    """
    A name of a storage, and the place of its entry.

    :param text: the normalized name, relative to the location; errors show it.
    :param directory: the path of the directory that has the entry.
    :param last: the name of the entry; empty for the location itself.
    """

    text: str
    directory: str
    last: str

    @property
    def path(self) -> str:
        """Return the path from the top of the store."""
        return "/".join(filter(None, [self.directory, self.last]))

    @property
    def parent(self) -> Name:
        """Return the name of the directory that has the entry."""
        text, _, _ = self.text.rpartition("/")
        return Name(text, *_split(self.directory))

    def below(self, last: str) -> Name:
        """Return the name of an entry in this directory."""
        text = "/".join(filter(None, [self.text, last]))
        return Name(text, self.path, last)

    @property
    def ends(self) -> list[int]:
        """Return where the path of each directory above ends, the highest first."""
        return [end for end, each in enumerate(f"{self.directory}/") if end and each == "/"]

    def ancestor(self, end: int) -> Name:
        """Return the name of the directory above whose path ends there."""
        path = self.directory[:end]
        return Name(path, *_split(path))

    def above(self) -> list[Name]:
        """Return the names of all directories above, the highest first."""
        return [*map(self.ancestor, self.ends)]


def _split(path: str) -> tuple[str, str]:
    directory, _, last = path.rpartition("/")
    return directory, last


def normalize_location(location: str) -> str:
    """Return the path of a location from the top of the store."""
    path = posixpath.normpath("/" + location.replace(os.sep, "/")).strip("/")
    return "" if path == "." else path


def resolve(location: str, name: str | os.PathLike[str], behavior: Behavior) -> Name:
    """
    Return the `Name` for a name of a storage.

    Raises ``SuspiciousFileOperation`` for one outside of the location, and ``ValueError`` or
    ``OSError`` for one that no file can have, as ``FileSystemStorage`` does.
    """
    given = os.fspath(name)
    path = posixpath.normpath(given) if given else "."
    if path.startswith("/") or path.split("/")[0] == "..":
        raise SuspiciousFileOperation(
            f"The name ({given}) is located outside of the storage's location ({location or '/'})"
        )
    if "\0" in path:
        raise ValueError("embedded null byte")
    path.encode()  # raises for a lone surrogate
    _check_length(path, behavior)
    if path == ".":
        return Name("", location, "")
    directory, last = _split(path)
    return Name(path, "/".join(filter(None, [location, directory])), last)


def _check_length(path: str, behavior: Behavior) -> None:
    is_long = any(len(part.encode()) > behavior.name_max for part in path.split("/"))
    if is_long or len(path.encode()) >= behavior.path_max:
        raise os_error(errno.ENAMETOOLONG, path)


class Tree:
    """
    The files and directories of a store.

    :param contents: of the store.
    :param behavior: of the storage.
    """

    def __init__(self, contents: ContentStore, behavior: Behavior) -> None:
        self.contents = contents
        self.behavior = behavior
        self._entries = contents.entries

    def place(self, name: Name) -> tuple[str, str]:
        """Return the place of a name's entry."""
        return self._entries.place(name.directory, name.last)

    def find(self, name: Name, *, body: bool = False) -> Found | None:
        """
        Return the entry at a name, even a claim or an expired file.

        :param body: whether to read the body, too.
        """
        if not name.last:
            return Found(Record(Kind.DIRECTORY, ""), b"")
        return self._entries.read(name.text, [self.place(name)], bodies=body)[0]

    def look_up(self, name: Name, *, body: bool = False) -> Found:
        """Return the file or the directory at a name; raise what stat(2) raises."""
        found = self.find(name, body=body)
        if found is None or not found.is_there:
            raise self.missing(name)
        return found

    def content(self, name: Name, found: Found, shown: str) -> MemoryIO:
        """Return a device that reads the content of a file, and shows another name."""

        def is_current() -> bool:
            now = self.find(name)
            return now is not None and now.record.content == found.record.content

        # It has no methods that write: nothing calls them in this mode.
        content: Any = StoredContent(self.contents, found.record, found.body, shown, is_current)
        return MemoryIO(content, shown, parse_mode("rb"))

    def missing(self, name: Name) -> OSError:
        """Return the error for a missing name: ``ENOTDIR`` below a file, else ``ENOENT``."""
        deepest = self._deepest(name)
        is_below_file = deepest is not None and deepest.record.kind is Kind.FILE
        return os_error(errno.ENOTDIR if is_below_file else errno.ENOENT, name.text)

    def _deepest(self, name: Name) -> Found | None:
        """Return the deepest entry above a name; those above it exist, those below it do not."""
        ends, deepest = name.ends, None
        while ends:
            step = -(-len(ends) // _READ_AT_ONCE)
            places = [self.place(name.ancestor(end)) for end in ends[step - 1 :: step]]
            found = [*self._entries.read(name.text, places), None]
            number = found.index(None)
            deepest = found[number - 1] if number else deepest
            ends = ends[number * step : (number + 1) * step - 1]
        return deepest

    def names(self, name: Name) -> tuple[list[str], list[str]]:
        """Return the directories and the files in a directory; raise what scandir(3) raises."""
        listed = self._list(name)
        if not listed and name.last and self.look_up(name).record.kind is Kind.FILE:
            raise os_error(errno.ENOTDIR, name.text)
        names: dict[bytes, list[str]] = {kind.value: [] for kind in Kind}
        clock = self._entries.clock(name.text)
        for stored, meta in listed:
            if stored == MARKER:
                continue
            # Fast path: nothing else of a record matters.
            if meta[:1] in names and b'"x":' not in meta and not stored.startswith(HASHED):
                names[meta[:1]].append(stored)
                continue
            below, found = self._load(name, stored, meta, clock)
            if not found.is_expired:
                names[found.record.kind.value].append(below.last)
        return names[Kind.DIRECTORY.value], names[Kind.FILE.value]

    def _below(self, directory: Name) -> list[tuple[Name, Found]]:
        """Return the names and the entries in a directory, claims and expired files included."""
        clock = self._entries.clock(directory.text)
        listed = [each for each in self._list(directory) if each[0] != MARKER]
        return [self._load(directory, *each, clock) for each in listed]

    def _load(self, directory: Name, stored: str, meta: bytes, clock: Clock) -> tuple[Name, Found]:
        """Return the name and the entry for a stored name in a directory."""
        label = directory.below(stored).text
        record = self._entries.decode(label, Record.load, meta)
        return directory.below(record.name or stored), Found(record, meta, clock=clock)

    def _list(self, name: Name) -> Sequence[tuple[str, bytes]]:
        if not self._entries.backend.lists_entries:
            raise NotImplementedError(
                f"{parse(self._entries.uri)} cannot list a directory, nor delete one. Use "
                "redis://, db://, dynamodb:// or locmem://."
            )
        return self._entries.list(name.text, self._entries.key("d", name.path))

    def make_directories(self, names: list[Name]) -> None:
        """Make the directories that are missing; raise what ``os.makedirs()`` raises for a file."""
        # From the top again if another process deletes one concurrently.
        while not all(self._make_directory(name, name == names[-1]) for name in names):
            pass

    def _make_directory(self, name: Name, is_last: bool) -> bool:
        """Make a directory in an existing one; return whether both exist afterwards."""
        entry = self._entry(Record.new(Kind.DIRECTORY), name)
        inside = bool(name.directory)
        outcome = self._entries.insert(name.text, self.place(name), entry, inside=inside)
        is_there = outcome is Inserted.DONE
        if outcome is Inserted.TAKEN:
            is_there = self._check_directory(name, errno.EEXIST if is_last else errno.ENOTDIR)
        if not is_there:
            return False
        self._entries.insert(name.text, self._marker(name), _OPEN, inside=False)
        # A deletion looks for the marker after it has removed the entry: one of the two processes
        # sees the other's change.
        return self.find(name) is not None

    def _check_directory(self, name: Name, if_file: int) -> bool:
        """Return whether the directory exists; raise for a file."""
        found = self.find(name)
        if found is None or found.record.kind is Kind.DIRECTORY:
            return found is not None
        if found.is_expired:
            self.remove(name, found)
            return False
        raise os_error(if_file, name.text)

    def _marker(self, name: Name) -> tuple[str, str]:
        """Return the place of the entry that a directory needs to take others."""
        return self._entries.key("d", name.path), MARKER

    def insert(self, name: Name, record: Record, body: bytes = b"") -> Found | None:
        """
        Put an entry at a free name, and make the directories above.

        Return the entry without its body, or ``None`` if the name is taken.
        """
        entry = self._entry(record, name, body)
        while True:
            outcome = self._entries.insert(
                name.text, self.place(name), entry, inside=bool(name.directory)
            )
            if outcome is Inserted.DONE:
                return Found(record, entry.meta)
            if outcome is Inserted.NO_DIRECTORY:
                self.make_directories(name.above())
            elif not self._remove_expired(name):
                return None

    def _remove_expired(self, name: Name) -> bool:
        """Remove an expired entry; return whether the name is free."""
        found = self.find(name)
        if found is None:
            return True
        return found.is_expired and self.remove(name, found)

    def put(self, name: Name, change: Callable[[Found | None], tuple[Record, bytes]]) -> None:
        """
        Put an entry at a name, and replace the one there.

        :param change: takes the present entry, which may be a claim or expired; returns the new
            record and body. Called again if another process changes the entry concurrently.

        Raises ``IsADirectoryError``, and what ``change`` raises; nothing is changed then.
        """
        while True:
            found = self.find(name)
            if found is not None and found.record.kind is Kind.DIRECTORY:
                raise os_error(errno.EISDIR, name.text)
            record, body = change(found)
            if found is None:
                is_put = self.insert(name, record, body) is not None
            else:
                is_put = self.replace(name, found, record, body)
            if is_put:
                return

    def replace(self, name: Name, found: Found, record: Record, body: bytes = b"") -> bool:
        """Replace an entry; return False if it has changed."""
        entry = self._entry(record, name, body)
        change = partial(self._entries.replace, name.text, self.place(name), found.meta, entry)
        return self._lose(name, found.record, change)

    def remove(self, name: Name, found: Found) -> bool:
        """Remove an entry; return False if it has changed."""
        change = partial(self._entries.remove, name.text, self.place(name), found.meta)
        return self._lose(name, found.record, change)

    def _lose(self, name: Name, record: Record, change: Callable[[], bool]) -> bool:
        """Change an entry, and drop the content that it loses."""
        if not record.chunks:
            return change()
        orphan = Orphan(self._entries, name.text, record.content, self.place(name), record.chunks)
        with self._tolerate_full_store():
            orphan.note()
        done = change()
        if done:
            with self._entries.attempt():  # else a sweep drops the content
                self.contents.orphans.clear(orphan)
        return done

    @contextlib.contextmanager
    def _tolerate_full_store(self) -> Iterator[None]:
        """Suppress ``ENOSPC`` from storing a note: what follows makes room."""
        try:
            with self._entries.backend.attempt():
                yield
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def sweep_directory(self, directory: Name) -> list[Name]:
        """Remove the expired files of a directory; return the directories in it."""
        below = self._below(directory)
        for name, found in below:
            if found.is_expired:
                self.remove(name, found)
        return [name for name, found in below if found.record.kind is Kind.DIRECTORY]

    def sweep(self, directory: Name) -> None:
        """Remove the expired files of a directory, and those below it."""
        directories = [directory]
        for each in directories:  # which grow
            directories += self.sweep_directory(each)

    def delete(self, name: Name) -> None:
        """Delete a file, or a directory as the behavior says; raise what unlink(2) raises."""
        found = self.look_up(name)
        if found.record.kind is Kind.FILE:
            self.remove(name, found)  # unless another process has deleted or replaced it
            return
        self._list(name)  # raises before anything is changed
        directories = [(name, found)]
        for directory, _ in directories:  # which grow
            directories += self._empty(directory)
        for directory, found in reversed(directories):
            if directory.last:
                self.remove(directory, found)
                if self._list(directory):
                    self.make_directories([*directory.above(), directory])

    def _empty(self, directory: Name) -> list[tuple[Name, Found]]:
        """Delete the files of a directory, which takes no others then; return its directories."""
        # Without its marker the directory takes no entries, unless it is made again.
        self._entries.remove(directory.text, self._marker(directory), _OPEN.meta)
        below = self._below(directory)
        if not self.behavior.deletes_trees and any(found.is_there for _, found in below):
            self._entries.insert(directory.text, self._marker(directory), _OPEN, inside=False)
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), directory.text)
        for name, found in below:
            if found.record.kind is Kind.FILE or found.is_expired:
                self.remove(name, found)
        return [each for each in below if each[1].record.kind is Kind.DIRECTORY]

    def _entry(self, record: Record, name: Name, body: bytes = b"") -> Entry:
        if self._entries.stored_name(name.last) != name.last:
            record = replace(record, name=name.last)
        return Entry(record.dump(), body)
