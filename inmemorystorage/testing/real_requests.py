"""
Watch the requests that clients really send over HTTP.

The clients of Amazon S3, Google Cloud Storage and Azure send through urllib3, botocore itself and
the others through ``requests``; so do most other storages on HTTP. Asynchronous clients do not.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from ..buckets.bucket import Buckets
from ..buckets.http import Request
from ..buckets.service import Target
from .azure_floor import AzureFloor
from .bucket_floor import marks_of
from .gcs_floor import GCSFloor
from .imports import after_import
from .messages import plain_headers
from .s3_floor import S3Floor
from .tools import method


class SentRequest(NamedTuple):
    """
    A request that was sent.

    :param service: the service: ``"s3"``, or ``"http"`` for one that is not known.
    :param method: the method of HTTP.
    :param kind: the name in the service's reference, or the method of HTTP.
    :param bucket: the bucket, or the host; ``key``: the key, or the path.
    :param bytes_up: the bytes of the request's body; ``bytes_down``: those of the response's body.
        Both are 0 for a body without a known length.
    :param status: the status of the response; ``None`` if the connection failed before it.
    :param duration: seconds until the response began.
    """

    service: str
    method: str
    kind: str
    bucket: str
    key: str
    bytes_up: int
    bytes_down: int
    status: int | None
    duration: float


Watcher = Callable[[SentRequest], None]

watchers: list[Watcher] = []


_FLOORS = (S3Floor, AzureFloor, GCSFloor)
_DEFAULT_PORTS = {("http", 80), ("https", 443)}


@contextlib.contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Call a function in a block with each request whose response began, or that failed."""

    def patch() -> None:
        from urllib3.connectionpool import HTTPConnectionPool

        urlopen = functools.partial(_urlopen, watcher)
        stack.enter_context(method(HTTPConnectionPool, "urlopen", urlopen))

    with contextlib.ExitStack() as stack:
        watchers.append(watcher)
        stack.callback(watchers.remove, watcher)
        stack.enter_context(after_import("urllib3.connectionpool", patch))
        yield


def _urlopen(
    watcher: Watcher,
    urlopen: Any,
    pool: Any,
    method: str,
    url: str,
    body: Any = None,
    headers: Any = None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Send a request, and report it to a watcher."""
    start = time.perf_counter()
    status, down = None, 0
    try:
        response = urlopen(pool, method, url, body, headers, *args, **kwargs)
        status = response.status
        down = 0 if method == "HEAD" else _length(response.headers)
        return response
    finally:
        duration = time.perf_counter() - start
        with contextlib.suppress(Exception):  # one that cannot be described is answered, too
            sent = _request(pool, method, url, body, headers)
            up = _length(sent.headers) or len(sent.body)
            service, target = identify(sent)
            watcher(SentRequest(service, method, *target, up, down, status, duration))


def _request(pool: Any, method: str, url: str, body: Any, headers: Any) -> Request:
    is_default = pool.port is None or (pool.scheme, pool.port) in _DEFAULT_PORTS
    port = "" if is_default else f":{pool.port}"
    host = f"[{pool.host}]" if ":" in pool.host else pool.host  # urllib3 has IPv6 without brackets
    whole = urljoin(f"{pool.scheme}://{host}{port}", url)
    known = body if isinstance(body, bytes) else b""
    return Request(method, whole, plain_headers(headers or {}), known)


def _length(headers: Mapping[str, Any]) -> int:
    """Return the length of a body, if its headers have it."""
    length = str(headers.get("content-length", ""))
    return int(length) if length.isdecimal() else 0


def identify(request: Request) -> tuple[str, Target]:
    """Return the service of a request, and what it is for; ``"http"`` for other services."""
    marks = marks_of(request.url, request.headers)
    otherwise = Target(request.method, request.host, request.path)
    for floor in _FLOORS:
        is_own = floor.hosts.fullmatch(request.host)
        if is_own or floor.mark.search(marks):
            endpoint = "" if is_own else urlsplit(request.url)._replace(path="", query="").geturl()
            with contextlib.suppress(Exception):  # buckets in memory do not answer such a request
                identified = floor.service.identify(Buckets(), request, endpoint)
                return floor.service.name, identified
            return floor.service.name, otherwise
    return "http", otherwise
