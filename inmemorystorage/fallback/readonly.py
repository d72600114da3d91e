"""Lower layers as callers get them: storages and files that refuse to be written."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NoReturn

from django.core.files import File
from django.core.files.storage import Storage

from ..exceptions import ReadOnlyStorageError

# The times as dj-inmemorystorage and django-fallback-storage call them, and where files are.
_MORE = {"accessed_time", "created_time", "modified_time", "base_url", "location"}


def is_writing(mode: Any) -> bool:
    """Return whether ``open()`` in a mode changes a file, or makes one."""
    return isinstance(mode, str) and not set("wax+").isdisjoint(mode)


def _reading(operation: str) -> Any:
    def read(self: ReadOnlyStorage, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.find(), operation)(*args, **kwargs)

    read.__name__ = operation
    read.__doc__ = f"Return what ``{operation}()`` of the storage returns."
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
    :param label: its name in errors.

    Every method that would write raises `ReadOnlyStorageError`. What the other storage has beyond
    Django's storage API is not available: some of it might write.
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
            f"{operation} on {self.label}, which is read-only. To make a backend of a "
            "FallbackStorage writable, name it in writable=[…]",
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
    # Some projects' versions of it delete the file that has the name.
    get_available_name = _writing("get_available_name")

    def __getattr__(self, name: str) -> Any:
        if name in _MORE:
            return getattr(self.find(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class LowerLayerFile(File):  # type: ignore[type-arg]
    """
    Read a file in its layer; open it again, in any mode, through its `FallbackStorage`.

    Django's ``FieldFile`` opens a closed file again, in the mode that the caller asks for.

    :param file: the layer's own file.
    :param storage: the `FallbackStorage`, which opened it by ``name`` in ``mode``.
    """

    def __init__(self, file: Any, storage: Storage, name: str, mode: str) -> None:
        super().__init__(file, getattr(file, "name", name))
        self.mode = mode
        self._storage = storage
        self._stored_name = name

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> LowerLayerFile:
        """Seek to the start; open a closed file again, in its mode or another."""
        if not self.closed:
            self.seek(0)
            return self
        try:
            self.file = self._storage.open(self._stored_name, mode or self.mode)
        except FileNotFoundError as error:
            raise ValueError("The file cannot be reopened.") from error
        self.mode = mode or self.mode
        return self

    def writable(self) -> bool:
        """Return whether the file is open for writing."""
        return is_writing(self.mode) and super().writable()

    @property
    def write(self) -> Any:
        """Return the method, if the file is open for writing."""
        return self._writing_method("write")

    @property
    def writelines(self) -> Any:
        """Return the method, if the file is open for writing."""
        return self._writing_method("writelines")

    @property
    def truncate(self) -> Any:
        """Return the method, if the file is open for writing."""
        return self._writing_method("truncate")

    def _writing_method(self, operation: str) -> Any:
        if not self.closed and not is_writing(self.mode):
            raise io.UnsupportedOperation(operation)
        return getattr(self.file, operation)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "file":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.file, name)
