"""`InMemoryStorage`: the tree behind Django's storage API."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from typing import Any

from django.utils.deconstruct import deconstructible

from .exceptions import PathDoesNotExist as PathDoesNotExist
from .exceptions import os_error
from .files import StoredFile, as_datetime
from .handles import parse_mode
from .identity import IdentityMixin, refuse_in_migrations
from .nodes import InMemoryDir, InMemoryFile, Listing, State
from .options import (
    check_filesystem,
    check_max_size,
    check_querystring_expire,
    find_behavior,
    refuse_unknown,
)
from .saving import SavingMixin
from .transfer import TransferMixin
from .volume import open_file, remove


@deconstructible(path="inmemorystorage.InMemoryStorage")
class InMemoryStorage(IdentityMixin, TransferMixin, SavingMixin):
    """
    A storage that keeps its files in memory.

    :param filesystem: a tree to stand on; by default one of its own, or one shared by location.
    :param base_url: what URLs begin with; by default MEDIA_URL.
    :param location: the path at which the files would be; by default MEDIA_ROOT. Nothing is ever
        written there.
    :param file_permissions_mode: permission bits of files whose paths are lent; by default
        FILE_UPLOAD_PERMISSIONS.
    :param directory_permissions_mode: kept and answered as ``FileSystemStorage`` does; by default
        FILE_UPLOAD_DIRECTORY_PERMISSIONS.
    :param allow_overwrite: whether ``save()`` writes over a file instead of choosing another name.
    :param behaves_like: ``"memory"`` (the default) or ``"filesystem"``, a row of
        `inmemorystorage.behaviors.BEHAVIORS`.
    :param max_size: bytes that all files together may have; a write past it raises ``OSError``
        with ``ENOSPC``.
    :param lend_paths: whether ``path()`` answers with a real path.
    :param querystring_auth: whether ``url()`` answers with signed URLs, which expire;
        `inmemorystorage.serving` refuses others.
    :param querystring_expire: seconds for which a signed URL is good.

    Raises ``ImproperlyConfigured`` for a mistaken option, with those that there are.

    The settings MEDIA_ROOT, MEDIA_URL, FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS
    and INMEMORYSTORAGE_PERSIST are followed while they change. The API is Django's:
    https://docs.djangoproject.com/en/stable/ref/files/storage/
    """

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
            refuse_in_migrations()

    def _open(self, name: str, mode: str = "rb") -> StoredFile:
        return StoredFile(self, name, self._open_node(name, mode), mode)

    def _open_node(self, name: str, mode: str) -> InMemoryFile:
        """Return the file to be opened, made, refused or truncated as ``mode`` says."""
        node = self._find(name)
        if mode == "rb" and isinstance(node, InMemoryFile):
            return node
        place = self._place(name)
        return open_file(place, parse_mode(mode, place.path).flags, self.behavior)

    def delete(self, name: str) -> None:
        """
        Delete the file, or the directory; silent where there is none.

        Raises ``ValueError`` for an empty name, and what the behavior's row says for a directory
        that is not empty.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        if self._epoch == State.epoch and type(name) is str:
            above, _, last = name.rpartition("/")
            directory = self._directories.get(above)
            if directory is not None and directory.unlink(last, True):
                return
        self._find(name)
        try:
            remove(self._place(name), self.behavior)
        except self.behavior.delete_ignores:
            return

    def exists(self, name: str) -> bool:
        """Return whether there is a file or a directory of that name."""
        return self._find(name) is not None

    def listdir(self, path: str) -> Listing:
        """
        Return the names of the directories and of the files in a directory.

        Raises `PathDoesNotExist`, and ``NotADirectoryError`` for a file.
        """
        node = self._node(path)
        if not isinstance(node, InMemoryDir):
            raise os_error(errno.ENOTDIR, self._place(path).path)
        return node.listing()

    def size(self, name: str) -> int:
        """Return the number of bytes of a file; raise `PathDoesNotExist` where there is none."""
        node = self._node(name)
        if isinstance(node, InMemoryFile):
            return node.size
        if self.behavior.directory_size is None:
            raise os_error(errno.EISDIR, self._place(name).path)
        return self.behavior.directory_size

    def get_accessed_time(self, name: str) -> datetime:
        """Return when the file was last read; aware in UTC if USE_TZ is set."""
        return as_datetime(self._node(name).accessed)

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


# What a subclass, or an instance, may have of its own.
InMemoryStorage.know_hooks()
