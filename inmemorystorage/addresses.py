"""The URLs that files have, signed ones too."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from urllib.parse import urljoin

from django.utils.encoding import filepath_to_uri

from .configuration import BaseUrlMixin
from .signing import check_signature, sign_url

# A name that is its own URL, to which urljoin() adds nothing but the base.
is_plain_url = re.compile(r"(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*(?:/(?!\Z)|\Z))+").fullmatch


class AddressMixin(BaseUrlMixin):
    """Give URLs to names, and know again those that it has signed."""

    querystring_auth: bool
    querystring_expire: int

    def url(self, name: str | None, expire: float | None = None) -> str:
        """
        Return the URL of a file; with ``querystring_auth`` one that is signed, and expires.

        :param expire: seconds for which it is good; by default ``querystring_expire``.

        Raises ``ValueError`` where there is no base URL.
        """
        url = self._unsigned_url(name)
        if not self.querystring_auth:
            return url
        return sign_url(url, self.querystring_expire if expire is None else expire)

    def check_url(self, name: str, query: Mapping[str, str]) -> bool:
        """
        Check the query of a URL by which somebody asks for ``name``; who serves files asks this.

        Returns false without ``querystring_auth``: anybody may have the file. Raises
        ``django.core.signing.BadSignature`` where `url` has not signed it, or no longer so.
        """
        if self.querystring_auth:
            check_signature(self._unsigned_url(name), query)
        return self.querystring_auth

    def _unsigned_url(self, name: str | None) -> str:
        base_url = self.base_url
        if base_url is None:
            raise ValueError("This file is not accessible via a URL.")
        if type(name) is str and is_plain_url(name):
            return _url_prefix(base_url) + name
        url = filepath_to_uri(name)
        return urljoin(base_url, url if url is None else url.lstrip("/"))


@functools.lru_cache(maxsize=64)
def _url_prefix(base_url: str) -> str:
    return urljoin(base_url, "x")[:-1]
