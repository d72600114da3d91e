"""A content as chunks of one length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.files import File

from ...chunks import as_bytes


def pieces_of(content: Any, size: int) -> Iterator[bytes]:
    """
    Return the bytes of a content as it gives them, text as UTF-8.

    :param size: bytes in which it is read, where it is Django's to say.

    Raises what reading raises, and ``TypeError`` when text follows bytes or the reverse.
    """
    is_own = getattr(type(content), "chunks", None) is not File.chunks
    own = is_own or "chunks" in getattr(content, "__dict__", ())
    return as_bytes(content, content.chunks() if own else content.chunks(size))


def cut(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in chunks of ``size``, the last one shorter."""
    gathered = bytearray()
    for piece in pieces:
        if not gathered and len(piece) == size:
            yield piece
            continue
        gathered += piece
        while len(gathered) >= size:
            yield bytes(gathered[:size])
            del gathered[:size]
    if gathered:
        yield bytes(gathered)
