"""
The tree: `InMemoryDir` and `InMemoryFile` nodes.

Threads: every change of any tree happens under the journal's one `lock`; lookups and whole
reads take none. A lookup is a chain of ``dict.get`` calls and a whole read is one attribute read of
an immutable ``bytes`` object; each of these is atomic, under the global interpreter lock and, by
CPython's per-object locks, on the free-threaded interpreter. So a reader sees the state before a
change or the state after it: a node is complete before it is linked, content is swapped by one
assignment, and a listing starts from one atomic copy of the dict. Only content that is being
written in place (a ``BytesIO``) is read under the lock.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import IO, Any, Protocol, TypeAlias, cast

import six

from ..exceptions import PathDoesNotExist, os_error
from ..streams import open_stream, parse_mode
from .journal import Journal, Recorded, lock, record
from .sparse import MIN_HOLE, SparseIO

# What a file can be made of, and what is copied by reference.
Content: TypeAlias = bytes | SparseIO

# At half the price of `with lock`, which every save and delete would pay.
_acquire, _release = lock.acquire, lock.release


class State:
    """
    Counters of the whole process that every operation reads, so that the usual case costs nothing.

    ``epoch`` increases when a directory leaves its tree and when a `Mirror` comes or goes: a cache
    of directories is stale when it was filled in an earlier epoch. ``mirrors`` counts the roots
    that have a `Mirror`, ``quotas`` the quotas that were ever made.
    """

    epoch = 0
    mirrors = 0
    quotas = 0


class Mirror(Protocol):
    """Keep a part of a tree on a disk too; it is the ``mirror`` of the root of the tree."""

    def tree_path(self, path: str) -> str: ...

    def pull(self, parts: list[str]) -> None: ...

    def push(self, parts: list[str]) -> None: ...

    def push_bytes(self, parts: list[str], position: int, data: bytes | memoryview) -> None: ...

    def pull_all(self) -> None: ...


class Quota:
    """
    A limit in bytes for the files below a directory, and the bytes in use.

    A directory refers to its quotas weakly: a quota ends with the storage that made it.
    """

    __slots__ = ("limit", "used", "__weakref__")

    def __init__(self, limit: int, used: int) -> None:
        self.limit = limit
        self.used = used
        State.quotas += 1


class InMemoryNode:
    """
    A file or a directory. Times are seconds since the epoch; ``changed`` is POSIX's change time.
    """

    __slots__ = ("parent", "name", "created", "accessed", "modified", "changed")

    parent: InMemoryDir | None
    name: str
    created: float
    accessed: float
    modified: float
    changed: float
    children: Mapping[str, InMemoryNode]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"

    def find(self, parts: Sequence[str]) -> InMemoryNode | None:
        """Return the node at ``parts`` below this one, or ``None``."""
        node = self
        for part in parts:
            child = node.children.get(part)
            if child is None:
                return None
            node = child
        return node

    def location(self) -> tuple[InMemoryNode, list[str]]:
        """Return the root of the tree that this node is in, and the names from there to it."""
        parts: list[str] = []
        node: InMemoryNode = self
        while node.parent is not None:
            parts.append(node.name)
            node = node.parent
        return node, parts[::-1]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the whole tree as a list, since pickle cannot recurse into deep directories."""
        root, parts = self.location()
        if parts and root.find(parts) is self:
            return InMemoryNode.find, (root, parts)
        return _unflatten, (_flatten(self),)

    def _touch(self) -> None:
        self.modified = self.changed = time.time()

    def _mirror(self) -> tuple[Mirror | None, list[str]]:
        root, parts = self.location()
        return getattr(root, "mirror", None), parts

    def _pull(self) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.pull(parts)


# So that the lookup of a path below a file finds nothing.
NO_CHILDREN: Mapping[str, InMemoryNode] = MappingProxyType({})


