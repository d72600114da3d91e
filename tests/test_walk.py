"""walk(), scan() and find() on every kind of storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import Storage
from stocked import KINDS, Bucket, Unlisted, on_disk, stock

from inmemorystorage import InMemoryStorage
from inmemorystorage.walk import (
    Branch,
    DirEntry,
    draw_tree,
    file_names,
    find,
    find_listed,
    printable,
    scan,
    walk,
)

NAMES = ("b.txt", "a.txt", "é/ü.txt", "d/e/f.txt", "d/c.txt")
EVERYTHING = [
    *("d/", "d/e/", "d/e/f.txt", "d/c.txt"),
    *("é/", "é/ü.txt", "a.txt", "b.txt"),
]
DEEP = 2_000  # levels, of which Python's recursion has a thousand


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return an empty storage of each kind."""
    (tmp_path / "media").mkdir()
    return KINDS[request.param](tmp_path / "media")


def walked(storage: Storage, name: str = "", **options: Any) -> list[str]:
    """Return the names of all entries below a directory; those of directories end in a slash."""
    return shown(list(walk(scan(storage, name), **options)))


def shown(entries: list[DirEntry]) -> list[str]:
    """Return the names of entries; those of directories end in a slash."""
    return [entry.name + "/" * entry.is_directory for entry in entries]


def test_walk_yields_everything_in_order(storage: Storage) -> None:
    """walk() yields directories before files, sorted, and each one before its content."""
    assert walked(stock(storage, *NAMES)) == EVERYTHING


def test_walk_starts_anywhere(storage: Storage) -> None:
    """walk() yields names relative to the storage, wherever it starts."""
    assert walked(stock(storage, *NAMES), "d") == EVERYTHING[1:4]


def test_walk_yields_nothing_in_an_empty_storage(storage: Storage) -> None:
    """walk() yields nothing in an empty storage."""
    assert not walked(storage)


def test_scan_returns_one_directory(storage: Storage) -> None:
    """scan() returns the entries of one directory; files have sizes, directories none."""
    entries = scan(stock(storage, *NAMES), "d")
    assert shown(entries) == ["d/e/", "d/c.txt"]
    assert [entry.size for entry in entries] == [None, 7]


def test_basename_is_the_last_component(storage: Storage) -> None:
    """An entry's basename is the last component of its name."""
    assert DirEntry(storage, "d/e/f.txt", is_directory=False).basename == "f.txt"


def test_printable_escapes_control_characters() -> None:
    """printable() escapes characters that move a cursor or reverse the text, and no others."""
    assert printable("é\x1b[2J\u202e\udc80") == "é\\x1b[2J\\u202e\\udc80"


def test_find_returns_the_entry(storage: Storage) -> None:
    """find() returns a file, a directory or None; the root is a directory."""
    stock(storage, *NAMES)
    found = [find(storage, name) for name in ("", "d", "d/c.txt", "d/x", "x/y")]
    assert [entry and entry.is_directory for entry in found] == [True, True, False, None, None]


def test_find_returns_an_empty_directory(tmp_path: Path) -> None:
    """find() does not return an empty directory as a file."""
    (tmp_path / "empty").mkdir()
    found = find(on_disk(tmp_path), "empty")
    assert found is not None and found.is_directory


def test_find_returns_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """find() does not return a file that cannot be opened as a directory."""
    storage = stock(on_disk(tmp_path), "a.txt")
    monkeypatch.setattr(storage, "_open", refuse)
    found = find(storage, "a.txt")
    assert found is not None and not found.is_directory


def refuse(*args: object) -> None:
    """Raise PermissionError."""
    raise PermissionError(13, "Permission denied")


def test_unknown_size_and_time_are_none() -> None:
    """An entry's size and time are None if the storage has no answer."""
    storage = stock(Bucket(size=lambda name: Storage().size(name)), "a")
    [entry] = scan(storage)
    assert entry.size is entry.modified is None


