"""Layers that fail: time limits, what errors mean, and what is remembered of an answer."""

from __future__ import annotations

import contextvars
import errno
import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import SimpleQueue
from typing import Any, NoReturn

from django.core.exceptions import SuspiciousOperation

from ..exceptions import PathDoesNotExist
from ..forks import PerProcess

# The number of names that a negative cache holds.
_MAX_NAMES = 10_000
# The number of calls to one layer that run in other threads at the same time.
_MAX_CALLS = 50

# Errors of sockets; other errno values are answers about files.
_UNREACHABLE_NUMBERS = {
    *(errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTDOWN),
    *(errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.ENETUNREACH, errno.ETIMEDOUT),
}
# Client libraries raise these for a server that cannot be reached, each in its own exception tree:
# botocore, requests, urllib3, redis, google-auth, azure-core, paramiko.
_UNREACHABLE_NAMES = {
    *("ConnectionError", "TimeoutError", "HTTPClientError", "Timeout", "ConnectTimeout"),
    *("MaxRetryError", "TransportError", "ServiceRequestError", "SSHException", "gaierror"),
}
# Errors about the call, or about what the storage does not support; an OSError is about a file.
_ANSWERS = (
    *(OSError, ValueError, NotImplementedError, AttributeError, TypeError, SuspiciousOperation),
)
# Errors about the form of a name, whether or not a file exists: it leads through a file, names a
# directory, or is too long.
_NAME_ERRORS = {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


class _CallingThread(threading.Thread):
    """A thread that runs one call after another; clients keep a connection for each thread."""

    def __init__(self) -> None:
        # Not a thread of an executor: Python waits for those at exit, however long they take.
        super().__init__(name="FallbackStorage", daemon=True)
        self.calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Run calls as they come."""
        while True:
            self._run_call(*self.calls.get())

    def _run_call(self, answer: Future[Any], call: Callable[[], Any]) -> None:
        # Idle before the answer is set: the caller may ask again at once.
        try:
            result = call()
        except BaseException as error:
            _idle_threads.value.append(self)
            answer.set_exception(error)
        else:
            _idle_threads.value.append(self)
            answer.set_result(result)


# The thread that was used last, with its open connections, is used first.
_idle_threads: PerProcess[list[_CallingThread]] = PerProcess(list)


def _take_thread() -> _CallingThread:
    try:
        return _idle_threads.value.pop()
    except IndexError:
        return _CallingThread()


class TimedCalls:
    """
    Call a layer within a time limit, in other threads.

    :param seconds: the limit; ``None`` for calls in the caller's own thread.

    A call that reaches the limit runs to its end, and its result is dropped. Only so many run at
    the same time, so that a layer which hangs does not take all threads and sockets.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._free = PerProcess(lambda: threading.Semaphore(_MAX_CALLS))

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a function returns; raise ``TimeoutError`` when the limit is reached."""
        if self._seconds is None:
            return function(*args, **kwargs)
        end = time.monotonic() + self._seconds
        context = contextvars.copy_context()
        answer = self._begin(functools.partial(context.run, function, *args, **kwargs))
        try:
            return answer.result(end - time.monotonic())
        except FutureTimeoutError as error:
            if answer.done():  # the function itself raised it
                raise
            raise TimeoutError(f"no answer within {self._seconds} seconds") from error

    def _begin(self, call: Callable[[], Any]) -> Future[Any]:
        """Run a call in another thread, when there is room for it."""
        free = self._free.value
        if not free.acquire(timeout=self._seconds):
            raise TimeoutError(
                f"{_MAX_CALLS} calls have not ended, and no other is begun before one ends"
            )
        answer: Future[Any] = Future()
        answer.add_done_callback(lambda _: free.release())
        try:
            _take_thread().calls.put((answer, call))
        except BaseException:  # no thread can be started
            answer.cancel()
            raise
        return answer


class NegativeCache:
    """
    Remember which names a layer does not have.

    :param seconds: how long a name is remembered.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expiries: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._expiries)

    def __contains__(self, name: str) -> bool:
        return self._expiries.get(name, 0.0) > time.monotonic()

    def add(self, name: str) -> None:
        """Remember that a name does not exist."""
        if not self._seconds:
            return
        # Not move_to_end(): another thread may drop the name in between.
        self._expiries.pop(name, None)
        self._expiries[name] = time.monotonic() + self._seconds
        if len(self) > _MAX_NAMES:
            self._expiries.popitem(last=False)


class Outage:
    """
    Spare a layer that does not answer.

    :param seconds: how long it is not asked.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = 0.0
        self._reason = ""

    def begin(self, error: Exception) -> None:
        """Remember that the layer did not answer."""
        self._reason = f"{type(error).__name__}: {error}"
        self._end = time.monotonic() + self.seconds

    def check(self, label: str) -> None:
        """Raise ``ConnectionError`` until the layer may be asked again."""
        left = self._end - time.monotonic()
        if left > 0:
            raise ConnectionError(
                f"{label} did not answer ({self._reason}); it is asked again in {left:.0f} seconds"
            )


def is_missing(error: BaseException) -> bool:
    """Return whether a layer's error says that the file does not exist."""
    return isinstance(error, FileNotFoundError) or _http_status(error) == 404


def is_unreachable(error: BaseException) -> bool:
    """Return whether an error says that a layer does not answer."""
    names = {cls.__name__ for cls in type(error).__mro__}
    number = getattr(error, "errno", None)
    return not names.isdisjoint(_UNREACHABLE_NAMES) or number in _UNREACHABLE_NUMBERS


def is_answer(error: BaseException) -> bool:
    """Return whether an error is about a name, or about what a storage does not support."""
    return isinstance(error, _ANSWERS)


def _http_status(error: BaseException) -> Any:
    """Return the HTTP status of an error, where boto3 keeps it or where other clients do."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return getattr(error, "status_code", None) or getattr(response, "status_code", None)


def raise_failure(failures: Sequence[tuple[str, Exception]], name: str) -> NoReturn:
    """
    Raise one error for all layers that failed.

    :param failures: each layer's label and error, in their order; at least one.

    If all errors say that the file does not exist, raises ``FileNotFoundError``. Else raises the
    first layer's own error, unless that says "does not exist" and another is about the form of the
    name. The other errors are in its notes, and in ``__context__``.
    """
    chosen = _choose(failures, name)
    others = [(label, error) for label, error in failures if error is not chosen]
    for label, error in others:
        _add_note(chosen, f"{label}: {type(error).__name__}: {error}")
    _raise_all([chosen, *(error for _, error in others)])


def _choose(failures: Sequence[tuple[str, Exception]], name: str) -> Exception:
    errors = [error for _, error in failures]
    if not all(map(is_missing, errors)):
        about_name = [error for error in errors if getattr(error, "errno", None) in _NAME_ERRORS]
        return about_name[0] if about_name and is_missing(errors[0]) else errors[0]
    found = [error for error in errors if isinstance(error, FileNotFoundError)]
    return found[0] if found else PathDoesNotExist(name)


def _add_note(error: Exception, note: str) -> None:
    # BaseException.add_note() is new in Python 3.11.
    error.__dict__.setdefault("__notes__", []).append(note)


def _raise_all(errors: list[Exception]) -> NoReturn:
    """Raise the first error, with the next one as its context, and so on."""
    if errors[1:]:
        try:
            _raise_all(errors[1:])
        finally:
            raise errors[0]
    raise errors[0]
