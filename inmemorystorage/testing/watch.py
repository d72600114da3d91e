"""
Watch tests: their last operations, the handles that they leave open, and random names.

Everything is patched once for a run, never once for a test.
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
from django.core.files.storage import FileSystemStorage, Storage, base

from ..files import StoredFile
from .ledger import OperationLog
from .operations import Call, operations_observed_by
from .orphans import watch_orphans
from .places import Line, project_line
from .repeated import forbid_repeated_operations
from .replacement import is_stand_in
from .strict import forbid_real_storages
from .tools import Overlapping, TestTool, attribute

# The number of operations in the report of a failed test.
LAST = 10


class watch_handles(TestTool):
    """
    Warn about handles that are still open at the end, or were dropped without being closed.

    The warning is a ``ResourceWarning``, as CPython issues it for real files that are dropped, with
    the line that opened the handle. Handles of storages in memory and on a disk are watched. A
    handle that another thread opened may still be in use at the end, as that of a live server's
    response, and is reported only if it is dropped.

    :param moved: whether to watch handles of storages that are moved or replaced, too.
    """

    def __init__(self, *, moved: bool = True) -> None:
        super().__init__()
        self._moved = moved
        self._handles: weakref.WeakKeyDictionary[File[Any], Opened] = weakref.WeakKeyDictionary()

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Begin to watch."""
        self.forget()
        self._thread = threading.get_ident()
        stack.enter_context(operations_observed_by(self))

    def forget(self) -> None:
        """Forget the handles that were opened before."""
        if self._handles:
            self._handles = weakref.WeakKeyDictionary()

    def check(self) -> None:
        """Warn about open handles, once."""
        for file, opened in list(self._handles.items()):
            if not file.closed:
                opened.warn(file)
        self.forget()

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Ignore handles that a block opens, since they may stay open for longer than a test."""
        return attribute(self, "_handles", weakref.WeakKeyDictionary())

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Watch the handle that an operation returns."""
        file = proceed(call)
        if call.op == "open" and self._watches(call.storage, file):
            opened = Opened(call.name)
            if isinstance(file, StoredFile):
                file.__class__ = WatchedFile
                file.opened = opened  # type: ignore[attr-defined]
            if threading.get_ident() == self._thread:
                self._handles[file] = opened
        return file

    def _watches(self, storage: Storage, file: Any) -> bool:
        if isinstance(file, StoredFile):
            return self._moved or not is_stand_in(storage)
        return self._moved and isinstance(storage, FileSystemStorage) and isinstance(file, File)


class Opened:
    """
    The line that opened a handle, to warn about once.

    :param name: the name of the file.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._line: Line | None = project_line()

    def warn(self, file: File[Any]) -> None:
        """Warn about an open file."""
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
    Make the random letters of alternative names (``photo_a1B2c3D.png``) depend on a seed.

    :param seed: the same seed makes the same names, in the same order; or a callable that returns
        it, which is called for the first name.
    """

    def __init__(self, seed: int | str | bytes | Callable[[], Any] = 0) -> None:
        super().__init__()
        self.restart(seed)

    def restart(self, seed: Any) -> None:
        """Start again with the first name of a seed."""
        self._seed = seed
        self._random: random.Random | None = None

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Start with the first name."""
        self.restart(self._seed)
        stack.enter_context(attribute(base, "get_random_string", self._choose))

    def _choose(
        self, length: int, allowed_chars: str = string.ascii_letters + string.digits
    ) -> str:
        if self._random is None:
            self._random = random.Random(self._seed() if callable(self._seed) else self._seed)
        return "".join(self._random.choices(allowed_chars, k=length))


class Watch(TestTool):
    """
    Watch each test's operations, open handles and random names.

    :param strict: ``"writes"`` or ``"reads"``: the operations on real storages that fail; ``""``:
        none.
    :param repeated: fails tests in which a line repeats operations, if there is one.
    :param orphans: whether tests that leave orphans fail.
    """

    def __init__(
        self,
        strict: str = "",
        repeated: forbid_repeated_operations | None = None,
        *,
        orphans: bool = False,
    ) -> None:
        super().__init__()
        self.operations = OperationLog(limit=LAST)
        # A test that passes without the kit must not fail for a warning about a disk or a bucket.
        self.handles = watch_handles(moved=False)
        self._names = deterministic_names()
        self._real = forbid_real_storages(reads=strict == "reads") if strict else None
        self._repeated = repeated
        self._orphans = watch_orphans() if orphans else None
        # Those that note what a test does, and those that check it when the test ends.
        self._noting = _given(self.handles, repeated, self._orphans)
        self._checking = _given(self.handles, self._real, repeated)
        self._overlapping = Overlapping(self._tools_enabled)

    @property
    def is_strict(self) -> bool:
        """Return whether tests may not use real storages."""
        return self._real is not None

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Begin to watch, unless the watch is enabled already."""
        stack.enter_context(self._overlapping)

    @contextlib.contextmanager
    def _tools_enabled(self) -> Iterator[None]:
        optional = _given(self._real, self._repeated, self._orphans)
        with contextlib.ExitStack() as stack:
            # The operations last, so that they include those that another tool fails.
            for tool in (self._names, *optional, self.handles, self.operations):
                stack.enter_context(tool)
            yield
            if self._repeated is not None:
                self._repeated.forget()  # of no test

    def begin_test(self, name: Callable[[], str], *, allows_real: bool = False) -> None:
        """
        Forget the last test.

        :param name: a function that returns the test's name, which seeds alternative names.
        :param allows_real: whether the test may use real storages.
        """
        self.operations.clear()
        for tool in self._noting:
            tool.forget()
        self._names.restart(name)
        if self._real is not None:
            self._real.allows = allows_real

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Ignore the handles of a fixture that outlasts the test, and apply strict mode to it."""
        with contextlib.ExitStack() as stack:
            for tool in _given(self.handles, self._orphans):
                stack.enter_context(tool.paused())
            if self._real is not None:
                stack.enter_context(attribute(self._real, "allows", False))
            yield

    def end_test(self) -> None:
        """Warn about open handles; raise an error that the test swallowed, or for repetitions."""
        for tool in self._checking:
            tool.check()


def _given(*tools: Any) -> list[Any]:
    return [tool for tool in tools if tool is not None]
