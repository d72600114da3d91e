"""Entries: the record that a store keeps under each name, and the operations on it."""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeAlias, TypeVar

from ..backends import Backend, Entry, Inserted, decoded
from ..connections import backend_for, reporting
from ..limits import LIMITS, checked, fit
from ..store import namespace_of

_T = TypeVar("_T")
# Returns a time in seconds since the epoch.
Clock: TypeAlias = Callable[[], float]

# The entry in each directory that may have others; no file has this name.
MARKER = "."


class Kind(Enum):
    """The kinds of entry."""

    FILE = b"f"
    DIRECTORY = b"d"
    # A name that a chunked upload has taken; readers see nothing there.
    CLAIM = b"c"


def new_id() -> str:
    """Return a unique identifier."""
    return secrets.token_hex(10)


@dataclass(frozen=True)
class Record:
    """
    The metadata of an entry.

    :param inode: identifies the file, whatever its content.
    :param content: identifies the content.
    :param size: bytes of the content.
    :param chunk_size: bytes of each chunk but the last; 0 if the entry itself has the content.
    :param checksum: CRC-32 of content in the entry; 0 for chunks, whose checksums are in the body.
    :param created: seconds since the epoch, as ``modified`` and ``expires``.
    :param expires: when the entry expires; ``None`` for never.
    :param name: the name, if the backend stores it hashed.
    """

    kind: Kind
    inode: str
    content: str = ""
    size: int = 0
    chunk_size: int = 0
    checksum: int = 0
    created: float = 0
    modified: float = 0
    expires: float | None = None
    name: str | None = None

    @classmethod
    def new(cls, kind: Kind, expires: float | None = None, **values: Any) -> Record:
        """Return a record made now."""
        now = time.time()
        return cls(kind, new_id(), new_id(), created=now, modified=now, expires=expires, **values)

    def changed(self, content: Record) -> Record:
        """Return the record of this file with another content."""
        return replace(content, inode=self.inode, created=self.created, name=self.name)

    def is_expired(self, clock: Clock) -> bool:
        """Return whether the entry has expired; ask the clock only if it ever does."""
        return self.expires is not None and self.expires <= clock()

    @property
    def chunks(self) -> int:
        """Return the number of chunks."""
        return -(-self.size // self.chunk_size) if self.chunk_size else 0

    def chunk_length(self, number: int) -> int:
        """Return the number of bytes in a chunk."""
        return min(self.chunk_size, self.size - number * self.chunk_size)

    def dump(self) -> bytes:
        """Return the stored form: the kind, then the fields that are not empty."""
        fields = _FIELDS.items()
        values = {short: vars(self)[name] for short, (name, _) in fields if vars(self)[name]}
        return self.kind.value + _DENSE.encode(values).encode()

    @classmethod
    def load(cls, meta: bytes) -> Record:
        """Return the record of a stored form; ignore what later versions add."""
        stored = json.loads(meta[1:])
        known = [each for each in _FIELDS if each in stored]
        values = {_FIELDS[each][0]: checked(stored[each], _FIELDS[each][1]) for each in known}
        return cls(Kind(meta[:1]), **values)


# Made once: json.dumps() with separators makes an encoder for each call.
_DENSE = json.JSONEncoder(separators=(",", ":"))
# The name and the kind of each stored field.
_FIELDS: dict[str, tuple[str, type]] = {
    "i": ("inode", str),
    "c": ("content", str),
    "s": ("size", int),
    "k": ("chunk_size", int),
    "h": ("checksum", int),
    "t": ("created", float),
    "m": ("modified", float),
    "x": ("expires", float),
    "n": ("name", str),
}


@dataclass(frozen=True)
class Found:
    """An entry read from the store, and the ``meta`` that identifies its version."""

    record: Record
    meta: bytes
    body: bytes = b""
    clock: Clock = time.time

    @property
    def is_there(self) -> bool:
        """Return whether readers see the entry."""
        return self.record.kind is not Kind.CLAIM and not self.is_expired

    @property
    def is_expired(self) -> bool:
        """Return whether the entry has expired."""
        return self.record.is_expired(self.clock)


@dataclass(frozen=True)
class EntryStore:
    """
    The entries of the store behind a URI, and the keys of its chunks.

    A method that takes a ``label`` raises ``OSError`` with that file name if the backend fails.

    :param uri: of the store.
    """

    uri: str

    @property
    def backend(self) -> Backend:
        """Return this thread's backend."""
        return backend_for(self.uri)

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Suppress errors from best-effort cleanup; keep an open transaction usable."""
        with contextlib.suppress(OSError, *self.backend.client_errors), self.backend.attempt():
            yield

    def ask(self, label: str, operation: str, *args: Any, **options: Any) -> Any:
        """Call a method of the backend."""
        with reporting(self.uri, label) as backend:
            return getattr(backend, operation)(*args, **options)

    def clock(self, label: str) -> Clock:
        """Return a function that asks the engine's clock once, and returns that time."""
        return functools.cache(functools.partial(self.ask, label, "now"))

    def expiry(self, label: str, ttl: float | None) -> float | None:
        """Return when what is stored now expires, by any process's clock."""
        if ttl is None:
            return None
        now: float = self.ask(label, "now")
        return min(now + ttl + self.backend.clock_margin, LIMITS[float] - 1)

    def decode(self, label: str, loads: Callable[[bytes], _T], stored: bytes) -> _T:
        """Return what a function reads in stored data."""
        with reporting(self.uri, label):
            return decoded(loads, stored)

    def key(self, kind: str, key: str) -> str:
        """Return the backend's key for a key of one kind."""
        return fit(self.backend, f"{namespace_of(self.uri)}{kind}:", key)

    def stored_name(self, name: str) -> str:
        """Return the backend's form of a name."""
        return fit(self.backend, "", name)

    def place(self, directory: str, name: str) -> tuple[str, str]:
        """Return the backend's directory and name for an entry."""
        return self.key("d", directory), self.stored_name(name)

    def read(
        self, label: str, places: Sequence[tuple[str, str]], *, bodies: bool = False
    ) -> list[Found | None]:
        """Return the entries at several places; their bodies are empty without ``bodies``."""
        with reporting(self.uri, label) as backend:
            entries, clock = backend.read_entries(places, bodies=bodies), self.clock(label)
            return [
                each and Found(decoded(Record.load, each.meta), *each, clock) for each in entries
            ]

    def insert(
        self, label: str, place: tuple[str, str], entry: Entry, *, inside: bool = True
    ) -> Inserted:
        """Store an entry at a free place; with ``inside``, only if its directory exists."""
        marker = MARKER if inside else None
        inserted: Inserted = self.ask(label, "insert_entry", *place, entry, marker=marker)
        return inserted

    def replace(self, label: str, place: tuple[str, str], meta: bytes, entry: Entry) -> bool:
        """Replace the entry that has this ``meta``; return False if it has changed."""
        return bool(self.ask(label, "replace_entry", *place, meta, entry))

    def remove(self, label: str, place: tuple[str, str], meta: bytes) -> bool:
        """Remove the entry that has this ``meta``; return False if it has changed."""
        return bool(self.ask(label, "remove_entry", *place, meta))

    def list(self, label: str, directory: str) -> Sequence[tuple[str, bytes]]:
        """Return the stored names and the ``meta`` of a directory's entries."""
        with reporting(self.uri, label) as backend:
            return [*backend.list_entries(directory)]
