"""Directories, links and other entries that programs make where paths are lent."""

import os
import shutil
from pathlib import Path

import pytest
from tree.lent import LIKE_DISK, ROWS, lend, lending, on_disk, read

from inmemorystorage import InMemoryStorage


@pytest.fixture(params=ROWS)
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths."""
    with lending(tmp_path / "media", behaves_like=request.param) as storage:
        yield storage


def test_never_asked_for_but_written(storage):
    """What a program writes at the location is seen, though nobody asked for its path."""
    Path(storage.location, "d").mkdir()
    Path(storage.location, "d", "a").write_bytes(b"outside")
    assert (storage.listdir(""), read(storage, "d/a")) == ((["d"], []), b"outside")


def test_directory_in_the_place_of_a_file(storage):
    """A directory that takes the place of a lent file is one in the storage."""
    path = lend(storage, "a")
    path.unlink()
    path.mkdir()
    (path / "b").write_bytes(b"outside")
    assert storage.listdir("a") == ([], ["b"]) and read(storage, "a/b") == b"outside"


def test_file_in_the_place_of_a_directory(storage):
    """A file that takes the place of a lent directory is one in the storage."""
    path = lend(storage, "d/e/a").parent
    shutil.rmtree(path)
    path.write_bytes(b"outside")
    assert not storage.exists("d/e/a") and read(storage, "d/e") == b"outside"


def test_directory_that_is_moved(storage):
    """A directory is moved with all that is in it."""
    path = lend(storage, "d/e/a").parents[1]
    storage.path("d")
    path.rename(path.with_name("moved"))
    assert not storage.exists("d") and read(storage, "moved/e/a") == b"content"


def test_directory_made_in_one_that_is_lent(storage):
    """What is saved into a directory that a program made in a lent one is lent as well."""
    path = Path(storage.path("d"))
    (path / "new").mkdir(parents=True)
    storage.save("d/new/a", b"content")
    assert (path / "new" / "a").read_bytes() == b"content"


def test_location_that_is_removed(storage):
    """Removing the location removes all files, also those that nobody asked for."""
    lend(storage, "d/a")
    storage.save("d/b", b"")
    storage.save("c", b"")
    shutil.rmtree(storage.location)
    assert not any(storage.exists(name) for name in ["d/a", "d/b", "d", "c"])
    assert lend(storage, "d/a").read_bytes() == b"content"


def test_tree_of_what_is_removed(storage):
    """So they are gone from the tree that is shown at once."""
    lend(storage, "d/a")
    shutil.rmtree(storage.location)
    assert len(storage.tree().splitlines()) == 1


def test_location_that_is_removed_and_made(storage):
    """So does putting an empty directory in its place."""
    lend(storage, "a")
    storage.save("b", b"")
    location = Path(storage.location)
    location.rename(location.with_name("elsewhere"))
    location.mkdir()
    assert not storage.exists("b") and not storage.exists("a")


def test_directory_that_only_held_a_file(storage):
    """What was not asked for stays when the directory goes that was there for a lent file."""
    path = lend(storage, "d/e/a")
    storage.save("d/b", b"b")
    shutil.rmtree(path.parents[1])
    assert storage.listdir("d") == ([], ["b"])
    assert Path(storage.path("d/b")).read_bytes() == b"b"


def test_directory_that_was_asked_for(storage):
    """A directory that was asked for goes with all that is in it."""
    storage.save("d/e/a", b"")
    storage.save("d/b", b"")
    shutil.rmtree(storage.path("d"))
    assert not storage.exists("d")


def test_empty_directory(storage):
    """An empty directory that goes is gone, one that comes is there."""
    path = lend(storage, "d/a").parent
    (path / "e").mkdir()
    assert storage.exists("d/e")
    (path / "e").rmdir()
    assert not storage.exists("d/e")


# What is no file.


def test_link_to_a_file(storage, tmp_path):
    """A link to a file is the file, which is left as it is while it is read."""
    source = tmp_path / "source"
    source.write_bytes(b"outside")
    before = source.stat().st_mtime_ns
    Path(storage.path("a")).symlink_to(source)
    assert read(storage, "a") == b"outside"
    storage.delete("a")
    assert source.read_bytes() == b"outside" and source.stat().st_mtime_ns == before


def test_link_to_a_directory(storage, tmp_path):
    """So is a link to a directory, and a circle of links has an end."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_bytes(b"outside")
    Path(storage.path("d")).symlink_to(tmp_path / "source")
    (tmp_path / "source" / "circle").symlink_to(tmp_path / "source")
    assert storage.tree().splitlines()[1:] == ["└── d/", "    ├── a (7)", "    └── circle/"]


def test_broken_link(storage):
    """A link that leads nowhere is nothing, and goes when a file is saved there."""
    path = Path(storage.path("a"))
    path.symlink_to("nowhere")
    assert not storage.exists("a") and storage.save("a", b"content") == "a"
    assert path.read_bytes() == b"content" and not path.is_symlink()


def test_two_names_of_one_file(storage):
    """A file that has two names is written under both."""
    path = lend(storage, "a")
    os.link(path, storage.path("b"))
    path.write_bytes(b"outside")
    assert read(storage, "a") == read(storage, "b") == b"outside"
    with storage.open("b", "wb") as file:
        file.write(b"inside")
    assert read(storage, "a") == b"inside"


def test_what_is_no_file(storage):
    """What is neither a file nor a directory is nothing, and is not waited for."""
    path = lend(storage, "a")
    path.unlink()
    os.mkfifo(path)
    assert not storage.exists("a") and storage.listdir("") == ([], [])
    assert storage.save("a", b"content") == "a" and path.read_bytes() == b"content"


# Storages that share a tree.


@pytest.mark.parametrize(
    ("is_above", "lends"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_seen_from_another_storage(tmp_path, is_above, lends):
    """A storage at the same location, or above, sees what was done at another's path."""
    with lending(tmp_path / "media" / "d", **LIKE_DISK) as storage:
        location = tmp_path / "media" if is_above else tmp_path / "media" / "d"
        other = InMemoryStorage(location=location, lend_paths=lends, **LIKE_DISK)
        name = "d/a" if is_above else "a"
        Path(storage.path("a")).write_bytes(b"outside")
        assert read(other, name) == b"outside"
        other.delete(name)
        assert on_disk(storage) == {}
