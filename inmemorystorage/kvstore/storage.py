"""`KeyValueStorage`: files on a key-value store, which several processes share."""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeAlias, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.files import File
from django.core.files.base import ContentFile
from django.utils.deconstruct import deconstructible

from ..exceptions import os_error
from ..files import as_datetime
from ..naming import ALTERNATIVE_LENGTH, NamingMixin
from ..options import check_querystring_expire, find_behavior
from ..streams import MemoryIO, parse_mode, stack
from ..urls import SignedUrlMixin
from .connections import backend_for
from .files.chunks import Chunk, ChunkedUpload, ContentStore, pieces_of
from .files.entries import EntryStore, Found, Kind, Record
from .files.orphans import LEASE
from .files.tree import Name, Tree, normalize_location, resolve
from .files.writing import WriteBuffer
from .store import KeyValueStore
from .uri import MaskedUri, parse, without_credentials

_Device: TypeAlias = "MemoryIO | WriteBuffer"

_MEBIBYTE = 1024 * 1024
# Bytes of a handle's buffer: more than Python's own, for a chunk is far away.
_BUFFER = 64 * 1024
# The components that normalizing takes out of a name.
_ODD_PARTS = frozenset(("", ".", ".."))
# Seconds after which a claimed name is free again if its upload was killed and nothing sweeps.
_CLAIMED = 24 * LEASE
# Directories whose last sweep is remembered.
_REMEMBERED = 1000


class KeyValueFile(File):  # type: ignore[type-arg]
    """
    A ``django.core.files.File`` on a new handle.

    :param device: the open file.
    :param stored_name: its name in the storage.
    :param mode: how it was opened.
    :param reopen: returns the file with a stored name, opened again with arguments of ``open()``;
        raises ``ValueError`` if there is none.
    """

    def __init__(
        self, device: _Device, stored_name: str, mode: str, reopen: Callable[..., _Device]
    ) -> None:
        self.name: str = os.fspath(stored_name)
        self._stored_name = stored_name
        self._reopen = reopen
        self._begin(device, mode)

    def _begin(self, device: _Device, mode: str, *args: Any, **kwargs: Any) -> None:
        try:
            self.file: Any = stack(device, mode, _BUFFER, *args, **kwargs)
        except BaseException:
            device.close()
            raise
        self.mode = self.file.mode
        self._device = device
        self._size: int | None = None

    @property
    def size(self) -> int:
        """Return the number of bytes, with those written through this handle."""
        if self._size is not None:
            return self._size
        if isinstance(self._device, WriteBuffer):
            self.file.flush()
        return self._device.size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> KeyValueFile:
        """
        Rewind the handle, or open the file again if it is closed.

        The arguments are those of ``open()`` without an opener; as by Django's ``File``, they are
        ignored if the handle is open. Raises ``ValueError`` if the file is closed and no longer in
        the storage.
        """
        if not self.closed:
            self.seek(0)
            return self
        mode = mode or self.mode
        device = self._reopen(self._stored_name, mode, *args, **kwargs)
        self._begin(device, mode, *args, **kwargs)
        return self

    def flush(self) -> None:
        """Store what was written through this handle; raise ``OSError`` if the store fails."""
        self.file.flush()
        self._device.flush()


@deconstructible
class _Deconstructible:
    """Record the call that made a storage."""


