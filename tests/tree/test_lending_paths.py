"""Lent paths: where they are, and which files are at them."""

import os
import stat
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from tree.lent import FILESYSTEM, ROWS, lend, lending, made_for, on_disk, read, without_privileges

from inmemorystorage import InMemoryStorage
from inmemorystorage.tree.private_directory import SHARED_MEMORY


@pytest.fixture(params=ROWS)
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths."""
    with lending(tmp_path / "media", behaves_like=request.param) as storage:
        yield storage


def mode(path):
    """Return the permission bits of a file or a directory."""
    return stat.S_IMODE(os.stat(path).st_mode)


# The location.


def test_location_is_real_and_private(storage):
    """location is a directory that only the user can enter, as are those above it."""
    assert {mode(directory) for directory in made_for(storage)} == {0o700}


@pytest.mark.skipif(not os.access(SHARED_MEMORY, os.W_OK), reason="there is no shared memory")
def test_location_is_in_shared_memory(storage):
    """location is in shared memory."""
    assert Path(SHARED_MEMORY) in Path(storage.location).parents


def test_location_is_constant(storage):
    """location stays the same, and is not base_location."""
    assert storage.location == storage.location != storage.base_location


def test_directory_is_made_when_it_is_needed(tmp_path, monkeypatch):
    """A new storage makes no directory before its location is read."""
    monkeypatch.setattr("inmemorystorage.tree.private_directory.SHARED_MEMORY", str(tmp_path))
    storage = InMemoryStorage(lend_paths=True)
    assert list(tmp_path.iterdir()) == []
    assert made_for(storage)[0].parent == tmp_path


# The files.


def test_path_has_the_content(storage):
    """The file is at its path, which is its name at the location."""
    path = lend(storage, "d/a", b"content")
    assert (path.read_bytes(), path) == (b"content", Path(storage.location) / "d" / "a")


def test_path_is_lent_once(storage):
    """path() returns the same path again, and does not write the file again."""
    path = lend(storage, "a")
    before = path.stat()
    assert storage.path("a") == str(path) and path.stat() == before


def test_lent_file_has_the_modified_time(storage):
    """A lent file has the modified time of the stored file, within a nanosecond or so."""
    path = lend(storage, "a")
    modified = storage.get_modified_time("a").timestamp()
    assert path.stat().st_mtime == pytest.approx(modified, abs=1e-5)


def test_path_of_a_missing_file(storage):
    """path() of a missing file makes only the directories above it."""
    path = Path(storage.path("d/e/a"))
    assert not path.exists() and path.parent.is_dir()
    assert not storage.exists("d/e/a") and storage.exists("d/e")


def test_other_files_are_not_on_the_disk(storage):
    """A file whose path was not asked for is not on the disk."""
    storage.save("d/b", b"")
    lend(storage, "d/a")
    storage.save("d/c", b"")
    assert list(on_disk(storage)) == ["d/a"]


def test_path_of_a_directory(storage):
    """path() of a directory lends all its entries."""
    storage.save("d/e/a", b"a")
    storage.save("d/b", b"b")
    storage.save("c", b"c")
    assert Path(storage.path("d")).is_dir()
    assert on_disk(storage) == {"d/e/a": b"a", "d/b": b"b"}


@pytest.mark.parametrize("name", ["d", "", "."])
def test_path_of_a_directory_lends_new_entries(storage, name):
    """path() of a directory lends entries that are saved later."""
    storage.path(name)
    storage.save("d/a", b"a")
    storage.save("d/e/b", b"b")
    assert on_disk(storage) == {"d/a": b"a", "d/e/b": b"b"}


def test_path_of_a_directory_outlives_it(storage):
    """A directory that was asked for is lent again when it is made again."""
    path = lend(storage, "d/e/a").parent
    storage.path("d/e")
    for name in ["d/e/a", "d/e"]:
        storage.delete(name)
    assert not path.exists()
    storage.save("d/e/b", b"b")
    assert (path / "b").read_bytes() == b"b"


def test_path_of_a_directory_twice(storage):
    """path() of a lent directory writes nothing again."""
    path = lend(storage, "d/a")
    storage.path("d")
    before = path.stat()
    storage.path("d")
    assert path.stat() == before


def test_mode_of_files(tmp_path):
    """A lent file has file_permissions_mode, also after it was deleted and saved again."""
    with lending(tmp_path / "media", file_permissions_mode=0o604) as storage:
        path = lend(storage, "d/a")
        storage.path("d")
        storage.save("d/b", b"")
        storage.delete("d/a")
        storage.save("d/a", b"")
        assert (mode(path), mode(path.with_name("b"))) == (0o604, 0o604)


def test_mode_of_files_follows_the_setting(storage, settings):
    """A lent file has FILE_UPLOAD_PERMISSIONS, or the bits that the umask leaves."""
    settings.FILE_UPLOAD_PERMISSIONS = 0o640
    assert mode(lend(storage, "a")) == 0o640
    settings.FILE_UPLOAD_PERMISSIONS = None
    before = os.umask(0o027)
    path = lend(storage, "b")
    os.umask(before)
    assert mode(path) == 0o640


def test_storage_writes_read_only_files(tmp_path):
    """A storage writes its files whatever their permission bits are."""
    with lending(tmp_path / "m", file_permissions_mode=0o400) as storage, without_privileges():
        path = lend(storage, "a")
        with storage.open("a", "ab") as file:
            file.write(b" and more")
        assert path.read_bytes() == b"content and more"


# Names.


@pytest.mark.parametrize("name", ["../a", "/a", "d/../../a", "/../etc/passwd"])
def test_names_outside(storage, name):
    """path() refuses a name outside of the location, and makes nothing for it."""
    with pytest.raises(SuspiciousFileOperation):
        storage.path(name)
    assert storage.listdir("") == ([], [])


@pytest.mark.parametrize("name", ["./d//a", "d/e/../a", Path("d/a")])
def test_path_normalizes_names(storage, name):
    """path() returns one path for all spellings of a name."""
    path = lend(storage, "d/a")
    assert storage.path(name) == str(path)


@pytest.mark.parametrize("name", ["a\0b", "a\0b/c", "x" * 300, "x" * 300 + "/a", "\udcff", "a\\b"])
def test_names_that_no_file_can_have(storage, name):
    """path() of a name that no file can have returns a path, as FileSystemStorage does."""
    assert storage.path(name) == os.path.join(storage.location, name)
    assert not storage.exists(name) and storage.listdir("") == ([], [])


def test_name_below_a_file(storage):
    """path() of a name below a file returns a path at which nothing can be made."""
    storage.save("a", b"content")
    path = Path(storage.path("a/b/c"))
    with pytest.raises(NotADirectoryError):
        path.parent.mkdir(parents=True)
    assert read(storage, "a") == path.parents[1].read_bytes() == b"content"


def test_location_below_a_file(tmp_path):
    """location below a file is a path at which nothing can be made."""
    with lending(tmp_path / "media", behaves_like="filesystem") as storage:
        path = lend(storage, "a")
        below = InMemoryStorage(location=tmp_path / "media/a/b", lend_paths=True, **FILESYSTEM)
        assert below.location == str(path / "b")
        assert path.read_bytes() == read(storage, "a") == b"content"


def test_path_of_a_name_too_long_for_a_disk(tmp_path):
    """path() raises for a stored name that is too long for a disk."""
    with lending(tmp_path / "media") as storage:
        storage.save("x" * 300, b"content")
        with pytest.raises(OSError, match="too long"):
            storage.path("x" * 300)
        with storage.open("x" * 300, "ab") as file:
            file.write(b" and more")
        assert read(storage, "x" * 300) == b"content and more"
