"""Signed URLs of Google Cloud Storage, and a key to sign them with."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from threading import Lock
from urllib.parse import quote, urlsplit

from ..forks import PerProcess
from .gcs_call import Call, GcsError
from .s3_errors import S3Error
from .s3_forms import check_policy

EMAIL = "in-memory@in-memory.iam.gserviceaccount.com"
# RFC 8017, section 9.2, note 1: the algorithm SHA-256, in DER.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
_EXPONENT = 65537
_HALF = 512  # bits; no secret depends on it


@dataclass(frozen=True)
class Key:
    """An RSA key that signs as RFC 8017 says in section 8.2 (RSASSA-PKCS1-v1_5)."""

    first: int
    second: int

    @property
    def modulus(self) -> int:
        """Return the public part."""
        return self.first * self.second

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        padded = self._padded(message)
        # RFC 8017, section 5.2.1: by the primes, which is four times as fast.
        first, second = (
            pow(padded, pow(_EXPONENT, -1, prime - 1), prime) for prime in (self.first, self.second)
        )
        quotient = (first - second) * pow(self.second, -1, self.first) % self.first
        return (second + quotient * self.second).to_bytes(_HALF // 4, "big")

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Return whether a signature is the key's for a message."""
        number = int.from_bytes(signature, "big")
        return pow(number, _EXPONENT, self.modulus) == self._padded(message)

    def _padded(self, message: bytes) -> int:
        digest = _SHA256 + sha256(message).digest()
        padding = b"\xff" * (_HALF // 4 - 3 - len(digest))
        return int.from_bytes(b"\0\1" + padding + b"\0" + digest, "big")


_lock = PerProcess(Lock)
_made: list[Key] = []


def invented_key() -> Key:
    """Return the key of this process, which is made when something is signed."""
    with _lock.value:
        if not _made:
            _made.append(Key(_prime(), _prime()))
        return _made[0]


def _prime() -> int:
    """Return a number that is a prime, but for a chance that does not matter here."""
    while True:
        number = secrets.randbits(_HALF) | 3 << _HALF - 2 | 1
        if number % _EXPONENT != 1 and pow(2, number - 1, number) == 1:
            return number


# Signed URLs: "Signed URLs", "V4 signing process with your own program", "Canonical requests".

MAX_EXPIRES = 604_800  # seconds: 7 days
_ALGORITHMS = ("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256")
_V4 = tuple(
    f"X-Goog-{name}"
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)


def check_signature(call: Call) -> None:
    """
    Raise unless a request of the XML API is signed, or reads what anyone may read.

    The signature itself is verified if the key is `invented_key`, and otherwise its shape.
    """
    query = call.query
    if "X-Goog-Signature" in query:
        _check_v4(call)
        return
    if "GoogleAccessId" in query:
        _check_expired(float(query.get("Expires", "0")))
        return
    is_known = {"authorization", "upload_id"} & {*call.headers, *query}
    if not is_known and not _is_public(call):
        raise GcsError(403, "Access denied.")


def _is_public(call: Call) -> bool:
    """Return whether a request reads an object that anyone may read."""
    if call.request.method not in ("GET", "HEAD"):
        return False
    stored = call.bucket.objects.get(call.key)
    is_granted = stored is not None and ("allUsers", "READER") in stored.attributes.acl
    return is_granted or call.buckets.is_public(call.bucket_name)


def _check_v4(call: Call) -> None:
    missing = [name for name in _V4 if name not in call.query]
    if missing:
        raise GcsError(400, f"Missing query parameter: {missing[0]}")
    algorithm, credential, date, expires, _, signature = (call.query[name] for name in _V4)
    try:
        begun = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        seconds, signed = int(expires), bytes.fromhex(signature)
    except ValueError:
        raise GcsError(400, "Invalid query parameter of a signed URL.") from None
    if algorithm not in _ALGORITHMS or not 0 < seconds <= MAX_EXPIRES:
        raise GcsError(400, "X-Goog-Algorithm or X-Goog-Expires is not allowed.")
    _check_expired(begun.timestamp() + seconds)
    scope = credential.partition("/")[2]
    text = "\n".join([algorithm, date, scope, sha256(_canonical(call).encode()).hexdigest()])
    _verify(credential, text, signed)


def _verify(credential: str, text: str, signature: bytes) -> None:
    is_known = credential.partition("/")[0] == EMAIL
    if is_known and not invented_key().has_signed(text.encode(), signature):
        raise GcsError(
            403,
            "Access denied. The request signature we calculated does not match the signature you "
            "provided.",
            code="SignatureDoesNotMatch",
        )


def check_form(fields: Mapping[str, str], bucket: str, size: int) -> None:
    """
    Raise unless a form is signed, and its policy allows it: "Policy document" in the reference.

    :param fields: the text of the form's fields, by name in lower case.
    """
    if "policy" not in fields:
        raise GcsError(403, "Access denied.")
    try:
        signature = bytes.fromhex(fields["x-goog-signature"])
        _verify(fields["x-goog-credential"], fields["policy"], signature)
        check_policy(fields, bucket, size)
    except (KeyError, ValueError):
        raise GcsError(403, "Access denied.", code="SignatureDoesNotMatch") from None
    except S3Error as error:  # policies are written as those of Amazon S3
        raise GcsError(error.status, error.message, code=error.code) from None


def _check_expired(moment: float) -> None:
    if time.time() > moment:
        raise GcsError(400, "The provided token has expired.", code="ExpiredToken")


def _canonical(call: Call) -> str:
    """Return the canonical request that a signature is made of."""
    headers = {"host": call.request.host, **call.headers}
    names = call.query["X-Goog-SignedHeaders"].split(";")
    parameters = [
        f"{quote(name, safe='~')}={quote(value, safe='~')}"
        for name, value in call.query.items()
        if name != "X-Goog-Signature"
    ]
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in names]
    return "\n".join(
        [
            call.request.method,
            urlsplit(call.request.url).path,
            "&".join(sorted(parameters)),
            *lines,
            "",
            ";".join(names),
            headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )
