"""The URL patterns of a project's media."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.urls import URLPattern, get_script_prefix, re_path

from .views import serve


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
