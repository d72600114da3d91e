"""The view that answers with files, and its URL patterns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.files.storage import Storage, storages
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, get_script_prefix, re_path
from django.views.decorators.http import require_safe

from .listing import list_directory
from .responses import answer, open_representation

Public = Callable[[HttpRequest, str], bool]


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
    Answer with a file of any storage, whole or in parts.

    ``path("media/<path:name>", serve, {"alias": "default"})`` in the URLs of a project.

    :param name: the name of the file in the storage. In DEBUG, an empty one and one that ends with
        a slash are answered with a page that lists the directory.
    :param alias: the alias of the storage in STORAGES.
    :param public: says who may have what: called with the request and the name, before anything is
        looked up. False is answered with 403, ``Http404`` with 404.
    :param as_attachment: whether a browser is to save the file, not to show it.
    :param sandbox: whether HTML, SVG and other XML get a Content-Security-Policy by which they run
        no script and reach nothing of the site.

    A storage that signs its URLs is asked to check the query; 403 where it refuses. What is no file
    is answered with 404, and so is a name that is not in its normal form, such as ``a/../b``.

    What is kept to of RFC 9110: GET and HEAD (sections 9.3.1, 9.3.2); ETag and Last-Modified
    (8.8); If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and If-Range (13.1) in
    the order of 13.2.2; Range (14.2) with one range or several, Content-Range (14.4), 206 (15.3.7)
    with multipart/byteranges (14.6), 304 (15.4.5), 412 (15.5.13) and 416 (15.5.17). A Range header
    that is malformed is ignored, and one that asks for more bytes than the file has.
    """
    storage = storages[alias]
    return serve_from(storage, request, name, public, as_attachment=as_attachment, sandbox=sandbox)


def media_urlpatterns(
    prefix: str | None = None, *, alias: str = "default", debug_only: bool = True, **options: Any
) -> list[URLPattern]:
    """
    Return the URL patterns by which the files of a storage are served.

    ``urlpatterns = [..., *media_urlpatterns()]``. As ``django.conf.urls.static.static`` does, it
    returns none where DEBUG is off, and none for a prefix on another host, which answers there.

    :param prefix: what the URLs begin with; by default the storage's ``base_url``.
    :param alias: the alias of the storage in STORAGES.
    :param debug_only: false serves without DEBUG too.
    :param options: what `serve` takes: ``public``, ``as_attachment``, ``sandbox``.

    Raises ``ImproperlyConfigured`` for a prefix that would take every URL of the site.
    """
    if debug_only and not settings.DEBUG:
        return []
    if prefix is None:
        prefix = str(getattr(storages[alias], "base_url", None) or settings.MEDIA_URL)
    if not prefix.strip("/"):
        raise ImproperlyConfigured(
            f"Files cannot be served at {prefix!r}: that is the whole site. Set MEDIA_URL, say to "
            "'media/', or name a prefix: media_urlpatterns('media/')."
        )
    if urlsplit(prefix).netloc:
        return []
    prefix = prefix.removeprefix(get_script_prefix()).strip("/")
    pattern = rf"^{re.escape(prefix)}/(?P<name>(?s:.*))\Z"
    return [re_path(pattern, serve, {"alias": alias, **options})]


def serve_from(
    storage: Storage, request: HttpRequest, name: str, public: Public | None = None, **options: bool
) -> HttpResponseBase:
    """Answer with a file of a storage, or list a directory, as `serve` does."""
    if public is not None:
        _check_public(public, request, name)
    if not name or name.endswith("/"):
        if not settings.DEBUG:
            raise Http404("Directories are listed in DEBUG only.")
        return list_directory(request, storage, name)
    is_private = _check_url(storage, request, name) or public is not None
    # What is asked for again is asked for at the server: it may have changed, or be denied.
    cache_control = "private, no-cache" if is_private else "no-cache"
    representation = open_representation(storage, name)
    response: HttpResponseBase | None = None
    try:
        response = answer(request, representation, cache_control, **options)
        return response
    finally:
        if response is None or not response.streaming:
            representation.file.close()


def _check_public(public: Public, request: HttpRequest, name: str) -> None:
    is_public: Any = public(request, name)
    if inspect.iscoroutine(is_public):
        is_public.close()
        raise TypeError("public is called without await: it cannot be an async function.")
    if not is_public:
        raise PermissionDenied(f"{name!r} is not public.")


def _check_url(storage: Any, request: HttpRequest, name: str) -> bool:
    """Return whether a storage signs its URLs; raise ``PermissionDenied`` for another URL."""
    check_url = getattr(storage, "check_url", None)
    try:
        return check_url is not None and check_url(name, request.GET)
    except BadSignature as error:
        raise PermissionDenied(f"The URL of {name!r} is not signed, or no longer.") from error
