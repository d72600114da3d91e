"""A content as chunks of one length."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from django.core.files import File

from ...content import as_bytes

# A part of a content, which may be one of a longer piece that is not copied.
Chunk: TypeAlias = "bytes | memoryview[int]"


def pieces_of(content: Any, size: int) -> Iterator[bytes]:
    """
    Return the bytes of a content as it gives them, text as UTF-8.

    :param size: bytes in which it is read, where it is Django's to say.

    Raises what reading raises, and ``TypeError`` when text follows bytes or the reverse.
    """
    is_own = getattr(type(content), "chunks", None) is not File.chunks
    own = is_own or "chunks" in getattr(content, "__dict__", ())
    if not own and type(content.file) is io.BytesIO:
        return iter([_all_of(content.file)])
    return as_bytes(content, content.chunks() if own else content.chunks(size))


def _all_of(file: io.BytesIO) -> bytes:
    """Read a file from its start; it has its bytes already, which reading parts would copy."""
    file.seek(0, io.SEEK_END)
    return file.getvalue()


def cut(pieces: Iterable[bytes], size: int) -> Iterator[Chunk]:
    """
    Yield the same bytes in chunks of ``size``, the last one shorter.

    What one piece has of a chunk's length is not copied.
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
