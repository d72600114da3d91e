"""Serving through ASGI."""

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
    """Have this module's URLs, and files in several chunks."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    monkeypatch.setattr(responses, "CHUNK_SIZE", 100)


def test_whole_file_and_ranges() -> None:
    """A response is made that is read asynchronously, whole or in parts."""
    storage = make_storage("memory", Path())
    response: Any = serve_from(storage, async_request(), "d/a.bin")
    assert response.is_async and consume(response) == CONTENT
    request = async_request()
    request.META["HTTP_RANGE"] = "bytes=5-400"
    response = serve_from(storage, request, "d/a.bin")
    assert consume(response) == CONTENT[5:401]


def test_request_in_another_one() -> None:
    """A request for which another object stands, as REST framework's does, is known."""

    class Wrapped:
        def __getattr__(self, name: str) -> Any:
            return getattr(self.request, name)

    wrapped: Any = Wrapped()
    wrapped.request = async_request()
    response: Any = serve_from(make_storage("memory", Path()), wrapped, "d/a.bin")
    assert response.is_async and consume(response) == CONTENT


def test_files_are_read_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop does not wait for a file."""
    storage = make_storage("memory", Path())
    file = storage.open("d/a.bin")
    readers: set[int] = set()
    read = file.read
    monkeypatch.setattr(file, "read", lambda size: readers.add(threading.get_ident()) or read(size))
    monkeypatch.setattr(storage, "open", lambda name: file)
    assert consume(serve_from(storage, async_request(), "d/a.bin")) == CONTENT
    assert readers and threading.get_ident() not in readers


def test_file_is_closed_when_nobody_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stops reading in the middle leaves no file open, with the response or without."""
    storage = make_storage("memory", Path())
    file = storage.open("d/a.bin")
    monkeypatch.setattr(storage, "open", lambda name: file)
    assert consume(serve_from(storage, async_request(), "d/a.bin"), chunks=2) == CONTENT[:200]
    assert file.closed


async def talk(headers: list[tuple[bytes, bytes]], chunks: int | None = None) -> list[Any]:
    """Ask as an ASGI server does; the client goes away after some chunks."""
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
    """Have a file in the default storage; return what was opened there, from now on."""
    from django.core.files.storage import storages

    use_storage(settings, "default", "inmemorystorage.InMemoryStorage")
    storage = storages["default"]
    storage.save("d/a.bin", ContentFile(CONTENT))
    opened: list[Any] = []
    open_file = storage.open
    storage.open = lambda name: opened.append(open_file(name)) or opened[-1]
    return opened


def test_server(settings: Any) -> None:
    """Through Django's own handler an answer arrives in chunks, and the file is closed."""
    opened = in_default_storage(settings)
    start, *messages = asyncio.run(talk([(b"range", b"bytes=1-300")]))
    assert start["status"] == 206
    assert [len(message.get("body", b"")) for message in messages] == [100, 100, 100, 0]
    assert opened[0].closed


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4.2 does not look for it")
def test_client_that_goes_away(settings: Any) -> None:
    """Where the client goes away in the middle, nothing more is read and the file is closed."""
    opened = in_default_storage(settings)
    messages = asyncio.run(talk([], chunks=2))
    assert len(messages) == 3 and opened[0].closed


def test_async_client(settings: Any) -> None:
    """Django's test client gets it too."""
    in_default_storage(settings)
    response: Any = asyncio.run(AsyncClient().get("/files/d/a.bin", headers={}))
    assert (response.status_code, consume(response)) == (200, CONTENT)
    response.close()
