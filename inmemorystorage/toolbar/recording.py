"""Record the operations and requests of a page, apart from those of concurrent requests."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from ..buckets.http import Response
from ..testing.bucket_floor import Exchange, Proceed, observed_by
from ..testing.causes import carried, current_cause, noting_causes
from ..testing.floor import is_static
from ..testing.ledger import Repeated, capture_storage_operations, caused_request
from ..testing.operations import Call, operations_observed_by
from ..testing.places import Line, is_in_package, owner_of
from ..testing.real_requests import SentRequest, watched_by
from ..testing.repeated import FREE
from ..testing.tools import Overlapping

# How many operations, and how many requests, a page shows.
ROWS = 500
# Returns the URL of a line of a file.
Link = Callable[[str, int], str]


class Recording(capture_storage_operations):
    """
    The operations and requests of the code that enables it, and of what that code calls.

    Operations of other threads belong to it if they run in a pool to which the code submitted them,
    or in a copy of its context. The URLs of static files are left out: the toolbar has a panel for
    them.
    """

    def __init__(self) -> None:
        super().__init__()
        # When each operation and request began and ended.
        self._spans: list[tuple[float, float]] = []

    def begin(self, stack: contextlib.ExitStack) -> Recording:
        """Begin to record."""
        stack.enter_context(_watching)
        stack.callback(_current.set, _current.get())
        _current.set(self)
        return self

    def disable(self) -> None:
        """Stop recording, unless that was done; keep what was recorded."""
        if self._ends:
            super().disable()

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Record an operation."""
        if call.op == "url" and is_static(call.storage):
            return proceed(call)
        return super().observe(call, functools.partial(self._timed, proceed))

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Record a request that a bucket in memory answers."""
        return super().observe_request(exchange, functools.partial(self._timed, proceed))

    def _timed(self, proceed: Callable[[Any], Any], item: Any) -> Any:
        start = time.perf_counter()
        try:
            return proceed(item)
        finally:
            self._spans.append((start, time.perf_counter()))

    def note(self, sent: SentRequest) -> None:
        """Record a request that was really sent, by an operation or to a known service."""
        cause = current_cause()
        if cause.op is not None or sent.service != "http":
            self.requests.append(caused_request(sent, cause))
            end = time.perf_counter()
            self._spans.append((end - sent.duration, end))

    def stats(self, link: Link) -> dict[str, Any]:
        """
        Return the data of the panel, as JSON knows it. Times are in milliseconds.

        :param link: returns the URL of a line in an editor, or an empty string.
        """
        operations = self._operation_rows(link)
        requests = self._request_rows(link)
        labels = dict.fromkeys(each["alias"] for each in operations)
        return {
            "storages": [_summary(operations, label) for label in labels],
            "shown_requests": requests[:ROWS],
            "operations": len(operations),
            "requests": len(requests),
            "time": covered(self._spans) * 1000,
            "bytes_up": sum(each["up"] for each in requests),
            "bytes_down": sum(each["down"] for each in requests),
            "repeated": sum(each["times"] > 1 for each in (*operations, *requests)),
            "limit": ROWS,
        }

    def _operation_rows(self, link: Link) -> list[dict[str, Any]]:
        repeats = _Repeats(each for each in self.repeated() if each.op not in FREE)
        return [
            {
                "op": each.op,
                "alias": each.alias,
                "name": each.name,
                "bytes": each.bytes,
                "time": each.duration * 1000,
                "error": each.error or "",
                **repeats.marks(each.op, each.alias, each.line, each.name),
                **_place(each.line, link),
            }
            for each in self
        ]

    def _request_rows(self, link: Link) -> list[dict[str, Any]]:
        repeats = _Repeats(self.requests.repeated())
        return [
            {
                "kind": each.kind,
                "method": each.method,
                "service": each.service,
                "bucket": each.bucket,
                "key": each.key,
                "status": each.status,
                "up": each.bytes_up,
                "down": each.bytes_down,
                "time": each.duration * 1000,
                "op": each.op or "",
                "name": each.name,
                **repeats.marks(each.kind, each.bucket, each.line, each.key),
                **_place(each.line, link),
            }
            for each in self.requests
        ]


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the time that spans cover, which may overlap."""
    total = last = 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, last))
        last = max(last, end)
    return total


class _Repeats:
    """Count repeated operations, or requests, as ``repeated()`` of the test kit groups them."""

    def __init__(self, groups: Iterable[Repeated]) -> None:
        self._groups = {(each.op, each.alias, each.line): each.names for each in groups}

    def marks(self, op: str, alias: str, line: Line, name: str) -> dict[str, int]:
        """Return how often a line repeats an operation, and how often with this name; else 1."""
        names = self._groups.get((op, alias, line), [name])
        return {"times": len(names), "same": names.count(name)}


def _summary(operations: list[dict[str, Any]], label: str) -> dict[str, Any]:
    rows = [each for each in operations if each["alias"] == label]
    return {
        "label": label,
        "count": len(rows),
        "time": sum(each["time"] for each in rows),
        "rows": rows[:ROWS],
    }


def _place(line: Line, link: Link) -> dict[str, str]:
    """Return a line as text and as a link; both are empty where only a server's code called."""
    if owner_of(line.path) != "project" and not is_in_package(line.path):
        return {"line": "", "path": "", "href": ""}
    return {"line": str(line), "path": line.path, "href": link(line.path, line.number)}


_current: ContextVar[Recording | None] = ContextVar("_current", default=None)


class _Router:
    """Pass operations and requests to the recording of the running request, if it has one."""

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Record an operation."""
        recording = _current.get()
        return proceed(call) if recording is None else recording.observe(call, proceed)

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Record a request that a bucket in memory answers."""
        recording = _current.get()
        if recording is None:
            return proceed(exchange)
        return recording.observe_request(exchange, proceed)

    def note(self, sent: SentRequest) -> None:
        """Record a request that was really sent."""
        recording = _current.get()
        if recording is not None:
            recording.note(sent)


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    router = _Router()
    with contextlib.ExitStack() as stack:
        stack.enter_context(operations_observed_by(router))
        carried.append(_current)
        stack.callback(carried.remove, _current)
        stack.enter_context(noting_causes)
        stack.enter_context(observed_by(router, records=True))
        stack.enter_context(watched_by(router.note))
        yield


# While a request is recorded.
_watching = Overlapping(_watched)
