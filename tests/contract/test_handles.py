"""Handles: the methods of an open one, and what a closed one refuses."""

import errno
import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from contract.helpers import get, put, read_and_close, write
from contract.storages import Capabilities
from django.core.files import File
from django.core.files.storage import Storage

LONG = b"0123456789\n" * 12_000

USES: dict[str, Callable[[File], Any]] = {
    "read": lambda file: file.read(),
    "readline": lambda file: file.readline(),
    "write": lambda file: file.write(b"new"),
    "seek": lambda file: file.seek(0),
    "tell": lambda file: file.tell(),
    "truncate": lambda file: file.truncate(),
    "flush": lambda file: file.flush(),
    "iterate": lambda file: list(file),
    "chunks": lambda file: list(file.chunks()),
}


def test_seek_and_tell(storage: Storage) -> None:
    """seek() moves a handle relative to the start, to its position, or to the end."""
    put(storage, "a", b"0123456789")
    with storage.open("a") as file:
        assert (file.seek(4), file.tell(), file.read(2)) == (4, 4, b"45")
        assert (file.seek(-1, os.SEEK_CUR), file.read(1)) == (5, b"5")
        assert (file.seek(-2, os.SEEK_END), file.read()) == (8, b"89")
        assert (file.seek(50), file.read()) == (50, b"")


@pytest.mark.needs("opens_like_python")
def test_seek_before_the_start(storage: Storage) -> None:
    """seek() refuses a position before the start of a file."""
    put(storage, "a", b"0123456789")
    with storage.open("a") as file:
        with pytest.raises(OSError, match="Invalid argument") as info:
            file.seek(-1)
        assert info.value.errno == errno.EINVAL
        assert file.tell() == 0


@pytest.mark.needs("opens_like_python")
def test_reading_by_pieces(storage: Storage) -> None:
    """read(size), readline(), readlines() and readinto() continue at the position."""
    put(storage, "a", b"one\ntwo\nthree\nfour")
    buffer = bytearray(3)
    with storage.open("a") as file:
        assert (file.read(2), file.readline(), file.readinto(buffer)) == (b"on", b"e\n", 3)
        assert bytes(buffer) == b"two"
        assert file.readlines() == [b"\n", b"three\n", b"four"]
        assert file.read() == b""


@pytest.mark.needs("opens_like_python")
def test_writing_lines(storage: Storage) -> None:
    """writelines() writes lines one after the other, and adds no newlines."""
    with storage.open("a", "wb") as file:
        file.writelines([b"one\n", b"two", b""])
    assert get(storage, "a") == b"one\ntwo"


@pytest.mark.needs("opens_like_python")
def test_write_returns_a_number(storage: Storage) -> None:
    """write() returns the number of bytes, or of characters on a text handle."""
    with storage.open("a", "wb") as file:
        assert file.write("é".encode()) == 2
    with storage.open("a", "w") as file:
        assert file.write("é") == 1


@pytest.mark.needs("opens_like_python")
@pytest.mark.parametrize(("size", "expected"), [(3, b"012"), (0, b""), (12, b"0123456789\0\0")])
def test_truncate(storage: Storage, size: int, expected: bytes) -> None:
    """truncate(size) cuts a file or fills it with zeros, and does not move the handle."""
    put(storage, "a", b"0123456789")
    with storage.open("a", "rb+") as file:
        file.seek(5)
        assert file.truncate(size) == size
        assert file.tell() == 5
    assert get(storage, "a") == expected


@pytest.mark.needs("opens_like_python")
def test_truncate_at_the_position(storage: Storage) -> None:
    """truncate() without a size cuts at the position."""
    put(storage, "a", b"0123456789")
    with storage.open("a", "rb+") as file:
        file.read(4)
        file.truncate()
    assert get(storage, "a") == b"0123"


@pytest.mark.needs("opens_like_python")
def test_writing_beyond_the_end(storage: Storage) -> None:
    """A write past the end fills the gap with zeros."""
    put(storage, "a", b"01")
    with storage.open("a", "rb+") as file:
        file.seek(4)
        file.write(b"45")
    assert get(storage, "a") == b"01\0\x0045"


def test_chunks_start_at_the_beginning(storage: Storage) -> None:
    """chunks() yields the whole file in pieces of the given size, wherever the handle was."""
    put(storage, "a", b"0123456789")
    with storage.open("a") as file:
        file.seek(7)
        assert list(file.chunks(4)) == [b"0123", b"4567", b"89"]


def test_chunks_of_a_long_file(storage: Storage) -> None:
    """chunks() without a size uses Django's default, and so does multiple_chunks()."""
    put(storage, "long", LONG)
    put(storage, "short", LONG[:9])
    with storage.open("long") as long, storage.open("short") as short:
        assert [len(chunk) for chunk in long.chunks()][:-1] == [File.DEFAULT_CHUNK_SIZE] * 2
        assert b"".join(long.chunks()) == LONG
        assert (long.multiple_chunks(), short.multiple_chunks()) == (True, False)
        assert short.multiple_chunks(4)


def test_iterating_over_lines(storage: Storage) -> None:
    """A handle yields its lines with their newlines, across chunk boundaries too."""
    put(storage, "a", LONG + b"end")
    with storage.open("a") as file:
        assert list(file) == [*[b"0123456789\n"] * 12_000, b"end"]
    with storage.open("a", "r") as file:
        assert list(file)[-2:] == ["0123456789\n", "end"]


