"""URLs that expire, signed with the project's key."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlencode

from django.core.signing import SignatureExpired, Signer

EXPIRES, SIGNATURE = "expires", "signature"


def sign_url(url: str, lifetime: float) -> str:
    """
    Return a URL with a query that says until when it is good, and proves it.

    :param lifetime: seconds from now.

    Signed by https://docs.djangoproject.com/en/stable/topics/signing/, with SECRET_KEY.
    """
    expires = str(int(time.time() + lifetime))
    signature = _signer().signature(_signed(url, expires))
    return f"{url}?{urlencode({EXPIRES: expires, SIGNATURE: signature})}"


def check_signature(url: str, query: Mapping[str, str]) -> None:
    """
    Check the query that came with a URL.

    Raises ``BadSignature`` for one that `sign_url` has not made of this URL, with SECRET_KEY or one
    of SECRET_KEY_FALLBACKS, and ``SignatureExpired`` for one whose time is over.
    """
    expires, signature = query.get(EXPIRES, ""), query.get(SIGNATURE, "")
    _signer().unsign(f"{_signed(url, expires)}:{signature}")
    if int(expires) <= time.time():
        raise SignatureExpired(f"The signature of {url} has expired.")


def _signer() -> Signer:
    return Signer(salt="inmemorystorage.signing")


def _signed(url: str, expires: str) -> str:
    return f"{url}?{EXPIRES}={expires}"
