"""Paths that are lent when the disk fails: the storage stays whole."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from tree.lent import LIKE_DISK, ROWS, full_disk, lend, lending, made_for, on_disk, read

from inmemorystorage import InMemoryStorage
from inmemorystorage.tree.private_directory import PrivateDirectory


@pytest.fixture(params=ROWS)
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths."""
    with lending(tmp_path / "media", behaves_like=request.param) as storage:
        yield storage


@pytest.fixture
def meanwhile(monkeypatch):
    """Return a function that has something happen once, before or after a step on the disk."""

    def happen(step, act, *, after=False):
        method, thread = getattr(PrivateDirectory, step), threading.current_thread()

        def stepping(self, name, *args):
            if threading.current_thread() is not thread:
                return method(self, name, *args)  # of a server that another test has left
            monkeypatch.setattr(PrivateDirectory, step, method)
            if not after:
                act(Path(self.path(name)))
            answer = method(self, name, *args)
            if after:
                act(Path(self.path(name)))
            return answer

        monkeypatch.setattr(PrivateDirectory, step, stepping)

    return happen


def write_too_much(storage, name, mode="wb"):
    """Write ten bytes through a handle where no file may have more than eight."""
    file = storage.open(name, mode)
    with full_disk(8), pytest.raises(OSError, match="too large"):
        file.file.raw.write(b"0123456789")
    file.close()


def test_full_disk(storage):
    """A file that does not fit is not lent, and is whole where it is."""
    storage.save("a", b"content")
    with full_disk(5), pytest.raises(OSError, match="too large"):
        storage.path("a")
    assert (on_disk(storage), read(storage, "a")) == ({}, b"content")


@pytest.mark.parametrize(
    ("mode", "content"),
    [("wb", b"0123456789"), ("r+b", b"0123456789"), ("ab", b"content0123456789")],
)
def test_disk_that_gets_full(storage, mode, content):
    """What is written is whole in the storage; no part of it is left at the path."""
    lend(storage, "a")
    write_too_much(storage, "a", mode)
    assert (on_disk(storage), read(storage, "a")) == ({}, content)


def test_disk_that_has_room_again(storage):
    """The next change puts the file at its path again."""
    path = lend(storage, "a")
    write_too_much(storage, "a")
    with storage.open("a", "ab") as file:
        file.write(b"!")
    assert path.read_bytes() == b"0123456789!"


def test_full_disk_below_a_directory(storage):
    """A file that does not fit into a lent directory is not saved; one that fits still is."""
    storage.path("d")
    with full_disk(5), pytest.raises(OSError, match="too large"):
        storage.save("d/a", b"content")
    assert not storage.exists("d/a") and storage.save("d/a", b"small") == "d/a"
    assert on_disk(storage) == {"d/a": b"small"}


def test_directory_that_is_cleaned_away(storage):
    """Who cleans the temporary directory takes the paths, but no file."""
    lend(storage, "d/a")
    storage.save("b", b"")
    shutil.rmtree(made_for(storage)[0])
    assert storage.exists("d/a") and storage.exists("b")
    assert Path(storage.path("d/a")).read_bytes() == b"content"


@pytest.mark.parametrize("step", ["sign", "read"])
def test_file_that_goes_while_it_is_read(storage, meanwhile, step):
    """A file that is there no more when it is read is gone by the next operation at the latest."""
    path = lend(storage, "a")
    path.write_bytes(b"outside")
    meanwhile(step, os.remove)
    storage.exists("a")
    assert not storage.exists("a")


def test_file_that_changes_while_it_is_read(storage, meanwhile):
    """What comes after the reading is seen all the same."""
    path = lend(storage, "a")
    path.write_bytes(b"outside")
    meanwhile("read", lambda path: path.write_bytes(b"OUTSIDE"), after=True)
    storage.exists("a")
    assert read(storage, "a") == b"OUTSIDE"


def test_directory_that_goes_while_it_is_listed(storage, meanwhile):
    """A directory that is there no more when it is listed has nothing in it."""
    path = lend(storage, "d/a")
    meanwhile("entries", shutil.rmtree)
    storage.listdir("d")
    assert not path.exists() and not storage.exists("d/a")


@pytest.mark.parametrize("step", ["sign", "write"])
def test_file_that_goes_while_it_is_saved(storage, meanwhile, step):
    """Who removes what is just being saved has removed it."""
    path = Path(storage.path("d/a"))
    meanwhile(step, lambda path: shutil.rmtree(path.parent))
    assert storage.save("d/a", b"content") == "d/a"
    assert not path.exists() and not storage.exists("d/a")


def test_file_that_goes_while_it_is_written(storage, meanwhile):
    """Who removes what is just being written has removed it."""
    lend(storage, "a")
    meanwhile("write_at", os.remove)
    with storage.open("a", "r+b") as file:
        file.write(b"x")
    assert not storage.exists("a")


def test_fault_at_the_end(tmp_path, monkeypatch):
    """The directory is removed also if what is in it cannot be read."""

    def refuse(self, name):
        raise PermissionError(name)

    unraised = []
    monkeypatch.setattr("sys.unraisablehook", lambda fault: unraised.append(str(fault.exc_value)))
    monkeypatch.setattr(PrivateDirectory, "read", refuse)
    with lending(tmp_path / "media") as storage:
        directory = made_for(storage)[0]
        Path(storage.path("a")).write_bytes(b"outside")
        del storage
        assert unraised == ["a"] and not directory.exists()


def test_storage_that_dies_during_an_operation(tmp_path, meanwhile):
    """A storage that is collected as garbage in the middle of another's operation harms nobody."""
    with lending(tmp_path / "media") as storage:
        directory, path = made_for(storage)[0], lend(storage, "a")
        other = InMemoryStorage(storage.filesystem)
        path.write_bytes(b"outside")
        last = [storage]
        del storage
        meanwhile("read", lambda path: last.clear())
        assert read(other, "a") == b"outside"
        assert not directory.exists()


def test_nested_location_that_is_taken(tmp_path):
    """A location whose directory goes is made again by the next save."""
    with lending(tmp_path / "media", **LIKE_DISK) as storage:
        path = lend(storage, "a")
        shutil.rmtree(path.parents[1])
        assert storage.save("a", b"again") == "a"
        assert path.read_bytes() == b"again"
