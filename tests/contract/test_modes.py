"""open(): the effect of each mode on a file, and what its handle can do."""

import io
import os
from pathlib import Path

import pytest
from contract.helpers import get, names, put, raises_unless, read_and_close, write
from contract.storages import Capabilities
from django.core.files import File
from django.core.files.storage import Storage

READING = ["r", "rb", "r+", "rb+"]
TRUNCATING = ["w", "wb", "w+", "wb+"]
APPENDING = ["a", "ab", "a+", "ab+"]
EXCLUSIVE = ["x", "xb", "x+", "xb+"]
CREATING = [*TRUNCATING, *APPENDING, *EXCLUSIVE]
INVALID = ["", "q", "rw", "rbt", "wx", "r++", "b", "+", "bb", "r b"]


def sample(mode: str) -> bytes | str:
    """Return a value to write in a mode."""
    return b"new" if "b" in mode else "new"


@pytest.mark.needs("takes_every_content")
def test_open_without_a_mode_reads_bytes(storage: Storage) -> None:
    """open() without a mode reads bytes, after text was saved too."""
    put(storage, "a", "é\n")
    assert get(storage, "a") == b"\xc3\xa9\n"


def test_open_returns_a_django_file(storage: Storage) -> None:
    """open() returns a File in every mode."""
    put(storage, "a", b"old")
    for mode in [*READING, *TRUNCATING, *APPENDING]:
        with storage.open("a", mode) as file:
            assert isinstance(file, File)


@pytest.mark.needs("opens_like_python")
@pytest.mark.parametrize("mode", [*READING, *CREATING])
def test_handle_matches_the_builtin_open(storage: Storage, tmp_path: Path, mode: str) -> None:
    """A handle has the mode, the position and the abilities of Python's own."""
    if "x" not in mode:
        (tmp_path / "a").write_bytes(b"old")
        put(storage, "a", b"old")
    with open(tmp_path / "a", mode) as expected, storage.open("a", mode) as file:
        assert (file.mode, file.tell()) == (expected.mode, expected.tell())
        assert (file.readable(), file.writable()) == (expected.readable(), expected.writable())
        assert file.seekable()
    assert [file.readable(), file.writable(), file.seekable()] == [False] * 3


@pytest.mark.needs("opens_like_python")
def test_reading_a_missing_file(storage: Storage) -> None:
    """A mode that needs the file raises FileNotFoundError and creates nothing."""
    for mode in READING:
        with pytest.raises(FileNotFoundError) as info:
            storage.open("missing", mode)
        assert info.value.errno is not None
    assert names(storage) == []


@pytest.mark.needs("opens_like_python")
def test_modes_that_create(storage: Storage) -> None:
    """Modes with w, a and x create the file at once, empty."""
    for mode in CREATING:
        with storage.open(f"new-{mode}", mode):
            assert storage.exists(f"new-{mode}")
            assert storage.size(f"new-{mode}") == 0


@pytest.mark.needs("opens_like_python")
def test_modes_that_truncate(storage: Storage) -> None:
    """Modes with w truncate the file when they open it, before anything is written."""
    for mode in TRUNCATING:
        name = put(storage, "a", b"old content")
        with storage.open(name, mode) as file:
            assert storage.size(name) == 0
            file.write(sample(mode))
        assert get(storage, name) == b"new"


@pytest.mark.needs("opens_like_python")
def test_modes_that_append(storage: Storage) -> None:
    """Modes with a write at the end, whatever the handle's position."""
    for mode in APPENDING:
        name = put(storage, "a", b"old ")
        with storage.open(name, mode) as file:
            file.seek(0)
            file.write(sample(mode))
        assert get(storage, name) == b"old new"


@pytest.mark.needs("opens_like_python")
def test_appending_after_another_handle(storage: Storage) -> None:
    """A handle appends at the end that the file has when the bytes are written."""
    with storage.open("log", "ab") as first:
        write(storage, "log", b"second ", "ab")
        first.write(b"first")
    assert get(storage, "log") == b"second first"


@pytest.mark.needs("opens_like_python")
def test_modes_that_refuse_an_existing_file(storage: Storage) -> None:
    """Modes with x raise FileExistsError and keep the file unchanged."""
    put(storage, "a", b"old")
    for mode in EXCLUSIVE:
        with pytest.raises(FileExistsError):
            storage.open("a", mode)
    assert get(storage, "a") == b"old"


@pytest.mark.needs("opens_like_python")
def test_updating_in_place(storage: Storage) -> None:
    """Modes with r+ overwrite in place and keep the rest."""
    for mode in ["rb+", "r+"]:
        name = put(storage, "a", b"0123456789")
        write(storage, name, sample(mode), mode)
        assert get(storage, name) == b"new3456789"


@pytest.mark.needs("opens_like_python")
def test_reading_back_written_bytes(storage: Storage) -> None:
    """Modes with + read and write."""
    for mode in ["wb+", "ab+", "xb+", "w+", "a+", "x+"]:
        with storage.open(f"new-{mode}", mode) as file:
            file.write(sample(mode))
            file.seek(0)
            assert file.read() == sample(mode)


