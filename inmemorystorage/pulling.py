"""
What was done on the disk to the lent part of a tree, taken into the tree.

A file is known to be as it was left by its inode, size and times. What is taken in takes no place
that something else has: that goes from the tree, as it went on the disk.
"""

from __future__ import annotations

import contextlib
import os
import stat
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from .nodes import InMemoryDir, InMemoryFile, InMemoryNode, find
from .private import Loans, PrivateDirectory, Signature, is_of_directory, signature


class PullingMixin:
    """Have the tree at ``_root`` agree with what is lent of it in the ``_private`` directory."""

    _root: InMemoryDir
    _private: PrivateDirectory
    _loans: Loans

    if TYPE_CHECKING:

        def _working(self) -> AbstractContextManager[bool]: ...

    def pull(self, parts: list[str]) -> None:
        """Take what was done on the disk, to a name or right below it, into the tree."""
        with self._working() as works:
            if works and self._take_along(parts):
                self._take_entries("/".join(parts))

    def pull_all(self) -> None:
        """Take all that was done on the disk into the tree."""
        with self._working() as works:
            if works and self._take(""):
                self._take_all("", frozenset())

    def _take_along(self, parts: list[str]) -> bool:
        """Take a name and the directories above it; return whether it is a directory."""
        name = "/".join(parts)
        loan = self._loans.get(name)
        if loan and loan == signature(self._private.status(name)):
            return is_of_directory(loan)  # as it was left, and so is all above it
        return (not parts or self._take_along(parts[:-1])) and self._take(name)

    def _take(self, name: str) -> bool:
        """Take one entry of the disk into the tree; return whether it is a directory."""
        loan = self._loans.get(name)
        status = self._private.status(name)
        if status is None:
            if loan is not None or name == "":
                self._take_removal(name)
            return False
        is_directory = stat.S_ISDIR(status.st_mode)
        if signature(status) != loan:
            with contextlib.suppress(FileNotFoundError):  # it is gone meanwhile
                (self._take_directory if is_directory else self._take_file)(name, status)
        return is_directory

    def _take_entries(self, name: str) -> list[str]:
        """Take what is right below a directory; return the directories among it."""
        entries = {*self._private.entries(name), *self._loans.right_below(name)}
        return [entry for entry in sorted(entries) if self._take(entry)]

    def _take_all(self, name: str, above: frozenset[Signature | None]) -> None:
        inode = self._loans.get(name)
        if inode not in above:  # or a symbolic link leads in a circle
            for directory in self._take_entries(name):
                self._take_all(directory, above | {inode})

    def _take_file(self, name: str, status: os.stat_result) -> None:
        loan = self._loans.get(name)
        signed = self._private.sign(name, status.st_mtime_ns)
        content = self._private.read(name)  # after it is signed: who writes now is seen next
        node = self._node(name)
        if isinstance(node, InMemoryFile) and loan and loan[0] == signed[0]:
            node.replace(content, checks_quota=False)
        else:
            node = InMemoryFile(content)
            self._link(name, node)
        node.modified, node.changed = status.st_mtime, status.st_ctime
        self._loans[name] = signed

    def _take_directory(self, name: str, status: os.stat_result) -> None:
        if self._loans.get(name) is not None:
            self._take_removal(name)
        self._loans[name] = signature(status)
        if not isinstance(self._node(name), InMemoryDir):
            self._link(name, InMemoryDir())

    def _link(self, name: str, node: InMemoryNode) -> None:
        """Put a node into the tree; what has its name goes, as it went on the disk."""
        above, _, entry = name.rpartition("/")
        parent = self._node(above)
        assert isinstance(parent, InMemoryDir)  # what is above was taken, or made, before
        parent.link(entry, node, checks_quota=False)

    def _take_removal(self, name: str) -> None:
        for lent in reversed(self._loans.below(name)):
            self._unlink(lent)
        self._unlink(name)
        if name == "":
            for child in list(self._root.children):
                self._root.unlink(child)
            self._private.make_directory("")

    def _unlink(self, name: str) -> None:
        """Take a name that is gone from the disk out of the tree, with what was lent of it."""
        loan, self._loans[name] = self._loans.get(name), None
        node = self._node(name)
        if node is None or node.parent is None or loan is None:
            return
        if not node.children or name in self._loans.places or self._loans.is_asked(name):
            node.parent.unlink(node.name)

    def _node(self, name: str) -> InMemoryNode | None:
        return find(self._root, name.split("/") if name else [])
