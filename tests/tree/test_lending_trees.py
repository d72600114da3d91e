"""Directories, links and other entries that programs make at lent paths."""

import os
import pickle
import shutil
from pathlib import Path

import pytest
from tree.lent import FILESYSTEM, ROWS, lend, lending, on_disk, read

from inmemorystorage import InMemoryStorage
from inmemorystorage.tree.journal import Note
from inmemorystorage.tree.private_directory import PrivateDirectory


@pytest.fixture(params=ROWS)
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths."""
    with lending(tmp_path / "media", behaves_like=request.param) as storage:
        yield storage


def test_file_at_the_location_is_seen(storage):
    """A storage sees a file that a program writes at a path that was not asked for."""
    Path(storage.location, "d").mkdir()
    Path(storage.location, "d", "a").write_bytes(b"outside")
    assert (storage.listdir(""), read(storage, "d/a")) == ((["d"], []), b"outside")


def test_directory_replaces_a_file(storage):
    """A directory that replaces a lent file is a directory in the storage."""
    path = lend(storage, "a")
    path.unlink()
    path.mkdir()
    (path / "b").write_bytes(b"outside")
    assert storage.listdir("a") == ([], ["b"]) and read(storage, "a/b") == b"outside"


def test_file_replaces_a_directory(storage):
    """A file that replaces a lent directory is a file in the storage."""
    path = lend(storage, "d/e/a").parent
    shutil.rmtree(path)
    path.write_bytes(b"outside")
    assert not storage.exists("d/e/a") and read(storage, "d/e") == b"outside"


def test_moved_directory_keeps_its_entries(storage):
    """A directory that is moved has all its entries in the storage."""
    path = lend(storage, "d/e/a").parents[1]
    storage.path("d")
    path.rename(path.with_name("moved"))
    assert not storage.exists("d") and read(storage, "moved/e/a") == b"content"


def test_directory_made_in_a_lent_one_is_lent(storage):
    """A file saved into a new directory of a lent directory is lent."""
    path = Path(storage.path("d"))
    (path / "new").mkdir(parents=True)
    storage.save("d/new/a", b"content")
    assert (path / "new" / "a").read_bytes() == b"content"


def test_removed_location_removes_all_files(storage):
    """Removing the location removes all files, lent or not."""
    lend(storage, "d/a")
    storage.save("d/b", b"")
    storage.save("c", b"")
    shutil.rmtree(storage.location)
    assert not any(storage.exists(name) for name in ["d/a", "d/b", "d", "c"])
    assert lend(storage, "d/a").read_bytes() == b"content"


def test_tree_of_a_removed_location_is_empty(storage):
    """tree() shows no file of a location that was removed."""
    lend(storage, "d/a")
    shutil.rmtree(storage.location)
    assert len(storage.tree().splitlines()) == 1


def test_replaced_location_removes_all_files(storage):
    """Replacing the location by an empty directory removes all files."""
    lend(storage, "a")
    storage.save("b", b"")
    location = Path(storage.location)
    location.rename(location.with_name("elsewhere"))
    location.mkdir()
    assert not storage.exists("b") and not storage.exists("a")


def test_removed_directory_keeps_files_that_were_not_lent(storage):
    """A removed directory that was not asked for keeps its other files."""
    path = lend(storage, "d/e/a")
    storage.save("d/b", b"b")
    shutil.rmtree(path.parents[1])
    assert storage.listdir("d") == ([], ["b"])
    assert Path(storage.path("d/b")).read_bytes() == b"b"


def test_removed_directory_that_was_asked_for(storage):
    """A removed directory that was asked for is removed with its entries."""
    storage.save("d/e/a", b"")
    storage.save("d/b", b"")
    shutil.rmtree(storage.path("d"))
    assert not storage.exists("d")


def test_empty_directories_are_seen(storage):
    """A storage sees an empty directory that is made or removed."""
    path = lend(storage, "d/a").parent
    (path / "e").mkdir()
    assert storage.exists("d/e")
    (path / "e").rmdir()
    assert not storage.exists("d/e")


# Links and pipes.


def test_link_to_a_file_is_a_file(storage, tmp_path):
    """A link to a file is a file; the target keeps its time and its content."""
    source = tmp_path / "source"
    source.write_bytes(b"outside")
    before = source.stat().st_mtime_ns
    Path(storage.path("a")).symlink_to(source)
    assert read(storage, "a") == b"outside"
    storage.delete("a")
    assert source.read_bytes() == b"outside" and source.stat().st_mtime_ns == before


def test_link_to_a_directory_is_a_directory(storage, tmp_path):
    """A link to a directory is a directory, whose entries are found by name."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_bytes(b"outside")
    Path(storage.path("d")).symlink_to(tmp_path / "source")
    (tmp_path / "source" / "circle").symlink_to(tmp_path / "source")
    assert read(storage, "d/a") == read(storage, "d/circle/circle/a") == b"outside"
    assert storage.listdir("d") == (["circle"], ["a"])
    (tmp_path / "source" / "a").unlink()
    assert storage.tree().splitlines()[1:3] == ["└── d/", "    └── circle/"]


def test_link_to_the_whole_disk_is_not_walked(storage, tmp_path, monkeypatch):
    """Operations on all files do not walk what is behind a link, also after it was looked at."""
    source = tmp_path / "source"
    (source / "e" / "f").mkdir(parents=True)
    (source / "e" / "f" / "a").write_bytes(b"outside")
    Path(storage.path("d")).symlink_to(source)
    assert storage.listdir("d/e") == (["f"], [])
    listed = []
    entries = PrivateDirectory.entries
    monkeypatch.setattr(
        PrivateDirectory, "entries", lambda self, name: listed.append(name) or entries(self, name)
    )
    for act in (repr, InMemoryStorage.tree, pickle.dumps):
        act(storage)
    with Note().recording():
        pass
    assert listed and not [name for name in listed if Path(name).name in ("d", "e", "f")]


def test_broken_link_does_not_exist(storage):
    """A broken link does not exist, and save() replaces it."""
    path = Path(storage.path("a"))
    path.symlink_to("nowhere")
    assert not storage.exists("a") and storage.save("a", b"content") == "a"
    assert path.read_bytes() == b"content" and not path.is_symlink()


def test_hard_links_are_written_together(storage):
    """A file with two names is written under both."""
    path = lend(storage, "a")
    os.link(path, storage.path("b"))
    path.write_bytes(b"outside")
    assert read(storage, "a") == read(storage, "b") == b"outside"
    with storage.open("b", "wb") as file:
        file.write(b"inside")
    assert read(storage, "a") == b"inside"


def test_pipe_does_not_exist(storage):
    """A pipe does not exist, and save() replaces it."""
    path = lend(storage, "a")
    path.unlink()
    os.mkfifo(path)
    assert not storage.exists("a") and storage.listdir("") == ([], [])
    assert storage.save("a", b"content") == "a" and path.read_bytes() == b"content"


# Storages that share a tree.


@pytest.mark.parametrize(
    ("is_above", "lends"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_another_storage_sees_changes(tmp_path, is_above, lends):
    """A storage at the same location, or above, sees changes at another's path."""
    with lending(tmp_path / "media" / "d", **FILESYSTEM) as storage:
        location = tmp_path / "media" if is_above else tmp_path / "media" / "d"
        other = InMemoryStorage(location=location, lend_paths=lends, **FILESYSTEM)
        name = "d/a" if is_above else "a"
        Path(storage.path("a")).write_bytes(b"outside")
        assert read(other, name) == b"outside"
        other.delete(name)
        assert on_disk(storage) == {}
