"""What `InMemoryStorage.open` returns: Django's ``File`` around a handle."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

from django.core.files import File

if TYPE_CHECKING:
    from .nodes import InMemoryFile
    from .storage import InMemoryStorage


class StoredFile(File):  # type: ignore[type-arg]
    """
    A ``django.core.files.File`` on a handle of its own.

    :param storage: where it is reopened after ``close()``.
    :param stored_name: its name there.
    :param node: the file that the handle is on.
    :param stream: the handle.
    """

    def __init__(
        self, storage: InMemoryStorage, stored_name: str, node: InMemoryFile, stream: IO[Any]
    ) -> None:
        # All that File.__init__ does, without looking for what is known to be there.
        self.file = stream
        self.name = stream.name
        self.mode = stream.mode
        self._storage = storage
        self._stored_name = stored_name
        self._node = node
        self._size: int | None = None

    @property
    def size(self) -> int:  # type: ignore[override]
        """Return the number of bytes, those written through this handle included."""
        if self._size is not None:
            return self._size
        if self._storage.behavior.caches_handle_size:
            self._size = self._size_at_name()
            return self._size
        if self.writable():
            self.flush()
        return self._node.size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size

    def _size_at_name(self) -> int:
        try:
            return self._storage.size(self._stored_name)
        except OSError:
            position = self.tell()
            size = self.seek(0, os.SEEK_END)
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
            reopened = self._storage._open(self._stored_name, mode or self.mode)
            self.file, self._node = reopened.file, reopened._node
        else:
            raise ValueError("The file cannot be reopened.")
        return self
