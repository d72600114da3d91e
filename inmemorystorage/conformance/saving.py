"""Checks of ``save()``: content, names, and files that exist."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import (
    InMemoryUploadedFile,
    SimpleUploadedFile,
    TemporaryUploadedFile,
)

from . import sources
from .capabilities import saves_at_once
from .catalog import check
from .workspace import Workspace, expect, expect_equal, expect_raises

LONG = b"0123456789ab" * 12_000
EVERY_BYTE = bytes(range(256))


class Unclosed(io.BytesIO):
    """Content that a storage cannot close, so that a check can change it later."""

    def close(self) -> None:
        """Do nothing."""


def temporary(content: bytes) -> TemporaryUploadedFile:
    """Return an upload in a temporary file on the disk, as Django keeps a long one."""
    upload = TemporaryUploadedFile("upload.txt", "text/plain", len(content), None)
    upload.write(content)
    upload.seek(0)  # as Django's upload handler does
    return upload


def uploaded(content: bytes) -> InMemoryUploadedFile:
    """Return an upload in memory, as Django keeps a short one."""
    return upload_of(io.BytesIO(content))


def upload_of(stream: io.BytesIO) -> InMemoryUploadedFile:
    """Return an upload in memory whose content is a stream."""
    size = len(stream.getvalue())
    return InMemoryUploadedFile(stream, "field", "up.txt", "text/plain", size, None)


FILES: list[Callable[[bytes], Any]] = [
    ContentFile,
    lambda content: File(io.BytesIO(content)),
    io.BytesIO,
    lambda content: io.BufferedReader(io.BytesIO(content)),
]
UPLOADS: list[Callable[[bytes], Any]] = [
    uploaded,
    temporary,
    lambda content: SimpleUploadedFile("a.txt", content),
]


def expect_saved(space: Workspace, makers: list[Callable[[bytes], Any]], content: bytes) -> None:
    """Save some content as each kind of file, which must read back."""
    for number, make in enumerate(makers):
        with make(content) as file:
            saved = space.read(space.save(f"{number}", file))
        expect_equal(len(saved), len(content), f"the bytes of a {type(file).__name__}")
        expect(saved == content, f"the bytes of a {type(file).__name__} have changed")


@check(sources.EXAMPLE_CONTENT)
def saved_content_reads_back(space: Workspace) -> None:
    """save() stores bytes, and open() reads them."""
    expect_equal(space.read(space.save("a.txt", b"new content")), b"new content", "the content")


@check(sources.SAVE)
def every_byte_is_kept(space: Workspace) -> None:
    """save() stores each byte unchanged, and newlines too."""
    for content in (EVERY_BYTE, b"one\r\ntwo\rthree\n"):
        expect_equal(space.read(space.save("a", content)), content, "the content")


@check(sources.SAVE)
def empty_content_is_saved(space: Workspace) -> None:
    """save() stores an empty file, of each kind."""
    expect_saved(space, [*FILES, *UPLOADS], b"")


@check(sources.SAVE)
def long_content_is_saved(space: Workspace) -> None:
    """save() stores content of several chunks whole, of each kind."""
    expect_saved(space, [*FILES, *UPLOADS], LONG)


@check(sources.CONTENT)
def file_like_objects_are_saved(space: Workspace) -> None:
    """save() stores a File, and an object like a file."""
    expect_saved(space, FILES, b"content")


@check(sources.UPLOADS)
def uploads_are_saved(space: Workspace) -> None:
    """save() stores each kind of Django's uploads."""
    expect_saved(space, UPLOADS, b"content")


@check(sources.STRING_CONTENT, "text")
def text_is_saved(space: Workspace) -> None:
    """save() stores the content of a ContentFile of text, in UTF-8."""
    expect_equal(space.read(space.save("a", "é日\n")), "é日\n".encode(), "the content")


@check(sources.CHUNKS)
def content_is_saved_from_its_start(space: Workspace) -> None:
    """save() stores content from its start, even if it was read before."""
    for make in (*FILES, *UPLOADS):
        with make(b"content") as file:
            file.read(4)
            content = file if isinstance(file, File) else File(file, "a")
            saved = space.read(space.save("a", content))
            expect_equal(saved, b"content", f"the content of a {type(file).__name__}")


