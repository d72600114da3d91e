"""Capture and count the operations on storages, and the requests that they send to buckets."""

from __future__ import annotations

import contextlib
import io
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from typing import Any, TypeVar, cast

import six
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from ..buckets.http import Response
from .bucket_floor import Exchange, Proceed, observed_by, sends_requests
from .causes import Cause, calling_line, current_cause, noting_causes
from .operations import Call, check_operation, operations_observed_by
from .places import Line, check_name, is_called, storage_label
from .real_requests import SentRequest
from .tools import TestTool

UNKNOWN = Line("<unknown>", 0, "<unknown>")
Captured = TypeVar("Captured", "Operation", "StorageRequest")


def _gone() -> None:
    """Return what a weak reference to a deleted storage returns."""


# The facts below differ from run to run, or with the versions of libraries. They are attributes of
# a base that is no dataclass: tools for snapshots write, and compare, each field of a dataclass.


class _OperationFacts:
    bytes: int | None = None
    duration: float = 0.0
    line: Line = UNKNOWN
    storage: Callable[[], Storage | None] = staticmethod(_gone)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has: all but the storage, which another process does not have."""
        return {name: fact for name, fact in vars(self).items() if name != "storage"}


@dataclass(frozen=True, repr=False)
class Operation(_OperationFacts):
    """
    An operation that happened.

    Two are equal if these are, which ``repr`` shows too:

    :param op: the operation: ``"save"``.
    :param name: the name of the file or directory, as it was passed.
    :param alias: the alias of the storage, or ``app.Model.field``, or else the name of its class.
    :param error: the name of the class of the error that was raised, or ``None``: clients make
        classes that no module has.

    A captured operation also has ``bytes``, those that ``save()`` stored, if the content has a
    known size, or that ``size()`` returned, otherwise ``None``; its ``duration`` in seconds;
    ``line``, the line of the project that called it; and ``storage()``, which returns the storage,
    or ``None`` if it no longer exists.
    """

    op: str
    name: str
    alias: str = "default"
    error: str | None = None

    def __repr__(self) -> str:
        return _code_of(self)

    def __str__(self) -> str:
        size = "" if self.bytes is None else f" ({self.bytes:,} bytes)"
        failed = "" if self.error is None else f", {self.error}"
        milliseconds = self.duration * 1000
        return (
            f"{self.op} {self.name!r}{size} on {self.alias}{failed}, "
            f"{milliseconds:.3f} ms, {self.line}"
        )


def _with_facts(cls: type[Captured], **facts: Any) -> Captured:
    """Return an instance of a frozen dataclass with its fields and other attributes."""
    captured = cls.__new__(cls)
    vars(captured).update(facts)
    return captured


def _code_of(value: Any) -> str:
    """Return code that makes an equal dataclass, without fields that have their default."""
    arguments = []
    for field in fields(value):
        own = getattr(value, field.name)
        if field.default is MISSING:
            arguments.append(repr(own))
        elif own != field.default:
            arguments.append(f"{field.name}={own!r}")
    return f"{type(value).__name__}({', '.join(arguments)})"


@dataclass(frozen=True)
class Repeated:
    """
    Operations, or requests, of one kind that one line of the project caused several times.

    :param op: the operation, or the kind of the requests.
    :param alias: the storage, or the bucket of the requests.
    :param line: the line that called it.
    :param names: the names of the files, or the keys, in the order of the calls.
    """

    op: str
    alias: str
    line: Line
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        names = ", ".join(dict.fromkeys(self.names))
        return f"{len(self)} times {self.op} on {self.alias}, {self.line}: {names}"


class OperationLog(TestTool, list[Operation]):
    """
    Capture the project's operations on storages of any kind, and no requests.

    :param alias: the only storage to capture: an alias, or ``app.Model.field``; ``None``: all.
    :param limit: how many operations to keep, the last ones; ``None``: all.
    """

    def __init__(self, alias: str | None = None, *, limit: int | None = None) -> None:
        super().__init__()
        self._alias = alias
        self._limit = limit
        # The storages, each with its label, since finding it takes long. By their identity, and by
        # the number of storages: one that is still being made has no alias yet.
        self._storages: dict[tuple[int, int], tuple[weakref.ref[Storage], str]] = {}

    def begin(self, stack: contextlib.ExitStack) -> Any:
        """Begin to capture, with no operations yet."""
        if self._alias is not None:
            check_name(self._alias)
        self.clear()
        stack.enter_context(operations_observed_by(self))
        return self

    def clear(self) -> None:
        """Forget the captured operations."""
        super().clear()
        self._storages.clear()

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes of a copy, which captures nothing more."""
        return {**vars(self), "_storages": {}, "_ends": []}

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Record an operation."""
        if not is_called(call.storage, self._alias):
            return proceed(call)
        size = _content_size(call.content) if call.op == "save" else None
        line = calling_line()
        start = time.perf_counter()
        error: str | None = None
        try:
            answer = proceed(call)
            size = answer if call.op == "size" else size
            return answer
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            duration = time.perf_counter() - start
            storage, label = self._identify(call.storage)
            operation = _with_facts(
                Operation,
                op=call.op,
                name=call.name,
                alias=label,
                error=error,
                bytes=size,
                duration=duration,
                line=line,
                storage=storage,
            )
            _append(self, operation, self._limit)

    def _identify(self, storage: Storage) -> tuple[weakref.ref[Storage], str]:
        """Return a reference to a storage that does not keep it alive, and its label."""
        key = id(storage), len(vars(storages)["_storages"])
        known = self._storages.get(key)
        if known is None or known[0]() is not storage:
            known = weakref.ref(storage), storage_label(storage)
            self._storages[key] = known
        return known

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def of(self, op: str) -> list[Operation]:
        """Return the operations of one kind, such as ``"save"``."""
        check_operation(op)
        return [operation for operation in self if operation.op == op]

    def repeated(self) -> list[Repeated]:
        """Return the operations that one line called more than once, the most frequent first."""
        called = ((each.op, each.alias, each.line, each.name) for each in self)
        return group_repeated(called)


def _append(items: list[Any], item: Any, limit: int | None) -> None:
    """Append an item, and keep the last ones."""
    items.append(item)
    if limit is not None:
        del items[: -limit or None]  # one step, since other threads append too


def group_repeated(called: Iterable[tuple[str, str, Line, str]]) -> list[Repeated]:
    """Group what was called by one line; leave out what was called once."""
    groups: dict[tuple[str, str, Line], list[str]] = {}
    for *group, name in called:
        groups.setdefault(cast("Any", tuple(group)), []).append(name)
    repeated = [Repeated(*group, names) for group, names in groups.items() if names[1:]]
    return sorted(repeated, key=len, reverse=True)


def _content_size(content: Any) -> int | None:
    """Return the known size of a content, without a call: it may be a stream that cannot seek."""
    if isinstance(content, (bytes, str)):
        return len(six.ensure_binary(content))
    known = getattr(content, "__dict__", {})
    if type(content) is ContentFile and isinstance(known["file"], io.StringIO):
        return len(known["file"].getvalue().encode())
    size = known.get("size")
    return size if isinstance(size, int) else None


class _RequestFacts:
    method: str = ""
    name: str = ""
    bytes_up: int = 0
    bytes_down: int = 0
    duration: float = 0.0
    line: Line = UNKNOWN


@dataclass(frozen=True, repr=False)
class StorageRequest(_RequestFacts):
    """
    A request that a client sent to a bucket in memory.

    Two are equal if these are, which ``repr`` shows too:

    :param service: the service: ``"s3"``.
    :param kind: the name in the service's reference: ``"HeadObject"``.
    :param bucket: the bucket; ``key``: the key, or an empty string for a request to the bucket.
    :param op: the operation that sent it, or that opened the file which sent it: ``"open"``;
        ``None`` if the project sent it through a client or a bucket.
    :param status: the status of the response; ``None`` if the connection failed before it.

    A captured request also has its ``method`` of HTTP; the ``name`` that was passed to the
    operation, or an empty string; ``bytes_up``, the bytes of its body, and ``bytes_down``, those of
    the response's body; its ``duration`` in seconds; and ``line``, the line of the project that
    called the operation, the file or the client.
    """

    service: str
    kind: str
    bucket: str
    key: str
    op: str | None = None
    status: int | None = 200

    def __repr__(self) -> str:
        return _code_of(self)

    def __str__(self) -> str:
        status = "no response" if self.status is None else self.status
        operation = "" if self.op is None else f"{self.op} {self.name!r}, "
        return (
            f"{self.kind} {self.key!r} on {self.bucket}, {status}, "
            f"{self.bytes_up:,} bytes up and {self.bytes_down:,} down, "
            f"{self.duration * 1000:.3f} ms, {operation}{self.line}"
        )


class StorageRequests(list[StorageRequest]):
    """
    The captured requests, as a list of `StorageRequest`, in the order of their responses.

    It is empty for storages that do not stand on a bucket in memory, and ``str()`` says so.

    :param operations: the operations that were captured beside them.
    """

    def __init__(self, operations: OperationLog) -> None:
        super().__init__()
        self._operations = operations

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or f"No requests. {self.why_none}".strip()

    @property
    def why_none(self) -> str:
        """Return a sentence about storages without requests, or an empty string."""
        operated = [storage for each in self._operations if (storage := each.storage())]
        others = {type(each).__name__ for each in operated if not sends_requests(each)}
        if not others:
            return ""
        return (
            "These storages are not on a bucket in memory, and send no requests: "
            f"{', '.join(sorted(others))}."
        )

    def of(self, kind: str) -> list[StorageRequest]:
        """Return the requests of one kind, such as ``"HeadObject"``."""
        return [each for each in self if each.kind == kind]

    def repeated(self) -> list[Repeated]:
        """Return the requests that one line caused more than once, the most frequent first."""
        sent = ((each.kind, each.bucket, each.line, each.key) for each in self)
        return group_repeated(sent)


# "100 GB (107,374,182,400 bytes)": the examples of Amazon S3's FAQ about charges.
GB = 2**30
Price = TypeVar("Price", float, Decimal)


class capture_storage_operations(OperationLog):
    """
    Capture the project's operations on storages of any kind, as a list of `Operation`.

    Operations that a storage calls on itself are not captured. A context manager that returns
    itself, as ``CaptureQueriesContext`` does, and a decorator.

    :param alias: the only storage to capture: an alias, or ``app.Model.field``; ``None``: all.
    :param limit: how many operations and requests to keep, the last ones; ``None``: all.

    ``requests`` are the requests that clients sent to buckets in memory, as `StorageRequests`:
    those of operations and, without an ``alias``, those that no operation sent.
    """

    def __init__(self, alias: str | None = None, *, limit: int | None = None) -> None:
        super().__init__(alias, limit=limit)
        self.requests = StorageRequests(self)

    def begin(self, stack: contextlib.ExitStack) -> Any:
        """Begin to capture, with no operations yet."""
        super().begin(stack)
        stack.enter_context(noting_causes)
        stack.enter_context(observed_by(self, records=True))
        return self

    def clear(self) -> None:
        """Forget the captured operations and requests."""
        super().clear()
        self.requests.clear()

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Record a request."""
        cause = current_cause()
        storage = cause.storage
        if self._alias and (storage is None or not is_called(storage, self._alias)):
            return proceed(exchange)
        start = time.perf_counter()
        response: Response | None = None
        try:
            response = proceed(exchange)
            return response
        finally:
            duration = time.perf_counter() - start
            request = caused_request(_sent(exchange, response, duration), cause)
            _append(self.requests, request, self._limit)

    def cost(self, prices: Mapping[str, Price]) -> Price:
        """
        Return what the requests cost.

        :param prices: the price of one request by its kind (``"HeadObject"``), and those of
            ``"GB up"`` and ``"GB down"``, which cost nothing if they have none. A GB is 2**30
            bytes.

        Raises ``ValueError`` for a kind of requests that has no price.
        """
        kinds = Counter(each.kind for each in self.requests)
        unknown = ", ".join(sorted(kinds.keys() - prices.keys()))
        if unknown:
            raise ValueError(f"There is no price for requests of these kinds: {unknown}.")
        total: Any = sum(prices[kind] * count for kind, count in kinds.items())
        for way in ("up", "down"):
            if f"GB {way}" in prices:
                sent = sum(getattr(each, f"bytes_{way}") for each in self.requests)
                total += prices[f"GB {way}"] * sent / GB
        return cast("Price", total)


