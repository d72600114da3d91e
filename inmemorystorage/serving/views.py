"""The view that serves files, and its URL patterns."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.conf import ENVIRONMENT_VARIABLE, settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.files.storage import Storage, storages
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, get_script_prefix, re_path
from django.views.decorators.http import require_safe

from .listing import list_directory
from .responses import layers_on_disk, open_representation, respond

Public = Callable[[HttpRequest, str], Any]


@require_safe
def serve(
    request: HttpRequest,
    name: str,
    alias: str = "default",
    *,
    public: Public | None = None,
    as_attachment: bool = False,
    sandbox: bool = True,
) -> HttpResponseBase:
    """
    Serve a file of any storage, whole or in parts.

    Write ``path("media/<path:name>", serve, {"alias": "default"})`` in a URLconf.

    :param name: the name of the file in the storage. In DEBUG, an empty name or one that ends in a
        slash gets a page that lists the directory.
    :param alias: the alias of the storage in STORAGES.
    :param public: called with the request and the name before any lookup; returns ``True`` if this
        request may get the file. ``False`` gives 403, and a response is returned as it is; an
        awaitable is awaited. It may raise ``Http404``.
    :param as_attachment: whether a browser saves the file instead of showing it.
    :param sandbox: whether HTML, SVG and other XML get a Content-Security-Policy under which they
        run no script and load nothing from the site.

    A storage that signs its URLs checks the query: other URLs give 403. A name without a file gives
    404, and so does a name that is not normalized, such as ``a/../b``, and one of a directory, a
    pipe or a device.

    Raises ``DisallowedHost`` for a host that ALLOWED_HOSTS does not have, ``TypeError`` if
    ``public`` returns anything else, and ``ImproperlyConfigured`` if the storage's location on a
    disk is the working directory or has the settings module in it.

    It implements these parts of RFC 9110: GET and HEAD (sections 9.3.1, 9.3.2); ETag and
    Last-Modified (8.8); If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and
    If-Range (13.1) in the order of 13.2.2; Range (14.2) with one range or several, Content-Range
    (14.4), 206 (15.3.7) with multipart/byteranges (14.6), 304 (15.4.5), 412 (15.5.13) and 416
    (15.5.17). A Range header that is malformed, or requests more bytes than the file has, is
    ignored.
    """
    storage = storages[alias]
    if exposes_project(storage):
        raise ImproperlyConfigured(
            f"{type(storage).__name__} is not served: its location has the project's own files in "
            "it, such as its settings. Set MEDIA_ROOT, or the location in STORAGES, to a directory "
            "for media alone."
        )
    return serve_from(storage, request, name, public, as_attachment=as_attachment, sandbox=sandbox)


def media_urlpatterns(
    prefix: str | None = None, *, alias: str = "default", debug_only: bool = True, **options: Any
) -> list[URLPattern]:
    """
    Return the URL patterns that serve the files of a storage.

    Write ``urlpatterns = [..., *media_urlpatterns()]``. Like ``django.conf.urls.static.static``, it
    returns an empty list without DEBUG, and for a prefix on another host.

    :param prefix: the start of the URLs; by default the storage's ``base_url``.
    :param alias: the alias of the storage in STORAGES.
    :param debug_only: whether to serve in DEBUG only.
    :param options: options of `serve`: ``public``, ``as_attachment``, ``sandbox``.

    Raises ``ImproperlyConfigured`` for a prefix that would match every URL of the site.
    """
    if debug_only and not settings.DEBUG:
        return []
    if prefix is None:
        prefix = str(getattr(storages[alias], "base_url", None) or settings.MEDIA_URL)
    if not prefix.strip("/"):
        raise ImproperlyConfigured(
            f"Files cannot be served at {prefix!r}, which is the whole site. Set MEDIA_URL, for "
            "example to 'media/', or pass a prefix: media_urlpatterns('media/')."
        )
    if urlsplit(prefix).netloc:
        return []
    prefix = prefix.removeprefix(get_script_prefix()).strip("/")
    pattern = rf"^{re.escape(prefix)}/(?P<name>(?s:.*))\Z"
    return [re_path(pattern, serve, {"alias": alias, **options})]


def serve_from(
    storage: Storage, request: HttpRequest, name: str, public: Public | None = None, **options: bool
) -> HttpResponseBase:
    """Serve a file, or list a directory, of a storage that has only media, as `serve` does."""
    request.get_host()
    refusal = None if public is None else _ask(public, request, name)
    if refusal is not None:
        return refusal
    if not name or name.endswith("/"):
        if not settings.DEBUG:
            raise Http404("Directories are listed in DEBUG only.")
        return list_directory(request, storage, name)
    is_private = _check_url(storage, request, name) or public is not None
    # Browsers revalidate each time: the file may have changed, and access may have been revoked.
    cache_control = "private, no-cache" if is_private else "no-cache"
    representation = open_representation(storage, name)
    response: HttpResponseBase | None = None
    try:
        response = respond(request, representation, cache_control, **options)
        return response
    finally:
        if response is None or not response.streaming:
            representation.file.close()


def exposes_project(storage: Storage) -> bool:
    """Return whether a storage on a disk, or a layer, has the project's own files."""
    for layer in layers_on_disk(storage):
        location = os.path.realpath(layer.location)
        if location == os.path.realpath(os.curdir) or _has_settings(location):
            return True
    return False


def _has_settings(location: str) -> bool:
    module = sys.modules.get(os.environ.get(ENVIRONMENT_VARIABLE, ""))
    file = getattr(module, "__file__", None)
    return file is not None and os.path.realpath(file).startswith(os.path.join(location, ""))


def _ask(public: Public, request: HttpRequest, name: str) -> HttpResponseBase | None:
    """Return the response of ``public``, or ``None`` if the request may get the file."""
    answer = public(request, name)
    if inspect.isawaitable(answer):
        answer = async_to_sync(_result)(answer)
    if isinstance(answer, HttpResponseBase):
        return answer
    if not isinstance(answer, bool):
        raise TypeError(f"public must return True, False or a response, not {answer!r}.")
    if not answer:
        raise PermissionDenied(f"{name!r} is not public.")
    return None


async def _result(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _check_url(storage: Any, request: HttpRequest, name: str) -> bool:
    """Return whether the storage signs its URLs; raise ``PermissionDenied`` for an invalid one."""
    check_url = getattr(storage, "check_url", None)
    try:
        return check_url is not None and check_url(name, request.GET)
    except BadSignature as error:
        raise PermissionDenied(f"The URL of {name!r} is not signed, or has expired.") from error
