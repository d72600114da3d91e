"""
Lent paths: a part of a tree that is kept on a disk too, where other programs reach it.

The tree is authoritative, and stays whole when the disk is full or is cleaned. A `TreeMirror` has a
private directory, into which it puts a name when the path of that name is asked for; from then on
that name is *lent*. Before an operation on a name the mirror pulls what was done to it on the disk
into the tree, after a change of a lent name it pushes the change to the disk. A file is known to be
unchanged by its inode, size and times; its modification time is set to one that no clock of the
kernel gives, so that a second write within one tick of that clock is seen too. (Only writing
through a memory map that stays open leaves no trace.) Names that were never lent have no file on
the disk, and stay when a directory is removed there that was only made to hold a lent file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import weakref
from collections.abc import Iterator

from .journal import Journal, lock
from .nodes import InMemoryDir, InMemoryFile, InMemoryNode, State
from .private_directory import (
    GONE,
    PrivateDirectory,
    Signature,
    is_of_directory,
    join,
    signature,
)

_mirrors: set[TreeMirror] = set()


class Lease:
    """
    A lease of the mirror of the tree at ``root``, which exists as long as any lease of it.
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
            # At the exit of a process the private directory removes itself, after its children.
            weakref.finalize(self, self.mirror.end_lease).atexit = False