@pytest.mark.needs("opens_like_python")
def test_reading_through_a_handle_for_writing(storage: Storage) -> None:
    """A handle that only writes refuses to read."""
    for mode in ["wb", "ab", "w", "a"]:
        with storage.open("a", mode) as file, pytest.raises(io.UnsupportedOperation):
            file.read()


@pytest.mark.needs("opens_like_python")
def test_writing_through_a_handle_for_reading(storage: Storage) -> None:
    """A handle that only reads refuses to write and to truncate."""
    put(storage, "a", b"old")
    for mode in ["rb", "r"]:
        with storage.open("a", mode) as file:
            with pytest.raises(io.UnsupportedOperation):
                file.write(sample(mode))
            with pytest.raises(io.UnsupportedOperation):
                file.truncate(0)
    assert get(storage, "a") == b"old"


@pytest.mark.needs("opens_like_python")
@pytest.mark.parametrize(("mode", "wrong"), [("wb", "text"), ("w", b"bytes")])
def test_writing_the_wrong_type(storage: Storage, mode: str, wrong: bytes | str) -> None:
    """A binary handle refuses text, and a text handle refuses bytes."""
    with storage.open("a", mode) as file, pytest.raises(TypeError):
        file.write(wrong)


@pytest.mark.needs("opens_like_python")
def test_unknown_modes(storage: Storage) -> None:
    """open() raises ValueError for an unknown mode, and does nothing to the file."""
    put(storage, "a", b"old")
    for mode in INVALID:
        for name in ["a", "missing"]:
            with pytest.raises(ValueError, match="mode"):
                storage.open(name, mode)
    assert names(storage) == ["a"]
    assert get(storage, "a") == b"old"


@pytest.mark.needs("has_directories")
def test_opening_a_directory(storage: Storage) -> None:
    """open() refuses a directory in every mode."""
    put(storage, "d/a")
    for mode in [*READING, *TRUNCATING, *APPENDING]:
        with pytest.raises(IsADirectoryError):
            storage.open("d", mode)


@pytest.mark.needs("has_directories")
def test_opening_below_a_file(storage: Storage) -> None:
    """open() refuses a name below a file in every mode."""
    put(storage, "a")
    for mode in ["rb", "wb", "ab", "xb"]:
        with pytest.raises(NotADirectoryError):
            storage.open("a/b", mode)
    assert names(storage) == ["a"]


@pytest.mark.needs("opens_like_python")
@pytest.mark.parametrize("mode", ["wb", "a", "x+"])
def test_creating_below_a_missing_directory(storage: Storage, can: Capabilities, mode: str) -> None:
    """open() creates missing directories on some storages, and raises on the others."""
    with raises_unless(can.makes_parents, FileNotFoundError):
        storage.open("new/a", mode).close()
    assert storage.exists("new") == can.makes_parents


def test_text_is_utf_8(storage: Storage) -> None:
    """A text handle writes and reads UTF-8, whatever the locale is."""
    write(storage, "a", "é日本\U0001f600", "w")
    assert get(storage, "a").decode("utf-8") == "é日本\U0001f600"
    with storage.open("a", "r") as file:
        assert file.encoding.lower() == "utf-8"
        assert file.read(2) == "é日"


def test_text_that_is_not_utf_8(storage: Storage) -> None:
    """A text handle raises for bytes that are not UTF-8, and a binary one reads them."""
    put(storage, "a", b"\xff\xfe")
    with storage.open("a", "r") as file, pytest.raises(UnicodeDecodeError):
        file.read()
    assert get(storage, "a") == b"\xff\xfe"


def test_reading_text_with_any_newline(storage: Storage) -> None:
    """A text handle reads every kind of newline as a line feed, and reports the kinds it read."""
    put(storage, "a", b"one\ntwo\r\nthree\rfour")
    with storage.open("a", "r") as file:
        assert file.readlines() == ["one\n", "two\n", "three\n", "four"]
        assert file.newlines == ("\r", "\n", "\r\n")


def test_writing_text_keeps_carriage_returns(storage: Storage) -> None:
    """A text handle writes the platform's newline, and keeps all other characters."""
    write(storage, "a", "one\r\ntwo\n", "w")
    assert get(storage, "a") == "one\r\ntwo\n".replace("\n", os.linesep).encode()


def test_binary_keeps_newlines(storage: Storage) -> None:
    """A binary handle translates no newlines."""
    write(storage, "a", b"one\r\ntwo\rthree\n", "wb")
    assert read_and_close(storage.open("a", "rb")) == b"one\r\ntwo\rthree\n"


@pytest.mark.needs("opens_like_python")
def test_bad_mode_with_a_bad_name(storage: Storage) -> None:
    """open() first refuses unknown letters in a mode, then a bad name, then an incomplete mode."""
    for name, mode, error in [
        ("a", "b", "exactly one of"),
        ("\ud800", "b", "surrogates"),
        ("\ud800", "z", "invalid mode"),
    ]:
        with pytest.raises(ValueError, match=error):
            storage.open(name, mode)
