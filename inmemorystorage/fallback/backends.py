"""The backends of a `FallbackStorage`: found by what names them, and asked."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import DefaultStorage, storages
from django.utils.functional import LazyObject
from django.utils.module_loading import import_string

from ..exceptions import PathDoesNotExist
from .asking import Memory, within
from .failures import is_answer, is_missing, is_unreachable
from .readonly import ReadOnlyStorage
from .routes import Route

logger = logging.getLogger("inmemorystorage.fallback")

KEYS = ("BACKEND", "OPTIONS", "only", "skip", "timeout", "missing_for", "down_for")
# The seconds of a memory, of backends with a timeout (those that are far) and of others.
_MISSING_FOR = {True: 5.0, False: 0.0}
_DOWN_FOR = 30.0

# What is asked about one name, so that "not there" can be remembered.
_OF_A_NAME = {
    *("open", "exists", "size", "accessed_time", "created_time", "modified_time"),
    *("get_accessed_time", "get_created_time", "get_modified_time"),
}
# What a storage has at least one of.
OPERATIONS = {*_OF_A_NAME, "save", "_save", "delete", "listdir", "url", "path"}

_resolving: ContextVar[tuple[str, ...]] = ContextVar("_resolving", default=())


def normal(name: Any) -> str:
    """Return a name in its normal form, that of the top is empty."""
    form = posixpath.normpath(str(name))
    return "" if form == "." else form


@dataclass(eq=False)
class Backend:
    """
    One of the storages that a `FallbackStorage` asks.

    :param entry: what names it, as the project has written it.
    :param label: what it is called in errors and in the log.
    :param find: returns the storage.
    :param is_writable: whether it may be written; another one is only read.
    """

    entry: Any
    label: str
    find: Callable[[], Any]
    route: Route
    timeout: float | None
    memory: Memory
    is_writable: bool = False
    storage: Any = field(init=False)

    def __post_init__(self) -> None:
        self.storage = ReadOnlyStorage(self.find, self.label)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name != "storage"}
        if isinstance(self.find, _Made) and not self.is_writable:
            state["find"] = self.find.unmade()  # not all clients can be pickled
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()

    def allow_writing(self) -> None:
        """Have the storage itself asked, which can be written."""
        self.is_writable = True

    def has(self, operation: str) -> bool:
        """Return whether the storage has a method."""
        return callable(getattr(self.find(), operation, None))

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """Return what the storage answers, or has answered a short while ago."""
        if self.is_writable:
            return getattr(self.find(), operation)(*args, **kwargs)
        name = normal(args[0]) if args else ""
        remembers = operation in _OF_A_NAME
        if remembers and self.memory.is_missing(name):
            return self._answer_missing(operation, name)
        self.memory.check(self.label)
        try:
            answer = within(self.timeout, getattr(self.storage, operation), *args, **kwargs)
        except Exception as error:
            self._note(error, name, remembers)
            raise
        if operation == "exists" and not answer:
            self.memory.note_missing(name)
        return answer

    def _answer_missing(self, operation: str, name: str) -> bool:
        if operation != "exists":
            raise PathDoesNotExist(name)
        return False

    def _note(self, error: Exception, name: str, remembers: bool) -> None:
        if is_missing(error):
            if remembers:
                self.memory.note_missing(name)
        elif is_unreachable(error):
            self.memory.note_down(error)
            logger.warning(
                "%s does not answer (%s: %s); it is not asked for %g seconds",
                *(self.label, type(error).__name__, error, self.memory.down_for),
            )
        elif not is_answer(error) and self.memory.is_news(error):
            logger.warning("%s fails (%s: %s)", self.label, type(error).__name__, error)


def make_backends(entries: Any, writable: Any) -> list[Backend]:
    """
    Return the backends that a project names.

    Raises ``ImproperlyConfigured`` for what names none, or leads back to what asks for it.
    """
    if isinstance(entries, (str, dict)) or not isinstance(entries, Sequence):
        raise ImproperlyConfigured(
            f"The backends of a FallbackStorage are a list of storages, not {entries!r}."
        )
    if not entries:
        raise ImproperlyConfigured(
            "A FallbackStorage needs backends: FallbackStorage([…]), OPTIONS={'backends': […]}, or "
            "the setting FALLBACK_STORAGES, which has the aliases, dotted paths, classes or "
            "instances of storages."
        )
    backends = [_make_backend(entry) for entry in entries]
    chosen = backends[:1] if writable is None else _choose(backends, writable)
    for backend in chosen:
        backend.allow_writing()
    return backends


def _choose(backends: list[Backend], writable: Any) -> Iterator[Backend]:
    """Yield the backends that ``writable`` names: as ``backends`` does, or by their positions."""
    for wanted in writable:
        same = [each for each in backends if each.entry is wanted]
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            same = backends[wanted : wanted + 1] if wanted >= 0 else []
        found = same or [each for each in backends if wanted in _names(each)]
        if len(found) != 1:
            raise ImproperlyConfigured(
                f"writable names {wanted!r}, which is {len(found)} of the backends. Name one as "
                f"backends does, or by its position from 0: {[each.entry for each in backends]!r}."
            )
        yield found[0]


def _names(backend: Backend) -> list[Any]:
    entry = backend.entry
    return [entry, entry["BACKEND"]] if isinstance(entry, dict) else [entry]


@contextmanager
def resolving(what: str) -> Iterator[None]:
    """Refuse to find what is being found already, which would go on for ever."""
    chain = _resolving.get()
    if what in chain:
        raise ImproperlyConfigured(
            "A FallbackStorage leads back to itself: " + " → ".join([*chain, what]) + "."
        )
    token = _resolving.set((*chain, what))
    try:
        yield
    finally:
        _resolving.reset(token)


def _make_backend(entry: Any) -> Backend:
    given = entry if isinstance(entry, dict) else {"BACKEND": entry}
    unknown = [key for key in given if key not in KEYS]
    if unknown or "BACKEND" not in given:
        raise ImproperlyConfigured(
            f"A backend is an alias, a dotted path, a class, an instance, or a dict with BACKEND "
            f"and other keys of {', '.join(KEYS)}; not {entry!r}."
        )
    label, find = _find(given["BACKEND"], given.get("OPTIONS"))
    timeout = given.get("timeout")
    return Backend(
        entry=entry,
        label=label,
        find=find,
        route=Route(_patterns(given, "only"), _patterns(given, "skip")),
        timeout=timeout,
        memory=Memory(
            missing_for=given.get("missing_for", _MISSING_FOR[timeout is not None]),
            down_for=given.get("down_for", _DOWN_FOR),
        ),
    )


def _patterns(given: dict[str, Any], key: str) -> tuple[str, ...]:
    patterns = given.get(key, ())
    if isinstance(patterns, str):
        raise ImproperlyConfigured(f"{key} is a list of patterns, not the one text {patterns!r}.")
    return tuple(patterns)


def _find(backend: Any, options: Any) -> tuple[str, Callable[[], Any]]:
    """Return what a backend is called, and what returns its storage."""
    if isinstance(backend, DefaultStorage):
        backend = "default"
    if isinstance(backend, str) and backend in storages.backends:
        return backend, _find_alias(backend, options)
    if isinstance(backend, str):
        return backend, _Made(backend, _import(backend), options)
    if callable(backend):
        label = f"{backend.__module__}.{backend.__qualname__}"
        return label, _Made(label, backend, options)
    if isinstance(backend, LazyObject):
        bool(backend)  # have it find what it stands for
        backend = backend.__dict__["_wrapped"]
    if options or not any(hasattr(backend, operation) for operation in OPERATIONS):
        raise ImproperlyConfigured(
            f"{backend!r} is no storage that can be made"
            + (" with OPTIONS: it is made already." if options else ".")
        )
    return type(backend).__name__, _Found(backend)


class _Found:
    """Return a storage that is found already."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __call__(self) -> Any:
        return self._storage


