"""Reading: a content as a byte device, of which is fetched what is read."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator

from ..limits import crc32
from .contents import Contents
from .records import Record

# Chunks that are fetched at once where all of a content is read.
_AHEAD = 8


class ContentIO(io.RawIOBase):
    """
    A content that is read, whatever becomes of its name.

    :param contents: where it is.
    :param record: which it is.
    :param body: what is in its entry: all of it, or the checksums of its chunks.
    :param name: of the file.
    :param is_current: tells whether the name has this content still, for the error that says so.

    Raises ``OSError`` where the content is not as it was stored: with ``ESTALE`` where the file was
    deleted or replaced, else with ``EIO``.
    """

    def __init__(
        self,
        contents: Contents,
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
        # The chunk at hand.
        self._number = -1
        self._chunk = memoryview(b"")
        self._body = body
        if not record.chunk_size:
            self._check()

    def _check(self) -> None:
        """Raise where the content that is in the entry is not as it was stored."""
        found = len(self._body), crc32(self._body)
        if found != (self._record.size, self._record.checksum):
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
        """Return true."""
        self._check_open()
        return True

    def seekable(self) -> bool:
        """Return true."""
        self._check_open()
        return True

    def tell(self) -> int:
        """Return the position."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, as lseek(2) does."""
        self._check_open()
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._record.size}
        position = starts[whence] + offset
        if position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = position
        return position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer what is left of a chunk; return how many bytes that were."""
        self._check_open()
        if self._position >= self._record.size:
            return 0
        start = self._at_hand()
        part = self._chunk[self._position - start :][: len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def readall(self) -> bytes:
        """Return all from the position on."""
        self._check_open()
        rest = self._rest(self._position)
        # Not before all is there: who tries again after an error is not to find the end.
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

    def _at_hand(self) -> int:
        """Have the chunk at hand in which the position is; return where that begins."""
        size = self._record.chunk_size
        if not size:
            self._chunk = memoryview(self._body)
            return 0
        number = self._position // size
        if number != self._number:
            self._chunk, self._number = memoryview(self._fetch(number, 1)[0]), number
        return number * size

    def _chunks(self, first: int) -> Iterator[bytes]:
        """Yield the chunks from one on, some fetched at once."""
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
