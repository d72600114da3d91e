"""The URLs of files: the base URL that settings or an option name, and signed URLs that expire."""

from __future__ import annotations

import functools
import re
import time
from abc import abstractmethod
from collections.abc import Mapping
from urllib.parse import urlencode, urljoin

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage
from django.core.files.storage.mixins import StorageSettingsMixin
from django.core.signing import SignatureExpired, Signer
from django.utils.encoding import filepath_to_uri

EXPIRES, SIGNATURE = "expires", "signature"
METHOD = "GET"  # and HEAD; a signature allows no other method

# A name that is its own URL, to which urljoin() adds nothing but the base.
is_plain_url = re.compile(r"(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*(?:/(?!\Z)|\Z))+").fullmatch


class SignedUrlMixin(Storage, StorageSettingsMixin):  # in the order of FileSystemStorage
    """Return the URLs of files, signed ones where ``querystring_auth`` is true."""

    _base_url: str | None
    querystring_auth: bool
    querystring_expire: int

    @property
    @abstractmethod
    def _signing_scope(self) -> str:
        """
        Return what storages with the same files have in common, and no others.

        A signature is valid in one scope: several storages may have one base URL.
        """

    @property
    def base_url(self) -> str | None:
        """Return what URLs begin with, with a slash at the end; ``None`` if files have no URLs."""
        if self._base_url is not None and not self._base_url.endswith("/"):
            self._base_url += "/"
        base_url: str | None = self._value_or_setting(self._base_url, settings.MEDIA_URL)
        return base_url

    def url(self, name: str | None, expire: float | None = None) -> str:
        """
        Return the URL of a file; with ``querystring_auth`` a signed one, which expires.

        :param expire: seconds until the URL expires; by default ``querystring_expire``.

        Raises ``ValueError`` if there is no base URL, and ``SuspiciousFileOperation`` instead of
        signing a name with ``..``, whose URL may be that of another storage.
        """
        url = self._unsigned_url(name)
        if not self.querystring_auth:
            return url
        if ".." in str(name).replace("\\", "/").split("/"):
            raise SuspiciousFileOperation(
                f"{name!r} may lead out of the storage; it is not signed."
            )
        lifetime = self.querystring_expire if expire is None else expire
        return sign_url(url, lifetime, self._signing_scope)

    def check_url(self, name: str, query: Mapping[str, str]) -> bool:
        """
        Check the query of a requested URL before ``name`` is served.

        Returns false without ``querystring_auth``: then the file is public. Raises
        ``django.core.signing.BadSignature`` if `url` did not sign the query, or if it has expired.
        """
        if self.querystring_auth:
            check_signature(self._unsigned_url(name), query, self._signing_scope)
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


def sign_url(url: str, lifetime: float, scope: str) -> str:
    """
    Return a URL with its expiry time and a signature of both in the query.

    :param lifetime: seconds from now.
    :param scope: for which the signature is valid, as for GET and HEAD alone.

    Signed by https://docs.djangoproject.com/en/stable/topics/signing/, with SECRET_KEY.
    """
    expires = str(int(time.time() + lifetime))
    signature = _signer(scope).signature(_signed_part(url, expires))
    return f"{url}?{urlencode({EXPIRES: expires, SIGNATURE: signature})}"


def check_signature(url: str, query: Mapping[str, str], scope: str) -> None:
    """
    Check the query that came with a URL.

    Raises ``BadSignature`` if `sign_url` did not make it for this URL and scope, with SECRET_KEY or
    one of SECRET_KEY_FALLBACKS, and ``SignatureExpired`` if it has expired.
    """
    expires, signature = query.get(EXPIRES, ""), query.get(SIGNATURE, "")
    _signer(scope).unsign(f"{_signed_part(url, expires)}:{signature}")
    if int(expires) <= time.time():
        raise SignatureExpired(f"The signature of {url} has expired.")


def _signer(scope: str) -> Signer:
    return Signer(salt=f"inmemorystorage.signing {METHOD} {scope}")


def _signed_part(url: str, expires: str) -> str:
    return f"{url}?{EXPIRES}={expires}"
