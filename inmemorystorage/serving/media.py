"""Files at their URLs, without a line in the URLs of the project."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.core.files.storage import Storage, storages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.deprecation import MiddlewareMixin
from django.views import static

from ..project import labelled_storages
from ..storage import InMemoryStorage
from .views import serve_from

# A path at which nobody has anything.
_NOWHERE = "/d7b1f9c2/inmemorystorage/nowhere"


class MediaMiddleware(MiddlewareMixin):
    """
    Answer requests for files of storages, as `serve_media` does.

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

    Asked are the default storage, if its files have URLs on this site, and all storages in memory.
    Raises ``Http404`` where none has such a file, and where the project has a view of its own at
    that URL; for those of ``django.conf.urls.static.static`` the disk has what is not found here.
    """
    asked = _storages_at(request.path)
    if not asked or _is_of_project(request.path_info):
        raise Http404("There is no file of a storage at this URL.")
    denied: PermissionDenied | None = None
    for storage, name in asked:
        try:
            return serve_from(storage, request, name)
        except Http404:
            continue
        except PermissionDenied as error:  # another one may have a file of that name for everybody
            denied = denied or error
    raise denied or Http404("There is no file at this URL.")


def _is_of_project(path: str) -> bool:
    """Return whether the project has a view for a path, and not one for whatever is asked."""
    return _view(path) not in (None, static.serve, _view(_NOWHERE))


def _view(path: str) -> Any:
    try:
        return resolve(path).func
    except Resolver404:
        return None


def _storages_at(path: str) -> list[tuple[Storage, str]]:
    """Return the storages whose files may have a path, each with the name that the file has."""
    default = storages["default"]
    # Each but once: many fields have one storage.
    known = {id(storage): storage for _, storage in [("default", default), *labelled_storages()]}
    return [
        (storage, name)
        for storage in known.values()
        if (name := _name_at(storage, path)) is not None
        if isinstance(storage, InMemoryStorage) or (storage is default and not _signs(storage))
    ]


def _name_at(storage: Any, path: str) -> str | None:
    """Return the name of the file that has a path for its URL, ``None`` where none can have it."""
    prefix = getattr(storage, "base_url", None)
    if not isinstance(prefix, str) or urlsplit(prefix).netloc or not path.startswith(prefix):
        return None
    name = path[len(prefix) :]
    is_directory = not name or name.endswith("/")
    is_of_site = is_directory and not prefix.strip("/")
    return None if is_of_site else name


def _signs(storage: Storage) -> bool:
    """Return whether a storage, that of a bucket, gives its files to whom it has signed a URL."""
    return bool(getattr(storage, "querystring_auth", False))
