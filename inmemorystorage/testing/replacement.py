"""What stands in a storage's place in tests: an in-memory storage that behaves like it."""

from __future__ import annotations

import functools
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage

from ..fallback import FallbackStorage, ReadOnlyStorage
from ..kvstore import KeyValueStorage
from ..storage import InMemoryStorage

# The storages whose files end with the process.
IN_MEMORY = (InMemoryStorage, DjangoInMemoryStorage)


@functools.singledispatch
def replace_storage(storage: Storage) -> InMemoryStorage:
    """
    Return an in-memory storage that behaves like ``storage``.

    This is the table of who behaves like whom, by class. ``FileSystemStorage`` and what derives
    from it is replaced by an `InMemoryFileSystemStorage`; an in-memory storage stays; any other is
    replaced by an `InMemoryStorage` with the default behavior. Others add their classes:
    ``@replace_storage.register(TheirStorage)``, on a function that takes the storage and returns
    the one in its place; `rebase` helps where projects derive classes from ``TheirStorage``.
    """
    return InMemoryStorage()


@replace_storage.register
def _(storage: InMemoryStorage) -> InMemoryStorage:
    return storage


@replace_storage.register
def _(storage: FallbackStorage) -> InMemoryStorage:
    # It behaves like the first of its backends; what that has in memory is not for tests to see.
    first = storage.backends[0]
    return InMemoryStorage() if isinstance(first, IN_MEMORY) else replace_storage(first)


@replace_storage.register
def _(storage: KeyValueStorage) -> InMemoryStorage:
    return InMemoryStorage(
        base_url=storage._base_url,
        behaves_like=storage.behavior.name,
        allow_overwrite=storage._allow_overwrite,
        querystring_auth=storage.querystring_auth,
        querystring_expire=storage.querystring_expire,
    )


@replace_storage.register
def _(storage: ReadOnlyStorage) -> InMemoryStorage:
    return replace_storage(storage.find())


class InMemoryFileSystemStorage(InMemoryStorage, FileSystemStorage):  # type: ignore[misc]
    """
    A ``FileSystemStorage`` that keeps its files in memory, and lends its paths.

    Takes what ``FileSystemStorage`` takes.
    """

    def __init__(
        self,
        location: Any = None,
        base_url: str | None = None,
        file_permissions_mode: int | None = None,
        directory_permissions_mode: int | None = None,
        allow_overwrite: bool = False,
    ) -> None:
        InMemoryStorage.__init__(
            self,
            base_url=base_url,
            location=location,
            file_permissions_mode=file_permissions_mode,
            directory_permissions_mode=directory_permissions_mode,
            allow_overwrite=allow_overwrite,
            behaves_like="filesystem",
            lend_paths=True,
        )


@replace_storage.register
def _(storage: FileSystemStorage) -> InMemoryStorage:
    kind: Any = type(storage)
    cls = rebase(kind, InMemoryFileSystemStorage)
    args, kwargs = storage._constructor_args  # type: ignore[attr-defined]
    replacement: InMemoryStorage = cls(*args, **kwargs)
    return replacement


@functools.cache
def rebase(cls: Any, in_memory: type[InMemoryStorage]) -> type[InMemoryStorage]:
    """
    Return ``cls`` with ``in_memory`` under it, so that what a project's class overrides is kept.

    :param cls: a class of storages.
    :param in_memory: derives from `InMemoryStorage` first, then from a base class of ``cls``; what
        that base class does, the in-memory storage does in its place.
    """
    if issubclass(in_memory, cls):
        return in_memory

    def reduce(self: InMemoryStorage) -> Any:
        return _make_rebased, (cls, in_memory), self.__getstate__()

    names = {"__module__": cls.__module__, "__doc__": cls.__doc__, "__reduce__": reduce}
    return type(cls.__name__, (cls, in_memory), names)


def _make_rebased(cls: Any, in_memory: Any) -> InMemoryStorage:
    rebased: Any = rebase(cls, in_memory)
    made: InMemoryStorage = rebased.__new__(rebased)
    return made
