"""
A directory that rolls back by levels: the end of a level undoes its changes.

It does not matter which program made a change. A `Snapshot` knows the entries of its directory (the
*view*) and looks again when a level begins or ends: differences are changes of the level that was
active. The changes of each level are kept in layers above those of earlier levels, so levels may
end in any order, and afterwards the directory has the changes of the remaining levels.

On Linux the kernel reports which entries changed, so that the cost of a look depends on the number
of changes; elsewhere each look reads the whole directory. A file is unchanged if its inode, size,
owner, permission bits and times are the same, and also its content, if it changed within the same
tick of the kernel's clock as the last look.
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

# The statuses of changed paths; None: nothing is there.
Found = dict[str, "os.stat_result | None"]


class Inode:
    """The file of an entry, which hard links share."""

    def __init__(self, number: int) -> None:
        self.number = number


class Entry:
    """
    The file, directory or link at a path, with everything that is needed to restore it.

    :param path: the path; a symbolic link is not followed.
    :param inodes: the known files by their numbers.

    Raises ``OSError`` if the path does not exist.
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
        """Return whether it is a directory, and not a link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    def is_at(self, path: str, status: os.stat_result) -> bool:
        """Return whether a path with this status is unchanged."""
        if _signature(status) != _signature(self.status):
            return False
        if stat.S_ISREG(status.st_mode):
            is_same = status.st_ctime_ns == self.status.st_ctime_ns and not self.is_racy
            if not is_same and _read(path, status) != self.content:
                return False
            self.is_racy = not is_same
        self.status = status  # the number of hard links may differ
        return True

    def can_stay(self, path: str, status: os.stat_result) -> bool:
        """Return whether the entry at a path can be restored in place."""
        if stat.S_IFMT(status.st_mode) != stat.S_IFMT(self.status.st_mode):
            return False
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(path) == self.target
        return stat.S_ISDIR(status.st_mode) or status.st_ino == self.inode.number

    def put(self, path: str, linked: str | None) -> None:
        """
        Restore a path that does not exist, or whose entry `can_stay`.

        :param linked: the path of a file that must have the same inode, or ``None``.
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
        """Restore the owner, the permission bits and the times."""
        before, now = self.status, os.lstat(path)
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            os.chown(path, before.st_uid, before.st_gid, follow_symlinks=False)
        if not stat.S_ISLNK(before.st_mode):
            os.chmod(path, stat.S_IMODE(before.st_mode))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns), follow_symlinks=False)
        self.status = os.lstat(path)
        self.inode.number = self.status.st_ino


# The changes of a level, by path; None: it deleted the entry.
Layer = dict[str, "Entry | None"]


