"""
The floors of storages on buckets: buckets in memory in place of a service.

A storage keeps its class, its options and its code, and so does the client under it: while a floor
is active, buckets in memory answer what the client would send.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.utils.module_loading import import_string

from ..buckets.bucket import Bucket, Buckets, StoredObject
from ..buckets.http import Request, Response
from ..buckets.service import Service, Target
from ..project import labelled_storages, make_field_storages, storage_layers, unwrap
from ..serving.bucket import PREFIX, moved_url
from ..tree.journal import lock
from . import live_servers
from .floor import is_static
from .imports import after_import
from .tools import TestTool, method, remove_object

# A host of this machine, with its port; moto's server says that it is at 0.0.0.0.
_LOCAL = re.compile(r"(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])(:\d+)?$")
# Settings that may name endpoints.
_NAMING = re.compile("STORAGE|ENDPOINT|AWS|S3|MINIO|AZURE|^GS_")


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
# Observers that see the requests which other observers answer or fail.
_recorders: list[RequestObserver] = []


@contextlib.contextmanager
def observed_by(observer: RequestObserver, *, records: bool = False) -> Iterator[None]:
    """
    Call an observer before the others in a block.

    :param records: whether to call it before all that do not record, even those that begin later,
        and so for requests too that they answer or fail.
    """
    observers = _recorders if records else _observers
    observers.append(observer)
    try:
        yield
    finally:
        remove_object(observers, observer)


class Place(NamedTuple):
    """
    Where a storage keeps its files.

    :param bucket: the bucket; ``prefix``: the start of the keys of its files.
    :param url: the same as text: ``"s3://media/uploads/"``.
    """

    bucket: Bucket
    prefix: str
    url: str


class BucketFloor(TestTool):
    """
    Answer the requests of clients of a service in this process, from buckets in memory.

    Clients are answered whether they were made before or while the floor is active, without
    credentials, a region or a network. The buckets that storages and settings name exist from the
    start; others exist after they were created.

    An endpoint on this machine that the project's settings and environment did not name when the
    floor began is really reached: that of a server which the tests run.

    :param left: other endpoints that are really reached, such as ``"http://127.0.0.1:9000"``.

    ``buckets`` are the buckets; ``active`` are the active floors of all services, and ``backends``
    the classes of storages on the service.
    """

    active: ClassVar[list[BucketFloor]] = []
    service: ClassVar[Service]
    backends: ClassVar[frozenset[str]]
    # The hosts of the service itself.
    hosts: ClassVar[re.Pattern[str]] = re.compile("(?!)")
    # Marks of requests to other hosts, in their URL, ``Authorization`` and ``User-Agent``.
    mark: ClassVar[re.Pattern[str]] = re.compile("(?!)")
    # A part of the names of settings that hold names of buckets.
    setting: ClassVar[str] = "BUCKET"
    # The module of the client after whose import it is patched.
    module: ClassVar[str]
    # Modules of the client that call time.sleep() before they send a request again, and that call
    # time.monotonic() to give up.
    waiting: ClassVar[tuple[str, ...]] = ()
    # The extra that installs the packages of the client.
    extra: ClassVar[str]
    packages: ClassVar[frozenset[str]]

    def __init__(self, left: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.buckets = Buckets(self._note_all_public)
        self._left = {urlsplit(each).netloc for each in left if "://" in each}
        self._made: set[str] = set()
        self._endpoints: set[str] = set()
        # By their id(): a storage need not have a hash.
        self._storages: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def begin(self, stack: contextlib.ExitStack) -> BucketFloor:
        """Begin to answer."""
        self._stack = stack
        self._patch_after_import(self.module, self.patched)
        self._named_endpoints = _text_of_settings()
        for backend in self.backends:
            module, _, name = backend.rpartition(".")
            self._patch_after_import(module, functools.partial(self._backend_patched, module, name))
        self.active.append(self)
        stack.callback(self.active.remove, self)
        return self

    def _patch_after_import(
        self, module: str, patched: Callable[[], contextlib.AbstractContextManager[None]]
    ) -> None:
        def patch() -> None:
            self._stack.enter_context(patched())

        self._stack.enter_context(after_import(module, patch))

    @contextlib.contextmanager
    def _backend_patched(self, module: str, name: str) -> Iterator[None]:
        """
        Remember the storages of a class that are made in a block: their buckets exist.

        Their URLs, except those of static files, are the ones of a live server, if one runs.
        """

        def remember(init: Any, storage: Any, *args: Any, **kwargs: Any) -> None:
            init(storage, *args, **kwargs)
            self.remember(storage)

        def url(original: Any, storage: Any, *args: Any, **kwargs: Any) -> str:
            if is_static(storage):
                with live_servers.answering(None):
                    static: str = original(storage, *args, **kwargs)
                    return static
            own: str = original(storage, *args, **kwargs)
            if not live_servers.site_url() or self.is_left(own):
                return own
            self.make(self.name_of(storage))
            return self.served_url(self.service_url(storage, own))

        backend = getattr(import_module(module), name)
        with method(backend, "__init__", remember), method(backend, "url", url):
            yield

    def remember(self, storage: Any) -> None:
        """Note a storage that was made."""
        self._storages[id(storage)] = storage
        self._note_public(storage)

    def service_url(self, storage: Any, url: str) -> str:
        """Return the service's own URL for a storage's URL, which may be on another domain."""
        raise NotImplementedError

    def served_url(self, url: str) -> str:
        """Return the URL at which a live server answers for a URL of the service, if one runs."""
        site = live_servers.site_url()
        if not site or url.startswith(f"{site}{PREFIX}") or self.is_left(url):
            return url
        return moved_url(site, self.service.name, url)

    def sign_form(self, sign: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the fields of a signed form, and its URL, which may be that of a live server."""
        form: dict[str, Any] = sign(*args, **kwargs)
        return {**form, "url": self.served_url(form["url"])}

    def endpoint_of(self, request: Request) -> str:
        """Return the URL of the service of a request that no client sends; empty for its own."""
        return ""

    def patched(self) -> contextlib.AbstractContextManager[None]:
        """Pass the requests of clients to `answer` for a block."""
        raise NotImplementedError

    def name_of(self, storage: Any) -> str:
        """Return the name of the bucket of a storage on the service."""
        return str(storage.bucket_name)

    def prefix_of(self, storage: Any) -> str:
        """Return the start of the keys of a storage on the service."""
        return f"{storage.location}/" if storage.location else ""

    def is_public(self, storage: Any) -> bool:
        """Return whether anyone may read the objects of a storage, whose URLs are not signed."""
        return not getattr(storage, "querystring_auth", True)

    def holds(self, storage: Storage) -> bool:
        """Return whether a storage is on the service."""
        return self._is_backend(storage.__class__)

    def _is_backend(self, backend: type) -> bool:
        names = {f"{cls.__module__}.{cls.__qualname__}" for cls in backend.__mro__}
        return not names.isdisjoint(self.backends)

    def place(self, storage: Storage) -> Place:
        """Return where a storage on the service keeps its files."""
        name, prefix = self.name_of(storage), self.prefix_of(storage)
        self.make(name)
        bucket = self.buckets.get(name) or Bucket()  # the project may have deleted it
        return Place(bucket, prefix, f"{self.service.name}://{name}/{prefix}")

    def is_left(self, url: str) -> bool:
        """Return whether the endpoint of a URL is really reached."""
        host = urlsplit(url).netloc
        if any(host == each or host.endswith(f".{each}") for each in self._left):
            return True
        local = _LOCAL.search(host)
        return local is not None and local[0] not in self._named_endpoints

    def endpoint_at(self, origin: str, marks: str = "") -> str | None:
        """
        Return the endpoint for a scheme, host and port, or ``None`` if it is not of this service.

        It is empty for the service itself. Others are known since their clients sent requests.

        :param marks: the marks of a request for another host, if they are known: `marks_of`.
        """
        if self.is_left(origin):
            return None
        host = urlsplit(origin).netloc
        if self.hosts.fullmatch(host):
            return ""
        for each in [*self._endpoints]:  # another thread may add to it
            known = urlsplit(each).netloc
            if host == known or host.endswith(f".{known}"):
                return each
        return origin if self.mark.search(marks) else None

    def is_taken(self, url: str, headers: Mapping[str, str]) -> bool:
        """Return whether a request is answered here; names of headers are in lower case."""
        return self.endpoint_at(url, marks_of(url, headers)) is not None

    def answer(self, request: Request, endpoint: str = "") -> Response:
        """Answer a request; raise `UnsupportedRequest` for one that is not answered."""
        if endpoint:
            self._endpoints.add(endpoint)
        target = self.service.identify(self.buckets, request, endpoint)
        if target.bucket not in self._made and target.bucket not in self.buckets:
            self.make_named(target.bucket)
        proceed = functools.partial(self._answer, endpoint)
        for observer in [*_observers, *_recorders]:
            proceed = functools.partial(_observed, observer, proceed)
        return proceed(Exchange(self.service, request, target))

    def _answer(self, endpoint: str, exchange: Exchange) -> Response:
        return self.service.answer(self.buckets, exchange.request, endpoint)

    def make_named(self, wanted: str = "") -> None:
        """Make the bucket that the project names, or all of them."""
        for name in set(self._named()):
            if wanted in ("", name):
                self.make(name)

    def make(self, name: str) -> None:
        """Make a bucket that the project names; do nothing if that was done, or it exists."""
        with lock:
            if name not in self._made and name not in self.buckets:
                self.buckets.create_permanent(name)
            self._made.add(name)

    def _named(self) -> Iterator[str]:
        """Yield the names of the buckets of storages, and of settings."""
        make_field_storages()
        for storage in self._held():
            with contextlib.suppress(Exception):  # it may need a tenant, for instance
                yield self.name_of(storage)
        for named in (settings, *self._configured()):
            for name in dir(named):
                value = getattr(named, name) if self.setting in name.upper() else None
                if isinstance(value, str) and value:
                    yield value

    def _configured(self) -> Iterator[Any]:
        """Yield the classes and the options of aliases, whose storages may not be made yet."""
        backends: Any = storages.backends
        for configured in backends.values():
            with contextlib.suppress(Exception):  # its client is not installed, for instance
                backend = import_string(configured["BACKEND"])
                if self._is_backend(backend):
                    yield from (backend, SimpleNamespace(**configured.get("OPTIONS", {})))

    def _note_all_public(self) -> None:
        """Note, until the level ends, the buckets of all public storages."""
        make_field_storages()
        for storage in self._held():
            self._note_public(storage)

    def _note_public(self, storage: Any) -> None:
        """Note, until the level ends, that anyone may read the objects of a public storage."""
        with contextlib.suppress(Exception):
            if self.is_public(storage):
                self.buckets.public.put(self.name_of(storage), True)

    def _held(self) -> Iterator[Storage]:
        """Yield the storages on the service that exist, those of the project and others."""
        for _, known in labelled_storages():
            yield from filter(self.holds, map(unwrap, storage_layers(known)))
        references = self._storages.valuerefs()
        yield from (made for each in references if (made := each()) is not None)


