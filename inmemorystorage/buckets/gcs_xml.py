"""
The XML API of Google Cloud Storage, as far as public and signed URLs of objects use it.

Facts are from the Cloud Storage XML API reference; comments name the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from .bucket import Buckets, StoredObject
from .gcs_access import check_form, check_signature
from .gcs_call import (
    FIELDS,
    Call,
    GcsError,
    Json,
    Kind,
    check_name,
    predefined,
    unsupported,
)
from .gcs_objects import content_headers, content_response, store
from .gcs_uploads import begin_upload, cancel_upload, upload_chunk
from .http import Request, Response, condition_failed, parse_form

_HOST = ".storage.googleapis.com"
# "HTTP status and error codes for XML": the code of an error that has no other.
_CODES = {
    400: "InvalidArgument",
    403: "AccessDenied",
    404: "NoSuchKey",
    412: "PreconditionFailed",
    416: "InvalidRange",
}
# "x-goog-acl": the names of predefined ACLs.
_CANNED = {
    "authenticated-read": "authenticatedRead",
    "bucket-owner-full-control": "bucketOwnerFullControl",
    "bucket-owner-read": "bucketOwnerRead",
    "private": "private",
    "project-private": "projectPrivate",
    "public-read": "publicRead",
}
_META = "x-goog-meta-"
_KNOWN = {
    *("x-goog-acl", "x-goog-content-length-range", "x-goog-content-sha256", "x-goog-date"),
    *("x-goog-hash", "x-goog-resumable", "x-goog-user-project", *FIELDS.values()),
    *("x-goog-if-generation-match", "x-goog-if-metageneration-match", "x-goog-api-client"),
    *("x-goog-gcs-idempotency-token",),
}
_OVERRIDES = "response-"
Handle = Callable[[Call], Response]


def _in_xml(handle: Handle) -> Handle:
    """Return a handler of signed requests whose errors are XML."""

    @wraps(handle)
    def wrapped(call: Call) -> Response:
        try:
            check_signature(call)
            return handle(call)
        except GcsError as error:
            return _error(call, error)

    return wrapped


def _error(call: Call, error: GcsError) -> Response:
    """Return the response, as "Error response format" describes it."""
    if error.status == 304:
        return Response(304)
    code = error.code or _CODES.get(error.status, "InternalError")
    if code == "NoSuchKey" and call.bucket_name not in call.buckets:
        code = "NoSuchBucket"
    body = f"<Error><Code>{code}</Code><Message>{escape(error.message)}</Message></Error>"
    headers = {"content-type": "application/xml; charset=UTF-8"}
    if call.request.method == "HEAD":
        body = ""
    return Response(error.status, headers, f"<?xml version='1.0' encoding='UTF-8'?>{body}".encode())


@_in_xml
def get_object(call: Call) -> Response:
    """Answer GET Object and HEAD Object."""
    stored = call.stored
    failed = condition_failed(call.headers, stored.etag, stored.modified)
    if failed:
        is_unchanged = failed in ("If-None-Match", "If-Modified-Since")
        raise GcsError(304 if is_unchanged else 412)
    _check(call, stored)
    shown = {
        name.removeprefix(_OVERRIDES): value
        for name, value in call.query.items()
        if name.startswith(_OVERRIDES)
    }
    answered = content_response(call, stored)
    headers = {**answered.headers, "etag": f'"{stored.etag}"', **shown}
    if call.request.method == "HEAD":
        headers.setdefault("content-length", str(len(answered.body)))
        return Response(answered.status, headers)
    return replace(answered, headers=headers)


def _check(call: Call, stored: StoredObject | None) -> None:
    """Raise unless an object, or its absence, meets the conditions in the headers."""
    generation, metageneration = (
        ("0", "0") if stored is None else (str(stored.generation), str(stored.metageneration))
    )
    wanted = {
        "x-goog-if-generation-match": generation,
        "x-goog-if-metageneration-match": metageneration,
    }
    if any(call.headers.get(name, value) != value for name, value in wanted.items()):
        raise GcsError(412)


def _document(call: Call) -> Json:
    """Return the resource that the headers of a request describe."""
    headers = call.headers
    for name in headers:
        if name.startswith("x-goog-") and not name.startswith(_META) and name not in _KNOWN:
            raise unsupported(f"{call.kind.name} with the header {name}")
    document: Json = {name: headers[each] for name, each in FIELDS.items() if each in headers}
    document["metadata"] = {
        name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)
    }
    canned = headers.get("x-goog-acl")
    if canned is not None:
        if canned not in _CANNED:
            raise GcsError(400, f"Invalid canned ACL: {canned}")
        grants = predefined(_CANNED[canned])
        document["acl"] = [{"entity": entity, "role": role} for entity, role in grants]
    return document | _sums(headers)


def _sums(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums that headers name: "x-goog-hash", "Content-MD5"."""
    sums = dict(
        each.strip().split("=", 1)
        for each in headers.get("x-goog-hash", "").split(",")
        if "=" in each
    )
    found = {"md5Hash": headers.get("content-md5", sums.get("md5")), "crc32c": sums.get("crc32c")}
    return {name: value for name, value in found.items() if value}


