"""Reading: content that fetches the chunks it needs."""

from __future__ import annotations

import errno
from collections.abc import Callable

from ..limits import crc32
from .chunks import ContentStore
from .entries import Record

# Chunks that are fetched at once when the rest of a file is read.
_AHEAD = 8


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

    def __init__(
        self,
        contents: ContentStore,
        record: Record,
        body: bytes,
        name: str,
        is_current: Callable[[], bool],
    ) -> None:
        self.size = record.size
        self._contents = contents
        self._record = record
        self._body = body
        self._name = name
        self._is_current = is_current
        # The chunk that was fetched last.
        self._number = -1
        self._chunk = b""
        if not record.chunk_size and (len(body), crc32(body)) != (record.size, record.checksum):
            raise self._lost()

    def read_at(self, position: int, size: int | None) -> bytes:
        """Return at most ``size`` bytes of one chunk, or all the rest, from a position on."""
        if position >= self.size:
            return b""
        number, start = divmod(position, self._record.chunk_size or self.size)
        if size is None:
            return self._rest(number, start)
        if number != self._number:
            self._chunk, self._number = self._fetch(number, 1)[0], number
        return self._chunk[start : start + size]

    def _rest(self, number: int, start: int) -> bytes:
        """Return the chunks from the one of this number on, without the start of the first."""
        total = max(1, self._record.chunks)
        parts: list[bytes | memoryview[int]] = []
        for first in range(number, total, _AHEAD):
            parts += self._fetch(first, min(_AHEAD, total - first))
        if start:
            parts[0] = memoryview(parts[0])[start:]
        return b"".join(parts)

    def _fetch(self, first: int, count: int) -> list[bytes]:
        if not self._record.chunk_size:
            return [self._body]
        chunks = self._contents.read(self._name, self._record, self._body, first, count)
        if chunks is None:
            raise self._lost()
        return chunks

    def _lost(self) -> OSError:
        if self._is_current():
            return OSError(errno.EIO, "the store has lost a part of this file", self._name)
        return OSError(
            errno.ESTALE, "the file was deleted or replaced while it was read", self._name
        )
