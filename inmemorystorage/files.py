"""What `InMemoryStorage.open` returns: Django's ``File`` around a handle."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.files import File

from .handles import open_stream

if TYPE_CHECKING:
    from .nodes import InMemoryFile
    from .storage import InMemoryStorage


def as_datetime(timestamp: float) -> datetime:
    """Return a time as Django's storages do: in UTC if USE_TZ is set, else naive and local."""
    return datetime.fromtimestamp(timestamp, tz=timezone.utc if settings.USE_TZ else None)


class StoredFile(File):  # type: ignore[type-arg]
    """
    A ``django.core.files.File`` on a handle of its own.

    The handle's io stack is built when it is first needed: most files are opened to be read once,
    as a whole, and that takes the content by reference (see ``benchmarks/``).

    :param storage: where it is reopened after ``close()``.
    :param stored_name: its name there.
    :param node: the file that the handle is on.
    :param mode: how it was opened.
    """

    def __init__(
        self, storage: InMemoryStorage, stored_name: str, node: InMemoryFile, mode: str
    ) -> None:
        # File.__init__ is not called: it would look for what is known, and need the stack.
        self._storage = storage
        self._stored_name = stored_name
        # A path() of a subclass may answer otherwise later.
        is_said = storage._has_own_path
        self._name: str | None = storage._file_name(stored_name) if is_said else None
        self._size: int | None = None
        self._begin(node, mode)
        self.mode = mode if self._stream is None else self._stream.mode

    def _begin(self, node: InMemoryFile, mode: str) -> None:
        self._node = node
        self._position = 0
        self._is_closed = False
        self._stream: IO[Any] | None = None
        if mode != "rb":
            self._stream = open_stream(node, self._handle_name, mode)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {self!r}: it is an open file. Pickle its name instead.")

    @property
    def _handle_name(self) -> str:
        name = self._name
        return self._storage._handle_name(self._stored_name) if name is None else name

    @property
    def name(self) -> str:
        """Return the path or the name, as the storage's behavior has it."""
        if self._name is None:
            self._name = self._storage._file_name(self._stored_name)
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        # What the name's truth would be; the name itself may be a path, which lends the file.
        return bool(self._stored_name if self._name is None else self._name)

    @property
    def file(self) -> IO[Any]:
        """Return the handle's io stack."""
        if self._stream is None:
            self._stream = open_stream(self._node, self._handle_name, "rb")
            if self._position:
                self._stream.seek(self._position)
            if self._is_closed:
                self._stream.close()
        return self._stream

    @file.setter
    def file(self, stream: IO[Any]) -> None:
        self._stream = stream

    @property
    def closed(self) -> bool:
        """Return whether the handle is closed."""
        return self._is_closed if self._stream is None else self._stream.closed

    def close(self) -> None:
        """Close the handle, and write what is still in its buffer."""
        if self._stream is None:
            self._is_closed = True
        else:
            self._stream.close()

    def read(self, *size: Any) -> Any:
        """Return the rest of the content, or as much of it as ``size`` says."""
        if size or self._stream is not None or self._is_closed:
            return self.file.read(*size)
        content = self._node.read_at(self._position)
        self._position += len(content)
        return content

    def is_whole(self) -> bool:
        """Return whether the handle is open for reading bytes, and none of them are buffered."""
        # Not by `mode`: that stays what it was where the file is opened again in another.
        return self._stream is None and not self._is_closed

    def whole(self) -> bytes:
        """Return all the content, and leave the handle at its end."""
        self.seek(0, os.SEEK_END)
        return self._node.read_at(0)

    @property
    def size(self) -> int:
        """Return the number of bytes, those written through this handle included."""
        if self._size is None and self._storage.behavior.caches_handle_size:
            self._size = self._size_at_name()
        if self._size is not None:
            return self._size
        if self._stream is not None and self.writable():
            self._stream.flush()
        return self._node.size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size

    def _size_at_name(self) -> int:
        try:
            return self._storage.size(self._stored_name)
        except OSError:
            position = self.tell()
            size: int = self.seek(0, os.SEEK_END)
            self.seek(position)
            return size

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> StoredFile:
        """
        Rewind the handle, or open the file again if it is closed.

        Raises ``ValueError`` if the file is closed and no longer in the storage.
        """
        if not self.closed:
            self.seek(0)
        elif self._storage.exists(self._stored_name):
            mode = mode or self.mode
            self._begin(self._storage._open_node(self._stored_name, mode), mode)
        else:
            raise ValueError("The file cannot be reopened.")
        return self