class InMemoryFile(InMemoryNode):
    """
    A file: bytes, and the times at which they were made, read and written.

    :param content: text is kept as UTF-8; bytes are kept by reference.
    """

    # The bytes are immutable until they are written in place; then a BytesIO holds them, which
    # copies them at the first write and returns them without a copy. A SparseIO holds them from the
    # first hole on, until no hole is left.
    __slots__ = ("_content",)

    children = NO_CHILDREN

    def __init__(
        self,
        content: str | Content = b"",
        parent: InMemoryDir | None = None,
        name: str | None = None,
    ) -> None:
        self.parent = parent
        self.name = name or ""
        self.created = self.accessed = self.modified = self.changed = time.time()
        self._content: Content | io.BytesIO = (
            content
            if type(content) is bytes or isinstance(content, SparseIO)
            else six.ensure_binary(content)
        )

    @property
    def content(self) -> bytes:
        """Return all the bytes, without a copy unless there are holes."""
        content = self._content
        if type(content) is bytes:
            return content
        with lock:
            return bytes(self.shared_content())

    def shared_content(self) -> Content:
        """Return the bytes without a copy or, with holes, a copy that has the same holes."""
        content = self._content
        if type(content) is bytes:
            return content
        with lock:
            stream = self._stream()
            if isinstance(stream, io.BytesIO):
                self._content = stream.getvalue()
            elif stream.has_holes:
                return stream.copy()
            else:
                self._content = bytes(stream)
            return self._content

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        if State.mirrors:
            self._pull()
        content = self._content
        if type(content) is bytes:
            return len(content)
        with lock:
            stream = self._stream()
            return stream.getbuffer().nbytes if isinstance(stream, io.BytesIO) else len(stream)

    def open(self, mode: str = "rb") -> IO[Any]:
        """
        Return a new handle, as ``open(path, mode)`` does for this file at its path.

        Raises ``FileExistsError`` for a mode with ``x``, since the file exists.
        """
        flags = parse_mode(mode).flags
        if flags & os.O_EXCL:
            raise os_error(errno.EEXIST, self.name)
        if flags & os.O_TRUNC:
            self.truncate(0)
        return open_stream(self, self.name, mode)

    def read_at(self, position: int, size: int | None = None) -> bytes:
        """Return ``size`` bytes from ``position`` on, or all; fewer at the end of the file."""
        # As access() does; its call would take a tenth of the time of open() and read().
        if State.mirrors:
            self._pull()
        if Journal.savepoint is not None:
            self._record()
        self.accessed = time.time()
        content = self._content
        if type(content) is bytes:
            return content[position:] if size is None else content[position : position + size]
        if size is None and not isinstance(content, SparseIO):
            return self.content[position:]
        return self._read(position, sys.maxsize if size is None else size)

    def _read(self, position: int, size: int) -> bytes:
        with lock:
            stream = self._stream()
            stream.seek(position)
            return stream.read(size)

    def access(self) -> None:
        """Set the accessed time."""
        if State.mirrors:
            self._pull()
        if Journal.savepoint is not None:
            self._record()
        self.accessed = time.time()

    def write_at(self, position: int | None, data: bytes | memoryview) -> int:
        """
        Write ``data`` at ``position``, or at the end for ``None``; return the position after it.

        A gap before it is filled with zeros. Raises ``OSError`` with ``ENOSPC`` past a quota.
        """
        with lock:
            if State.mirrors:
                self._pull()
            size = self.size
            start = size if position is None else position
            end = start + len(data)
            if len(data):
                self._record()
                if State.mirrors:
                    self._write_through(start, data)
                else:
                    self._put(start, data)
                    self._touch()
            return end

    def _write_through(self, start: int, data: bytes | memoryview) -> None:
        """Write to the tree and to the disk; leave the tree as it was if the disk is full."""
        size, times, overwritten = self.size, self._times(), self._read(start, len(data))
        self._put(start, data)
        self._touch()
        try:
            self._push_bytes(start, data)
        except OSError:
            self._put(start, overwritten)
            self._resize(size)
            self.created, self.accessed, self.modified, self.changed = times
            self._push_if_it_fits()
            raise

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes, or fill it with zeros up to there."""
        with lock:
            if State.mirrors:
                self._pull()
            self._record()
            before = self._before()
            self._resize(size)
            self._written(before)

    def _resize(self, size: int) -> None:
        if size > self.size:
            self._put(size - 1, b"\0")
        elif size < self.size:
            self._charge(size - self.size)
            if isinstance(self._content, SparseIO):
                self._content.truncate(size)
            else:
                self._content = self.content[:size]

    def replace(self, content: Content, *, checks_quota: bool = True) -> None:
        """Replace the whole content by ``content``."""
        with lock:
            self._record()
            before = self._before()
            self._charge(len(content) - self.size, checks_quota)
            self._content = content
            self._written(before)

    def snapshot(self) -> tuple[Any, ...]:
        """Return what `restore` takes: the times and the content, by reference."""
        return *self._times(), self.shared_content()

    def _times(self) -> tuple[float, ...]:
        return self.created, self.accessed, self.modified, self.changed

    def take_out(self, before: tuple[Any, ...]) -> None:
        """Do nothing: a file has no entries."""

    def restore(self, before: tuple[Any, ...]) -> None:
        """Take the file back to a snapshot."""
        *times, content = before
        self.created, self.accessed, self.modified, self.changed = times
        if content is not self._content:
            self._charge(len(content) - self.size, checks_quota=False)
            self._content = content.copy() if isinstance(content, SparseIO) else content
            self._push_if_it_fits()

    def merge(self, older: tuple[Any, ...] | None, newer: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the older of two snapshots."""
        return older or newer

    def _record(self) -> None:
        with lock:
            if Journal.savepoint is not None:
                record(self)

    def _put(self, position: int, data: bytes | memoryview) -> None:
        growth = max(0, position + len(data) - self.size)
        self._charge(growth)
        try:
            stream = self._stream()
            if position - self.size >= MIN_HOLE and isinstance(stream, io.BytesIO):
                stream = self._content = SparseIO(stream.getvalue())
            stream.seek(position)
            stream.write(data)
        except (MemoryError, OverflowError, SystemError) as error:
            self._charge(-growth)
            raise os_error(errno.ENOSPC, self.name) from error

    def _stream(self) -> io.BytesIO | SparseIO:
        if isinstance(self._content, bytes):
            self._content = io.BytesIO(self._content)
        return self._content

    def _charge(self, amount: int, checks_quota: bool = True) -> None:
        if State.quotas and self.parent is not None:
            self.parent.charge(amount, self.name, checks_quota)

    def _before(self) -> tuple[Any, ...] | None:
        """Return a snapshot if the change after it may fail on a disk."""
        return self.snapshot() if State.mirrors else None

    def _written(self, before: tuple[Any, ...] | None) -> None:
        self._touch()
        if before is not None:
            try:
                self._push()
            except OSError:
                self.restore(before)
                raise

    def _push_if_it_fits(self) -> None:
        with contextlib.suppress(OSError):  # if the disk is full, the file is not lent
            self._push()

    def _push(self) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.push(parts)

    def _push_bytes(self, position: int, data: bytes | memoryview) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.push_bytes(parts, position, data)


