"""Snapshots of a directory: levels restore it when they end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from inmemorystorage.testing import inotify
from inmemorystorage.testing import snapshot as snapshot_module
from inmemorystorage.testing.snapshot import Snapshot

Seen = dict[str, tuple[Any, ...]]


def seen(directory: Path) -> Seen:
    """Return all entries of a directory, with contents, modes, modification times and links."""
    found: Seen = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content: Any = None
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes(), status.st_nlink
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        name = str(path.relative_to(directory))
        found[name] = status.st_mode, status.st_mtime_ns, status.st_gid, content
    return found


@pytest.fixture(params=["watched", "read"])
def snapshot(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Snapshot]:
    """Return a snapshot of a directory with some files, which the kernel watches or not."""
    if request.param == "read":
        monkeypatch.setattr(sys, "platform", "another")
    files = tmp_path / "files"
    (files / "a" / "b").mkdir(parents=True)
    (files / "a" / "old.txt").write_bytes(b"old")
    (files / "a" / "b" / "deep.txt").write_bytes(b"deep")
    (files / "empty").mkdir(mode=0o750)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept.txt").write_bytes(b"kept")
    (files / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(files / "pipe")
    os.link(files / "a" / "old.txt", files / "second.txt")
    made = Snapshot(str(files), str(tmp_path / "clock"))
    yield made
    made.close()


def outside(directory: Path) -> list[str]:
    """Return the entries of the directory that a link names."""
    return sorted(os.listdir(directory.parent / "outside"))


def overwrite_at_once(directory: Path) -> None:
    """Write another content of the same size at the same time."""
    path = directory / "a" / "old.txt"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"new")
    os.utime(path, ns=times)


def overwrite(directory: Path) -> None:
    """Change contents, one of them to another of the same size."""
    (directory / "a" / "old.txt").write_bytes(b"new")
    with (directory / "a" / "b" / "deep.txt").open("ab") as file:
        file.write(b"er")


def delete(directory: Path) -> None:
    """Delete all kinds of entries."""
    shutil.rmtree(directory / "a")
    (directory / "link").unlink()
    (directory / "pipe").unlink()
    (directory / "empty").rmdir()


def add(directory: Path) -> None:
    """Add all kinds of entries."""
    (directory / "new" / "below").mkdir(parents=True)
    (directory / "new" / "below" / "a.txt").write_bytes(b"a")
    (directory / "new" / "out").symlink_to(directory.parent / "outside")
    os.mkfifo(directory / "new" / "pipe")
    os.link(directory / "second.txt", directory / "new" / "third.txt")


def replace(directory: Path) -> None:
    """Replace entries by entries of other kinds."""
    delete(directory)
    (directory / "a").symlink_to(directory.parent / "outside")
    (directory / "link").mkdir()
    (directory / "link" / "a.txt").write_bytes(b"a")
    (directory / "pipe").write_bytes(b"a")
    (directory / "empty").write_bytes(b"a")
    (directory / "second.txt").unlink()
    (directory / "second.txt").symlink_to("pipe")


def relink(directory: Path) -> None:
    """Replace the target of a link, and a directory by another one."""
    (directory / "link").unlink()
    (directory / "link").symlink_to("nowhere")
    (directory / "a" / "b").rename(directory / "moved")
    (directory / "a" / "b").mkdir()


def change_modes(directory: Path) -> None:
    """Remove permissions, and set other times."""
    (directory / "a" / "old.txt").chmod(0o000)
    (directory / "a" / "b" / "deep.txt").write_bytes(b"other")
    (directory / "a" / "b" / "deep.txt").chmod(0o400)
    (directory / "a" / "b").chmod(0o500)
    (directory / "unreadable.txt").write_bytes(b"a")
    (directory / "unreadable.txt").chmod(0o200)
    (directory / "empty").chmod(0o000)
    os.utime(directory / "a", (1, 1))
    os.utime(directory / "link", (1, 1), follow_symlinks=False)
    (directory / "locked").mkdir()
    (directory / "locked" / "a.txt").write_bytes(b"a")
    (directory / "locked").chmod(0o000)


def remove_all(directory: Path) -> None:
    """Remove the directory itself."""
    shutil.rmtree(directory)


def use_a_program(directory: Path) -> None:
    """Let another process change files."""
    code = "import sys; open('second.txt', 'w').write('by another'); open('new.txt', 'w')"
    subprocess.run([sys.executable, "-c", code], cwd=directory, check=True)


CHANGES = (
    *(
        overwrite,
        overwrite_at_once,
        delete,
        add,
        replace,
        relink,
        change_modes,
        remove_all,
        use_a_program,
    ),
    lambda directory: None,
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_level_puts_back(snapshot: Snapshot, change: Callable[[Path], None]) -> None:
    """A level that ends undoes all its changes, and those of nested levels."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    outer = snapshot.begin()
    (directory / "outer.txt").write_bytes(b"outer")
    between = seen(directory)
    for _ in range(2):
        inner = snapshot.begin()
        change(directory)
        snapshot.end(inner)
        assert seen(directory) == between
    change(directory)
    snapshot.end(outer)
    snapshot.end(outer)
    assert seen(directory) == before
    assert outside(directory) == ["kept.txt"]


