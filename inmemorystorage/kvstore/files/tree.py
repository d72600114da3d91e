"""The tree of names: which files and directories there are, and how both come and go."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ...behaviors import Behavior
from ...exceptions import os_error
from ..backends import Entry, Inserted
from ..limits import HASHED
from ..uri import parse
from .contents import Contents
from .engine import MARKER, Engine, Found
from .names import Name
from .reading import ContentIO
from .records import Kind, Record


class Tree:
    """
    The names in a store.

    :param engine: the store.
    :param contents: where the contents are that names lose.
    :param behavior: what happens where storages disagree.
    """

    def __init__(self, engine: Engine, contents: Contents, behavior: Behavior) -> None:
        self._engine = engine
        self._contents = contents
        self._behavior = behavior

    def place(self, name: Name) -> tuple[str, str]:
        """Return where the engine has the entry of a name."""
        return self._engine.place(name.directory, name.last)

    def find(self, name: Name, *, body: bool = False) -> Found | None:
        """
        Return what is at a name, also a claim and what has expired; ``None``: nothing.

        :param body: whether the content that is in the entry is wanted.
        """
        if not name.last:
            return Found(Record(Kind.DIRECTORY, ""), b"", b"")
        return self._engine.read(name.text, [self.place(name)], bodies=body)[0]

    def look_up(self, name: Name, *, body: bool = False) -> Found:
        """Return the file or the directory at a name; raise what stat(2) raises."""
        found = self.find(name, body=body)
        if found is None or not found.record.is_there:
            raise self.missing(name)
        return found

    def content(self, name: Name, found: Found, shown: str) -> ContentIO:
        """Return the content of a file, which is known by another name to who reads it."""

        def is_current() -> bool:
            now = self.find(name)
            return now is not None and now.record.content == found.record.content

        return ContentIO(self._contents, found.record, found.body, shown, is_current)

    def found(self, name: Name, record: Record) -> Found:
        """Return what is found at a name after that record was put there, without a body."""
        return Found(record, self._entry(record, name).meta, b"")

    def missing(self, name: Name) -> OSError:
        """Return the error for a name at which nothing is: below a file it is another one."""
        above = name.above()
        found = self._engine.read(name.text, [self.place(each) for each in above])
        is_below_file = any(each and each.record.kind is Kind.FILE for each in found)
        return os_error(errno.ENOTDIR if is_below_file else errno.ENOENT, name.text)

    def names(self, name: Name) -> tuple[list[str], list[str]]:
        """Return the directories and the files in a directory; raise what scandir(3) raises."""
        listed = self._list(name)
        if not listed and name.last and self.look_up(name).record.kind is Kind.FILE:
            raise os_error(errno.ENOTDIR, name.text)
        there = [
            (stored, meta) for stored, meta in listed if stored != MARKER and not _is_over(meta)
        ]
        directories = [_own_name(*each) for each in there if _is(Kind.DIRECTORY, each[1])]
        return directories, [_own_name(*each) for each in there if _is(Kind.FILE, each[1])]

    def _list(self, name: Name) -> Sequence[tuple[str, bytes]]:
        if not self._engine.backend.lists_entries:
            raise NotImplementedError(
                f"{parse(self._engine.uri)} cannot list a directory, nor delete one. Stores that "
                "can are redis://, db://, dynamodb:// and locmem://."
            )
        return self._engine.list(name.text, self._engine.key("d", name.path))

    def make_directories(self, names: list[Name]) -> None:
        """Make directories that are not there; raise what ``os.makedirs()`` raises for a file."""
        # From the top again where somebody deletes one of them meanwhile.
        while not all(map(self._make_directory, names, _last_of(names))):
            pass

    def _make_directory(self, name: Name, is_last: bool) -> bool:
        """Make a directory in one that is there; return whether both are there then."""
        entry = self._entry(Record.new(Kind.DIRECTORY), name)
        inside = bool(name.directory)
        outcome = self._engine.insert(name.text, self.place(name), entry, inside=inside)
        is_there = outcome is Inserted.DONE
        if outcome is Inserted.TAKEN:
            is_there = self._check_directory(name, errno.EEXIST if is_last else errno.ENOTDIR)
        if not is_there:
            return False
        self._engine.insert(name.text, self._marker(name), _OPEN, inside=False)
        # Who deletes the directory looks for the marker when the entry is gone: one of both sees
        # what the other has done.
        return self.find(name) is not None

    def _check_directory(self, name: Name, if_file: int) -> bool:
        """Return whether a directory is there; raise for a file."""
        found = self.find(name)
        if found is None or found.record.kind is Kind.DIRECTORY:
            return found is not None
        if found.record.is_expired:
            self.remove(name, found)
            return False
        raise os_error(if_file, name.text)

    def _marker(self, name: Name) -> tuple[str, str]:
        """Return the place of the entry without which nothing is put into a directory."""
        return self._engine.key("d", name.path), MARKER

    def insert(self, name: Name, record: Record, body: bytes = b"") -> bool:
        """
        Put an entry to a name at which nothing is; return whether that was so.

        The directories above are made.
        """
        entry = self._entry(record, name, body)
        while True:
            outcome = self._engine.insert(
                name.text, self.place(name), entry, inside=bool(name.directory)
            )
            if outcome is Inserted.NO_DIRECTORY:
                self.make_directories(name.above())
            elif outcome is Inserted.DONE or not self._has_expired(name):
                return outcome is Inserted.DONE

    def _has_expired(self, name: Name) -> bool:
        """Return whether there is nothing at a name any more; remove what has expired."""
        found = self.find(name)
        if found is None:
            return True
        return found.record.is_expired and self.remove(name, found)

    def put(self, name: Name, change: Callable[[Found | None], tuple[Record, bytes]]) -> None:
        """
        Put an entry to a name, whatever is there.

        :param change: given what is there, which may be a claim or have expired, returns the record
            and the body that are to be. Called again where somebody else was faster.

        Raises ``IsADirectoryError``, and what ``change`` raises; nothing is put then.
        """
        while True:
            found = self.find(name)
            if found is not None and found.record.kind is Kind.DIRECTORY:
                raise os_error(errno.EISDIR, name.text)
            if self._change(name, found, *change(found)):
                return

    def _change(self, name: Name, found: Found | None, record: Record, body: bytes) -> bool:
        if found is None:
            return self.insert(name, record, body)
        return self.replace(name, found, record, body)

    def replace(self, name: Name, found: Found, record: Record, body: bytes = b"") -> bool:
        """Put an entry in the place of another, if it is still there."""
        entry = self._entry(record, name, body)
        change = partial(self._engine.replace, name.text, self.place(name), found.meta, entry)
        return self._lose(name, found.record, change)

    def remove(self, name: Name, found: Found) -> bool:
        """Remove an entry, if it is still there."""
        change = partial(self._engine.remove, name.text, self.place(name), found.meta)
        return self._lose(name, found.record, change)

    def _lose(self, name: Name, record: Record, change: Callable[[], bool]) -> bool:
        """Change an entry, and drop the content that it has had before."""
        suspects = self._contents.suspects
        if not record.chunks:
            return change()
        note = b""
        with self._full_is_no_reason():
            note = suspects.add(name.text, record.content, self.place(name), record.chunks)
        done = change()
        if done:
            with self._engine.attempt():  # the change is done; a sweeping drops the rest
                suspects.clear(name.text, record.content, record.chunks, note)
        return done

    @contextlib.contextmanager
    def _full_is_no_reason(self) -> Iterator[None]:
        """Go on where there is no room for a note: what is deleted makes room."""
        try:
            with self._engine.backend.attempt():
                yield
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def remove_expired(self, directory: Name) -> None:
        """Remove the files of a directory whose time is over, if it can be listed."""
        listed = self._list(directory) if self._engine.backend.lists_entries else []
        old = [_own_name(*each) for each in listed if each[0] != MARKER and _is_over(each[1])]
        for own in old:
            self._has_expired(directory.below(own))

    def remove_all_expired(self, directory: Name) -> None:
        """Remove the files below a directory whose time is over."""
        self.remove_expired(directory)
        for own in self.names(directory)[0]:
            with contextlib.suppress(FileNotFoundError):  # of one that is deleted meanwhile
                self.remove_all_expired(directory.below(own))

    def delete(self, name: Name) -> None:
        """Delete a file, or a directory as the behavior has it; raise what unlink(2) raises."""
        found = self.look_up(name)
        if found.record.kind is Kind.DIRECTORY:
            self._delete_directory(name, found)
        else:
            # Whoever was faster has deleted this file, or has put another in its place.
            self.remove(name, found)

    def _delete_directory(self, name: Name, found: Found) -> None:
        self._list(name)  # refused before anything is changed
        # Nothing is put into it from here on, unless somebody makes it again.
        self._engine.remove(name.text, self._marker(name), _OPEN.meta)
        if not self._behavior.deletes_trees and any(self.names(name)):
            self._engine.insert(name.text, self._marker(name), _OPEN, inside=False)
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), name.text)
        for own in itertools.chain(*self.names(name)):
            with contextlib.suppress(FileNotFoundError):
                self.delete(name.below(own))
        self.remove_expired(name)
        if name.last:
            self.remove(name, found)
            if self._list(name):
                self.make_directories([*name.above(), name])

    def _entry(self, record: Record, name: Name, body: bytes = b"") -> Entry:
        if self._engine.stored_name(name.last) != name.last:
            record = replace(record, name=name.last)
        return Entry(record.dump(), body)


# What stands at a marker.
_OPEN = Entry(Kind.DIRECTORY.value)


def _last_of(names: list[Name]) -> list[bool]:
    return [*(False for _ in names[1:]), True]


def _is(kind: Kind, meta: bytes) -> bool:
    return meta[:1] == kind.value


def _is_over(meta: bytes) -> bool:
    return b'"x":' in meta and Record.load(meta).is_expired


def _own_name(stored: str, meta: bytes) -> str:
    return Record.load(meta).name or stored if stored.startswith(HASHED) else stored
