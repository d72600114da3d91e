"""Paths that are lent: what others do there is seen, and what the storage does is there."""

import gc
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from PIL import Image

from inmemorystorage import InMemoryStorage
from inmemorystorage.nodes import State


@pytest.fixture(params=["memory", "filesystem"])
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths, with ``d/f`` and ``d/g`` in it."""
    storage = InMemoryStorage(
        location=tmp_path / "media", behaves_like=request.param, lend_paths=True
    )
    storage.save("d/f", b"content")
    storage.save("d/g", b"never lent")
    return storage


def lent(storage, name="d/f"):
    """Return the real path of a name."""
    return Path(storage.path(name))


def read(storage, name="d/f"):
    """Return the content of a file."""
    with storage.open(name) as file:
        return file.read()


def test_the_location_is_private(storage, tmp_path):
    """The location is a directory for this user alone, best in memory; the named one is left."""
    location = Path(storage.location)
    assert stat.S_IMODE(location.stat().st_mode) == 0o700
    assert str(location).startswith("/dev/shm/" if os.access("/dev/shm", os.W_OK) else "/")
    assert not (tmp_path / "media").exists()


def test_without_shared_memory_it_is_a_temporary_directory(monkeypatch, tmp_path):
    """Where there is no /dev/shm, the directory is where temporary files are."""
    monkeypatch.setattr("inmemorystorage.private.SHARED_MEMORY", str(tmp_path / "nothing"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert InMemoryStorage(lend_paths=True).location.startswith(str(tmp_path))


def test_a_lent_file_is_there_and_no_other(storage):
    """The content is at the path; a name that was never asked for has no file."""
    path = lent(storage)
    assert path.read_bytes() == b"content"
    assert not path.with_name("g").exists()
    assert path.stat().st_mtime == pytest.approx(storage.get_modified_time("d/f").timestamp())


def test_the_parents_of_a_new_name_are_made(storage):
    """A path at which nothing is can be written at once."""
    lent(storage, "new/deep/file").write_bytes(b"new")
    assert read(storage, "new/deep/file") == b"new"
    assert storage.listdir("new/deep") == ([], ["file"])


def append(path, content):
    """Write at the end of a real file."""
    with path.open("ab") as file:
        file.write(content)


OUTSIDE = {
    "write": lambda path: path.write_bytes(b"other content"),
    "write the same size": lambda path: path.write_bytes(b"CONTENT"),
    "append": lambda path: append(path, b" and more"),
    "truncate": lambda path: os.truncate(path, 3),
    "replace": lambda path: os.replace(shutil.copy(__file__, path.with_name("tmp")), path),
    "copy over": lambda path: shutil.copy(__file__, path),
    "copy by another program": lambda path: subprocess.run(["cp", __file__, path], check=True),
    "remove": lambda path: path.unlink(),
    "move away": lambda path: path.rename(path.with_name("moved")),
    "become a directory": lambda path: (path.unlink(), path.mkdir(), (path / "x").touch()),
    "become a link": lambda path: (path.unlink(), path.symlink_to(__file__)),
}


@pytest.mark.parametrize("action", OUTSIDE)
def test_what_others_do_is_seen(storage, action):
    """Whatever is done at the path, the next operation answers as a disk would."""
    path = lent(storage)
    OUTSIDE[action](path)
    assert storage.exists("d/f") is path.exists()
    if path.is_file():
        assert read(storage) == path.read_bytes()
        assert storage.size("d/f") == path.stat().st_size
    found = {*storage.listdir("d")[0], *storage.listdir("d")[1]}
    assert found == {"g", *os.listdir(path.parent)}
    assert read(storage, "d/g") == b"never lent"


def test_two_writes_within_one_tick_are_both_seen(storage):
    """A write of the same size at the same moment is not taken for the one before."""
    path = lent(storage)
    for number in range(200):
        path.write_bytes(b"%07d" % number)
        assert read(storage) == b"%07d" % number


def test_pillow_writes_at_the_path(storage):
    """An image that Pillow saves at the path is the file's content."""
    Image.new("RGB", (3, 2), "red").save(lent(storage, "made.png"))
    with storage.open("made.png") as file, Image.open(file) as image:
        assert image.size == (3, 2)


