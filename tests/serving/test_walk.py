"""Any storage is walked by its API alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import Storage
from serving.stocked import KINDS, Bucket, Unlisted, on_disk, stock

from inmemorystorage import InMemoryStorage
from inmemorystorage.serving.walk import Entry, Total, find, scan, sum_sizes, walk

NAMES = ("b.txt", "a.txt", "é/ü.txt", "d/e/f.txt", "d/c.txt")
EVERYTHING = [
    *("d/", "d/e/", "d/e/f.txt", "d/c.txt"),
    *("é/", "é/ü.txt", "a.txt", "b.txt"),
]
DEEP = 2_000  # levels, of which Python's recursion has a thousand


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give an empty storage of each kind."""
    (tmp_path / "media").mkdir()
    return KINDS[request.param](tmp_path / "media")


def shown(entries: list[Entry]) -> list[str]:
    """Return the names of entries, of directories with a slash."""
    return [entry.name + "/" * entry.is_directory for entry in entries]


def test_everything_is_met_in_order(storage: Storage) -> None:
    """A walk meets directories before files, sorted, and each before what is in it."""
    assert shown([*walk(stock(storage, *NAMES))]) == EVERYTHING


def test_a_walk_begins_anywhere(storage: Storage) -> None:
    """Names are the storage's own, also where the walk begins further down."""
    assert shown([*walk(stock(storage, *NAMES), "d")]) == EVERYTHING[1:4]


def test_an_empty_storage_has_nothing(storage: Storage) -> None:
    """There is nothing to meet in an empty storage."""
    assert not [*walk(storage)]


def test_one_directory_is_scanned(storage: Storage) -> None:
    """A scan is of one directory, and knows the last of it."""
    entries = scan(stock(storage, *NAMES), "d")
    assert shown(entries) == ["d/e/", "d/c.txt"]
    assert [entry.is_last for entry in entries] == [False, True]


def test_sizes_are_those_of_files(storage: Storage) -> None:
    """A file has its bytes, a directory none of its own."""
    assert [entry.size for entry in scan(stock(storage, *NAMES), "d")] == [None, 7]


def test_sizes_are_summed_up(storage: Storage) -> None:
    """Each directory has the bytes of all below it, and comes after those in it."""
    assert [*sum_sizes(stock(storage, *NAMES))] == [
        Total("d/e", 7),
        Total("d", 14),
        Total("é", 7),
        Total("", 35),
    ]


def test_what_is_there_is_found(storage: Storage) -> None:
    """A name is a file, a directory, or nothing; the root is a directory."""
    stock(storage, *NAMES)
    found = [find(storage, name) for name in ("", "d", "d/c.txt", "d/x", "x/y")]
    assert [entry and entry.is_directory for entry in found] == [True, True, False, None, None]


def test_an_empty_directory_is_one(tmp_path: Path) -> None:
    """A directory with nothing in it is not taken for a file."""
    (tmp_path / "empty").mkdir()
    found = find(on_disk(tmp_path), "empty")
    assert found is not None and found.is_directory


def test_a_file_that_cannot_be_read_is_one(tmp_path: Path, monkeypatch) -> None:
    """That a file is not for us to read does not make it a directory."""
    storage = stock(on_disk(tmp_path), "a.txt")
    monkeypatch.setattr(storage, "_open", refuse)
    found = find(storage, "a.txt")
    assert found is not None and not found.is_directory


def refuse(*args: object) -> None:
    """Say that it is not allowed."""
    raise PermissionError(13, "Permission denied")


def test_unknown_is_unknown() -> None:
    """What a storage does not tell is not known, and is counted where it is summed up."""
    storage = stock(Bucket(size=lambda name: Storage().size(name)), "a/b")
    [_, entry] = walk(storage)
    assert entry.size is entry.modified is None
    assert [*sum_sizes(storage)] == [Total("a", 0, 1), Total("", 0, 1)]


def test_a_file_may_vanish() -> None:
    """A file that is deleted between the listing and the look has no size and no time."""
    storage = stock(InMemoryStorage(), "a.txt")
    [entry] = scan(storage)
    storage.delete("a.txt")
    assert entry.size is entry.modified is None


def test_a_directory_may_vanish() -> None:
    """A directory that is deleted, or becomes a file, after it was listed is empty."""
    storage = stock(InMemoryStorage(), "a/x", "b/x", "c")
    walked = walk(storage)
    assert next(walked).name == "a"
    storage.delete("a")
    storage.delete("b")
    stock(storage, "b")
    assert shown([*walked]) == ["b/", "c"]


def test_a_directory_may_be_closed(monkeypatch) -> None:
    """A directory that cannot be listed raises, or is told to who wants to know."""
    storage = stock(InMemoryStorage(), "a/x", "b")
    listdir = storage.listdir
    monkeypatch.setattr(storage, "listdir", lambda name: refuse() if name else listdir(name))
    with pytest.raises(PermissionError):
        [*walk(storage)]
    errors: list[OSError] = []
    assert shown([*walk(storage, "", errors.append)]) == ["a/", "b"]
    assert len(errors) == 1


def test_what_cannot_be_listed_says_so() -> None:
    """A storage without listdir() is named; its files are found all the same."""
    storage = stock(Unlisted(), "a")
    with pytest.raises(NotImplementedError, match="Unlisted cannot list its files"):
        scan(storage)
    found = find(storage, "a")
    assert found is not None and not found.is_directory


@pytest.mark.parametrize("kind", ["memory", "bucket"])
def test_depth_has_no_end(kind: str, tmp_path: Path) -> None:
    """A tree may be deeper than Python recurses."""
    storage = stock(KINDS[kind](tmp_path), "d/" * DEEP + "x")
    assert [total.size for total in sum_sizes(storage)] == [7] * (DEEP + 1)


def test_a_walk_is_lazy(monkeypatch) -> None:
    """What is not looked at is not asked for."""
    storage = stock(Bucket(), "a/x", "b/x")
    monkeypatch.delattr(Bucket, "size")
    assert next(walk(storage)).name == "a"
    monkeypatch.delattr(Bucket, "listdir")
    assert find(storage, "") == Entry(storage, "", is_directory=True)
