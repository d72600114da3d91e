"""
A directory that rolls back, by levels: when a level ends, its changes go with it.

It does not matter which program made a change. A `Snapshot` knows what is in its directory (the
*view*) and looks again when a level begins or ends: what differs then was changed in the level
that was active. The changes of each level are kept in layers above those of earlier levels, so
levels may end in any order, and what is visible afterwards is what the remaining levels have made.

On Linux the kernel tells which entries changed, so that a look costs what changed, and next to
nothing if nothing did; elsewhere each look reads the whole directory. A file is unchanged if its
inode, size, owner, permission bits and times are the same, and its content too if it was changed
within the tick of the kernel's clock in which it was looked at.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Collection, Iterator, MutableMapping
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from ..forks import PerProcess
from .inotify import DirectoryWatch

_NO_ATIME: int = getattr(os, "O_NOATIME", 0)
_FLAGS: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)

# What a look finds at the paths that changed; None: nothing.
Found = dict[str, "os.stat_result | None"]


class Inode:
    """The file that an entry names; entries that are hard links to one file share it."""

    def __init__(self, number: int) -> None:
        self.number = number


class Entry:
    """
    What is at a path, with all that brings it back.

    :param path: the path; a symbolic link is not followed.
    :param inodes: the known files by their numbers.

    Raises ``OSError`` if nothing is there.
    """

    __slots__ = ("content", "inode", "is_racy", "status", "target")

    def __init__(self, path: str, inodes: MutableMapping[int, Inode]) -> None:
        self.status = os.lstat(path)
        number = self.status.st_ino
        self.inode = inodes.setdefault(number, Inode(number))
        self.content = b""
        self.target = ""
        self.is_racy = False
        if stat.S_ISREG(self.status.st_mode):
            self.content = _read(path, self.status)
            self.status = os.lstat(path)
        elif stat.S_ISLNK(self.status.st_mode):
            self.target = os.readlink(path)

    @property
    def is_directory(self) -> bool:
        """Return whether it is a directory, and no link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    def is_at(self, path: str, status: os.stat_result) -> bool:
        """Return whether a path, which has this status, is as it was."""
        if _signature(status) != _signature(self.status):
            return False
        if stat.S_ISREG(status.st_mode):
            is_same = status.st_ctime_ns == self.status.st_ctime_ns and not self.is_racy
            if not is_same and _read(path, status) != self.content:
                return False
            self.is_racy = not is_same
        self.status = status  # another name of the file may have come or gone
        return True

    def can_stay(self, path: str, status: os.stat_result) -> bool:
        """Return whether what is at a path is the same thing, though perhaps changed."""
        if stat.S_IFMT(status.st_mode) != stat.S_IFMT(self.status.st_mode):
            return False
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(path) == self.target
        return stat.S_ISDIR(status.st_mode) or status.st_ino == self.inode.number

    def put(self, path: str, linked: str | None) -> None:
        """
        Bring a path back, at which nothing is, or what `can_stay`.

        :param linked: the path of a file that must have the same inode, if there is one.
        """
        mode = self.status.st_mode
        if not os.path.lexists(path):
            if linked is not None:
                os.link(linked, path, follow_symlinks=False)
            elif stat.S_ISDIR(mode):
                os.mkdir(path, stat.S_IRWXU)
            elif stat.S_ISLNK(mode):
                os.symlink(self.target, path)
            elif not stat.S_ISREG(mode):
                os.mknod(path, mode, self.status.st_rdev)
        if stat.S_ISREG(mode):
            _write(path, self.content)
        if not stat.S_ISDIR(mode):
            self.finish(path)

    def finish(self, path: str) -> None:
        """Bring back the owner, the permission bits and the times."""
        before, now = self.status, os.lstat(path)
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            os.chown(path, before.st_uid, before.st_gid, follow_symlinks=False)
        if not stat.S_ISLNK(before.st_mode):
            os.chmod(path, stat.S_IMODE(before.st_mode))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns), follow_symlinks=False)
        self.status = os.lstat(path)
        self.inode.number = self.status.st_ino