class Loans(dict[str, Signature | None]):
    """
    The signature of each lent name when it was last pulled or pushed; ``None``: it did not exist.

    ``asked`` has the names that were asked for with all entries, present and future; ``places`` has
    the directories that were asked for without entries. Any other name is a directory above one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.places: set[str] = set()

    def is_asked(self, name: str) -> bool:
        """Return whether a name, or a directory above it, was asked for with its entries."""
        while name and name not in self.asked:
            name = os.path.dirname(name)
        return name in self.asked

    def below(self, name: str) -> list[str]:
        """Return the lent names below a name, each after those above it."""
        above = join(name, "")
        return sorted(lent for lent in self if lent.startswith(above) and lent != name)

    def by_directory(self) -> dict[str, list[str]]:
        """Return the lent names that are entries of each directory."""
        entries: dict[str, list[str]] = {}
        for lent in filter(None, self):
            entries.setdefault(os.path.dirname(lent), []).append(lent)
        return entries


class TreeMirror:
    """Keep the lent names of the tree at ``root`` on a disk."""

    def __init__(self, root: InMemoryDir) -> None:
        self.leases = 0
        self._root = root
        self._private = PrivateDirectory()
        self._file_mode: int | None = None
        self._loans = Loans()
        self._is_busy = False

    def end_lease(self) -> None:
        """End a lease; with the last one, pull all changes and remove the private directory."""
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

    @contextlib.contextmanager
    def _working(self) -> Iterator[bool]:
        """Hold the lock; yield false to a call from inside another one, and after the end."""
        with lock:
            if self._is_busy or self not in _mirrors:
                yield False
                return
            self._is_busy = True  # from here on, or a garbage collection may end it
            try:
                if not self._private.is_usable:
                    self._loans = Loans()
                    self._private.replace()
                yield True
            finally:
                self._is_busy = False
                if not self.leases and self._root.mirror is self:
                    self._end()

    # Paths.

    def tree_path(self, path: str) -> str:
        """Return the path in the tree of a real path; return any other path as it is."""
        return self._private.named_path(path)

    def real_path(self, parts: list[str]) -> str:
        """Return the real path of a name, whether or not anything is there."""
        return self._private.path("/".join(parts))

    def place(self, parts: list[str]) -> str:
        """Return the real path of a directory, made without its entries."""
        with self._working():
            name = "/".join(parts)
            if not self._pull_path(parts):
                with contextlib.suppress(OSError, ValueError):  # as far as it can be made
                    self._hold(name)
            self._loans.places.add(name)
            return self._private.path(name)

    def lend(self, parts: list[str], file_mode: int | None = None) -> str:
        """
        Return the real path of a name, made with its content and the directories above it.

        :param file_mode: the permission bits of files that are not on the disk yet.
        """
        with self._working():
            name = "/".join(parts)
            self._pull_path(parts)
            self._file_mode = file_mode
            if self._node(name) is None:
                with contextlib.suppress(OSError, ValueError):  # as far as they can be made
                    self._hold("/".join(parts[:-1]))
            self._put(name)
            self._loans.asked.add(name)
            return self._private.path(name)

    # Pushing: from the tree to the disk.

    def push(self, parts: list[str]) -> None:
        """Make the disk agree with the tree in a name and in all names below it."""
        with self._working() as works:
            name = "/".join(parts)
            is_asked = self._loans.is_asked(name)
            if not works or not (is_asked or name in self._loans):
                return
            for lent in [name, *self._loans.below(name)]:
                self._push_name(lent)
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

    def _put(self, name: str) -> None:
        """Write a name with all its entries to the disk, except those that are there already."""
        pending = [name]
        while pending:
            name = pending.pop()
            if self._loans.get(name) is None:
                self._push_name(name)
            pending += (join(name, entry) for entry in getattr(self._node(name), "children", ()))

    def _push_name(self, name: str) -> None:
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
        """Sign a file that is written; after an error, remove the incomplete file."""
        try:
            yield
            node = self._node(name)
            assert node is not None
            self._loans[name] = self._private.sign(name, int(node.modified * 1_000_000_000))
        except FileNotFoundError:  # it was removed concurrently, which the next pull sees
            self._loans[name] = GONE
        except OSError:
            self._private.clear(name)
            self._loans.pop(name, None)
            raise

    def _hold(self, name: str) -> None:
        """Make a directory and those above it, on the disk and in the tree."""
        parts = name.split("/") if name else []
        for depth in range(len(parts) + 1):
            self._hold_entry("/".join(parts[:depth]))

    def _hold_entry(self, name: str) -> None:
        node = self._node(name)
        if isinstance(node, InMemoryFile):
            self._put(name)  # so that other programs meet the file too
            raise NotADirectoryError(name)
        if self._private.make_directory(name) or self._loans.get(name) is None:
            self._loans[name] = signature(self._private.status(name))
        if node is None:
            self._link(name, InMemoryDir())

    # Pulling: from the disk into the tree. A pulled entry replaces an entry of its name.

    def pull(self, parts: list[str]) -> None:
        """Pull what was done on the disk, to a name or right below it."""
        with self._working() as works:
            if works and self._pull_path(parts):
                self._pull_entries("/".join(parts))

    def pull_all(self) -> None:
        """Pull all that was done on the disk."""
        with self._working() as works:
            if works and self._pull_name(""):
                self._pull_below("")

    def _pull_path(self, parts: list[str]) -> bool:
        """Pull a name and the directories above it; return whether it is a directory."""
        names: list[str] = []
        is_directory = True
        for depth in range(len(parts), -1, -1):
            name = "/".join(parts[:depth])
            loan = self._loans.get(name)
            if loan and loan == signature(self._private.status(name)):
                is_directory = is_of_directory(loan)  # unchanged, and so are the directories above
                break
            names.append(name)
        return is_directory and all(map(self._pull_name, reversed(names)))

    def _pull_name(self, name: str) -> bool:
        """Pull one name; return whether it is a directory."""
        loan = self._loans.get(name)
        status = self._private.status(name)
        if status is None:
            if loan is not None or name == "":
                self._pull_removal(name)
            return False
        is_directory = stat.S_ISDIR(status.st_mode)
        if signature(status) != loan:
            with contextlib.suppress(FileNotFoundError):  # it was removed concurrently
                (self._pull_directory if is_directory else self._pull_file)(name, status)
        return is_directory

    def _pull_entries(self, name: str) -> None:
        """Pull the entries of a directory."""
        for entry in sorted(
            {*self._private.entries(name), *self._loans.by_directory().get(name, ())}
        ):
            self._pull_name(entry)

    def _pull_below(self, name: str) -> None:
        """Pull all that is below a directory; behind a link, which may lead to /, what is lent."""
        lent = self._loans.by_directory()
        pending = [(name, False)]
        while pending:
            name, is_link = pending.pop()
            is_link = is_link or self._private.is_link(name)
            entries = {*lent.get(name, ()), *(() if is_link else self._private.entries(name))}
            pending += ((entry, is_link) for entry in sorted(entries) if self._pull_name(entry))

    def _pull_file(self, name: str, status: os.stat_result) -> None:
        loan = self._loans.get(name)
        signed = self._private.sign(name, status.st_mtime_ns)
        content = self._private.read(name)  # signed before, so that a concurrent write is seen
        node = self._node(name)
        if isinstance(node, InMemoryFile) and loan and loan[0] == signed[0]:
            node.replace(content, checks_quota=False)
        else:
            node = InMemoryFile(content)
            self._link(name, node)
        node.modified, node.changed = status.st_mtime, status.st_ctime
        self._loans[name] = signed

    def _pull_directory(self, name: str, status: os.stat_result) -> None:
        if self._loans.get(name) is not None:
            self._pull_removal(name)
        self._loans[name] = signature(status)
        if not isinstance(self._node(name), InMemoryDir):
            self._link(name, InMemoryDir())

    def _pull_removal(self, name: str) -> None:
        for lent in reversed(self._loans.below(name)):
            self._unlink(lent)
        self._unlink(name)
        if name == "":
            for child in list(self._root.children):
                self._root.unlink(child)
            self._private.make_directory("")

    def _unlink(self, name: str) -> None:
        """Remove a name from the tree that was removed on the disk, with its lent entries."""
        loan, self._loans[name] = self._loans.get(name), None
        node = self._node(name)
        if node is None or node.parent is None or loan is None:
            return
        if not node.children or name in self._loans.places or self._loans.is_asked(name):
            node.parent.unlink(node.name)

    # The tree.

    def _node(self, name: str) -> InMemoryNode | None:
        return self._root.find(name.split("/") if name else [])

    def _link(self, name: str, node: InMemoryNode) -> None:
        """Put a node into the tree; it replaces an entry of its name, as it did on the disk."""
        above, _, entry = name.rpartition("/")
        parent = self._node(above)
        assert isinstance(parent, InMemoryDir)  # the caller has pulled or made it
        parent.link(entry, node, checks_quota=False)


def _pull_all() -> None:
    with lock:
        for mirror in list(_mirrors):
            mirror.pull_all()


# A child process inherits only the tree, and savepoints undo only changes of the tree.
getattr(os, "register_at_fork", lambda **_: None)(before=_pull_all)
Journal.boundaries.append(_pull_all)
