"""The uploads of browsers to S3: forms that a policy allows."""

from __future__ import annotations

import base64
import json
import re
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from .http import Response, parse_form
from .s3_call import STORED_HEADERS, Call
from .s3_errors import S3Error
from .s3_objects import parsed_tags, put_object
from .s3_signatures import check_signed_at, verify_text, verify_text_v2
from .xml import element, xml_response

# The fields of a form that need no condition: "POST Policy".
_FREE = {
    *("x-amz-signature", "signature", "awsaccesskeyid", "policy", "file"),
    "x-goog-signature",  # Google Cloud Storage reads the same policies
}
_SIGNED = ("x-amz-algorithm", "x-amz-credential", "x-amz-date")


def post_object(call: Call) -> Response:
    """Answer POST Object."""
    try:
        form = parse_form(call.headers.get("content-type", ""), call.request.body)
    except ValueError:
        raise S3Error("MalformedPOSTRequest") from None
    key = form.fields.get("key", "").replace("${filename}", form.filename)
    # "POST Policy": it is expanded before the policy is checked.
    fields = {name: key if name == "key" else each for name, each in form.fields.items()}
    _check_form(fields, call, len(form.content))
    if not key:
        raise S3Error("InvalidArgument", "Bucket POST must contain a field named 'key'.")
    headers = {"x-amz-acl": fields["acl"]} if "acl" in fields else {}
    headers |= {name: each for name, each in fields.items() if _is_stored(name)}
    if "tagging" in fields:
        headers["x-amz-tagging"] = urlencode(parsed_tags(fields["tagging"].encode()))
    request = replace(call.request, url="", headers=headers, body=form.content)
    answer = put_object(replace(call, request=request, key=key))
    return _post_answer(call, fields, key, dict(answer.headers))


def _is_stored(name: str) -> bool:
    return name in STORED_HEADERS or name.startswith(("x-amz-meta-", "x-amz-checksum-"))


def _post_answer(call: Call, fields: dict[str, str], key: str, headers: dict[str, str]) -> Response:
    base = call.request.url.partition("?")[0].rstrip("/")
    headers["location"] = location = f"{base}/{key}"
    redirect = fields.get("success_action_redirect", fields.get("redirect"))
    if redirect is not None:
        joint = "&" if "?" in redirect else "?"
        named = urlencode({"bucket": call.bucket_name, "key": key, "etag": headers["etag"]})
        return Response(303, {**headers, "location": f"{redirect}{joint}{named}"})
    status = fields.get("success_action_status", "204")
    if status != "201":
        return Response(200 if status == "200" else 204, headers)
    body = element(
        "PostResponse",
        element("Location", location),
        element("Bucket", call.bucket_name),
        element("Key", key),
        element("ETag", headers["etag"]),
    )
    return xml_response(body, 201, headers)


def _check_form(fields: Mapping[str, str], call: Call, size: int) -> None:
    """Raise `S3Error` unless a form is signed, and its policy allows it."""
    if "policy" not in fields:
        raise S3Error("AccessDenied")
    _check_signature(fields, call.buckets.secrets)
    check_policy(fields, call.bucket_name, size)


def check_policy(fields: Mapping[str, str], bucket: str, size: int) -> None:
    """Raise `S3Error` if the policy of a form does not allow its fields or its file's size."""
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


def _check_signature(fields: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    policy = fields["policy"]
    if "x-amz-signature" in fields:
        algorithm, credential, date = (fields.get(name, "") for name in _SIGNED)
        check_signed_at(algorithm, credential, date)
        verify_text(policy, credential, fields["x-amz-signature"], secrets)
    elif {"awsaccesskeyid", "signature"} <= set(fields):
        verify_text_v2(policy, fields["awsaccesskeyid"], fields["signature"], secrets)
    else:
        raise S3Error("AccessDenied")


def _parse_policy(encoded: str) -> dict[str, Any]:
    try:
        policy: dict[str, Any] = json.loads(base64.b64decode(encoded))
        if "expiration" not in policy or not isinstance(policy["conditions"], list):
            raise ValueError(encoded)
    except (ValueError, KeyError, TypeError):
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
    value = fields.get(name, "")
    # "POST Policy": a type with commas is a list, each of which must start so.
    is_list = (operator, name) == ("starts-with", "content-type")
    values = value.split(",") if is_list else [value]
    if not all(_MATCHES[operator](each, second) for each in values):
        raise S3Error(
            "AccessDenied",
            f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}",
        )
    return [name]