@check(sources.SAVE)
def saved_file_is_a_copy(space: Workspace) -> None:
    """A change of the content after save() does not change the file."""
    for make in (lambda stream: stream, File, upload_of):
        stream = Unclosed(b"content")
        name = space.save("a", make(stream))
        stream.seek(0)
        stream.write(b"CHANGED AND LONGER")
        expect_equal(space.read(name), b"content", "the content")


@check(sources.OPEN_CONTENT)
def content_stays_open(space: Workspace) -> None:
    """save() closes no file that its caller opened."""
    for make in (*FILES, *UPLOADS):
        with make(b"content") as file:
            space.save("a", file)
            expect(not file.closed, f"a {type(file).__name__} is closed")


@check(sources.CONTENT)
def opened_file_is_saved(space: Workspace) -> None:
    """save() copies a file of the storage from a handle."""
    with space.open(space.save("a", b"content")) as file:
        name = space.save("b", file)
    expect_equal(space.read(name), b"content", "the content")


@check(sources.PREFERRED_NAME)
def free_name_is_kept(space: Workspace) -> None:
    """save() returns a free name unchanged."""
    for name in ("d/a.txt", "d/B c.TXT"):
        expect_equal(space.save_as(name), space.name(name), "the name")


@check(sources.RETURNED_NAME)
def file_has_the_returned_name(space: Workspace) -> None:
    """A file exists under the name that save() returns."""
    for _ in range(2):
        name = space.save_as("d/a.txt")
        space.relative(name)
        expect(space.storage.exists(name), f"save() returned {name!r}, which does not exist")


@check(sources.EXAMPLE_PATH)
def directories_are_made(space: Workspace) -> None:
    """save() stores files in directories that did not exist, at any depth."""
    for name in ("a/b/c/1", "a/b/2", "a/3"):
        expect_equal(space.read(space.save(name, name.encode())), name.encode(), f"{name!r}")


@check(sources.UNIQUE_NAME, lacks=("overwrites",))
def existing_file_is_kept(space: Workspace) -> None:
    """save() under a taken name keeps the file that has it."""
    first = space.save("d/a.txt", b"first")
    second = space.save("d/a.txt", b"second")
    expect(first != second, f"both files were saved as {first!r}")
    expect_equal(space.read(first), b"first", "the content of the existing file")


@check(sources.SAVE, "overwrites")
def existing_file_is_replaced(space: Workspace) -> None:
    """save() of a storage that overwrites replaces the whole file, and no other."""
    other = space.save("b", b"other")
    for make in (*FILES, *UPLOADS):
        space.save("a", b"a much longer content")
        with make(b"new") as file:
            expect_equal(space.read(space.save("a", file)), b"new", "the content")
    expect_equal(space.read(other), b"other", "the content of another file")


@check(sources.UNIQUE_NAME, "atomic_names", lacks=("overwrites",))
def saves_at_once_get_different_names(space: Workspace) -> None:
    """Two saves that run at once under one name return different names, and keep both contents."""
    for names, contents in saves_at_once(space):
        expect(len(set(names)) == 2, f"both saves returned {names[0]!r}")
        expect_equal([space.read(name) for name in names], contents, "the contents")


@check(sources.TRAVERSAL, outside=True)
def names_outside_are_refused(space: Workspace) -> None:
    """save() refuses a name that leads out of the storage, and an absolute one."""
    directory = space.directory
    for name in (f"../{directory}-a", f"{directory}/../../{directory}-b", f"/{directory}-c"):
        with expect_raises(SuspiciousFileOperation, f"save({name!r})"):
            space.relative(space.storage.save(name, ContentFile(b"")))


@check(sources.MAX_LENGTH)
def max_length_is_kept(space: Workspace) -> None:
    """save() shortens a name that is longer than max_length, and keeps one that is not."""
    expect_equal(space.save("b" * 20, max_length=20), "b" * 20, "a name of max_length characters")
    name = space.save("abcdefghijklmnop.txt", b"content", max_length=15)
    expect(len(name) <= 15, f"the name has {len(name) - 15} characters too many: {name!r}")
    expect_equal(space.read(name), b"content", "the content")
