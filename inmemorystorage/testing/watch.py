"""
Tests that are watched: their last operations, the handles that they leave open, and their names.

What has to be watched is patched once for a run, never once for a test.
"""

from __future__ import annotations

import contextlib
import random
import string
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, base

from ..files import StoredFile
from .operations import Call, add_observer, capture_storage_operations, remove_observer
from .places import Line, project_line
from .strict import forbid_real_storages
from .tools import TestTool, attribute

# The number of operations in the report of a test that fails.
LAST = 10


class watch_handles(TestTool):
    """
    Warn of handles on files that are open at the end, or are dropped unclosed before.

    The warning is a ``ResourceWarning``, as CPython gives it for real files that are dropped, with
    the line that opened the handle. Handles of storages in memory and on a disk are watched. A
    handle that another thread opened may still be in use at the end, as a live server's response
    is, and is reported only if it is dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handles: weakref.WeakKeyDictionary[File[Any], Opened] = weakref.WeakKeyDictionary()

    def enable(self) -> None:
        """Begin to watch."""
        self._handles = weakref.WeakKeyDictionary()
        self._thread = threading.get_ident()
        add_observer(self)

    def disable(self) -> None:
        """Stop watching; warn of the handles that are open."""
        remove_observer(self)
        self.check()

    def forget(self) -> None:
        """Leave out the handles that were opened so far."""
        if self._handles:
            self._handles = weakref.WeakKeyDictionary()

    def check(self) -> None:
        """Warn of the handles that are open, once."""
        for file, opened in list(self._handles.items()):
            if not file.closed:
                opened.warn(file)
        self.forget()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out handles that a block opens: they may stay open for longer than a test."""
        handles, self._handles = self._handles, weakref.WeakKeyDictionary()
        try:
            yield
        finally:
            self._handles = handles

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Watch the handle that an operation opens."""
        file = proceed(call)
        is_in_memory = isinstance(file, StoredFile)
        is_known = is_in_memory or isinstance(call.storage, FileSystemStorage)
        if call.op == "open" and not call.is_inner and is_known and isinstance(file, File):
            opened = Opened(call.name)
            if is_in_memory:
                file.__class__ = WatchedFile
                file.opened = opened  # type: ignore[attr-defined]
            if threading.get_ident() == self._thread:
                self._handles[file] = opened
        return file


class Opened:
    """
    Where a handle was opened; it warns once.

    :param name: the name of the file.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._line: Line | None = project_line()

    def warn(self, file: File[Any]) -> None:
        """Warn of a file that is open."""
        if self._line is not None:
            message = f"unclosed file {self._name!r}, opened at {self._line}"
            self._line = None
            warnings.warn(message, ResourceWarning, stacklevel=2, source=file)


class WatchedFile(StoredFile):
    """A file in memory that warns when it is dropped unclosed."""

    opened: Opened | None = None

    def __del__(self) -> None:
        if self.opened and not self.closed:
            self.opened.warn(self)


class deterministic_names(TestTool):
    """
    Let the random letters of alternative names (``photo_a1B2c3D.png``) follow a seed.

    :param seed: the same seed gives the same names, in the same order; a callable is called for
        it when the first name is needed.
    """

    def __init__(self, seed: int | str | bytes | Callable[[], Any] = 0) -> None:
        super().__init__()
        self._exits: list[contextlib.ExitStack] = []
        self.restart(seed)

    def restart(self, seed: Any) -> None:
        """Begin again with the first name of a seed."""
        self._seed = seed
        self._random: random.Random | None = None

    def enable(self) -> None:
        """Begin with the first name."""
        self.restart(self._seed)
        with contextlib.ExitStack() as stack:
            stack.enter_context(attribute(base, "get_random_string", self._choose))
            self._exits.append(stack.pop_all())

    def disable(self) -> None:
        """Let the letters be random again."""
        self._exits.pop().close()

    def _choose(
        self, length: int, allowed_chars: str = string.ascii_letters + string.digits
    ) -> str:
        if self._random is None:
            self._random = random.Random(self._seed() if callable(self._seed) else self._seed)
        return "".join(self._random.choices(allowed_chars, k=length))


class Watch(TestTool):
    """
    Watch tests, each as if the watch had just begun: operations, open handles, and names.

    :param strict: ``"writes"`` or ``"reads"`` fails tests that do so on a real storage.
    """

    def __init__(self, strict: str = "") -> None:
        super().__init__()
        self.operations = capture_storage_operations(limit=LAST)
        self.handles = watch_handles()
        self._names = deterministic_names()
        self._real = forbid_real_storages(reads=strict == "reads") if strict else None
        self._depth = 0

    @property
    def is_strict(self) -> bool:
        """Return whether tests may not use real storages."""
        return self._real is not None

    def enable(self) -> None:
        """Begin to watch, unless that has begun."""
        self._depth += 1
        if self._depth == 1:
            for tool in self._tools():
                tool.enable()

    def disable(self) -> None:
        """Stop watching when this was called as often as `enable`."""
        self._depth -= 1
        if not self._depth:
            with contextlib.ExitStack() as stack:
                for tool in self._tools():
                    stack.callback(tool.disable)

    def _tools(self) -> list[TestTool]:
        strict = [self._real] if self._real else []
        # The operations last, so that those that another tool fails are among them.
        return [self._names, *strict, self.handles, self.operations]

    def begin_test(self, name: Callable[[], str], *, allows_real: bool = False) -> None:
        """
        Forget what the last test did.

        :param name: returns the name of the test, which alternative names of files follow.
        :param allows_real: whether the test may use real storages.
        """
        self.operations.operations.clear()
        self.handles.forget()
        self._names.restart(name)
        if self._real is not None:
            self._real.allows = allows_real

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out of the test what a fixture does in a block that outlasts the test."""
        real = self._real or forbid_real_storages()
        allows, real.allows = real.allows, False
        try:
            with self.handles.paused():
                yield
        finally:
            real.allows = allows

    def end_test(self) -> None:
        """Warn of handles that the test left open; raise an error that it swallowed."""
        self.handles.check()
        if self._real is not None:
            self._real.check()
