"""
Answer connections to object stores that no client of theirs makes: ``requests.get(url)``.

Connections of ``http.client`` and of urllib3, and so those of ``urllib.request`` and of requests,
end in a socket in memory if their host belongs to an active floor; connections of aiohttp, and so
those of aiobotocore, end in a transport in memory. Each carries one request. Requests of httpx are
answered without a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ..buckets.http import Request, Response
from .bucket_floor import BucketFloor, marks_of
from .imports import after_import
from .tools import method

Answer = Callable[[Request], Response]


@contextlib.contextmanager
def connections_answered() -> Iterator[None]:
    """Answer connections to the hosts of the active floors in a block."""
    with contextlib.ExitStack() as stack:

        def patch(module: Any) -> None:
            for cls in (module.HTTPConnection, module.HTTPSConnection):
                stack.enter_context(method(cls, "connect", _connect))

        def patch_aiohttp() -> None:
            connector = import_module("aiohttp.connector").TCPConnector
            stack.enter_context(method(connector, "_create_connection", _create_connection))

        def patch_httpx() -> None:
            httpcore = import_module("httpcore")
            stack.enter_context(method(httpcore.ConnectionPool, "handle_request", _handle))
            pool = httpcore.AsyncConnectionPool
            stack.enter_context(method(pool, "handle_async_request", _handle_async))

        patch(http.client)
        for name, function in {
            "urllib3.connection": lambda: patch(import_module("urllib3.connection")),
            "aiohttp.connector": patch_aiohttp,
            "httpcore": patch_httpx,
        }.items():
            stack.enter_context(after_import(name, function))
        yield


def _connect(connect: Callable[[Any], None], connection: Any) -> None:
    scheme = "https" if connection.default_port == 443 else "http"
    host = connection._tunnel_host or connection.host
    port = (connection._tunnel_port if connection._tunnel_host else None) or connection.port
    origin = f"{scheme}://{host}" + ("" if port == connection.default_port else f":{port}")
    answer = _answer_for(origin)
    if answer is None:
        connect(connection)
        return
    connection.sock = _Socket(origin, answer)
    connection.is_verified = True  # urllib3 warns of connections without a certificate


def _answer_for(origin: str, marks: str = "") -> Answer | None:
    """Return how the floor answers to which a scheme, host and port belong, if there is one."""
    for floor in BucketFloor.active:
        endpoint = floor.endpoint_at(origin, marks)
        if endpoint is not None:
            return functools.partial(floor.answer, endpoint=endpoint)
    return None


class _Socket:
    """
    A socket whose peer answers one request, and closes.

    :param origin: the scheme, the host and the port, as in a URL.
    """

    def __init__(self, origin: str, answer: Answer) -> None:
        self._origin = origin
        self._answer = answer
        self._sent = io.BytesIO()

    def sendall(self, content: Any) -> None:
        """Receive a part of the request."""
        self._sent.write(content)

    def makefile(self, *args: Any, **kwargs: Any) -> io.BufferedReader:
        """Return the response, as a file."""
        return io.BufferedReader(_Received(*_exchange(self._origin, self._answer, self._sent)))

    def settimeout(self, seconds: float | None) -> None:
        """Ignore the timeout: the response is there when the request is."""

    def setsockopt(self, *args: Any) -> None:
        """Ignore an option."""

    def shutdown(self, how: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _exchange(origin: str, answer: Answer, sent: io.BytesIO) -> tuple[bytes, OSError | None]:
    """Return the response to a request as bytes, and the error that its receiver gets after it."""
    try:
        response = answer(_parse_request(origin, sent))
    except (ConnectionResetError, TimeoutError) as error:
        return b"", error
    reason = http.client.responses.get(response.status, "")
    headers = {"content-length": str(len(response.body)), **response.headers, "connection": "close"}
    lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{n}: {v}" for n, v in headers.items())]
    head = b"".join(_encoded(f"{line}\r\n") for line in [*lines, ""])
    if response.reset_after is None:
        return head + response.body, None
    return head + response.body[: response.reset_after], ConnectionResetError()


def _encoded(header: str) -> bytes:
    """Return a header as it is sent: in UTF-8 if ISO-8859-1 cannot represent it."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return header.encode()


def _parse_request(origin: str, sent: io.BytesIO) -> Request:
    sent.seek(0)
    name, target, _ = sent.readline().decode("latin-1").split(" ")
    headers = http.client.parse_headers(sent)
    body = sent.read()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _joined_chunks(body)
    plain = {name.lower(): value for name, value in headers.items()}
    # RFC 9112, section 3.2.2: a proxy is sent the whole URL.
    url = origin + target if target.startswith("/") else target
    return Request(name, url, plain, body)


def _joined_chunks(body: bytes) -> bytes:
    """Return a body without ``Transfer-Encoding: chunked``: RFC 9112, section 7.1."""
    source, content = io.BytesIO(body), []
    while size := int(source.readline().partition(b";")[0], 16):
        content.append(source.read(size))
        source.readline()
    return b"".join(content)


