"""Requests for files, and storages that have them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.test import AsyncRequestFactory, RequestFactory

from inmemorystorage import InMemoryStorage
from inmemorystorage.serving.views import serve_from

CONTENT = bytes(range(256)) * 4

STORAGES = {
    "memory": lambda directory: InMemoryStorage(),
    "filesystem": lambda directory: InMemoryStorage(location=directory, behaves_like="filesystem"),
    "disk": lambda directory: FileSystemStorage(location=directory),
    "Django's": lambda directory: DjangoInMemoryStorage(location=directory),
}


def make_storage(kind: str, directory: Path) -> Any:
    """Return a storage of a kind with one file in it, ``d/a.bin``."""
    storage = STORAGES[kind](directory)
    assert storage.save("d/a.bin", ContentFile(CONTENT)) == "d/a.bin"
    return storage


def ask(storage: Any, name: str = "d/a.bin", method: str = "get", **headers: str) -> Any:
    """Return the response to a request; ``If_None_Match="…"`` is a header."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    environ = {f"HTTP_{key.upper().replace('-', '_')}": value for key, value in named.items()}
    request = getattr(RequestFactory(), method)("/", **environ)
    return serve_from(storage, request, name)


def content_of(response: Any) -> bytes:
    """Return the whole content of a response, and close it."""
    content = b"".join(response) if response.streaming else response.content
    response.close()
    return content


def get(storage: Any, name: str = "d/a.bin", **headers: str) -> tuple[int, bytes]:
    """Return the status and the content of the response."""
    response = ask(storage, name, **headers)
    return response.status_code, content_of(response)


def async_request() -> Any:
    """Return a request as ASGI passes it."""
    return AsyncRequestFactory().get("/")


def consume(response: Any, chunks: int | None = None) -> bytes:
    """Return the content of a response as ASGI reads it, or its first chunks."""

    async def read() -> bytes:
        content = b""
        number = 0
        async for chunk in response:
            content += chunk
            number += 1
            if number == chunks:
                break
        return content

    return asyncio.run(read())
