"""
Answer connections to object stores that no client of theirs makes: ``requests.get(url)``.

Connections of ``http.client`` and of urllib3, and so those of ``urllib.request`` and of requests,
end in a socket in memory if their host belongs to an active floor. Each carries one request.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from ..buckets.http import Request, Response
from .bucket_floor import BucketFloor, method
from .imports import after_import

Answer = Callable[[Request], Response]


@contextlib.contextmanager
def connections_answered() -> Iterator[None]:
    """Answer connections to the hosts of the active floors in a block."""
    with contextlib.ExitStack() as stack:

        def patch(module: Any) -> None:
            for cls in (module.HTTPConnection, module.HTTPSConnection):
                stack.enter_context(method(cls, "connect", _connect))

        patch(http.client)
        stack.enter_context(
            after_import("urllib3.connection", lambda: patch(import_module("urllib3.connection")))
        )
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


def _answer_for(origin: str) -> Answer | None:
    """Return how the floor answers to which a scheme, host and port belong, if there is one."""
    for floor in BucketFloor.active:
        endpoint = floor.endpoint_at(origin)
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
        self._sent.seek(0)
        first = self._sent.readline().decode("latin-1").split(" ")
        headers = http.client.parse_headers(self._sent)
        body = self._sent.read()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = _joined_chunks(body)
        plain = {name.lower(): value for name, value in headers.items()}
        request = Request(first[0], self._origin + first[1], plain, body)
        try:
            return io.BufferedReader(_respond(self._answer(request)))
        except (ConnectionResetError, TimeoutError) as error:
            return io.BufferedReader(_Received(b"", error))

    def settimeout(self, seconds: float | None) -> None:
        """Ignore the timeout: the response is there when the request is."""

    def setsockopt(self, *args: Any) -> None:
        """Ignore an option."""

    def shutdown(self, how: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _joined_chunks(body: bytes) -> bytes:
    """Return a body without ``Transfer-Encoding: chunked``: RFC 9112, section 7.1."""
    source, content = io.BytesIO(body), []
    while size := int(source.readline().partition(b";")[0], 16):
        content.append(source.read(size))
        source.readline()
    return b"".join(content)


def _respond(response: Response) -> _Received:
    reason = http.client.responses.get(response.status, "")
    headers = {"content-length": str(len(response.body)), **response.headers, "connection": "close"}
    lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{n}: {v}" for n, v in headers.items())]
    head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
    if response.reset_after is None:
        return _Received(head + response.body)
    return _Received(head + response.body[: response.reset_after], ConnectionResetError())


class _Received(io.RawIOBase):
    """
    The bytes that come from a peer.

    :param error: what is raised after them, unless the peer then closes the connection.
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
