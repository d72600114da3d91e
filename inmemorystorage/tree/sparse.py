"""`SparseIO`: the content of a file with holes."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

# The block of most disks, and what a buffered handle writes at once.
PAGE = 4096
# A smaller gap is filled with zeros, which costs less than pages.
MIN_HOLE = 16 * PAGE
_ZEROS = bytes(PAGE)


class SparseIO:
    """
    A ``BytesIO`` in which a page that was never written takes no memory, and reads as zeros.

    A page is never changed but replaced, so a copy shares all its pages.

    :param content: the bytes at the start.
    """

    __slots__ = ("_pages", "_position", "_size")

    def __init__(self, content: bytes = b"") -> None:
        self._pages: dict[int, bytes] = {}
        self._position = 0
        self._size = 0
        self.write(content)

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return self._read(0, self._size)

    def copy(self) -> SparseIO:
        """Return a copy, which has the same holes."""
        copy = SparseIO()
        copy._pages = self._pages.copy()
        copy._size = self._size
        return copy

    @property
    def has_holes(self) -> bool:
        """Return whether any page takes no memory."""
        return len(self._pages) * PAGE < self._size

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield the pages that take memory, each with its position."""
        for index, page in sorted(self._pages.items()):
            yield index * PAGE, page[: self._size - index * PAGE]

    def seek(self, position: int) -> None:
        """Move to a position, which may be past the end."""
        self._position = position

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes from the position on; fewer at the end."""
        return self._read(self._position, min(self._position + size, self._size))

    def _read(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        stream = io.BytesIO()
        stream.seek(end - start - 1)
        stream.write(b"\0")  # raises MemoryError before pages are read
        pages = range(start // PAGE, _pages_of(end))
        for index in filter(self._pages.__contains__, pages):
            above = index * PAGE
            piece = self._pages[index][max(0, start - above) : end - above]
            stream.seek(max(0, above - start))
            stream.write(piece)
        return stream.getvalue()

    def write(self, data: bytes | memoryview) -> None:
        """Write ``data`` at the position; write nothing if there is not enough memory."""
        view, start, end = memoryview(data), self._position, self._position + len(data)
        if end > sys.maxsize:
            raise OverflowError(f"{end} bytes are more than a file can have")
        pages: dict[int, bytes] = {}
        for index in range(start // PAGE, _pages_of(end)):
            above = index * PAGE
            piece = bytes(view[max(0, above - start) : max(0, above + PAGE - start)])
            if len(piece) < PAGE:
                page, offset = self._pages.get(index, _ZEROS), max(0, start - above)
                piece = page[:offset] + piece + page[offset + len(piece) :]
            pages[index] = piece
        self._pages.update(pages)
        self._size = max(self._size, end)

    def truncate(self, size: int) -> None:
        """Cut the content to ``size`` bytes."""
        count = _pages_of(size)
        self._pages = {index: page for index, page in self._pages.items() if index < count}
        if count - 1 in self._pages:
            page = self._pages[count - 1][: size - (count - 1) * PAGE]
            self._pages[count - 1] = page.ljust(PAGE, b"\0")
        self._size = size


def _pages_of(size: int) -> int:
    """Return the number of pages that so many bytes need."""
    return -(-size // PAGE)
