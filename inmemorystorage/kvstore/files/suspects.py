"""
Contents that may belong to no file: those being stored, and those being dropped.

Each is noted before it can come to that, and the note is removed when it cannot any more. What a
process that was killed has left is found by its note, once that is due.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable
from typing import NamedTuple

from ..backends import Entry
from .engine import Engine, Found
from .records import Kind

# Seconds after which nobody is at work on a content any more, unless the note was renewed.
LEASE = 3600.0


class Note(NamedTuple):
    """What is noted: when it is due, the place of the name, and how many chunks there are."""

    due: float
    directory: str
    name: str
    chunks: int

    @classmethod
    def new(cls, place: tuple[str, str], chunks: int) -> Note:
        """Return a note that is due after the lease."""
        return cls(time.time() + LEASE, *place, chunks)

    def entry(self) -> Entry:
        """Return the note as it is stored."""
        return Entry(json.dumps(self).encode())


def given_up(label: str) -> OSError:
    """Return the error for a content that was dropped while it was being stored."""
    return OSError(errno.ESTALE, "storing took so long that it was given up; save it again", label)


class Suspects:
    """
    The notes of a store; where it cannot list them, there are none.

    :param engine: the store.
    :param drop: deletes the chunks of a content.
    """

    def __init__(self, engine: Engine, drop: Callable[[str, str, int], None]) -> None:
        self._engine = engine
        self._drop = drop

    def add(self, label: str, content: str, place: tuple[str, str], chunks: int = 0) -> bytes:
        """
        Note a content that is the one of a place, or is not; return the note.

        :param chunks: how many it has, 0 where that is not known yet.
        """
        entry = Note.new(place, chunks).entry()
        if self._engine.backend.lists_entries:
            self._engine.insert(label, self._place(content), entry, inside=False)
        return entry.meta

    def renew(self, label: str, content: str, place: tuple[str, str], note: bytes) -> bytes:
        """
        Put off when a note is due; return the new one.

        Raises ``OSError`` where somebody has dropped the content.
        """
        entry = Note.new(place, 0).entry()
        if self._engine.backend.lists_entries and not self._engine.replace(
            label, self._place(content), note, entry
        ):
            raise given_up(label)
        return entry.meta

    def forget(self, label: str, content: str, note: bytes) -> bool:
        """Remove the note of a content; return whether nobody was faster, to drop that."""
        if not self._engine.backend.lists_entries:
            return True
        return self._engine.remove(label, self._place(content), note)

    def find(self, label: str, content: str, place: tuple[str, str]) -> Found | None:
        """Return what is at a place, if that is a content's, as its file or as its claim."""
        found = self._engine.read(label, [place])[0]
        return found if found is not None and found.record.content == content else None

    def clear(self, label: str, content: str, chunks: int, note: bytes) -> None:
        """Drop a content that is no file's, and remove its note."""
        self._drop(label, content, chunks)
        self.forget(label, content, note)

    def sweep(self, older_than: float) -> int:
        """Drop what was noted so many seconds ago and is no file's; return how many contents."""
        if not self._engine.backend.lists_entries:
            return 0
        directory, end = self._engine.key("s", ""), time.time() + LEASE - older_than
        due = [
            (content, meta)
            for content, meta in self._engine.list(directory, directory)
            if json.loads(meta)[0] <= end
        ]
        return sum(self._judge(content, meta) for content, meta in due)

    def _judge(self, content: str, meta: bytes) -> bool:
        note = Note(*json.loads(meta))
        # Taken over: who stores the content finds that out, and says that it is given up.
        taken = note._replace(due=note.due - 1).entry()
        if not self._engine.replace(note.name, self._place(content), meta, taken):
            return False
        place = note.directory, note.name
        found = self.find(note.name, content, place)
        if found is not None and found.record.kind is Kind.FILE:
            self.forget(note.name, content, taken.meta)
            return False
        if found is not None:
            self._engine.remove(note.name, place, found.meta)
        self.clear(note.name, content, note.chunks, taken.meta)
        return True

    def _place(self, content: str) -> tuple[str, str]:
        return self._engine.key("s", ""), content
