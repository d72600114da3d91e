"""The private directory itself, and the account of what is lent there."""

import errno
import os
import stat
from pathlib import Path

import pytest
from tree import lent

from inmemorystorage.tree import private_directory as private
from inmemorystorage.tree.lending import Loans
from inmemorystorage.tree.private_directory import PrivateDirectory, signature


@pytest.fixture
def directory():
    """Return a private directory, removed after the test."""
    directory = PrivateDirectory()
    yield directory
    directory.remove()


@pytest.fixture
def shared_memory(tmp_path, monkeypatch):
    """Return a directory in the place of that in which shared memory is."""
    shared_memory = tmp_path / "shm"
    shared_memory.mkdir()
    monkeypatch.setattr(private, "SHARED_MEMORY", str(shared_memory))
    return shared_memory


def at(directory, name=""):
    """Return the path of a name."""
    return Path(directory.path(name))


def has_times(directory, name, modified_ns):
    """Sign a file, and return whether its modification time is not, but nearly, that."""
    directory.sign(name, modified_ns)
    return 0 < abs(at(directory, name).stat().st_mtime_ns - modified_ns) < 10


def test_nobody_else_can_enter(directory):
    """The directory and all above it up to the common one are the user's own."""
    paths = [at(directory), at(directory).parent]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o700]
    assert at(directory).stat().st_uid == os.geteuid()


def test_directories_in_it_are_private(directory):
    """So are the directories that are made in it, whatever the umask is."""
    before = os.umask(0)
    try:
        assert directory.make_directory("d")
    finally:
        os.umask(before)
    assert stat.S_IMODE(at(directory, "d").stat().st_mode) == 0o700


def test_is_in_shared_memory(shared_memory):
    """The directory is in memory where there is a place for that."""
    assert at(PrivateDirectory()).parents[1] == shared_memory


def test_is_in_the_temporary_directory(shared_memory, tmp_path, monkeypatch):
    """It is in the temporary directory where there is none."""
    shared_memory.rmdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert at(PrivateDirectory()).parents[1] == tmp_path


def test_shared_memory_may_be_refused(shared_memory):
    """Nor is it where the user may not write."""
    shared_memory.chmod(0o500)
    with lent.without_privileges():
        directory = PrivateDirectory()
    directory.remove()
    assert shared_memory not in at(directory).parents


def test_remove(directory):
    """Nothing is left of it."""
    directory.make_directory("d")
    directory.write("d/f", b"content")
    directory.remove()
    assert not at(directory).parent.exists()


def test_is_not_usable_when_removed(directory):
    """Once it is removed it begins anew, in the best place."""
    directory.remove()
    assert not directory.is_usable
    directory.replace()
    assert directory.is_usable and at(directory).is_dir()


def test_is_not_usable_in_another_process(directory, monkeypatch):
    """A forked process begins anew inside of it, so that it is removed with it."""
    parent = at(directory).parent
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert not directory.is_usable
    directory.replace()
    assert directory.is_usable and at(directory).parents[1] == parent
    lent.shutil.rmtree(parent)


@pytest.mark.parametrize("name", ["nothing", "a\0b", "\ud800", "x" * 300, "f/below"])
def test_status_of_nothing(directory, name):
    """Nothing is where no file can be."""
    directory.write("f", b"")
    assert directory.status(name) is None


def test_status_of_what_is_no_file(directory):
    """A pipe, which would be waited for, is nothing."""
    os.mkfifo(at(directory, "pipe"))
    assert directory.status("pipe") is None


def test_entries(directory):
    """Entries have their names from the top on."""
    directory.make_directory("d")
    directory.write("d/f", b"")
    assert (directory.entries(""), directory.entries("d")) == (["d"], ["d/f"])


@pytest.mark.parametrize("name", ["gone", "f"])
def test_entries_of_no_directory(directory, name):
    """A directory that is gone meanwhile has none."""
    directory.write("f", b"")
    assert directory.entries(name) == []


def test_make_directory_that_is_there(directory):
    """What is in a directory stays, and it is told that it was there."""
    assert directory.make_directory("d")
    directory.write("d/f", b"")
    assert not directory.make_directory("d") and directory.entries("d") == ["d/f"]


def test_make_directory_in_the_place_of_a_file(directory):
    """A file in its place goes."""
    directory.write("d", b"")
    assert directory.make_directory("d") and at(directory, "d").is_dir()


def test_make_directory_that_comes_meanwhile(directory, monkeypatch):
    """It does not matter who makes it."""
    monkeypatch.setattr(directory, "clear", lambda name: at(directory, name).mkdir())
    assert directory.make_directory("d") and at(directory, "d").is_dir()


def test_write_goes_into_the_file(directory):
    """Who has the file open sees the new content, and no more of the old one."""
    directory.write("f", b"long content")
    with at(directory, "f").open("rb") as file:
        directory.write("f", b"new")
        assert file.read() == b"new"


