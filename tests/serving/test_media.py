"""What is at MEDIA_URL without a line in the project's URLs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf.urls.static import static
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path, re_path, set_script_prefix
from overrides import use_storage
from serving.asking import CONTENT, consume, content_of
from uploads.models import Upload

from inmemorystorage.serving.management.commands import runserver

IN_MEMORY = "inmemorystorage.InMemoryStorage"
urlpatterns: list[Any] = []


@pytest.fixture
def client(settings: Any) -> Any:
    """Return a client of a project with the middleware, and a file in its default storage."""
    settings.MIDDLEWARE = ["inmemorystorage.serving.media.MediaMiddleware"]
    settings.ROOT_URLCONF = __name__
    use_storage(settings, "default", IN_MEMORY)
    save(default_storage, "d/a.bin")
    yield Client()
    urlpatterns.clear()


def save(storage: Any, name: str) -> str:
    """Save a file; return its URL."""
    storage.save(name, ContentFile(CONTENT))
    url: str = storage.url(name)
    return url


def ask(client: Any, url: str, **headers: str) -> tuple[int, bytes]:
    """Return the status and the content of an answer."""
    response = client.get(url, **headers)
    return response.status_code, content_of(response)


def test_default_storage(client: Client) -> None:
    """The file is at its URL, whole and in parts; what is not there the project answers."""
    assert ask(client, "/media/d/a.bin") == (200, CONTENT)
    assert ask(client, "/media/d/a.bin", HTTP_RANGE="bytes=0-4") == (206, CONTENT[:5])
    for url in ("/media/nothing", "/media/d", "/d/a.bin", "/mediad/a.bin", "/media/"):
        assert ask(client, url)[0] == 404


def test_async(client: Client) -> None:
    """It serves asynchronous requests too."""
    response: Any = asyncio.run(AsyncClient().get("/media/d/a.bin"))
    assert consume(response) == CONTENT
    response.close()
    assert asyncio.run(AsyncClient().get("/media/nothing")).status_code == 404


def test_other_storages(client: Client, settings: Any) -> None:
    """A storage in memory of another alias, or of a field, has its files at their URLs too."""
    use_storage(settings, "second", IN_MEMORY)
    assert ask(client, save(storages["second"], "second.bin")) == (200, CONTENT)
    own = Upload._meta.get_field("own").storage
    assert own.base_url == "/own/"
    assert ask(client, save(own, "own.bin")) == (200, CONTENT)
    assert ask(client, "/media/own.bin")[0] == 404


def test_signed_urls(client: Client, settings: Any) -> None:
    """A storage that signs its URLs refuses others here as well."""
    use_storage(settings, "default", IN_MEMORY, querystring_auth=True)
    assert ask(client, save(default_storage, "a.bin")) == (200, CONTENT)
    assert ask(client, "/media/a.bin")[0] == 403


def test_beside_a_storage_that_signs(client: Client, settings: Any) -> None:
    """What one storage refuses another one at the same URL may have for everybody."""
    use_storage(settings, "default", IN_MEMORY, querystring_auth=True)
    use_storage(settings, "second", IN_MEMORY)
    assert ask(client, save(storages["second"], "second.bin")) == (200, CONTENT)
    assert ask(client, "/media/nothing")[0] == 403


class Bucket(FileSystemStorage):
    """A private bucket, as the default storage: its files have addresses that it signs itself."""

    querystring_auth = True


@pytest.mark.parametrize("base_url", ["/media/", "https://bucket.example/", None])
def test_real_storages(client: Client, settings: Any, tmp_path: Any, base_url: str | None) -> None:
    """A bucket is not read for whoever asks: neither one that signs, nor one on another host."""
    (tmp_path / "secret.txt").write_bytes(b"secret")
    use_storage(settings, "default", f"{__name__}.Bucket", location=tmp_path)
    bucket = Bucket(location=tmp_path)
    bucket.querystring_auth = base_url == "/media/"
    bucket.base_url = base_url
    storages._storages["default"] = bucket
    assert ask(client, "/media/secret.txt")[0] == ask(client, "/secret.txt")[0] == 404


def test_views_for_everything(client: Client) -> None:
    """A view for whatever is asked, as that of a single-page application, takes no file's URL."""
    urlpatterns.append(re_path("^.*$", lambda request: HttpResponse(b"page")))
    assert ask(client, "/media/d/a.bin") == (200, CONTENT)
    assert ask(client, "/media/nothing") == ask(client, "/") == (200, b"page")


def test_views_of_the_project(client: Client) -> None:
    """A view of the project's own at such a URL keeps its say."""
    urlpatterns.append(path("media/<path:name>", lambda request, name: HttpResponse(b"own")))
    assert ask(client, "/media/d/a.bin") == (200, b"own")


def test_files_on_the_disk(client: Client, settings: Any, tmp_path: Any) -> None:
    """Beside Django's own view for files in development both are served."""
    settings.DEBUG = True
    (tmp_path / "disk.txt").write_bytes(b"disk")
    urlpatterns.extend(static("media/", document_root=tmp_path))
    assert ask(client, "/media/disk.txt") == (200, b"disk")
    assert ask(client, "/media/d/a.bin") == (200, CONTENT)


@pytest.mark.parametrize("media_url", ["", "/"])
def test_no_media_url(client: Client, settings: Any, media_url: str) -> None:
    """Without MEDIA_URL files are at the root, as their URLs say, and never a directory."""
    settings.DEBUG = True
    settings.MEDIA_URL = media_url
    urlpatterns.append(path("other/", HttpResponse))
    assert ask(client, default_storage.url("d/a.bin")) == (200, CONTENT)
    for url in ("/", "/d/"):
        assert ask(client, url)[0] == 404


def test_media_url_on_another_host(client: Client, settings: Any) -> None:
    """What another host serves is not served here."""
    settings.MEDIA_URL = "https://cdn.example/media/"
    assert ask(client, "/media/d/a.bin")[0] == 404


def test_script_name(client: Client, settings: Any) -> None:
    """Under a prefix of the server's the URLs have it, and are found."""
    settings.FORCE_SCRIPT_NAME = "/site"
    set_script_prefix("/site/")
    settings.MEDIA_URL = "media/"
    assert default_storage.url("d/a.bin") == "/site/media/d/a.bin"
    assert ask(client, "/media/d/a.bin") == (200, CONTENT)
    set_script_prefix("/")


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("use_reloader", [True, False])
def test_runserver(
    settings: Any, monkeypatch: pytest.MonkeyPatch, debug: bool, use_reloader: bool
) -> None:
    """The command has the middleware first in DEBUG, once, and files kept with the autoreloader."""
    ran: list[str] = []
    monkeypatch.setattr(runserver, "keep_files", lambda warn: ran.append("keeps files"))
    monkeypatch.setattr(runserver.Base, "handle", lambda self, **options: ran.append("runs"))
    settings.DEBUG = debug
    settings.MIDDLEWARE = ("some.middleware",)
    for _ in range(2):
        runserver.Command().handle(use_reloader=use_reloader)
    assert settings.MIDDLEWARE.count(runserver.MIDDLEWARE) == settings.DEBUG
    assert settings.MIDDLEWARE[-1] == "some.middleware"
    assert ran == (["keeps files", "runs"] if use_reloader else ["runs"]) * 2
