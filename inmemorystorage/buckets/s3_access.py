"""
The signatures of S3 requests, by shape: what a signature needs, and until when it is valid.

The secret key that signed a request is unknown here, so a signature is not computed again.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from typing import Any

from .s3_call import S3Error

WEEK = 604_800
_ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = r"[^/]+/(?P<day>\d{8})/[a-z0-9-]+/s3/aws4_request"
_HEADER = re.compile(
    rf"{_ALGORITHM} Credential={_CREDENTIAL}, ?SignedHeaders=[^,]+, ?Signature=[0-9a-f]{{64}}"
)
_HEADER_V2 = re.compile(r"AWS [^:]+:[A-Za-z0-9+/]{27}=")
_QUERY = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
_QUERY_V2 = ("AWSAccessKeyId", "Signature", "Expires")


def is_signed(query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Return whether a request is signed; raise `S3Error` if its signature cannot be valid."""
    if any(f"X-Amz-{name}" in query for name in ("Algorithm", "Signature", "Credential")):
        _check_query(query)
    elif "AWSAccessKeyId" in query or "Signature" in query:
        _check_query_v2(query)
    elif "authorization" in headers:
        sent = headers["authorization"]
        if not (_HEADER.fullmatch(sent) or _HEADER_V2.fullmatch(sent)):
            raise S3Error("AuthorizationHeaderMalformed")
    else:
        return False
    return True


def _check_query(query: Mapping[str, str]) -> None:
    """Check a presigned URL: "Authenticating Requests: Using Query Parameters"."""
    if any(f"X-Amz-{name}" not in query for name in _QUERY):
        raise S3Error(
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    expires = query["X-Amz-Expires"]
    if not expires.isdecimal():
        raise S3Error("AuthorizationQueryParametersError", "X-Amz-Expires should be a number")
    if int(expires) > WEEK:
        raise S3Error(
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            "X-Amz-Expires must be less than 604800 seconds",
        )
    begun = _check_signed_at(
        query["X-Amz-Algorithm"],
        query["X-Amz-Credential"],
        query["X-Amz-Date"],
        query["X-Amz-Signature"],
    )
    if time.time() > begun + int(expires):
        raise S3Error("AccessDenied", "Request has expired")


def _check_signed_at(algorithm: str, credential: str, date: str, signature: str) -> int:
    """Check what each signature of version 4 has; return when it was made."""
    try:
        begun = timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise S3Error("AuthorizationQueryParametersError") from None
    scope = re.fullmatch(_CREDENTIAL, credential)
    if algorithm != _ALGORITHM or scope is None or scope["day"] != date[:8]:
        raise S3Error("AuthorizationQueryParametersError")
    if not re.fullmatch("[0-9a-f]{64}", signature):
        raise S3Error("SignatureDoesNotMatch")
    return begun


def _check_query_v2(query: Mapping[str, str]) -> None:
    """Check a presigned URL of version 2: "Signing and Authenticating REST Requests"."""
    if any(name not in query for name in _QUERY_V2) or not query["Expires"].isdecimal():
        raise S3Error(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters",
        )
    if time.time() > int(query["Expires"]):
        raise S3Error("AccessDenied", "Request has expired")
    if not re.fullmatch("[A-Za-z0-9+/]{27}=", query["Signature"]):
        raise S3Error("SignatureDoesNotMatch")


# Forms: "POST Object", "Creating a POST policy".

# The fields of a form that need no condition.
_FREE = {"x-amz-signature", "signature", "awsaccesskeyid", "policy", "file"}


def check_form(fields: Mapping[str, str], bucket: str, size: int) -> bool:
    """
    Return whether a form is signed; raise `S3Error` if its policy does not allow it.

    :param fields: the text of the form's fields, by name in lower case.
    """
    if "policy" not in fields:
        return False
    if "x-amz-signature" in fields:
        names = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
        _check_signed_at(*(fields.get(name, "") for name in names))
    elif not {"awsaccesskeyid", "signature"} <= set(fields):
        raise S3Error("AccessDenied")
    policy = _parse_policy(fields["policy"])
    if time.time() > _parse_expiration(policy):
        raise S3Error("AccessDenied", "Invalid according to Policy: Policy expired.")
    sent = {**fields, "bucket": bucket}
    try:
        mentioned = {name for each in policy["conditions"] for name in _check(each, sent, size)}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise S3Error("InvalidPolicyDocument") from None
    for name in fields:
        if name not in mentioned | _FREE and not name.startswith("x-ignore-"):
            raise S3Error(
                "AccessDenied", f"Invalid according to Policy: Extra input fields: {name}"
            )
    return True


def _parse_policy(encoded: str) -> dict[str, Any]:
    try:
        policy: dict[str, Any] = json.loads(base64.b64decode(encoded))
        if "expiration" not in policy or not isinstance(policy["conditions"], list):
            raise ValueError(encoded)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise S3Error("InvalidPolicyDocument") from None
    return policy


def _parse_expiration(policy: Mapping[str, Any]) -> int:
    try:
        text = re.sub(r"\.\d+Z$", "Z", policy["expiration"])
        return timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except (ValueError, TypeError):
        raise S3Error("InvalidPolicyDocument") from None


_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda value, expected: value == expected,
    "starts-with": lambda value, expected: value.startswith(expected),
}


def _check(condition: Any, fields: Mapping[str, str], size: int) -> list[str]:
    """Check a condition; return the names of the fields that it mentions."""
    if isinstance(condition, Mapping):
        return [
            name
            for field, expected in condition.items()
            for name in _check(["eq", f"${field}", expected], fields, size)
        ]
    operator, first, second = condition
    if operator == "content-length-range":
        if size < int(first):
            raise S3Error("EntityTooSmall", ProposedSize=size, MinSizeAllowed=first)
        if size > int(second):
            raise S3Error("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=second)
        return []
    name = first.removeprefix("$").lower()
    if not _MATCHES[operator](fields.get(name, ""), second):
        raise S3Error(
            "AccessDenied",
            f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}",
        )
    return [name]
