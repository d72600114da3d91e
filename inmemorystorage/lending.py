"""
Paths lent out: a part of a tree kept on a disk as well, where other programs reach it.

The tree is the truth. A `TreeMirror` has a private directory in which a name is put when its path
is asked for; from then on that name is *lent*. Before an operation on a name the mirror pulls what
was done to it on the disk into the tree, after a change of a lent name it pushes the change to the
disk. A file is known to be as it was left by its inode, size and times; its modification time is
set to one that no clock of the kernel gives, so that a second write within one tick of that clock
is seen too. Names that were never lent have no file on the disk, and stay when a directory goes
there that was only made to hold a lent file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import weakref
from collections.abc import Iterator
from enum import Enum

from .exceptions import PathDoesNotExist
from .nodes import InMemoryDir, InMemoryFile, InMemoryNode, State, lock
from .private import PrivateDirectory, Signature, signature


class Lent(Enum):
    """How a directory is lent."""

    HOLDER = "made to hold what was lent in it"
    PLACE = "asked for as a place, without its files"
    WHOLE = "asked for, with all that is in it"


# How a lent name was left on the disk; None: it is not there.
Loan = Signature | Lent | None


def lend_from(root: InMemoryDir, borrower: object) -> TreeMirror:
    """Return the mirror of the tree at ``root``; it lives as long as any of its borrowers."""
    with lock:
        if root.mirror is None:
            root.mirror = TreeMirror(root)
            State.mirrors += 1
            State.epoch += 1
        mirror = root.mirror
        assert isinstance(mirror, TreeMirror)
        mirror.borrowers += 1
        weakref.finalize(borrower, mirror.give_back)
        return mirror


class TreeMirror:
    """
    Keep the lent names of one tree on a disk.

    :param root: the root of the tree.
    """

    def __init__(self, root: InMemoryDir) -> None:
        self.borrowers = 0
        self._root = root
        self._private = PrivateDirectory()
        self._loans: dict[str, Loan] = {}
        self._is_busy = False

    def give_back(self) -> None:
        """Take note that a borrower is gone; with the last, take in all changes and clean up."""
        with lock:
            self.borrowers -= 1
            if self.borrowers or not self._private.is_of_this_process:
                return
            self.pull_all()
            self._root.mirror = None
            State.mirrors -= 1
            State.epoch += 1
            self._private.remove()

    def place(self, parts: list[str]) -> str:
        """Return the real path of a directory, without what is in it."""
        with self._working():
            name = "/".join(parts)
            self._hold(name)
            if self._loans.get(name) is not Lent.WHOLE:
                self._loans[name] = Lent.PLACE
            return self._private.path(name)

    def lend(self, parts: list[str], file_mode: int | None = None) -> str:
        """
        Return the real path of a name, with its content there and the directories above it.

        :param file_mode: the permission bits of a file that is not on the disk yet.
        """
        self.pull(parts)
        with self._working():
            name = "/".join(parts)
            self._hold("/".join(parts[:-1]))
            node = self._node(name)
            if isinstance(node, InMemoryDir):
                self._lend_whole(name, node)
            elif self._loans.setdefault(name, None) is None and node is not None:
                self._mirror(name)
                self._set_mode(name, file_mode)
            return self._private.path(name)

    def _lend_whole(self, name: str, directory: InMemoryDir) -> None:
        self._hold(name)
        self._loans[name] = Lent.WHOLE
        for child_name, child in directory.children.copy().items():
            below = _join(name, child_name)
            if isinstance(child, InMemoryDir):
                self._lend_whole(below, child)
            elif self._loans.get(below) is None:
                self._mirror(below)

    def _set_mode(self, name: str, file_mode: int | None) -> None:
        if file_mode is not None:
            os.chmod(self._private.path(name), file_mode)
            self._sign(name)

    def pull(self, parts: list[str]) -> None:
        """Take what was done on the disk, to a name or right below it, into the tree."""
        with self._working() as works:
            name = ""
            if not works or not self._take(name):
                return
            for part in parts:
                name = _join(name, part)
                if not self._take(name):
                    return
            self._take_entries(name)

    def pull_all(self) -> None:
        """Take all that was done on the disk into the tree."""
        with self._working() as works:
            if works and self._take(""):
                self._take_entries("", deep=True)

    def push(self, parts: list[str]) -> None:
        """Do to the disk what was done to a name, and all below it, in the tree."""
        with self._working() as works:
            name = "/".join(parts)
            is_in_whole = self._loans.get("/".join(parts[:-1])) is Lent.WHOLE
            if not works or not (is_in_whole or name in self._loans):
                return
            node = self._node(name)
            if is_in_whole and isinstance(node, InMemoryDir):
                self._lend_whole(name, node)
            for lent in [name, *self._lent_below(name)]:
                self._mirror(lent)

    def push_bytes(self, parts: list[str], position: int, data: bytes | memoryview) -> None:
        """Write to the disk what was written to a file at ``position``."""
        name = "/".join(parts)
        if not isinstance(self._loans.get(name), tuple):
            self.push(parts)
            return
        with self._working():
            self._private.write_at(name, position, data)
            self._sign(name)

    @contextlib.contextmanager
    def _working(self) -> Iterator[bool]:
        """Hold the lock; yield false to what the mirror's own changes of the tree call back."""
        with lock:
            if not self._private.is_of_this_process:
                self._loans.clear()
                self._private.move_to_this_process()
            if self._is_busy:
                yield False
                return
            self._is_busy = True
            try:
                yield True
            finally:
                self._is_busy = False

    # From the disk into the tree.

    def _take(self, name: str) -> bool:
        """Take one entry of the disk into the tree; return whether it is a directory."""
        loan = self._loans.get(name)
        status = self._private.status(name)
        if status is None:
            if loan is not None or name == "":
                self._take_removal(name)
            return False
        if stat.S_ISDIR(status.st_mode):
            if name and not isinstance(loan, Lent):
                self._take_directory(name)
            return True
        if signature(status) != loan:
            self._take_file(name, status)
        return False

    def _take_entries(self, name: str, deep: bool = False) -> None:
        entries = {_join(name, entry) for entry in os.listdir(self._private.path(name))}
        entries.update(lent for lent in self._lent_below(name) if os.path.dirname(lent) == name)
        for entry in sorted(entries):
            if self._take(entry) and deep:
                self._take_entries(entry, deep=True)

    def _take_file(self, name: str, status: os.stat_result) -> None:
        loan = self._loans.get(name)
        # The stamp comes before reading: whoever writes after it leaves another time behind.
        self._loans[name] = self._private.sign(name, status.st_mtime_ns ^ 1)
        content = self._private.read(name)
        node = self._node(name)
        if isinstance(node, InMemoryFile) and isinstance(loan, tuple) and loan[0] == status.st_ino:
            node.replace(content, checks_quota=False)
        else:
            node = InMemoryFile(content)
            self._parent(name).link(os.path.basename(name), node, checks_quota=False)
        node.modified, node.changed = status.st_mtime, status.st_ctime

    def _take_directory(self, name: str) -> None:
        self._loans[name] = Lent.HOLDER
        if not isinstance(self._node(name), InMemoryDir):
            self._parent(name).link(os.path.basename(name), InMemoryDir(), checks_quota=False)

    def _take_removal(self, name: str) -> None:
        for lent in reversed(self._lent_below(name)):
            self._unlink(lent)
        if name:
            self._unlink(name)
            return
        for child in list(self._root.children.values()):
            self._root.unlink(child)
        self._private.make_directory("")

    def _unlink(self, name: str) -> None:
        """Take a name that is gone from the disk out of the tree, with what was lent of it."""
        loan, self._loans[name] = self._loans.get(name), None
        node = self._node(name)
        if node is None or node.parent is None or loan is None:
            return
        if loan is not Lent.HOLDER or not node.children:
            node.parent.unlink(node)

    # From the tree to the disk.

    def _mirror(self, name: str) -> None:
        """Make the disk agree with the tree in one name."""
        node = self._node(name)
        if isinstance(node, InMemoryFile):
            self._hold(os.path.dirname(name))
            self._private.write(name, node.content)
            self._sign(name)
        elif isinstance(node, InMemoryDir):
            self._hold(name)
        else:
            self._private.clear(name)
            self._loans[name] = None

    def _hold(self, name: str) -> None:
        """Have a directory on the disk, and those above it."""
        if name:
            self._hold(os.path.dirname(name))
        self._private.make_directory(name)
        if not isinstance(self._loans.get(name), Lent):
            self._loans[name] = Lent.HOLDER

    def _sign(self, name: str) -> None:
        node = self._node(name)
        if node is not None:
            self._loans[name] = self._private.sign(name, int(node.modified * 1_000_000_000))

    # Names.

    def _node(self, name: str) -> InMemoryNode | None:
        try:
            return self._root.resolve(name)
        except PathDoesNotExist:
            return None

    def _parent(self, name: str) -> InMemoryDir:
        """Return the directory of the tree above a name; a file in its way goes, as on the disk."""
        directory = self._root
        for part in name.split("/")[:-1]:
            child = directory.children.get(part)
            if not isinstance(child, InMemoryDir):
                child = InMemoryDir()
                directory.link(part, child, checks_quota=False)
            directory = child
        return directory

    def _lent_below(self, name: str) -> list[str]:
        above = f"{name}/" if name else ""
        return sorted(lent for lent in self._loans if lent.startswith(above) and lent != name)


def _join(name: str, entry: str) -> str:
    return f"{name}/{entry}" if name else entry
