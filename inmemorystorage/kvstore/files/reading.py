"""Reading: content that fetches the chunks it needs."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from ..limits import crc32
from .chunks import ContentStore
from .entries import Record

# Chunks that are fetched at once when the rest of a file is read.
_AHEAD = 8


@dataclass
class StoredContent:
    """
    The content that a file has now, even if the file is replaced or deleted later.

    :param contents: of the store.
    :param record: of the content.
    :param body: of its entry: the content, or the checksums of its chunks.
    :param name: of the file.
    :param is_current: returns whether the file still has this content.

    Raises ``OSError`` if the content is not as it was stored: ``ESTALE`` if the file was deleted or
    replaced, else ``EIO``.
    """

    contents: ContentStore
    record: Record
    body: bytes
    name: str
    is_current: Callable[[], bool]
    # The chunk that was fetched last, and its number.
    _chunk: bytes = b""
    _number: int = -1

    def __post_init__(self) -> None:
        record, body = self.record, self.body
        if not record.chunk_size and (len(body), crc32(body)) != (record.size, record.checksum):
            raise self._lost()

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return self.record.size

    def read_at(self, position: int, size: int | None) -> bytes:
        """Return at most ``size`` bytes of one chunk, or all the rest, from a position on."""
        if position >= self.size:
            return b""
        number, start = divmod(position, self.record.chunk_size or self.size)
        if size is None:
            return self._rest(number, start)
        if number != self._number:
            self._chunk, self._number = self._fetch(number, 1)[0], number
        return self._chunk[start : start + size]

    def _rest(self, number: int, start: int) -> bytes:
        """Return the chunks from the one of this number on, without the start of the first."""
        total = max(1, self.record.chunks)
        parts: list[bytes | memoryview[int]] = []
        for first in range(number, total, _AHEAD):
            parts += self._fetch(first, min(_AHEAD, total - first))
        if start:
            parts[0] = memoryview(parts[0])[start:]
        return b"".join(parts)

    def _fetch(self, first: int, count: int) -> list[bytes]:
        if not self.record.chunk_size:
            return [self.body]
        chunks = self.contents.read(self.name, self.record, self.body, first, count)
        if chunks is None:
            raise self._lost()
        return chunks

    def _lost(self) -> OSError:
        if self.is_current():
            return OSError(errno.EIO, "the store has lost a part of this file", self.name)
        return OSError(
            errno.ESTALE, "the file was deleted or replaced while it was read", self.name
        )