@_in_xml
def put_object(call: Call) -> Response:
    """Answer PUT Object, and a chunk of a resumable upload."""
    if "upload_id" in call.query:
        answered = upload_chunk(call)
        return answered if answered.status == 308 else Response(200)
    check_name(call.key)
    _check(call, call.bucket.objects.get(call.key))
    content = call.request.body
    _check_length(call.headers.get("x-goog-content-length-range", ""), len(content))
    return _written(store(call, call.key, _document(call), content))


def _written(stored: StoredObject) -> Response:
    kept = ("x-goog-generation", "x-goog-metageneration", "x-goog-hash")
    headers = content_headers(stored)
    return Response(200, {"etag": f'"{stored.etag}"', **{name: headers[name] for name in kept}})


def _check_length(limits: str, size: int) -> None:
    """Raise unless a size is within limits: "x-goog-content-length-range"."""
    if not limits:
        return
    least, _, most = limits.partition(",")
    if size < int(least):
        raise GcsError(400, "Your proposed upload is smaller than allowed.", code="EntityTooSmall")
    if size > int(most):
        raise GcsError(400, "Your proposed upload is larger than allowed.", code="EntityTooLarge")


@_in_xml
def post_object(call: Call) -> Response:
    """Answer POST Object that begins a resumable upload."""
    if call.headers.get("x-goog-resumable") != "start":
        raise unsupported(f"POST {call.request.url} without the header x-goog-resumable")
    check_name(call.key)
    _check(call, call.bucket.objects.get(call.key))
    begun = begin_upload(call, call.key, _document(call))
    return replace(begun, status=201)


@_in_xml
def delete_object(call: Call) -> Response:
    """Answer DELETE Object, and the cancellation of a resumable upload."""
    if "upload_id" in call.query:
        return cancel_upload(call)
    _check(call, call.stored)
    call.bucket.objects.remove(call.key)
    return Response(204)


def post_form(call: Call) -> Response:
    """Answer POST Object: the upload by a form in a browser."""
    try:
        return _store_form(call)
    except GcsError as error:
        return _error(call, error)


def _store_form(call: Call) -> Response:
    try:
        form = parse_form(call.headers.get("content-type", ""), call.request.body)
    except ValueError:
        raise GcsError(400, "The form is malformed.", code="MalformedPOSTRequest") from None
    fields = form.fields
    check_form(fields, call.bucket_name, len(form.content))
    key = fields.get("key", "").replace("${filename}", form.filename)
    check_name(key)
    headers = {"x-goog-acl": fields["acl"]} if "acl" in fields else {}
    headers |= {name: each for name, each in fields.items() if name.startswith(_META)}
    headers |= {name: fields[name] for name in FIELDS.values() if name in fields}
    sent = replace(call, request=replace(call.request, headers=headers))
    written = _written(store(sent, key, _document(sent), form.content))
    base = call.request.url.partition("?")[0].rstrip("/")
    named = {**written.headers, "location": f"{base}/{quote(key)}"}
    if "success_action_redirect" in fields:
        return Response(303, {**named, "location": fields["success_action_redirect"]})
    status = fields.get("success_action_status", "204")
    return Response(int(status) if status in ("200", "201") else 204, named)


_SIGNED = frozenset(
    {
        *("X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires"),
        *("X-Goog-SignedHeaders", "X-Goog-Signature", "GoogleAccessId", "Expires", "Signature"),
        *("generation", "response-content-type", "response-content-disposition"),
    }
)
_KINDS = {
    "GET": Kind("GET Object", get_object, _SIGNED),
    "HEAD": Kind("HEAD Object", get_object, _SIGNED),
    "PUT": Kind("PUT Object", put_object, _SIGNED),
    "POST": Kind("POST Object", post_object, _SIGNED),
    "DELETE": Kind("DELETE Object", delete_object, _SIGNED),
}
_FORM = Kind("POST Object", post_form)


def xml_call(buckets: Buckets, request: Request) -> Call:
    """Return a request for an object; raise `UnsupportedRequest` for any other."""
    path = urlsplit(request.url).path[1:]
    bucket = request.host.removesuffix(_HOST) if request.host.endswith(_HOST) else ""
    if not bucket:
        bucket, _, path = path.partition("/")
    kind = _KINDS.get(request.method)
    if request.method == "POST" and not path:
        kind = _FORM
    if kind is None or not bucket or not (path or kind is _FORM):
        raise unsupported(f"{request.method} {request.url}")
    return Call(buckets, request, kind, (unquote(bucket), unquote(path)))
