"""Live servers serve files in memory."""

from __future__ import annotations

import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import LiveServerTestCase, override_settings, testcases
from django.urls import path
from overrides import use_storage

from inmemorystorage.project import unwrap
from inmemorystorage.testing.live import serve_live_media

urlpatterns = [
    path("media/own.txt", lambda request: HttpResponse(b"own")),
    path("page/", lambda request: HttpResponse(b"page")),
]


def ask(url: str, **headers: str) -> tuple[int, bytes]:
    """Return the status and the content of a response."""
    try:
        with urlopen(Request(url, headers=headers)) as response:
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, b""


def save(name: str = "d/a.txt") -> str:
    """Save a file; return its URL."""
    default_storage.save(name, ContentFile(b"content"))
    return default_storage.url(name)


@override_settings(ROOT_URLCONF=__name__)
class LiveTests(LiveServerTestCase):
    """Django's live server."""

    def test_files_are_served(self) -> None:
        """A file is served at its URL, with ranges; a missing file gets 404."""
        url = self.live_server_url + save()
        assert ask(url) == (200, b"content")
        assert ask(url, Range="bytes=1-3") == (206, b"ont")
        assert ask(f"{self.live_server_url}/media/nothing") == (404, b"")

    def test_project_answers(self) -> None:
        """The project's view takes precedence at its URL, and serves all others."""
        save("own.txt")
        assert ask(f"{self.live_server_url}/media/own.txt") == (200, b"own")
        assert ask(f"{self.live_server_url}/page/") == (200, b"page")

    def test_files_on_the_disk(self) -> None:
        """Files on the disk are served from there, as without the kit."""
        with override_settings(MEDIA_ROOT="archive"):
            assert ask(f"{self.live_server_url}/media/models.py")[0] == 200

    def test_other_hosts(self) -> None:
        """A request for a host that is not in ALLOWED_HOSTS gets 400."""
        assert ask(self.live_server_url + save(), Host="evil.example")[0] == 400


@override_settings(ROOT_URLCONF=__name__)
class StaticLiveTests(StaticLiveServerTestCase):
    """The live server that serves static files by their finders."""

    def test_files_are_served(self) -> None:
        """StaticLiveServerTestCase serves files in memory too."""
        assert ask(self.live_server_url + save()) == (200, b"content")


@pytest.mark.django_db(transaction=True)
def test_live_server_of_pytest(live_server: Any, settings: Any) -> None:
    """pytest-django's live_server serves files in memory."""
    settings.ROOT_URLCONF = __name__
    assert ask(live_server.url + save()) == (200, b"content")


@pytest.mark.django_db(transaction=True)
def test_signed_urls(live_server: Any, settings: Any) -> None:
    """A storage that signs its URLs refuses others."""
    settings.ROOT_URLCONF = __name__
    use_storage(settings, "default", "inmemorystorage.InMemoryStorage", querystring_auth=True)
    url = live_server.url + save()
    assert ask(url) == (200, b"content")
    assert ask(url.partition("?")[0]) == (403, b"")


@pytest.mark.django_db(transaction=True)
def test_client_that_disconnects(
    live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is closed if the client disconnects in the middle of it."""
    settings.ROOT_URLCONF = __name__
    default_storage.save("large.bin", ContentFile(bytes(50_000_000)))
    opened: list[Any] = []
    open_file = default_storage.open
    monkeypatch.setattr(
        unwrap(default_storage), "open", lambda name: opened.append(open_file(name)) or opened[0]
    )
    with urlopen(f"{live_server.url}/media/large.bin") as response:
        assert response.read(1000) == bytes(1000)
        assert not opened[0].closed
    end = time.monotonic() + 60
    while not opened[0].closed:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_nests() -> None:
    """Django's servers are restored after the last block."""
    handler = testcases._MediaFilesHandler
    before = handler.serve
    with serve_live_media():
        inside = handler.serve
        with serve_live_media():
            assert handler.serve is not inside
        assert handler.serve is inside
    assert handler.serve is before is not inside
