"""
The signatures of S3's requests: their parameters, their validity, and their values.

A signature is computed again if its secret key is known, and otherwise it must only look like one.
Pages that are cited are those of the Amazon S3 API Reference and of the user guide.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
import time
from calendar import timegm
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from .http import Request
from .s3_errors import S3Error

WEEK = 604_800
ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE = r"(?P<access>[^/]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/s3/aws4_request"
_HEADER = re.compile(
    rf"{ALGORITHM} Credential=(?P<credential>[^,]+), ?SignedHeaders=(?P<names>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_HEADER_V2 = re.compile(r"AWS (?P<access>[^:]+):(?P<signature>[A-Za-z0-9+/]{27}=)")
_QUERY = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
_QUERY_V2 = ("AWSAccessKeyId", "Signature", "Expires")
_UNSIGNED = "UNSIGNED-PAYLOAD"
# "Signing and authenticating REST requests": the parameters that version 2 signs.
_SUBRESOURCES = {
    *("acl", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy"),
    *("requestPayment", "tagging", "uploadId", "uploads", "versionId", "versioning", "versions"),
    *("website", "accelerate", "cors"),
}

# The parameters of presigned URLs, in lower case.
PARAMETERS = {
    *(f"x-amz-{name.lower()}" for name in (*_QUERY, "Security-Token")),
    *(name.lower() for name in _QUERY_V2),
}


class Signed(NamedTuple):
    """
    A request whose signature is verified.

    :param bucket: the bucket, and ``key`` the key; empty for a request without one.
    :param headers: the headers, those in the query of a presigned URL included.
    :param secrets: the secret keys that are known, by their public ones.
    """

    request: Request
    bucket: str
    key: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    secrets: Mapping[str, str]


def is_signed(signed: Signed) -> bool:
    """Return whether a request has a signature; raise `S3Error` if it is not valid."""
    query = signed.query
    if any(f"X-Amz-{name}" in query for name in ("Algorithm", "Signature", "Credential")):
        _check_query(signed)
    elif "AWSAccessKeyId" in query or "Signature" in query:
        _check_query_v2(signed)
    elif "authorization" in signed.headers:
        _check_header(signed, signed.headers["authorization"])
    else:
        return False
    return True


# Version 4: "Authenticating Requests: Using the Authorization Header", "… Using Query Parameters".


def _check_header(signed: Signed, sent: str) -> None:
    matched, older = _HEADER.fullmatch(sent), _HEADER_V2.fullmatch(sent)
    if matched is not None:
        date = signed.headers.get("x-amz-date", "")
        check_signed_at(ALGORITHM, matched["credential"], date)
        _verify(signed, matched["credential"], date, matched["names"], matched["signature"])
        payload = signed.headers.get("x-amz-content-sha256", "")
        content = signed.request.body
        if len(payload) == 64 and hashlib.sha256(content).hexdigest() != payload:
            raise S3Error("XAmzContentSHA256Mismatch")
    elif older is not None:
        has_date = "x-amz-date" in signed.headers
        date = "" if has_date else signed.headers.get("date", "")
        _verify_v2(signed, older["access"], date, older["signature"])
    else:
        raise S3Error("AuthorizationHeaderMalformed")


def _check_query(signed: Signed) -> None:
    query = signed.query
    if any(f"X-Amz-{name}" not in query for name in _QUERY):
        raise S3Error(
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    expires = query["X-Amz-Expires"]
    if not expires.isdecimal():
        raise S3Error("AuthorizationQueryParametersError", "X-Amz-Expires should be a number")
    if not 1 <= int(expires) <= WEEK:
        raise S3Error(
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be at least a second, and less than a week (in seconds); that is, "
            "the given X-Amz-Expires must be less than 604800 seconds",
        )
    credential, date = query["X-Amz-Credential"], query["X-Amz-Date"]
    begun = check_signed_at(query["X-Amz-Algorithm"], credential, date)
    if time.time() > begun + int(expires):
        raise S3Error("AccessDenied", "Request has expired")
    _verify(signed, credential, date, query["X-Amz-SignedHeaders"], query["X-Amz-Signature"])


def check_signed_at(algorithm: str, credential: str, date: str) -> int:
    """Check the parameters of a signature of version 4; return when it was made."""
    try:
        begun = timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise S3Error("AuthorizationQueryParametersError") from None
    scope = re.fullmatch(_SCOPE, credential)
    if algorithm != ALGORITHM or scope is None or scope["day"] != date[:8]:
        raise S3Error("AuthorizationQueryParametersError")
    return begun


def _verify(signed: Signed, credential: str, date: str, names: str, signature: str) -> None:
    """Compute a signature of version 4 again, if its secret key is known."""
    _, _, scope = credential.partition("/")
    text = f"{ALGORITHM}\n{date}\n{scope}\n"
    verify_text(
        text + _canonical_hash(signed, names.split(";")), credential, signature, signed.secrets
    )


def verify_text(text: str, credential: str, signature: str, secrets: Mapping[str, str]) -> None:
    """Raise `S3Error` unless a text has a signature of version 4."""
    access, day, region = credential.split("/")[:3]
    if access in secrets:
        expected = _hmac(_signing_key(secrets[access], day, region), text).hex()
        is_valid = expected == signature
    else:
        is_valid = re.fullmatch("[0-9a-f]{64}", signature) is not None
    if not is_valid:
        raise S3Error("SignatureDoesNotMatch")


def _canonical_hash(signed: Signed, names: Sequence[str]) -> str:
    request = signed.request
    headers = {"host": _host(request), **request.headers}
    pairs = sorted(
        (quote(name, "~"), quote(value, "~"))
        for name, value in signed.query.items()
        if name != "X-Amz-Signature"
    )
    lines = [
        request.method,
        _path(request),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
        "",
        ";".join(names),
        signed.headers.get("x-amz-content-sha256", _UNSIGNED),
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _host(request: Request) -> str:
    return re.sub(r":(80|443)$", "", request.host)


def _path(request: Request) -> str:
    return quote(unquote(urlsplit(request.url).path), "/~") or "/"


@functools.lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for each in (day, region, "s3", "aws4_request"):
        key = _hmac(key, each)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


# Version 2: "Signing and authenticating REST requests" in the user guide.


def _check_query_v2(signed: Signed) -> None:
    query = signed.query
    if any(name not in query for name in _QUERY_V2) or not query["Expires"].isdecimal():
        raise S3Error(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters",
        )
    if time.time() > int(query["Expires"]):
        raise S3Error("AccessDenied", "Request has expired")
    _verify_v2(signed, query["AWSAccessKeyId"], query["Expires"], query["Signature"])


def _verify_v2(signed: Signed, access: str, date: str, signature: str) -> None:
    """Compute a signature of version 2 again, if its secret key is known."""
    headers = signed.headers
    named = sorted(
        name for name in headers if name.startswith("x-amz-") and name not in PARAMETERS - _AMAZON
    )
    # Neither the host nor the path of an endpoint is signed.
    resource = f"/{signed.bucket}/{quote(signed.key, '/~')}" if signed.bucket else "/"
    found = sorted(
        f"{name}={value}" if value else name
        for name, value in signed.query.items()
        if name in _SUBRESOURCES or name.startswith("response-")
    )
    lines = [
        signed.request.method,
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        date,
        *(f"{name}:{headers[name].strip()}" for name in named),
        resource + ("?" + "&".join(found) if found else ""),
    ]
    verify_text_v2("\n".join(lines), access, signature, signed.secrets)


_AMAZON = {"x-amz-date", "x-amz-security-token"}


def verify_text_v2(text: str, access: str, signature: str, secrets: Mapping[str, str]) -> None:
    """Raise `S3Error` unless a text has a signature of version 2."""
    if access in secrets:
        digest = hmac.digest(secrets[access].encode(), text.encode(), "sha1")
        is_valid = base64.b64encode(digest).decode() == signature
    else:
        is_valid = re.fullmatch("[A-Za-z0-9+/]{27}=", signature) is not None
    if not is_valid:
        raise S3Error("SignatureDoesNotMatch")
