"""`FallbackStorage`: several storages tried in order."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.core.signing import BadSignature
from django.utils.deconstruct import deconstructible

from ..streams import parse_mode
from .copies import locked, wait_for_copy
from .layer import Layer, guard_recursion, is_outside, make_layers, normalize
from .layers import Layers
from .readonly import LowerLayerFile, is_writing

_MEBIBYTE = 1024 * 1024
_SETTING = "FALLBACK_STORAGES"
# The name of this storage's own directories; no file of a project is called so.
_RESERVED = ".fallback"


@deconstructible(path="inmemorystorage.FallbackStorage")
class FallbackStorage(Storage):
    """
    Ask several storages in order: the first success is the answer.

    :param backends: the storages: aliases of STORAGES, dotted paths, classes, instances, or dicts
        with one of these as ``BACKEND`` and with ``OPTIONS``, ``only``, ``skip``, ``timeout``,
        ``missing_for`` and ``down_for``; by default the setting FALLBACK_STORAGES.
    :param writable: those that may be written, as ``backends`` names them or by their positions; by
        default the first. Writing any other raises `ReadOnlyStorageError`.
    :param whiteouts: whether ``delete()`` hides a file that stays in a backend which is not
        written. Whiteouts are files of the first writable backend, below ``.fallback``.
    :param cache_reads: whether a file that is read from a lower backend is copied up.
    :param cache_size: bytes that such copies may have; the least recently read are deleted first.

    Raises ``ImproperlyConfigured`` for backends that do not exist, and for those that lead back to
    this storage. The API is Django's: https://docs.djangoproject.com/en/stable/ref/files/storage/
    """

    def __init__(
        self,
        backends: Any = None,
        *,
        writable: Any = None,
        whiteouts: bool = True,
        cache_reads: bool = False,
        cache_size: int = 256 * _MEBIBYTE,
    ) -> None:
        if not isinstance(cache_size, int):
            raise ImproperlyConfigured(f"cache_size must be a number of bytes, not {cache_size!r}.")
        self._entries = backends
        self._writable = writable
        self._whiteouts = whiteouts
        self._cache_reads = cache_reads
        self._cache_size = cache_size
        self._found_layers = self._find_layers()

    def _find_layers(self) -> Layers:
        """Find the storages that are named, here or in the settings as they are now."""
        if self._entries is not None:
            return self._make_layers(self._entries)
        with guard_recursion(_SETTING):
            return self._make_layers(_read_setting())

    def _make_layers(self, entries: Any) -> Layers:
        layers = make_layers(entries, self._writable)
        upper = next((each.find() for each in layers if each.is_writable), None)
        reserved = _RESERVED
        if isinstance(upper, FallbackStorage):  # which has reserved a directory itself
            reserved = upper._layers.reserved + "-"
        cache_size = self._cache_size if self._cache_reads else None
        return Layers(entries, layers, reserved, self._whiteouts, cache_size)

    @property
    def _layers(self) -> Layers:
        if self._entries is None and self._found_layers.entries is not _read_setting():
            self._found_layers = self._find_layers()
        return self._found_layers

    @property
    def backends(self) -> list[Any]:
        """Return the storages in order; those that may not be written refuse it."""
        return [each.storage for each in self._layers.all]

    @property
    def written_layers(self) -> list[tuple[int, Any]]:
        """Return the storages that may be written, each with its position in ``backends``."""
        layers = enumerate(self._layers.all)
        return [(position, each.storage) for position, each in layers if each.is_writable]

    @property
    def layers(self) -> list[Any]:
        """Return the storages that are asked, without protection from writes."""
        return [layer.find() for layer in self._layers.all]

    @property
    def querystring_auth(self) -> bool:
        """Return whether any backend serves a file only to holders of a URL that it signed."""
        return any(getattr(each, "querystring_auth", False) for each in self.layers)

    def check_url(self, name: str, query: Mapping[str, str]) -> bool:
        """
        Check the query of a requested URL before ``name`` is served, as the backend with the file.

        Returns false if that backend signs no URLs. Raises ``BadSignature`` if it did not sign this
        one, and if it cannot check that, as a bucket's storage.
        """
        holder = self._layers.holder(normalize(name), originals_first=True)
        storage = self.layers[0] if holder is None else holder.find()
        if hasattr(storage, "check_url"):
            is_signed: bool = storage.check_url(name, query)
            return is_signed
        if getattr(storage, "querystring_auth", False):
            raise BadSignature(f"{name!r} is served only at the URL that its own service signs.")
        return False

    def which(self, name: str) -> Any:
        """
        Return the backend that has a file, as ``backends`` names it; ``None`` if none has it.

        A copy that was made for reading is not the file.
        """
        holder = self._layers.holder(normalize(name), originals_first=True)
        return None if holder is None else holder.entry

    # Django's storage API.

    def _open(self, name: str, mode: str = "rb") -> Any:
        # Layers get the name as the caller wrote it: the upper layer's file may be called so.
        layers, written, name = self._layers, name, normalize(name)
        parse_mode(mode, name)  # a layer might take one that open() refuses, and write
        if is_writing(mode):
            return self._open_for_change(name, written, mode)
        wait_for_copy(name)
        layer, file = layers.first_of(layers.asked(name), "open", written, mode)
        if layers.cache is not None:
            file = layers.cache.open(name, mode, layer, file)
        elif layer.is_writable:
            return file
        return LowerLayerFile(file, self, name, mode)

    def _open_for_change(self, name: str, written: str, mode: str) -> Any:
        layers = self._layers
        writer = layers.writers(name)[0]
        layers.check_not_shadowed(name, writer)
        layers.copy_up_parent_file(name, writer)
        with locked(name):
            if "x" not in mode:
                layers.forget_copy(name)
            layers.copy_up_for_change(name, mode, writer)
            try:
                return writer.ask("open", written, mode)
            except FileNotFoundError:
                # A disk has no directory for the file, but a lower layer may have one.
                parent = name.rpartition("/")[0]
                if not parent or writer.has_file(parent) or not layers.is_directory(parent):
                    raise
                writer.make_directory(parent)
            return writer.ask("open", written, mode)

    def _save(self, name: str, content: Any) -> str:
        layers, name = self._layers, normalize(name)
        writers = layers.writers(name)
        layers.copy_up_parent_file(name, writers[0])
        with locked(name):
            layers.forget_copy(name)
            if writers[0].overwrites:
                layers.check_not_shadowed(name, writers[0])
                layers.copy_up_for_change(name, "w", writers[0])
            return layers.save(name, content, writers)

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Return whether ``save()`` would store a file under this very name."""
        writer = self._layers.writers(normalize(name))[0]
        is_free = writer.overwrites or not self.exists(name)
        return is_free and (not max_length or len(str(name)) <= max_length)

    def get_valid_name(self, name: str) -> str:
        """Return the name without the characters that the first backend replaces."""
        return self._make_name("get_valid_name", name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return another name, as the first backend makes them."""
        return self._make_name("get_alternative_name", file_root, file_ext)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """
        Return ``name``, or one like it that is free in all backends.

        If the first one overwrites files, names that are taken are available. Raises
        ``SuspiciousFileOperation`` if ``max_length`` leaves no room for a name.
        """
        layers, wanted = self._layers, normalize(name)
        writer = layers.writers(wanted)[0]
        if self._overrides("exists", "is_name_available"):
            return self._choose_name(name, max_length)
        asks_writer = not self._overrides("get_alternative_name")
        if asks_writer and writer.has_method("get_available_name"):
            is_its_own = not writer.overwrites and writer.has_file(wanted)
            name = writer.ask("get_available_name", name, max_length=max_length)
            # A writer that returns the name of its own file overwrites it, or has just deleted it.
            if is_its_own and normalize(name) == wanted:
                return name
        is_taken = not writer.overwrites and layers.may_be_taken(normalize(name))
        if asks_writer and not is_taken:
            return name
        return self._choose_name(name, max_length, taken=name if is_taken else None)

    def _overrides(self, *hooks: str) -> bool:
        """Return whether a subclass, or this instance, overrides one of these methods."""
        found = {getattr(getattr(self, hook), "__func__", None) for hook in hooks}
        return not found <= {getattr(FallbackStorage, hook) for hook in hooks}

    def _choose_name(self, name: str, max_length: int | None, taken: str | None = None) -> str:
        """Return a name that this storage's own hooks make and call available."""
        names = _NewNames(self, max_length, taken)
        return Storage.get_available_name(names, name, max_length=max_length)

    def generate_filename(self, filename: str | os.PathLike[str]) -> str:
        """Return the name under which the first backend would save ``filename``."""
        if self._overrides("get_valid_name"):
            return super().generate_filename(filename)
        return self._make_name("generate_filename", filename)

    def _make_name(self, operation: str, *args: Any) -> str:
        layers = self._layers
        return str(layers.first_of(layers.all, operation, *args)[1])

    def path(self, name: str) -> str:
        """
        Return a path at which Python's ``open()`` finds a file.

        A lower backend's file is copied up first, if the first backend has paths, so that a change
        at the path changes the copy. If it has none, the path is that of the backend which has the
        file, and a change there changes that file. Raises ``NotImplementedError`` for a file that
        has no path.
        """
        layers, name = self._layers, normalize(name)
        holder = layers.holder(name, originals_first=True)
        if holder is None:
            return str(layers.first("path", name, originals_first=True)[1])
        path = None if holder.is_writable else self._copied_path(name)
        return str(holder.ask("path", name)) if path is None else path

    def _copied_path(self, name: str) -> str | None:
        """Copy a file up and return its path there; ``None`` if that layer has no paths."""
        layers = self._layers
        path: str | None = None
        with contextlib.suppress(Exception):
            writer = layers.writers(name)[0]
            path = writer.ask("path", name)
        if path is not None:
            with locked(name):
                layers.check_not_shadowed(name, writer)
                layers.forget_copy(name)
                layers.copy_up_for_change(name, "a", writer)
        return path

    def delete(self, name: str) -> None:
        """
        Delete a file from the backends that may be written, and hide it in the others.

        A directory is deleted as the first backend deletes one: with everything in it, or only if
        it is empty. Without ``whiteouts`` the first backend's file is deleted, and no other.
        """
        # Backends refuse an empty name, which is not the name of the top directory here.
        target = (normalize(name) or ".") if name else name
        layers, name = self._layers, normalize(name or "")
        writers = layers.writers(name)
        if layers.whiteouts is None or not target or is_outside(name):
            layers.first_of(writers, "delete", target)
            return
        is_below = layers.lower_layer_has(name)
        if not is_below:
            layers.copy_up_parent_file(name, writers[0])
        with locked(name):
            layers.forget_copy(name)
            if is_below and layers.is_directory(name):
                self._delete_directory(name, writers)
                return
            if is_below:
                layers.whiteouts.add(name)
            for writer in writers:
                writer.ask("delete", target)

    def _delete_directory(self, name: str, writers: list[Layer]) -> None:
        """Delete a directory if the writer deletes one that has as much in it."""
        layers, writer = self._layers, writers[0]
        probe = writer.add_probe_file(name) if any(layers.listdir(name)) else None
        try:
            for each in writers:
                each.ask("delete", name or ".")
            is_deleted = probe is None or not writer.has_file(probe)
        finally:
            if probe is not None and writer.has_file(probe):
                writer.ask("delete", probe)
        if is_deleted and name and layers.whiteouts is not None:
            layers.whiteouts.add(name)
            for each in writers:  # copies that another process made before the whiteout
                each.ask("delete", name)

    def exists(self, name: str) -> bool:
        """
        Return whether any backend has a file of that name.

        A backend that fails is skipped; if all fail, the first one's error is raised.
        """
        return self._layers.holder(normalize(name)) is not None

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """
        Return the names of the directories and of the files that any backend has in a directory.

        Each name is listed once: as a directory or as a file, as the first backend that has it
        says. Raises the first backend's error if all fail.
        """
        # A slash is the top directory to some layers, as on S3, and outside of others.
        return self._layers.listdir(normalize("" if path == "/" else path or ""))

    def size(self, name: str) -> int:
        """Return the size of a file in bytes; raise ``FileNotFoundError`` if none exists."""
        name = normalize(name)
        wait_for_copy(name)
        size: int = self._layers.first("size", name)[1]
        return size

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Return the URL of a file from the first backend that has it, or else from the last."""
        layers = self._layers
        # As the caller wrote it: a slash at the end of a name belongs to its URL.
        asked = layers.all[-1:] if name is None else layers.url_layers(normalize(name))
        url: str = layers.first_of(asked, "url", name, *args, **kwargs)[1]
        return url

    def get_accessed_time(self, name: str) -> datetime:
        """Return when a file was last read."""
        return self._time("get_accessed_time", name)

    def get_created_time(self, name: str) -> datetime:
        """Return when a file was created."""
        return self._time("get_created_time", name)

    def get_modified_time(self, name: str) -> datetime:
        """Return when a file was last written."""
        return self._time("get_modified_time", name)

    def accessed_time(self, name: str) -> datetime:
        """Return ``accessed_time()`` of the first backend that has the method and the file."""
        return self._time("accessed_time", name)

    def created_time(self, name: str) -> datetime:
        """Return ``created_time()`` of the first backend that has the method and the file."""
        return self._time("created_time", name)

    def modified_time(self, name: str) -> datetime:
        """Return ``modified_time()`` of the first backend that has the method and the file."""
        return self._time("modified_time", name)

    def _time(self, operation: str, name: str) -> datetime:
        time: datetime = self._layers.first(operation, normalize(name), originals_first=True)[1]
        return time

    # The object itself.

    def __getattr__(self, name: str) -> Any:
        """Return what the first backend has beyond Django's storage API, such as ``base_url``."""
        if name.startswith("_") or "_found_layers" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.backends[0], name)

    def __repr__(self) -> str:
        labels = [each.label + " (read-only)" * (not each.is_writable) for each in self._layers.all]
        return f"<{type(self).__name__}: {', '.join(labels)}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> FallbackStorage:
        # Django copies fields with their storages; the files, and the room for copies, are shared.
        return copy.copy(self)


class _NewNames(Storage):
    """
    Offer names of a `FallbackStorage`, or Django's where those repeat themselves.

    :param taken: a name that is not available, whatever the storage says.
    """

    def __init__(self, storage: FallbackStorage, max_length: int | None, taken: str | None) -> None:
        self._storage = storage
        self._max_length = max_length
        self._taken = taken
        self._tried: set[str] = set()

    def exists(self, name: str) -> bool:
        """Return whether a name is not available."""
        return name == self._taken or not self._storage.is_name_available(name, self._max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return a name that was not returned before."""
        name = self._storage.get_alternative_name(file_root, file_ext)
        if name in self._tried:
            name = Storage.get_alternative_name(cast("Any", self), file_root, file_ext)
        self._tried.add(name)
        return name


def _read_setting() -> Any:
    entries = getattr(settings, _SETTING, None)
    if not entries:
        raise ImproperlyConfigured(
            f"The setting {_SETTING} is missing or empty. Set it to a list of storages, or give "
            "FallbackStorage its backends."
        )
    return entries
