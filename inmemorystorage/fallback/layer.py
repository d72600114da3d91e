"""One layer of a `FallbackStorage`: which storage it is, which names it serves, how it is asked."""

from __future__ import annotations

import functools
import logging
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import DefaultStorage, storages
from django.utils.crypto import get_random_string
from django.utils.module_loading import import_string

from ..exceptions import PathDoesNotExist
from ..project import unwrap
from .failures import (
    NegativeCache,
    Outage,
    TimedCalls,
    is_answer,
    is_missing,
    is_unreachable,
)
from .readonly import ReadOnlyStorage

logger = logging.getLogger("inmemorystorage.fallback")

_KEYS = ("BACKEND", "OPTIONS", "only", "skip", "timeout", "missing_for", "down_for")
# Seconds: a layer with a timeout is taken to be far away.
_MISSING_FOR_WITH_TIMEOUT = 5.0
_DOWN_FOR = 30.0

# Operations whose answer for a name shows whether the name exists.
_ABOUT_ONE_NAME = {
    *("open", "exists", "size", "accessed_time", "created_time", "modified_time"),
    *("get_accessed_time", "get_created_time", "get_modified_time"),
}
# What storages call their option to overwrite files.
_OVERWRITE_OPTIONS = ("_allow_overwrite", "file_overwrite", "overwrite_files")
# What a storage has at least one of.
_STORAGE_METHODS = ("open", "save", "_save", "exists", "delete", "listdir", "size", "url", "path")

_literal_start = re.compile(r"[^*?\[]*").match


def normalize(name: Any) -> str:
    """Return a name in its normal form, which is empty for the top directory."""
    normalized = posixpath.normpath(str(name))
    return "" if normalized == "." else normalized


def is_outside(name: str) -> bool:
    """Return whether a normalized name leads out of the storage."""
    return name == ".." or name.startswith(("../", "/"))


def is_inside(name: str) -> bool:
    """Return whether a normalized name is in the storage, and not its top directory."""
    return bool(name) and not is_outside(name)