class _Received(io.RawIOBase):
    """
    The bytes that come from a peer.

    :param error: the error that is raised after them, unless the peer then closes the connection.
    """

    def __init__(self, content: bytes, error: OSError | None = None) -> None:
        self._content = io.BytesIO(content)
        self._error = error

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        count = self._content.readinto(buffer)
        if not count and self._error is not None:
            raise self._error
        return count


# aiohttp.


async def _create_connection(
    create: Any, connector: Any, request: Any, *args: Any, **kwargs: Any
) -> Any:
    """Return a connection of aiohttp that ends in memory, for the host of a floor."""
    origin = str(request.url.origin())
    headers = {name.lower(): value for name, value in request.headers.items()}
    answer = _answer_for(origin, marks_of(str(request.url), headers))
    if answer is None:
        return await create(connector, request, *args, **kwargs)
    protocol = connector._factory()
    protocol.connection_made(_Transport(protocol, origin, answer))
    return protocol


class _Transport(asyncio.Transport):
    """
    A transport whose peer answers one request.

    The protocol closes it when it has read the response.
    """

    def __init__(self, protocol: Any, origin: str, answer: Answer) -> None:
        super().__init__()
        self._protocol = protocol
        self._origin = origin
        self._answer = answer
        self._sent = io.BytesIO()
        self._headers: Any = None
        self._is_closing = False

    def write(self, data: Any) -> None:
        """Receive a part of the request; answer after the last one."""
        self._sent.write(data)
        if self._headers is None and b"\r\n\r\n" in data:
            self._sent.seek(self._sent.getvalue().index(b"\r\n") + 2)
            self._headers = http.client.parse_headers(self._sent)
            self._start = self._sent.tell()
            self._sent.seek(0, io.SEEK_END)
            if self._headers.get("expect", "").lower() == "100-continue":
                self._later(self._protocol.data_received, b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._headers is not None and self._is_whole(data):
            self._later(self._respond)

    def _is_whole(self, last: bytes) -> bool:
        """Return whether the request is whole: RFC 9112, section 6.3."""
        if self._headers.get("transfer-encoding", "").lower() != "chunked":
            size = int(self._headers.get("content-length", "0"))
            return self._sent.tell() == self._start + size
        if not last.endswith(b"0\r\n\r\n"):
            return False
        with contextlib.suppress(ValueError):  # a chunk that ends like the last one
            _joined_chunks(self._sent.getvalue()[self._start :])
            return True
        return False

    def _respond(self) -> None:
        """Let the protocol receive the response, or the error that is raised instead."""
        try:
            received, error = _exchange(self._origin, self._answer, self._sent)
        except Exception as refused:
            self._protocol.set_exception(refused)
            return
        if received:
            self._protocol.data_received(received)
        if isinstance(error, TimeoutError):
            self._protocol.set_exception(import_module("aiohttp").ServerTimeoutError(str(error)))
        elif error is not None:
            self._protocol.connection_lost(error)

    def _later(self, function: Callable[..., None], *args: Any) -> None:
        """Call a function after the writer has returned, as events of a socket are."""
        asyncio.get_running_loop().call_soon(function, *args)

    def is_closing(self) -> bool:
        """Return whether the transport is closed."""
        return self._is_closing

    def close(self) -> None:
        """Tell the protocol that the connection is closed."""
        self._is_closing = True
        self._later(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Do nothing: the protocol keeps what it does not read yet."""

    resume_reading = pause_reading


# httpx, by its library httpcore.


def _handle(handle: Any, pool: Any, request: Any) -> Any:
    """Answer a request of httpx, for the host of a floor."""
    sent = _httpcore_request(request)
    answer = _answer_for(_origin(sent.url), marks_of(sent.url, sent.headers))
    if answer is None:
        return handle(pool, request)
    return _httpcore_response(answer, replace(sent, body=b"".join(request.stream)))


async def _handle_async(handle: Any, pool: Any, request: Any) -> Any:
    sent = _httpcore_request(request)
    answer = _answer_for(_origin(sent.url), marks_of(sent.url, sent.headers))
    if answer is None:
        return await handle(pool, request)
    parts = [part async for part in request.stream]
    return _httpcore_response(answer, replace(sent, body=b"".join(parts)))


def _httpcore_request(request: Any) -> Request:
    """Return a request without its body."""
    url = request.url
    port = "" if url.port is None else f":{url.port}"
    whole = f"{url.scheme.decode()}://{url.host.decode()}{port}{url.target.decode()}"
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
    return Request(request.method.decode(), whole, headers)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _httpcore_response(answer: Answer, request: Request) -> Any:
    """Return a response as httpcore does; raise its errors of a connection."""
    httpcore = import_module("httpcore")
    try:
        response = answer(request)
    except ConnectionResetError as error:
        raise httpcore.ReadError(str(error)) from error
    except TimeoutError as error:
        raise httpcore.ReadTimeout(str(error)) from error
    sent = {"content-length": str(len(response.body)), **response.headers}
    fields = [(name.encode(), _encoded(value)) for name, value in sent.items()]
    return httpcore.Response(response.status, headers=fields, content=_Parts(response))


class _Parts:
    """The body of a response for httpcore, whose connection may be reset."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield self._response.body[: self._response.reset_after]
        if self._response.reset_after is not None:
            raise import_module("httpcore").ReadError("The connection was reset.")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part
