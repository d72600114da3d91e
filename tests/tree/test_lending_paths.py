"""Paths that are lent: where they are, what is at them, how long they are there."""

import os
import stat
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from tree.lent import LIKE_DISK, ROWS, lend, lending, made_for, on_disk, read, without_privileges

from inmemorystorage import InMemoryStorage
from inmemorystorage.tree.private_directory import SHARED_MEMORY


@pytest.fixture(params=ROWS)
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths."""
    with lending(tmp_path / "media", behaves_like=request.param) as storage:
        yield storage


def mode(path):
    """Return the permission bits of what is at a path."""
    return stat.S_IMODE(os.stat(path).st_mode)


# Where it is.


def test_location_is_real_and_private(storage):
    """The location is a directory that only the user can enter, and so are those above it."""
    assert {mode(directory) for directory in made_for(storage)} == {0o700}


@pytest.mark.skipif(not os.access(SHARED_MEMORY, os.W_OK), reason="there is no shared memory")
def test_location_is_in_memory(storage):
    """It is in shared memory."""
    assert Path(SHARED_MEMORY) in Path(storage.location).parents


def test_location_is_the_same(storage):
    """It stays where it is, and is not that which the project named."""
    assert storage.location == storage.location != storage.base_location


def test_nothing_is_made_before_it_is_needed(tmp_path, monkeypatch):
    """A storage that is made costs no directory; its location is one."""
    monkeypatch.setattr("inmemorystorage.tree.private_directory.SHARED_MEMORY", str(tmp_path))
    storage = InMemoryStorage(lend_paths=True)
    assert list(tmp_path.iterdir()) == []
    assert made_for(storage)[0].parent == tmp_path


# What is there.


def test_path_has_the_content(storage):
    """The file is at its path, which is its name at the location."""
    path = lend(storage, "d/a", b"content")
    assert (path.read_bytes(), path) == (b"content", Path(storage.location) / "d" / "a")


def test_path_is_the_same_again(storage):
    """A path is lent once; what is there is not written again."""
    path = lend(storage, "a")
    before = path.stat()
    assert storage.path("a") == str(path) and path.stat() == before


def test_times_are_those_of_the_file(storage):
    """What is at a path has the time of what is in the storage, but for a nanosecond or so."""
    path = lend(storage, "a")
    modified = storage.get_modified_time("a").timestamp()
    assert path.stat().st_mtime == pytest.approx(modified, abs=1e-5)


def test_path_of_what_is_missing(storage):
    """Nothing is at the path of nothing, but the directories above it are there, in both."""
    path = Path(storage.path("d/e/a"))
    assert not path.exists() and path.parent.is_dir()
    assert not storage.exists("d/e/a") and storage.exists("d/e")


def test_what_was_not_asked_for_is_not_there(storage):
    """A name that nobody asked for has no file on the disk."""
    storage.save("d/b", b"")
    lend(storage, "d/a")
    storage.save("d/c", b"")
    assert list(on_disk(storage)) == ["d/a"]


def test_path_of_a_directory(storage):
    """A directory is there with all that is in it."""
    storage.save("d/e/a", b"a")
    storage.save("d/b", b"b")
    storage.save("c", b"c")
    assert Path(storage.path("d")).is_dir()
    assert on_disk(storage) == {"d/e/a": b"a", "d/b": b"b"}


@pytest.mark.parametrize("name", ["d", "", "."])
def test_path_of_a_directory_lends_what_comes(storage, name):
    """So is what is saved there later, also if the directory was not there before."""
    storage.path(name)
    storage.save("d/a", b"a")
    storage.save("d/e/b", b"b")
    assert on_disk(storage) == {"d/a": b"a", "d/e/b": b"b"}


def test_path_of_a_directory_that_comes_again(storage):
    """A directory that was asked for is lent again when it is back."""
    path = lend(storage, "d/e/a").parent
    storage.path("d/e")
    for name in ["d/e/a", "d/e"]:
        storage.delete(name)
    assert not path.exists()
    storage.save("d/e/b", b"b")
    assert (path / "b").read_bytes() == b"b"


def test_path_of_a_directory_twice(storage):
    """Asking again leaves alone what is there."""
    path = lend(storage, "d/a")
    storage.path("d")
    before = path.stat()
    storage.path("d")
    assert path.stat() == before


def test_mode_of_files(tmp_path):
    """What is put at a path has the storage's permission bits, also when it comes again."""
    with lending(tmp_path / "media", file_permissions_mode=0o604) as storage:
        path = lend(storage, "d/a")
        storage.path("d")
        storage.save("d/b", b"")
        storage.delete("d/a")
        storage.save("d/a", b"")
        assert (mode(path), mode(path.with_name("b"))) == (0o604, 0o604)


