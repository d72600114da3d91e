"""A store as the files on it use it: each question with the name that an error says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..backends import Backend, Entry, Inserted
from ..connections import backend_for, reporting
from ..limits import fit
from ..store import namespace_of
from .records import Record

# What is in each directory that can have entries; no file is called so.
MARKER = "."


@dataclass(frozen=True)
class Found:
    """An entry that is there, and the ``meta`` by which it is known again."""

    record: Record
    meta: bytes
    body: bytes


@dataclass(frozen=True)
class Engine:
    """
    The store behind a URI.

    Every method but the first raises ``OSError`` that names ``label`` where the engine fails.

    :param uri: the store's.
    """

    uri: str

    @property
    def backend(self) -> Backend:
        """Return what this thread reaches the store by."""
        return backend_for(self.uri)

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Have a block whose failing does not matter; a transaction goes on after it."""
        with contextlib.suppress(OSError, *self.backend.client_errors), self.backend.attempt():
            yield

    def ask(self, label: str, operation: str, *args: Any, **options: Any) -> Any:
        """Return what a method of the backend returns."""
        with reporting(self.uri, label) as backend:
            return getattr(backend, operation)(*args, **options)

    def key(self, kind: str, key: str) -> str:
        """Return a key of this store, of one kind."""
        return fit(self.backend, f"{namespace_of(self.uri)}{kind}:", key)

    def stored_name(self, name: str) -> str:
        """Return a name as the engine takes it."""
        return fit(self.backend, "", name)

    def place(self, directory: str, name: str) -> tuple[str, str]:
        """Return where the entry of a name is."""
        return self.key("d", directory), self.stored_name(name)

    def read(
        self, label: str, places: Sequence[tuple[str, str]], *, bodies: bool = False
    ) -> list[Found | None]:
        """Return what is at some places; without ``bodies``, those are empty."""
        entries = self.ask(label, "read_entries", places, bodies=bodies)
        return [each and _found(each) for each in entries]

    def insert(
        self, label: str, place: tuple[str, str], entry: Entry, *, inside: bool = True
    ) -> Inserted:
        """Store an entry where there is none; ``inside`` a directory, only where that is."""
        marker = MARKER if inside else None
        inserted: Inserted = self.ask(label, "insert_entry", *place, entry, marker=marker)
        return inserted

    def replace(self, label: str, place: tuple[str, str], meta: bytes, entry: Entry) -> bool:
        """Store an entry in the place of another, if it is still there."""
        return bool(self.ask(label, "replace_entry", *place, meta, entry))

    def remove(self, label: str, place: tuple[str, str], meta: bytes) -> bool:
        """Remove an entry, if it is still there."""
        return bool(self.ask(label, "remove_entry", *place, meta))

    def list(self, label: str, directory: str) -> Sequence[tuple[str, bytes]]:
        """Return the names and the metas of a directory, as the engine has them."""
        with reporting(self.uri, label) as backend:
            return [*backend.list_entries(directory)]


def _found(entry: Entry) -> Found:
    return Found(Record.load(entry.meta), entry.meta, entry.body)
