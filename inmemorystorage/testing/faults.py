"""Operations that fail on purpose."""

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
    Have an operation on storages fail, or take its time.

    :param op: which: ``"save"``, ``"open"``, ``"delete"``, ``"exists"``, …
    :param error: what it raises; ``None`` for an operation that is only slow.
    :param name: a pattern for the names, as ``fnmatch`` takes it.
    :param alias: the storage: an alias or ``app.Model.field``; ``None``: any.
    :param after: how many matching operations work before.
    :param times: how many fail then; ``None``: all.
    :param after_bytes: bytes that are written before it fails, by ``save()`` or through what
        ``open()`` gives. What a broken upload leaves behind is the storage's behavior.
    :param delay: seconds that each matching operation takes longer. A clock that time-machine or
        freezegun holds moves on by that, and nobody waits.
    :param must_fire: whether an error that was never raised fails the test at the end, by an
        ``AssertionError``.

    Raises ``ValueError`` for an ``op`` that there is not, or where there is nothing to do.
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
        """Begin; count from nothing."""
        if self._alias is not None:
            check_name(self._alias)
        self.matched = self.fired = 0
        add_observer(self)
        return self

    def disable(self) -> None:
        """End; fail if nothing has failed that was to."""
        remove_observer(self)
        self.check()

    def check(self) -> None:
        """Raise ``AssertionError`` if nothing has failed that was to."""
        if self._must_fire and not self.fired:
            raise AssertionError(
                f"No {self._op}() of {self._name!r} has failed: there were {self.matched} of them, "
                f"and it was to fail after {self._after}. Say must_fire=False if that is right."
            )

    def __exit__(self, kind: Any, *exception: Any) -> None:
        remove_observer(self)
        if kind is None:  # or something else is wrong already
            self.check()

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Let an operation pass, or fail it."""
        if call.is_inner or not self._matches(call):
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
        """Raise the error, a new one each time."""
        assert self._error is not None
        self.fired += 1
        error = self._error
        with contextlib.suppress(TypeError):  # a class that cannot be copied is raised as it is
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
    """Return what ``Storage.save()`` takes as an object with ``chunks()``."""
    if isinstance(content, (bytes, str)):
        return ContentFile(content)
    return content if hasattr(content, "chunks") else File(content)


class BreakingReader:
    """
    Give so many bytes of a content, and then fail.

    It asks the content only what the storage asks, since the content may be a pipe, which cannot
    seek, or make its chunks without having a file.
    """

    def __init__(self, content: Any, limit: int, fire: Callable[[], None]) -> None:
        self._content = content
        self._left = limit
        self._fire = fire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    def read(self, size: int = -1) -> Any:
        """Read at most the bytes that are left; fail where that is not all that was asked for."""
        if not self._left:
            self._fire()
        reads_all = size is None or size < 0
        data = self._take(self._content.read(self._left if reads_all else min(size, self._left)))
        if reads_all and not self._left:
            self._fire()
        return data

    def chunks(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Yield the content's chunks until no bytes are left, and fail then."""
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
    """A stream that takes so many bytes, and then fails."""

    def __init__(self, stream: IO[Any], limit: int, fire: Callable[[], None]) -> None:
        self._stream = stream
        self._left = limit
        self._fire = fire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: Any) -> int:
        """Write as much as there may be."""
        fitting = data[: self._left]
        self._left -= len(fitting)
        written = self._stream.write(fitting)
        if len(fitting) < len(data):
            self._stream.flush()
            self._fire()
        return written


def wait(seconds: float) -> None:
    """Wait, or have a clock that is held move on."""
    time_machine = sys.modules.get("time_machine")
    travellers = getattr(time_machine, "traveller_stack", None)
    freezegun = sys.modules.get("freezegun.api")
    if travellers:
        travellers[-1].shift(seconds)
    elif freezegun is not None and freezegun.freeze_factories:
        freezegun.freeze_factories[-1].tick(seconds)
    else:
        time.sleep(seconds)
