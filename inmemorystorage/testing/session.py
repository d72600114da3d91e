"""What a run of tests has on all the time: its storages are replaced, and its tests watched."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any, ClassVar

from .live import serve_live_media
from .override import override_storages
from .tools import TestTool
from .watch import Watch

# What strict mode may be: off, for operations that write, or for all; and how it may be written.
_STRICT = {
    "": ("", "0", "false", "no", "off"),
    "writes": ("1", "true", "yes", "on", "writes"),
    "reads": ("reads",),
}


@dataclass(frozen=True)
class Options:
    """
    What a project chooses for a session.

    :param overrides: whether all storages are replaced.
    :param strict: ``""``, ``"writes"`` or ``"reads"``: the operations on real storages that fail.
    """

    overrides: bool
    strict: str

    @classmethod
    def read(cls, overrides: Any, strict: Any, name: str) -> Options:
        """Return the options; raise ``ValueError`` with the ``name`` of a mistaken ``strict``."""
        written = str(strict).lower()
        for known, ways in _STRICT.items():
            if written in ways:
                return cls(bool(overrides), known)
        raise ValueError(f"{name} must be true, false or reads, not {strict!r}.")


class Session:
    """
    Replace all storages during a run of tests, serve their files, and watch the tests.

    ``current`` is the session of the process; a forked process inherits it.
    """

    current: ClassVar[Session | None] = None

    def __init__(self, options: Options) -> None:
        self.watch = Watch(options.strict)
        self._overrides = options.overrides
        self._exits = contextlib.ExitStack()
        self._pid = 0

    @classmethod
    def of_process(cls, options: Options) -> Session:
        """Return the session of this process; begin it where it has not begun."""
        session = cls.current
        if session is None:
            session = cls.current = cls(options)
            session.begin()
        elif session._pid != os.getpid():  # a forked process needs a MEDIA_ROOT of its own
            session._override()
        return session

    def begin(self) -> None:
        """Begin all that the options say."""
        with contextlib.ExitStack() as self._exits:
            self._override()
            self._enable(serve_live_media())
            self._enable(self.watch)
            self._exits = self._exits.pop_all()

    def _override(self) -> None:
        self._pid = os.getpid()
        if self._overrides:
            self._enable(override_storages())

    def _enable(self, tool: TestTool) -> None:
        tool.enable()
        self._exits.callback(tool.disable)

    def end(self) -> None:
        """End all that began."""
        if Session.current is self:
            Session.current = None
        self._exits.close()
