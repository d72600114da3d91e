"""Lent paths when the disk fails: the tree stays whole."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from tree.lent import FILESYSTEM, ROWS, full_disk, lend, lending, made_for, on_disk, read

from inmemorystorage import InMemoryStorage
from inmemorystorage.tree.private_directory import PrivateDirectory


@pytest.fixture(params=ROWS)
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths."""
    with lending(tmp_path / "media", behaves_like=request.param) as storage:
        yield storage


@pytest.fixture
def interfere(monkeypatch):
    """Return a function that runs a callable once, before or after a step on the disk."""

    def happen(step, act, *, after=False):
        method, thread = getattr(PrivateDirectory, step), threading.current_thread()

        def stepping(self, name, *args):
            if threading.current_thread() is not thread:
                return method(self, name, *args)  # a server thread of another test
            monkeypatch.setattr(PrivateDirectory, step, method)
            if not after:
                act(Path(self.path(name)))
            answer = method(self, name, *args)
            if after:
                act(Path(self.path(name)))
            return answer

        monkeypatch.setattr(PrivateDirectory, step, stepping)

    return happen


def write_too_much(storage, name, mode="r+b", room=8):
    """Write ten bytes through a handle while no file may have more than ``room``."""
    file = storage.open(name, mode)
    with full_disk(room), pytest.raises(OSError, match="too large"):
        file.file.raw.write(b"0123456789")
    file.close()


def save_too_much(storage, name):
    """Save ten bytes while no file may have more than eight."""
    with full_disk(8), pytest.raises(OSError, match="too large"):
        storage.save(name, b"0123456789")


def test_file_that_does_not_fit_is_not_lent(storage):
    """path() raises for a file that does not fit on the disk, which stays in the tree."""
    storage.save("a", b"content")
    with full_disk(5), pytest.raises(OSError, match="too large"):
        storage.path("a")
    assert (on_disk(storage), read(storage, "a")) == ({}, b"content")


@pytest.mark.parametrize(
    ("mode", "content"), [("wb", b""), ("r+b", b"content"), ("ab", b"content")]
)
def test_write_to_a_full_disk_changes_nothing(storage, mode, content):
    """A write to a full disk raises, and leaves the file as it was in the tree and at its path."""
    lend(storage, "a")
    write_too_much(storage, "a", mode)
    assert (on_disk(storage), read(storage, "a")) == ({"a": content}, content)


@pytest.mark.parametrize("row", ROWS)
def test_save_to_a_full_disk_changes_nothing(tmp_path, row):
    """save() over a lent file raises if the disk is full, and leaves the file as it was."""
    options = {"behaves_like": row, "allow_overwrite": True, "max_size": 20}
    with lending(tmp_path / "media", **options) as storage:
        lend(storage, "a")
        storage.save("b", b"")
        modified = storage.get_modified_time("a")
        save_too_much(storage, "a")
        assert (on_disk(storage), read(storage, "a")) == ({"a": b"content"}, b"content")
        assert storage.listdir("") == ([], ["a", "b"])
        assert storage.get_modified_time("a") == modified
        storage.save("b", b"0123456789012")  # as much as there was room before


def test_truncate_to_a_full_disk_changes_nothing(storage):
    """truncate() past the room of a full disk raises, and leaves the file as it was."""
    lend(storage, "a")
    with storage.open("a", "r+b") as file:
        with full_disk(8), pytest.raises(OSError, match="too large"):
            file.truncate(10)
        assert (on_disk(storage), read(storage, "a")) == ({"a": b"content"}, b"content")


@pytest.mark.parametrize("position", [0, 2, 100_000])
def test_large_write_to_a_full_disk_changes_nothing(storage, position):
    """A write at any position that fails leaves the content, whether or not it made a hole."""
    lend(storage, "a")
    with storage.open("a", "r+b") as file:
        file.seek(position)
        with full_disk(8), pytest.raises(OSError, match="too large"):
            file.file.raw.write(b"0123456789")
        assert (on_disk(storage), read(storage, "a")) == ({"a": b"content"}, b"content")