class Entries(dict[str, InMemoryNode]):
    """The entries of a directory; a change by hand makes the caches of all storages stale."""

    def __setitem__(self, name: str, node: InMemoryNode) -> None:
        super().__setitem__(name, node)
        State.epoch += 1

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        State.epoch += 1

    def pop(self, *args: Any) -> Any:
        """Remove an entry by its name, and return it."""
        node = super().pop(*args)
        State.epoch += 1
        return node

    def popitem(self) -> tuple[str, InMemoryNode]:
        """Remove the last entry, and return it."""
        item = super().popitem()
        State.epoch += 1
        return item

    def clear(self) -> None:
        """Remove all entries."""
        super().clear()
        State.epoch += 1

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Add entries, and replace those of the same names."""
        super().update(*args, **kwargs)
        State.epoch += 1

    def __ior__(self, other: Any) -> Entries:  # type: ignore[misc, override]
        self.update(other)
        return self


class DirectoryBefore:
    """A directory's times, its changed entries as they were, and its order if one was removed."""

    __slots__ = ("entries", "order", "times")

    def __init__(self, *times: float) -> None:
        self.times = times
        self.entries: dict[str, InMemoryNode | None] = {}
        self.order: tuple[str, ...] | None = None

    def merged(self, older: DirectoryBefore) -> DirectoryBefore:
        """Return the state that both describe; where both do, the older one's."""
        merged = DirectoryBefore(*older.times)
        merged.entries = self.entries | older.entries
        merged.order = older.order or self.order
        return merged


