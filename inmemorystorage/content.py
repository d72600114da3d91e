"""The contents that are saved, as bytes: by reference if they are in memory already."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, cast

import six
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile

from .files import StoredFile
from .tree.nodes import Content

# Classes whose chunks() yield their whole stream from its start.
_WHOLE_STREAMS = {File, ContentFile, InMemoryUploadedFile, SimpleUploadedFile}


def is_whole(content: Any) -> bool:
    """Return whether `whole_content` can return the bytes of ``content`` by reference."""
    if isinstance(content, StoredFile):
        return content.is_whole()
    if type(content) not in _WHOLE_STREAMS or "chunks" in vars(content):
        return False
    stream = content.file
    if type(stream) is io.BytesIO:
        return not stream.closed
    return type(stream) is io.StringIO and not stream.closed and stream.getvalue().isascii()


def whole_content(content: Any) -> Content:
    """
    Return all the bytes of ``content``, for which `is_whole` is true; holes stay holes.

    Leaves the stream at its end, as reading its chunks does.
    """
    if isinstance(content, StoredFile):
        return content.whole()
    stream = content.file
    stream.seek(0, io.SEEK_END)
    whole = stream.getvalue()
    return whole if type(whole) is bytes else six.ensure_binary(whole)


def as_bytes(content: Any, chunks: Iterable[Any]) -> Iterator[bytes]:
    """
    Yield the chunks of ``content`` as bytes, text encoded as UTF-8.

    Raises what reading them raises, and ``TypeError`` when text follows bytes or the reverse.
    """
    kind: type | None = None
    for chunk in chunks:
        kind = kind or type(chunk)
        if not isinstance(chunk, kind):
            raise TypeError(f"{content!r} yields {type(chunk).__name__} after {kind.__name__}.")
        yield six.ensure_binary(cast("bytes | str", chunk))


def read_chunks(content: Any, chunks: list[bytes]) -> None:
    """
    Append the chunks of ``content`` to ``chunks``, one by one.

    When reading raises, ``chunks`` has the chunks before the error.
    """
    for chunk in as_bytes(content, content.chunks()):
        chunks.append(chunk)


def read_temporary_file(content: Any) -> bytes:
    """Return the bytes of an upload that Django keeps in a temporary file."""
    with open(content.temporary_file_path(), "rb") as temporary:
        return temporary.read()
