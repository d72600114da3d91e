"""Serving at MEDIA_URL without a line in the project's URLs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
import settings as settings_module
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
    """Return the status and the content of a response."""
    response = client.get(url, **headers)
    return response.status_code, content_of(response)


def test_default_storage(client: Client) -> None:
    """The middleware serves a file, whole and in parts; other URLs are for the project."""
    assert ask(client, "/media/d/a.bin") == (200, CONTENT)
    assert ask(client, "/media/d/a.bin", HTTP_RANGE="bytes=0-4") == (206, CONTENT[:5])
    for url in ("/media/nothing", "/media/d", "/d/a.bin", "/mediad/a.bin", "/media/"):
        assert ask(client, url)[0] == 404


def test_async(client: Client) -> None:
    """The middleware serves asynchronous requests."""
    response: Any = asyncio.run(AsyncClient().get("/media/d/a.bin"))
    assert consume(response) == CONTENT
    response.close()
    assert asyncio.run(AsyncClient().get("/media/nothing")).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods(client: Client, method: str) -> None:
    """The middleware leaves a request that asks for no file to the project."""
    assert getattr(client, method)("/media/d/a.bin").status_code == 404
    urlpatterns.append(re_path("^.*$", lambda request: HttpResponse(b"page")))
    assert getattr(client, method)("/media/d/a.bin").content == b"page"


def test_other_storages(client: Client, settings: Any) -> None:
    """The middleware serves in-memory storages of other aliases and of fields."""
    use_storage(settings, "second", IN_MEMORY)
    assert ask(client, save(storages["second"], "second.bin")) == (200, CONTENT)
    own = Upload._meta.get_field("own").storage
    assert own.base_url == "/own/"
    assert ask(client, save(own, "own.bin")) == (200, CONTENT)
    assert ask(client, "/media/own.bin")[0] == 404


def test_signed_urls(client: Client, settings: Any) -> None:
    """The middleware refuses unsigned URLs of a storage that signs."""
    use_storage(settings, "default", IN_MEMORY, querystring_auth=True)
    assert ask(client, save(default_storage, "a.bin")) == (200, CONTENT)
    assert ask(client, "/media/a.bin")[0] == 403


def test_beside_a_storage_that_signs(client: Client, settings: Any) -> None:
    """A public storage serves its files at the base_url of one that signs."""
    use_storage(settings, "default", IN_MEMORY, querystring_auth=True)
    use_storage(settings, "second", IN_MEMORY)
    assert ask(client, save(storages["second"], "second.bin")) == (200, CONTENT)
    assert ask(client, "/media/nothing")[0] == 403


class Bucket(FileSystemStorage):
    """A private bucket, which signs its URLs."""

    querystring_auth = True


@pytest.mark.parametrize("base_url", ["/media/", "https://bucket.example/", None])
def test_real_storages(client: Client, settings: Any, tmp_path: Any, base_url: str | None) -> None:
    """The middleware does not serve a bucket that signs its URLs, or is on another host."""
    (tmp_path / "secret.txt").write_bytes(b"secret")
    use_storage(settings, "default", f"{__name__}.Bucket", location=tmp_path)
    bucket = Bucket(location=tmp_path)
    bucket.querystring_auth = base_url == "/media/"
    bucket.base_url = base_url
    storages._storages["default"] = bucket
    assert ask(client, "/media/secret.txt")[0] == ask(client, "/secret.txt")[0] == 404


def test_catch_all_views(client: Client) -> None:
    """The middleware serves files in front of a catch-all view."""
    urlpatterns.append(re_path("^.*$", lambda request: HttpResponse(b"page")))
    assert ask(client, "/media/d/a.bin") == (200, CONTENT)
    assert ask(client, "/media/nothing") == ask(client, "/") == (200, b"page")


def test_catch_all_views_with_a_slash(client: Client, settings: Any) -> None:
    """The middleware lists directories in front of a catch-all view of URLs that end in a slash."""
    settings.DEBUG = True
    urlpatterns.append(re_path("^.*/$", lambda request: HttpResponse(b"page")))
    assert b"a.bin" in ask(client, "/media/d/")[1]
    assert ask(client, "/pages/") == (200, b"page")


def test_views_of_the_project(client: Client) -> None:
    """The middleware leaves URLs to the project's own views."""
    urlpatterns.append(path("media/<path:name>", lambda request, name: HttpResponse(b"own")))
    assert ask(client, "/media/d/a.bin") == (200, b"own")


def test_files_on_the_disk(client: Client, settings: Any, tmp_path: Any) -> None:
    """The middleware and Django's static() serve beside each other."""
    settings.DEBUG = True
    (tmp_path / "disk.txt").write_bytes(b"disk")
    urlpatterns.extend(static("media/", document_root=tmp_path))
    assert ask(client, "/media/disk.txt") == (200, b"disk")
    assert ask(client, "/media/d/a.bin") == (200, CONTENT)


@pytest.mark.parametrize("media_url", ["", "/"])
def test_no_media_url(client: Client, settings: Any, media_url: str) -> None:
    """The middleware serves nothing if MEDIA_URL is the whole site."""
    settings.DEBUG = True
    settings.MEDIA_URL = media_url
    urlpatterns.append(path("other/", HttpResponse))
    for url in (default_storage.url("d/a.bin"), "/", "/d/"):
        assert ask(client, url)[0] == 404


@pytest.mark.parametrize("location", [os.curdir, Path(settings_module.__file__).parent])
def test_location_of_the_project(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, location: Any
) -> None:
    """The middleware serves no file of a location that has the project's own files."""
    monkeypatch.chdir(Path(settings_module.__file__).parent)
    use_storage(settings, "default", "django.core.files.storage.FileSystemStorage")
    settings.MEDIA_ROOT = location
    assert default_storage.exists("settings.py")
    assert ask(client, "/media/settings.py")[0] == 404


def test_location_is_looked_at_once(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A request through the middleware resolves the location on the disk once."""
    use_storage(settings, "default", "django.core.files.storage.FileSystemStorage")
    settings.MEDIA_ROOT = tmp_path
    url = save(default_storage, "disk.bin")
    resolved: list[Any] = []
    realpath = os.path.realpath
    monkeypatch.setattr(
        os.path, "realpath", lambda path, **options: resolved.append(path) or realpath(path)
    )
    assert ask(client, url) == (200, CONTENT)
    assert resolved.count(str(tmp_path)) == 1


def test_other_hosts(client: Client, settings: Any) -> None:
    """The middleware refuses a host that ALLOWED_HOSTS does not have."""
    assert ask(client, "/media/d/a.bin", HTTP_HOST="evil.example")[0] == 400


def test_media_url_on_another_host(client: Client, settings: Any) -> None:
    """The middleware does not serve a MEDIA_URL on another host."""
    settings.MEDIA_URL = "https://cdn.example/media/"
    assert ask(client, "/media/d/a.bin")[0] == 404


def test_script_name(client: Client, settings: Any) -> None:
    """The middleware serves files below the server's script name."""
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
    """runserver adds the middleware first, once, in DEBUG; with a reloader it keeps files."""
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