def test_mode_of_files_follows_the_setting(storage, settings):
    """Those of FILE_UPLOAD_PERMISSIONS, or those that the umask leaves."""
    settings.FILE_UPLOAD_PERMISSIONS = 0o640
    assert mode(lend(storage, "a")) == 0o640
    settings.FILE_UPLOAD_PERMISSIONS = None
    before = os.umask(0o027)
    path = lend(storage, "b")
    os.umask(before)
    assert mode(path) == 0o640


def test_files_that_may_only_be_read(tmp_path):
    """Permission bits are for other programs: the storage goes on writing."""
    with lending(tmp_path / "m", file_permissions_mode=0o400) as storage, without_privileges():
        path = lend(storage, "a")
        with storage.open("a", "ab") as file:
            file.write(b" and more")
        assert path.read_bytes() == b"content and more"


# Names.


@pytest.mark.parametrize("name", ["../a", "/a", "d/../../a", "/../etc/passwd"])
def test_names_outside(storage, name):
    """A name outside of the location is refused, and nothing is made for it."""
    with pytest.raises(SuspiciousFileOperation):
        storage.path(name)
    assert storage.listdir("") == ([], [])


@pytest.mark.parametrize("name", ["./d//a", "d/e/../a", Path("d/a")])
def test_names_spelt_otherwise(storage, name):
    """A name means the same file however it is written."""
    path = lend(storage, "d/a")
    assert storage.path(name) == str(path)


@pytest.mark.parametrize("name", ["a\0b", "a\0b/c", "x" * 300, "x" * 300 + "/a", "\udcff", "a\\b"])
def test_names_that_no_file_can_have(storage, name):
    """A path is only a name: asking for one harms nothing, as with FileSystemStorage."""
    assert storage.path(name) == os.path.join(storage.location, name)
    assert not storage.exists(name) and storage.listdir("") == ([], [])


def test_name_below_a_file(storage):
    """A path below a file is answered; the file stands in its way, as on any disk."""
    storage.save("a", b"content")
    path = Path(storage.path("a/b/c"))
    with pytest.raises(NotADirectoryError):
        path.parent.mkdir(parents=True)
    assert read(storage, "a") == path.parents[1].read_bytes() == b"content"


def test_location_below_a_file(tmp_path):
    """So does one in the way of a whole storage."""
    with lending(tmp_path / "media", behaves_like="filesystem") as storage:
        path = lend(storage, "a")
        below = InMemoryStorage(location=tmp_path / "media/a/b", lend_paths=True, **LIKE_DISK)
        assert below.location == str(path / "b")
        assert path.read_bytes() == read(storage, "a") == b"content"


def test_long_names_of_memory(tmp_path):
    """What memory can hold and no disk can be named is refused at the path alone."""
    with lending(tmp_path / "media") as storage:
        storage.save("x" * 300, b"content")
        with pytest.raises(OSError, match="too long"):
            storage.path("x" * 300)
        with storage.open("x" * 300, "ab") as file:
            file.write(b" and more")
        assert read(storage, "x" * 300) == b"content and more"
