"""open(): directories, names below files, and encodings."""

import os

import pytest
from contract.helpers import get, names, put, raises_unless, write
from contract.storages import Traits
from django.core.files.storage import Storage

READING = ["r", "rb", "r+", "rb+"]
TRUNCATING = ["w", "wb", "w+", "wb+"]
APPENDING = ["a", "ab", "a+", "ab+"]


@pytest.mark.needs("directories")
def test_opening_a_directory(storage: Storage) -> None:
    """open() refuses a directory in every mode."""
    put(storage, "d/a")
    for mode in [*READING, *TRUNCATING, *APPENDING]:
        with pytest.raises(IsADirectoryError):
            storage.open("d", mode)


@pytest.mark.needs("directories")
def test_opening_below_a_file(storage: Storage) -> None:
    """open() refuses a name below a file in every mode."""
    put(storage, "a")
    for mode in ["rb", "wb", "ab", "xb"]:
        with pytest.raises(NotADirectoryError):
            storage.open("a/b", mode)
    assert names(storage) == ["a"]


@pytest.mark.needs("modes")
@pytest.mark.parametrize("mode", ["wb", "a", "x+"])
def test_creating_below_a_missing_directory(storage: Storage, can: Traits, mode: str) -> None:
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


def test_writing_text_keeps_carriage_returns(storage: Storage) -> None:
    """A text handle writes the platform's newline, and keeps all other characters."""
    write(storage, "a", "one\r\ntwo\n", "w")
    assert get(storage, "a") == "one\r\ntwo\n".replace("\n", os.linesep).encode()


@pytest.mark.needs("modes")
def test_bad_mode_with_a_bad_name(storage: Storage) -> None:
    """open() first refuses unknown letters in a mode, then a bad name, then an incomplete mode."""
    for name, mode, error in [
        ("a", "b", "exactly one of"),
        ("\ud800", "b", "surrogates"),
        ("\ud800", "z", "invalid mode"),
    ]:
        with pytest.raises(ValueError, match=error):
            storage.open(name, mode)