def test_a_name_that_others_took_is_taken(storage):
    """save() does not write over a file that came to be at the path."""
    lent(storage, "x").write_bytes(b"theirs")
    name = storage.save("x", b"ours")
    assert (read(storage, "x"), read(storage, name)) == (b"theirs", b"ours")


def test_what_the_storage_does_is_at_the_path(storage):
    """Writing, appending, truncating and deleting through the storage are seen outside."""
    path = lent(storage)
    with storage.open("d/f", "r+b") as file:
        file.write(b"C")
        file.flush()
        assert path.read_bytes() == b"Content"
        file.truncate(3)
    with storage.open("d/f", "ab") as file:
        file.write(b"!")
    assert path.read_bytes() == b"Con!"
    storage.delete("d/f")
    assert not path.exists()


def test_a_deleted_name_stays_lent(storage):
    """A file that is saved again under a lent name is at its path again."""
    path = lent(storage)
    storage.delete("d/f")
    storage.save("d/f", b"again")
    assert path.read_bytes() == b"again"


def test_overwriting_is_at_the_path(tmp_path):
    """save() with allow_overwrite writes to the lent path too."""
    storage = InMemoryStorage(lend_paths=True, allow_overwrite=True)
    storage.save("f", b"old")
    path = lent(storage, "f")
    storage.save("f", b"new")
    assert path.read_bytes() == b"new"


def test_the_path_of_a_directory_lends_all_in_it(storage):
    """What is in a directory, and what comes into it later, is at its path."""
    path = lent(storage, "d")
    assert sorted(os.listdir(path)) == ["f", "g"]
    storage.save("d/sub/late", b"late")
    assert (path / "sub/late").read_bytes() == b"late"
    shutil.rmtree(path)
    assert not storage.exists("d")


def test_what_was_never_lent_survives_the_directory_that_held_another(storage):
    """Removing the directory of a lent file takes what was lent of it alone."""
    shutil.rmtree(lent(storage).parent)
    assert storage.listdir("d") == ([], ["g"])


def test_removing_the_location_removes_all(storage):
    """rmtree(storage.location), a usual clean-up, leaves no files; saving goes on."""
    shutil.rmtree(storage.location)
    assert not storage.exists("d/g")
    storage.save("d/f", b"new")
    assert read(storage) == b"new"


def test_handles_see_what_others_write(storage):
    """A handle that is open sees a write to its file, and keeps one that was replaced."""
    path = lent(storage)
    with storage.open("d/f") as file:
        path.write_bytes(b"changed")
        assert file.read() == b"changed"
        path.unlink()
        file.seek(0)
        assert file.read() == b"changed"


def test_a_handle_that_was_open_before_writes_to_the_path(storage):
    """What an older handle writes is at the path as well."""
    with storage.open("d/f", "ab") as file:
        path = lent(storage)
        file.write(b", more")
    assert path.read_bytes() == b"content, more"


def test_storages_of_one_location_share_the_path(tmp_path):
    """One that does not lend sees what is done at the path of another, nested ones too."""
    options = {"behaves_like": "filesystem"}
    lending = InMemoryStorage(location=tmp_path / "m", lend_paths=True, **options)
    plain = InMemoryStorage(location=tmp_path / "m", **options)
    nested = InMemoryStorage(location=tmp_path / "m/d", lend_paths=True, **options)
    plain.save("d/f", b"content")
    assert nested.path("f") == lending.path("d/f")
    Path(nested.path("f")).write_bytes(b"changed")
    assert (read(plain), read(lending), read(nested, "f")) == (b"changed",) * 3