def test_size_of_a_handle(storage: Storage) -> None:
    """size and len() count bytes, for text too, and do not move the handle."""
    put(storage, "a", "é1".encode())
    for mode in ["rb", "r", "rb+", "ab"]:
        with storage.open("a", mode) as file:
            position = file.tell()
            assert (file.size, len(file), file.tell()) == (3, 3, position)


def test_handle_is_true_and_has_a_name(storage: Storage, can: Capabilities) -> None:
    """A handle is true; its name is its path, or its name if there are no paths."""
    put(storage, "d/a")
    with storage.open("d/a") as file:
        name = storage.path("d/a") if can.has_paths else "d/a"
        assert (file.name, str(file), bool(file)) == (name, name, True)


def test_positions_of_handles_are_independent(storage: Storage) -> None:
    """Reading through one handle, or asking the storage, moves no other handle."""
    put(storage, "a", b"0123456789")
    with storage.open("a") as first, storage.open("a") as second:
        assert (first.read(4), second.read(2)) == (b"0123", b"01")
        assert (storage.size("a"), storage.exists("a"), get(storage, "a")[:1]) == (10, True, b"0")
        assert (first.read(2), second.read(2)) == (b"45", b"23")


def test_closing_one_handle_closes_no_other(storage: Storage) -> None:
    """close() closes one handle, and no other on the same file."""
    put(storage, "a", b"content")
    with storage.open("a") as first:
        storage.open("a").close()
        assert first.read() == b"content"


@pytest.mark.needs("opens_like_python")
def test_flushing_stores_what_was_written(storage: Storage) -> None:
    """flush() stores a write before the handle is closed."""
    put(storage, "a", b"old")
    with storage.open("a", "ab") as writer:
        writer.write(b" and new")
        writer.flush()
        assert (storage.size("a"), get(storage, "a")) == (11, b"old and new")


@pytest.mark.needs("shows_writes")
def test_flushing_shows_what_was_written(storage: Storage) -> None:
    """flush() makes a write visible to every other handle."""
    put(storage, "a", b"old")
    with storage.open("a") as reader, storage.open("a", "ab") as writer:
        writer.write(b" and new")
        writer.flush()
        assert (storage.size("a"), reader.read()) == (11, b"old and new")


def test_closing_shows_what_was_written(storage: Storage) -> None:
    """close() flushes the handle."""
    file = storage.open("a", "w")
    file.write("content")
    file.close()
    assert (get(storage, "a"), storage.size("a")) == (b"content", 7)


@pytest.mark.needs("opens_like_python")
def test_deleted_file_lives_for_its_handles(storage: Storage) -> None:
    """A handle keeps reading and writing after its file is deleted, without restoring it."""
    put(storage, "a", b"content")
    with storage.open("a", "rb+") as file:
        storage.delete("a")
        assert file.read() == b"content"
        file.write(b"more")
    assert not storage.exists("a")


@pytest.mark.needs("opens_like_python")
def test_handle_stays_on_the_file_that_it_opened(storage: Storage) -> None:
    """A handle on a deleted file does not see a new file of the same name."""
    put(storage, "a", b"old")
    with storage.open("a") as file:
        storage.delete("a")
        put(storage, "a", b"new")
        assert file.read() == b"old"
    assert get(storage, "a") == b"new"


@pytest.mark.needs("opens_like_python")
def test_closed_handle_refuses(storage: Storage) -> None:
    """Every operation on a closed handle raises ValueError."""
    put(storage, "a", b"content")
    for use in USES:
        file = storage.open("a", "rb+")
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            USES[use](file)


def test_closed_is_true_after_closing(storage: Storage) -> None:
    """closed is true after close(), and a second close() does nothing."""
    put(storage, "a")
    file = storage.open("a")
    assert not file.closed
    file.close()
    file.close()
    assert file.closed


def test_with_closes(storage: Storage) -> None:
    """A with block closes its handle, and keeps the bytes written before an error."""
    file = storage.open("a", "wb")
    with suppress(KeyError), file:
        file.write(b"content")
        raise KeyError
    assert file.closed
    assert get(storage, "a") == b"content"


def test_opening_an_open_handle_rewinds_it(storage: Storage) -> None:
    """open() on an open handle rewinds and returns it."""
    put(storage, "a", b"content")
    with storage.open("a") as file:
        file.read()
        assert file.open() is file
        assert file.read() == b"content"


@pytest.mark.needs("opens_like_python")
def test_opening_a_closed_handle_opens_the_file_again(storage: Storage) -> None:
    """open() on a closed handle opens the file that has its name now, in its mode or another."""
    put(storage, "a", b"old")
    file = storage.open("a")
    file.close()
    write(storage, "a", b"newer")
    assert read_and_close(file.open()) == b"newer"
    with file.open("ab"):
        file.write(b" still")
    assert get(storage, "a") == b"newer still"


@pytest.mark.needs("opens_like_python")
def test_opening_a_closed_handle_of_a_deleted_file(storage: Storage) -> None:
    """open() on a closed handle raises ValueError if the file was deleted."""
    put(storage, "a")
    file = storage.open("a")
    file.close()
    storage.delete("a")
    with pytest.raises(ValueError, match="cannot be reopened"):
        file.open()


@pytest.mark.needs("opens_like_python")
def test_saving_a_handle_reopened_for_writing(storage: Storage) -> None:
    """save() refuses a handle that cannot be read, whatever its first mode was."""
    put(storage, "a", b"content")
    file = storage.open("a", "rb")
    file.close()
    with file.open("r+b"):
        assert get(storage, storage.save("b", file)) == b"content"
    with file.open("wb"), pytest.raises(io.UnsupportedOperation):
        storage.save("c", file)
