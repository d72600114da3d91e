"""Writing through handles: the whole content each time, and never that of a file that is gone."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from kvstore.deeds import LONG, chunks, make, notes, read, save

from inmemorystorage.kvstore import KeyValueStorage


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary files in a directory of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("content", [b"short", LONG, LONG * 4])
def test_what_is_written_is_there_when_it_is_closed(temporary: Path, content: bytes) -> None:
    """A handle's content is stored as a whole, and nothing of it stays on the disk."""
    storage = make()
    with storage.open("d/a", "wb") as file:
        file.write(content)
        assert (storage.size("d/a"), file.size) == (0, len(content))
    assert read(storage, "d/a") == content
    assert [*temporary.iterdir()] == []
    assert notes(storage) == []


def test_what_fails_leaves_notemporary_file(temporary: Path) -> None:
    """A file that cannot be opened, and one that cannot be stored, leave nothing on the disk."""
    storage = make()
    with pytest.raises(FileNotFoundError):
        storage.open("a", "rb+")
    save(storage, "a")
    chunks(storage).clear()
    with pytest.raises(OSError, match="lost a part"):
        storage.open("a", "rb+")
    assert [*temporary.iterdir()] == []


def test_a_flush_that_changes_nothing_stores_nothing() -> None:
    """What is as it was is not stored again."""
    storage = make()
    save(storage, "a")
    before = {**chunks(storage)}
    with storage.open("a", "rb+") as file:
        file.write(LONG[:3])
        file.flush()
    assert chunks(storage) == before


def test_writing_to_a_descriptor() -> None:
    """What libraries write past the handle, to its descriptor, is stored too."""
    storage = make()
    with storage.open("a", "wb") as file:
        os.write(file.fileno(), LONG)
    assert read(storage, "a") == LONG


@pytest.mark.parametrize("content", [b"more", LONG])
def test_writing_to_a_file_that_is_gone(content: bytes) -> None:
    """A handle brings no deleted file back, and does not touch another of its name."""
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
def test_writing_to_a_file_whose_directory_is_gone(content: bytes) -> None:
    """It is an error that names the file: a store that was restarted may have forgotten both."""
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
def test_appending_keeps_what_others_append(tail: bytes) -> None:
    """Two that append have both their ends in the file."""
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


def test_appending_to_a_file_that_goes_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file goes while it is looked for, there is nothing to append to."""
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


def test_writing_over_what_others_wrote() -> None:
    """The last that closes has its content there, as a whole."""
    storage = make()
    save(storage, "a", LONG)
    with storage.open("a", "rb+") as first:
        with storage.open("a", "wb") as second:
            second.write(b"short")
        first.write(b"9")
    assert read(storage, "a") == b"9" + LONG[1:]


def test_a_handle_opened_again(temporary: Path) -> None:
    """A closed handle opens what is there now, in its mode or another."""
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


def test_a_directory_has_to_be_there_for_some() -> None:
    """With the filesystem's behavior open() makes no directory."""
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
    """Closing a handle again does nothing, whatever is there by then."""
    storage = make(allow_overwrite=True)
    file = storage.open("a", "wb")
    file.write(b"one")
    file.close()
    save(storage, "a", b"two")
    file.close()
    assert read(storage, "a") == b"two"
