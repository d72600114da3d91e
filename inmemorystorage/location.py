"""Where a storage stands: in which tree, and at which location in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any, cast

from django.core.signals import setting_changed
from django.utils.functional import cached_property

from .configuration import SettingsMixin
from .journal import Journal, lock
from .lending import Lease, TreeMirror
from .nodes import InMemoryDir, Quota, State, total_size
from .volume import Place, look_up, make_directories

# What the storages stand on that share files by their location.
disk = InMemoryDir()


class LocationMixin(SettingsMixin):
    """
    Know the directory in which a storage has its files, and follow the settings that say so.

    A subclass may override ``location`` or ``base_location`` by a property whose value changes
    from call to call; it is asked anew for every name then.
    """

    _filesystem: InMemoryDir | None
    _own_tree: InMemoryDir
    _max_size: int | None
    _lend_paths: bool
    # The directory at the location, and those below that have been found by their names: they
    # hold while State.epoch is _epoch. Who fills an old dict does no harm to the new one.
    _base: InMemoryDir
    _base_place: Place
    _directories: dict[str, InMemoryDir]

    _has_own_location = False
    _has_own_path = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._has_own_location = (
            cls.location is not LocationMixin.location
            or cls.base_location is not LocationMixin.base_location
        )

    def _connect(self) -> None:
        """Follow the settings from now on."""
        self._lease: Lease | None = None
        self._forgotten = 0
        self._forget_location()
        setting_changed.connect(self._clear_cached_properties)

    def _forget_location(self) -> None:
        with lock:
            self._epoch = -1
            self._forgotten += 1
            self._made_at: tuple[str, int] | None = None
            self._quota: Quota | None = None
            self.__dict__.pop("_fixed_location", None)

    def _clear_cached_properties(self, setting: Any, **kwargs: Any) -> None:
        if not isinstance(self, LocationMixin):  # but for now a storage of another class
            return
        super()._clear_cached_properties(setting, **kwargs)
        if setting in ("MEDIA_ROOT", "INMEMORYSTORAGE_PERSIST"):
            self._forget_location()

    @property
    def filesystem(self) -> InMemoryDir:
        """Return the directory in which this storage has its files, made if it is not there."""
        return self._find_base() or make_directories(self._find_base_place(), self.behavior)

    @filesystem.setter
    def filesystem(self, filesystem: InMemoryDir) -> None:
        self._filesystem = self._own_tree = filesystem
        self._forget_location()

    @property
    def location(self) -> str:
        """Return the absolute path of the location; with ``lend_paths`` that of a real one."""
        named = self._named_location()
        if self._lend_paths and named:
            return self._borrow().place(self._from_top(self._parts_of(named)))
        return named

    @location.setter
    def location(self, location: str | os.PathLike[str] | None) -> None:
        self._forget_location()
        # Django's StaticFilesStorage sets None where there is no STATIC_ROOT.
        self.__dict__["_fixed_location"] = location and os.fspath(location)

    @location.deleter
    def location(self) -> None:
        self._forget_location()

    def _location_path(self) -> str:
        """Return `location`, at which nothing needs to be yet."""
        if self._has_own_location or not self._lend_paths:
            return self.location
        return self._borrow().real_path(self._from_top(self._parts_of(self._named_location())))

    def _named_location(self) -> str:
        """Return the absolute path that the project named, where nothing is ever written."""
        return (
            os.path.abspath(self.base_location) if self._has_own_location else self._fixed_location
        )

    @cached_property
    def _fixed_location(self) -> str:
        return self._tree_path(os.path.abspath(self.base_location))

    def _tree_location(self) -> str:
        """Return the path of the location in the tree."""
        if not self._has_own_location:
            return self._fixed_location
        return self._tree_path(os.path.abspath(self.location))

    def _tree_path(self, path: str) -> str:
        # What is lent is below a private directory: so is MEDIA_ROOT in a test, and an override
        # of location that goes on from super().location.
        mirror = self._borrow() if self._lend_paths else self._top().mirror
        return path if mirror is None else mirror.tree_path(path)

    def _parts_of(self, location: str) -> list[str]:
        """Return the names that lead from the root to a location; a tree of its own is one."""
        is_root = not self._is_shared() and not self._has_own_location
        if is_root or self._filesystem is not None:
            return []
        return [part for part in location.split(os.sep) if part]

    @property
    def _root(self) -> InMemoryDir:
        is_on_disk = self._filesystem is None and self._is_shared()
        return disk if is_on_disk else self._own_tree

    def _top(self) -> InMemoryDir:
        """Return the root of the whole tree, of which a given ``filesystem`` may be a part."""
        return cast("InMemoryDir", self._root.location()[0])

    def _from_top(self, parts: Sequence[str]) -> list[str]:
        return [*self._root.location()[1], *parts]

    def _borrow(self) -> TreeMirror:
        with lock:
            top = self._top()
            if self._lease is None or self._lease.mirror is not top.mirror:
                self._lease = Lease(top)
            return self._lease.mirror

    def _pull_all(self) -> None:
        mirror = self._top().mirror
        if mirror is not None:
            mirror.pull_all()

    def _find_base_place(self) -> Place:
        """Return the place of the location."""
        if self._epoch == State.epoch:
            return self._base_place
        location = self._tree_location()
        return Place(self._root, self._parts_of(location), location)

    def _find_base(self) -> InMemoryDir | None:
        """Return the directory at the location, made when it is first asked for, or ``None``."""
        epoch, forgotten = State.epoch, self._forgotten
        place = self._find_base_place()  # not under the lock: a subclass may be asked
        asks_anew = self._has_own_location or self._has_own_path
        with lock:
            made_at = place.path, Journal.rollbacks  # one may have taken it away
            if made_at != self._made_at:
                self._made_at = made_at
                with contextlib.suppress(OSError):
                    make_directories(place, self.behavior)
            base = self._directory_at(place)
            if base is not None:
                self._base_place, self._base, self._directories = place, base, {}
            is_known = base is not None and forgotten == self._forgotten
            can_change = asks_anew or self._top().mirror is not None
            self._epoch = epoch if is_known and not can_change else -1
            return base

    def _directory_at(self, place: Place) -> InMemoryDir | None:
        try:
            node = look_up(place, self.behavior)
        except OSError:
            return None
        if not isinstance(node, InMemoryDir):
            return None
        if self._max_size is not None and (node.quotas is None or self._quota not in node.quotas):
            self._quota = Quota(self._max_size, total_size(node))
            node.add_quota(self._quota)
        return node


def is_lent(path: str) -> bool:
    """Return whether a real path is one at which storages that share by location lend files."""
    mirror = disk.mirror
    return mirror is not None and mirror.tree_path(path) != path
