"""Make operations on storages fail, or take longer."""

from __future__ import annotations

import contextlib
import copy
import fnmatch
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.core.files import File
from django.core.files.base import ContentFile

from .operations import Call, add_observer, check_operation, remove_observer
from .places import check_name, is_called
from .tools import TestTool


class fail_storage(TestTool):
    """
    Make an operation on storages fail, or take longer.

    :param op: the operation: ``"save"``, ``"open"``, ``"delete"``, ``"exists"``, …
    :param error: the error to raise; ``None`` for an operation that is only slow.
    :param name: a pattern for the names of files, as in ``fnmatch``.
    :param alias: the storage: an alias or ``app.Model.field``; ``None``: any.
    :param after: how many matching operations succeed first.
    :param times: how many fail after those; ``None``: all.
    :param after_bytes: bytes that ``save()``, or the file that ``open()`` returns, writes before it
        fails. The storage's behavior decides what a broken upload leaves.
    :param delay: seconds that each matching operation takes longer. Where time-machine or freezegun
        has stopped the clock, the clock advances instead.
    :param must_fire: whether the end raises ``AssertionError`` if the error was never raised.

    Raises ``ValueError`` for an unknown ``op``, and without an error or a delay.
    """

    def __init__(
        self,
        op: str,
        error: BaseException | type[BaseException] | None = None,
        *,
        name: str = "*",
        alias: str | None = None,
        after: int = 0,
        times: int | None = 1,
        after_bytes: int | None = None,
        delay: float = 0,
        must_fire: bool = True,
    ) -> None:
        super().__init__()
        check_operation(op)
        if error is None and not delay:
            raise ValueError("Give fail_storage() an error to raise, or a delay.")
        if after_bytes is not None and op not in ("save", "open"):
            raise ValueError(f"{op}() writes no bytes; after_bytes is for save and open.")
        self._op = op
        self._error = error
        self._name = name
        self._alias = alias
        self._after = after
        self._times = times
        self._after_bytes = after_bytes
        self._delay = delay
        self._must_fire = must_fire and error is not None
        self.matched = 0
        self.fired = 0

    def enable(self) -> fail_storage:
        """Begin, with both counts at zero."""
        if self._alias is not None:
            check_name(self._alias)
        self.matched = self.fired = 0
        add_observer(self)
        return self

    def disable(self) -> None:
        """End; raise ``AssertionError`` if the error was never raised."""
        remove_observer(self)
        self.check()

    def check(self) -> None:
        """Raise ``AssertionError`` if the error was never raised."""
        if self._must_fire and not self.fired:
            raise AssertionError(
                f"Expected call {self._after + 1} of {self._op}({self._name!r}) to fail, but it "
                f"was called {self.matched} times. Pass must_fire=False if that is intended."
            )

    def __exit__(self, kind: Any, *exception: Any) -> None:
        remove_observer(self)
        if kind is None:  # otherwise the test fails anyway
            self.check()

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Proceed with an operation, or fail it."""
        if not self._matches(call):
            return proceed(call)
        self.matched += 1
        if self._delay:
            wait(self._delay)
        if not self._fails():
            return proceed(call)
        if self._after_bytes is None:
            self.fire()
        return self._break(call, proceed, self._after_bytes or 0)

    def _matches(self, call: Call) -> bool:
        return (
            call.op == self._op
            and fnmatch.fnmatchcase(call.name, self._name)
            and is_called(call.storage, self._alias)
        )

    def _fails(self) -> bool:
        number = self.matched - self._after
        times = number if self._times is None else self._times
        return self._error is not None and 0 < number <= times

    def fire(self) -> None:
        """Raise a copy of the error."""
        assert self._error is not None
        self.fired += 1
        error = self._error
        with contextlib.suppress(TypeError):  # an error that cannot be copied is raised itself
            error = copy.copy(error)
        raise error

    def _break(self, call: Call, proceed: Callable[[Call], Any], limit: int) -> Any:
        if call.op == "save":
            reader = BreakingReader(with_chunks(call.content), limit, self.fire)
            return proceed(call.with_content(BreakingFile(reader)))
        file = proceed(call)
        file.file = BreakingStream(file.file, limit, self.fire)
        return file


def with_chunks(content: Any) -> Any:
    """Return a content, as ``Storage.save()`` accepts it, as an object with ``chunks()``."""
    if isinstance(content, (bytes, str)):
        return ContentFile(content)
    return content if hasattr(content, "chunks") else File(content)


class BreakingReader:
    """
    Return the first bytes of a content, and then fail.

    Only what the storage calls is called on the content, which may be a pipe that cannot seek, or
    generate its chunks without a file.
    """

    def __init__(self, content: Any, limit: int, fire: Callable[[], None]) -> None:
        self._content = content
        self._left = limit
        self._fire = fire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    def read(self, size: int = -1) -> Any:
        """Read at most the bytes that are left; fail if more are requested."""
        if not self._left:
            self._fire()
        reads_all = size is None or size < 0
        data = self._take(self._content.read(self._left if reads_all else min(size, self._left)))
        if reads_all and not self._left:
            self._fire()
        return data

    def chunks(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Yield the content's chunks until no bytes are left, and then fail."""
        chunks = iter(self._content.chunks(*args, **kwargs))
        while True:
            if not self._left:
                self._fire()
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            yield self._take(chunk)

    def _take(self, data: Any) -> Any:
        taken = data[: self._left]
        self._left -= len(taken)
        return taken


class BreakingFile(File):  # type: ignore[type-arg]
    """A ``File`` over a `BreakingReader`."""

    def __init__(self, reader: Any) -> None:
        super().__init__(reader)

    def chunks(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Yield the reader's chunks."""
        reader: Any = self.file
        chunks: Iterator[Any] = reader.chunks(*args, **kwargs)
        return chunks


class BreakingStream:
    """A stream that accepts a number of bytes, and then fails."""

    def __init__(self, stream: IO[Any], limit: int, fire: Callable[[], None]) -> None:
        self._stream = stream
        self._left = limit
        self._fire = fire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: Any) -> int:
        """Write the bytes that fit, and fail if some do not."""
        fitting = data[: self._left]
        self._left -= len(fitting)
        written = self._stream.write(fitting)
        if len(fitting) < len(data):
            self._stream.flush()
            self._fire()
        return written


def wait(seconds: float) -> None:
    """Wait, or advance a stopped clock."""
    time_machine = sys.modules.get("time_machine")
    travellers = getattr(time_machine, "traveller_stack", None)
    freezegun = sys.modules.get("freezegun.api")
    if travellers:
        travellers[-1].shift(seconds)
    elif freezegun is not None and freezegun.freeze_factories:
        freezegun.freeze_factories[-1].tick(seconds)
    else:
        time.sleep(seconds)
