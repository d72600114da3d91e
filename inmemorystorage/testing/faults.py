"""Make operations on storages fail, or take longer."""

from __future__ import annotations

import contextlib
import copy
import errno
import fnmatch
import functools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import IO, Any

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from ..buckets.http import Response
from ..forks import PerProcess
from .bucket_floor import Exchange, Proceed, observed_by, sends_requests
from .causes import current_cause, noting_causes
from .clock import retrying_at_once, wait
from .operations import Call, check_operation, operations_observed_by
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
    :param times: how many fail after those, and then no more; ``None``: all.
    :param after_bytes: bytes that ``save()``, or the file that ``open()`` returns, writes before it
        fails. The storage's behavior decides what a broken upload leaves.
    :param delay: seconds that each matching operation takes longer. Where time-machine or freezegun
        has stopped the clock, the clock advances instead.
    :param must_fire: whether the end raises ``AssertionError`` if the error was never raised.

    On a bucket in memory the service can fail instead, so that the client sends its requests again,
    and raises its own error if all fail. ``after`` and ``times`` count requests then, and the
    client does not wait before it sends a request again:

    :param status: the HTTP status with which the service refuses requests: ``403``, ``503``.
    :param throttle: whether the service answers as it does to too many requests.
    :param connection_reset: whether the connection is reset: before the request is answered, or
        after ``after_bytes`` of the request's body or else of the response's body.
    :param timeout: whether the client times out.
    :param latency: seconds that each matching request takes longer, as ``delay``.
    :param kind: a pattern for the kinds of requests: ``"PutObject"``.

    With these, ``op`` includes what the file of an ``open()`` requests, and ``"*"`` stands for all
    requests, also those of clients, whose ``name`` is the key.

    Raises ``ValueError`` for an unknown ``op``, without an error, a fault of the service or a
    delay, and at an operation on a storage that sends no requests if the service should fail.
    """

    def __init__(
        self,
        op: str,
        error: BaseException | type[BaseException] | None = None,
        *,
        name: str = "*",
        alias: str | None = None,
        after: int = 0,
        times: int | None = None,
        after_bytes: int | None = None,
        delay: float = 0,
        must_fire: bool = True,
        status: int | None = None,
        throttle: bool = False,
        connection_reset: bool = False,
        timeout: bool = False,
        latency: float = 0,
        kind: str = "*",
    ) -> None:
        super().__init__()
        faults = _faults(status, throttle, connection_reset, timeout)
        self._is_of_bucket = bool(faults or latency)
        if op != "*" or not self._is_of_bucket:
            check_operation(op)
        if len(faults) > 1 or (error is not None and self._is_of_bucket):
            raise ValueError("Give fail_storage() either an error or one fault of the service.")
        if error is None and not (faults or delay or latency):
            raise ValueError("Give fail_storage() an error to raise, or a delay.")
        if after_bytes is not None and faults and not connection_reset:
            raise ValueError("after_bytes is for an error and for connection_reset.")
        if after_bytes is not None and not faults and op not in ("save", "open"):
            raise ValueError(f"{op}() writes no bytes; after_bytes is for save and open.")
        self._op = op
        self._error = error
        self._name = name
        self._alias = alias
        self._after = after
        self._times = times
        self._after_bytes = after_bytes
        self._delay = delay
        self._fault = faults[0] if faults else None
        self._latency = latency
        self._kind = kind
        self._must_fire = must_fire and (error is not None or bool(faults))
        self._lock = PerProcess(threading.Lock)
        self.matched = 0
        self.fired = 0

    def begin(self, stack: contextlib.ExitStack) -> fail_storage:
        """Begin, with both counts at zero."""
        if self._alias is not None:
            check_name(self._alias)
        self.matched = self.fired = 0
        stack.enter_context(operations_observed_by(self))
        if self._is_of_bucket:
            stack.enter_context(noting_causes)
            stack.enter_context(observed_by(self))
            stack.enter_context(retrying_at_once)
        return self

    def check(self) -> None:
        """Raise ``AssertionError`` if the error was never raised."""
        if self._must_fire and not self.fired:
            called, times = ("call", "called {} times") if self._error else ("request", "sent {}")
            raise AssertionError(
                f"Expected {called} {self._after + 1} of {self._op}({self._name!r}) to fail, but "
                f"it was {times.format(self.matched)}. Pass must_fire=False if that is intended."
            )

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Proceed with an operation, or fail it."""
        if not self._matches(call.op, call.name, call.storage):
            return proceed(call)
        if self._is_of_bucket:
            self._check_bucket(call)
        if self._delay:
            wait(self._delay)
        if self._is_of_bucket or not self._is_next() or self._error is None:
            return proceed(call)
        if self._after_bytes is None:
            self.fire()
        return self._break(call, proceed, self._after_bytes or 0)

    def _matches(self, op: str | None, name: str, storage: Storage | None) -> bool:
        is_meant = self._alias is None or (storage is not None and is_called(storage, self._alias))
        return is_meant and self._op in ("*", op) and fnmatch.fnmatchcase(name, self._name)

    def _is_next(self) -> bool:
        """Count a call or a request; return whether it fails."""
        with self._lock.value:  # clients send requests in several threads
            self.matched += 1
            number = self.matched - self._after
        times = number if self._times is None else self._times
        return 0 < number <= times

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

    def _check_bucket(self, call: Call) -> None:
        if self._op != "*" and not sends_requests(call.storage):
            raise ValueError(
                f"{call.op}({call.name!r}) on the {type(call.storage).__name__} sends no requests "
                "that a service could fail: it is not on a bucket in memory. Pass fail_storage() "
                "an error to raise, or move the storage with inmemorystorage_override or "
                "override_storages()."
            )

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Proceed with a request, or let the service or the connection fail."""
        cause, target = current_cause(), exchange.target
        name = target.key if cause.op is None else cause.name
        is_meant = self._matches(cause.op, name, cause.storage)
        if not is_meant or not fnmatch.fnmatchcase(target.kind, self._kind):
            return proceed(exchange)
        if self._latency:
            wait(self._latency)
        limit = self._after_bytes
        if limit is not None and len(exchange.request.body) <= limit:
            response = proceed(exchange)
            if len(response.body) <= limit or not self._is_next():
                return response
            self.fired += 1
            return replace(response, reset_after=limit)
        if self._fault is None or not self._is_next():
            return proceed(exchange)
        self.fired += 1
        return self._fault(exchange)


Fault = Callable[[Exchange], Response]


def _faults(
    status: int | None, throttle: bool, connection_reset: bool, timeout: bool
) -> list[Fault]:
    """Return the faults that are wanted: they answer a request, or break its connection."""
    faults: list[Fault] = []
    if status is not None:
        faults.append(functools.partial(_refuse, status=status))
    if throttle:
        faults.append(_throttle)
    if connection_reset:
        faults.append(_reset)
    if timeout:
        faults.append(_time_out)
    return faults


def _throttle(exchange: Exchange) -> Response:
    return _refuse(exchange, exchange.service.throttling)


def _refuse(exchange: Exchange, status: int) -> Response:
    response = exchange.service.refuse(status)
    return replace(response, body=b"") if exchange.request.method == "HEAD" else response


def _reset(exchange: Exchange) -> Response:
    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def _time_out(exchange: Exchange) -> Response:
    raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


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
