"""How names are found from a storage's location on, and the paths that they have."""

from __future__ import annotations

import contextlib
import os
from typing import Any, cast

from django.core.exceptions import SuspiciousFileOperation
from django.utils._os import safe_join

from .location import LocationMixin
from .nodes import InMemoryDir, InMemoryNode, State
from .volume import Place, look_up

# What no entry of a directory is called.
_ODD_PARTS = frozenset(("", ".", ".."))


def is_plain(name: str) -> bool:
    """Return whether ``name`` is relative and normalised, so that it is found as it stands."""
    return _ODD_PARTS.isdisjoint(name.split("/")) and "\0" not in name


class PathMixin(LocationMixin):
    """
    Find the files of a storage by their names.

    A subclass may override ``path``, where the behavior has paths; it is asked for every name then.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._has_own_path = cls.path is not PathMixin.path

    def path(self, name: str) -> str:
        """
        Return the absolute path of ``name``.

        With ``lend_paths`` the content is there, in a private directory, and what is done to it
        there is seen by the storage; the directories above it are made. Raises
        ``NotImplementedError`` for a storage that has no paths, as Django's ``Storage`` does, and
        ``SuspiciousFileOperation`` for a name outside of the location.
        """
        if self._lend_paths:
            parts = self._from_top(self._place_at(self._join(name)).parts)
            return self._borrow().lend(parts, self.file_permissions_mode)
        if self.behavior.has_paths:
            return safe_join(self.location, name)
        raise NotImplementedError(
            "This storage keeps its files in memory, where they have no paths. Read them with "
            "open(), or have the storage lend real paths: InMemoryStorage(lend_paths=True)."
        )

    def _find(self, name: str) -> InMemoryNode | None:
        """
        Return what is at ``name``, or ``None``.

        What is found as the name stands is right: no entry has a name that means anything else.
        Raises what ``FileSystemStorage.path()`` raises.
        """
        if self._epoch != State.epoch:
            return self._find_carefully(name)
        try:
            above, _, last = name.rpartition("/")
        except AttributeError:  # a Path, or what no name can be
            return self._find_carefully(name)
        directory = self._directories.get(above)
        if directory is None:
            return self._walk(name, above)
        child = directory.children.get(last)
        return self._find_carefully(name) if child is None and last in _ODD_PARTS else child

    def _walk(self, name: str, above: str) -> InMemoryNode | None:
        """Find ``name`` from the location on; keep the directory ``above`` it at hand."""
        directories = self._directories
        parent: InMemoryNode = self._base
        node = parent
        parts = name.split("/")
        for part in parts:
            child = node.children.get(part)
            if child is None:
                return None if _ODD_PARTS.isdisjoint(parts) else self._find_carefully(name)
            parent, node = node, child
        if above:  # or "/name" would be found where "name" is
            directories[above] = cast("InMemoryDir", parent)
        return node

    def _find_carefully(self, name: str) -> InMemoryNode | None:
        """Return what is at a name that means another, or while nothing is known to hold."""
        self._find_base()
        place = self._place(name)
        mirror = self._top().mirror
        if mirror is not None:
            mirror.pull(self._from_top(place.parts))
        try:
            return look_up(place, self.behavior)
        except (OSError, ValueError):
            return None

    def _node(self, name: str) -> InMemoryNode:
        """Return what is at ``name``, or raise what stat(2) raises."""
        node = self._find(name)
        return look_up(self._place(name), self.behavior) if node is None else node

    def _place(self, name: str) -> Place:
        """Return the place of ``name``; raise what ``FileSystemStorage.path()`` raises."""
        if self._has_own_path and self.behavior.has_paths:
            return self._place_at(self.path(name))
        is_at_hand = self._epoch == State.epoch or not self._has_own_location
        if is_at_hand and type(name) is str and is_plain(name):
            root, parts, location, _ = self._find_base_place()
            location = self._location_path() if self._lend_paths else location
            path = os.path.join(location, name) if self.behavior.has_paths else name
            return Place(root, [*parts, *name.split("/")], path, location)
        return self._place_at(self._join(name))

    def _place_at(self, path: str) -> Place:
        location = self._location_path()
        relative = os.path.relpath(safe_join(location, path), location).replace(os.sep, "/")
        base = self._find_base_place()
        return Place(
            base.root,
            [*base.parts, *([] if relative == "." else relative.split("/"))],
            path if self.behavior.has_paths else relative,
            location,
        )

    def _join(self, name: str) -> str:
        if self._lend_paths and os.path.isabs(name):
            # A path below the location that the project named means the file that is lent.
            named = self._named_location()
            with contextlib.suppress(SuspiciousFileOperation):
                name = os.path.relpath(safe_join(named, name), named)
        return safe_join(self._location_path(), name)

    def _relative(self, place: Place) -> str:
        """Return the name of a place, normalised and relative to the location."""
        return "/".join(place.parts[len(self._find_base_place().parts) :])

    def _handle_name(self, name: str) -> str:
        """Return what the ``name`` of an io stack says: the path, or the name as it was given."""
        return self._place(name).path if self.behavior.has_paths else os.fspath(name)

    def _file_name(self, name: str) -> str:
        """Return what the ``name`` of a ``File`` says; a path at which the file is, if lent."""
        lends = self._lend_paths and self.behavior.has_paths
        return self.path(name) if lends else self._handle_name(name)
