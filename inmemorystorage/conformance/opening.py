"""Checks of ``open()``: each mode, and what its handle can do."""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import suppress
from typing import Any

from django.core.files.base import File

from . import sources
from .catalog import check
from .workspace import Workspace, expect, expect_equal, expect_raises

READING = ("r", "rb", "r+", "rb+")
TRUNCATING = ("w", "wb", "w+", "wb+")
APPENDING = ("a", "ab", "a+", "ab+")
EXCLUSIVE = ("x", "xb", "x+", "xb+")
# What a file with b"content" contains after b"more" was written in a mode that keeps it.
UPDATED = {"ab": b"contentmore", "rb+": b"moreent"}
INVALID = ("", "q", "rw", "rbt", "wx", "r++", "b", "+", "bb", "r b")


def sample(mode: str) -> bytes | str:
    """Return three characters to write in a mode."""
    return b"new" if "b" in mode else "new"


@check(sources.OPENED_FILE)
def open_returns_a_file(space: Workspace) -> None:
    """open() returns an instance of Django's File."""
    with space.open(space.save("a", b"content")) as file:
        expect(isinstance(file, File), f"it returned a {type(file).__name__}")


@check(sources.DEFAULT_MODE)
def open_reads_bytes(space: Workspace) -> None:
    """open() without a mode reads bytes."""
    with space.storage.open(space.name(space.save("a", b"content"))) as file:
        expect_equal(file.read(), b"content", "the content")


@check(sources.MISSING)
def missing_file_cannot_be_opened(space: Workspace) -> None:
    """open() raises FileNotFoundError for a missing file."""
    space.save("d/a")
    for name in ("missing", "d/missing"):
        with expect_raises(FileNotFoundError, f"open({name!r})"):
            space.read(name)


@check(sources.MISSING, "modes")
def updating_needs_the_file(space: Workspace) -> None:
    """open() with r+ raises FileNotFoundError for a missing file, and does not create it."""
    for mode in ("r+", "rb+"):
        with expect_raises(FileNotFoundError, f"open() with {mode!r}"):
            space.open("missing", mode)
    expect(not space.exists("missing"), "the file exists")


@check(sources.OPEN, "writes")
def written_content_reads_back(space: Workspace) -> None:
    """A handle opened with wb stores what is written before it is closed."""
    space.save("other")  # makes the directory
    with space.open("a", "wb") as file:
        for _ in range(3):
            file.write(b"one\r\ntwo\rthree\n")
    expect_equal(space.read("a"), b"one\r\ntwo\rthree\n" * 3, "the content")


@check(sources.MODES, "writes")
def writing_replaces_the_content(space: Workspace) -> None:
    """A handle opened with wb drops the old content."""
    name = space.save("a", b"a long content")
    space.write(name, b"new")
    expect_equal(space.read(name), b"new", "the content")


@check(sources.CLOSED, "writes")
def error_keeps_what_was_written(space: Workspace) -> None:
    """A handle stores the bytes that were written before its with block raised."""
    space.save("other")  # makes the directory
    with suppress(KeyError), space.open("a", "wb") as file:
        file.write(b"content")
        raise KeyError
    expect_equal(space.read("a"), b"content", "the content")


@check(sources.MODES, "modes")
def writing_creates_the_file_at_once(space: Workspace) -> None:
    """open() with w, a or x creates an empty file before anything is written."""
    space.save("other")  # makes the directory
    for mode in (*TRUNCATING, *APPENDING, *EXCLUSIVE):
        name = f"new-{mode.replace('+', '-')}"
        with space.open(name, mode):
            expect(space.exists(name), f"open() with {mode!r} did not create the file")
        expect_equal(space.read(name), b"", "the content")


@check(sources.MODES, "modes")
def writing_truncates_at_once(space: Workspace) -> None:
    """open() with w drops the old content before anything is written."""
    for mode in TRUNCATING:
        name = space.save("a", b"old content")
        with space.open(name, mode):
            expect_equal(space.read(name), b"", f"the content after open() with {mode!r}")


@check(sources.MODES, "modes")
def appending_writes_at_the_end(space: Workspace) -> None:
    """A handle opened with a writes at the end, wherever it was moved."""
    for mode in APPENDING:
        name = space.save("a", b"old ")
        with space.open(name, mode) as file:
            file.seek(0)
            file.write(sample(mode))
        expect_equal(space.read(name), b"old new", f"the content after {mode!r}")


@check(sources.MODES, "modes")
def appending_follows_other_writes(space: Workspace) -> None:
    """A handle opened with a writes at the end that the file has at that time."""
    name = space.save("log", b"old ")
    with space.open(name, "ab") as first:
        space.write(name, b"second ", "ab")
        first.write(b"first")
    expect_equal(space.read(name), b"old second first", "the content")


@check(sources.MODES, "modes")
def exclusive_mode_refuses_an_existing_file(space: Workspace) -> None:
    """open() with x raises FileExistsError for an existing file, and keeps it."""
    name = space.save("a", b"old")
    for mode in EXCLUSIVE:
        with expect_raises(FileExistsError, f"open() with {mode!r}"):
            space.open(name, mode)
    expect_equal(space.read(name), b"old", "the content")