class Listing(tuple[list[str], list[str]]):
    """The directories and the files of a directory: a pair that equals a tuple or a list."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


class InMemoryDir(InMemoryNode):
    """
    A directory: its entries by name.

    A ``path`` is relative to this directory, and normalized as ``os.path.normpath`` does; a leading
    slash means this directory.
    """

    __slots__ = ("children", "quotas", "mirror")

    def __init__(self) -> None:
        self.parent = None
        self.name = ""
        self.created = self.accessed = self.modified = self.changed = time.time()
        self.children: dict[str, InMemoryNode] = Entries()
        self.quotas: weakref.WeakSet[Quota] | None = None
        self.mirror: Mirror | None = None

    def add_child(self, name: str, child: InMemoryNode) -> None:
        """
        Put ``child`` into this directory as ``name``, and replace an entry of that name.

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

    def resolve(self, path: str, create: bool = False) -> InMemoryNode:
        """
        Return the node at ``path``; with ``create``, make an empty file if nothing is there.

        Raises `PathDoesNotExist` if nothing is there, and with ``create`` ``NotADirectoryError``
        if a file is in the way.
        """
        parts = split_path(path)
        node = self.find(parts)
        if node is not None:
            return node
        if not create:
            raise PathDoesNotExist(path)
        with lock:
            parent = self.make_directories(parts[:-1])
            if parts[-1] not in parent.children:  # or another thread was faster
                parent.add_child(parts[-1], InMemoryFile())
            return parent.children[parts[-1]]

    def ls(self, path: str = "") -> list[str]:
        """Return the names of all entries of the directory at ``path``."""
        return list(self.resolve(path).children)

    def listdir(self, path: str = "") -> Listing:
        """Return the names of the directories and of the files in the directory at ``path``."""
        node = self.resolve(path)
        if not isinstance(node, InMemoryDir):
            raise os_error(errno.ENOTDIR, path)
        return node.listing()

    def delete(self, path: str) -> None:
        """Delete the file, or the directory with its entries; do nothing if neither exists."""
        with lock:
            try:
                node = self.resolve(path)
            except PathDoesNotExist:
                return
            if node.parent is None or node is self:
                raise os_error(errno.EBUSY, path)
            node.parent.unlink(node.name)

    def exists(self, path: str) -> bool:
        """Return whether a file or a directory is at ``path``."""
        return self.find(split_path(path)) is not None

    def size(self, path: str) -> int:
        """Return the number of bytes in the file at ``path``."""
        return self._file(path).size

    def open(self, path: str, mode: str = "rb") -> IO[Any]:
        """
        Open the file at ``path`` as ``open()`` does; make the directories above a new file.

        Raises what ``open()`` raises, `PathDoesNotExist` if there is no file to read.
        """
        flags = parse_mode(mode).flags
        with lock:
            if flags & os.O_CREAT and not self.exists(path):
                return open_stream(self._file(path, create=True), path, mode)
            return self._file(path).open(mode)

    def save(self, path: str, content: str | bytes) -> str:
        """Replace the content of the file at ``path``, or make the file; return ``path``."""
        with lock:
            self._file(path, create=True).replace(six.ensure_binary(content))
        return path

    def _file(self, path: str, create: bool = False) -> InMemoryFile:
        node = self.resolve(path, create)
        if not isinstance(node, InMemoryFile):
            raise os_error(errno.EISDIR, path)
        return node

    def listing(self) -> Listing:
        """Return the names of the directories and of the files in this directory."""
        directories: list[str] = []
        files: list[str] = []
        for name, node in self.children.copy().items():
            (directories if isinstance(node, InMemoryDir) else files).append(name)
        return Listing((directories, files))

    def make_directories(self, parts: Sequence[str]) -> InMemoryDir:
        """
        Return the directory at ``parts``, and make it and those above it if they do not exist.

        Raises ``NotADirectoryError`` for a file in the way, with the path as far as the file, and
        ``ValueError`` for a name that no entry can have.
        """
        directory = self
        with lock:
            for depth, part in enumerate(parts, start=1):
                child = directory.children.get(part)
                if child is None:
                    check_entry_name(part)
                    child = InMemoryDir()
                    directory.link(part, child)
                if not isinstance(child, InMemoryDir):
                    raise os_error(errno.ENOTDIR, "/".join(parts[:depth]))
                directory = child
        return directory

    def link(self, name: str, node: InMemoryNode, *, checks_quota: bool = True) -> None:
        """Make ``node`` the entry ``name``; an entry of that name is replaced."""
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
                try:
                    self._push(name)
                except OSError:  # the disk is full: an entry that cannot be lent is not stored
                    self._take_back(name, replaced)
                    raise
        finally:
            _release()

    def unlink(self, name: str, files_only: bool = False) -> bool:
        """
        Remove the entry ``name`` from this directory; open handles on it keep working.

        Return whether there was one and, with ``files_only``, whether it was a file.
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

    def add_quota(self, quota: Quota) -> None:
        """Charge all growth below this directory to ``quota`` from now on."""
        with lock:
            self.quotas = weakref.WeakSet() if self.quotas is None else self.quotas
            self.quotas.add(quota)

    def charge(self, amount: int, name: str, checks_quota: bool = True) -> None:
        """Charge bytes to the quotas of this directory and those above; ``ENOSPC`` past one."""
        directory: InMemoryDir | None = self if amount else None
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

    def snapshot(self) -> DirectoryBefore:
        """Return what `restore` takes; entries are noted there as they change."""
        return DirectoryBefore(self.created, self.accessed, self.modified, self.changed)

    def take_out(self, before: DirectoryBefore) -> None:
        """Remove the entries that are new."""
        for name, node in before.entries.items():
            if self.children.get(name) not in (None, node):
                self.unlink(name)

    def restore(self, before: DirectoryBefore) -> None:
        """Put back the entries that were removed, and the times."""
        for name, node in before.entries.items():
            if node is not None and name not in self.children:
                self._put_back(name, node)
        if before.order is not None:
            # Use a new dict, so that concurrent readers see a complete listing.
            children = self.children
            names = filter(children.__contains__, before.order)
            self.children = Entries((name, children[name]) for name in names)
        self.created, self.accessed, self.modified, self.changed = before.times

    def merge(self, older: DirectoryBefore | None, newer: DirectoryBefore) -> DirectoryBefore:
        """Return the state before both snapshots."""
        return newer if older is None else newer.merged(older)

    def _record(self, name: str, node: InMemoryNode | None) -> None:
        """Record the entry ``name`` as it is, and the node that is replaced or removed."""
        before: DirectoryBefore = record(self)
        before.entries.setdefault(name, node)
        if node is not None:
            record(cast("Recorded", node))
            before.order = before.order or tuple(self.children)

    def _put_back(self, name: str, node: InMemoryNode) -> None:
        self.charge(total_size(node), name, checks_quota=False)
        node.parent, node.name = self, name
        self.children[name] = node
        with contextlib.suppress(OSError):  # if the disk is full, the entry is not lent
            self._push(name)

    def _take_back(self, name: str, replaced: InMemoryNode | None) -> None:
        """Remove the new entry ``name``, or put back the one that it replaced, in its place."""
        if replaced is None:
            self.unlink(name)
            return
        node = self.children[name]
        self.charge(-total_size(node), name)
        node.parent = None
        self._put_back(name, replaced)

    def _push(self, name: str) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.push([*parts, name])


def split_path(path: str) -> list[str]:
    """Return the components of a path, normalized as ``os.path.normpath`` does."""
    normal = os.path.normpath(path).strip("/")
    return [] if normal in ("", ".") else normal.split("/")


def check_entry_name(name: str) -> None:
    """Raise ``ValueError`` for a name that no entry of a directory can have."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(
            f"{name!r} is not a name for an entry of a directory: it must be one component, "
            "without '/' and NUL, and not '.' or '..'."
        )


