"""`InMemoryStorage`: Django's storage API over a `Mount`."""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.utils import validate_file_name
from django.core.signals import setting_changed
from django.utils._os import safe_join
from django.utils.deconstruct import deconstructible
from django.utils.functional import cached_property

from .behaviors import Behavior
from .content import is_whole, read_chunks, read_temporary_file, whole_content
from .exceptions import PathDoesNotExist as PathDoesNotExist
from .exceptions import os_error
from .files import StoredFile, as_datetime
from .naming import ALTERNATIVE_LENGTH, NamingMixin, is_settled
from .options import (
    check_filesystem,
    check_max_size,
    check_querystring_expire,
    find_behavior,
    refuse_unknown,
)
from .streams import parse_mode
from .transfer import draw, dump_directory, load_directory
from .tree.mount import Mount, NotCached, is_plain, shared_tree
from .tree.nodes import InMemoryDir, InMemoryFile, InMemoryNode, Listing, files_below
from .tree.posix import (
    Place,
    find_target,
    look_up,
    make_directories,
    open_file,
    remove,
    store,
)
from .urls import SignedUrlMixin

# A copy finds these again: it may have other settings, or be in another process.
_NOT_COPIED = {
    "_mount",
    "_fixed_location",
    "base_location",
    "base_url",
    "deconstruct",
    "directory_permissions_mode",
    "file_permissions_mode",
}


# A subclass that overrides one of these is asked by Django's save() itself.
_STORING_HOOKS = {"path", "_save", "_django.save"}


