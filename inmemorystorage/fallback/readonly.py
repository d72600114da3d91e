"""Lower layers as callers get them: storages and files that refuse to be written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from django.core.files import File
from django.core.files.storage import Storage

from ..exceptions import ReadOnlyStorageError

# The times as dj-inmemorystorage and django-fallback-storage call them, and where files are.
_MORE = {"accessed_time", "created_time", "modified_time", "base_url", "location"}

# What reading needs of a file: the standard library's methods, and those of Django's File.
_OF_READING = {
    *("chunks", "close", "closed", "encoding", "errors", "fileno", "flush", "isatty"),
    *("multiple_chunks", "newlines", "peek", "read", "read1", "readable", "readinto", "readinto1"),
    *("readline", "readlines", "seek", "seekable", "size", "tell"),
}


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
        return LowerLayerFile(self.find().open(name, mode), self, str(name), mode)

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


def _refusing(operation: str) -> Any:
    def refuse(self: _ReadOnlyStream, *args: Any) -> NoReturn:
        raise io.UnsupportedOperation(operation)

    refuse.__name__ = operation
    refuse.__doc__ = "Raise ``UnsupportedOperation``."
    return refuse


class _ReadOnlyStream:
    """
    Read a file, and offer neither its methods that write, nor its name.

    Django's ``File`` opens a closed file again by its name, which is a path if a disk has it.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    write = _refusing("write")
    writelines = _refusing("writelines")
    truncate = _refusing("truncate")

    def writable(self) -> bool:
        """Return false."""
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        if name in _OF_READING:
            return getattr(self._file, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class LowerLayerFile(File):  # type: ignore[type-arg]
    """
    Read a file in its layer; open it again, in any mode, through its storage.

    Django's ``FieldFile`` opens a closed file again, in the mode that the caller asks for.

    :param file: the layer's own file.
    :param storage: the storage that opened it by ``name`` in ``mode``.
    """

    def __init__(self, file: Any, storage: Storage, name: str, mode: str) -> None:
        stream: Any = _ReadOnlyStream(file)
        super().__init__(stream, name)
        self.mode = mode
        self._storage = storage
        self._stored_name = name

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> LowerLayerFile:
        """
        Seek to the start; open a closed file again, in its mode or another.

        Takes the arguments of Python's ``open()``, which Django's ``File`` passes on. Raises
        ``ValueError`` if the file is closed and no longer in the storage.
        """
        if not self.closed:
            self.seek(0)
            return self
        mode = mode or self.mode
        self.file = self._reopen(mode, *args, **kwargs)
        self.mode = mode
        return self

    def _reopen(
        self,
        mode: str,
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        of_text = {"encoding": encoding, "errors": errors, "newline": newline}
        given = [name for name, value in of_text.items() if value is not None]
        if given and "b" in mode:
            raise ValueError(f"binary mode doesn't take an {given[0]} argument")
        if not self._storage.exists(self._stored_name):
            raise ValueError("The file cannot be reopened.")
        if not given:
            return self._storage.open(self._stored_name, mode)
        binary: Any = self._storage.open(self._stored_name, f"{mode.replace('t', '')}b")
        try:
            return io.TextIOWrapper(binary, encoding, errors, newline)
        except BaseException:
            binary.close()
            raise
