"""What is sent: bytes, and parts of a file that are read while they are sent."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.core.files import File

# How many bytes are read at once, and so are in memory for each download.
CHUNK_SIZE = 256 * 1024
# How many chunks are read for each change of threads, which takes longer than to read one.
_AT_ONCE = 4

Segment = bytes | range


def multipart(ranges: Sequence[range], content_type: str, size: int) -> tuple[str, list[Segment]]:
    """
    Return the boundary and the segments of a ``multipart/byteranges`` (RFC 9110, section 14.6).

    :param ranges: the positions of the parts; ``content_type`` and ``size`` (bytes) are those of
        the whole file.
    """
    boundary = f"{secrets.randbelow(10**20):020}"
    segments: list[Segment] = []
    for positions in ranges:
        head = f"Content-Type: {content_type}\r\nContent-Range: {content_range(positions, size)}"
        segments += [f"\r\n--{boundary}\r\n{head}\r\n\r\n".encode(), positions]
    return boundary, [*segments, f"\r\n--{boundary}--\r\n".encode()]


def content_range(positions: range, size: int) -> str:
    """Return the Content-Range of some positions (RFC 9110, section 14.4)."""
    return f"bytes {positions.start}-{positions.stop - 1}/{size}"


class Body:
    """
    Segments one after the other, in chunks; closes the file at the end.

    Raises ``EOFError`` where the file has become shorter, so that the server breaks off and the
    client knows that it has not got all.
    """

    def __init__(self, file: File[bytes], segments: Sequence[Segment]) -> None:
        self._file = file
        self._segments = segments

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            if segment.start != position:  # a file that cannot seek is read from its start
                self._file.seek(segment.start)
            for start in range(segment.start, segment.stop, CHUNK_SIZE):
                yield from self._read(min(CHUNK_SIZE, segment.stop - start))
            position = segment.stop

    def _read(self, size: int) -> Iterator[bytes]:
        """Yield so many bytes, in the pieces in which the file gives them."""
        while size:
            chunk = self._file.read(size)
            if not chunk:
                raise EOFError(f"{self._file.name} has become shorter while it was sent.")
            size -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def stream(body: Body, *, is_async: bool) -> Any:
    """
    Return what a ``StreamingHttpResponse`` takes.

    What fits into a chunk is read at once, and the file closed: under ASGI to read a chunk is to
    change threads twice.
    """
    if len(body) > CHUNK_SIZE:
        return AsyncBody(body) if is_async else body
    content = b"".join(body)
    body.close()
    return _once(content) if is_async else [content]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class AsyncBody:
    """A `Body` that is read in threads, so that the event loop waits for no file."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.close = body.close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self._body)
        read = sync_to_async(lambda: list(islice(chunks, _AT_ONCE)), thread_sensitive=False)
        try:
            while some := await read():
                for chunk in some:
                    yield chunk
        finally:  # also where the client has gone away
            self.close()