def test_write_at(directory):
    """A part is written where it belongs; a gap before it is zeros."""
    directory.write("f", b"0123")
    directory.write_at("f", 1, b"ab")
    directory.write_at("f", 6, memoryview(b"c"))
    assert directory.read("f") == b"0ab3\0\0c"


def test_write_in_the_place_of_a_directory(directory):
    """A directory in the place of a file goes with all that is in it."""
    directory.make_directory("d")
    directory.write("d/f", b"")
    directory.write("d", b"content")
    assert directory.read("d") == b"content"


def test_write_in_the_place_of_a_pipe(directory):
    """A pipe goes too, instead of being waited for."""
    os.mkfifo(at(directory, "f"))
    directory.write("f", b"content")
    assert directory.read("f") == b"content"


def test_mode_is_that_of_new_files(directory):
    """The mode is set where the file is made, and left alone later."""
    directory.write("f", b"", 0o604)
    directory.write("f", b"", 0o640)
    assert stat.S_IMODE(at(directory, "f").stat().st_mode) == 0o604


@pytest.mark.parametrize("write", [PrivateDirectory.write, None])
def test_mode_is_for_others(write):
    """A file that may only be read is written all the same, and keeps its mode."""
    with lent.without_privileges():
        directory = PrivateDirectory()
        directory.write("f", b"long content", 0o444)
        directory.write("f", b"new") if write else directory.write_at("f", 0, b"new")
    assert directory.read("f").startswith(b"new")
    assert stat.S_IMODE(at(directory, "f").stat().st_mode) == 0o444
    directory.remove()


@pytest.mark.parametrize("name", ["nothing", "d", "f", "link", "broken"])
def test_clear(directory, name):
    """Whatever is at a name goes; what a link leads to stays."""
    directory.make_directory("d")
    directory.write("f", b"")
    at(directory, "link").symlink_to(os.path.dirname(__file__))
    at(directory, "broken").symlink_to("nowhere")
    directory.clear(name)
    assert not os.path.lexists(directory.path(name)) and os.path.exists(__file__)


def test_sign_is_near(directory):
    """A signed file has a time that nobody else gives it, one nanosecond away."""
    directory.write("f", b"")
    assert has_times(directory, "f", 1_000_000_000_000_000_000)
    assert has_times(directory, "f", 1)


def test_sign_keeps_the_accessed_time(directory):
    """Signing is not accessing."""
    directory.write("f", b"")
    os.utime(at(directory, "f"), (1, 2))
    directory.sign("f", 2)
    assert at(directory, "f").stat().st_atime == 1


def test_signature_is_what_sign_returns(directory):
    """A signed file is as it was left until somebody touches it."""
    directory.write("f", b"")
    signed = directory.sign("f", 1)
    assert signature(directory.status("f")) == signed
    at(directory, "f").write_bytes(b"x")
    assert signature(directory.status("f")) != signed


def test_signature_of_a_directory(directory):
    """A directory is as it was left until another one is in its place, whatever is in it."""
    directory.make_directory("d")
    left = signature(directory.status("d"))
    directory.write("d/f", b"")
    assert signature(directory.status("d")) == left
    at(directory, "d").rename(at(directory, "e"))
    directory.make_directory("d")
    assert signature(directory.status("d")) != left


def test_signature_of_nothing(directory):
    """Nothing has none."""
    assert signature(directory.status("f")) is None


def test_sign_leaves_links_alone(directory, tmp_path):
    """A file that is only linked to here keeps its time."""
    (tmp_path / "f").write_bytes(b"")
    at(directory, "link").symlink_to(tmp_path / "f")
    before = (tmp_path / "f").stat().st_mtime_ns
    directory.sign("link", 1)
    assert (tmp_path / "f").stat().st_mtime_ns == before


def test_sign_leaves_files_of_others_alone(directory, monkeypatch):
    """So does a file whose time may not be set, as one that another user made."""

    def refuse(path, *, ns):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)

    directory.write("f", b"")
    monkeypatch.setattr(os, "utime", refuse)
    assert directory.sign("f", 1) == signature(directory.status("f"))


def test_loans_below():
    """Names below a name are those in it at any depth; right below are its own entries."""
    loans = Loans.fromkeys(["d", "d/e", "d/e/f", "d-e", "dd/e"])
    assert Loans.below(loans, "d") == ["d/e", "d/e/f"]
    assert Loans.right_below(loans, "d") == ["d/e"]
    assert Loans.right_below(loans, "") == ["d", "d-e"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [("d", ["d", "d/e", "d/e/f"]), ("d/e", ["d/e", "d/e/f"]), ("", ["", "d", "d/e", "dd"])],
)
def test_loans_asked(asked, names):
    """What is asked for is asked for with all that is in it."""
    loans = Loans()
    loans.asked.add(asked)
    tried = ["", "d", "d/e", "d/e/f", "dd"] if asked else names
    assert [name for name in tried if loans.is_asked(name)] == names


def test_nothing_leads_out(directory):
    """Whatever is asked for, no path outside of the directory is ever built."""
    with pytest.raises(ValueError, match="leads out"):
        directory.path("../x")