def test_external_growth_is_taken_whatever_max_size_says():
    """What is on the disk is a fact; the next write through the storage is refused."""
    storage = InMemoryStorage(lend_paths=True, max_size=5)
    lent(storage, "f").write_bytes(b"1234567")
    assert read(storage, "f") == b"1234567"
    with pytest.raises(OSError, match="No space left"):
        storage.save("g", b"x")


def test_the_mode_of_lent_files_can_be_set():
    """file_permissions_mode is that of the file at the path."""
    storage = InMemoryStorage(lend_paths=True, file_permissions_mode=0o640)
    storage.save("f", b"")
    assert stat.S_IMODE(lent(storage, "f").stat().st_mode) == 0o640


def test_a_file_that_its_mode_protects_can_be_written_by_the_storage():
    """Permission bits are for other programs; the storage writes to its file."""
    storage = InMemoryStorage(lend_paths=True, file_permissions_mode=0o400)
    storage.save("f", b"1")
    path = lent(storage, "f")
    with storage.open("f", "ab") as file:
        file.write(b"2")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"12", 0o400)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "d/../../x"])
def test_hostile_names_have_no_path(storage, name):
    """A path outside of the location is refused."""
    with pytest.raises(SuspiciousFileOperation):
        storage.path(name)


def test_a_path_at_the_named_location_means_the_lent_file(storage, tmp_path):
    """An absolute name below the location that the project named finds the file."""
    assert storage.exists(str(tmp_path / "media/d/f"))
    assert storage.path(str(tmp_path / "media/d/f")) == storage.path("d/f")


def test_a_path_that_cannot_be_is_only_a_name(storage):
    """path() below a file, or of a name that is too long, makes nothing and raises nothing."""
    for name in ("d/f/x", f"{'x' * 300}/y"):
        assert not os.path.exists(storage.path(name))
    assert read(storage) == b"content"


def test_the_name_of_an_open_file_is_a_path(tmp_path):
    """With the filesystem's behavior, a file's name is a path at which it is."""
    storage = InMemoryStorage(location=tmp_path, behaves_like="filesystem", lend_paths=True)
    storage.save("f", b"content")
    assert Path(storage.open("f").name).read_bytes() == b"content"


def test_asking_whether_a_file_is_does_not_lend_it(tmp_path):
    """The truth of an open file is that of its name, and puts nothing on the disk."""
    storage = InMemoryStorage(location=tmp_path, behaves_like="filesystem", lend_paths=True)
    storage.save("f", b"content")
    file = storage.open("f")
    assert file
    assert os.listdir(storage.location) == []
    file.name = ""
    assert not file


def test_a_subclass_whose_path_refuses_has_names_all_the_same(tmp_path):
    """The name of an open file does not raise where path() does by then."""

    class Remote(InMemoryStorage):
        is_remote = False

        def path(self, name):
            if self.is_remote:
                raise NotImplementedError
            return super().path(name)

    storage = Remote(location=tmp_path, behaves_like="filesystem", lend_paths=True)
    storage.save("f", b"content")
    file = storage.open("f")
    storage.is_remote = True
    assert file.name.endswith("/f")


def test_nothing_leads_out_of_the_private_directory(storage):
    """Whatever is asked for, no path outside of the private directory is ever built."""
    with pytest.raises(ValueError, match="leads out"):
        storage._borrow()._private.path("../x")


def test_tree_dump_and_repr_see_all(storage, tmp_path):
    """What looks at the whole storage sees what others made in directories that it never met."""
    (Path(storage.location) / "made/deep").mkdir(parents=True)
    (Path(storage.location) / "made/deep/f").write_bytes(b"12")
    assert "files=3 bytes=19" in repr(storage)
    assert "f (2)" in storage.tree()
    assert "made/deep/f" in storage.dump(tmp_path / "dump")


def test_a_circle_of_links_is_walked_once(storage):
    """A link to a directory above it does not lead in a circle for ever."""
    (Path(storage.location) / "loop").symlink_to(storage.location)
    assert "loop" in storage.tree()