# What a level changed, by path; None: it deleted what was there.
Layer = dict[str, "Entry | None"]


class Snapshot:
    """
    Know what is in a directory, and restore it when levels end.

    Contents, owners, permission bits, modification times, links, empty directories and pipes are
    restored. Symbolic links are never followed. What is in the directory at first stays. A level is
    any object; the changes that belong to one are undone together, by `end()`.

    :param directory: an absolute path; all in it is at the disposal of tests.
    :param clock: the path of a file on the same disk, not in the directory, which is made there to
        read the kernel's clock.

    ``current`` is the snapshot of the floor that is down.
    """

    current: ClassVar[Snapshot | None] = None

    def __init__(self, directory: str, clock: str) -> None:
        self.directory = directory
        self._clock = clock
        self._lock = PerProcess(threading.RLock)
        self._view: dict[str, dict[str, Entry]] = {}  # of each directory, the entries by name
        self._top: dict[str, Entry] = {}  # of the directory itself
        self._layers: list[tuple[object, Layer]] = []
        self._active = [object()]  # the first level has what no other has, and never ends
        self._inside: dict[object, list[object]] = {}  # of each level that is paused
        self._unsure: set[str] = set()  # directories in which something could not be put back
        self._inodes: WeakValueDictionary[int, Inode] = WeakValueDictionary()
        self._watch = DirectoryWatch()
        with self._lock.value:
            self._watch.start([directory])
            found: Found = {directory: os.lstat(directory)}
            self._take(found | self._new_in(directory))

    @property
    def outermost(self) -> object:
        """Return the level of what is in the directory at first."""
        return self._active[0]

    def begin(self, level: object = None) -> object:
        """Begin a new level, or resume one: changes belong to it, unless to one inside it."""
        level = object() if level is None else level
        with self._lock.value:
            self._take(self._look())
            self._active += [level, *self._inside.pop(level, [])]
        return level

    def pause(self, level: object) -> None:
        """Let changes belong to the level before this one, which keeps the levels inside it."""
        with self._lock.value:
            self._take(self._look())
            place = self._last_place(level)
            self._inside[level] = self._active[place + 1 :]
            del self._active[place:]

    @contextlib.contextmanager
    def recording(self, level: object) -> Iterator[None]:
        """Let the changes of a block belong to a level, instead of the active one."""
        self.begin(level)
        try:
            yield
        finally:
            self.pause(level)

    def release(self, level: object) -> None:
        """End a level without undoing anything: its changes belong to the outer level."""
        with self._lock.value:
            self._take(self._look())
            outer = self._active[max(self._active.index(level) - 1, 0)]
            del self._active[self._last_place(level)]
            self._layers = [
                (outer if owner is level else owner, layer) for owner, layer in self._layers
            ]

    def end(self, level: object) -> None:
        """Undo the changes of a level; do nothing if it has ended already."""
        with self._lock.value:
            found = self._look()
            if level is not self._active[-1]:
                self._take(found)
                found = {}
            for levels in (self._active, *self._inside.values()):
                if level in levels:
                    levels.remove(level)
            layers = [layer for owner, layer in self._layers if owner is level]
            self._layers = [each for each in self._layers if each[0] is not level]
            paths = {*found}.union(*layers)
            if paths:
                self._put_back(paths)

    def changes(self, level: object) -> dict[str, tuple[Entry | None, Entry | None]]:
        """Return what is at the paths that a level and those inside it changed, before and now."""
        with self._lock.value:
            self._take(self._look())
            if level not in self._active:
                return {}
            levels = self._active[self._active.index(level) :]
            changed: set[str] = set().union(
                *(each for owner, each in self._layers if owner in levels)
            )
            before = [each for each in self._layers if each[0] not in levels]
            return {path: (_newest(before, path)[1], self._entry(path)) for path in sorted(changed)}

    def close(self) -> None:
        """Leave the directory alone from now on; levels that are open end without an effect."""
        with self._lock.value:
            self._watch.stop()
            self._view, self._layers = {}, []

    def _last_place(self, level: object) -> int:
        return max(place for place, each in enumerate(self._active) if each is level)

    # Looking: what differs from the view.

    def _look(self) -> Found:
        touched = self._watch.touched()
        if touched is None:
            self._watch.start(self._view)
        elif not touched and not self._unsure:
            return {}
        names: dict[str, set[str] | None] = dict.fromkeys(self._view)
        if touched is not None:
            names = {**touched, **dict.fromkeys(self._unsure)}
        found: Found = {}
        for directory in sorted(names):
            if directory in self._view and not self._is_replaced(directory, found):
                self._look_at(directory, found, names[directory])
        self._look_at_links(found)
        return found

    def _look_at_links(self, found: Found) -> None:
        """Look at the other names of files, which are not reported."""
        entries = [entry for path in found if (entry := self._entry(path)) is not None]
        statuses = [*found.values(), *(entry.status for entry in entries)]
        inodes = {each.st_ino for each in statuses if each is not None and _is_shared(each)}
        for path, entry in [*self._entries()] if inodes else ():
            if entry.status.st_ino in inodes and path not in found:
                self._compare(path, _status(path), found)

    def _entries(self) -> Iterator[tuple[str, Entry]]:
        for directory, entries in self._view.items():
            for name, entry in entries.items():
                yield os.path.join(directory, name), entry

    def _is_replaced(self, directory: str, found: Found) -> bool:
        """Return whether a directory, or one above it, is gone or another one: all is found."""
        while len(directory) >= len(self.directory):
            if directory in found:
                status, entry = found[directory], self._entry(directory)
                if status is None or entry is None or not _is_same_directory(status, entry):
                    return True
            directory = os.path.dirname(directory)
        return False

    def _look_at(self, directory: str, found: Found, names: Collection[str] | None) -> None:
        """Look at a directory, and at all entries in it or those with some names."""
        entry, status = self._entry(directory), _status(directory)
        assert entry is not None
        if status is None or not _is_same_directory(status, entry):
            self._compare(directory, status, found)
            return
        if not entry.is_at(directory, status):
            found[directory] = status
        if names is None:
            self._watch.add(directory)  # the kernel may have reused the inode of another one
            statuses: Found = dict.fromkeys(self._view[directory])
            statuses |= _statuses(directory)
        else:
            statuses = {name: _status(os.path.join(directory, name)) for name in names if name}
        for name, status in statuses.items():
            self._compare(os.path.join(directory, name), status, found)

    def _compare(self, path: str, status: os.stat_result | None, found: Found) -> None:
        """Note what is at a path, with all below it, where it is not as in the view."""
        entry = self._entry(path)
        if entry is None or status is None or not entry.is_at(path, status):
            found[path] = status
        if entry is not None and status is not None and _is_same_directory(status, entry):
            return
        found.update(dict.fromkeys(self._known_below(path)))
        if status is not None and stat.S_ISDIR(status.st_mode):
            found.update(self._new_in(path))

    def _known_below(self, path: str) -> Iterator[str]:
        for name in self._view.get(path, ()):
            below = os.path.join(path, name)
            yield below
            yield from self._known_below(below)

    def _new_in(self, directory: str) -> Found:
        """Return all below a directory, which is watched from now on."""
        self._watch.add(directory)
        found: Found = {}
        for name, status in _statuses(directory).items():
            path = os.path.join(directory, name)
            found[path] = status
            if stat.S_ISDIR(status.st_mode):
                found.update(self._new_in(path))
        return found

    # Layers: what each level changed.

    def _take(self, found: Found) -> None:
        """Keep what was found as changes of the active level."""
        if not found:
            return
        if not self._layers or self._layers[-1][0] is not self._active[-1]:
            self._layers.append((self._active[-1], {}))
        layer = self._layers[-1][1]
        for path, status in found.items():
            layer[path] = None if status is None else self._entry_of(path)
            self._show(path, layer[path])
        self._settle(found)

    def _entry_of(self, path: str) -> Entry | None:
        try:
            return Entry(path, self._inodes)
        except OSError:  # another program has deleted it since
            self._unsure.add(os.path.dirname(path))
            return None

    def _entry(self, path: str) -> Entry | None:
        if path == self.directory:
            return self._top.get(path)
        directory, name = os.path.split(path)
        return self._view.get(directory, {}).get(name)

    def _show(self, path: str, entry: Entry | None) -> None:
        """Change the view."""
        directory, name = os.path.split(path)
        if path == self.directory:
            entries, name = self._top, path
        elif entry is None:
            entries = self._view.get(directory, {})
        else:
            entries = self._view.setdefault(directory, {})
        if entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry
        if entry is not None and entry.is_directory:
            self._view.setdefault(path, {})
        else:
            self._view.pop(path, None)

    def _settle(self, paths: Collection[str]) -> None:
        """Mark what may change without a trace in its status, within this tick of the clock."""
        with open(self._clock, "wb"):
            os.utime(self._clock)
        now = os.stat(self._clock).st_mtime_ns
        for path in paths:
            entry = self._entry(path)
            if entry is not None:
                entry.is_racy = entry.status.st_ctime_ns >= now

    # Putting back.

    def _put_back(self, paths: set[str]) -> None:
        """Let the disk agree with the remaining layers at some paths."""
        wanted = {path: _newest(self._layers, path)[1] for path in paths}
        self._hide(wanted)
        self._adopt(wanted)
        for path in sorted(wanted, reverse=True):
            self._show(path, wanted[path])
        # Below what is no directory there is nothing, and a link that is there is not followed.
        parents = {path: os.path.dirname(path) for path in sorted(wanted)}
        places = [path for path in parents if path == self.directory or parents[path] in self._view]
        attempts = Attempts()
        for path in places:
            attempts.make(path, _clear, wanted[path])
        links = self._links(wanted)
        for path in places:
            attempts.make(path, _put, wanted[path], links)
        for path in places:
            attempts.make(path, _count_links, wanted[path], links)
        for path in sorted({*parents, *parents.values()}, reverse=True):
            if path in self._view:
                attempts.make(path, self._finish)
        self._settle(wanted)
        self._unsure = {os.path.dirname(path) for path in attempts.failed}
        if self._watch.touched() is None:  # otherwise these were the changes made here
            self._watch.stop()
        attempts.check()

    def _hide(self, wanted: Layer) -> None:
        """Let nothing appear below what a later level has put where its directory was."""
        for path in sorted(wanted):
            parent = os.path.dirname(path)
            above = wanted[parent] if parent in wanted else self._entry(parent)
            is_inside = path != self.directory and wanted[path] is not None
            if is_inside and not (above is not None and above.is_directory):
                number, own = _newest(self._layers, parent)[0], _newest(self._layers, path)[0]
                if number > own or parent not in self._view:
                    self._layers[max(number, own)][1][path] = wanted[path] = None

    def _adopt(self, wanted: Layer) -> None:
        """Let a directory stay as long as a later level has something in it."""
        for path in sorted(wanted, reverse=True):
            entry = wanted[path]
            if entry is None or not entry.is_directory:
                children = [os.path.join(path, name) for name in self._view.get(path, ())]
                staying = [child for child in children if wanted.get(child, child) is not None]
                if staying:
                    number = max(_newest(self._layers, child)[0] for child in staying)
                    self._layers[number][1][path] = wanted[path] = self._entry(path)

    def _links(self, wanted: Layer) -> dict[Inode, str]:
        """Return a path for each file that several paths wanted name, where it is there."""
        shared = {each.inode for each in wanted.values() if each and _is_shared(each.status)}
        links: dict[Inode, str] = {}
        for path, entry in self._entries() if shared else ():
            if entry.inode in shared and (status := _status(path)) and entry.can_stay(path, status):
                links[entry.inode] = path
        return links

    def _finish(self, directory: str) -> None:
        entry = self._entry(directory)
        assert entry is not None
        entry.finish(directory)
        self._watch.add(directory)


