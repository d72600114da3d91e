"""A storage that can be read, and not written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from django.core.files.storage import Storage

from ..exceptions import ReadOnlyStorageError

# What dj-inmemorystorage and django-fallback-storage call the times, and what says where files are.
_MORE = {"accessed_time", "created_time", "modified_time", "base_url", "location"}


def is_writing(mode: Any) -> bool:
    """Return whether ``open()`` in a mode changes a file, or makes one."""
    return isinstance(mode, str) and not set("wax+").isdisjoint(mode)


def _reading(operation: str) -> Any:
    def read(self: ReadOnlyStorage, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.find(), operation)(*args, **kwargs)

    read.__name__ = operation
    read.__doc__ = f"Return what ``{operation}()`` of the storage does."
    return read


def _writing(operation: str) -> Any:
    def refuse(self: ReadOnlyStorage, name: Any = "", *args: Any, **kwargs: Any) -> NoReturn:
        self.refuse(operation, name)

    refuse.__name__ = operation
    refuse.__doc__ = "Raise `ReadOnlyStorageError`."
    return refuse


class ReadOnlyStorage(Storage):
    """
    Read another storage, and refuse to write it.

    :param find: returns that storage.
    :param label: what it is called.

    Whatever would write raises `ReadOnlyStorageError`. What the other storage has beyond Django's
    storage API is not to be had: some of that might write.
    """

    def __init__(self, find: Callable[[], Any], label: str) -> None:
        self.find = find
        self.label = label

    def __repr__(self) -> str:
        return f"<ReadOnlyStorage: {self.label}>"

    def open(self, name: str, mode: str = "rb") -> Any:
        """Open a file for reading; raise `ReadOnlyStorageError` for any other mode."""
        if is_writing(mode):
            self.refuse(f"open({mode!r})", name)
        return self.find().open(name, mode)

    def refuse(self, operation: str, name: Any) -> NoReturn:
        """Raise `ReadOnlyStorageError` for an operation that would write."""
        raise ReadOnlyStorageError(
            f"{operation} on {self.label}, which is read-only. To have a backend of a "
            "FallbackStorage written, name it in writable=[…]",
            str(name),
        )

    _open = open
    exists = _reading("exists")
    listdir = _reading("listdir")
    size = _reading("size")
    url = _reading("url")
    path = _reading("path")
    get_accessed_time = _reading("get_accessed_time")
    get_created_time = _reading("get_created_time")
    get_modified_time = _reading("get_modified_time")
    get_valid_name = _reading("get_valid_name")
    get_alternative_name = _reading("get_alternative_name")
    generate_filename = _reading("generate_filename")
    save = _writing("save")
    _save = _writing("save")
    delete = _writing("delete")
    # Projects have versions of it that delete the file which has the name.
    get_available_name = _writing("get_available_name")

    def __getattr__(self, name: str) -> Any:
        if name in _MORE:
            return getattr(self.find(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