def files_below(node: InMemoryNode) -> Iterator[InMemoryFile]:
    """Yield all files below a directory, or the file itself."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if isinstance(node, InMemoryFile):
            yield node
        else:
            nodes.extend(reversed(cast("InMemoryDir", node).children.copy().values()))


def total_size(node: InMemoryNode) -> int:
    """Return the bytes of a file, or of all the files below a directory."""
    return sum(file.size for file in files_below(node))


# A node in a pickle: the number of its directory, its name, its times, and a file's content.
FlatNode: TypeAlias = tuple[int, str, tuple[float, ...], Content | None]


def _flatten(root: InMemoryNode) -> list[FlatNode]:
    """Return all nodes of a tree, each after its directory."""
    nodes: list[tuple[int, str, InMemoryNode]] = [(0, "", root)]
    for number, (_, _, node) in enumerate(nodes):  # nodes grows
        children = cast("InMemoryDir", node).children.copy()
        nodes += [(number, name, child) for name, child in children.items()]
    return [
        (
            above,
            name,
            (node.created, node.accessed, node.modified, node.changed),
            node.shared_content() if isinstance(node, InMemoryFile) else None,
        )
        for above, name, node in nodes
    ]


def _unflatten(flat: list[FlatNode]) -> InMemoryNode:
    """Return the root of a new tree."""
    nodes: list[InMemoryNode] = []
    for above, name, times, content in flat:
        node = InMemoryDir() if content is None else InMemoryFile(content)
        node.created, node.accessed, node.modified, node.changed = times
        if nodes:
            parent = cast("InMemoryDir", nodes[above])
            node.parent, node.name = parent, name
            dict.__setitem__(parent.children, name, node)
        nodes.append(node)
    return nodes[0]
