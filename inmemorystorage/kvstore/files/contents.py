"""Contents: in the entry itself where they are short, else in chunks of their own."""

from __future__ import annotations

import contextlib
import errno
import itertools
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..limits import crc32
from .cutting import Chunk, cut
from .engine import Engine
from .records import Kind, Record
from .suspects import LEASE, Suspects, given_up

# In the entry of a content in chunks is the CRC-32 of each: with the chunk itself, it would cost a
# copy of that to put it there.
_CHECKSUM = struct.Struct(">I")
# Bytes that are sent at once.
_BATCH = 4 * 1024 * 1024
# Chunks that are looked for at once where nobody knows how many there are.
_PROBED = 64


@dataclass
class Upload:
    """
    A content that is about to be stored.

    :param body: all of it, where it fits into an entry.
    :param chunks: the rest, or nothing.
    """

    body: bytes
    chunks: Iterator[Chunk] | None = None


class Contents:
    """
    The contents of a store.

    :param engine: where they are.
    :param chunk_size: bytes of a chunk, of which an engine may take less.
    :param ttl: seconds after which they may be gone.
    """

    def __init__(self, engine: Engine, chunk_size: int, ttl: float | None) -> None:
        self.engine = engine
        self.suspects = Suspects(engine, self.drop)
        self.ttl = ttl
        self._wanted_size = chunk_size

    @property
    def chunk_size(self) -> int:
        """Return how many bytes of a content a chunk has."""
        limit = self.engine.backend.value_max
        return self._wanted_size if limit is None else min(self._wanted_size, limit)

    def begin(self, pieces: Iterable[bytes]) -> Upload:
        """Read so much of a content as tells whether it fits into an entry."""
        size = self.chunk_size
        chunks = cut(pieces, size)
        first = list(itertools.islice(chunks, 2))
        limit = min(size, self.engine.backend.body_max)
        if first[1:] or (first and len(first[0]) > limit):
            return Upload(b"", itertools.chain(first, chunks))
        return Upload(b"".join(first))

    def record(self, body: bytes = b"") -> Record:
        """Return the record of a content that is in its entry."""
        return Record.new(Kind.FILE, self.ttl, size=len(body), checksum=crc32(body))

    def storing(self, label: str, place: tuple[str, str], content: str) -> Storing:
        """Return what stores a content in chunks, inside a ``with``."""
        return Storing(self, label, place, content)

    def read(
        self, label: str, record: Record, checksums: bytes, first: int, count: int
    ) -> list[bytes] | None:
        """
        Return some chunks of a content; ``None`` where one is not there, or not as it was stored.

        :param checksums: of all chunks, from the entry.
        :param first: the number of the first.
        """
        numbers = range(first, first + count)
        keys = [self.key(record.content, number) for number in numbers]
        chunks: list[bytes | None] = self.engine.ask(label, "get_many", keys)
        whole = [each for each in chunks if each is not None]
        lengths = [record.chunk_length(number) for number in numbers]
        if [len(each) for each in whole] != lengths:
            return None
        wanted = checksums[first * _CHECKSUM.size :][: count * _CHECKSUM.size]
        return whole if b"".join(map(_checksum, whole)) == wanted else None

    def drop(self, label: str, content: str, chunks: int) -> None:
        """
        Delete the chunks of a content; where their number is unknown (0), all that there are.

        From the end on: who is interrupted leaves the first ones, by which the rest is found.
        """
        end = chunks or self._count(label, content)
        for first in reversed(range(0, end, _PROBED)):
            numbers = range(first, min(first + _PROBED, end))
            self.engine.ask(label, "delete_many", [self.key(content, each) for each in numbers])

    def _count(self, label: str, content: str) -> int:
        """Return a number of chunks which a content has not more of."""
        end = 0
        while self._has_any(label, content, end):
            end += _PROBED
        return end

    def _has_any(self, label: str, content: str, first: int) -> bool:
        keys = (self.key(content, first + number) for number in range(_PROBED))
        return any(self.engine.ask(label, "has_key", key) for key in keys)

    def key(self, content: str, number: int) -> str:
        """Return the key of a chunk."""
        return self.engine.key("c", f"{content}.{number}")