def test_unchanged_files_stay(snapshot: Snapshot) -> None:
    """Files keep their inodes, whether a level changed them or not."""
    directory = Path(snapshot.directory)
    inodes = [path.lstat().st_ino for path in sorted(directory.rglob("*"))]
    level = snapshot.begin()
    overwrite(directory)
    snapshot.end(snapshot.begin())
    add(directory)
    snapshot.end(level)
    assert [path.lstat().st_ino for path in sorted(directory.rglob("*"))] == inodes


def test_a_write_through_a_name_that_is_gone(snapshot: Snapshot) -> None:
    """A file that was written through a deleted name is restored."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    level = snapshot.begin()
    (directory / "second.txt").write_bytes(b"changed")
    (directory / "second.txt").unlink()
    snapshot.end(level)
    assert seen(directory) == before


def test_unreadable_files(snapshot: Snapshot) -> None:
    """A file that may not be read is restored, with its permission bits."""
    directory = Path(snapshot.directory)
    change_modes(directory)
    before = seen(directory) if not os.geteuid() else {}
    level = snapshot.begin()
    delete(directory)
    (directory / "unreadable.txt").unlink()
    snapshot.end(level)
    assert not before or seen(directory) == before


def test_owners(snapshot: Snapshot) -> None:
    """The owner of a file is restored, if the user may do that."""
    if os.geteuid():
        pytest.skip("needs root")
    directory = Path(snapshot.directory)
    before = seen(directory)
    level = snapshot.begin()
    os.chown(directory / "a" / "old.txt", 1, 1)
    inner = snapshot.begin()
    os.chown(directory / "a" / "old.txt", 2, 2)
    snapshot.end(inner)
    assert (directory / "a" / "old.txt").stat().st_uid == 1
    snapshot.end(level)
    assert seen(directory) == before


def test_levels_end_in_any_order(snapshot: Snapshot) -> None:
    """Changes of a level last as long as the level, whichever other levels end before."""
    directory = Path(snapshot.directory)
    test = snapshot.begin()
    (directory / "test.txt").write_bytes(b"test")
    fixture = object()
    with snapshot.recording(fixture):
        (directory / "fixture.txt").write_bytes(b"fixture")
        (directory / "second.txt").write_bytes(b"fixture")
    (directory / "late.txt").write_bytes(b"test")
    (directory / "second.txt").write_bytes(b"test")
    snapshot.end(test)
    assert sorted(os.listdir(directory)) == [
        *("a", "empty", "fixture.txt", "link", "pipe", "second.txt")
    ]
    assert (directory / "second.txt").read_bytes() == b"fixture"
    with snapshot.recording(fixture):
        (directory / "at-the-end.txt").write_bytes(b"fixture")
    next_test = snapshot.begin()
    (directory / "next.txt").write_bytes(b"test")
    snapshot.end(fixture)
    assert sorted(os.listdir(directory)) == [
        *("a", "empty", "link", "next.txt", "pipe"),
        "second.txt",
    ]
    snapshot.end(next_test)
    assert (directory / "second.txt").read_bytes() == b"old"


def test_a_directory_stays_for_a_later_level(snapshot: Snapshot) -> None:
    """A directory whose level ends is removed with the last level that has an entry in it."""
    directory = Path(snapshot.directory)
    outer = snapshot.begin()
    (directory / "new" / "deep").mkdir(parents=True)
    inner = snapshot.begin()
    (directory / "new" / "deep" / "a.txt").write_bytes(b"a")
    snapshot.end(outer)
    assert (directory / "new" / "deep" / "a.txt").read_bytes() == b"a"
    snapshot.end(inner)
    assert not (directory / "new").exists()


def test_nothing_appears_below_a_later_file(snapshot: Snapshot) -> None:
    """A file that replaced a directory stays as long as its level."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    outer = snapshot.begin()
    shutil.rmtree(directory / "a")
    inner = snapshot.begin()
    (directory / "a").write_bytes(b"a file")
    snapshot.end(outer)
    assert (directory / "a").read_bytes() == b"a file"
    snapshot.end(inner)
    assert seen(directory) == before


