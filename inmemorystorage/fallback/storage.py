"""`FallbackStorage`: several storages tried in order."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.deconstruct import deconstructible

from .backends import Backend, make_backends
from .cache import ReadCache
from .changing import ChangingMixin
from .finding import resolving
from .marks import Marks

_MEBIBYTE = 1024 * 1024
_SETTING = "FALLBACK_STORAGES"
# The directory of marks, in any directory: no file of a project is called so.
_RESERVED = ".fallback"
_NOT_COPIED = ("_reserved", "_deleted", "_cache")


@deconstructible(path="inmemorystorage.FallbackStorage")
class FallbackStorage(ChangingMixin):
    """
    A storage that asks several others in their order: the first success is the answer.

    :param backends: the others: aliases of STORAGES, dotted paths, classes, instances, or dicts
        with one of these as ``BACKEND`` and with ``OPTIONS``, ``only``, ``skip``, ``timeout``,
        ``missing_for`` and ``down_for``; by default the setting FALLBACK_STORAGES.
    :param writable: those that may be written, as ``backends`` names them or by their positions; by
        default the first. Any other raises `ReadOnlyStorageError` when it is to be written.
    :param whiteouts: whether ``delete()`` hides a file that stays in a backend which is not
        written. The marks for that are files of the first backend that is, below ``.fallback``.
    :param cache_reads: whether a file that is read from a backend below is copied up.
    :param cache_size: bytes that such copies may have; the least recently read make room.

    Raises ``ImproperlyConfigured`` for backends that there are not, and for those that lead back to
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
        self._entries = backends
        self._writable = writable
        self._whiteouts = whiteouts
        self._cache_reads = cache_reads
        self._cache_size = cache_size
        if not isinstance(cache_size, int):
            raise ImproperlyConfigured(f"cache_size is a number of bytes, not {cache_size!r}.")
        self._find_backends()

    def _find_backends(self) -> _Resolved:
        """Find the backends that are named, here or in the settings as they are now."""
        entries = self._entries
        with contextlib.ExitStack() as stack:
            if entries is None:
                stack.enter_context(resolving(_SETTING))
                entries = _setting()
            self._found = _Resolved(entries, make_backends(entries, self._writable))
        self._stand_on(self._found.backends)
        return self._found

    def _stand_on(self, backends: list[Backend]) -> None:
        """Keep marks and copies in the first backend that can be written."""
        writer = next((each for each in backends if each.is_writable), None)
        self._reserved, self._deleted, self._cache = _RESERVED, None, None
        if writer is None:
            return
        if isinstance(writer.find(), FallbackStorage):  # which has marks of its own
            self._reserved = writer.find()._reserved + "-"
        if self._whiteouts:
            self._deleted = Marks(writer, self._reserved, "deleted")
        if self._cache_reads:
            copies = Marks(writer, self._reserved, "copies")
            self._cache = ReadCache(writer, copies, self._cache_size)

    @property
    def _backends(self) -> list[Backend]:
        found = self._found
        if self._entries is None and found.entries is not _setting():
            found = self._find_backends()
        return found.backends

    @property
    def backends(self) -> list[Any]:
        """Return the storages that are asked; those that are not written refuse it."""
        return [each.find() if each.is_writable else each.storage for each in self._backends]

    @property
    def written_layers(self) -> list[tuple[int, Any]]:
        """Return the storages that may be written, each with its position among the backends."""
        layers = enumerate(self._backends)
        return [(position, layer.find()) for position, layer in layers if layer.is_writable]

    @property
    def querystring_auth(self) -> bool:
        """Return whether a backend gives its files to those alone to whom it has signed a URL."""
        return any(getattr(each.find(), "querystring_auth", False) for each in self._backends)

    def __getattr__(self, name: str) -> Any:
        """Return what the first backend has beyond Django's storage API, as its ``base_url``."""
        if name.startswith("_") or "_found" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.backends[0], name)

    def __repr__(self) -> str:
        labels = [each.label + " (read-only)" * (not each.is_writable) for each in self._backends]
        return f"<{type(self).__name__}: {', '.join(labels)}>"

    def __eq__(self, other: object) -> bool:
        """Return whether two storages were made by the same call."""
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, FallbackStorage)
        return self._options() == other._options()

    def __hash__(self) -> int:
        """Return one hash for all of a class: backends can be lists, and need none."""
        return hash(type(self))

    def _options(self) -> tuple[Any, ...]:
        lists = [each and [*map(_Described, each)] for each in (self._entries, self._writable)]
        return *lists, self._whiteouts, self._cache_reads, self._cache_size

    def __getstate__(self) -> dict[str, Any]:
        # Found anew: marks and copies belong to a backend, which is pickled as it is.
        return {name: value for name, value in vars(self).items() if name not in _NOT_COPIED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._stand_on(self._found.backends)

    def __copy__(self) -> FallbackStorage:
        """Return a storage with the same backends, and the same room for copies."""
        copied = type(self).__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> FallbackStorage:
        # Models are deep-copied with their fields and storages; the files are not.
        return copy.copy(self)


class _Described:
    """An entry; storages that do not know when they are equal are if they were made alike."""

    def __init__(self, entry: Any) -> None:
        self.entry = entry

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, _Described)
        one, two = self.entry, other.entry
        if one == two or not (hasattr(one, "deconstruct") and hasattr(two, "deconstruct")):
            return bool(one == two)
        return bool(one.deconstruct() == two.deconstruct())

    __hash__ = None  # type: ignore[assignment]


@dataclass
class _Resolved:
    """The backends, and the entries by which they were found."""

    entries: Any
    backends: list[Backend]


def _setting() -> Any:
    entries = getattr(settings, _SETTING, None)
    if not entries:
        raise ImproperlyConfigured(
            f"The setting {_SETTING} is missing or empty. Set it to a list of storages, or give "
            "FallbackStorage its backends."
        )
    return entries
