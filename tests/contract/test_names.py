"""Names that a storage refuses, keeps or generates."""

import errno
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from contract.helpers import get, names, put, raises_unless
from contract.storages import Traits
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage

OUTSIDE = ["..", "../a", "d/../../a", "/", "/a", "/etc/passwd", "//a", "d/../..", "../media2/a"]
NAMELESS = ["", ".", "./", "a/", "d/..", "d/."]
WINDING = ["d/../a", "..\\a", "d\\..\\a", "\\a"]
UNICODE = ["é.txt", "日本語/ファイル", "\U0001f600", "e\u0301", "ß", "\u202eabc"]
ODD = ["a b", "%2e", "'\"", "~", "$HOME", "C:", "a:b", "*?"]

USES: dict[str, Callable[[Storage, str], Any]] = {
    "open": lambda storage, name: storage.open(name),
    "open for writing": lambda storage, name: storage.open(name, "wb"),
    "exists": lambda storage, name: storage.exists(name),
    "delete": lambda storage, name: storage.delete(name),
    "size": lambda storage, name: storage.size(name),
    "listdir": lambda storage, name: storage.listdir(name),
    "get_accessed_time": lambda storage, name: storage.get_accessed_time(name),
    "get_created_time": lambda storage, name: storage.get_created_time(name),
    "get_modified_time": lambda storage, name: storage.get_modified_time(name),
}


@pytest.mark.needs("refuses_names")
@pytest.mark.parametrize("use", USES)
def test_names_outside_of_the_storage(storage: Storage, can: Traits, use: str) -> None:
    """Every method refuses a name outside of the storage; listdir("/") may list the storage."""
    for name in OUTSIDE:
        is_listed = use == "listdir" and name == "/" and can.lists_slash
        with raises_unless(is_listed, SuspiciousFileOperation):
            assert USES[use](storage, name) == ([], [])


def test_names_that_cannot_be_saved(storage: Storage) -> None:
    """save() refuses a name outside of the storage or without a file name, and stores nothing."""
    for name in [*OUTSIDE, *NAMELESS, *WINDING]:
        with pytest.raises(SuspiciousFileOperation):
            put(storage, name, b"content")
    assert storage.listdir("") == ([], [])


@pytest.mark.needs("refuses_names")
def test_nul(storage: Storage) -> None:
    """A name with NUL does not exist, and using it raises ValueError."""
    for name in ["a\0", "\0", "a\0b/c"]:
        for use in [put, *(USES[use] for use in ["open", "open for writing", "delete", "size"])]:
            with pytest.raises(ValueError, match=r"null|NUL"):
                use(storage, name)
        assert not storage.exists(name)
    assert storage.listdir("") == ([], [])


def test_long_names(storage: Storage, can: Traits) -> None:
    """A storage that limits names refuses a component of more than 255 bytes."""
    put(storage, "d/a")
    for name in ["x" * 256, "é" * 128, "d/" + "x" * 256]:
        with raises_unless(not can.limits_names, OSError) as info:
            put(storage, name)
        assert storage.exists(name) != can.limits_names
        assert info is None or info.value.errno == errno.ENAMETOOLONG


@pytest.mark.needs("directories")
def test_long_paths(storage: Storage) -> None:
    """Every storage refuses a name of more than 4095 bytes, and stores nothing under it."""
    for name in ["/".join(["x" * 255] * 17), "/".join(["é" * 127] * 17)]:
        with pytest.raises(OSError, match="File name too long") as info:
            put(storage, name)
        assert info.value.errno == errno.ENAMETOOLONG
        assert not storage.exists(name)


def test_names_that_just_fit(storage: Storage) -> None:
    """Every storage accepts components of 255 bytes, and deeply nested names."""
    for name in ["x" * 255, "é" * 127, "/".join("abcdefghijklmnop" * 4)]:
        assert put(storage, name, b"content") == name
        assert get(storage, name) == b"content"


def test_names_are_kept(storage: Storage, can: Traits) -> None:
    """save() keeps every character of a name."""
    contents = {
        name: name.encode() for name in [*UNICODE, *ODD, *["a\nb"] * can.takes_odd_characters]
    }
    assert [put(storage, *each) for each in contents.items()] == [*contents]
    assert names(storage) == sorted(contents)
    assert {name: get(storage, name) for name in contents} == contents


def test_names_are_compared_exactly(storage: Storage) -> None:
    """Names that differ in case, or in Unicode normalization, are different."""
    spellings = ["a", "A", *(unicodedata.normalize(form, "é") for form in ["NFC", "NFD"])]
    assert [put(storage, name) for name in spellings] == spellings


def test_generate_filename(storage: Storage) -> None:
    """generate_filename() cleans the last component and normalizes the rest."""
    expected = {
        "a b (1).txt": "a_b_1.txt",
        "d e/a b.txt": "d e/a_b.txt",
        "d\\a.txt": "d/a.txt",
        "d/./e//a": "d/e/a",
        "é日.txt": "é日.txt",
    }
    assert {name: storage.generate_filename(name) for name in expected} == expected


def test_generate_filename_refuses(storage: Storage) -> None:
    """generate_filename() refuses a name without a valid character, and an empty one."""
    for name in ["d/$", ""]:
        with pytest.raises(SuspiciousFileOperation):
            storage.generate_filename(name)


def test_get_valid_name(storage: Storage) -> None:
    """get_valid_name() keeps letters, digits, dots, dashes and underscores."""
    expected = {"a b.txt": "a_b.txt", "d/a": "da", "é%$-1.T": "é-1.T", "a\n": "a"}
    assert {name: storage.get_valid_name(name) for name in expected} == expected


def test_get_valid_name_refuses(storage: Storage) -> None:
    """get_valid_name() refuses a name without a valid character."""
    for name in ["", ".", "..", "$$"]:
        with pytest.raises(SuspiciousFileOperation):
            storage.get_valid_name(name)
