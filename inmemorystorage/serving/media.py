"""Serve files at their URLs, without a line in the project's URLconf."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.core.files.storage import Storage, storages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils.deprecation import MiddlewareMixin
from django.views import static

from ..project import labelled_layers, labelled_storages
from ..storage import InMemoryStorage
from .views import exposes_project, serve_from

# A path that no project routes on purpose.
_NOWHERE = "/d7b1f9c2/inmemorystorage/nowhere"


class MediaMiddleware(MiddlewareMixin):
    """
    Serve the files of storages, as `serve_media` does.

    ``runserver`` adds it if ``"inmemorystorage.serving"`` is in INSTALLED_APPS.
    """

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return the file, or ``None``, with which the project answers."""
        with contextlib.suppress(Http404):
            return serve_media(request)
        return None


def serve_media(request: HttpRequest) -> HttpResponseBase:
    """
    Return the file whose ``storage.url()`` is the URL of the request.

    It looks in the default storage, if that has URLs on this site, and in all in-memory storages.
    Raises ``DisallowedHost`` for a host that ALLOWED_HOSTS does not have, and ``Http404`` if no
    storage has the file, if its ``base_url`` is the whole site, if the method is neither GET nor
    HEAD, and if the project has its own view at that URL, other than
    ``django.conf.urls.static.static``, which then looks on the disk.
    """
    request.get_host()
    candidates = _storages_at(request.path) if request.method in ("GET", "HEAD") else []
    if not candidates or _is_routed(request.path_info):
        raise Http404("No storage serves this URL.")
    denied: PermissionDenied | None = None
    for storage, name in candidates:
        try:
            return serve_from(storage, request, name)
        except Http404:
            continue
        except PermissionDenied as error:  # another storage may have a public file of that name
            denied = denied or error
    raise denied or Http404("The file does not exist.")


def _is_routed(path: str) -> bool:
    """Return whether the project has a view for the path, other than a catch-all."""
    nowhere = f"{_NOWHERE}/" if path.endswith("/") else _NOWHERE
    return _view(path) not in (None, static.serve, _view(nowhere))


def _view(path: str) -> Any:
    try:
        return resolve(path).func
    except Resolver404:
        return None


def _storages_at(path: str) -> list[tuple[Storage, str]]:
    """Return the storages that may have a file with this URL path, and its name in each."""
    default = storages["default"]
    labelled = [("default", default), *labelled_storages()]
    # Each storage once: many fields share one.
    known = {id(storage): storage for _, storage in labelled}
    # A layer is served through its FallbackStorage, which hides whiteouts and private copies.
    owners = {
        id(layer): owner for owner in known.values() for _, layer in labelled_layers("", owner)
    }
    found: dict[tuple[int, str], Storage] = {}
    for storage in known.values():
        name = _name_at(storage, path)
        if name is None or not (storage is default or isinstance(storage, InMemoryStorage)):
            continue
        while id(storage) in owners:
            storage = owners[id(storage)]
        found[id(storage), name] = storage
    return [(storage, name) for (_, name), storage in found.items() if _is_public(storage)]


def _name_at(storage: Any, path: str) -> str | None:
    """Return the name of the file with this URL path, or ``None`` if it cannot be here."""
    prefix = getattr(storage, "base_url", None)
    if not isinstance(prefix, str) or urlsplit(prefix).netloc or not path.startswith(prefix):
        return None
    is_whole_site = not prefix.removeprefix(get_script_prefix()).strip("/")
    return None if is_whole_site else path[len(prefix) :]


def _is_public(storage: Any) -> bool:
    """Return whether the storage checks the signatures of its URLs, or has none, and only media."""
    has_private_urls = getattr(storage, "querystring_auth", False)
    is_checked = hasattr(storage, "check_url") or not has_private_urls
    return is_checked and not exposes_project(storage)
