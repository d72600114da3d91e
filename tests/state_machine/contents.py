"""Content of each kind that save() takes, made of bytes or text."""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import (
    InMemoryUploadedFile,
    SimpleUploadedFile,
    TemporaryUploadedFile,
)
from hypothesis import strategies as st
from state_machine.inputs import data, either
from state_machine.outcomes import outcome


class Broken(Exception):
    """The error that broken content raises."""


class Chunks:
    """Content that yields the given chunks, and raises at a ``None`` among them."""

    name = "chunks"

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def chunks(self) -> Iterator[Any]:
        """Yield the chunks."""
        for part in self.parts:
            if part is None:
                raise Broken
            yield part


class Stream:
    """An object that can be read once, and has no other method."""

    def __init__(self, raw: Any) -> None:
        self.file = buffer(raw)

    def read(self, size: int = -1) -> Any:
        """Return the rest of the content."""
        return self.file.read(size)


class BytesSubclass(bytes):
    """A subclass of bytes."""


def buffer(raw: Any) -> Any:
    """Return a stream of the io module for bytes or text."""
    return io.BytesIO(raw) if isinstance(raw, bytes) else io.StringIO(raw)


def at_end(stream: Any) -> Any:
    """Return the stream at its end."""
    stream.seek(0, os.SEEK_END)
    return stream


def closed(stream: Any) -> Any:
    """Return the stream, closed."""
    stream.close()
    return stream


def temporary(raw: bytes) -> TemporaryUploadedFile:
    """Return an upload that is long enough for Django to keep it on the disk."""
    upload = TemporaryUploadedFile("upload.txt", "text/plain", len(raw), None)
    upload.write(raw)
    upload.flush()
    return upload


def uploaded(raw: Any) -> InMemoryUploadedFile:
    """Return an upload whose declared size is wrong."""
    return InMemoryUploadedFile(buffer(raw), "field", "d/upload.txt", "text/plain", 3, None)


KINDS: dict[str, Callable[[Any], Any]] = {
    "ContentFile": ContentFile,
    "ContentFile with a name": lambda raw: ContentFile(raw, name="content.txt"),
    "ContentFile at its end": lambda raw: at_end(ContentFile(raw, name="content.txt")),
    "File": lambda raw: File(buffer(raw), name="file.txt"),
    "File at its end": lambda raw: File(at_end(buffer(raw)), name="file.txt"),
    "File without a name": lambda raw: File(buffer(raw)),
    "closed File": lambda raw: File(closed(buffer(raw)), name="closed.txt"),
    "InMemoryUploadedFile": uploaded,
    "stream of io": buffer,
    "readable": Stream,
    "chunks": lambda raw: Chunks(raw, raw),
    "chunks that break": lambda raw: Chunks(raw, None),
    "chunks that break at once": lambda raw: Chunks(None),
    "chunks of both types": lambda raw: Chunks(raw, b"b", "s"),
    "no chunks": lambda raw: Chunks(),
    "chunks of a wrong type": lambda raw: Chunks(3),
    "None": lambda raw: None,
    "a number": lambda raw: 3,
}
BINARY_KINDS: dict[str, Callable[[bytes], Any]] = {
    "TemporaryUploadedFile": temporary,
    "SimpleUploadedFile": lambda raw: SimpleUploadedFile("simple.txt", raw),
    "chunks of bytearray": lambda raw: Chunks(bytearray(raw)),
    "chunks of memoryview": lambda raw: Chunks(memoryview(raw), BytesSubclass(raw)),
    "ContentFile of a subclass": lambda raw: ContentFile(BytesSubclass(raw), name="shy.txt"),
    "ContentFile of bytearray": lambda raw: ContentFile(bytearray(raw), name="array.txt"),
    "File over a buffer": lambda raw: File(io.BufferedReader(io.BytesIO(raw)), name="buffered.txt"),
    "File over text": lambda raw: File(io.TextIOWrapper(io.BytesIO(raw), "latin-1"), name="t.txt"),
}


@dataclass(frozen=True)
class Recipe:
    """Instructions to make equal content for each storage."""

    kind: str
    raw: Any

    def make(self) -> Any:
        """Return new content."""
        return {**KINDS, **BINARY_KINDS}[self.kind](self.raw)


recipes = st.one_of(
    st.builds(Recipe, st.sampled_from([*KINDS]), either),
    st.builds(Recipe, st.sampled_from(["ContentFile", "File", "stream of io"]), data),
    st.builds(Recipe, st.sampled_from([*BINARY_KINDS]), data),
)


def after_saving(content: Any) -> Any:
    """Return the state of content after saving: its position, and whether its file exists."""
    path = getattr(content, "temporary_file_path", None)
    return (
        outcome(lambda: content.tell()),
        outcome(lambda: content.closed),
        os.path.exists(path()) if path else None,
    )


def spoil(content: Any) -> Any:
    """Overwrite content after it was saved, which must not change the file."""
    if hasattr(content, "temporary_file_path"):
        return content.close()
    content.seek(0)
    return content.write("#" if isinstance(content.read(0), str) else b"#")
