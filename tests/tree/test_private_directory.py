"""The private directory, and the signatures of the files that are lent there."""

import errno
import os
import stat
from pathlib import Path

import pytest
from tree import lent

from inmemorystorage.tree import private_directory as private
from inmemorystorage.tree.lending import Loans
from inmemorystorage.tree.private_directory import PrivateDirectory, signature

NO_PROCESS = 1 << 29  # past the highest process id of any system


@pytest.fixture
def directory():
    """Return a private directory, removed after the test."""
    directory = PrivateDirectory()
    yield directory
    directory.remove()


@pytest.fixture
def shared_memory(tmp_path, monkeypatch):
    """Return a directory that replaces the one of shared memory."""
    shared_memory = tmp_path / "shm"
    shared_memory.mkdir()
    monkeypatch.setattr(private, "SHARED_MEMORY", str(shared_memory))
    return shared_memory


def at(directory, name=""):
    """Return the path of a name."""
    return Path(directory.path(name))


def has_times(directory, name, modified_ns):
    """Sign a file; return whether its modification time is near the given one, but not equal."""
    directory.sign(name, modified_ns)
    return 0 < abs(at(directory, name).stat().st_mtime_ns - modified_ns) < 10


def test_other_users_cannot_enter(directory):
    """The directory and its parent are accessible to this user only."""
    paths = [at(directory), at(directory).parent]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o700]
    assert at(directory).stat().st_uid == os.geteuid()


def test_new_directories_are_private(directory):
    """make_directory() makes a private directory, with any umask."""
    before = os.umask(0)
    try:
        assert directory.make_directory("d")
    finally:
        os.umask(before)
    assert stat.S_IMODE(at(directory, "d").stat().st_mode) == 0o700


def test_is_in_shared_memory(shared_memory):
    """The directory is in shared memory if the system has it."""
    assert at(PrivateDirectory()).parents[1] == shared_memory


def test_is_in_the_temporary_directory(shared_memory, tmp_path, monkeypatch):
    """The directory is in the temporary directory if there is no shared memory."""
    shared_memory.rmdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert at(PrivateDirectory()).parents[1] == tmp_path


def test_is_elsewhere_if_shared_memory_refuses(shared_memory):
    """The directory is elsewhere if the user may not write to shared memory."""
    shared_memory.chmod(0o500)
    with lent.without_privileges():
        directory = PrivateDirectory()
    directory.remove()
    assert shared_memory not in at(directory).parents


def test_remove_leaves_nothing(directory):
    """remove() removes the directory with its parent."""
    directory.make_directory("d")
    directory.write("d/f", b"content")
    directory.remove()
    assert not at(directory).parent.exists()


def test_replace_after_a_removal(directory):
    """A removed directory is not usable, and replace() makes a new one."""
    directory.remove()
    assert not directory.is_usable
    directory.replace()
    assert directory.is_usable and at(directory).is_dir()


def test_replace_in_a_forked_process(directory, monkeypatch):
    """A forked process makes its directory inside of its parent's."""
    parent = at(directory).parent
    monkeypatch.setattr(os, "getpid", lambda: NO_PROCESS)
    assert not directory.is_usable
    directory.replace()
    assert directory.is_usable and at(directory).parents[1] == parent
    lent.shutil.rmtree(parent)


def take_by_link(outer, elsewhere):
    """Replace a directory by a link to another one of the same mode."""
    outer.rename(outer.with_name(f"{outer.name}~"))
    elsewhere.mkdir(mode=0o700)
    outer.symlink_to(elsewhere)


def take_by_name(outer, elsewhere):
    """Replace a directory by a new one of the same mode."""
    outer.rename(outer.with_name(f"{outer.name}~"))
    outer.mkdir(mode=0o700)


def open_to_all(outer, elsewhere):
    """Allow all users to write to a directory."""
    outer.chmod(0o777)


def give_away(outer, elsewhere):
    """Give a directory to another user."""
    os.chown(outer, lent.NOBODY, -1)


TAKEN = [take_by_link, take_by_name, open_to_all, give_away]


@pytest.mark.parametrize("take", TAKEN)
def test_directory_that_was_taken_over(shared_memory, tmp_path, take):
    """A directory with another inode, owner or mode is not used, and not removed."""
    if take is give_away and os.geteuid():
        pytest.skip("only root gives a directory away")
    directory = PrivateDirectory()
    outer, remove = at(directory).parent, directory.remove
    take(outer, tmp_path / "elsewhere")
    (outer / "theirs").write_bytes(b"theirs")
    assert not directory.is_usable
    directory.replace()
    assert directory.is_usable and at(directory).parents[1] == shared_memory
    remove()
    assert (outer / "theirs").read_bytes() == b"theirs"
    directory.remove()