class _Made:
    """Return the storage that a class or a function makes, at once or when it is asked for."""

    def __init__(self, label: str, make: Any, options: Any, *, at_once: bool = True) -> None:
        self._args = label, make, options
        self._storage: Any = self._make() if at_once else None

    def __call__(self) -> Any:
        if self._storage is None:
            self._storage = self._make()
        return self._storage

    def unmade(self) -> _Made:
        """Return what makes another such storage."""
        return _Made(*self._args, at_once=False)

    def _make(self) -> Any:
        label, make, options = self._args
        try:
            return make(**(options or {})) if callable(make) else make
        except TypeError as error:
            raise ImproperlyConfigured(f"The backend {label} cannot be made: {error}.") from error


class _Alias:
    """Return the storage that an alias stands for, also when the settings change."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def __call__(self) -> Any:
        return storages[self._alias]


def _find_alias(alias: str, options: Any) -> Callable[[], Any]:
    if options:
        raise ImproperlyConfigured(
            f"OPTIONS for the alias {alias!r} stand in STORAGES[{alias!r}], not at its mention."
        )
    with resolving(alias):
        storages[alias]  # so that a mistake is told at once
    return _Alias(alias)


def _import(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{path!r} is neither an alias of STORAGES ({', '.join(storages.backends)}) nor the "
            f"dotted path of a storage: {error}."
        ) from error