def test_nothing_appears_where_its_directory_is_gone(snapshot: Snapshot) -> None:
    """A file is not restored after the end of the level that made its directory."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    outer = snapshot.begin()
    (directory / "new").mkdir()
    inner = object()
    with snapshot.recording(inner):
        (directory / "new" / "a.txt").write_bytes(b"a")
    shutil.rmtree(directory / "new")
    snapshot.end(outer)
    snapshot.end(inner)
    assert seen(directory) == before


def test_what_is_there_without_a_level_stays(snapshot: Snapshot) -> None:
    """Changes outside of levels, and those recorded for the outermost level, stay."""
    directory = Path(snapshot.directory)
    (directory / "before.txt").write_bytes(b"")
    level = snapshot.begin()
    with snapshot.recording(snapshot.outermost):
        (directory / "inside.txt").write_bytes(b"")
    snapshot.end(level)
    assert {"before.txt", "inside.txt"} < {*os.listdir(directory)}


def test_one_step_fails(snapshot: Snapshot) -> None:
    """An error at one path is raised after the rest is restored, and the path is tried again."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    level = snapshot.begin()
    replace(directory)
    symlink = os.symlink

    def fail_once(target: str, path: str) -> None:
        monkey.stop()
        raise PermissionError(path)

    monkey = mock.patch.object(snapshot_module.os, "symlink", fail_once)
    monkey.start()
    with pytest.raises(PermissionError):
        snapshot.end(level)
    assert os.symlink is symlink
    assert {**before, "link": None} == {**seen(directory), "link": None}
    assert not (directory / "link").is_symlink()
    again = snapshot.begin()
    snapshot.end(again)
    assert {**before, "link": None} == {**seen(directory), "link": None}


def test_nothing_happens_below_a_failed_step(snapshot: Snapshot) -> None:
    """Nothing is deleted through a link that could not be removed."""
    directory = Path(snapshot.directory)
    level = snapshot.begin()
    (directory / "a" / "b" / "kept.txt").write_bytes(b"new")
    inner = snapshot.begin()
    shutil.rmtree(directory / "a" / "b")
    (directory / "a" / "b").symlink_to(directory.parent / "outside")
    with mock.patch.object(snapshot_module.os, "unlink", side_effect=PermissionError):
        with pytest.raises(PermissionError):
            snapshot.end(inner)
    assert outside(directory) == ["kept.txt"]
    snapshot.end(level)


def test_files_that_vanish(snapshot: Snapshot) -> None:
    """A file that another program deletes during the look counts as deleted."""
    directory = Path(snapshot.directory)
    (directory / "a" / "new.txt").write_bytes(b"")
    read = snapshot_module._read

    def vanish(path: str, status: os.stat_result) -> bytes:
        if path.endswith("new.txt"):
            os.unlink(path)
        return read(path, status)

    with mock.patch.object(snapshot_module, "_read", vanish):
        level = snapshot.begin()
    snapshot.end(level)
    assert not (directory / "a" / "new.txt").exists()


def test_files_of_other_users(snapshot: Snapshot) -> None:
    """A file of another user is read without a flag that only its owner may use."""
    directory = Path(snapshot.directory)
    with mock.patch.object(snapshot_module.os, "geteuid", return_value=-1):
        level = snapshot.begin()
        overwrite(directory)
        snapshot.end(level)
    assert (directory / "a" / "old.txt").read_bytes() == b"old"


def change_in_child(snapshot: Snapshot) -> None:
    """Begin and end a level in a forked process, and leave a change."""
    level = snapshot.begin()
    Path(snapshot.directory, "in-level.txt").write_bytes(b"")
    snapshot.end(level)
    Path(snapshot.directory, "left.txt").write_bytes(b"")


def test_a_forked_child(snapshot: Snapshot) -> None:
    """A child can have levels; changes that it leaves belong to its parent's level."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    level = snapshot.begin()
    process = multiprocessing.get_context("fork").Process(target=change_in_child, args=[snapshot])
    process.start()
    process.join()
    assert {*os.listdir(directory)} - {*before} == {"left.txt"}
    snapshot.end(level)
    assert seen(directory) == before


def test_too_many_events(snapshot: Snapshot) -> None:
    """The whole directory is looked at if the kernel lost events."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    overflow = iter([(-1, inotify._OVERFLOW, "")])
    level = snapshot.begin()
    overwrite(directory)
    with mock.patch.object(inotify.InotifyQueue, "events", return_value=overflow):
        snapshot.end(level)
    assert seen(directory) == before


def test_too_many_directories(snapshot: Snapshot) -> None:
    """No directory is watched if the kernel's limit is reached."""
    directory = Path(snapshot.directory)
    before = seen(directory)
    level = snapshot.begin()
    with mock.patch.object(inotify.InotifyQueue, "add", side_effect=OSError):
        add(directory)
        snapshot.end(snapshot.begin())
    snapshot.end(level)
    assert seen(directory) == before


