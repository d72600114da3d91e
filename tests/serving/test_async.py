"""Serving under ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.files.base import ContentFile
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient
from django.urls import path
from overrides import use_storage
from serving.asking import CONTENT, async_request, consume, make_storage

from inmemorystorage.serving import responses, serve
from inmemorystorage.serving.views import serve_from

urlpatterns = [path("files/<path:name>", serve)]


@pytest.fixture(autouse=True)
def _urls(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use this module's URLs, and chunks of 100 bytes."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    monkeypatch.setattr(responses, "CHUNK_SIZE", 100)


def test_whole_file_and_ranges() -> None:
    """A response is read asynchronously, whole or in parts."""
    storage = make_storage("memory", Path())
    response: Any = serve_from(storage, async_request(), "d/a.bin")
    assert response.is_async and consume(response) == CONTENT
    request = async_request()
    request.META["HTTP_RANGE"] = "bytes=5-400"
    response = serve_from(storage, request, "d/a.bin")
    assert consume(response) == CONTENT[5:401]


def test_wrapped_request() -> None:
    """serve() recognizes an ASGI request in a wrapper such as REST framework's."""

    class Wrapped:
        def __getattr__(self, name: str) -> Any:
            return getattr(self.request, name)

    wrapped: Any = Wrapped()
    wrapped.request = async_request()
    response: Any = serve_from(make_storage("memory", Path()), wrapped, "d/a.bin")
    assert response.is_async and consume(response) == CONTENT


def test_files_are_read_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a file does not block the event loop."""
    storage = make_storage("memory", Path())
    file = storage.open("d/a.bin")
    readers: set[int] = set()
    read = file.read
    monkeypatch.setattr(file, "read", lambda size: readers.add(threading.get_ident()) or read(size))
    monkeypatch.setattr(storage, "open", lambda name: file)
    assert consume(serve_from(storage, async_request(), "d/a.bin")) == CONTENT
    assert readers and threading.get_ident() not in readers


def test_file_is_closed_after_a_partial_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is closed if the reader stops early, even without closing the response."""
    storage = make_storage("memory", Path())
    file = storage.open("d/a.bin")
    monkeypatch.setattr(storage, "open", lambda name: file)
    assert consume(serve_from(storage, async_request(), "d/a.bin"), chunks=2) == CONTENT[:200]
    assert file.closed


async def talk(headers: list[tuple[bytes, bytes]], chunks: int | None = None) -> list[Any]:
    """Send a request as an ASGI server does; the client disconnects after some chunks."""
    sent: list[Any] = []
    gone = asyncio.Event()
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in requests:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) - 1 == chunks:
            gone.set()
            await asyncio.sleep(5)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/files/d/a.bin",
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
    }
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(ASGIHandler()(scope, receive, send), 10)
    return sent


def in_default_storage(settings: Any) -> Any:
    """Save a file in the default storage; return a list of the files opened there."""
    from django.core.files.storage import storages

    settings.ALLOWED_HOSTS = ["*"]
    use_storage(settings, "default", "inmemorystorage.InMemoryStorage")
    storage = storages["default"]
    storage.save("d/a.bin", ContentFile(CONTENT))
    opened: list[Any] = []
    open_file = storage.open
    storage.open = lambda name: opened.append(open_file(name)) or opened[-1]
    return opened


def test_server(settings: Any) -> None:
    """Django's handler sends the response in chunks, and closes the file."""
    opened = in_default_storage(settings)
    start, *messages = asyncio.run(talk([(b"range", b"bytes=1-300")]))
    assert start["status"] == 206
    assert [len(message.get("body", b"")) for message in messages] == [100, 100, 100, 0]
    assert opened[0].closed


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4.2 does not look for it")
def test_client_disconnects(settings: Any) -> None:
    """The file is closed, and not read to its end, if the client disconnects."""
    opened = in_default_storage(settings)
    messages = asyncio.run(talk([], chunks=2))
    assert len(messages) == 3 and opened[0].closed


def test_async_client(settings: Any) -> None:
    """Django's asynchronous test client reads the response."""
    in_default_storage(settings)
    response: Any = asyncio.run(AsyncClient().get("/files/d/a.bin", headers={}))
    assert (response.status_code, consume(response)) == (200, CONTENT)
    response.close()
