"""The ``File`` that ``open()`` of a storage returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.files import File

from .tree.handles import open_stream

if TYPE_CHECKING:
    from .tree.nodes import InMemoryFile


def as_datetime(timestamp: float) -> datetime:
    """Return a time as Django's storages do: in UTC if USE_TZ is set, else naive and local."""
    return datetime.fromtimestamp(timestamp, tz=timezone.utc if settings.USE_TZ else None)


class StoredFile(File):  # type: ignore[type-arg]
    """
    A ``django.core.files.File`` on a new handle.

    The handle's io stack is built when it is first needed: most files are opened to be read once,
    as a whole, and that takes the content by reference (see ``benchmarks/``).

    :param node: the file that the handle is on.
    :param stored_name: its name in the storage.
    :param mode: how it was opened.
    :param reopen: returns the file with a stored name, opened again in a mode; raises
        ``ValueError`` if there is none.
    :param named: returns the path that is the ``name`` of a file with a stored name, and, if its
        second argument is true, makes sure that the file is there; by default ``name`` is the
        stored name.
    :param size_at: returns the size of the file with a stored name, if ``size`` is the size of the
        file that has the name when it is first asked, rather than that of this one.
    """

    def __init__(
        self,
        node: InMemoryFile,
        stored_name: str,
        mode: str,
        reopen: Callable[[str, str], InMemoryFile],
        named: Callable[[str, bool], str] | None,
        size_at: Callable[[str], int] | None,
    ) -> None:
        # File.__init__ is not called: it asks for the name and the size, which need the stack.
        self._node = node
        self._stored_name = stored_name
        self._reopen = reopen
        self._named = named
        self._size_at = size_at
        self._name: str | None = None
        self._size: int | None = None
        self._position = 0
        self._is_closed = False
        self._stream: IO[Any] | None = None
        self.mode = mode
        if mode != "rb":
            self._stream = open_stream(node, self._said_name(lends=False), mode)
            self.mode = self._stream.mode

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {self!r}: it is an open file. Pickle its name instead.")

    def _said_name(self, lends: bool) -> str:
        if self._name is not None:
            return self._name
        if self._named is None:
            return os.fspath(self._stored_name)
        return self._named(self._stored_name, lends)

    @property
    def name(self) -> str:
        """Return the path or the name, as the storage's behavior says."""
        if self._name is None:
            self._name = self._said_name(lends=True)
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        # As File: the truth of the name. The stored name is enough, and lends no path.
        return bool(self._stored_name if self._name is None else self._name)

    @property
    def file(self) -> IO[Any]:
        """Return the handle's io stack."""
        if self._stream is None:
            self._stream = open_stream(self._node, self._said_name(lends=False), "rb")
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
        """Close the handle, and write its buffer."""
        if self._stream is None:
            self._is_closed = True
        else:
            self._stream.close()

    def read(self, *size: Any) -> Any:
        """Return the rest of the content, or ``size`` bytes or characters of it."""
        if size or self._stream is not None or self._is_closed:
            return self.file.read(*size)
        content = self._node.read_at(self._position)
        self._position += len(content)
        return content

    def is_whole(self) -> bool:
        """Return whether the handle is open for reading bytes, and none of them are buffered."""
        # Not by `mode`, which stays the first one when the file is reopened in another.
        return self._stream is None and not self._is_closed

    def whole(self) -> bytes:
        """Return all the content, and leave the handle at its end."""
        self.seek(0, os.SEEK_END)
        return self._node.read_at(0)

    @property
    def size(self) -> int:
        """Return the number of bytes, those written through this handle included."""
        if self._size is None and self._size_at is not None:
            self._size = self._find_size(self._size_at)
        if self._size is not None:
            return self._size
        if self._stream is not None and self.writable():
            self._stream.flush()
        return self._node.size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size

    def _find_size(self, size_at: Callable[[str], int]) -> int:
        try:
            return size_at(self._stored_name)
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
            return self
        mode = mode or self.mode
        self._node = self._reopen(self._stored_name, mode)
        self._position, self._is_closed, self._stream = 0, False, None
        if mode != "rb":
            self._stream = open_stream(self._node, self._said_name(lends=False), mode)
        return self
