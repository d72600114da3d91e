"""Handles that nobody has closed."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from ..files import StoredFile
from .operations import Call, add_observer, remove_observer
from .places import Line, project_line
from .tools import TestTool


class watch_handles(TestTool):
    """
    Warn of handles on files in memory that are dropped unclosed, or are open at the end.

    That is a ``ResourceWarning``, as CPython gives it for real files, with the line that opened it.
    What another thread has opened may still be in use there at the end, as a live server's answer
    is; it is told of only if it is dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handles: weakref.WeakSet[WatchedFile] = weakref.WeakSet()

    def enable(self) -> None:
        """Begin to watch."""
        self._handles = weakref.WeakSet()
        self._thread = threading.get_ident()
        add_observer(self)

    def disable(self) -> None:
        """Warn of what is open still."""
        remove_observer(self)
        for handle in list(self._handles):
            handle.warn()

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Watch what is opened."""
        file = proceed(call)
        if call.op == "open" and not call.is_inner and isinstance(file, StoredFile):
            file.__class__ = WatchedFile
            file.opened_at = project_line()  # type: ignore[attr-defined]
            if threading.get_ident() == self._thread:
                self._handles.add(file)  # type: ignore[arg-type]
        return file


class WatchedFile(StoredFile):
    """A file that complains when it goes without having been closed."""

    opened_at: Line | None = None

    def warn(self) -> None:
        """Warn once, if it is open."""
        if self.opened_at and not self.closed:
            line, self.opened_at = self.opened_at, None
            message = f"unclosed file {self._stored_name!r} in memory, opened at {line}"
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)

    def __del__(self) -> None:
        self.warn()
