"""Checks of the handles that ``open()`` returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from django.core.files.base import File

from . import sources
from .catalog import check
from .workspace import Workspace, expect, expect_equal, expect_raises

DIGITS = b"0123456789"
LINE = b"0123456789\n"

USES: dict[str, Callable[[File[Any]], object]] = {
    "read": lambda file: file.read(),
    "readline": lambda file: file.readline(),
    "write": lambda file: file.write(b"new"),
    "seek": lambda file: file.seek(0),
    "tell": lambda file: file.tell(),
    "truncate": lambda file: file.truncate(),
    "flush": lambda file: file.flush(),
    "list": list,
    "chunks": lambda file: list(file.chunks()),
}


@check(sources.FILE_API)
def read_takes_a_size(space: Workspace) -> None:
    """read(size) returns that many bytes, and read() the rest."""
    with space.open(space.save("a", DIGITS)) as file:
        parts = file.read(3), file.read(0), file.read(), file.read()
        expect_equal(parts, (b"012", b"", b"3456789", b""), "the parts")


@check(sources.FILE_API, "ranges")
def seek_moves_the_handle(space: Workspace) -> None:
    """seek() moves a handle relative to the start, to its position, or to the end."""
    with space.open(space.save("a", DIGITS)) as file:
        file.seek(4)
        expect_equal((file.tell(), file.read(2)), (4, b"45"), "tell() and read() after seek(4)")
        file.seek(-1, os.SEEK_CUR)
        expect_equal(file.read(1), b"5", "read() after seek(-1, SEEK_CUR)")
        file.seek(-2, os.SEEK_END)
        expect_equal(file.read(), b"89", "read() after seek(-2, SEEK_END)")
        file.seek(50)
        expect_equal(file.read(), b"", "read() after the end")


@check(sources.FILE_API, "modes")
def seek_before_the_start_is_refused(space: Workspace) -> None:
    """seek() raises for a position before the start, and keeps the handle where it was."""
    with space.open(space.save("a", DIGITS)) as file:
        with expect_raises((OSError, ValueError), "seek(-1)"):
            file.seek(-1)
        expect_equal(file.tell(), 0, "tell()")


@check(sources.FILE_API, "modes")
def lines_are_read(space: Workspace) -> None:
    """readline(), readinto() and readlines() continue at the position."""
    buffer = bytearray(3)
    with space.open(space.save("a", b"one\ntwo\nthree\nfour")) as file:
        parts = file.read(2), file.readline(), file.readinto(buffer), file.readlines()
    expect_equal(parts, (b"on", b"e\n", 3, [b"\n", b"three\n", b"four"]), "the parts")
    expect_equal(bytes(buffer), b"two", "the buffer")


@check(sources.FILE_API, "modes")
def lines_are_written(space: Workspace) -> None:
    """writelines() writes lines, and adds no newlines."""
    space.save("other")  # makes the directory
    with space.open("a", "wb") as file:
        file.writelines([b"one\n", b"two", b""])
    expect_equal(space.read("a"), b"one\ntwo", "the content")


@check(sources.FILE_API, "modes")
def write_returns_a_number(space: Workspace) -> None:
    """write() returns the number of bytes, or of characters on a text handle."""
    name = space.save("a")
    for mode, content in (("wb", "é".encode()), ("w", "é")):
        with space.open(name, mode) as file:
            expect_equal(file.write(content), len(content), f"write() in {mode!r}")


@check(sources.FILE_API, "modes")
def truncate_cuts_or_fills(space: Workspace) -> None:
    """truncate() cuts a file, or fills it with zeros, and does not move the handle."""
    for size, content in ((3, b"012"), (12, b"0123456789\0\0"), (None, b"01234")):
        name = space.save("a", DIGITS)
        with space.open(name, "rb+") as file:
            file.seek(5)
            file.truncate(size)
            expect_equal(file.tell(), 5, "tell()")
        expect_equal(space.read(name), content, f"the content after truncate({size})")


@check(sources.FILE_API, "modes")
def gap_is_filled_with_zeros(space: Workspace) -> None:
    """write() after the end of a file fills the gap with zeros."""
    name = space.save("a", b"01")
    with space.open(name, "rb+") as file:
        file.seek(4)
        file.write(b"45")
    expect_equal(space.read(name), b"01\0\00045", "the content")


@check(sources.FILE_API, "modes")
def flush_stores_what_was_written(space: Workspace) -> None:
    """flush() stores a write before the handle is closed."""
    space.save("other")  # makes the directory
    with space.open("a", "wb") as file:
        file.write(b"new")
        file.flush()
        expect_equal(space.read("a"), b"new", "the content")


@check(sources.CHUNKS, "ranges")
def chunks_start_at_the_beginning(space: Workspace) -> None:
    """chunks() yields the whole file in pieces of a size, wherever the handle was."""
    with space.open(space.save("a", DIGITS)) as file:
        file.seek(7)
        expect_equal(list(file.chunks(4)), [b"0123", b"4567", b"89"], "the chunks")


@check(sources.DEFAULT_CHUNKS)
def chunks_have_64_kb(space: Workspace) -> None:
    """chunks() without a size yields pieces of 64 KB."""
    with space.open(space.save("a", LINE * 12_000)) as file:
        sizes = [len(chunk) for chunk in file.chunks()]
    expect_equal(sizes, [65_536, 65_536, 928], "the sizes of the chunks")


@check(sources.MULTIPLE_CHUNKS)
def multiple_chunks_compares_sizes(space: Workspace) -> None:
    """multiple_chunks() returns whether the file is larger than one chunk."""
    with space.open(space.save("a", DIGITS)) as file:
        answers = file.multiple_chunks(), file.multiple_chunks(10), file.multiple_chunks(9)
    expect_equal(answers, (False, False, True), "multiple_chunks() of 64 KB, 10 and 9 bytes")


@check(sources.LINES)
def handle_yields_lines(space: Workspace) -> None:
    """A handle yields its lines with their newlines, across the ends of chunks too."""
    name = space.save("a", LINE * 12_000 + b"end")
    expected: list[tuple[str, Any, Any]] = [("rb", LINE, b"end")]
    expected += [("r", LINE.decode(), "end")] * space.has("text")
    for mode, line, last in expected:
        with space.open(name, mode) as file:
            lines = list(file)
        expect_equal((len(lines), lines[-1]), (12_001, last), f"the lines and the last in {mode!r}")
        expect_equal(set(lines[:-1]), {line}, f"the other lines in {mode!r}")


@check(sources.FILE_NAME)
def handle_has_its_name(space: Workspace) -> None:
    """name ends with the name of the file, and may have a path before it."""
    with space.open(space.save("d/a")) as file:
        name = str(file.name).replace("\\", "/")
        expect(f"/{name}".endswith("/d/a"), f"it is {file.name!r}")


@check(sources.FILE_SIZE)
def handle_has_its_size(space: Workspace) -> None:
    """size is the number of bytes, and asking for it does not move the handle."""
    with space.open(space.save("a", "é1".encode())) as file:
        answers = file.size, len(file), file.read()
    expect_equal(answers, (3, 3, "é1".encode()), "size, len() and what read() returns")


@check(sources.FILE_SIZE, "modes")
def handle_has_its_size_in_each_mode(space: Workspace) -> None:
    """size is the number of bytes in modes for text and for writing too."""
    name = space.save("a", "é1".encode())
    for mode in ("r", "rb+", "ab"):
        with space.open(name, mode) as file:
            position = file.tell()
            expect_equal((file.size, file.tell()), (3, position), f"size and tell() in {mode!r}")


@check(sources.OPENED_FILE)
def handles_have_their_own_positions(space: Workspace) -> None:
    """Two handles on one file have two positions."""
    name = space.save("a", DIGITS)
    with space.open(name) as first, space.open(name) as second:
        parts = [first.read(4), second.read(2)]
        space.exists(name)
        parts += [space.read(name)[:1], first.read(2), second.read(2)]
    expect_equal(parts, [b"0123", b"01", b"0", b"45", b"23"], "the parts")


@check(sources.CLOSE)
def closing_closes_one_handle(space: Workspace) -> None:
    """close() closes a handle, and no other on the same file."""
    name = space.save("a", b"content")
    with space.open(name) as first:
        space.open(name).close()
        expect(not first.closed, "the other handle is closed")
        expect_equal(first.read(), b"content", "what the open handle reads")


@check(sources.CLOSE)
def handle_is_closed_twice(space: Workspace) -> None:
    """close() of a closed handle does nothing."""
    file = space.open(space.save("a"))
    expect(not file.closed, "a new handle is closed")
    file.close()
    file.close()


@check(sources.CLOSED)
def with_closes_the_handle(space: Workspace) -> None:
    """A with block closes its handle."""
    with space.open(space.save("a")) as file:
        pass
    expect(file.closed, "the handle is open")


@check(sources.CLOSE, "modes")
def closed_handle_refuses(space: Workspace) -> None:
    """A closed handle raises ValueError on each use."""
    name = space.save("a", b"content")
    for use, operation in USES.items():
        file = space.open(name, "rb+")
        file.close()
        with expect_raises(ValueError, f"{use}() of a closed handle"):
            operation(file)


@check(sources.REOPEN)
def opening_a_handle_rewinds_it(space: Workspace) -> None:
    """open() of an open handle rewinds it."""
    with space.open(space.save("a", b"content")) as file:
        file.read()
        expect(file.open() is file, "open() returns another object")
        expect_equal(file.read(), b"content", "what read() returns")


@check(sources.REOPEN, "modes")
def closed_handle_is_reopened(space: Workspace) -> None:
    """open() of a closed handle opens the file in the same mode."""
    name = space.save("a", b"content")
    file = space.open(name)
    file.close()
    with file.open():
        expect_equal(file.read(), b"content", "what read() returns")


@check(sources.REOPEN_MODE, "modes")
def closed_handle_is_reopened_in_another_mode(space: Workspace) -> None:
    """open(mode) of a closed handle opens the file in that mode."""
    name = space.save("a", b"content")
    file = space.open(name)
    file.close()
    with file.open("rb+"):
        file.write(b"CONTENT")
    expect_equal(space.read(name), b"CONTENT", "the content")