def test_a_directory_that_vanishes(tmp_path: Path) -> None:
    """A directory that was deleted before it is watched is skipped, and others stay watched."""
    watch = inotify.DirectoryWatch()
    watch.start([str(tmp_path), str(tmp_path / "gone")])
    assert watch.touched() == {}
    (tmp_path / "a.txt").write_bytes(b"")
    assert watch.touched() == {str(tmp_path): {"", "a.txt"}}
    watch.stop()
    assert watch.touched() is None


def test_a_watch_of_another_process(tmp_path: Path) -> None:
    """touched() returns None in a process that did not start the watch."""
    watch = inotify.DirectoryWatch()
    watch.start([str(tmp_path)])
    with mock.patch.object(inotify.os, "getpid", return_value=-1):
        assert watch.touched() is None


def test_events_of_directories_that_are_not_watched(tmp_path: Path) -> None:
    """Events of a directory that is no longer watched are skipped."""
    watch = inotify.DirectoryWatch()
    watch.start([str(tmp_path)])
    with mock.patch.object(inotify.InotifyQueue, "events", return_value=[(-2, 0, "a.txt")]):
        assert watch.touched() == {}
    watch.stop()


class Machine(RuleBasedStateMachine):
    """Random changes in nested levels are undone exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.directory = self.home / "files"
        self.directory.mkdir()
        (self.home / "outside").mkdir()
        (self.home / "outside" / "kept.txt").write_bytes(b"kept")
        self.snapshot = Snapshot(str(self.directory), str(self.home / "clock"))
        self.levels: list[tuple[object, Seen]] = []

    names = st.sampled_from(["a", "b", "a/a", "a/b", "b/a", "a/a/a"])

    def path(self, name: str) -> Path:
        """Return the path of a name; raise ``OSError`` if a link or a pipe is above it."""
        path = self.directory / name
        if any(each.is_symlink() for each in path.parents) or path.is_fifo():
            raise OSError(name)
        return path

    @rule(name=names, content=st.binary(max_size=2))
    def write(self, name: str, content: bytes) -> None:
        """Write a new or an existing file."""
        with contextlib.suppress(OSError):
            if not self.path(name).is_symlink():
                self.path(name).write_bytes(content)

    @rule(name=names)
    def make_directory(self, name: str) -> None:
        """Make a directory."""
        with contextlib.suppress(OSError):
            self.path(name).mkdir()

    @rule(name=names, other=st.sampled_from(["a", "../outside", "nowhere"]))
    def make_link(self, name: str, other: str) -> None:
        """Make a symbolic link."""
        with contextlib.suppress(OSError):
            self.path(name).symlink_to(other)

    @rule(name=names, other=names)
    def link(self, name: str, other: str) -> None:
        """Make a hard link."""
        with contextlib.suppress(OSError):
            os.link(self.path(other), self.path(name), follow_symlinks=False)

    @rule(name=names, other=names)
    def rename(self, name: str, other: str) -> None:
        """Rename an entry, also over another one."""
        with contextlib.suppress(OSError):
            self.path(other).rename(self.path(name))

    @rule(name=names)
    def remove(self, name: str) -> None:
        """Remove an entry."""
        with contextlib.suppress(OSError):
            path = self.path(name)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    @rule(name=names, mode=st.sampled_from([0o600, 0o444, 0o755]))
    def change_mode(self, name: str, mode: int) -> None:
        """Change permission bits."""
        with contextlib.suppress(OSError):
            path = self.path(name)
            if not path.is_symlink():
                path.chmod(0o700 | mode if path.is_dir() else mode)

    @rule()
    def begin(self) -> None:
        """Begin a level."""
        self.levels.append((self.snapshot.begin(), seen(self.directory)))

    @precondition(lambda self: self.levels)
    @rule()
    def end(self) -> None:
        """End the innermost level."""
        level, before = self.levels.pop()
        self.snapshot.end(level)
        assert seen(self.directory) == before

    def teardown(self) -> None:
        """End all levels."""
        while self.levels:
            self.end()
        assert os.listdir(self.home / "outside") == ["kept.txt"]
        self.snapshot.close()
        shutil.rmtree(self.home)


TestMachine = Machine.TestCase


def test_changes_of_a_level_that_ended(snapshot: Snapshot) -> None:
    """A level that ended has no changes."""
    level = snapshot.begin()
    (Path(snapshot.directory) / "new.txt").write_bytes(b"")
    assert f"{snapshot.directory}/new.txt" in snapshot.changes(level)
    snapshot.end(level)
    assert snapshot.changes(level) == {}
