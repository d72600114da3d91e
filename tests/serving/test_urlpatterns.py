"""media_urlpatterns(), and the responses behind them."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path, set_script_prefix
from overrides import use_storage
from serving.asking import CONTENT, content_of

from inmemorystorage.serving import media_urlpatterns

IN_MEMORY = "inmemorystorage.InMemoryStorage"
urlpatterns: list[Any] = []


@pytest.fixture
def use_urls(settings: Any) -> Any:
    """Return a function that sets the project's URL patterns."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    settings.DEBUG = True
    use_storage(settings, "default", IN_MEMORY)
    use_storage(settings, "private", IN_MEMORY, base_url="/private/", querystring_auth=True)
    for alias in ("default", "private"):
        storages[alias].save("d/a.bin", ContentFile(CONTENT))

    def use(*patterns: Any) -> Client:
        urlpatterns[:] = patterns
        return Client(raise_request_exception=False)

    yield use
    urlpatterns.clear()


def status(client: Client, url: str) -> int:
    """Return the status of a response, whose content is checked if it is 200."""
    response = client.get(url)
    content = content_of(response)
    assert response.status_code != 200 or content == CONTENT
    return response.status_code


def test_default_storage(use_urls: Any) -> None:
    """The patterns serve the default storage at MEDIA_URL."""
    client = use_urls(*media_urlpatterns())
    assert status(client, storages["default"].url("d/a.bin")) == 200
    assert status(client, "/media/d/b.bin") == status(client, "/mediad/a.bin") == 404


def test_names_in_any_script(use_urls: Any) -> None:
    """The patterns match names in any script and with any character."""
    client = use_urls(*media_urlpatterns())
    storage = storages["default"]
    for name in ("d/naïve 猫.bin", "100%.bin", "a#b?c.bin", "new\nline.bin"):
        with storage.open(name, "wb") as file:
            file.write(CONTENT)
        assert status(client, storage.url(name)) == 200


def test_without_debug(settings: Any, use_urls: Any) -> None:
    """There are no patterns without DEBUG, unless debug_only is false."""
    settings.DEBUG = False
    assert media_urlpatterns() == media_urlpatterns("") == []
    client = use_urls(*media_urlpatterns(debug_only=False))
    assert status(client, "/media/d/a.bin") == 200


def test_other_host(settings: Any, use_urls: Any) -> None:
    """There are no patterns for a MEDIA_URL on another host."""
    settings.MEDIA_URL = "https://cdn.example/media/"
    assert media_urlpatterns() == []


@pytest.mark.parametrize("media_url", ["", "/"])
def test_whole_site(settings: Any, use_urls: Any, media_url: str) -> None:
    """A prefix that matches every URL raises an error that names the cure."""
    settings.MEDIA_URL = media_url
    with pytest.raises(ImproperlyConfigured, match="Set MEDIA_URL, for example to 'media/'"):
        media_urlpatterns()
    assert media_urlpatterns("files/")


def test_prefix_without_slashes(use_urls: Any) -> None:
    """A prefix matches whole components, with or without its slashes."""
    for prefix in ("files", "/files", "files/"):
        client = use_urls(*media_urlpatterns(prefix))
        assert status(client, "/files/d/a.bin") == 200
        assert status(client, "/filesd/a.bin") == 404


def test_script_name(settings: Any, use_urls: Any) -> None:
    """The patterns leave out the server's script name."""
    settings.FORCE_SCRIPT_NAME = "/site"
    set_script_prefix("/site/")
    settings.MEDIA_URL = "media/"
    client = use_urls(*media_urlpatterns())
    assert status(client, "/media/d/a.bin") == 200
    set_script_prefix("/")


def test_storage_without_base_url(settings: Any, use_urls: Any) -> None:
    """A storage without a base URL is served at MEDIA_URL."""
    use_storage(settings, "remote", "archive.storages.RemoteStorage")
    (pattern,) = media_urlpatterns(alias="remote")
    assert pattern.pattern.match("media/a")


def test_options(use_urls: Any) -> None:
    """Options are passed to the view."""
    client = use_urls(
        *media_urlpatterns("open/", public=lambda request, name: True, as_attachment=True),
        *media_urlpatterns("closed/", public=lambda request, name: False),
    )
    assert status(client, "/closed/d/a.bin") == status(client, "/closed/nothing") == 403
    response = client.get("/open/d/a.bin")
    response.close()
    assert response["Content-Disposition"].startswith("attachment")


def test_signed_urls(use_urls: Any) -> None:
    """A signing storage serves its signed URLs alone, until they expire."""
    client = use_urls(*media_urlpatterns(alias="private"))
    with time_machine.travel(1_700_000_000, tick=False) as clock:
        url = storages["private"].url("d/a.bin", expire=60)
        assert status(client, url) == 200
        response = client.get(url)
        response.close()
        assert response["Cache-Control"] == "private, no-cache"
        for altered in (url + "x", url.replace("/a.bin", "/b.bin"), url.partition("?")[0]):
            assert status(client, altered) == 403
        clock.shift(60)
        assert status(client, url) == 403


def test_below_another_prefix(use_urls: Any) -> None:
    """The patterns can be included."""
    client = use_urls(path("site/", include(media_urlpatterns("files/"))))
    assert status(client, "/site/files/d/a.bin") == 200


def test_other_urls(use_urls: Any) -> None:
    """Other URLs are left to the project."""
    other = path("other/", lambda request: HttpResponse(CONTENT))
    assert status(use_urls(*media_urlpatterns(), other), "/other/") == 200


def test_listing(settings: Any, use_urls: Any) -> None:
    """A directory is listed in DEBUG, without URLs of files if the storage signs them."""
    client = use_urls(*media_urlpatterns(), *media_urlpatterns(alias="private"))
    for url in ("/media/", "/media/d/", "/private/d/"):
        assert client.get(url).status_code == 200
    assert client.get("/media/nothing/").status_code == 404
    private = client.get("/private/d/").content.decode()
    assert "a.bin" in private and "signature=" not in private and 'href="./a' not in private
    settings.DEBUG = False
    assert client.get("/media/").status_code == 404


def test_listing_needs_public(use_urls: Any) -> None:
    """public decides about listings."""
    client = use_urls(*media_urlpatterns(public=lambda request, name: False))
    assert client.get("/media/").status_code == 403