def _sent(exchange: Exchange, response: Response | None, duration: float) -> SentRequest:
    request, up = exchange.request, len(exchange.request.body)
    down, status = 0, None
    if response is not None:
        status, down = response.status, len(response.body[: response.reset_after])
    service = exchange.service.name
    return SentRequest(service, request.method, *exchange.target, up, down, status, duration)


def caused_request(sent: SentRequest, cause: Cause) -> StorageRequest:
    """Return a request that was sent, with its cause."""
    return _with_facts(
        StorageRequest, **sent._asdict(), op=cause.op, name=cause.name, line=cause.line
    )


class assertNumStorageOperations(capture_storage_operations):
    """
    Fail unless the project calls exactly so many operations, as ``assertNumQueries`` does.

    :param num: the number of operations.
    :param op: the only operation to count: ``"exists"``; ``None``: all.
    :param alias: the only storage to count: an alias, or ``app.Model.field``; ``None``: all.
    """

    checks_each_test = True

    def __init__(self, num: int, op: str | None = None, *, alias: str | None = None) -> None:
        super().__init__(alias)
        if op is not None:
            check_operation(op)
        self._num = num
        self._op = op

    def check(self) -> None:
        """Raise ``AssertionError`` with the operations if there are more or fewer."""
        counted = list(self) if self._op is None else self.of(self._op)
        _expect_number(self._num, counted, "operations", "executed")


class assertNumStorageRequests(capture_storage_operations):
    """
    Fail unless the project's clients send exactly so many requests to buckets.

    :param num: the number of requests.
    :param kind: the only kind to count: ``"HeadObject"``; ``None``: all.
    :param alias: the only storage to count: an alias, or ``app.Model.field``; ``None``: all, and
        requests that no operation sends.
    """

    checks_each_test = True

    def __init__(self, num: int, kind: str | None = None, *, alias: str | None = None) -> None:
        super().__init__(alias)
        self._num = num
        self._kind = kind

    def check(self) -> None:
        """Raise ``AssertionError`` with the requests if there are more or fewer."""
        counted = list(self.requests) if self._kind is None else self.requests.of(self._kind)
        _expect_number(self._num, counted, "requests", "sent", str(self.requests))


def _expect_number(
    num: int, counted: Sequence[object], what: str, done: str, otherwise: str = ""
) -> None:
    if len(counted) != num:
        lines = [f"{number}. {each}" for number, each in enumerate(counted, start=1)]
        raise AssertionError(
            f"{len(counted)} {what} {done}, {num} expected\n"
            f"Captured {what} were:\n" + ("\n".join(lines) or otherwise)
        )
