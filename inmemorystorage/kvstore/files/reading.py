"""Reading: a byte device that fetches the chunks it needs."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator

from ..limits import crc32
from .chunks import ContentStore
from .entries import Record

# Chunks that are fetched at once when the rest of a file is read.
_AHEAD = 8


class ContentIO(io.RawIOBase):
    """
    Read the content that a file has now, even if the file is replaced or deleted later.

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
        super().__init__()
        self.name = name
        self.mode = "rb"
        self._contents = contents
        self._record = record
        self._is_current = is_current
        self._position = 0
        # The chunk that was fetched last.
        self._number = -1
        self._chunk = memoryview(b"")
        self._body = body
        if not record.chunk_size and (len(body), crc32(body)) != (record.size, record.checksum):
            raise self._lost()

    def _lost(self) -> OSError:
        if self._is_current():
            return OSError(errno.EIO, "the store has lost a part of this file", self.name)
        return OSError(
            errno.ESTALE, "the file was deleted or replaced while it was read", self.name
        )

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return self._record.size

    def readable(self) -> bool:
        """Return True."""
        self._check_open()
        return True

    def seekable(self) -> bool:
        """Return True."""
        self._check_open()
        return True

    def tell(self) -> int:
        """Return the position."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, as lseek(2) does."""
        self._check_open()
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._record.size}
        position = starts[whence] + offset
        if position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = position
        return position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read the rest of a chunk into a buffer; return the number of bytes."""
        self._check_open()
        if self._position >= self._record.size:
            return 0
        start = self._load_chunk()
        part = self._chunk[self._position - start :][: len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def readall(self) -> bytes:
        """Return the rest of the content."""
        self._check_open()
        rest = self._rest(self._position)
        # Only now: after an error, a second try starts at the same position.
        self._position += len(rest)
        return rest

    def _rest(self, position: int) -> bytes:
        if not self._record.chunk_size:
            return self._body[position:] if position else self._body
        if position >= self._record.size:
            return b""
        first = position // self._record.chunk_size
        parts: list[bytes | memoryview[int]] = [*self._chunks(first)]
        parts[0] = memoryview(parts[0])[position - first * self._record.chunk_size :]
        return b"".join(parts)

    def _load_chunk(self) -> int:
        """Fetch the chunk at the position, unless it is loaded; return where it begins."""
        size = self._record.chunk_size
        if not size:
            self._chunk = memoryview(self._body)
            return 0
        number = self._position // size
        if number != self._number:
            self._chunk, self._number = memoryview(self._fetch(number, 1)[0]), number
        return number * size

    def _chunks(self, first: int) -> Iterator[bytes]:
        """Yield the chunks from the one of this number, and fetch several at once."""
        total = self._record.chunks
        for number in range(first, total, _AHEAD):
            yield from self._fetch(number, min(_AHEAD, total - number))

    def _fetch(self, first: int, count: int) -> list[bytes]:
        chunks = self._contents.read(self.name, self._record, self._body, first, count)
        if chunks is None:
            raise self._lost()
        return chunks

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