def test_replace_after_the_parents_directory_was_taken_over(shared_memory, tmp_path, monkeypatch):
    """A forked process makes no directory in one that replaced its parent's."""
    directory = PrivateDirectory()
    take_by_link(at(directory).parent, tmp_path / "elsewhere")
    monkeypatch.setattr(os, "getpid", lambda: NO_PROCESS)
    directory.replace()
    assert at(directory).parents[1] == shared_memory
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_remove_keeps_directories_of_running_processes(directory, monkeypatch):
    """remove() keeps what a running process has, which removes the rest when it ends."""
    outer = at(directory).parent
    running, ended = (outer / f"{private.PREFIX}{pid}-x" for pid in (os.getppid(), NO_PROCESS))
    for path in (running, ended, ended / f"{private.PREFIX}{NO_PROCESS}-y"):
        path.mkdir()
        (path / "file").touch()
    (outer / "file").touch()
    directory.remove()
    assert [*outer.iterdir()] == [running]
    private._remove(str(running), private._identity(str(running)))
    assert not outer.exists()


def test_process_of_another_user_is_running(monkeypatch):
    """A process that may not be signalled is running."""

    def refuse(pid, signal):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "kill", refuse)
    assert private._is_running(1)


@pytest.mark.parametrize("name", ["nothing", "a\0b", "\ud800", "x" * 300, "f/below"])
def test_status_of_a_name_that_no_file_has(directory, name):
    """status() returns None for a name at which no file can be."""
    directory.write("f", b"")
    assert directory.status(name) is None


def test_status_of_a_pipe(directory):
    """status() returns None for a pipe, whose reader would wait."""
    os.mkfifo(at(directory, "pipe"))
    assert directory.status("pipe") is None


def test_entries(directory):
    """entries() returns names from the private directory on."""
    directory.make_directory("d")
    directory.write("d/f", b"")
    assert (directory.entries(""), directory.entries("d")) == (["d"], ["d/f"])


@pytest.mark.parametrize("name", ["gone", "f"])
def test_entries_of_a_missing_directory(directory, name):
    """entries() returns no names for a directory that no longer exists."""
    directory.write("f", b"")
    assert directory.entries(name) == []


def test_make_existing_directory(directory):
    """make_directory() keeps an existing directory, and returns false."""
    assert directory.make_directory("d")
    directory.write("d/f", b"")
    assert not directory.make_directory("d") and directory.entries("d") == ["d/f"]


def test_make_directory_replaces_a_file(directory):
    """make_directory() replaces a file."""
    directory.write("d", b"")
    assert directory.make_directory("d") and at(directory, "d").is_dir()


def test_make_directory_that_appears_concurrently(directory, monkeypatch):
    """make_directory() accepts a directory that another process makes concurrently."""
    monkeypatch.setattr(directory, "clear", lambda name: at(directory, name).mkdir())
    assert directory.make_directory("d") and at(directory, "d").is_dir()


def test_write_in_place(directory):
    """write() overwrites a file in place, for programs that have it open."""
    directory.write("f", b"long content")
    with at(directory, "f").open("rb") as file:
        directory.write("f", b"new")
        assert file.read() == b"new"


def test_write_at_a_position(directory):
    """write_at() writes at a position, and fills a gap with zeros."""
    directory.write("f", b"0123")
    directory.write_at("f", 1, b"ab")
    directory.write_at("f", 6, memoryview(b"c"))
    assert directory.read("f") == b"0ab3\0\0c"


def test_write_replaces_a_directory(directory):
    """write() replaces a directory with its entries."""
    directory.make_directory("d")
    directory.write("d/f", b"")
    directory.write("d", b"content")
    assert directory.read("d") == b"content"


def test_write_replaces_a_pipe(directory):
    """write() replaces a pipe instead of waiting for its reader."""
    os.mkfifo(at(directory, "f"))
    directory.write("f", b"content")
    assert directory.read("f") == b"content"


@pytest.mark.parametrize("appear", ["link", "file", "pipe"])
def test_write_a_file_that_appears_concurrently(directory, tmp_path, monkeypatch, appear):
    """write() makes a new file at no link and no pipe, and overwrites another process's file."""
    victim = tmp_path / "victim"
    path = at(directory, "f")
    clear = directory.clear

    def interfere(name):
        clear(name)
        monkeypatch.setattr(directory, "clear", clear)
        if appear == "link":
            path.symlink_to(victim)
        elif appear == "pipe":
            os.mkfifo(path)
        else:
            path.write_bytes(b"long content")

    monkeypatch.setattr(directory, "clear", interfere)
    directory.write("f", b"new")
    assert directory.read("f") == b"new" and not path.is_symlink() and not victim.exists()


