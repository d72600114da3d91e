"""
The floors of storages on buckets: buckets in memory in place of a service.

A storage keeps its class, its options and its code, and so does the client under it: while a floor
is active, buckets in memory answer what the client would send.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.storage import Storage

from ..buckets.bucket import Bucket, Buckets
from ..buckets.http import Request, Response
from ..buckets.service import Service, Target
from ..project import labelled_storages, storage_layers, unwrap
from .imports import after_import
from .tools import TestTool


class Exchange(NamedTuple):
    """A request that a floor is about to answer."""

    service: Service
    request: Request
    target: Target


Proceed = Callable[[Exchange], Response]


class RequestObserver(Protocol):
    """
    Something that handles each request, usually by calling ``proceed(exchange)``.

    It may return another response, and raise ``ConnectionResetError`` or ``TimeoutError``, which
    the client gets as errors of its connection.
    """

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Return the response to a request."""


_observers: list[RequestObserver] = []


@contextlib.contextmanager
def observed_by(observer: RequestObserver) -> Iterator[None]:
    """Call an observer before the others in a block."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


class Place(NamedTuple):
    """
    Where a storage keeps its files.

    :param bucket: the bucket; ``prefix``: what the keys of its files begin with.
    """

    bucket: Bucket
    prefix: str


class BucketFloor(TestTool):
    """
    Answer the requests of clients of a service in this process, from buckets in memory.

    Clients are answered whether they were made before or while the floor is active, without
    credentials, a region or a network. The buckets that storages and settings name exist from the
    start; others exist after they were created.

    :param left: endpoints that are really reached, such as ``"http://127.0.0.1:5000"``: an emulator
        that the tests run.

    ``buckets`` are the buckets; ``active`` are the active floors of all services, and ``backends``
    the classes of storages on the service.
    """

    active: ClassVar[list[BucketFloor]] = []
    service: ClassVar[Service]
    backends: ClassVar[frozenset[str]]
    # What the names of settings with names of buckets have in them.
    setting: ClassVar[str] = "BUCKET"
    # The module of the client after whose import it is patched.
    module: ClassVar[str]

    def __init__(self, left: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.buckets = Buckets()
        self._left = {urlsplit(each).netloc for each in left if "://" in each}
        self._found: set[str] = set()
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()
        self._exits = contextlib.ExitStack()

    def enable(self) -> BucketFloor:
        """Begin to answer."""
        self._patch_after_import(self.module, self.patched)
        self._patch_after_import("storages.base", self._remembering)
        self.active.append(self)
        return self

    def disable(self) -> None:
        """Let clients reach their endpoints again."""
        self.active.remove(self)
        self._exits.close()

    def _patch_after_import(
        self, module: str, patched: Callable[[], contextlib.AbstractContextManager[None]]
    ) -> None:
        def patch() -> None:
            self._exits.enter_context(patched())

        self._exits.enter_context(after_import(module, patch))

    def _remembering(self) -> contextlib.AbstractContextManager[None]:
        """Remember the storages that are made in a block: their buckets exist."""
        base = import_module("storages.base").BaseStorage

        def remember(init: Any, storage: Any, *args: Any, **kwargs: Any) -> None:
            init(storage, *args, **kwargs)
            self._made.add(storage)

        return method(base, "__init__", remember)

    def patched(self) -> contextlib.AbstractContextManager[None]:
        """Pass the requests of clients to `answer` for a block."""
        raise NotImplementedError

    def name_of(self, storage: Any) -> str:
        """Return the name of the bucket of a storage on the service."""
        return str(storage.bucket_name)

    def prefix_of(self, storage: Any) -> str:
        """Return what the keys of a storage on the service begin with."""
        return f"{storage.location}/" if storage.location else ""

    def holds(self, storage: Storage) -> bool:
        """Return whether a storage is on the service."""
        names = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(storage).__mro__}
        return not names.isdisjoint(self.backends)

    def place(self, storage: Storage) -> Place:
        """Return where a storage on the service keeps its files."""
        name = self.name_of(storage)
        self._find({name})
        return Place(self.buckets.get(name) or Bucket(), self.prefix_of(storage))

    def is_left(self, url: str) -> bool:
        """Return whether the endpoint of a URL is really reached."""
        host = urlsplit(url).netloc
        return any(host == each or host.endswith(f".{each}") for each in self._left)

    def answer(self, request: Request, endpoint: str = "") -> Response:
        """Answer a request; raise `UnsupportedRequest` for one that is not answered."""
        target = self.service.identify(self.buckets, request, endpoint)
        if target.bucket not in self._found:
            named = set(self._named())
            self._find(named & {target.bucket} if target.bucket else named)
        proceed = functools.partial(self._answer, endpoint)
        for observer in [*_observers]:
            proceed = functools.partial(_observed, observer, proceed)
        return proceed(Exchange(self.service, request, target))

    def _answer(self, endpoint: str, exchange: Exchange) -> Response:
        return self.service.answer(self.buckets, exchange.request, endpoint)

    def _find(self, names: set[str]) -> None:
        """Create buckets that the project names, once."""
        for name in names - self._found:
            self._found.add(name)
            if name not in self.buckets:
                self.buckets.found(name)

    def _named(self) -> Iterator[str]:
        """Yield the names of the buckets of storages, and of settings."""
        for known in (*(storage for _, storage in labelled_storages()), *self._made):
            for storage in map(unwrap, storage_layers(known)):
                with contextlib.suppress(Exception):  # it may need a tenant, for instance
                    if self.holds(storage):
                        yield self.name_of(storage)
        for name in dir(settings):
            value = getattr(settings, name) if self.setting in name else None
            if isinstance(value, str) and value:
                yield value


def _observed(observer: RequestObserver, proceed: Proceed, exchange: Exchange) -> Response:
    return observer.observe_request(exchange, proceed)


def floor_of(storage: Storage) -> BucketFloor | None:
    """Return the active floor that a storage stands on, or ``None``."""
    return next((floor for floor in reversed(BucketFloor.active) if floor.holds(storage)), None)


@contextlib.contextmanager
def method(cls: Any, name: str, replacement: Any) -> Iterator[None]:
    """Call ``replacement`` with a method and its arguments, instead of the method, in a block."""
    original = getattr(cls, name)

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    setattr(cls, name, wrapper)
    try:
        yield
    finally:
        setattr(cls, name, original)
