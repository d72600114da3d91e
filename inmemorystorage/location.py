"""Where a storage stands: in which tree, at which location, and how names are found from there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any, cast

from django.core.signals import setting_changed
from django.utils._os import safe_join
from django.utils.functional import cached_property

from .configuration import SettingsMixin
from .lending import TreeMirror, lend_from
from .nodes import InMemoryDir, InMemoryNode, Quota, State, lock, total_size
from .volume import Place, look_up, make_directories

# What the storages stand on that share files by their location.
disk = InMemoryDir()


_ODD_PARTS = frozenset(("", ".", ".."))


def is_plain(name: str) -> bool:
    """Return whether ``name`` is relative and normalised, so that it is found as it stands."""
    return _ODD_PARTS.isdisjoint(name.split("/")) and "\0" not in name


class LocationMixin(SettingsMixin):
    """
    Find the files of a storage in its tree, and follow the settings that say where that is.

    A subclass may override ``location`` or ``base_location`` by a property whose value changes
    from call to call, and ``path``: each is asked anew for every name then.
    """

    _filesystem: InMemoryDir | None
    _own_tree: InMemoryDir
    _max_size: int | None
    _lend_paths: bool

    _has_own_location = False
    _has_own_path = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._has_own_path = cls.path is not LocationMixin.path
        cls._has_own_location = (
            cls.location is not LocationMixin.location
            or cls.base_location is not LocationMixin.base_location
        )

    def _connect(self) -> None:
        """Follow the settings from now on."""
        self._made_at: str | None = None
        self._forget_location()
        setting_changed.connect(self._clear_cached_properties)

    def _forget_location(self) -> None:
        self._epoch = -1
        self._mirror: TreeMirror | None = None
        self.__dict__.pop("_named_location", None)

    def _clear_cached_properties(self, setting: Any, **kwargs: Any) -> None:
        super()._clear_cached_properties(setting, **kwargs)
        if setting in ("MEDIA_ROOT", "INMEMORYSTORAGE_PERSIST"):
            self._forget_location()

    @property
    def location(self) -> str:
        """Return the absolute path of the location; with ``lend_paths`` that of a real one."""
        if self._lend_paths:
            return self._borrow().place(self._parts_from_top())
        return self._tree_location

    @property
    def _tree_location(self) -> str:
        if self._has_own_location:
            return os.path.abspath(self.base_location if self._lend_paths else self.location)
        return self._named_location

    @cached_property
    def _named_location(self) -> str:
        return os.path.abspath(self.base_location)

    def path(self, name: str) -> str:
        """
        Return the absolute path of ``name``.

        With ``lend_paths`` the content is there, in a private directory, and what is done to it
        there is seen by the storage; the directories above it are made. Raises
        ``NotImplementedError`` for a storage that has no paths, as Django's ``Storage`` does, and
        ``SuspiciousFileOperation`` for a name outside of the location.
        """
        if self._lend_paths:
            place = self._place_at(safe_join(self.location, name))
            parts = self._parts_from_top(place.parts[len(self._root_parts) :])
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
        if self._epoch != State.epoch or type(name) is not str:
            return self._find_carefully(name)
        parts = name.split("/")
        node: InMemoryNode = self._base
        for part in parts:
            child = node.children.get(part)
            if child is None:
                is_plain = _ODD_PARTS.isdisjoint(parts) and "\0" not in name
                return None if is_plain else self._find_carefully(name)
            node = child
        return node

    def _find_carefully(self, name: str) -> InMemoryNode | None:
        """Return what is at a name that means another, or while nothing is known to hold."""
        place = self._place(name)
        mirror = self._top().mirror
        if mirror is not None:
            mirror.pull([*self._root.location()[1], *place.parts])
        try:
            return look_up(place, self.behavior)
        except (OSError, ValueError):
            return None

    def _place(self, name: str) -> Place:
        """Return the place of ``name``; raise what ``FileSystemStorage.path()`` raises."""
        return self._place_at(
            self.path(name) if self._has_own_path else safe_join(self.location, name)
        )

    def _place_at(self, path: str) -> Place:
        if self._epoch != State.epoch:
            self._find_base()
        relative = os.path.relpath(path, self.location).replace(os.sep, "/")
        parts = [] if relative == "." else relative.split("/")
        return Place(
            self._root, [*self._root_parts, *parts], path if self.behavior.has_paths else relative
        )

    def _parts_from_top(self, parts: Sequence[str] = ()) -> list[str]:
        self._find_base()
        return [*self._root.location()[1], *self._root_parts, *parts]

    def _borrow(self) -> TreeMirror:
        with lock:
            if self._mirror is None:
                self._find_base()
                self._mirror = lend_from(self._top(), self)
            return self._mirror

    def _find_base(self) -> InMemoryDir:
        """Return the directory at the location, made when it is first asked for."""
        with lock:
            epoch = State.epoch
            self._root, self._root_parts = self._tree()
            location = self._tree_location
            place = Place(self._root, self._root_parts, location)
            if location != self._made_at:
                self._made_at = location
                with contextlib.suppress(OSError):
                    make_directories(place, self.behavior)
            self._base = self._directory_at(place)
            is_there = self._base.parent is not None or self._base is self._root
            asks_anew = self._has_own_location or self._has_own_path or self._top().mirror
            self._epoch = epoch if is_there and not asks_anew else -1
            return self._base

    def _top(self) -> InMemoryDir:
        """Return the root of the whole tree, of which this storage may have a part."""
        return cast("InMemoryDir", self._root.location()[0])

    def _tree(self) -> tuple[InMemoryDir, list[str]]:
        if self._filesystem is None and self._is_shared():
            return disk, [part for part in self._tree_location.split(os.sep) if part]
        return self._own_tree, []

    def _directory_at(self, place: Place) -> InMemoryDir:
        try:
            node = look_up(place, self.behavior)
        except OSError:
            return InMemoryDir()
        if not isinstance(node, InMemoryDir):
            return InMemoryDir()
        self._limit(node)
        return node

    def _limit(self, directory: InMemoryDir) -> None:
        if self._max_size is None:
            return
        if directory.quota is None:
            directory.quota = Quota(self._max_size, total_size(directory))
        directory.quota.limit = self._max_size