class Snapshot:
    """
    Track the entries of a directory, and restore them when levels end.

    Contents, owners, permission bits, modification times, links, empty directories and pipes are
    restored. Symbolic links are never followed. The first entries of the directory stay. A level is
    any object; `end()` undoes all changes that belong to it.

    :param directory: an absolute path, whose entries are for tests alone.
    :param clock: the path of a file on the same disk, outside of the directory, which is written to
        read the kernel's clock.

    ``current`` is the snapshot of the active floor.
    """

    current: ClassVar[Snapshot | None] = None

    def __init__(self, directory: str, clock: str) -> None:
        self.directory = directory
        self._clock = clock
        self._lock = PerProcess(threading.RLock)
        self._view: dict[str, dict[str, Entry]] = {}  # of each directory, the entries by name
        self._top: dict[str, Entry] = {}  # of the directory itself
        self._layers: list[tuple[object, Layer]] = []
        self._active = [object()]  # the first level never ends
        self._inside: dict[object, list[object]] = {}  # of each paused level, the levels inside it
        self._unsure: set[str] = set()  # directories in which an entry could not be restored
        self._inodes: WeakValueDictionary[int, Inode] = WeakValueDictionary()
        self._watch = DirectoryWatch()
        with self._lock.value:
            self._watch.start([directory])
            found: Found = {directory: os.lstat(directory)}
            self._take(found | self._new_in(directory))

    @property
    def outermost(self) -> object:
        """Return the level of the first entries."""
        return self._active[0]

    def begin(self, level: object = None) -> object:
        """Begin a new level, or resume one; changes belong to the innermost level."""
        level = object() if level is None else level
        with self._lock.value:
            self._take(self._look())
            self._active += [level, *self._inside.pop(level, [])]
        return level

    def pause(self, level: object) -> None:
        """Let changes belong to the level before this one; remember the levels inside it."""
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
        """Undo the changes of a level; do nothing if it has already ended."""
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
        """Return the former and current entries of the paths that changed since a level began."""
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
        """Stop tracking the directory; ending an open level has no effect afterwards."""
        with self._lock.value:
            self._watch.stop()
            self._view, self._layers = {}, []

    def _last_place(self, level: object) -> int:
        return max(place for place, each in enumerate(self._active) if each is level)

    # Looking for differences from the view.

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
        """Look at the other names of changed files, which the kernel does not report."""
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
        """Return whether a directory, or one above it, was deleted or replaced."""
        while len(directory) >= len(self.directory):
            if directory in found:
                status, entry = found[directory], self._entry(directory)
                if status is None or entry is None or not _is_same_directory(status, entry):
                    return True
            directory = os.path.dirname(directory)
        return False

    def _look_at(self, directory: str, found: Found, names: Collection[str] | None) -> None:
        """Look at a directory, and at all or some entries in it."""
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
        """Note a path, with everything below it, if it differs from the view."""
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
        """Return everything below a directory, and watch it from now on."""
        self._watch.add(directory)
        found: Found = {}
        for name, status in _statuses(directory).items():
            path = os.path.join(directory, name)
            found[path] = status
            if stat.S_ISDIR(status.st_mode):
                found.update(self._new_in(path))
        return found

    # Layers: the changes of each level.

    def _take(self, found: Found) -> None:
        """Keep differences as changes of the active level."""
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
        """Put an entry into the view, or remove it."""
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
        """Mark entries that may change within this tick of the clock without another status."""
        with open(self._clock, "wb"):
            os.utime(self._clock)
        now = os.stat(self._clock).st_mtime_ns
        for path in paths:
            entry = self._entry(path)
            if entry is not None:
                entry.is_racy = entry.status.st_ctime_ns >= now

    # Restoring.

    def _put_back(self, paths: set[str]) -> None:
        """Restore some paths on the disk as the remaining layers have them."""
        wanted = {path: _newest(self._layers, path)[1] for path in paths}
        self._hide(wanted)
        self._adopt(wanted)
        for path in sorted(wanted, reverse=True):
            self._show(path, wanted[path])
        # Nothing is below an entry that is not a directory, and links are not followed.
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
        if self._watch.touched() is None:  # this drops the events of the changes made here
            self._watch.stop()
        attempts.check()

    def _hide(self, wanted: Layer) -> None:
        """Hide paths below an entry with which a later level replaced their directory."""
        for path in sorted(wanted):
            parent = os.path.dirname(path)
            above = wanted[parent] if parent in wanted else self._entry(parent)
            is_inside = path != self.directory and wanted[path] is not None
            if is_inside and not (above is not None and above.is_directory):
                number, own = _newest(self._layers, parent)[0], _newest(self._layers, path)[0]
                if number > own or parent not in self._view:
                    self._layers[max(number, own)][1][path] = wanted[path] = None

    def _adopt(self, wanted: Layer) -> None:
        """Keep a directory as long as a later level has entries in it."""
        for path in sorted(wanted, reverse=True):
            entry = wanted[path]
            if entry is None or not entry.is_directory:
                children = [os.path.join(path, name) for name in self._view.get(path, ())]
                staying = [child for child in children if wanted.get(child, child) is not None]
                if staying:
                    number = max(_newest(self._layers, child)[0] for child in staying)
                    self._layers[number][1][path] = wanted[path] = self._entry(path)

    def _links(self, wanted: Layer) -> dict[Inode, str]:
        """Return an existing path for each file that several wanted paths name."""
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
    """Steps at paths; each is made even if others failed, except below a path that failed."""

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
    """Return the number of the newest layer that has a path, and its entry."""
    for number in reversed(range(len(layers))):
        layer = layers[number][1]
        if path in layer:
            return number, layer[path]
    return -1, None


def _clear(path: str, entry: Entry | None) -> None:
    """Remove the entry at a path, unless it can stay."""
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
    """Permit the user to change the entries of a directory."""
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
    """Return whether a status is that of a file with several names."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def _is_same_directory(status: os.stat_result, entry: Entry) -> bool:
    is_directory = stat.S_ISDIR(status.st_mode) and entry.is_directory
    return is_directory and status.st_ino == entry.status.st_ino


@contextlib.contextmanager
def _permitted(path: str, bits: int) -> Iterator[None]:
    """Set permission bits of a file or a directory for a block."""
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
    """Return the content of a file, without changing its access time where possible."""
    flags = os.O_RDONLY | _FLAGS | (_NO_ATIME if status.st_uid == os.geteuid() else 0)
    with _permitted(path, stat.S_IRUSR), open(os.open(path, flags), "rb") as file:
        return file.read()


def _write(path: str, content: bytes) -> None:
    """Write into the existing file, or into a new one."""
    status = _status(path)
    if status is not None and not status.st_mode & stat.S_IWUSR:
        os.chmod(path, stat.S_IMODE(status.st_mode) | stat.S_IWUSR)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
