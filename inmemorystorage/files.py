"""The ``File`` that ``open()`` of a storage returns."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any, NoReturn, Protocol

from django.conf import settings
from django.core.files import File

from .behaviors import Behavior
from .streams import open_stream, parse_mode

if TYPE_CHECKING:
    from .tree.nodes import Content, InMemoryFile


def as_datetime(timestamp: float) -> datetime:
    """Return a time as Django's storages do: in UTC if USE_TZ is set, else naive and local."""
    return datetime.fromtimestamp(timestamp, tz=timezone.utc if settings.USE_TZ else None)


class FileOwner(Protocol):
    """The storage that opened a `StoredFile`: what the file calls of it."""

    behavior: Behavior

    def size(self, name: str) -> int:
        """Return the size of the file that has a name now."""

    def exists(self, name: str) -> bool:
        """Return whether a file has a name now."""

    def _file_name(self, name: str, *, lends: bool) -> str: ...

    def _open_node(self, name: str, mode: str) -> InMemoryFile: ...


class StoredFile(File):  # type: ignore[type-arg]
    """
    A ``django.core.files.File`` on a new handle.

    The handle's io stack is built when it is first needed: most files are opened to be read once,
    as a whole, and that takes the content by reference (see ``benchmarks/``).

    :param node: the file that the handle is on.
    :param stored_name: its name in the storage.
    :param mode: how it was opened.
    :param owner: the storage. Not three callables of it, which would make ``open()`` a third
        slower.
    """

    def __init__(self, node: InMemoryFile, stored_name: str, mode: str, owner: FileOwner) -> None:
        # File.__init__ is not called: it reads the name and the size, which need the stack.
        self._node = node
        self._stored_name = stored_name
        self._owner = owner
        self._name: str | None = None
        self._size: int | None = None
        self._position = 0
        self._is_closed = False
        self._stream: IO[Any] | None = None
        self.mode = mode
        if mode != "rb":
            self._stream = open_stream(node, self._handle_name(lends=False), mode)
            self.mode = self._stream.mode

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {self!r}: it is an open file. Pickle its name instead.")

    def _handle_name(self, lends: bool) -> str:
        if self._name is not None:
            return self._name
        # Without the method, the owner is a bucket again, for which a test had a stand-in.
        named = getattr(self._owner, "_file_name", None)
        return self._stored_name if named is None else named(self._stored_name, lends=lends)

    @property
    def name(self) -> str:
        """Return the path or the name, depending on the storage's behavior."""
        if self._name is None:
            self._name = self._handle_name(lends=True)
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        # True if the name is, as for File. The stored name is enough, and lends no path.
        return bool(self._stored_name if self._name is None else self._name)

    @property
    def file(self) -> IO[Any]:
        """Return the handle's io stack."""
        if self._stream is None:
            self._stream = open_stream(self._node, self._handle_name(lends=False), "rb")
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

    def whole(self) -> Content:
        """Return all the content, and leave the handle at its end."""
        self.seek(0, os.SEEK_END)
        self._node.access()
        return self._node.shared_content()

    @property
    def size(self) -> int:
        """Return the number of bytes, those written through this handle included."""
        if self._size is None and self._owner.behavior.caches_handle_size:
            self._size = self._find_size()
        if self._size is not None:
            return self._size
        if self._stream is not None and self.writable():
            self._stream.flush()
        return self._node.size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size

    def _find_size(self) -> int:
        try:
            return self._owner.size(self._stored_name)
        except OSError:
            position = self.tell()
            size: int = self.seek(0, os.SEEK_END)
            self.seek(position)
            return size

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> StoredFile:
        """
        Rewind the handle, or open the file again if it is closed.

        The arguments are those of ``open()`` without an opener; as by Django's ``File``, they are
        ignored if the handle is open. Raises ``ValueError`` if the file is closed and no longer in
        the storage.
        """
        if not self.closed:
            self.seek(0)
            return self
        if not self._owner.exists(self._stored_name):
            raise ValueError("The file cannot be reopened.")
        mode = mode or self.mode
        parse_mode(mode, os.devnull, *args, **kwargs)
        node, stream = self._owner._open_node(self._stored_name, mode), None
        if mode != "rb" or args or kwargs:
            stream = open_stream(node, self._handle_name(lends=False), mode, *args, **kwargs)
        self._node, self._stream = node, stream
        self._position, self._is_closed = 0, False
        return self
