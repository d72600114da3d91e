"""What a backend is asked: with a limit of time, and a memory of what it has said."""

from __future__ import annotations

import contextvars
import functools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

# How many names are remembered at most.
_ROOM = 10_000


class _Worker(threading.Thread):
    """A thread that does one thing after the other; clients keep their connections by thread."""

    def __init__(self) -> None:
        # No executor's: Python waits at its end for the threads of those, however long they take.
        super().__init__(name="FallbackStorage", daemon=True)
        self.work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Do what comes."""
        while True:
            self._do(*self.work.get())

    def _do(self, answer: Future[Any], function: Callable[[], Any]) -> None:
        """Answer; be there for others before somebody is told, who may ask the next question."""
        try:
            result = function()
        except BaseException as error:
            _idle[os.getpid()].append(self)
            answer.set_exception(error)
        else:
            _idle[os.getpid()].append(self)
            answer.set_result(result)


# Of each process, since threads do not live on in one that is forked off. The last one that was
# used comes first, with its connections.
_idle: defaultdict[int, list[_Worker]] = defaultdict(list)


def _worker() -> _Worker:
    try:
        return _idle[os.getpid()].pop()
    except IndexError:
        return _Worker()


def within(seconds: float | None, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """
    Return what a function does, in another thread if it has a limit of time.

    Raises ``TimeoutError`` when the time is over; the thread then goes on by itself, and what comes
    of it is lost.
    """
    if seconds is None:
        return function(*args, **kwargs)
    answer: Future[Any] = Future()
    context = contextvars.copy_context()
    work = functools.partial(context.run, function, *args, **kwargs)
    _worker().work.put((answer, work))
    try:
        return answer.result(seconds)
    except FutureTimeoutError as error:
        if answer.done():  # it has raised that by itself
            raise
        raise TimeoutError(f"no answer within {seconds} seconds") from error


@dataclass
class Memory:
    """
    What a backend has said a short while ago.

    :param missing_for: seconds for which a name that was not there is taken not to be.
    :param down_for: seconds for which a backend that did not answer is not asked.
    """

    missing_for: float
    down_for: float
    _missing: dict[str, float] = field(default_factory=dict)
    _down: tuple[float, str] = (0.0, "")
    _known: set[str] = field(default_factory=set)

    def __getstate__(self) -> dict[str, Any]:
        # The clock is another one elsewhere.
        return {"missing_for": self.missing_for, "down_for": self.down_for}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def is_missing(self, name: str) -> bool:
        """Return whether a name was not there, a short while ago."""
        return self._missing.get(name, 0.0) > time.monotonic()

    def note_missing(self, name: str) -> None:
        """Remember that a name is not there."""
        if not self.missing_for:
            return
        if len(self._missing) >= _ROOM:
            self._missing.clear()
        self._missing[name] = time.monotonic() + self.missing_for

    def is_news(self, error: Exception) -> bool:
        """Return whether an error is the first of its class."""
        known = type(error).__name__ in self._known
        self._known.add(type(error).__name__)
        return not known

    def note_down(self, error: Exception) -> None:
        """Remember that the backend has not answered."""
        self._down = time.monotonic() + self.down_for, f"{type(error).__name__}: {error}"

    def check(self, label: str) -> None:
        """Raise ``ConnectionError`` while a backend that did not answer is left alone."""
        until, reason = self._down
        left = until - time.monotonic()
        if left > 0:
            raise ConnectionError(
                f"{label} did not answer ({reason}); it is asked again in {left:.0f} seconds"
            )