def test_file_is_lent_again_when_it_fits(storage):
    """The next change lends a file again that did not fit before."""
    path = lend(storage, "a")
    write_too_much(storage, "a", room=5)
    assert not path.exists() and read(storage, "a") == b"content"
    with storage.open("a", "ab") as file:
        file.write(b"!")
    assert path.read_bytes() == b"content!"


def test_save_into_a_lent_directory_needs_room(storage):
    """save() into a lent directory raises for a file that does not fit on the disk."""
    storage.path("d")
    with full_disk(5), pytest.raises(OSError, match="too large"):
        storage.save("d/a", b"content")
    assert not storage.exists("d/a") and storage.save("d/a", b"small") == "d/a"
    assert on_disk(storage) == {"d/a": b"small"}


def test_cleaned_directory_keeps_the_files(storage):
    """Removing the private directory removes the lent paths, and no file of the tree."""
    lend(storage, "d/a")
    storage.save("b", b"")
    shutil.rmtree(made_for(storage)[0])
    assert storage.exists("d/a") and storage.exists("b")
    assert Path(storage.path("d/a")).read_bytes() == b"content"


@pytest.mark.parametrize("step", ["sign", "read"])
def test_file_removed_during_a_pull_is_removed(storage, interfere, step):
    """A file that is removed while it is pulled is removed by the next operation."""
    path = lend(storage, "a")
    path.write_bytes(b"outside")
    interfere(step, os.remove)
    storage.exists("a")
    assert not storage.exists("a")


def test_file_written_during_a_pull_is_pulled_again(storage, interfere):
    """A file that is written while it is pulled is pulled again."""
    path = lend(storage, "a")
    path.write_bytes(b"outside")
    interfere("read", lambda path: path.write_bytes(b"OUTSIDE"), after=True)
    storage.exists("a")
    assert read(storage, "a") == b"OUTSIDE"


def test_directory_removed_during_a_pull_is_removed(storage, interfere):
    """A directory that is removed while it is listed has no entries."""
    path = lend(storage, "d/a")
    interfere("entries", shutil.rmtree)
    storage.listdir("d")
    assert not path.exists() and not storage.exists("d/a")


@pytest.mark.parametrize("step", ["sign", "write"])
def test_file_removed_during_a_save_is_removed(storage, interfere, step):
    """A file that is removed while it is saved does not exist."""
    path = Path(storage.path("d/a"))
    interfere(step, lambda path: shutil.rmtree(path.parent))
    assert storage.save("d/a", b"content") == "d/a"
    assert not path.exists() and not storage.exists("d/a")


def test_file_removed_during_a_write_is_removed(storage, interfere):
    """A file that is removed while a handle writes it does not exist."""
    lend(storage, "a")
    interfere("write_at", os.remove)
    with storage.open("a", "r+b") as file:
        file.write(b"x")
    assert not storage.exists("a")


def test_directory_is_removed_after_an_error(tmp_path, monkeypatch):
    """The private directory is removed even if its entries cannot be read."""

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


def test_lease_may_end_during_an_operation(tmp_path, interfere):
    """A storage may be collected as garbage during the operation of another one."""
    with lending(tmp_path / "media") as storage:
        directory, path = made_for(storage)[0], lend(storage, "a")
        other = InMemoryStorage(storage.filesystem)
        path.write_bytes(b"outside")
        last = [storage]
        del storage
        interfere("read", lambda path: last.clear())
        assert read(other, "a") == b"outside"
        assert not directory.exists()


def test_removed_location_is_made_again(tmp_path):
    """save() makes a location again that was removed."""
    with lending(tmp_path / "media", **FILESYSTEM) as storage:
        path = lend(storage, "a")
        shutil.rmtree(path.parents[1])
        assert storage.save("a", b"again") == "a"
        assert path.read_bytes() == b"again"