def test_a_file_may_disappear() -> None:
    """An entry has no size and no time if the file was deleted after it was listed."""
    storage = stock(InMemoryStorage(), "a.txt")
    [entry] = scan(storage)
    storage.delete("a.txt")
    assert entry.size is entry.modified is None


def test_a_directory_may_disappear() -> None:
    """walk() skips the content of a directory that was deleted or replaced by a file."""
    storage = stock(InMemoryStorage(), "a/x", "b/x", "c")
    entries = walk(scan(storage))
    assert next(entries).name == "a"
    storage.delete("a")
    storage.delete("b")
    stock(storage, "b")
    assert shown([*entries]) == ["b/", "c"]


def test_errors_of_directories_are_raised_or_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """walk() raises the error of a directory that cannot be listed, or passes it to on_error."""
    storage = stock(InMemoryStorage(), "a/x", "b")
    listdir = storage.listdir
    monkeypatch.setattr(storage, "listdir", lambda name: refuse() if name else listdir(name))
    with pytest.raises(PermissionError):
        walked(storage)
    errors: list[OSError] = []
    assert walked(storage, on_error=errors.append) == ["a/", "b"]
    assert len(errors) == 1


def test_scan_names_a_storage_without_listdir() -> None:
    """scan() names the class of a storage without listdir(); find() still finds its files."""
    storage = stock(Unlisted(), "a")
    with pytest.raises(NotImplementedError, match="Unlisted cannot list its files"):
        scan(storage)
    found = find(storage, "a")
    assert found is not None and not found.is_directory


@pytest.mark.parametrize("kind", ["memory", "bucket"])
def test_walk_has_no_limit_of_depth(kind: str, tmp_path: Path) -> None:
    """walk() yields the entries of a tree that is deeper than Python recurses."""
    assert len(walked(stock(KINDS[kind](tmp_path), "d/" * DEEP + "x"))) == DEEP + 1


def test_draw_tree_has_no_limit_of_depth() -> None:
    """draw_tree() draws a tree that is deeper than Python recurses."""
    branch: Branch = ("x", ())
    for _ in range(DEEP):
        branch = ("d/", [branch])
    *_, last = draw_tree([branch])
    assert last == "    " * DEEP + "└── x"


def test_walk_is_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """walk() lists a directory when it gets there; find() lists no root."""
    storage = stock(Bucket(), "a/x", "b/x")
    monkeypatch.delattr(Bucket, "size")
    assert next(walk(scan(storage))).name == "a"
    monkeypatch.delattr(Bucket, "listdir")
    assert find(storage, "") == DirEntry(storage, "", is_directory=True)


def test_file_names_yields_files(storage: Storage) -> None:
    """file_names() yields the names of all files below the directories that it enters."""
    stock(storage, *NAMES)
    assert sorted(file_names(storage)) == sorted(NAMES)
    entered = [*file_names(storage, lambda directory: directory == "d")]
    assert entered == ["a.txt", "b.txt", "d/c.txt"]


def test_find_listed_respells_names(storage: Storage) -> None:
    """find_listed() returns how a storage lists a file, and None if it lists none."""
    stock(storage, *NAMES)
    for name in ("d/e/f.txt", "./d//e/f.txt", "d\\e\\f.txt", "/srv/d/e/f.txt", "D/E/F.TXT"):
        assert find_listed(storage, name) == "d/e/f.txt"
    assert find_listed(storage, "e\u0301/u\u0308.TXT") == "é/ü.txt"
    for name in ("", "d", "x/y", "a.txt/b"):
        assert find_listed(storage, name) is None


def test_find_listed_in_a_missing_directory(tmp_path: Path) -> None:
    """find_listed() returns None if the directory of a storage does not exist."""
    assert find_listed(on_disk(tmp_path / "missing"), "a") is None
    assert [*file_names(on_disk(tmp_path / "missing"))] == []
