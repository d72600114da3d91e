"""What `KeyValueStorage.open` returns: Django's ``File`` on a content of the store."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from django.core.files import File

from .drafts import Draft
from .reading import ContentIO

if TYPE_CHECKING:
    from ..storage import KeyValueStorage

# Bytes that a buffer has: more than Python's own, for a chunk is far away.
_BUFFER = 64 * 1024

# The modes in which nothing is written.
READING = {"r", "rb", "br", "rt", "tr"}


class StoredFile(File):  # type: ignore[type-arg]
    """
    A ``django.core.files.File`` on a handle of its own.

    :param storage: where it is opened again after ``close()``.
    :param stored_name: its name there.
    :param name: what it shows as its name.
    :param mode: how it is opened.
    """

    def __init__(self, storage: KeyValueStorage, stored_name: str, name: str, mode: str) -> None:
        self._storage = storage
        self._stored_name = stored_name
        self.name: str = name
        self._begin(mode)

    def _begin(self, mode: str) -> None:
        self.mode = mode
        self.file: Any
        self._draft: Draft | None = None
        self._content: ContentIO | None = None
        self._size: int | None = None
        if mode in READING:
            self._content = self._storage._content(self._stored_name)
            self.file = _stack(self._content, mode)
        else:
            self._draft = self._storage._draft(self._stored_name)
            self.file = self._draft.open(mode, self.name)
            self.mode = self.file.mode

    @property
    def size(self) -> int:
        """Return the number of bytes, those written through this handle included."""
        if self._size is not None:
            return self._size
        if self._draft is not None:
            self.file.flush()
            return self._draft.size
        assert self._content is not None
        return self._content.size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> StoredFile:
        """
        Go to the start, or open the file again if it is closed.

        Raises ``ValueError`` if the file is closed and no longer in the storage.
        """
        if not self.closed:
            self.seek(0)
        elif self._storage.exists(self._stored_name):
            self._begin(mode or self.mode)
        else:
            raise ValueError("The file cannot be reopened.")
        return self

    def flush(self) -> None:
        """Have everybody see what was written through this handle."""
        self.file.flush()
        if self._draft is not None:
            self._draft.commit()

    def close(self) -> None:
        """Close the handle; what was written is in the store then, or this raises ``OSError``."""
        self.file.close()
        if self._draft is not None:
            self._draft.close()


def _stack(content: ContentIO, mode: str) -> Any:
    """Return what ``open()`` puts on a raw device for reading."""
    buffered = io.BufferedReader(content, _BUFFER)
    if "b" in mode:
        return buffered
    stream: Any = io.TextIOWrapper(buffered, encoding="utf-8")
    stream.mode = mode
    return stream