class Attempts:
    """Steps of which each is made though others fail; but none below a path where one failed."""

    def __init__(self) -> None:
        self.failed: dict[str, OSError] = {}

    def make(self, path: str, step: Callable[..., None], *arguments: Any) -> None:
        """Make a step at a path."""
        above = path
        while above not in self.failed:
            if above == os.path.dirname(above):
                break
            above = os.path.dirname(above)
        else:
            return
        try:
            step(path, *arguments)
        except OSError as error:
            self.failed[path] = error

    def check(self) -> None:
        """Raise the first error."""
        for error in self.failed.values():
            raise error


def _newest(layers: list[tuple[object, Layer]], path: str) -> tuple[int, Entry | None]:
    """Return the number of the newest layer that has a path, and what it has there."""
    for number in reversed(range(len(layers))):
        layer = layers[number][1]
        if path in layer:
            return number, layer[path]
    return -1, None


def _clear(path: str, entry: Entry | None) -> None:
    """Remove what is at a path, unless it can stay."""
    _open_up(os.path.dirname(path))
    status = _status(path)
    if status is not None and (entry is None or not entry.can_stay(path, status)):
        _remove(path, status)


def _put(path: str, entry: Entry | None, links: dict[Inode, str]) -> None:
    if entry is not None:
        is_shared = _is_shared(entry.status)
        entry.put(path, links.get(entry.inode))
        if is_shared:
            links[entry.inode] = path


