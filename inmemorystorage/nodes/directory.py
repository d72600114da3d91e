"""Directories: entries by name."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import weakref
from typing import IO, Any, cast

import six

from ..exceptions import PathDoesNotExist, os_error
from ..handles import open_stream, parse_mode
from ..journal import Journal, Recorded, lock, record
from .base import InMemoryNode, Mirror, Quota, State
from .entries import DirectoryBefore, Entries
from .file import NO_CHILDREN, InMemoryFile
from .names import Listing, check_entry_name, split_path
from .walk import total_size

# At half the price of `with lock`, which every save and delete would pay.
_acquire, _release = lock.acquire, lock.release


class InMemoryDir(InMemoryNode):
    """
    A directory: its entries by name.

    The methods that take a ``path`` take it relative to this directory, normalised as
    ``os.path.normpath`` does; a leading slash means this directory.
    """

    __slots__ = ("children", "quotas", "mirror")

    def __init__(self) -> None:
        super().__init__()
        self.children: dict[str, InMemoryNode] = Entries()
        self.quotas: weakref.WeakSet[Quota] | None = None
        self.mirror: Mirror | None = None

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        slots = {name: getattr(self, name) for name in (*InMemoryNode.__slots__, *self.__slots__)}
        children = Entries(self.children.copy())
        return None, slots | {"children": children, "quotas": None, "mirror": None}

    def add_quota(self, quota: Quota) -> None:
        """Have all growth below this directory count against ``quota`` from now on."""
        with lock:
            self.quotas = weakref.WeakSet() if self.quotas is None else self.quotas
            self.quotas.add(quota)

    def add_child(self, name: str, child: InMemoryNode) -> None:
        """
        Put ``child`` into this directory as ``name``; what had that name before is gone.

        Raises ``ValueError`` for a name that no entry can have and for a node that is in a
        directory already, and ``OSError`` with ``ENOSPC`` past a quota.
        """
        check_entry_name(name)
        with lock:
            if child.parent is not None and child.parent.children.get(child.name) is child:
                raise ValueError(f"{child!r} is in a directory already; delete it there first.")
            if child is self.location()[0]:
                raise ValueError(f"{child!r} cannot be put into itself.")
            self.link(name, child)

    def link(self, name: str, node: InMemoryNode, *, checks_quota: bool = True) -> None:
        """Make ``node`` the entry ``name``, in the place of what has that name."""
        _acquire()
        try:
            replaced = self.children.get(name)
            if State.quotas:
                freed = 0 if replaced is None else total_size(replaced)
                self.charge(total_size(node) - freed, name, checks_quota)
            if Journal.savepoint is not None:
                self._record(name, replaced)
            self.modified = self.changed = time.time()
            if replaced is not None:
                replaced.parent, replaced.changed = None, self.changed
                State.epoch += 1
            node.parent = self
            node.name = name
            dict.__setitem__(self.children, name, node)
            if State.mirrors:
                self._push_new(name)
        finally:
            _release()

    def unlink(self, name: str, files_only: bool = False) -> bool:
        """
        Take the entry ``name`` out of this directory; open handles on it live on.

        Return whether there was one, and, with ``files_only``, whether it was a file.
        """
        _acquire()
        try:
            node = self.children.get(name)
            if node is None:
                return False
            is_directory = node.children is not NO_CHILDREN
            if files_only and is_directory:
                return False
            if State.quotas:
                self.charge(-total_size(node), name)
            if Journal.savepoint is not None:
                self._record(name, node)
            dict.pop(self.children, name)
            node.parent = None
            self.modified = self.changed = node.changed = time.time()
            if is_directory:
                State.epoch += 1
            if State.mirrors:
                self._push(name)
            return True
        finally:
            _release()

    def _record(self, name: str, node: InMemoryNode | None) -> None:
        """Note down the entry ``name`` as it is, and what is taken from there."""
        before: DirectoryBefore = record(self)
        before.entries.setdefault(name, node)
        if node is not None:
            record(cast("Recorded", node))
            before.order = before.order or tuple(self.children)

    def snapshot(self) -> DirectoryBefore:
        """Return what `restore` takes; entries are noted there as they change."""
        return DirectoryBefore(self.created, self.accessed, self.modified, self.changed)

    def take_out(self, before: DirectoryBefore) -> None:
        """Take out the entries that were not here."""
        for name, node in before.entries.items():
            if self.children.get(name) not in (None, node):
                self.unlink(name)

    def restore(self, before: DirectoryBefore) -> None:
        """Put in the entries that were here, and have the times of then."""
        for name, node in before.entries.items():
            if node is not None and name not in self.children:
                self._put_back(name, node)
        if before.order is not None:
            # Another dict, since nobody who reads meanwhile may miss an entry.
            children = self.children
            names = filter(children.__contains__, before.order)
            self.children = Entries((name, children[name]) for name in names)
        self.created, self.accessed, self.modified, self.changed = before.times

    def merge(self, older: DirectoryBefore | None, newer: DirectoryBefore) -> DirectoryBefore:
        """Return a snapshot of what was before, and is noted in the older or in the newer one."""
        return newer if older is None else newer.merged(older)

    def _put_back(self, name: str, node: InMemoryNode) -> None:
        self.charge(total_size(node), name, checks_quota=False)
        node.parent, node.name = self, name
        self.children[name] = node
        with contextlib.suppress(OSError):  # where the disk has no room, nothing is lent
            self._push(name)

    def _push_new(self, name: str) -> None:
        try:
            self._push(name)
        except OSError:  # the disk is full: what cannot be lent there is not stored either
            self.unlink(name)
            raise

    def _push(self, name: str) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.push([*parts, name])

    def charge(self, amount: int, name: str, checks_quota: bool = True) -> None:
        """Count bytes that come (or go) against the quotas above; ``ENOSPC`` past one of them."""
        directory: InMemoryDir | None = self
        quotas: list[Quota] = []
        while directory is not None:
            if directory.quotas is not None:
                quotas.extend(directory.quotas)
            directory = directory.parent
        for quota in quotas if checks_quota and amount > 0 else ():
            if quota.used + amount > quota.limit:
                raise os_error(errno.ENOSPC, name)
        for quota in quotas:
            quota.used += amount

    def resolve(self, path: str, create: bool = False) -> InMemoryNode:
        """
        Return the node at ``path``; with ``create``, make an empty file where there is none.

        Raises `PathDoesNotExist` where there is none, and with ``create`` ``NotADirectoryError``
        where a file stands in the way.
        """
        node: InMemoryNode = self
        parts = split_path(path)
        for part in parts:
            found = node.children.get(part)
            if found is None:
                return self._create(parts) if create else _missing(path)
            node = found
        return node

    def _create(self, parts: list[str]) -> InMemoryNode:
        with lock:
            parent = self.make_directories(parts[:-1])
            if parts[-1] not in parent.children:
                parent.add_child(parts[-1], InMemoryFile())
            return parent.children[parts[-1]]

    def make_directories(self, parts: list[str]) -> InMemoryDir:
        """Return the directory at ``parts``, made with all above it where it is not there."""
        directory = self
        with lock:
            for part in parts:
                if part not in directory.children:
                    directory.add_child(part, InMemoryDir())
                child = directory.children[part]
                if not isinstance(child, InMemoryDir):
                    raise os_error(errno.ENOTDIR, "/".join(parts))
                directory = child
        return directory

    def ls(self, path: str = "") -> list[str]:
        """Return the names of all entries of the directory at ``path``."""
        return list(self.resolve(path).children)

    def listdir(self, path: str = "") -> Listing:
        """Return the names of the directories and of the files in the directory at ``path``."""
        node = self.resolve(path)
        if not isinstance(node, InMemoryDir):
            raise os_error(errno.ENOTDIR, path)
        return node.listing()

    def listing(self) -> Listing:
        """Return the names of the directories and of the files in this directory."""
        directories: list[str] = []
        files: list[str] = []
        for name, node in self.children.copy().items():
            (directories if isinstance(node, InMemoryDir) else files).append(name)
        return Listing((directories, files))

    def delete(self, path: str) -> None:
        """Delete the file, or the directory with all that is in it; silent when there is none."""
        with lock:
            try:
                node = self.resolve(path)
            except PathDoesNotExist:
                return
            if node.parent is None or node is self:
                raise os_error(errno.EBUSY, path)
            node.parent.unlink(node.name)

    def exists(self, path: str) -> bool:
        """Return whether there is a file or a directory at ``path``."""
        try:
            self.resolve(path)
        except PathDoesNotExist:
            return False
        return True

    def size(self, path: str) -> int:
        """Return the number of bytes of the file at ``path``."""
        return self._file(self.resolve(path), path).size

    def open(self, path: str, mode: str = "rb") -> IO[Any]:
        """
        Open the file at ``path`` as ``open()`` does; directories above a new file are made.

        Raises what ``open()`` raises, `PathDoesNotExist` where nothing is to be read.
        """
        flags = parse_mode(mode).flags
        with lock:
            if flags & os.O_CREAT and not self.exists(path):
                return open_stream(self._file(self.resolve(path, create=True), path), path, mode)
            return self._file(self.resolve(path), path).open(mode)

    def save(self, path: str, content: str | bytes) -> str:
        """Write ``content`` to the file at ``path``, over what is there; return ``path``."""
        with lock:
            self._file(self.resolve(path, create=True), path).replace(six.ensure_binary(content))
        return path

    def _file(self, node: InMemoryNode, path: str) -> InMemoryFile:
        if not isinstance(node, InMemoryFile):
            raise os_error(errno.EISDIR, path)
        return node


def _missing(path: str) -> InMemoryNode:
    raise PathDoesNotExist(path)