class Storing:
    """
    A content that is being stored, of which the block makes the content of a name.

    What is stored is dropped where the block raises; where this process ends before the block does,
    somebody's sweeping does it.

    :param contents: of the store.
    :param label: what errors name.
    :param place: of the name.
    :param content: which content it is.
    """

    def __init__(
        self, contents: Contents, label: str, place: tuple[str, str], content: str
    ) -> None:
        self._contents = contents
        self._label = label
        self._place = place
        self._content = content
        self._sent = 0
        self._is_unknown = False

    def __enter__(self) -> Storing:
        self._note = self._contents.suspects.add(self._label, self._content, self._place)
        return self

    def move(self, label: str, place: tuple[str, str]) -> None:
        """
        Store for another name, after the one before has come into other hands.

        Raises ``OSError`` where somebody has dropped the content, and where the store cannot tell.
        """
        suspects = self._contents.suspects
        if not self._contents.engine.backend.lists_entries:
            raise OSError(errno.ESTALE, "the name was taken or forgotten meanwhile", self._label)
        self._note = suspects.renew(self._label, self._content, place, self._note)
        self._label, self._place = label, place

    @contextlib.contextmanager
    def changing(self, *answers: type[Exception]) -> Iterator[None]:
        """
        Have a block in which the place is changed: what it does is unknown until it ends.

        :param answers: the exceptions by which it says that it has changed nothing.
        """
        self._is_unknown = True
        try:
            yield
        except answers:
            self._is_unknown = False
            raise
        self._is_unknown = False

    def __exit__(self, kind: type[BaseException] | None, *info: object) -> None:
        if kind is None:
            self._finish()
            return
        with self._contents.engine.attempt():  # the first error is the one to tell of
            self._withdraw()

    def _finish(self) -> None:
        """Remove the note; raise where somebody has taken the content for one of nobody's."""
        forgotten = True
        with self._contents.engine.attempt():  # what is stored is in its place
            forgotten = self._contents.suspects.forget(self._label, self._content, self._note)
        if not forgotten:
            found = self._contents.suspects.find(self._label, self._content, self._place)
            if found is not None:
                self._contents.engine.remove(self._label, self._place, found.meta)
            self._contents.drop(self._label, self._content, self._sent)
            raise given_up(self._label)

    def _withdraw(self) -> None:
        """Drop what was stored, unless it is the content of the name, or may still become it."""
        suspects = self._contents.suspects
        found = suspects.find(self._label, self._content, self._place)
        is_file = found is not None and found.record.kind is Kind.FILE
        if found is not None and not is_file:
            if not self._contents.engine.remove(self._label, self._place, found.meta):
                return
        elif self._is_unknown and not is_file:
            return  # and a sweeping looks again
        if not is_file and self._sent:
            self._contents.drop(self._label, self._content, self._sent)
        suspects.forget(self._label, self._content, self._note)

    def store(self, chunks: Iterator[Chunk]) -> tuple[Record, bytes]:
        """
        Store chunks, of which all but the last are of one size.

        Return the content's record, and what its entry has for a body.
        """
        length = self._contents.chunk_size
        size, checksums, started = 0, bytearray(), time.monotonic()
        renewed = started
        while batch := [*itertools.islice(chunks, max(1, _BATCH // length))]:
            self._send(batch)
            size += sum(map(len, batch))
            checksums += b"".join(map(_checksum, batch))
            if time.monotonic() - renewed > LEASE / 4:
                suspects = self._contents.suspects
                self._note = suspects.renew(self._label, self._content, self._place, self._note)
                renewed = time.monotonic()
        if self._contents.ttl is not None and time.monotonic() - started > LEASE:
            raise given_up(self._label)  # the engine may have dropped the first chunks
        record = replace(
            self._contents.record(), content=self._content, size=size, chunk_size=length, checksum=0
        )
        return record, bytes(checksums)

    def _send(self, batch: list[Chunk]) -> None:
        first, self._sent = self._sent, self._sent + len(batch)
        keys = [self._contents.key(self._content, number) for number in range(first, self._sent)]
        takes_views = self._contents.engine.backend.takes_views
        values = zip(keys, batch if takes_views else map(bytes, batch), strict=True)
        # The time of the file begins when all is stored, and a reader may be late.
        ttl = None if self._contents.ttl is None else self._contents.ttl + 2 * LEASE
        self._contents.engine.ask(self._label, "set_many", values, ttl)


def _checksum(chunk: Chunk) -> bytes:
    return _CHECKSUM.pack(crc32(chunk))
