"""Writing: a handle replaces the whole content, and never that of another file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from kvstore.helpers import LONG, chunks, make, notes, read, save

from inmemorystorage.kvstore import KeyValueStorage


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create temporary files in a directory of the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("content", [b"short", LONG, LONG * 4])
def test_close_stores_the_content(temporary: Path, content: bytes) -> None:
    """close() stores the whole content, and no temporary file remains."""
    storage = make()
    with storage.open("d/a", "wb") as file:
        file.write(content)
        assert (storage.size("d/a"), file.size) == (0, len(content))
    assert read(storage, "d/a") == content
    assert [*temporary.iterdir()] == []
    assert notes(storage) == []


def test_a_failing_open_leaves_no_temporary_file(temporary: Path) -> None:
    """open() leaves no temporary file if it fails."""
    storage = make()
    with pytest.raises(FileNotFoundError):
        storage.open("a", "rb+")
    save(storage, "a")
    chunks(storage).clear()
    with pytest.raises(OSError, match="lost a part"):
        storage.open("a", "rb+")
    assert [*temporary.iterdir()] == []


def test_an_unchanged_content_is_not_stored_again() -> None:
    """flush() and close() store nothing if the content is unchanged."""
    storage = make()
    save(storage, "a")
    before = {**chunks(storage)}
    with storage.open("a", "rb+") as file:
        file.write(LONG[:3])
        file.flush()
    assert chunks(storage) == before


def test_writing_to_the_descriptor() -> None:
    """close() stores data that was written to the handle's descriptor."""
    storage = make()
    with storage.open("a", "wb") as file:
        os.write(file.fileno(), LONG)
    assert read(storage, "a") == LONG


@pytest.mark.parametrize("content", [b"more", LONG])
def test_writing_to_a_deleted_file(content: bytes) -> None:
    """A handle neither restores its deleted file nor changes another of the same name."""
    storage = make()
    save(storage, "a")
    with storage.open("a", "rb+") as file:
        storage.delete("a")
        file.write(content)
    assert not storage.exists("a")
    with storage.open("b", "wb") as file:
        storage.delete("b")
        save(storage, "b", b"another")
        file.write(content)
    assert read(storage, "b") == b"another"
    storage.delete("b")
    assert (chunks(storage), notes(storage)) == ({}, [])


@pytest.mark.parametrize("content", [b"more", LONG])
def test_writing_to_a_file_in_a_deleted_directory(content: bytes) -> None:
    """close() raises ESTALE if its directory is deleted too: the store may have lost both."""
    storage = make()
    file: Any = storage.open("d/a", "wb")
    file.write(content)
    storage.delete("d")
    with pytest.raises(OSError, match="nothing was stored: 'd/a'") as info:
        file.close()
    assert info.value.errno == errno.ESTALE
    file.close()
    assert (storage.listdir(""), chunks(storage), notes(storage)) == (([], []), {}, [])


@pytest.mark.parametrize("tail", [b"tail", LONG])
def test_two_handles_append(tail: bytes) -> None:
    """Two handles that append keep each other's lines."""
    storage = make()
    save(storage, "log", b"start ")
    with storage.open("log", "ab") as first, storage.open("log", "ab") as second:
        for number in range(3):
            first.write(b"1%d " % number)
            first.flush()
            second.write(b"2%d " % number)
            second.flush()
        first.write(tail)
    assert read(storage, "log") == b"start 10 20 11 21 12 22 " + tail


def test_appending_to_a_file_deleted_concurrently(monkeypatch: pytest.MonkeyPatch) -> None:
    """close() stores nothing if the file is deleted while the handle follows it."""
    storage = make()
    save(storage, "log", b"start ")
    file: Any = storage.open("log", "ab")
    with storage.open("log", "ab") as other:
        other.write(b"other ")
    file.write(b"end")
    follow = type(file._device)._follow

    def followed(device: Any) -> None:
        storage.delete("log")
        follow(device)

    monkeypatch.setattr(type(file._device), "_follow", followed)
    file.close()
    assert not storage.exists("log")


def test_the_last_handle_wins() -> None:
    """The handle that is closed last replaces the whole content."""
    storage = make()
    save(storage, "a", LONG)
    with storage.open("a", "rb+") as first:
        with storage.open("a", "wb") as second:
            second.write(b"short")
        first.write(b"9")
    assert read(storage, "a") == b"9" + LONG[1:]


def test_reopening(temporary: Path) -> None:
    """open() of a closed handle opens the present file, in its mode or another."""
    storage = make()
    file = storage.open("a", "wb")
    file.close()
    with file.open("ab"):
        file.write(b"one")
    with file.open("rb"):
        assert file.read() == b"one"
    storage.delete("a")
    with pytest.raises(ValueError, match="cannot be reopened"):
        file.open()
    file.close()
    assert [*temporary.iterdir()] == []


def test_filesystem_behavior_needs_directories() -> None:
    """With the filesystem's behavior, open() makes no directory and delete() refuses full ones."""
    storage = KeyValueStorage(make().uri, behaves_like="filesystem")
    with pytest.raises(FileNotFoundError):
        storage.open("d/a", "wb")
    save(storage, "d/b")
    storage.open("d/a", "wb").close()
    assert storage.exists("d/a")
    with pytest.raises(OSError, match="not empty"):
        storage.delete("d")
    assert storage.size("d") == 4096
    assert storage.get_created_time("d/a") == storage.get_modified_time("d/a")


def test_closing_twice(temporary: Path) -> None:
    """A second close() does not change a newer file."""
    storage = make(allow_overwrite=True)
    file = storage.open("a", "wb")
    file.write(b"one")
    file.close()
    save(storage, "a", b"two")
    file.close()
    assert read(storage, "a") == b"two"
