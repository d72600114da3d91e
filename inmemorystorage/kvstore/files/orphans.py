"""
Orphans: chunks that belong to no file, after a process was killed.

A process notes content before it can become an orphan: before it stores chunks, and before it
replaces or deletes their file. It removes the note when the chunks belong to a file, or are
deleted. A sweep checks the notes whose lease has expired.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..backends import Entry
from ..limits import checked
from .entries import EntryStore, Found, Kind

# Seconds after which a sweep may drop the noted content as an orphan, unless its note was renewed.
LEASE = 3600.0


class OrphanNote(NamedTuple):
    """The stored form of a note: when its lease expires, the file's place, and the chunks."""

    due: float
    directory: str
    name: str
    chunks: int

    def entry(self) -> Entry:
        """Return the note as an entry."""
        return Entry(json.dumps(self).encode())

    @classmethod
    def load(cls, meta: bytes) -> OrphanNote:
        """Return the note of a stored form; ignore what later versions add."""
        return cls(*map(checked, json.loads(meta), (float, str, str, int)))


def lease_expired(label: str) -> OSError:
    """Return the error of an upload whose content a sweep may have dropped."""
    return OSError(errno.ESTALE, "the upload's lease expired; save the file again", label)


@dataclass
class Orphan:
    """
    Content that may be, or become, an orphan.

    :param entries: of the store.
    :param label: the name of the file, for errors.
    :param content: identifies the content.
    :param place: of the entry that has, had or will have the content.
    :param chunks: how many the content has; 0 if unknown.
    :param meta: of the note, if it is stored already.
    """

    entries: EntryStore
    label: str
    content: str
    place: tuple[str, str]
    chunks: int = 0
    meta: bytes = b""

    def note(self) -> None:
        """Store the note."""
        entry = self._entry(self._due())
        if self.entries.backend.lists_entries:
            self.entries.insert(self.label, self._note_place, entry, inside=False)
        self.meta = entry.meta

    def renew(self) -> None:
        """Renew the lease; raise ``OSError`` if a sweep has dropped the content."""
        if not self.replace_note(self._due()):
            raise lease_expired(self.label)

    def replace_note(self, due: float) -> bool:
        """Change when the lease expires; return False if another process changed the note."""
        entry = self._entry(due)
        if self.entries.backend.lists_entries and not self.entries.replace(
            self.label, self._note_place, self.meta, entry
        ):
            return False
        self.meta = entry.meta
        return True

    def forget(self) -> bool:
        """Remove the note; return False if another process has already swept it."""
        if not self.entries.backend.lists_entries:
            return True
        return self.entries.remove(self.label, self._note_place, self.meta)

    def find(self) -> Found | None:
        """Return the file or the claim that has the content, if its place still has it."""
        found = self.entries.read(self.label, [self.place])[0]
        return found if found is not None and found.record.content == self.content else None

    def remove(self, found: Found) -> bool:
        """Remove the entry that `find` returned; return False if it has changed."""
        return self.entries.remove(self.label, self.place, found.meta)

    def _due(self) -> float:
        """Return when a lease that begins now expires."""
        now: float = self.entries.ask(self.label, "now")
        return now + LEASE

    def _entry(self, due: float) -> Entry:
        return OrphanNote(due, *self.place, self.chunks).entry()

    @property
    def _note_place(self) -> tuple[str, str]:
        return self.entries.key("s", ""), self.content


class Orphans:
    """
    The notes of a store; a store that cannot list them has none.

    :param entries: of the store.
    :param drop: deletes chunks; takes a label, the content and the number of chunks.
    """

    def __init__(self, entries: EntryStore, drop: Callable[[str, str, int], None]) -> None:
        self._entries = entries
        self._drop = drop

    def clear(self, orphan: Orphan) -> None:
        """Drop an orphan, and its note."""
        self._drop(orphan.label, orphan.content, orphan.chunks)
        orphan.forget()

    def sweep(self, older_than: float) -> int:
        """Drop the orphans that were noted this many seconds ago; return how many."""
        if not self._entries.backend.lists_entries:
            return 0
        directory = self._entries.key("s", "")
        end = self._entries.ask(directory, "now") + LEASE - older_than
        notes = [
            (content, meta, self._entries.decode(content, OrphanNote.load, meta))
            for content, meta in self._entries.list(directory, directory)
        ]
        return sum(self._sweep(*each) for each in notes if each[2].due <= end)

    def _sweep(self, content: str, meta: bytes, note: OrphanNote) -> bool:
        orphan = Orphan(
            self._entries, note.name, content, (note.directory, note.name), note.chunks, meta
        )
        # An upload that is still at work finds its note changed, and raises.
        if not orphan.replace_note(note.due - 1):
            return False
        found = orphan.find()
        if found is not None and found.record.kind is Kind.FILE:
            orphan.forget()
            return False
        if found is not None:
            orphan.remove(found)
        self.clear(orphan)
        return True
