"""Replace buckets, key-value stores and other storages without a directory in tests."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar
from unittest.mock import NonCallableMock

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.core.signals import setting_changed
from django.utils.functional import cached_property

from ..fallback import FallbackStorage, ReadOnlyStorage
from ..kvstore import KeyValueStorage
from ..storage import InMemoryStorage
from .bucket_floor import floor_of
from .floor import is_static
from .operations import prepared_by
from .places import is_installed
from .shared import is_shared


@functools.singledispatch
def replace_storage(storage: Storage) -> Storage:
    """
    Return the in-memory storage whose code and files replace those of a storage.

    A storage that needs no replacement is returned itself: one on a disk, which is moved, one in
    memory, and one that delegates to other storages. The replacement of any other is an
    `InMemoryStorage` with the default behavior. Packages register a function for their storages:
    ``@replace_storage.register(TheirStorage)``, on a function that takes the storage and returns an
    `InMemoryStorage`. The storage keeps its attributes, the name of its class, and the overrides of
    subclasses of the class that implements it.
    """
    return InMemoryStorage()


@replace_storage.register(FileSystemStorage)
@replace_storage.register(InMemoryStorage)
@replace_storage.register(DjangoInMemoryStorage)
@replace_storage.register(FallbackStorage)
@replace_storage.register(ReadOnlyStorage)
def _stays(storage: Storage) -> Storage:
    return storage


@replace_storage.register
def _(storage: KeyValueStorage) -> Storage:
    if is_shared(storage):
        return storage
    return InMemoryStorage(
        base_url=storage._base_url,
        behaves_like=storage.behavior.name,
        allow_overwrite=storage._allow_overwrite,
        querystring_auth=storage.querystring_auth,
        querystring_expire=storage.querystring_expire,
    )


class Replacements:
    """
    Replace storages in place, until `close()`.

    A storage that is not known at first is replaced at its first operation, if the class that
    implements it is installed, or implements a storage that was replaced before. Classes of test
    modules stay, and installed ones without attributes: fakes, which connect to nothing. So does a
    storage with a mock, such as that of its client, which the test that made it looks at. Storages
    that are equal, by their entry of STORAGES or as ``deconstruct()`` describes them, share their
    files.
    """

    # What callers chose, which all replacements leave alone.
    _chosen: ClassVar[list[Storage]] = []

    def __init__(self, chosen: Iterable[Storage] = ()) -> None:
        self._stack = contextlib.ExitStack()
        for storage in chosen:
            self._chosen.append(storage)
            self._stack.callback(self._chosen.remove, storage)
        self._backends: set[type | None] = set()
        self._settled: list[Storage] = []
        self._stand_ins: list[tuple[Any, InMemoryStorage]] = []
        self._stack.enter_context(prepared_by(self._replace_before_use))

    def close(self) -> None:
        """Restore all storages."""
        self._stack.close()

    def _replace_before_use(self, storage: Storage) -> None:
        cls = type(storage)
        backend = None if replace_storage.dispatch(cls) is _stays else backend_of(cls)
        if backend is None or floor_of(storage) is not None or _has_mock(storage):
            return
        if backend in self._backends or (is_installed(backend) and vars(storage)):
            self.replace(storage)

    def choose(self, storage: Storage, chosen: Storage) -> None:
        """Replace a storage by one that the caller chose."""
        self._settled.append(storage)
        if vars(storage) is not vars(chosen):
            self._stack.enter_context(turned_into(storage, type(chosen), vars(chosen)))

    def replace(self, storage: Storage, entry: Any = None) -> None:
        """Replace a storage, which may be that of an entry of STORAGES, unless it stays."""
        settled = (*self._settled, *self._chosen)
        if is_static(storage) or any(storage is each for each in settled):
            return
        if floor_of(storage) is not None:
            return
        stand_in = replace_storage(storage)
        if not isinstance(stand_in, InMemoryStorage) or stand_in is storage:
            return
        self._backends.add(backend_of(type(storage)))
        self._share(stand_in, _description(storage, entry))
        state = {**vars(storage), **vars(stand_in)}
        # The replacement follows the settings for both.
        vars(stand_in).update(state)
        kinds: Any = type(storage), type(stand_in)
        cls = stand_in_class(*kinds)
        self._stack.enter_context(turned_into(storage, cls, vars(stand_in)))
        self._settled.append(storage)

    def _share(self, stand_in: InMemoryStorage, description: Any) -> None:
        """Share the files of the replacement of an equal storage, if one is known."""
        for known, other in self._stand_ins:
            if known == description:
                stand_in.filesystem = other._own_tree
        self._stand_ins.append((description, stand_in))


def _has_mock(storage: Storage) -> bool:
    return any(issubclass(type(each), NonCallableMock) for each in vars(storage).values())


def _description(storage: Any, entry: Any) -> Any:
    """Return a value that is equal for equal storages."""
    if hasattr(storage, "deconstruct"):
        return type(storage), storage.deconstruct()
    return entry or object()


@contextlib.contextmanager
def turned_into(storage: Storage, cls: type[Storage], state: dict[str, Any]) -> Iterator[None]:
    """
    Give a storage another class and another state for a block.

    The storage itself is changed, since projects and libraries keep references that are unknown
    here. Migrations still see the storage that the project wrote.
    """
    before: Any = storage.__class__, storage.__dict__
    follow: Any = getattr(storage, "_clear_cached_properties", None)
    follows = setting_changed.disconnect(follow)
    if hasattr(storage, "deconstruct"):
        described = storage.deconstruct()
        state["deconstruct"] = lambda: described
    try:
        storage.__class__ = cls
    except TypeError as error:
        raise ImproperlyConfigured(
            f"A {before[0].__name__} cannot be replaced by a storage in memory, since its class "
            "has __slots__. Take them from the class."
        ) from error
    storage.__dict__ = state
    try:
        yield
    finally:
        storage.__class__, storage.__dict__ = before
        if follows:
            setting_changed.connect(follow)


def backend_of(cls: type[Storage]) -> type | None:
    """Return the class, or the base class, that defines how a class of storages opens or saves."""
    implementing = [each for each in cls.__mro__ if not {"_open", "_save"}.isdisjoint(vars(each))]
    return implementing[-1] if implementing else None


@functools.cache
def stand_in_class(cls: Any, in_memory: Any) -> Any:
    """
    Return a class with the name of ``cls`` and the code of ``in_memory``.

    Overrides in subclasses of the class that implements ``cls`` are kept, and their ``super()``
    finds the methods of ``in_memory``.
    """
    backend = backend_of(cls)
    if backend is None or issubclass(in_memory, cls):
        return in_memory
    hidden = {
        name: Unreachable(backend, name)
        for name, value in _attributes(backend).items()
        if isinstance(value, (property, cached_property)) and not hasattr(in_memory, name)
    }

    def reduce(storage: Any) -> Any:
        return _unpickled, (cls, in_memory), storage.__getstate__()

    names = {**_names(backend), **hidden, "__reduce__": reduce, "_replaces": cls}
    base = type(backend.__name__, (in_memory, backend), names)
    return base if cls is backend else type(cls.__name__, (cls, base), _names(cls))


def is_stand_in(storage: Storage) -> bool:
    """Return whether a storage in memory has replaced another one."""
    return hasattr(type(storage), "_replaces")


def _unpickled(cls: Any, in_memory: Any) -> Any:
    kind = stand_in_class(cls, in_memory)
    return kind.__new__(kind)


def _attributes(cls: type) -> dict[str, Any]:
    return {name: each for owner in reversed(cls.__mro__) for name, each in vars(owner).items()}


def _names(cls: Any) -> dict[str, Any]:
    return {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}


class Unreachable:
    """A property through which code would reach a real storage: a connection, for instance."""

    def __init__(self, cls: type, name: str) -> None:
        self._label = f"{cls.__name__}.{name}"

    def __get__(self, storage: Any, owner: Any = None) -> Any:
        if storage is None:
            return self
        raise AttributeError(
            f"{self._label} would reach a real storage; tests have one in memory instead."
        )
