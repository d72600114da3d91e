"""
Find the operation and the project's line that caused a request to a bucket.

Clients send requests in pools of threads too, where neither the stack nor a context variable
shows the operation. While causes are noted, work that is submitted to a pool has the cause of the
code that submits it.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import weakref
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from types import FrameType
from typing import Any, NamedTuple, TypeGuard

from django.core.files.base import File
from django.core.files.storage import Storage

from .bucket_floor import BucketFloor
from .operations import Call, operations_observed_by
from .places import Line, project_line
from .real_requests import watchers
from .tools import Overlapping, method


class Cause(NamedTuple):
    """
    Why a request is sent.

    :param op: the operation that sends it, or that opened the file that sends it; ``None`` for a
        request that the project sends through a client or a bucket.
    :param name: the name that was passed to the operation, or an empty string.
    :param storage: the storage of the operation.
    :param line: the line of the project that called the operation, the file or the client.
    """

    op: str | None
    name: str
    storage: Storage | None
    line: Line


# The cause of what the running operation, or the running work of a pool, does.
_running: ContextVar[Cause | None] = ContextVar("_running", default=None)
# Other variables that work of a pool has from the code that submits it.
carried: list[ContextVar[Any]] = []
# The operations that opened files; a file sends requests after its operation has ended.
_opened: weakref.WeakKeyDictionary[File[Any], Cause] = weakref.WeakKeyDictionary()


def current_cause() -> Cause:
    """
    Return the cause of a request that is sent now.

    It is the running operation; else the operation that opened the file whose method is running;
    else the project's line, which in a pool of a client is the one that submitted the work.
    """
    running = _running.get()
    if running is not None and running.op is not None:
        return running
    line = calling_line()
    opened = _running_file()
    return Cause(None, "", None, line) if opened is None else opened._replace(line=line)


def calling_line() -> Line:
    """Return the project's line, which in a pool of threads may be the one that submitted work."""
    running = _running.get()
    return project_line(running and running.line)


def _running_file() -> Cause | None:
    """Return the operation that opened the innermost file of which a method is running."""
    frame: FrameType | None = sys._getframe(1) if _opened else None
    while frame is not None:
        if frame.f_code.co_varnames[:1] == ("self",):
            file = frame.f_locals.get("self")
            if _is_file(file) and file in _opened:
                return _opened[file]
        frame = frame.f_back
    return None


def _is_file(value: Any) -> TypeGuard[File[Any]]:
    """Return whether a value is a file that can be a key."""
    return isinstance(value, File) and isinstance(value, Hashable)


@contextlib.contextmanager
def caused_by(cause: Cause) -> Iterator[None]:
    """Note a cause of what a block does."""
    token = _running.set(cause)
    try:
        yield
    finally:
        _running.reset(token)


def _submit(
    submit: Callable[..., Any],
    executor: ThreadPoolExecutor,
    function: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Submit work that has the cause of the code that submits it."""
    values = [(each, each.get()) for each in carried]
    work = functools.partial(_work, current_cause(), values, function)
    return submit(executor, work, *args, **kwargs)


def _work(
    cause: Cause,
    values: list[tuple[ContextVar[Any], Any]],
    function: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    with contextlib.ExitStack() as stack:
        stack.enter_context(caused_by(cause))
        for variable, value in values:
            stack.callback(variable.reset, variable.set(value))
        return function(*args, **kwargs)


class _Noting:
    """Note the cause of what each operation does."""

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Proceed with an operation, and remember the file that it opened."""
        if not (BucketFloor.active or watchers):  # no request is seen
            return proceed(call)
        cause = Cause(call.op, call.name, call.storage, calling_line())
        with caused_by(cause):
            answer = proceed(call)
        if call.op == "open" and _is_file(answer):
            _opened[answer] = cause
        return answer


@contextlib.contextmanager
def _noting() -> Iterator[None]:
    with operations_observed_by(_Noting()), method(ThreadPoolExecutor, "submit", _submit):
        yield
    _opened.clear()


# For blocks in which `current_cause` is called.
noting_causes = Overlapping(_noting)
