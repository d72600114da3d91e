"""
What all nodes share: times, the way up, quotas and mirrors.

Threads: every change of any tree happens under the journal's one `lock`; lookups and whole
reads take none. A lookup is a chain of ``dict.get`` calls and a whole read is one attribute read of
an immutable ``bytes`` object; each of these is atomic by itself, under the global interpreter lock
and, by CPython's own per-object locks, on the free-threaded interpreter. So a reader sees the state
before a change or the state after it: a node is complete before it is linked, content is swapped by
one assignment, and a listing starts from one atomic copy of the dict. Only content that is being
written in place (a ``BytesIO``) is read under the lock.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .directory import InMemoryDir


class Mirror(Protocol):
    """What keeps a part of a tree on a disk as well; the root of the tree has it as ``mirror``."""

    def tree_path(self, path: str) -> str: ...

    def pull(self, parts: list[str]) -> None: ...

    def push(self, parts: list[str]) -> None: ...

    def push_bytes(self, parts: list[str], position: int, data: bytes | memoryview) -> None: ...

    def pull_all(self) -> None: ...


class State:
    """
    What every operation asks of the whole process, so that the usual answer costs nothing.

    ``epoch`` goes up when a directory leaves its tree and when a `Mirror` comes or goes, so that
    who keeps a directory at hand knows when to look again. ``mirrors`` counts the roots that have
    a `Mirror`, ``quotas`` the directories that have had a `Quota`.
    """

    epoch = 0
    mirrors = 0
    quotas = 0


class Quota:
    """
    How many bytes the files below a directory may have, and have.

    A directory knows its quotas as long as somebody else keeps them.
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
    children: Mapping[str, InMemoryNode]

    def __init__(self, parent: InMemoryDir | None = None, name: str | None = None) -> None:
        self.parent = parent
        self.name = name or ""
        self.created = self.accessed = self.modified = self.changed = time.time()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"

    def _touch(self) -> None:
        self.modified = self.changed = time.time()

    def location(self) -> tuple[InMemoryNode, list[str]]:
        """Return the root of the tree that this node is in, and the names from there to it."""
        parts: list[str] = []
        node: InMemoryNode = self
        while node.parent is not None:
            parts.append(node.name)
            node = node.parent
        return node, parts[::-1]

    def _mirror(self) -> tuple[Mirror | None, list[str]]:
        root, parts = self.location()
        return getattr(root, "mirror", None), parts

    def _pull(self) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.pull(parts)