@dataclass(frozen=True)
class Route:
    """
    The names that a layer is asked for, by patterns of `fnmatch`; ``*`` matches slashes too.

    :param only: patterns of the names that it is asked for; all names if empty.
    :param skip: patterns of the names among these that it is not asked for.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def admits(self, name: str) -> bool:
        """Return whether the layer is asked for a name; for the top directory it always is."""
        return not name or (self._wants(name) and not self._skips(name))

    def admits_below(self, directory: str) -> bool:
        """Return whether a directory may contain names that the layer is asked for."""
        if not directory or self._skips(directory):
            return not directory
        return self._wants(directory) or any(
            _start(pattern) != pattern and f"{directory}/".startswith(_start(pattern))
            for pattern in self.only
        )

    def _wants(self, name: str) -> bool:
        return not self.only or any(
            _matches(pattern, name) or _start(pattern).startswith(f"{name}/")
            for pattern in self.only
        )

    def _skips(self, name: str) -> bool:
        return any(_matches(pattern, name) for pattern in self.skip)


def _matches(pattern: str, name: str) -> bool:
    """Return whether a pattern is for a name, or for everything below it."""
    return fnmatchcase(name, pattern) or fnmatchcase(f"{name}/", pattern)


def _start(pattern: str) -> str:
    match = _literal_start(pattern)
    assert match is not None  # it matches an empty start too
    return match[0]


@dataclass(eq=False)
class Layer:
    """
    One of the storages that a `FallbackStorage` asks.

    :param entry: the item of ``backends`` that names it.
    :param label: its name in errors and in the log.
    :param find: returns the storage.
    :param route: the names that it is asked for.
    :param timeout: seconds that an answer may take.
    :param missing_for: seconds for which a missing name is not asked for again.
    :param down_for: seconds for which it is not asked when it did not answer.
    :param is_writable: whether it may be written; if not, it is only read.

    All names that it takes are normalized.
    """

    entry: Any
    label: str
    find: Callable[[], Any]
    route: Route
    timeout: float | None
    missing_for: float
    down_for: float
    is_writable: bool = False

    def __post_init__(self) -> None:
        self._read_only = ReadOnlyStorage(self.find, self.label)
        self.missing_names = NegativeCache(self.missing_for)
        self._outage = Outage(self.down_for)
        self._calls = TimedCalls(self.timeout)
        self._warned_of: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        # Without what this process remembers; its clients, too, cannot all be pickled.
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        if isinstance(self.find, _MadeStorage) and not self.is_writable:
            state["find"] = self.find.unmade()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def storage(self) -> Any:
        """Return the storage; where it may not be written, one that refuses it."""
        return self.find() if self.is_writable else self._read_only

    @property
    def overwrites(self) -> bool:
        """Return whether ``save()`` of the storage overwrites files."""
        storage = self.find()
        return any(getattr(storage, option, False) for option in _OVERWRITE_OPTIONS)

    def has_method(self, operation: str) -> bool:
        """Return whether the storage has a method."""
        return callable(getattr(self.find(), operation, None))

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """
        Call a method of the storage, within the timeout.

        A layer that is only read is not asked while its answer, or its silence, is remembered.
        """
        method = getattr(self.storage, operation)
        if self.is_writable or operation == "url":  # no client sends a request for a URL
            return method(*args, **kwargs)
        # A bucket's key with a slash is looked for last, and is as missing as the name without it.
        name = normalize(args[0]) if operation in _ABOUT_ONE_NAME else None
        if name is not None and name in self.missing_names:
            if operation == "exists":
                return False
            raise PathDoesNotExist(name)
        self._outage.check(self.label)
        try:
            answer = self._calls.call(method, *args, **kwargs)
        except Exception as error:
            self._note_failure(error, name)
            raise
        if name is not None and operation == "exists" and not answer:
            self.missing_names.add(name)
        return answer

    def _note_failure(self, error: Exception, name: str | None) -> None:
        kind = type(error).__name__
        if is_missing(error):
            if name is not None:
                self.missing_names.add(name)
        elif is_unreachable(error):
            self._outage.begin(error)
            logger.warning(
                "%s does not answer (%s: %s); it is not asked for %g seconds",
                *(self.label, kind, error, self.down_for),
            )
        elif not is_answer(error) and kind not in self._warned_of:
            self._warned_of.add(kind)
            logger.warning("%s fails (%s: %s)", self.label, kind, error)

    def has_file(self, name: str) -> bool:
        """Return whether the layer says that a name exists; raise if it refuses the name."""
        try:
            return bool(self.has_method("exists") and self.ask("exists", name))
        except SuspiciousOperation:
            raise
        except Exception:
            return False

    def may_have(self, name: str) -> bool:
        """Return whether a name exists, or the layer cannot tell."""
        try:
            return bool(self.ask("exists", name))
        except Exception:
            return True

    def has_empty_directory(self, name: str) -> bool:
        """Return whether a directory exists that lists nothing: in a bucket, a key with a slash."""
        return self.has_file(name) or self.has_file(f"{name}/")

    def is_directory(self, name: str) -> bool:
        """Return whether a name is that of a directory; in a bucket, of one with files."""
        try:
            if any(self.ask("listdir", name)):
                return True
            self.ask("open", name).close()  # a bucket lists a file, too, as an empty directory
        except (IsADirectoryError, PermissionError):
            return True
        except FileNotFoundError:
            return self.has_file(f"{name}/")
        except Exception:
            return False
        return False

    def store(self, name: str, content: Any) -> None:
        """
        Store a file under exactly this name, whatever names the storage would choose.

        A file that was stored there concurrently is kept. Raises ``OSError`` if the storage keeps
        its files under other names.
        """
        saved = self.ask("_save" if self.has_method("_save") else "save", name, content)
        if normalize(saved) == name:
            return
        self.ask("delete", saved)
        if not self.ask("exists", name):
            raise OSError(
                f"{self.label} stores {name!r} as {saved!r}. A writable backend of a "
                "FallbackStorage must keep names as they are."
            )

    def add_probe_file(self, directory: str) -> str:
        """Store an empty file in a directory; return its name, which is random."""
        name = posixpath.join(directory, f".{get_random_string(12)}")
        self.store(name, ContentFile(b""))
        return name

    def make_directory(self, directory: str) -> None:
        """Make a directory, with those above it, if the storage has directories."""
        self.ask("delete", self.add_probe_file(directory))


def make_layers(entries: Any, writable: Any) -> list[Layer]:
    """
    Return the layers that the options ``backends`` and ``writable`` name.

    Raises ``ImproperlyConfigured`` for an entry that names no storage, or leads back to the
    storage that is being made.
    """
    if isinstance(entries, (str, dict)) or not isinstance(entries, Sequence):
        raise ImproperlyConfigured(
            f"The backends of a FallbackStorage must be a list of storages, not {entries!r}."
        )
    if not entries:
        raise ImproperlyConfigured(
            "A FallbackStorage needs backends: FallbackStorage([…]), OPTIONS={'backends': […]}, or "
            "the setting FALLBACK_STORAGES, with aliases, dotted paths, classes or instances of "
            "storages."
        )
    if writable is not None and (isinstance(writable, str) or not isinstance(writable, Sequence)):
        raise ImproperlyConfigured(f"writable must be a list of backends, not {writable!r}.")
    layers = [_make_layer(entry) for entry in entries]
    for layer in layers[:1] if writable is None else _find_writable(layers, writable):
        layer.is_writable = True
    return layers


def _find_writable(layers: list[Layer], writable: Any) -> Iterator[Layer]:
    """Yield the layers that ``writable`` names: as ``backends`` does, or by position."""
    for wanted in writable:
        found = [each for each in layers if each.entry is wanted]
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            found = layers[wanted : wanted + 1] if wanted >= 0 else []
        found = found or [each for each in layers if _is_named(each.entry, wanted)]
        if len(found) != 1:  # labels, since entries may contain secrets
            raise ImproperlyConfigured(
                f"writable names {_describe(wanted)}, which is {len(found)} of the backends. Name "
                "one as backends does, or by its position from 0: "
                f"{', '.join(each.label for each in layers)}."
            )
        yield found[0]


def _is_named(entry: Any, wanted: Any) -> bool:
    one, other = _deconstructed(entry), _deconstructed(wanted)
    if one is not None:
        return bool(one == other)
    return wanted in ([entry, entry["BACKEND"]] if isinstance(entry, dict) else [entry])


def _deconstructed(entry: Any) -> Any:
    """Return the call that made a storage, which a migration repeats for each mention of it."""
    if isinstance(entry, type) or not hasattr(entry, "deconstruct"):
        return None
    return entry.deconstruct()


def _describe(entry: Any) -> str:
    return f"a dict with {', '.join(map(str, entry))}" if isinstance(entry, dict) else repr(entry)


def _make_layer(entry: Any) -> Layer:
    given = entry if isinstance(entry, dict) else {"BACKEND": entry}
    unknown = [key for key in given if key not in _KEYS]
    if unknown or "BACKEND" not in given:
        raise ImproperlyConfigured(
            f"A backend must be an alias, a dotted path, a class, an instance, or a dict with "
            f"BACKEND and other keys of {', '.join(_KEYS)}; not {_describe(entry)}."
        )
    for key in ("timeout", "missing_for", "down_for"):
        if not isinstance(given.get(key, 0), (int, float, type(None))):
            raise ImproperlyConfigured(f"{key} must be a number of seconds, not {given[key]!r}.")
    label, find = _find_storage(given["BACKEND"], given.get("OPTIONS"))
    timeout = given.get("timeout")
    return Layer(
        entry=entry,
        label=label,
        find=find,
        route=Route(_read_patterns(given, "only"), _read_patterns(given, "skip")),
        timeout=timeout,
        missing_for=given.get("missing_for", 0.0 if timeout is None else _MISSING_FOR_WITH_TIMEOUT),
        down_for=given.get("down_for", _DOWN_FOR),
    )


def _read_patterns(given: dict[str, Any], key: str) -> tuple[str, ...]:
    patterns = given.get(key, ())
    if isinstance(patterns, str) or not all(isinstance(each, str) for each in patterns):
        raise ImproperlyConfigured(f"{key} must be a list of patterns, not {patterns!r}.")
    return tuple(patterns)


def _find_storage(backend: Any, options: Any) -> tuple[str, Callable[[], Any]]:
    """Return the label of a ``BACKEND``, and what returns its storage."""
    if isinstance(backend, DefaultStorage):
        backend = "default"
    if isinstance(backend, str) and backend in storages.backends:
        return backend, _find_alias(backend, options)
    if isinstance(backend, str):
        return backend, _MadeStorage(backend, _import(backend), options)
    if callable(backend) and not _is_storage(backend):
        label = getattr(backend, "__qualname__", repr(backend))
        return label, _MadeStorage(label, backend, options)
    backend = unwrap(backend)
    if not _is_storage(backend):
        raise ImproperlyConfigured(f"{backend!r} is not a storage, and cannot make one.")
    if options:
        raise ImproperlyConfigured(f"{backend!r} takes no OPTIONS: it is an instance already.")
    return type(backend).__name__, functools.partial(_itself, backend)


def _is_storage(backend: Any) -> bool:
    has_method = any(hasattr(backend, method) for method in _STORAGE_METHODS)
    return has_method and not isinstance(backend, type)


def _itself(storage: Any) -> Any:
    return storage


def _find_alias(alias: str, options: Any) -> Callable[[], Any]:
    if options:
        raise ImproperlyConfigured(
            f"Set OPTIONS in STORAGES[{alias!r}], not where the alias is used."
        )
    with guard_recursion(alias):
        storages[alias]  # so that a mistake is reported at once
    return functools.partial(_storage_of_alias, alias)


def _storage_of_alias(alias: str) -> Any:
    """Return the storage that the settings name by an alias now."""
    return storages[alias]


def _import(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{path!r} is neither an alias of STORAGES ({', '.join(storages.backends)}) nor the "
            f"dotted path of a storage: {error}."
        ) from error


class _MadeStorage:
    """Return the storage that a class or a function makes, once."""

    def __init__(self, label: str, make: Any, options: Any, *, at_once: bool = True) -> None:
        self._args = label, make, options
        self._storage: Any = self._make() if at_once else None

    def __call__(self) -> Any:
        if self._storage is None:
            self._storage = self._make()
        return self._storage

    def unmade(self) -> _MadeStorage:
        """Return an object that makes another such storage when it is called."""
        return _MadeStorage(*self._args, at_once=False)

    def _make(self) -> Any:
        label, make, options = self._args
        try:
            return make(**(options or {})) if callable(make) else make
        except TypeError as error:
            raise ImproperlyConfigured(f"The backend {label} cannot be made: {error}.") from error


_being_found: ContextVar[tuple[str, ...]] = ContextVar("_being_found", default=())


@contextmanager
def guard_recursion(name: str) -> Iterator[None]:
    """Raise ``ImproperlyConfigured`` if the storages of a name are already being found."""
    chain = _being_found.get()
    if name in chain:
        raise ImproperlyConfigured(
            "A FallbackStorage leads back to itself: " + " → ".join([*chain, name]) + "."
        )
    token = _being_found.set((*chain, name))
    try:
        yield
    finally:
        _being_found.reset(token)