@deconstructible(path="inmemorystorage.InMemoryStorage")
class InMemoryStorage(NamingMixin, SignedUrlMixin):
    """
    A storage that keeps its files in memory.

    :param filesystem: the tree to keep them in; by default a new one, or one shared by location.
    :param base_url: what URLs begin with; by default MEDIA_URL.
    :param location: the path at which the files would be; by default MEDIA_ROOT. Nothing is ever
        written there.
    :param file_permissions_mode: permission bits of lent files; by default
        FILE_UPLOAD_PERMISSIONS.
    :param directory_permissions_mode: an attribute as of ``FileSystemStorage``; by default
        FILE_UPLOAD_DIRECTORY_PERMISSIONS.
    :param allow_overwrite: whether ``save()`` overwrites a file instead of choosing another name.
    :param behaves_like: ``"memory"`` (the default) or ``"filesystem"``, a row of
        `inmemorystorage.behaviors.BEHAVIORS`.
    :param max_size: bytes that all files together may have; a write past it raises ``OSError``
        with ``ENOSPC``.
    :param lend_paths: whether ``path()`` returns a real path.
    :param querystring_auth: whether ``url()`` returns signed URLs, which expire;
        `inmemorystorage.serving` refuses others.
    :param querystring_expire: seconds until a signed URL expires.

    Raises ``ImproperlyConfigured`` for a mistaken option, with the options that exist.

    The settings MEDIA_ROOT, MEDIA_URL, FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS
    and INMEMORYSTORAGE_PERSIST may change at any time. A subclass may override ``location``,
    ``base_location`` and, where the behavior has paths, ``path``: then each is called again for
    every name. The API is Django's:
    https://docs.djangoproject.com/en/stable/ref/files/storage/
    """

    _hooks = (
        "get_available_name",
        "is_name_available",
        "get_alternative_name",
        "exists",
        "path",
        "_save",
    )

    def __init__(
        self,
        filesystem: InMemoryDir | None = None,
        base_url: str | None = None,
        *,
        location: str | os.PathLike[str] | None = None,
        file_permissions_mode: int | None = None,
        directory_permissions_mode: int | None = None,
        allow_overwrite: bool = False,
        behaves_like: str | None = None,
        max_size: int | None = None,
        lend_paths: bool = False,
        querystring_auth: bool = False,
        querystring_expire: int = 3600,
        **unknown: Any,
    ) -> None:
        refuse_unknown(InMemoryStorage, unknown)
        check_filesystem(filesystem)
        check_max_size(max_size)
        check_querystring_expire(querystring_expire, "InMemoryStorage")
        self.behavior = find_behavior(behaves_like, "InMemoryStorage")
        self._filesystem = filesystem
        self._base_url = base_url
        self._location = location
        self._file_permissions_mode = file_permissions_mode
        self._directory_permissions_mode = directory_permissions_mode
        self._allow_overwrite = allow_overwrite
        self._max_size = max_size
        self._lend_paths = lend_paths
        self.querystring_auth = querystring_auth
        self.querystring_expire = querystring_expire
        self._own_tree = InMemoryDir() if filesystem is None else filesystem
        self._connect()
        if filesystem is not None:
            _refuse_trees_in_migrations()

    def _connect(self) -> None:
        """Mount the tree, and follow the settings from now on."""
        self._mount = self._new_mount()
        setting_changed.connect(self._clear_cached_properties)

    def _new_mount(self) -> Mount:
        # The mount must not refer to the storage: a circle would keep lent paths until the garbage
        # collector comes.
        tree, behavior, may_share = self._own_tree, self.behavior, self._filesystem is None

        def root() -> InMemoryDir:
            return shared_tree if may_share and _is_shared(behavior) else tree

        return Mount(behavior, self._max_size, root)

    # The settings.

    @cached_property
    def base_location(self) -> str | os.PathLike[str]:
        """Return the location as the project gave it, by default MEDIA_ROOT."""
        location: str | os.PathLike[str] = self._value_or_setting(
            self._location, settings.MEDIA_ROOT
        )
        return location

    @property
    def location(self) -> str:
        """Return the absolute path of the location; with ``lend_paths`` a real one."""
        named = self._named_location()
        if self._lend_paths and named:
            return self._mount.borrow().place(self._mount.from_top(self._parts_of(named)))
        return named

    @location.setter
    def location(self, location: str | os.PathLike[str] | None) -> None:
        # Django's StaticFilesStorage sets None if there is no STATIC_ROOT.
        self.__dict__["_fixed_location"] = location and os.fspath(location)
        self._mount.forget()  # last: another thread may be about to stand at the former location

    @location.deleter
    def location(self) -> None:
        self._forget_location()

    @cached_property
    def base_url(self) -> str | None:
        """Return what URLs begin with, with a slash at the end; ``None`` if files have no URLs."""
        return super().base_url

    @cached_property
    def file_permissions_mode(self) -> int | None:
        """Return the permission bits of files, or ``None`` to leave them to the umask."""
        mode: int | None = self._value_or_setting(
            self._file_permissions_mode, settings.FILE_UPLOAD_PERMISSIONS
        )
        return mode

    @cached_property
    def directory_permissions_mode(self) -> int | None:
        """Return the permission bits of directories, or ``None`` to leave them to the umask."""
        mode: int | None = self._value_or_setting(
            self._directory_permissions_mode, settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS
        )
        return mode

    @property
    def filesystem(self) -> InMemoryDir:
        """Return the directory of this storage's files; make it if it does not exist."""
        return self._stand() or make_directories(self._base_place(), self.behavior)

    @filesystem.setter
    def filesystem(self, filesystem: InMemoryDir) -> None:
        self._filesystem = self._own_tree = filesystem
        self._mount = self._new_mount()
        self._forget_location()

    def _clear_cached_properties(self, setting: Any, **kwargs: Any) -> None:
        super()._clear_cached_properties(setting, **kwargs)
        if setting in ("MEDIA_ROOT", "INMEMORYSTORAGE_PERSIST"):
            self._forget_location()

    def _forget_location(self) -> None:
        self.__dict__.pop("_fixed_location", None)
        self._mount.forget()

    # Django's storage API.

    def _open(self, name: str, mode: str = "rb") -> StoredFile:
        node: InMemoryNode | None = None
        if mode == "rb":
            try:
                node = self._mount.find(name)
            except NotCached:  # not in its context, or errors of the slow path would have one
                node = None
        if not isinstance(node, InMemoryFile):
            node = self._open_node(name, mode)
        elif self.behavior.opening_accesses:
            node.access()
        file = StoredFile(node, name, mode, self)
        # An override of path() may return another path later.
        if self.behavior.has_paths and type(self).path is not InMemoryStorage.path:
            file.name = self._file_name(name, lends=True)
        return file

    def _open_node(self, name: str, mode: str) -> InMemoryFile:
        """Slow path: return the file at ``name``, made, refused or truncated by ``mode``."""
        place = self._current_place(name)
        node = open_file(place, parse_mode(mode, place.path).flags, self.behavior)
        if self.behavior.opening_accesses:
            node.access()
        return node

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """
        Store ``content`` under ``name``, or under a similar name that is free; return the name.

        :param name: relative to the location; ``None`` uses the content's name.
        :param content: a ``File``, anything with ``read()``, bytes, or text (kept as UTF-8); it is
            read from its start.
        :param max_length: the most characters that the name may have.

        Raises ``SuspiciousFileOperation`` for a name outside of the location, or if ``max_length``
        leaves no room for a free name, and ``OSError`` as a disk does.
        """
        if isinstance(content, (bytes, str)):
            content = ContentFile(content, name)
        if is_settled(name) and is_whole(content):
            own = self._own_hooks()
            if own.isdisjoint(_STORING_HOOKS):
                return self._save_whole(name, content, max_length, asks=bool(own))
        # As the caller passed it, since a test may have patched Storage.save().
        limit = {} if max_length is None else {"max_length": max_length}
        return super().save(name, content, **limit)

    def _save_whole(self, name: str, content: Any, max_length: int | None, *, asks: bool) -> str:
        """
        Fast path: do what ``Storage.save()`` does with a content that is in memory.

        :param asks: whether `get_available_name` must be asked before the name is tried.
        """
        create = self._mount.create
        if not asks and (not max_length or len(name) <= max_length):
            if create(name, whole_content, content):
                return name
            if self._mount.place is None:
                self._stand()
                if create(name, whole_content, content):
                    return name
            other = None if self._allow_overwrite else self._save_other(name, content, max_length)
            if other is not None:
                return other
        name = self.get_available_name(name, max_length=max_length)
        if is_settled(name) and create(name, whole_content, content):
            return name
        validate_file_name(name, allow_relative_path=True)
        name = self._save(name, content)
        validate_file_name(name, allow_relative_path=True)
        return name

    def _save_other(self, name: str, content: Any, max_length: int | None) -> str | None:
        """
        Fast path: save under the name that `get_available_name` chooses for a taken name.

        Return the name, or ``None`` where Django's versions differ or must shorten the name.
        """
        above, slash, last = name.rpartition("/")
        root, dot, extension = last.partition(".")
        if not root or "." in extension or bool(dot) != bool(extension):
            return None
        longest = max_length or sys.maxsize
        if len(name) + ALTERNATIVE_LENGTH > longest:
            return None
        while self.exists(name):
            name = above + slash + self.get_alternative_name(root, dot + extension)
            if len(name) > longest or not is_settled(name):  # a test patches Django's method
                return None
            if self._mount.create(name, whole_content, content):
                return name
        return self._save(name, content)  # a free name whose directory cannot be cached

    def _save(self, name: str, content: Any) -> str:
        make_directories(self._place(name).parent, self.behavior)
        name, overwrite = self._settle(name)
        if hasattr(content, "temporary_file_path"):
            whole = read_temporary_file(content)
            name = self._store(name, whole, overwrite=overwrite, in_place=False)
            os.remove(content.temporary_file_path())
            return name
        chunks: list[bytes] = []
        try:
            read_chunks(content, chunks)
        except BaseException:
            if self.behavior.keeps_partial_save:
                self._store(name, b"".join(chunks), overwrite=overwrite)
            raise
        return self._store(name, b"".join(chunks), overwrite=overwrite)

    def _settle(self, name: str) -> tuple[str, bool]:
        """
        Return an available name, and whether the file at that name is overwritten.

        Called before the content is read, since some contents can be read only once.
        """
        while True:
            place = self._current_place(name)
            try:
                find_target(place, self.behavior, overwrite=self._allow_overwrite)
            except FileExistsError:
                taken, name = name, self.get_available_name(name)
                if name == taken and self._own_hooks():
                    return name, self._may_overwrite(name)
            else:
                return name, self._allow_overwrite

    def _store(self, name: str, content: bytes, *, overwrite: bool, in_place: bool = True) -> str:
        in_place = in_place and self.behavior.overwrites_in_place
        while True:
            place = self._place(name)
            try:
                store(place, content, self.behavior, overwrite=overwrite, in_place=in_place)
            except FileExistsError:
                name, overwrite = self._settle(name)
            else:
                return self._relative(place).replace("\\", "/")

    def path(self, name: str) -> str:
        """
        Return the absolute path of ``name``.

        With ``lend_paths`` the file is at that path, in a private directory, and the storage sees
        what other programs do to it; the directories above it are made. Raises
        ``NotImplementedError`` for a storage that has no paths, as Django's ``Storage`` does, and
        ``SuspiciousFileOperation`` for a name outside of the location.
        """
        if self._lend_paths:
            parts = self._mount.from_top(self._place_at(self._join(name)).parts)
            return self._mount.borrow().lend(parts, self.file_permissions_mode)
        if self.behavior.has_paths:
            return safe_join(self.location, name)
        raise NotImplementedError(
            "This storage keeps its files in memory, where they have no paths. Read them with "
            "open(), or let the storage lend real paths: InMemoryStorage(lend_paths=True)."
        )

    def delete(self, name: str) -> None:
        """
        Delete a file or a directory; do nothing if it does not exist.

        Raises ``ValueError`` for an empty name and, where the behavior does not delete trees,
        ``OSError`` for a directory that is not empty.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        if type(name) is str and self._mount.unlink(name):
            return
        with contextlib.suppress(NotCached):
            self._mount.find(name)  # caches the directory for the next call
        place = self._current_place(name)
        with contextlib.suppress(*self.behavior.delete_ignores):
            remove(place, self.behavior)

    def exists(self, name: str) -> bool:
        """Return whether a file or a directory has that name."""
        try:
            return self._mount.find(name) is not None
        except NotCached:
            pass  # so that an error of the slow path has no context
        place = self._current_place(name)
        try:
            look_up(place, self.behavior)
        except (OSError, ValueError):
            return False
        return True

    def listdir(self, path: str) -> Listing:
        """
        Return the names of the directories and of the files in a directory.

        Raises `PathDoesNotExist`, and ``NotADirectoryError`` for a file.
        """
        if path == "/" and self.behavior.slash_is_root:
            path = ""
        node = self._node(path)
        if not isinstance(node, InMemoryDir):
            raise os_error(errno.ENOTDIR, self._place(path).path)
        return node.listing()

    def size(self, name: str) -> int:
        """Return the number of bytes in a file; raise `PathDoesNotExist` if it does not exist."""
        node = self._node(name)
        if isinstance(node, InMemoryFile):
            return node.size
        if self.behavior.directory_size is None:
            raise os_error(errno.EISDIR, self._place(name).path)
        return self.behavior.directory_size

    def get_accessed_time(self, name: str) -> datetime:
        """
        Return when the file was last read; aware in UTC if USE_TZ is set.

        By default when it was last opened or read, and when a directory was last changed.
        """
        node = self._node(name)
        if self.behavior.opening_accesses and isinstance(node, InMemoryDir):
            return as_datetime(node.modified)
        return as_datetime(node.accessed)

    def get_created_time(self, name: str) -> datetime:
        """Return when the file was made; aware in UTC if USE_TZ is set."""
        node = self._node(name)
        return as_datetime(node.changed if self.behavior.created_is_changed else node.created)

    def get_modified_time(self, name: str) -> datetime:
        """Return when the file was last written; aware in UTC if USE_TZ is set."""
        return as_datetime(self._node(name).modified)

    def accessed_time(self, name: str) -> datetime:
        """Return `get_accessed_time`; dj-inmemorystorage's name for it."""
        return self.get_accessed_time(name)

    def created_time(self, name: str) -> datetime:
        """Return `get_created_time`; dj-inmemorystorage's name for it."""
        return self.get_created_time(name)

    def modified_time(self, name: str) -> datetime:
        """Return `get_modified_time`; dj-inmemorystorage's name for it."""
        return self.get_modified_time(name)

    # The files as a whole.

    def tree(self) -> str:
        """Return the tree as readable text: a line for each name, with a file's size."""
        self._mount.pull_all()
        return "\n".join([f"{self._named_location()}/", *draw(self._stand() or InMemoryDir())])

    def load(self, directory: str | os.PathLike[str]) -> list[str]:
        """
        Copy all files below a real directory into the storage; return their names.

        Files of the same name are replaced, modification times are kept. Raises ``OSError``, and
        copies nothing, if a file cannot be read or does not fit.
        """
        self._mount.pull_all()
        return load_directory(self.filesystem, Path(directory))

    def dump(self, directory: str | os.PathLike[str]) -> list[str]:
        """
        Copy all files of the storage below a real directory; return their names.

        The directory is made if it does not exist; files of the same name are replaced,
        modification times are kept. Raises ``OSError`` if a file cannot be written.
        """
        self._mount.pull_all()
        return dump_directory(self.filesystem, Path(directory))

    def __repr__(self) -> str:
        self._mount.pull_all()
        files = list(files_below(self._stand() or InMemoryDir()))
        return (
            f"<{type(self).__name__} behaves_like={self.behavior.name!r} "
            f"location={self._named_location()!r} "
            f"files={len(files)} bytes={sum(file.size for file in files)}>"
        )

    # Identity.

    @property
    def _signing_scope(self) -> str:
        place = self._base_place()
        return "\0".join([_tree_label(place.root), *place.parts])

    def __eq__(self, other: object) -> bool:
        """
        Return whether two storages have the same files at the same URLs.

        They have if they have one tree, one location in it and one base URL. Migrations do not ask:
        they compare what ``deconstruct()`` returns.
        """
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, InMemoryStorage)
        return self._shares_files(other) and self.base_url == other.base_url

    def __hash__(self) -> int:
        """Return one hash for a whole class, since storages may become equal later."""
        return hash(type(self))

    def _shares_files(self, other: InMemoryStorage) -> bool:
        if self._mount.root() is not other._mount.root():
            return False
        return self._base_place().parts == other._base_place().parts

    def __getstate__(self) -> dict[str, Any]:
        self._mount.pull_all()
        return {name: value for name, value in vars(self).items() if name not in _NOT_COPIED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._connect()
        if self._lend_paths and self._mount.mirror is not None:
            self._mount.borrow()  # the copy keeps the lent paths too

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Copying a model copies its fields and their storages, but must not copy the files.
        return copy.copy(self)

    # Locations: where the mount stands.

    def _overrides(self, *names: str) -> bool:
        """Return whether the class overrides one of these attributes of `InMemoryStorage`."""
        cls = type(self)
        return cls is not InMemoryStorage and any(
            getattr(cls, name) is not getattr(InMemoryStorage, name) for name in names
        )

    @property
    def _overrides_location(self) -> bool:
        return self._overrides("location", "base_location")

    def _named_location(self) -> str:
        """Return the absolute path of `base_location`, where nothing is ever written."""
        if self._overrides_location:
            return self._tree_path(os.path.abspath(self.base_location))
        return self._fixed_location

    @cached_property
    def _fixed_location(self) -> str:
        return self._tree_path(os.path.abspath(self.base_location))

    def _tree_location(self) -> str:
        """Return the path of the location in the tree."""
        if self._overrides_location:
            return self._tree_path(os.path.abspath(self.location))
        return self._fixed_location

    def _tree_path(self, path: str) -> str:
        # A lent path is below a private directory: so is MEDIA_ROOT in a test, and an override of
        # location that extends super().location.
        mirror = self._mount.borrow() if self._lend_paths else self._mount.mirror
        return path if mirror is None else mirror.tree_path(path)

    def _real_location(self) -> str:
        """Return `location`, without making a directory there."""
        if self._overrides_location or not self._lend_paths:
            return self.location
        parts = self._mount.from_top(self._parts_of(self._named_location()))
        return self._mount.borrow().real_path(parts)

    def _parts_of(self, location: str) -> list[str]:
        """Return the names from the root to a location; none if the tree is one location."""
        is_root = not _is_shared(self.behavior) and not self._overrides_location
        if is_root or self._filesystem is not None:
            return []
        return [part for part in location.split(os.sep) if part]

    def _base_place(self) -> Place:
        """Return the place of the location."""
        place = self._mount.place
        if place is not None:
            return place
        location = self._tree_location()
        return Place(self._mount.root(), self._parts_of(location), location)

    def _stand(self) -> InMemoryDir | None:
        """Bring the mount to the current location; return the directory there, or ``None``."""
        turn = self._mount.turn
        place = self._base_place()  # not under the lock: an override may wait for another one
        is_fixed = not self._overrides("location", "base_location", "path")
        return self._mount.stand(place, turn if is_fixed else None)

    # Names: how they are found from the location on.

    def _node(self, name: str) -> InMemoryNode:
        """Return the node at ``name``, or raise what stat(2) raises."""
        try:
            node = self._mount.find(name)
        except NotCached:
            node = None
        return look_up(self._current_place(name), self.behavior) if node is None else node

    def _current_place(self, name: str) -> Place:
        """
        Slow path: stand at the current location, and pull; return the place of ``name``.

        Raises what ``FileSystemStorage.path()`` raises.
        """
        if self._mount.place is not None:  # then no path is lent
            return self._place(name)
        self._stand()
        place = self._place(name)
        self._mount.pull(place)
        return place

    def _place(self, name: str) -> Place:
        """Return the place of ``name``; raise what ``FileSystemStorage.path()`` raises."""
        if self.behavior.has_paths and self._overrides("path"):
            return self._place_at(self.path(name))
        is_fixed = self._mount.place is not None or not self._overrides_location
        if is_fixed and type(name) is str and is_plain(name):
            base = self._base_place()
            if self._lend_paths:
                base = base._replace(path=self._real_location())
            return base.below(name, has_path=self.behavior.has_paths)
        return self._place_at(self._join(name))

    def _place_at(self, path: str) -> Place:
        location = self._real_location()
        relative = os.path.relpath(safe_join(location, path), location).replace(os.sep, "/")
        base = self._base_place()
        return Place(
            base.root,
            [*base.parts, *([] if relative == "." else relative.split("/"))],
            path if self.behavior.has_paths else relative,
            location,
        )

    def _join(self, name: str) -> str:
        if self._lend_paths and os.path.isabs(name):
            # A path below the location, as it would be on a disk, is the path of the lent file.
            named = self._tree_location()
            with contextlib.suppress(SuspiciousFileOperation):
                name = os.path.relpath(safe_join(named, name), named)
        return safe_join(self._real_location(), name)

    def _relative(self, place: Place) -> str:
        """Return the name of a place, normalized and relative to the location."""
        return "/".join(place.parts[len(self._base_place().parts) :])

    def _file_name(self, name: str, *, lends: bool) -> str:
        """Return the ``name`` of an open file; with ``lends`` a lent file is at this path."""
        if not self.behavior.has_paths:
            return os.fspath(name)
        return self.path(name) if lends and self._lend_paths else self._place(name).path


# A subclass, or an instance, may override hooks from here on.
InMemoryStorage.know_hooks()


def _is_shared(behavior: Behavior) -> bool:
    """Return whether storages with the same location have the same tree."""
    return behavior.shares_by_location or getattr(settings, "INMEMORYSTORAGE_PERSIST", False)


def _tree_label(root: InMemoryNode) -> str:
    """Return an alias with that tree, which is the same after a restart, or a unique text."""
    if root is shared_tree:
        return ""
    for alias, storage in vars(storages)["_storages"].items():
        if getattr(storage, "_own_tree", None) is root:
            return f"alias {alias}"
    return f"{id(root)} {root.created}"


def _refuse_trees_in_migrations() -> None:
    """Make the migration writer refuse a tree, since it cannot write down the files."""
    from django.db.migrations.serializer import BaseSerializer
    from django.db.migrations.writer import MigrationWriter

    class TreeSerializer(BaseSerializer):
        def serialize(self) -> NoReturn:
            raise ValueError(
                "Cannot serialize an InMemoryStorage with a given filesystem: a migration "
                "cannot hold its files. Pass the field a callable that returns the storage, "
                "FileField(storage=get_storage), or make storages share by location: "
                "InMemoryStorage(location=…, behaves_like='filesystem')."
            )

    MigrationWriter.register_serializer(InMemoryDir, TreeSerializer)
