"""The content of files: short content is in the entry itself, longer content in chunks."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from django.core.files import File

from ...content import as_bytes
from ..connections import reporting
from ..limits import crc32, delete_numbered
from .entries import EntryStore, Kind, Record
from .orphans import LEASE, Orphan, Orphans, lease_expired

# A part of the content; a view of a longer piece, so that nothing is copied.
Chunk: TypeAlias = "bytes | memoryview[int]"

# The body of an entry has the CRC-32 of each chunk: in front of the chunk itself, it would cost a
# copy of the chunk.
_CHECKSUM = struct.Struct(">I")
# Bytes that are sent at once.
_BATCH = 4 * 1024 * 1024


def pieces_of(content: Any, size: int) -> Iterator[bytes]:
    """
    Return the bytes of a content object in its own pieces, text as UTF-8.

    :param size: bytes of a piece, if Django's own ``File.chunks()`` makes them.

    Raises what reading raises, and ``TypeError`` when text follows bytes or the reverse.
    """
    is_own = getattr(type(content), "chunks", None) is not File.chunks
    own = is_own or "chunks" in getattr(content, "__dict__", ())
    if not own and type(content.file) is io.BytesIO:
        content.file.seek(0, io.SEEK_END)
        return iter([content.file.getvalue()])  # its bytes, which read() would copy
    return as_bytes(content, content.chunks() if own else content.chunks(size))


def cut(pieces: Iterable[bytes], size: int) -> Iterator[Chunk]:
    """
    Yield the same bytes in chunks of ``size``, the last one shorter.

    A chunk that is part of one piece is not copied.
    """
    held: list[Chunk] = []
    room = size
    for piece in pieces:
        rest: Chunk = piece if len(piece) <= room else memoryview(piece)
        while len(rest) >= room:
            yield _joined([*held, rest[:room]])
            rest, held, room = rest[room:], [], size
        if rest:
            held.append(rest)
            room -= len(rest)
    if held:
        yield _joined(held)


def _joined(parts: list[Chunk]) -> Chunk:
    return b"".join(parts) if parts[1:] else parts[0]


class ContentStore:
    """
    The content of all files of a store.

    :param entries: of the store.
    :param chunk_size: bytes of a chunk; the backend's limit if that is lower.
    :param ttl: seconds after which files expire.
    """

    def __init__(self, entries: EntryStore, chunk_size: int, ttl: float | None) -> None:
        self.entries = entries
        self.orphans = Orphans(entries, self.drop)
        self.ttl = ttl
        self._wanted_size = chunk_size

    @property
    def chunk_size(self) -> int:
        """Return the number of bytes in a chunk."""
        limit = self.entries.backend.value_max
        return self._wanted_size if limit is None else min(self._wanted_size, limit)

    def split(self, pieces: Iterable[bytes]) -> tuple[bytes, Iterator[Chunk] | None]:
        """Return content as the body of its entry, or as chunks if it does not fit there."""
        size = self.chunk_size
        chunks = cut(pieces, size)
        first = list(itertools.islice(chunks, 2))
        limit = min(size, self.entries.backend.body_max)
        if first[1:] or (first and len(first[0]) > limit):
            return b"", itertools.chain(first, chunks)
        return b"".join(first), None

    def record(self, label: str, body: bytes = b"") -> Record:
        """Return the record of a file whose content is the body of its entry."""
        expires = self.entries.expiry(label, self.ttl)
        return Record.new(Kind.FILE, expires, size=len(body), checksum=crc32(body))

    def read(
        self, label: str, record: Record, checksums: bytes, first: int, count: int
    ) -> list[bytes] | None:
        """
        Return some chunks of a file; ``None`` if one is missing or damaged.

        :param checksums: of all chunks, from the entry.
        :param first: the number of the first.
        """
        numbers = range(first, first + count)
        keys = [self.key(record.content, number) for number in numbers]
        chunks: list[bytes | None] = self.entries.ask(label, "get_many", keys)
        whole = [each for each in chunks if each is not None]
        lengths = [record.chunk_length(number) for number in numbers]
        if [len(each) for each in whole] != lengths:
            return None
        wanted = checksums[first * _CHECKSUM.size :][: count * _CHECKSUM.size]
        return whole if b"".join(map(_checksum, whole)) == wanted else None

    def drop(self, label: str, content: str, chunks: int) -> None:
        """Delete all chunks of a content, even if their number is unknown (0)."""
        with reporting(self.entries.uri, label) as backend:
            delete_numbered(backend, partial(self.key, content), chunks or sys.maxsize)

    def key(self, content: str, number: int) -> str:
        """Return the key of a chunk."""
        return self.entries.key("c", f"{content}.{number}")


class ChunkedUpload:
    """
    A context that stores content in chunks, for a file that its block creates or replaces.

    The chunks are dropped if the block raises. If the process ends first, a sweep drops them.

    :param contents: of the store.
    :param label: the name of the file, for errors.
    :param place: of the file's entry.
    :param content: identifies the content.
    """

    def __init__(
        self, contents: ContentStore, label: str, place: tuple[str, str], content: str
    ) -> None:
        self._contents = contents
        self._orphan = Orphan(contents.entries, label, content, place)
        self._sent = 0
        self._is_unknown = False

    def __enter__(self) -> ChunkedUpload:
        self._orphan.note()
        return self

    def move(self, label: str, place: tuple[str, str]) -> None:
        """
        Change the name that the content is for, after another process has taken the first.

        Raises ``OSError`` if a sweep has dropped the content, or the store cannot tell.
        """
        if not self._contents.entries.backend.lists_entries:
            text = "another process took the name, or the store lost it; save the file again"
            raise OSError(errno.ESTALE, text, self._orphan.label)
        self._orphan.place = place
        self._orphan.renew()
        self._orphan.label = label

    @contextlib.contextmanager
    def changing(self, *unchanged: type[Exception]) -> Iterator[None]:
        """
        Enter a block that changes the file's entry; if it raises, the outcome is unknown.

        :param unchanged: exceptions after which the entry is known to be as it was.
        """
        self._is_unknown = True
        try:
            yield
        except unchanged:
            self._is_unknown = False
            raise
        self._is_unknown = False

    def __exit__(self, kind: type[BaseException] | None, *info: object) -> None:
        if kind is None:
            self._finish()
            return
        with self._contents.entries.attempt():  # and raise the block's error
            self._withdraw()

    def _finish(self) -> None:
        """Remove the note; raise ``OSError`` if a sweep has taken the content for an orphan."""
        is_forgotten = True
        with self._contents.entries.attempt():  # the file has its content already
            is_forgotten = self._orphan.forget()
        if not is_forgotten:
            found = self._orphan.find()
            if found is not None:
                self._orphan.remove(found)
            self._drop()
            raise lease_expired(self._orphan.label)

    def _withdraw(self) -> None:
        """Drop the chunks, unless they are the content of the file, or may still become it."""
        found = self._orphan.find()
        if found is None or found.record.kind is not Kind.FILE:
            if self._is_unknown if found is None else not self._orphan.remove(found):
                return  # a sweep decides
            if self._sent:
                self._drop()
        self._orphan.forget()

    def _drop(self) -> None:
        self._contents.drop(self._orphan.label, self._orphan.content, self._sent)

    def store(self, chunks: Iterator[Chunk]) -> tuple[Record, bytes]:
        """Store chunks; return the record and the body of their entry."""
        length = self._contents.chunk_size
        size, checksums, started = 0, bytearray(), time.monotonic()
        renewed = started
        while batch := [*itertools.islice(chunks, max(1, _BATCH // length))]:
            self._send(batch)
            size += sum(map(len, batch))
            checksums += b"".join(map(_checksum, batch))
            if time.monotonic() - renewed > LEASE / 4:
                self._orphan.renew()
                renewed = time.monotonic()
        if self._contents.ttl is not None and time.monotonic() - started > LEASE:
            raise lease_expired(self._orphan.label)  # the first chunks may have expired
        record = replace(
            self._contents.record(self._orphan.label),
            content=self._orphan.content,
            size=size,
            chunk_size=length,
            checksum=0,
        )
        return record, bytes(checksums)

    def _send(self, batch: list[Chunk]) -> None:
        first, self._sent = self._sent, self._sent + len(batch)
        numbers = range(first, self._sent)
        keys = [self._contents.key(self._orphan.content, number) for number in numbers]
        takes_views = self._contents.entries.backend.takes_views
        values = zip(keys, batch if takes_views else map(bytes, batch), strict=True)
        # The file's time begins when all chunks are stored, and a reader may be late.
        ttl = None if self._contents.ttl is None else self._contents.ttl + 2 * LEASE
        self._contents.entries.ask(self._orphan.label, "set_many", values, ttl)


def _checksum(chunk: Chunk) -> bytes:
    return _CHECKSUM.pack(crc32(chunk))