class KeyValueStorage(_Deconstructible, NamingMixin, SignedUrlMixin):
    """
    Keep files on a key-value store, which several processes share.

    :param uri: of the store, as `get_kvstore` takes it; its ``namespace`` keeps files apart, too.
    :param location: the directory of the store that has the files.
    :param base_url: what URLs begin with; by default MEDIA_URL.
    :param ttl: seconds after which a file expires; ``None`` for never.
    :param chunk_size: bytes of a chunk; a longer content is stored in several. The store may have
        a lower limit.
    :param behaves_like: a row of `inmemorystorage.behaviors.BEHAVIORS`, for names and directories;
        by default ``"memory"``.
    :param allow_overwrite: whether ``save()`` overwrites a file instead of choosing another name.
    :param querystring_auth: whether ``url()`` returns signed URLs, which expire;
        `inmemorystorage.serving` then refuses others.
    :param querystring_expire: seconds until a signed URL expires.

    Raises ``ImproperlyConfigured`` for a mistaken option, and for a store that has no entries.

    Every operation raises ``OSError`` with the file's name if the store fails, or has lost a part
    of its content. The API is Django's: https://docs.djangoproject.com/en/stable/ref/files/storage/
    """

    _hooks = (
        "get_available_name",
        "is_name_available",
        "get_alternative_name",
        "exists",
        "_is_taken",
        "_save",
    )

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
        self._contents = ContentStore(EntryStore(uri), chunk_size, ttl)
        self._tree = Tree(self._contents, self.behavior)
        self._location = normalize_location(os.fspath(location))
        # When this storage last swept each directory, and the orphans (None).
        self._swept: dict[str | None, float] = {}

    @property
    def uri(self) -> str:
        """Return the URI of the store, with its credentials."""
        return self._options[0]

    @property
    def location(self) -> str:
        """Return the directory of the store that has the files."""
        return self._location

    @property
    def _signing_scope(self) -> str:
        return f"{without_credentials(self.uri)} {self._location}"

    def _resolve(self, name: str | os.PathLike[str]) -> Name:
        return resolve(self._location, name, self.behavior)

    def _open(self, name: str, mode: str = "rb") -> KeyValueFile:
        return KeyValueFile(self._open_device(name, mode), name, mode, self._reopen_device)

    def _open_device(self, name: str, mode: str) -> _Device:
        shown = os.fspath(name)
        if parse_mode(mode, shown).writes:
            return WriteBuffer(self._tree, self._resolve(name), shown, mode)
        resolved = self._resolve(name)
        found = self._tree.look_up(resolved, body=True)
        if found.record.kind is not Kind.FILE:
            raise os_error(errno.EISDIR, resolved.text)
        return self._tree.content(resolved, found, shown)

    def _reopen_device(self, name: str, mode: str, *args: Any, **kwargs: Any) -> _Device:
        if not self.exists(name):
            raise ValueError("The file cannot be reopened.")
        parse_mode(mode, name, *args, **kwargs)
        return self._open_device(name, mode)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """
        Store ``content`` under ``name``, or an available name like it; return the name.

        :param name: relative to the location; ``None`` for the content's own.
        :param content: a ``File``, any object with ``read()``, bytes, or text (stored as UTF-8).
        :param max_length: characters that the name may have.

        Raises ``SuspiciousFileOperation`` for a name outside of the location or if ``max_length``
        leaves no room for an available name, and ``OSError`` if the store fails: nothing is stored
        then.
        """
        if isinstance(content, (bytes, str)):
            content = ContentFile(content, name)
        if self._can_save_directly(name, max_length) and hasattr(content, "chunks"):
            return self._save(cast("str", name), content)
        # As the caller passed it, since a test may have patched Storage.save().
        limit = {} if max_length is None else {"max_length": max_length}
        return super().save(name, content, **limit)

    def _can_save_directly(self, name: str | None, max_length: int | None) -> bool:
        """
        Return whether ``Storage.save()`` would only ask whether the name is available.

        `_save` does that too, in the request that stores the file.
        """
        return (
            type(name) is str
            and "\\" not in name
            and _ODD_PARTS.isdisjoint(name.split("/"))
            and (not max_length or len(name) + ALTERNATIVE_LENGTH <= max_length)
            and not self._allow_overwrite
            and not self._own_hooks()
        )

    def _save(self, name: str, content: Any) -> str:
        self._resolve(name)  # raises before the content is read
        if not hasattr(content, "temporary_file_path"):
            return self._save_content(name, content)
        # As on a disk, the file that is at the path moves: raises before anything is stored.
        with open(content.temporary_file_path(), "rb") as upload:
            saved = self._save_content(name, File(upload))
        os.remove(upload.name)
        return saved

    def _save_content(self, name: str, content: Any) -> str:
        body, chunks = self._contents.split(pieces_of(content, self._contents.chunk_size))
        saved = self._save_body(name, body) if chunks is None else self._save_chunks(name, chunks)
        self._sweep_if_due(saved, chunks is not None)
        return saved.text.replace("\\", "/")

    def _save_body(self, name: str, body: bytes) -> Name:
        """Store content in the entry of an available name."""
        resolved, overwrites = self._resolve(name), self._allow_overwrite
        record = self._contents.record(resolved.text, body)
        while not self._put(resolved, record, body, overwrites):
            name, overwrites = self._other_name(name)
            resolved = self._resolve(name)
        return resolved

    def _save_chunks(self, name: str, chunks: Iterator[Chunk]) -> Name:
        """Claim an available name, and store content there in chunks."""
        overwrites = self._allow_overwrite
        while True:
            resolved = self._resolve(name)
            expires = self._contents.entries.expiry(resolved.text, _CLAIMED)
            claim = Record.new(Kind.CLAIM, expires)
            place = self._tree.place(resolved)
            with ChunkedUpload(self._contents, resolved.text, place, claim.content) as upload:
                if overwrites:
                    stored = upload.store(chunks)
                    with upload.changing():
                        self._overwrite(resolved, *stored)
                    return resolved
                with upload.changing():
                    claimed = self._tree.insert(resolved, claim)
                if claimed is not None:
                    return self._fulfil(name, claimed, upload, chunks)
            name, overwrites = self._other_name(name)

    def _fulfil(
        self, name: str, claimed: Found, upload: ChunkedUpload, chunks: Iterator[Chunk]
    ) -> Name:
        """Replace a claim with the file, or save under another name if the claim was lost."""
        resolved = self._resolve(name)
        stored, body = upload.store(chunks)
        record = claimed.record.changed(stored)
        with upload.changing():
            is_saved = self._tree.replace(resolved, claimed, record, body)
        while not is_saved:  # another process overwrote the claim, or opened the name for writing
            name, overwrites = self._other_name(name)
            resolved = self._resolve(name)
            upload.move(resolved.text, self._tree.place(resolved))
            with upload.changing():
                is_saved = self._put(resolved, record, body, overwrites)
        return resolved

    def _put(self, name: Name, record: Record, body: bytes, overwrites: bool) -> bool:
        """Put an entry at a name; return False if the name is taken."""
        if overwrites:
            self._overwrite(name, record, body)
        return overwrites or self._tree.insert(name, record, body) is not None

    def _overwrite(self, name: Name, record: Record, body: bytes) -> None:
        def change(found: Found | None) -> tuple[Record, bytes]:
            stays = self.behavior.overwrites_in_place and found and found.is_there
            return (found.record.changed(record) if found and stays else record), body

        self._tree.put(name, change)

    def _other_name(self, name: str) -> tuple[str, bool]:
        """Return the next name to try after a taken one, and whether to overwrite it."""
        if not self._own_hooks():
            root, extension = os.path.splitext(os.path.basename(name))
            other = self.get_alternative_name(root, extension)
            return os.path.join(os.path.dirname(name), other), False
        other = self.get_available_name(name)
        if other != name or not self._has_own_names():
            return other, False
        return name, self._may_overwrite(name)

    def _has_own_names(self) -> bool:
        own = type(self).get_available_name is not NamingMixin.get_available_name
        return own or "get_available_name" in vars(self) or self._has_patched_names()

    def _is_taken(self, name: str) -> bool:
        found = self._find(name)
        return found is not None and not found.is_expired

    def _find(self, name: str) -> Found | None:
        """Return the entry at a name; ``None`` for a missing file, and for an invalid name."""
        try:
            resolved = self._resolve(name)
        except (OSError, ValueError):
            return None
        return self._tree.find(resolved)

    def delete(self, name: str) -> None:
        """
        Delete the file, or the directory as the behavior says; do nothing if it does not exist.

        Raises ``ValueError`` for an empty name.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        try:
            self._tree.delete(self._resolve(name))
        except self.behavior.delete_ignores:
            return

    def exists(self, name: str) -> bool:
        """Return whether a file or a directory has the name."""
        found = self._find(name)
        return found is not None and found.is_there

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """
        Return the names of the directories and of the files in a directory, from one request.

        Raises `PathDoesNotExist`, ``NotADirectoryError`` for a file, and ``NotImplementedError``
        if the store cannot list.
        """
        if path == "/" and self.behavior.slash_is_root:
            path = ""
        return self._tree.names(self._resolve(path))

    def size(self, name: str) -> int:
        """Return the number of bytes of a file; raise `PathDoesNotExist` if it is missing."""
        resolved = self._resolve(name)
        record = self._tree.look_up(resolved).record
        if record.kind is Kind.FILE:
            return record.size
        if self.behavior.directory_size is None:
            raise os_error(errno.EISDIR, resolved.text)
        return self.behavior.directory_size

    def get_accessed_time(self, name: str) -> datetime:
        """Return when the file was last written: reading does not change it."""
        return self.get_modified_time(name)

    def get_created_time(self, name: str) -> datetime:
        """Return when the file was created; aware in UTC if USE_TZ is set."""
        record = self._tree.look_up(self._resolve(name)).record
        is_changed = self.behavior.created_is_changed
        return as_datetime(record.modified if is_changed else record.created)

    def get_modified_time(self, name: str) -> datetime:
        """Return when the file was last written; aware in UTC if USE_TZ is set."""
        return as_datetime(self._tree.look_up(self._resolve(name)).record.modified)

    def sweep(self, *, older_than: float = LEASE) -> int:
        """
        Delete the chunks that killed processes left; return how many uploads or files had them.

        With a ``ttl`` this deletes all expired files too, and lists each directory for that.

        :param older_than: seconds, an hour by default. Younger chunks may belong to a running
            upload, which then raises ``OSError``.

        Saving a file in chunks sweeps from time to time, and with a ``ttl`` saving deletes expired
        files in the same directory.
        """
        if self._expires():
            self._tree.sweep(self._resolve(""))
        return self._contents.orphans.sweep(older_than)

    def _sweep_if_due(self, saved: Name, has_chunks: bool) -> None:
        """Sweep from time to time, and suppress errors: the file is saved already."""
        attempt = self._contents.entries.attempt
        if has_chunks and self._is_due(None, LEASE / 4):
            with attempt():
                self._contents.orphans.sweep(LEASE)
        if self._expires() and self._is_due(saved.directory, cast("float", self._contents.ttl)):
            with attempt():
                self._tree.sweep_directory(saved.parent)

    def _expires(self) -> bool:
        """Return whether files expire, and the store can list them."""
        return self._contents.ttl is not None and self._contents.entries.backend.lists_entries

    def _is_due(self, directory: str | None, seconds: float) -> bool:
        """Return whether the last sweep was that long ago, and remember this one."""
        now = time.monotonic()
        if len(self._swept) > _REMEMBERED:
            self._swept.clear()
        if now - self._swept.get(directory, -seconds) < seconds:
            return False
        self._swept[directory] = now
        return True

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return the call that made this storage for a migration, without credentials."""
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
            f"KeyValueStorage cannot have ttl={ttl!r}: it must be a number of seconds above 0, or "
            "None for files that do not expire."
        )
    if type(chunk_size) is not int or chunk_size < 1:
        raise ImproperlyConfigured(
            f"KeyValueStorage cannot have chunk_size={chunk_size!r}: it must be a number of bytes, "
            "at least 1."
        )
    if not isinstance(location, (str, os.PathLike)):
        raise ImproperlyConfigured(
            f"KeyValueStorage cannot have location={location!r}: it must be the name of a "
            "directory of the store, or '' for the whole store."
        )
    KeyValueStore(uri)  # raises for a mistaken URI
    if not backend_for(uri).has_entries:
        raise ImproperlyConfigured(
            f"{parse(uri)} cannot keep files: it has no entries for a directory. Use redis://, "
            "db://, dynamodb://, memcached:// or locmem://."
        )