def test_read_waits_for_no_writer(directory, monkeypatch):
    """read() of a file that became a pipe returns at once."""
    os.mkfifo(at(directory, "f"))
    assert directory.read("f") == b""


def test_mode_is_set_for_new_files_only(directory):
    """write() sets the mode of a new file, and keeps that of an existing one."""
    directory.write("f", b"", 0o604)
    directory.write("f", b"", 0o640)
    assert stat.S_IMODE(at(directory, "f").stat().st_mode) == 0o604


@pytest.mark.parametrize("write", [PrivateDirectory.write, None])
def test_read_only_file_is_written(write):
    """write() and write_at() write a read-only file, and keep its mode."""
    with lent.without_privileges():
        directory = PrivateDirectory()
        directory.write("f", b"long content", 0o444)
        directory.write("f", b"new") if write else directory.write_at("f", 0, b"new")
    assert directory.read("f").startswith(b"new")
    assert stat.S_IMODE(at(directory, "f").stat().st_mode) == 0o444
    directory.remove()


@pytest.mark.parametrize("name", ["nothing", "d", "f", "link", "broken"])
def test_clear_removes_any_entry(directory, name):
    """clear() removes any entry, and not the target of a link."""
    directory.make_directory("d")
    directory.write("f", b"")
    at(directory, "link").symlink_to(os.path.dirname(__file__))
    at(directory, "broken").symlink_to("nowhere")
    directory.clear(name)
    assert not os.path.lexists(directory.path(name)) and os.path.exists(__file__)


def test_sign_sets_a_near_time(directory):
    """sign() sets a time one nanosecond off, which no clock gives."""
    directory.write("f", b"")
    assert has_times(directory, "f", 1_000_000_000_000_000_000)
    assert has_times(directory, "f", 1)


def test_sign_keeps_the_accessed_time(directory):
    """sign() keeps the accessed time."""
    directory.write("f", b"")
    os.utime(at(directory, "f"), (1, 2))
    directory.sign("f", 2)
    assert at(directory, "f").stat().st_atime == 1


def test_signature_changes_with_the_file(directory):
    """signature() equals what sign() returned until the file is written."""
    directory.write("f", b"")
    signed = directory.sign("f", 1)
    assert signature(directory.status("f")) == signed
    at(directory, "f").write_bytes(b"x")
    assert signature(directory.status("f")) != signed


def test_signature_changes_with_a_replaced_directory(directory):
    """signature() of a directory changes when it is replaced, not with its entries."""
    directory.make_directory("d")
    left = signature(directory.status("d"))
    directory.write("d/f", b"")
    assert signature(directory.status("d")) == left
    at(directory, "d").rename(at(directory, "e"))
    directory.make_directory("d")
    assert signature(directory.status("d")) != left


def test_signature_of_nothing(directory):
    """signature() returns None for a missing file."""
    assert signature(directory.status("f")) is None


def test_sign_keeps_the_time_of_a_linked_file(directory, tmp_path):
    """sign() keeps the time of a file outside that is linked to."""
    (tmp_path / "f").write_bytes(b"")
    at(directory, "link").symlink_to(tmp_path / "f")
    before = (tmp_path / "f").stat().st_mtime_ns
    directory.sign("link", 1)
    assert (tmp_path / "f").stat().st_mtime_ns == before


def test_sign_accepts_files_of_other_users(directory, monkeypatch):
    """sign() returns the signature of a file whose time it may not set."""

    def refuse(path, *, ns):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)

    directory.write("f", b"")
    monkeypatch.setattr(os, "utime", refuse)
    assert directory.sign("f", 1) == signature(directory.status("f"))


def test_loans_below_a_name():
    """below() returns names at any depth, by_directory() the entries of each directory."""
    loans = Loans.fromkeys(["", "d", "d/e", "d/e/f", "d-e", "dd/e"])
    assert Loans.below(loans, "d") == ["d/e", "d/e/f"]
    entries = {"": ["d", "d-e"], "d": ["d/e"], "d/e": ["d/e/f"], "dd": ["dd/e"]}
    assert Loans.by_directory(loans) == entries


@pytest.mark.parametrize(
    ("asked", "names"),
    [("d", ["d", "d/e", "d/e/f"]), ("d/e", ["d/e", "d/e/f"]), ("", ["", "d", "d/e", "dd"])],
)
def test_loans_asked_with_entries(asked, names):
    """is_asked() is true for an asked name and for all names below it."""
    loans = Loans()
    loans.asked.add(asked)
    tried = ["", "d", "d/e", "d/e/f", "dd"] if asked else names
    assert [name for name in tried if loans.is_asked(name)] == names


def test_path_outside_raises(directory):
    """path() refuses a name that leads out of the directory."""
    with pytest.raises(ValueError, match="leads out"):
        directory.path("../x")