def test_a_directory_that_was_cleaned_away_leaves_the_files(storage):
    """Who empties the directory for temporary files takes no file out of the storage."""
    path = lent(storage)
    private = next(above for above in path.parents if above.name.startswith("inmemorystorage-"))
    shutil.rmtree(private)
    assert read(storage) == b"content"
    assert lent(storage).read_bytes() == b"content"


def test_a_full_disk_is_an_error_and_the_tree_stays_whole(storage, monkeypatch):
    """Where the private disk is full, path() says so, and nothing else is harmed."""

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inmemorystorage.private.PrivateDirectory.write", full)
    with pytest.raises(OSError, match="No space left"):
        storage.path("d/f")
    assert read(storage) == b"content"


def test_what_cannot_be_lent_is_not_stored(storage, monkeypatch):
    """A save into a lent directory that the full disk refuses leaves no file behind."""

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    storage.path("d")
    with monkeypatch.context() as patch:
        patch.setattr("inmemorystorage.private.PrivateDirectory.write", full)
        with pytest.raises(OSError, match="No space left"):
            storage.save("d/new", b"x")
    assert not storage.exists("d/new")
    assert storage.save("d/new", b"x") == "d/new"


def test_a_file_that_goes_while_it_is_read_is_gone(storage, monkeypatch):
    """A file that is removed between being seen and being read is taken as removed."""
    path = lent(storage)
    path.write_bytes(b"changed")

    def vanish(self, name):
        path.unlink()
        raise FileNotFoundError(name)

    monkeypatch.setattr("inmemorystorage.private.PrivateDirectory.read", vanish)
    storage.exists("d/f")
    monkeypatch.undo()
    assert not storage.exists("d/f")


def test_a_file_that_goes_while_it_is_written_is_gone(storage, monkeypatch):
    """A file that others remove while the storage writes to it is taken as removed."""
    path = lent(storage)

    def vanish(self, name, position, data):
        path.unlink()
        raise FileNotFoundError(name)

    monkeypatch.setattr("inmemorystorage.private.PrivateDirectory.write_at", vanish)
    with storage.open("d/f", "ab") as file:
        file.write(b"!")
    assert not storage.exists("d/f")


def test_a_directory_that_goes_while_it_is_listed_is_empty(storage):
    """Entries of what is no directory any more are none."""
    mirror = storage._borrow()
    assert mirror._private.entries("nothing") == []


def test_the_directory_goes_with_the_last_storage(tmp_path):
    """The private directory is there while a storage of the tree lives, and not after."""
    gc.collect()  # what other tests have left
    mirrors = State.mirrors
    options = {"location": tmp_path, "behaves_like": "filesystem", "lend_paths": True}
    first, second = InMemoryStorage(**options), InMemoryStorage(**options)
    path = lent(first, "f")
    second.path("f")
    path.write_bytes(b"last words")
    del first
    gc.collect()
    assert path.exists()
    del second
    gc.collect()
    assert not path.parent.exists()
    assert State.mirrors == mirrors
    assert read(InMemoryStorage(location=tmp_path, behaves_like="filesystem"), "f") == b"last words"


AT_EXIT = """
from django.conf import settings
settings.configure(MEDIA_ROOT="/srv/media")
from inmemorystorage import InMemoryStorage
storage = InMemoryStorage(lend_paths=True)
print(storage.path("f"))
"""


def test_the_directory_goes_at_exit():
    """An interpreter that ends leaves nothing behind."""
    command = [sys.executable, "-W", "error", "-c", AT_EXIT]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).parent.exists()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_directory_of_its_own(storage):
    """A child goes on with what was there, and does nothing to the parent's directory."""
    path = lent(storage)
    path.write_bytes(b"before")
    pid = os.fork()
    if pid == 0:
        own = lent(storage)
        is_right = own != path and own.read_bytes() == b"before" and path.exists()
        own.write_bytes(b"child's")
        os._exit(0 if is_right and read(storage) == b"child's" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (path.read_bytes(), read(storage)) == (b"before", b"before")
