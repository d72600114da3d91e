"""
Paths lent out: a part of a tree kept on a disk as well, where other programs reach it.

The tree is the truth, and stays whole when the disk is full or cleaned away. A `TreeMirror` has a
private directory in which a name is put when its path is asked for; from then on that name is
*lent*. Before an operation on a name the mirror pulls what was done to it on the disk into the
tree, after a change of a lent name it pushes the change to the disk. A file is known to be as it
was left by its inode, size and times; its modification time is set to one that no clock of the
kernel gives, so that a second write within one tick of that clock is seen too. (Only a memory map
that stays open is written without a trace.) Names that were never lent have no file on the disk,
and stay when a directory goes there that was only made to hold a lent file.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Iterator

from .journal import Journal, lock
from .nodes import InMemoryDir, InMemoryFile, State
from .private import GONE, Loans, PrivateDirectory, join, signature
from .pulling import PullingMixin

_mirrors: set[TreeMirror] = set()


class Lease:
    """
    A hold on the mirror of the tree at ``root``, which lives as long as any hold on it does.

    An object of its own, for a storage may become another one while it lives: its state decides.
    """

    def __init__(self, root: InMemoryDir) -> None:
        with lock:
            if root.mirror is None:
                root.mirror = TreeMirror(root)
                _mirrors.add(root.mirror)
                State.mirrors += 1
                State.epoch += 1
            assert isinstance(root.mirror, TreeMirror)
            self.mirror = root.mirror
            self.mirror.leases += 1
            weakref.finalize(self, self.mirror.give_back)


class TreeMirror(PullingMixin):
    """Keep the lent names of the tree at ``root`` on a disk."""

    def __init__(self, root: InMemoryDir) -> None:
        self.leases = 0
        self._root = root
        self._private = PrivateDirectory()
        self._file_mode: int | None = None
        self._loans = Loans()
        self._is_busy = False

    def give_back(self) -> None:
        """Take note that a lease is over; with the last, take in all changes and clean up."""
        with lock:
            self.leases -= 1
            # A lease may be collected as garbage in the middle of an operation.
            if not self.leases and not self._is_busy:
                self._end()

    def _end(self) -> None:
        self._root.mirror = None
        State.mirrors -= 1
        State.epoch += 1
        is_own = self._private.is_of_this_process
        try:
            if is_own:
                self.pull_all()
        finally:
            _mirrors.remove(self)
            if is_own:
                self._private.remove()

    def tree_path(self, path: str) -> str:
        """Return the path in the tree that a real path stands for; any other path as it is."""
        return self._private.named_path(path)

    def real_path(self, parts: list[str]) -> str:
        """Return the real path of a name, at which nothing needs to be."""
        return self._private.path("/".join(parts))

    def place(self, parts: list[str]) -> str:
        """Return the real path of a directory, without what is in it."""
        with self._working():
            name = "/".join(parts)
            if not self._take_along(parts):
                with contextlib.suppress(OSError, ValueError):  # as well as it can be made
                    self._hold(name)
            self._loans.places.add(name)
            return self._private.path(name)

    def lend(self, parts: list[str], file_mode: int | None = None) -> str:
        """
        Return the real path of a name, with its content there and the directories above it.

        :param file_mode: the permission bits of files that are not on the disk yet.
        """
        with self._working():
            name = "/".join(parts)
            self._take_along(parts)
            self._file_mode = file_mode
            if self._node(name) is None:
                with contextlib.suppress(OSError, ValueError):  # as well as they can be made
                    self._hold("/".join(parts[:-1]))
            self._put(name)
            self._loans.asked.add(name)
            return self._private.path(name)

    def _put(self, name: str) -> None:
        """Have a name on the disk with all that is in it; what is there already stays."""
        if self._loans.get(name) is None:
            self._mirror(name)
        for entry in list(getattr(self._node(name), "children", ())):
            self._put(join(name, entry))

    def push(self, parts: list[str]) -> None:
        """Do to the disk what was done to a name, and all below it, in the tree."""
        with self._working() as works:
            name = "/".join(parts)
            is_asked = self._loans.is_asked(name)
            if not works or not (is_asked or name in self._loans):
                return
            for lent in [name, *self._loans.below(name)]:
                self._mirror(lent)
            if is_asked:
                self._put(name)

    def push_bytes(self, parts: list[str], position: int, data: bytes | memoryview) -> None:
        """Write to the disk what was written to a file at ``position``."""
        name = "/".join(parts)
        if self._loans.get(name) is None:
            self.push(parts)
            return
        with self._working(), self._writing(name):
            self._private.write_at(name, position, data)

    @contextlib.contextmanager
    def _working(self) -> Iterator[bool]:
        """Hold the lock; yield false to what its own changes call back, and after its end."""
        with lock:
            if self._is_busy or self not in _mirrors:
                yield False
                return
            self._is_busy = True  # from here on, or a garbage collection may end it
            try:
                if not self._private.is_usable:
                    self._loans = Loans()
                    self._private.begin_anew()
                yield True
            finally:
                self._is_busy = False
                if not self.leases and self._root.mirror is self:
                    self._end()

    def _mirror(self, name: str) -> None:
        """Make the disk agree with the tree in one name."""
        node = self._node(name)
        if isinstance(node, InMemoryFile):
            with self._writing(name):
                self._hold(os.path.dirname(name))
                self._private.write(name, node.content, self._file_mode)
        elif isinstance(node, InMemoryDir):
            self._hold(name)
        elif self._loans.get(name) is not None:
            self._private.clear(name)
            self._loans[name] = None

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Sign a file that is written; leave no part of one, which would be taken for the whole."""
        try:
            yield
            node = self._node(name)
            assert node is not None
            self._loans[name] = self._private.sign(name, int(node.modified * 1_000_000_000))
        except FileNotFoundError:  # somebody removes it meanwhile, which is seen next
            self._loans[name] = GONE
        except OSError:
            self._private.clear(name)
            self._loans.pop(name, None)
            raise

    def _hold(self, name: str) -> None:
        """Have a directory on the disk and in the tree, and those above it."""
        if name:
            self._hold(os.path.dirname(name))
        node = self._node(name)
        if isinstance(node, InMemoryFile):
            self._put(name)  # it stands in the way on the disk too
            raise NotADirectoryError(name)
        if self._private.make_directory(name) or self._loans.get(name) is None:
            self._loans[name] = signature(self._private.status(name))
        if node is None:
            self._link(name, InMemoryDir())


def _pull_all() -> None:
    with lock:
        for mirror in list(_mirrors):
            mirror.pull_all()


# A child process goes on with the tree alone, and a savepoint knows of nothing else.
getattr(os, "register_at_fork", lambda **_: None)(before=_pull_all)
Journal.boundaries.append(_pull_all)
