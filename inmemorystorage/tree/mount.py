"""`Mount`: the location of one storage in a tree."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from typing import Any, cast

from ..behaviors import Behavior
from .journal import Journal, begin, lock
from .lending import Lease, TreeMirror
from .nodes import Content, InMemoryDir, InMemoryFile, InMemoryNode, Quota, State, total_size
from .posix import Place, look_up, make_directories

# The tree of all storages that share their files by location.
shared_tree = InMemoryDir()
begin()


# What no entry of a directory is called.
_ODD_PARTS = frozenset(("", ".", ".."))


def is_plain(name: str) -> bool:
    """Return whether ``name`` is relative and normalized, so that its parts name entries."""
    return _ODD_PARTS.isdisjoint(name.split("/")) and "\0" not in name


class NotCached(LookupError):
    """Raised if only the slow path can tell: the name is not normalized, or the cache is stale."""


class Mount:
    """
    A location in a tree, with a cache of the directories below it, a quota, and lent paths.

    :param behavior: how the storage behaves.
    :param max_size: bytes that all files below the location may have; ``None`` for no limit.
    :param root: returns the directory at which the tree begins now.

    `stand` sets the location. `find`, `create` and `unlink` are the fast paths: they use the
    cached location and directories until `State.epoch` changes or `forget` is called.
    """

    def __init__(
        self, behavior: Behavior, max_size: int | None, root: Callable[[], InMemoryDir]
    ) -> None:
        self.root = root
        self._behavior = behavior
        self._max_size = max_size
        self._lease: Lease | None = None
        # Set by stand(), and valid while _epoch equals State.epoch.
        self._place: Place
        self._room: int  # the most bytes in a name of which no component is too long
        self._base: InMemoryDir
        self._directories: dict[str, InMemoryDir]
        self.turn = 0
        self.forget()

    def forget(self) -> None:
        """Forget the location and its quota."""
        with lock:
            self._epoch = -1
            self.turn += 1
            self._made_at: tuple[str, int] | None = None
            self._quota: Quota | None = None

    def stand(self, place: Place, turn: int | None) -> InMemoryDir | None:
        """
        Stand at ``place``; return the directory there, or ``None`` if there is none.

        The directory is made when the mount first stands there, and again after a rollback.

        :param turn: the value of ``turn`` before the caller computed ``place``; ``None`` if the
            next operation may have another location.
        """
        epoch = State.epoch
        with lock:
            made_at = place.path, Journal.rollbacks
            if made_at != self._made_at:
                self._made_at = made_at
                with contextlib.suppress(OSError):
                    make_directories(place, self._behavior)
            base = self._directory_at(place)
            if base is None or turn != self.turn or self.mirror is not None:
                self._epoch = -1
            else:
                # A new dict: writes to the stale one are harmless.
                self._place, self._base, self._directories = place, base, {}
                above = len(os.fsencode(place.path)) + 1 if self._behavior.has_paths else 0
                self._room = min(self._behavior.path_max - 1 - above, self._behavior.name_max)
                self._epoch = epoch
            return base

    def _directory_at(self, place: Place) -> InMemoryDir | None:
        try:
            node = look_up(place, self._behavior)
        except OSError:
            return None
        if not isinstance(node, InMemoryDir):
            return None
        if self._max_size is not None and (node.quotas is None or self._quota not in node.quotas):
            self._quota = Quota(self._max_size, total_size(node))
            node.add_quota(self._quota)
        return node

    @property
    def place(self) -> Place | None:
        """Return the place of the location, or ``None`` if the cache is stale."""
        return self._place if self._epoch == State.epoch else None

    def find(self, name: str) -> InMemoryNode | None:
        """
        Return the node at ``name``, or ``None`` if nothing is there.

        Raises `NotCached` if the cache is stale, or if nothing is at a name that is not normalized.
        A node that is found by a name as it stands is the right one: no entry is called ``..``.
        """
        if self._epoch != State.epoch:
            raise NotCached
        try:
            above, _, last = name.rpartition("/")
        except AttributeError:  # a Path, or something that is not a name
            raise NotCached from None
        directory = self._directories.get(above)
        if directory is None:
            return self._walk(name, above, last)
        child = directory.children.get(last)
        if child is None and last in _ODD_PARTS:
            raise NotCached
        return child

    def _walk(self, name: str, above: str, last: str) -> InMemoryNode | None:
        """Find ``name`` from the location on, and cache the directory ``above`` it."""
        directories = self._directories
        parts = name.split("/")
        parent = self._base.find(parts[:-1])
        node = None if parent is None else parent.children.get(last)
        if node is None:
            if not _ODD_PARTS.isdisjoint(parts):
                raise NotCached
            return None
        if above:  # otherwise "/name" would be found where "name" is
            directories[above] = cast("InMemoryDir", parent)
        return node

    def create(self, name: str, read: Callable[[Any], Content], source: Any) -> bool:
        """
        Create a file at a plain name, and the directories above it.

        Return false, and read nothing, if the cache is stale, if something is there or if the name
        may be too long.

        :param read: called with ``source``, returns the content.
        """
        with lock:
            size = len(name) if name.isascii() else _encoded_size(name)
            if self._epoch != State.epoch or size > self._room:
                return False
            above, _, last = name.rpartition("/")
            parent: InMemoryNode | None = self._base
            if above:
                parent = self._directories.get(above) or self._base.find(above.split("/"))
            if parent is None:
                place = self._place.below(above, has_path=self._behavior.has_paths)
                parent = make_directories(place, self._behavior)
            if not isinstance(parent, InMemoryDir) or last in parent.children:
                return False
            if above:
                self._directories[above] = parent
            parent.link(last, InMemoryFile(read(source)))
            return True

    def unlink(self, name: str) -> bool:
        """Delete the file at ``name`` if its directory is cached; return whether it was there."""
        if self._epoch != State.epoch:
            return False
        above, _, last = name.rpartition("/")
        directory = self._directories.get(above)
        return directory is not None and directory.unlink(last, True)

    # Lending: the mirror belongs to the whole tree, of which ``root()`` may be a part.

    @property
    def top(self) -> InMemoryDir:
        """Return the root of the whole tree."""
        return cast("InMemoryDir", self.root().location()[0])

    @property
    def mirror(self) -> TreeMirror | None:
        """Return the mirror of the lent part of the tree, or ``None`` if nothing is lent."""
        return cast("TreeMirror | None", self.top.mirror)

    def borrow(self) -> TreeMirror:
        """Return the mirror of the tree, and keep it as long as this mount exists."""
        with lock:
            top = self.top
            if self._lease is None or self._lease.mirror is not top.mirror:
                self._lease = Lease(top)
            return self._lease.mirror

    def from_top(self, parts: Sequence[str]) -> list[str]:
        """Return the names from the root of the whole tree to ``parts`` below ``root()``."""
        return [*self.root().location()[1], *parts]

    def pull(self, place: Place) -> None:
        """Load into the tree what other programs did at the lent path of ``place``."""
        mirror = self.mirror
        if mirror is not None:
            mirror.pull(self.from_top(place.parts))

    def pull_all(self) -> None:
        """Load into the tree all that other programs did at lent paths."""
        mirror = self.mirror
        if mirror is not None:
            mirror.pull_all()


def _encoded_size(name: str) -> float:
    try:
        return len(os.fsencode(name))
    except UnicodeEncodeError:  # no file can have this name, which the slow path says
        return math.inf


def is_lent(path: str) -> bool:
    """Return whether storages that share by location lend files at a real path."""
    mirror = shared_tree.mirror
    return mirror is not None and mirror.tree_path(path) != path
