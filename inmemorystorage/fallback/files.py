"""What is read from a backend that is not to be written."""

from __future__ import annotations

import io
from typing import Any

from django.core.files import File
from django.core.files.storage import Storage

from .readonly import is_writing


class BelowFile(File):  # type: ignore[type-arg]
    """
    A file that is read where it is, and when it is opened for change, opened through its storage.

    Django's ``FieldFile`` opens the file that it has again, in whatever mode.

    :param file: the backend's own.
    :param storage: through which it was opened, by which name and in which mode.
    """

    def __init__(self, file: Any, storage: Storage, name: str, mode: str) -> None:
        super().__init__(file, getattr(file, "name", name))
        self.mode = mode
        self._storage = storage
        self._stored_name = name

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> BelowFile:
        """Go to the start; open a closed file again, in its mode or another."""
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
        """Return whether the file is open for change."""
        return is_writing(self.mode) and super().writable()

    @property
    def write(self) -> Any:
        """Return what writes, of a file that is open for change."""
        return self._changing("write")

    @property
    def writelines(self) -> Any:
        """Return what writes, of a file that is open for change."""
        return self._changing("writelines")

    @property
    def truncate(self) -> Any:
        """Return what cuts off, of a file that is open for change."""
        return self._changing("truncate")

    def _changing(self, operation: str) -> Any:
        if not self.closed and not is_writing(self.mode):
            raise io.UnsupportedOperation(operation)
        return getattr(self.file, operation)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "file":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.file, name)
