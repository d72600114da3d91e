"""What is at MEDIA_URL, without a line in the project's URLs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.deprecation import MiddlewareMixin
from django.views import static

from ..project import labelled_storages
from ..storage import InMemoryStorage
from .views import serve_from


class MediaMiddleware(MiddlewareMixin):
    """
    Answer requests for what is at MEDIA_URL, as `serve_media` does.

    ``runserver`` has it where ``"inmemorystorage.serving"`` is in INSTALLED_APPS.
    """

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return the file, or ``None``: the project answers."""
        with contextlib.suppress(Http404):
            return serve_media(request)
        return None


def serve_media(request: HttpRequest) -> HttpResponseBase:
    """
    Answer with the file whose URL, by ``storage.url()``, is that of the request.

    The default storage is asked first, then all storages in memory that are at MEDIA_URL too.
    Raises ``Http404`` where there is no such file, and where the project has a view of its own at
    that URL; for those of ``django.conf.urls.static.static`` the disk has what is not found here.
    """
    prefix = settings.MEDIA_URL or "/"
    name = request.path[len(prefix) :]
    is_of_media = request.path.startswith(prefix) and not urlsplit(prefix).netloc
    is_directory = not name or name.endswith("/")
    if not is_of_media or (is_directory and prefix == "/") or _is_of_project(request.path_info):
        raise Http404("There is no file at this URL.")
    for storage in _media_storages():
        with contextlib.suppress(Http404):
            return serve_from(storage, request, name)
    raise Http404(f"There is no file {name!r}.")


def _is_of_project(path: str) -> bool:
    try:
        return resolve(path).func is not static.serve
    except Resolver404:
        return False


def _media_storages() -> Iterator[Storage]:
    yield storages["default"]
    for _, storage in labelled_storages():
        if isinstance(storage, InMemoryStorage) and storage.base_url == settings.MEDIA_URL:
            yield storage