def _text_of_settings() -> str:
    """Return the settings and the environment that may name endpoints, as text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Django's own, of deprecated settings
        values = [getattr(settings, name) for name in dir(settings) if _NAMING.search(name)]
    return f"{values} {[*os.environ.values()]}"


def marks_of(url: str, headers: Mapping[str, str]) -> str:
    """Return the marks of a request for a service at another host; names are in lower case."""
    return " ".join([url, headers.get("authorization", ""), headers.get("user-agent", "")])


def _observed(observer: RequestObserver, proceed: Proceed, exchange: Exchange) -> Response:
    return observer.observe_request(exchange, proceed)


def extra_for(error: BaseException) -> str | None:
    """Return the extra to install after an error in importing a storage, if a floor knows it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ModuleNotFoundError):
        cause = cause.__cause__ or cause.__context__
    package = (getattr(cause, "name", None) or "").partition(".")[0]
    for floor in BucketFloor.active:
        backends = (each.rpartition(".")[0] for each in floor.backends)
        if package in floor.packages or any(each in str(error) for each in backends):
            return floor.extra
    return None


# Objects by their keys, by the names of their buckets, by the names of services.
Contents = dict[str, dict[str, dict[str, StoredObject]]]


def dump_buckets(noted: Mapping[Any, Any] | None = None) -> Contents:
    """
    Return the objects of all active floors.

    :param noted: return only those whose former states are here, as the journal notes them.
    """
    contents: Contents = {}
    for floor in BucketFloor.active:
        buckets = contents[floor.service.name] = {}
        for name, bucket in floor.buckets.items():
            objects = dict(bucket.objects.items())
            if noted is not None:
                changed = noted.get(bucket.objects, {})
                objects = {key: objects[key] for key in changed if key in objects}
            buckets[name] = objects
    return contents


def load_buckets(contents: Contents) -> None:
    """Put objects into the buckets of all active floors."""
    for floor in BucketFloor.active:
        for name, objects in contents.get(floor.service.name, {}).items():
            floor.make(name)
            for key, stored in objects.items():
                floor.buckets[name].objects.put(key, stored)


class CopiedBuckets:
    """
    The objects of all active floors at the moment at which this is pickled.

    A worker process gets it with the options of its session, when the process begins.
    """

    def __init__(self, contents: Contents | None = None) -> None:
        self.contents = contents or {}

    def __reduce__(self) -> tuple[type[CopiedBuckets], tuple[Contents]]:
        return CopiedBuckets, (dump_buckets(),)


def floor_of(storage: Storage) -> BucketFloor | None:
    """Return the active floor that a storage stands on, or ``None``."""
    return next((floor for floor in reversed(BucketFloor.active) if floor.holds(storage)), None)


def sends_requests(storage: Storage) -> bool:
    """Return whether a storage, or a layer of a `FallbackStorage`, is on a bucket in memory."""
    return any(floor_of(unwrap(layer)) for layer in storage_layers(storage))
