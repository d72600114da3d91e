"""The ways to send a request to a view, each with a clock that notes the first byte."""

from __future__ import annotations

import asyncio
import http.client
import threading
import warnings
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any, Protocol

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.test import RequestFactory

from .stores import MIB


class Download:
    """Hold the times of the first and last byte, in nanoseconds, and the number of bytes."""

    def __init__(self) -> None:
        self._start = perf_counter_ns()
        self.first = self.last = self.received = 0

    def take(self, size: int) -> int:
        """Note that this many bytes have arrived."""
        if size and not self.received:
            self.first = perf_counter_ns() - self._start
        self.received += size
        return size

    def end(self) -> Download:
        """Stop the clock."""
        self.last = perf_counter_ns() - self._start
        return self


class Face(Protocol):
    """A way to request a URL."""

    def get(self, url: str, headers: Mapping[str, str]) -> Download:
        """Read a response to its end."""

    def close(self) -> None:
        """Close open connections and servers."""


def _start_response(*_: Any) -> Any:
    """Take the status and the headers, as a server does."""


class Wsgi:
    """Django's WSGI application, called as a server calls it."""

    def __init__(self) -> None:
        self._application = WSGIHandler()

    def get(self, url: str, headers: Mapping[str, str]) -> Download:
        """Read a response to its end."""
        environ = RequestFactory(headers=headers).get(url).environ
        download = Download()
        response = self._application(environ, _start_response)
        for chunk in response:
            download.take(len(chunk))
        response.close()
        return download.end()

    def close(self) -> None:
        """Do nothing: nothing is open."""


class Socket:
    """Django's threaded server, as in `runserver` and LiveServerTestCase, on loopback."""

    def __init__(self) -> None:
        self._server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
        self._server.set_app(WSGIHandler())
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self._buffer = bytearray(MIB)

    def get(self, url: str, headers: Mapping[str, str]) -> Download:
        """Read a response to its end, over a new connection."""
        download = Download()
        # On a kept connection the second of two small packets waits for 40 ms.
        connection = http.client.HTTPConnection("127.0.0.1", self._server.server_port)
        connection.request("GET", url, headers=dict(headers))
        response = connection.getresponse()
        if download.take(len(response.read(1))):
            while download.take(response.readinto(self._buffer)):
                pass
        connection.close()
        return download.end()

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Asgi:
    """Django's ASGI application, called as a server calls it."""

    def __init__(self) -> None:
        self._application = ASGIHandler()
        self._loop = asyncio.new_event_loop()
        # Django warns that it reads static.serve's response into memory, which is measured.
        warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous")

    def get(self, url: str, headers: Mapping[str, str]) -> Download:
        """Read a response to its end."""
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": url,
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        return self._loop.run_until_complete(self._talk(scope))

    async def _talk(self, scope: Any) -> Download:
        requests = iter([{"type": "http.request", "body": b"", "more_body": False}])
        download = Download()

        async def receive() -> Any:
            for message in requests:
                return message
            return await asyncio.Event().wait()  # the client stays connected

        async def send(message: Any) -> None:
            download.take(len(message.get("body", b"")))

        await self._application(scope, receive, send)
        return download.end()

    def close(self) -> None:
        """Stop the loop and its threads."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


FACES: dict[str, type[Face]] = {"WSGI": Wsgi, "socket": Socket, "ASGI": Asgi}