@check(sources.MODES, "modes")
def updating_writes_in_place(space: Workspace) -> None:
    """A handle opened with r+ writes over the bytes at its position, and keeps the rest."""
    for mode in ("rb+", "r+"):
        name = space.save("a", b"0123456789")
        space.write(name, sample(mode), mode)
        expect_equal(space.read(name), b"new3456789", f"the content after {mode!r}")


@check(sources.MODES, "modes")
def updating_modes_read_and_write(space: Workspace) -> None:
    """A handle opened with + reads what was written through it."""
    space.save("other")  # makes the directory
    for mode in ("wb+", "ab+", "xb+", "w+", "a+", "x+"):
        with space.open(f"new-{mode.replace('+', '-')}", mode) as file:
            file.write(sample(mode))
            file.seek(0)
            expect_equal(file.read(), sample(mode), f"the content in {mode!r}")


@check(sources.MODES, "modes")
def writing_handle_refuses_to_read(space: Workspace) -> None:
    """A handle opened with w or a raises UnsupportedOperation on read()."""
    name = space.save("a")
    for mode in ("wb", "ab", "w", "a"):
        with (
            space.open(name, mode) as file,
            expect_raises(io.UnsupportedOperation, f"read() in {mode!r}"),
        ):
            file.read()


@check(sources.MODES, "modes")
def reading_handle_refuses_to_write(space: Workspace) -> None:
    """A handle opened with r raises UnsupportedOperation on write() and truncate()."""
    name = space.save("a", b"old")
    for mode in ("rb", "r"):
        with space.open(name, mode) as file:
            with expect_raises(io.UnsupportedOperation, f"write() in {mode!r}"):
                file.write(sample(mode))
            with expect_raises(io.UnsupportedOperation, f"truncate() in {mode!r}"):
                file.truncate(0)
    expect_equal(space.read(name), b"old", "the content")


@check(sources.MODES, "modes")
def wrong_type_is_refused(space: Workspace) -> None:
    """A binary handle raises TypeError for text, and a text handle for bytes."""
    name = space.save("a")
    for mode, wrong in (("wb", "text"), ("w", b"bytes")):
        with space.open(name, mode) as file, expect_raises(TypeError, f"write({wrong!r})"):
            file.write(wrong)


@check(sources.MODES, "modes")
def unknown_mode_is_refused(space: Workspace) -> None:
    """open() raises ValueError for a mode that Python refuses, and keeps the file."""
    name = space.save("a", b"old")
    for mode in INVALID:
        for each in (name, "missing"):
            with expect_raises(ValueError, f"open() with {mode!r}"):
                space.open(each, mode)
    expect_equal(space.read(name), b"old", "the content")
    expect(not space.exists("missing"), "the missing file exists")


@check(sources.MODES, lacks=("modes",))
def unsupported_mode_is_refused(space: Workspace) -> None:
    """open() or write() raises for a mode that the storage does not support, and keeps the file."""
    for mode, updated in UPDATED.items():
        name = space.save("a", b"content")
        try:
            space.write(name, b"more", mode)
        except Exception:
            updated = b"content"
        expect_equal(space.read(name), updated, f"the content after write() in {mode!r}")


@check(sources.MODE, "modes")
def handle_is_like_pythons(space: Workspace) -> None:
    """A File of each mode has the mode, the position and the abilities of Python's own file."""
    with tempfile.TemporaryDirectory() as directory:
        for number, mode in enumerate((*READING, *TRUNCATING, *APPENDING, *EXCLUSIVE)):
            path, name = f"{directory}/{number}", f"{number}"
            with open(path, "wb") as existing:
                existing.write(b"old")
            space.save(name if "x" not in mode else "other", b"old")
            if "x" in mode:
                os.remove(path)
            full = space.name(name)
            with open(path, mode) as expected, space.storage.open(full, mode) as file:
                expect(isinstance(file, File), f"it is a {type(file).__name__}")
                expect_equal(_abilities(file), _abilities(expected), f"after open() with {mode!r}")


def _abilities(file: Any) -> tuple[str, int, bool, bool, bool]:
    return file.mode, file.tell(), file.readable(), file.writable(), file.seekable()


@check(sources.MODES, "text")
def text_is_read(space: Workspace) -> None:
    """A handle opened with r reads text, with each kind of newline as a line feed."""
    with space.open(space.save("a", b"one\ntwo\r\nthree\rfour"), "r") as file:
        expect_equal(file.read(), "one\ntwo\nthree\nfour", "the text")


@check(sources.FILE_API, "text")
def newlines_are_reported(space: Workspace) -> None:
    """newlines are the kinds of newlines that a handle opened with r has read."""
    with space.open(space.save("a", b"one\ntwo\r\nthree\rfour"), "r") as file:
        file.read()
        expect_equal(file.newlines, ("\r", "\n", "\r\n"), "newlines")


@check(sources.MODES, "text", "writes")
def text_is_written(space: Workspace) -> None:
    """A handle opened with w writes text, which one opened with r reads."""
    space.save("other")  # makes the directory
    space.write("a", "é日本\n", "w")
    with space.open("a", "r") as file:
        expect_equal(file.read(), "é日本\n", "the text")
