"""The storages that backends are named by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import DefaultStorage, storages
from django.utils.module_loading import import_string

from ..project import unwrap

# What a storage has at least one of.
_OPERATIONS = ("open", "save", "_save", "exists", "delete", "listdir", "size", "url", "path")

_resolving: ContextVar[tuple[str, ...]] = ContextVar("_resolving", default=())


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


def find_storage(backend: Any, options: Any) -> tuple[str, Callable[[], Any]]:
    """Return what a backend is called, and what returns its storage."""
    if isinstance(backend, DefaultStorage):
        backend = "default"
    if isinstance(backend, str) and backend in storages.backends:
        return backend, _find_alias(backend, options)
    if isinstance(backend, str):
        return backend, MadeStorage(backend, _import(backend), options)
    if callable(backend) and not _is_storage(backend):
        label = getattr(backend, "__qualname__", repr(backend))
        return label, MadeStorage(label, backend, options)
    backend = unwrap(backend)
    if options or not _is_storage(backend):
        raise ImproperlyConfigured(
            f"{backend!r} is no storage that can be made"
            + (" with OPTIONS: it is made already." if options else ".")
        )
    return type(backend).__name__, _Ready(backend)


def _is_storage(backend: Any) -> bool:
    is_one = any(hasattr(backend, operation) for operation in _OPERATIONS)
    return is_one and not isinstance(backend, type)


class _Ready:
    """Return a storage that is there already."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __call__(self) -> Any:
        return self._storage


class MadeStorage:
    """Return the storage that a class or a function makes, at once or when it is asked for."""

    def __init__(self, label: str, make: Any, options: Any, *, at_once: bool = True) -> None:
        self._args = label, make, options
        self._storage: Any = self._make() if at_once else None

    def __call__(self) -> Any:
        """Return the storage, made now if it was not."""
        if self._storage is None:
            self._storage = self._make()
        return self._storage

    def unmade(self) -> MadeStorage:
        """Return what makes another such storage."""
        return MadeStorage(*self._args, at_once=False)

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
