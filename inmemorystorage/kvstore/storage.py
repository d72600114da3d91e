"""`KeyValueStorage`: files on a key-value store, which several processes share."""

from __future__ import annotations

import errno
import math
import os
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.deconstruct import deconstructible

from ..exceptions import os_error
from ..files import as_datetime
from ..options import check_querystring_expire, find_behavior
from ..urls import SignedUrlMixin
from .connections import backend_for
from .files.contents import Contents
from .files.drafts import Draft
from .files.engine import Engine
from .files.handles import StoredFile
from .files.names import Name, normal, resolve
from .files.reading import ContentIO
from .files.records import Kind
from .files.saving import SavingMixin
from .files.tree import Tree
from .store import KeyValueStore
from .uri import MaskedUri, parse, without_credentials

_MEBIBYTE = 1024 * 1024


@deconstructible
class _Deconstructible:
    """What remembers the call that made it."""


class KeyValueStorage(_Deconstructible, SavingMixin, SignedUrlMixin):
    """
    A storage that keeps its files on a key-value store: all processes that reach it share them.

    :param uri: the store's, as `get_kvstore` takes it. Its ``namespace`` is the storage's too.
    :param location: the directory of the store in which the files are.
    :param base_url: what URLs begin with; by default MEDIA_URL.
    :param ttl: seconds after which a file is gone; ``None``: it stays.
    :param chunk_size: bytes up to which a content is kept with its name, and into which a longer
        one is cut. An engine may take less.
    :param behaves_like: a row of `inmemorystorage.behaviors.BEHAVIORS`, for what happens to names
        and directories; by default ``"memory"``.
    :param allow_overwrite: whether ``save()`` writes over a file instead of choosing another name.
    :param querystring_auth: whether ``url()`` answers with signed URLs, which expire;
        `inmemorystorage.serving` refuses others.
    :param querystring_expire: seconds for which a signed URL is good.

    Raises ``ImproperlyConfigured`` for a mistaken option, and for a store that cannot keep entries.

    Every operation raises ``OSError`` that names the file where the store does not answer or
    refuses, and where it has lost a part of a content. The API is Django's:
    https://docs.djangoproject.com/en/stable/ref/files/storage/
    """

    def __init__(
        self,
        uri: str,
        *,
        location: str | os.PathLike[str] = "",
        base_url: str | None = None,
        ttl: float | None = None,
        chunk_size: int = _MEBIBYTE,
        behaves_like: str | None = None,
        allow_overwrite: bool = False,
        querystring_auth: bool = False,
        querystring_expire: int = 3600,
    ) -> None:
        uri = MaskedUri(uri)
        _check(uri, location, ttl, chunk_size)
        check_querystring_expire(querystring_expire, "KeyValueStorage")
        self._options = (
            *(uri, location, base_url, ttl, chunk_size, behaves_like, allow_overwrite),
            *(querystring_auth, querystring_expire),
        )
        self.querystring_auth = querystring_auth
        self.querystring_expire = querystring_expire
        self._allow_overwrite = allow_overwrite
        self._base_url = base_url
        self.behavior = find_behavior(behaves_like, "KeyValueStorage")
        engine = Engine(uri)
        self._contents = Contents(engine, chunk_size, ttl)
        self._tree = Tree(engine, self._contents, self.behavior)
        self._top = normal(os.fspath(location))
        # When this storage has last looked for what is over.
        self._done: dict[str | None, float] = {}

    @property
    def uri(self) -> str:
        """Return the store's URI, with credentials if it has any."""
        return self._options[0]

    @property
    def location(self) -> str:
        """Return the directory of the store in which the files are."""
        return self._top

    def _resolve(self, name: str | os.PathLike[str]) -> Name:
        return resolve(self._top, name, self.behavior)

    def _open(self, name: str, mode: str = "rb") -> StoredFile:
        return StoredFile(self, name, os.fspath(name), mode)

    def _content(self, name: str) -> ContentIO:
        """Return the content of a file, to be read."""
        resolved = self._resolve(name)
        found = self._tree.look_up(resolved, body=True)
        if found.record.kind is not Kind.FILE:
            raise os_error(errno.EISDIR, resolved.text)
        return self._tree.content(resolved, found, os.fspath(name))

    def _draft(self, name: str) -> Draft:
        """Return a file to be changed."""
        return Draft(self._tree, self._contents, self.behavior, lambda: self._resolve(name))

    def delete(self, name: str) -> None:
        """
        Delete the file, or the directory as the behavior has it; silent where there is none.

        Raises ``ValueError`` for an empty name.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        try:
            self._tree.delete(self._resolve(name))
        except self.behavior.delete_ignores:
            return

    def exists(self, name: str) -> bool:
        """Return whether there is a file or a directory of that name."""
        found = self._find(name)
        return found is not None and found.is_there

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """
        Return the names of the directories and of the files in a directory, in one scan.

        Raises `PathDoesNotExist`, ``NotADirectoryError`` for a file, and ``NotImplementedError``
        where the engine cannot list.
        """
        return self._tree.names(self._resolve(path))

    def size(self, name: str) -> int:
        """Return the number of bytes of a file; raise `PathDoesNotExist` where there is none."""
        resolved = self._resolve(name)
        record = self._tree.look_up(resolved).record
        if record.kind is Kind.FILE:
            return record.size
        if self.behavior.directory_size is None:
            raise os_error(errno.EISDIR, resolved.text)
        return self.behavior.directory_size

    def get_accessed_time(self, name: str) -> datetime:
        """Return when the file was last written: reading it leaves no trace."""
        return self.get_modified_time(name)

    def get_created_time(self, name: str) -> datetime:
        """Return when the file was made; aware in UTC if USE_TZ is set."""
        record = self._tree.look_up(self._resolve(name)).record
        is_changed = self.behavior.created_is_changed
        return as_datetime(record.modified if is_changed else record.created)

    def get_modified_time(self, name: str) -> datetime:
        """Return when the file was last written; aware in UTC if USE_TZ is set."""
        return as_datetime(self._tree.look_up(self._resolve(name)).record.modified)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return what a migration writes down: the call that made it, without credentials."""
        path, positional, options = super().deconstruct()  # type: ignore[misc]
        if type(self) is KeyValueStorage:
            path = "inmemorystorage.kvstore.KeyValueStorage"
        named = dict(zip(["uri"], positional, strict=False)) | options
        return path, (), named | {"uri": without_credentials(named["uri"])}

    def __eq__(self, other: object) -> bool:
        """Return whether two storages were made by the same call."""
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, KeyValueStorage)
        return self._options == other._options

    def __hash__(self) -> int:
        return hash(self._options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {parse(self.uri)}>"


KeyValueStorage.know_hooks()


def _check(uri: str, location: object, ttl: object, chunk_size: object) -> None:
    is_number = type(ttl) in (int, float) and 0 < cast("float", ttl) < math.inf
    if not (ttl is None or is_number):
        raise ImproperlyConfigured(
            f"KeyValueStorage cannot have ttl={ttl!r}: it is a number of seconds, more than 0, or "
            "None for files that stay."
        )
    if type(chunk_size) is not int or chunk_size < 1:
        raise ImproperlyConfigured(
            f"KeyValueStorage cannot have chunk_size={chunk_size!r}: it is a number of bytes, at "
            "least 1."
        )
    if not isinstance(location, (str, os.PathLike)):
        raise ImproperlyConfigured(
            f"KeyValueStorage cannot have location={location!r}: it is the name of a directory of "
            "the store, '' for all of it."
        )
    KeyValueStore(uri)  # which says what is wrong in a URI, with or without files
    if not backend_for(uri).has_entries:
        raise ImproperlyConfigured(
            f"{parse(uri)} cannot keep files: its engine has no entries for a directory. Use "
            "redis://, db://, dynamodb://, memcached:// or locmem://."
        )