def _count_links(path: str, entry: Entry | None, links: dict[Inode, str]) -> None:
    if entry is not None and entry.inode in links:
        entry.status = os.lstat(path)


def _remove(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        _open_up(path)
        for name, below in _statuses(path).items():
            _remove(os.path.join(path, name), below)
        os.rmdir(path)
    else:
        os.unlink(path)


def _open_up(directory: str) -> None:
    """Let this user change the entries of a directory."""
    status = _status(directory)
    if status is not None and stat.S_IMODE(status.st_mode) & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(directory, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _statuses(directory: str) -> dict[str, os.stat_result]:
    """Return the entries of a directory by their names."""
    statuses = {}
    with _permitted(directory, stat.S_IRUSR | stat.S_IXUSR), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another program deletes it now
                statuses[entry.name] = entry.stat(follow_symlinks=False)
    return statuses


def _signature(status: os.stat_result) -> tuple[int, ...]:
    both = status.st_mode, status.st_uid, status.st_gid, status.st_ino, status.st_mtime_ns
    if stat.S_ISDIR(status.st_mode):
        return both
    return (*both, status.st_size)


def _is_shared(status: os.stat_result) -> bool:
    """Return whether it is a file that has several names."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def _is_same_directory(status: os.stat_result, entry: Entry) -> bool:
    is_directory = stat.S_ISDIR(status.st_mode) and entry.is_directory
    return is_directory and status.st_ino == entry.status.st_ino


@contextlib.contextmanager
def _permitted(path: str, bits: int) -> Iterator[None]:
    """Let the owner do something with a file or a directory in a block."""
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if mode & bits == bits:
        yield
        return
    os.chmod(path, mode | bits)
    try:
        yield
    finally:
        os.chmod(path, mode)


def _read(path: str, status: os.stat_result) -> bytes:
    """Return the content of a file, which does not count as a reading access where possible."""
    flags = os.O_RDONLY | _FLAGS | (_NO_ATIME if status.st_uid == os.geteuid() else 0)
    with _permitted(path, stat.S_IRUSR), open(os.open(path, flags), "rb") as file:
        return file.read()


def _write(path: str, content: bytes) -> None:
    """Write into the file that is there, or into a new one."""
    status = _status(path)
    if status is not None and not status.st_mode & stat.S_IWUSR:
        os.chmod(path, stat.S_IMODE(status.st_mode) | stat.S_IWUSR)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
