"""listdir(), exists(), delete() and size(), on files and directories."""

import errno
from pathlib import Path

import pytest
from contract.helpers import get, names, put, raises_unless
from contract.storages import Traits
from django.core.files.storage import Storage


@pytest.fixture
def tree(storage: Storage) -> Storage:
    """Return a storage with two files and a directory at its top."""
    for name in ["a", "b.txt", "d/a", "d/e/a"]:
        put(storage, name, b"content")
    return storage


def listed(storage: Storage, name: str) -> tuple[list[str], list[str]]:
    """Return the sorted entries of a directory."""
    directories, files = storage.listdir(name)
    return sorted(directories), sorted(files)


def test_listing_the_top(tree: Storage) -> None:
    """listdir() lists the storage under every spelling of its root."""
    for name in [".", "./", "d/.."]:
        assert listed(tree, name) == (["d"], ["a", "b.txt"])


def test_listing_a_directory(tree: Storage) -> None:
    """listdir() lists a directory under every spelling of its name."""
    for name in ["d/", "./d", "d//", "d/e/.."]:
        assert listed(tree, name) == (["e"], ["a"])


def test_listing_an_empty_storage(storage: Storage) -> None:
    """listdir() of an empty storage returns two empty lists."""
    assert storage.listdir("") == ([], [])


@pytest.mark.needs("directories")
def test_listing_a_missing_directory(tree: Storage) -> None:
    """listdir() raises for a directory that does not exist."""
    with pytest.raises(FileNotFoundError) as info:
        tree.listdir("missing")
    assert info.value.errno == errno.ENOENT


@pytest.mark.needs("directories")
def test_listing_a_file(tree: Storage) -> None:
    """listdir() raises for a file."""
    for name in ["a", "a/b", "d/e/a"]:
        with pytest.raises(NotADirectoryError) as info:
            tree.listdir(name)
        assert info.value.errno == errno.ENOTDIR


def test_listing_is_a_copy(tree: Storage) -> None:
    """Changing the lists from listdir() changes nothing in the storage."""
    tree.listdir("")[1].clear()
    assert listed(tree, "") == (["d"], ["a", "b.txt"])


def test_files_exist(tree: Storage) -> None:
    """exists() is true for a file under every spelling of its name."""
    for name in ["./a", "d//a", "d/../a"]:
        assert tree.exists(name) is True


@pytest.mark.needs("directories")
def test_directories_exist(tree: Storage) -> None:
    """exists() is true for a directory under every spelling of its name."""
    for name in ["d", "d/e", "d/", "", "."]:
        assert tree.exists(name) is True


def test_missing_names_do_not_exist(tree: Storage) -> None:
    """exists() is false for any other name, and creates nothing."""
    for name in ["a/b", "A", "b", "x" * 300]:
        assert tree.exists(name) is False
    assert names(tree) == ["a", "b.txt", "d/a", "d/e/a"]


def test_deleting_a_file(tree: Storage) -> None:
    """delete() removes a file under every spelling of its name."""
    for name in ["./d/a", "d//a", "d/e/../a"]:
        assert tree.delete(name) is None
        assert not tree.exists("d/a")
        assert names(tree) == ["a", "b.txt", "d/e/a"]
        assert put(tree, "d/a") == "d/a"


def test_deleting_a_missing_file(tree: Storage) -> None:
    """delete() ignores a file that does not exist."""
    for name in ["missing", "d/missing", "missing/a"]:
        tree.delete(name)
    assert names(tree) == ["a", "b.txt", "d/a", "d/e/a"]


def test_deleting_below_a_file(tree: Storage, can: Traits) -> None:
    """delete() of a name below a file raises or is silent, depending on the storage."""
    with raises_unless(can.deletes_quietly, NotADirectoryError):
        tree.delete("a/b")
    assert get(tree, "a") == b"content"


@pytest.mark.needs("directories")
def test_deleting_an_empty_directory(tree: Storage) -> None:
    """A directory stays when its last file is deleted, and can then be deleted."""
    tree.delete("d/e/a")
    assert tree.listdir("d/e") == ([], [])
    tree.delete("d/e")
    assert not tree.exists("d/e")


@pytest.mark.needs("directories")
def test_deleting_a_full_directory(tree: Storage, can: Traits) -> None:
    """delete() of a directory with entries removes them or raises, depending on the storage."""
    with raises_unless(can.deletes_trees, OSError):
        tree.delete("d")
    assert names(tree) == ["a", "b.txt"] + ["d/a", "d/e/a"] * (not can.deletes_trees)


@pytest.mark.needs("refuses_names")
def test_deleting_an_empty_name(tree: Storage) -> None:
    """delete() refuses an empty name."""
    with pytest.raises(ValueError, match="name must be given"):
        tree.delete("")
    assert names(tree) == ["a", "b.txt", "d/a", "d/e/a"]


def test_name_is_free_after_deleting(tree: Storage) -> None:
    """A deleted file's name is free, for a directory too."""
    tree.delete("a")
    assert put(tree, "a/b", b"new") == "a/b"
    assert get(tree, "a/b") == b"new"


def test_size_of_a_missing_file(tree: Storage) -> None:
    """size() raises for a file that does not exist."""
    for name in ["missing", "missing/a", "d/missing"]:
        with pytest.raises(FileNotFoundError):
            tree.size(name)


@pytest.mark.needs("directories")
def test_size_below_a_file(tree: Storage) -> None:
    """size() raises for a name below a file."""
    with pytest.raises(NotADirectoryError):
        tree.size("a/b")


def test_names_may_be_path_objects(tree: Storage) -> None:
    """Methods accept a pathlib.Path like a str."""
    assert get(tree, Path("d") / "a") == b"content"
    assert (tree.exists(Path("d/a")), tree.size(Path("d/a"))) == (True, 7)
    tree.delete(Path("d/a"))
    assert put(tree, Path("d/a")) == "d/a"
