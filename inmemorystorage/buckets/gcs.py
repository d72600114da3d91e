"""
The JSON API of Google Cloud Storage on buckets in memory: a function from a request to a response.

It answers what django-storages sends, and what projects commonly send through Google's client. Any
other request raises `UnsupportedRequest`, also if a parameter or a field asks for what is not done.
Facts are from the Cloud Storage JSON API reference, v1, and from Cloud Storage's documentation;
comments name the page.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from email import message_from_bytes
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from ..tree.journal import lock
from . import gcs_objects as objects
from . import gcs_uploads as uploads
from .bucket import Bucket, Buckets
from .gcs_call import (
    JSON,
    PROJECT_NUMBER,
    Call,
    GcsError,
    Json,
    Kind,
    json_response,
    object_resource,
    rfc3339,
    select,
    tag,
    unsupported,
)
from .gcs_xml import xml_call
from .http import Request, Response, parse_fields
from .service import Service, Target

MAX_RESULTS = 1000
# "About Cloud Storage buckets", "Bucket names"; names with dots need a verified domain.
_BUCKET_NAME = re.compile(
    r"(?!goog|.*g[o0]{2}gle|\d+\.\d+\.\d+\.\d+$)(?=[^.]{0,63}(\.[^.]{0,63})*$)"
    r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
)
# Fields of a bucket that only the service sets.
_READ_ONLY = {
    *("acl", "defaultObjectAcl", "etag", "generation", "id", "kind", "location", "locationType"),
    *("metageneration", "name", "owner", "projectNumber", "selfLink", "timeCreated", "updated"),
}


# Buckets.


def list_buckets(call: Call) -> Response:
    """Answer buckets.list."""
    prefix = call.query.get("prefix", "")
    names = [name for name, _ in call.buckets.items() if name.startswith(prefix)]
    after = _decoded(call.query.get("pageToken", ""))
    page = [name for name in names if name > after][: _limit(call)]
    document: Json = {"kind": "storage#buckets"}
    if page:
        document["items"] = [_bucket_resource(call, name) for name in page]
    if page and page[-1] != names[-1]:
        document["nextPageToken"] = _encoded(page[-1])
    return json_response(document)


def _bucket_resource(call: Call, name: str) -> Json:
    """Return the resource of a bucket: "Buckets" in the reference."""
    bucket = call.bucket_named(name)
    properties = dict(bucket.properties.items())
    metageneration = properties.pop("metageneration", 1)
    created = rfc3339(bucket.created)
    return {
        "kind": "storage#bucket",
        "selfLink": f"{call.base}/storage/v1/b/{name}",
        "id": name,
        "name": name,
        "projectNumber": PROJECT_NUMBER,
        "generation": str(int(bucket.created * 1e6)),
        "metageneration": str(metageneration),
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "etag": tag(metageneration),
        "timeCreated": created,
        "updated": created,
        **properties,
    }


def insert_bucket(call: Call) -> Response:
    """Answer buckets.insert."""
    name = str(call.document.get("name") or "")
    if not name:
        raise GcsError(400, "Required", "required")
    if not _BUCKET_NAME.fullmatch(name):
        raise GcsError(400, f"Invalid bucket name: '{name}'")
    if name in call.buckets:
        raise GcsError(
            409,
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
    settings = _settings(call.document)
    _set(call.buckets.create(name), settings, created=True)
    return json_response(_bucket_resource(call, name))


def _settings(document: Json) -> Json:
    """Return the fields of a bucket that a client sets."""
    if (document.get("versioning") or {}).get("enabled"):
        raise unsupported("a bucket with versioning")
    return {name: value for name, value in document.items() if name not in _READ_ONLY}


def _set(bucket: Bucket, settings: Json, *, created: bool = False) -> None:
    for name, value in settings.items():
        if value is None:
            bucket.properties.remove(name)
        else:
            bucket.properties.put(name, value)
    if not created:
        bucket.properties.put("metageneration", (bucket.properties.get("metageneration") or 1) + 1)
        bucket.properties.put("updated", rfc3339(time.time()))


def get_bucket(call: Call) -> Response:
    """Answer buckets.get."""
    _check_bucket(call)
    return json_response(_bucket_resource(call, call.bucket_name))


def _check_bucket(call: Call) -> None:
    """Raise unless the bucket meets the conditions of the request."""
    metageneration = str(call.bucket.properties.get("metageneration") or 1)
    if call.query.get("ifMetagenerationMatch", metageneration) != metageneration:
        raise GcsError(412)
    if call.query.get("ifMetagenerationNotMatch") == metageneration:
        raise GcsError(304 if call.request.method == "GET" else 412)


def patch_bucket(call: Call) -> Response:
    """Answer buckets.patch: ``null`` removes a field, or a label."""
    _check_bucket(call)
    settings = {
        name: _merged(call.bucket.properties.get(name), value)
        for name, value in _settings(call.document).items()
    }
    _set(call.bucket, settings)
    return json_response(_bucket_resource(call, call.bucket_name))


def _merged(before: Any, sent: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(sent, dict):
        before = {}
    if not isinstance(sent, dict):
        return sent
    merged = {**before, **sent}
    return {name: value for name, value in merged.items() if value is not None} or None


def update_bucket(call: Call) -> Response:
    """Answer buckets.update: fields that the request does not name are removed."""
    _check_bucket(call)
    kept = ("metageneration", "updated")
    gone = dict.fromkeys(name for name, _ in call.bucket.properties.items() if name not in kept)
    _set(call.bucket, {**gone, **_settings(call.document)})
    return json_response(_bucket_resource(call, call.bucket_name))


def delete_bucket(call: Call) -> Response:
    """Answer buckets.delete."""
    _check_bucket(call)
    if len(call.bucket.objects):
        raise GcsError(409, "The bucket you tried to delete is not empty.")
    call.buckets.remove(call.bucket_name)
    return Response(204)


# Listings.


def list_objects(call: Call) -> Response:
    """Answer objects.list."""
    query = call.query
    page = call.bucket.list(
        query.get("prefix", ""),
        query.get("delimiter", ""),
        _decoded(query.get("pageToken", "")),
        _limit(call),
        start=query.get("startOffset", ""),
        stop=query.get("endOffset", ""),
        keeps_groups=query.get("includeTrailingDelimiter") == "true",
    )
    document: Json = {"kind": "storage#objects"}
    if page.end:
        document["nextPageToken"] = _encoded(page.end)
    if page.prefixes:
        document["prefixes"] = page.prefixes
    if page.objects:
        document["items"] = [
            object_resource(call, call.bucket_name, key, stored, is_full=call.is_full)
            for key, stored in page.objects
        ]
    return json_response(document)


def _limit(call: Call) -> int:
    text = call.query.get("maxResults", "0")
    if not text.isdecimal():
        raise GcsError(400, f"Invalid value for maxResults: {text}")
    return min(int(text) or MAX_RESULTS, MAX_RESULTS)


def _encoded(end: str) -> str:
    return base64.urlsafe_b64encode(end.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise GcsError(400, f"Invalid page token: {token}") from None


# Batches: "Batch requests".

_BOUNDARY = "batch_in_memory"
_END_OF_HEAD = re.compile("\r?\n\r?\n")


def batch(call: Call) -> Response:
    """Answer a batch of requests, each with a status."""
    content_type = call.headers.get("content-type", "").encode()
    parts = message_from_bytes(b"Content-Type: " + content_type + b"\r\n\r\n" + call.request.body)
    if not parts.is_multipart():
        raise GcsError(400, "Failed to parse batch request.", "badRequest")
    answers = [_part(call, each) for each in parts.get_payload()]
    body = "".join(f"--{_BOUNDARY}\r\n{each}\r\n" for each in answers)
    headers = {"content-type": f"multipart/mixed; boundary={_BOUNDARY}"}
    return Response(200, headers, f"{body}--{_BOUNDARY}--\r\n".encode())


def _part(call: Call, part: Any) -> str:
    """Return the answer to a part of a batch."""
    head, body = [*_END_OF_HEAD.split(part.get_payload(), maxsplit=1), ""][:2]
    first, *lines = head.splitlines()
    method, url, _ = first.split(" ")
    request = Request(method, urljoin(call.base, url), parse_fields(lines), body.encode())
    answered = answer(call.buckets, request)
    sent = [
        "Content-Type: application/http",
        f"Content-ID: <response-{part.get('content-id', '').strip('<>')}>",
        "",
        f"HTTP/1.1 {answered.status} {HTTPStatus(answered.status).phrase}",
        *(f"{name}: {value}" for name, value in answered.headers.items()),
        "",
        answered.body.decode(),
    ]
    return "\r\n".join(sent)


# Requests by method and path.


def _kind(name: str, handle: Callable[[Call], Response], *parameters: str) -> Kind:
    return Kind(name, handle, frozenset(parameters))


_ACL = ("predefinedAcl", "predefinedDefaultObjectAcl", "projection")
_COPIED = ("destinationPredefinedAcl", "projection", "sourceGeneration")
_INSERTED = ("contentEncoding", "name", "predefinedAcl", "projection")
_CHANGED = ("generation", "predefinedAcl", "projection")
_BATCH = Kind("batch", batch)
_GET_MEDIA = _kind("objects.get?alt=media", objects.get_media, "generation", "projection")
_KINDS = {
    ("GET", "b"): _kind(
        *("buckets.list", list_buckets, "maxResults", "pageToken", "prefix", "project"),
        *("projection",),
    ),
    ("POST", "b"): _kind("buckets.insert", insert_bucket, *_ACL, "project"),
    ("GET", "b/*"): _kind("buckets.get", get_bucket, "projection"),
    ("PATCH", "b/*"): _kind("buckets.patch", patch_bucket, *_ACL),
    ("PUT", "b/*"): _kind("buckets.update", update_bucket, *_ACL),
    ("DELETE", "b/*"): _kind("buckets.delete", delete_bucket),
    ("GET", "b/*/o"): _kind(
        *("objects.list", list_objects, "prefix", "delimiter", "maxResults", "pageToken"),
        *("startOffset", "endOffset", "includeTrailingDelimiter", "projection"),
    ),
    ("POST", "upload b/*/o"): _kind("objects.insert", uploads.insert_object, *_INSERTED),
    ("PUT", "upload b/*/o"): _kind(
        "objects.insert?upload_id", uploads.upload_chunk, *_INSERTED
    ),
    ("DELETE", "upload b/*/o"): _kind(
        "objects.insert?cancelled", uploads.cancel_upload, *_INSERTED
    ),
    ("GET", "b/*/o/*"): _kind("objects.get", objects.get_object, "generation", "projection"),
    ("GET", "media b/*/o/*"): _GET_MEDIA,
    ("PATCH", "b/*/o/*"): _kind("objects.patch", objects.patch_object, *_CHANGED),
    ("PUT", "b/*/o/*"): _kind("objects.update", objects.update_object, *_CHANGED),
    ("DELETE", "b/*/o/*"): _kind("objects.delete", objects.delete_object, "generation"),
    ("POST", "b/*/o/*/copyTo/b/*/o/*"): _kind("objects.copy", objects.copy_object, *_COPIED),
    ("POST", "b/*/o/*/rewriteTo/b/*/o/*"): _kind(
        *("objects.rewrite", objects.rewrite_object, *_COPIED),
        *("rewriteToken", "maxBytesRewrittenPerCall"),
    ),
    ("POST", "b/*/o/*/compose"): _kind(
        "objects.compose", objects.compose_object, "destinationPredefinedAcl"
    ),
    ("GET", "b/*/o/*/acl"): _kind("objectAccessControls.list", objects.list_acl, "generation"),
    ("POST", "b/*/o/*/acl"): _kind(
        "objectAccessControls.insert", objects.insert_acl, "generation"
    ),
    ("GET", "b/*/o/*/acl/*"): _kind("objectAccessControls.get", objects.get_acl, "generation"),
    ("PATCH", "b/*/o/*/acl/*"): _kind(
        "objectAccessControls.patch", objects.update_acl, "generation"
    ),
    ("PUT", "b/*/o/*/acl/*"): _kind(
        "objectAccessControls.update", objects.update_acl, "generation"
    ),
    ("DELETE", "b/*/o/*/acl/*"): _kind(
        "objectAccessControls.delete", objects.delete_acl, "generation"
    ),
}  # fmt: skip
_PATH = re.compile(r"/(?:(?:resumable/)?(upload|download)/)?storage/v1/(.*)")
# Parts of a path that are followed by no name.
_VERBS = {"copyTo", "rewriteTo", "compose"}


def _call(buckets: Buckets, request: Request) -> Call:
    """Return a request with its kind and the names in its path."""
    path = urlsplit(request.url).path
    if path == "/batch/storage/v1" and request.method == "POST":
        return Call(buckets, request, _BATCH, ("", ""))
    matched = _PATH.fullmatch(path)
    if matched is None:
        return xml_call(buckets, request)
    shape: list[str] = []
    names: list[str] = []
    is_name = False
    for part in matched[2].split("/"):
        shape.append("*" if is_name else part)
        if is_name:
            names.append(unquote(part))
        is_name = not is_name and part not in _VERBS
    prefix = ""
    if matched[1] == "upload":
        prefix = "upload "
    elif matched[1] == "download" or request.query.get("alt") == "media":
        prefix = "media "
    kind = _KINDS.get((request.method, prefix + "/".join(shape)))
    if kind is None:
        raise unsupported(f"{request.method} {request.url}")
    return Call(buckets, request, kind, tuple(names))


def answer(buckets: Buckets, request: Request, endpoint: str = "") -> Response:
    """
    Answer a request to Google Cloud Storage.

    :param endpoint: the URL of the service, if it is not Google's.

    Raises `UnsupportedRequest` for a request that is not answered.
    """
    with lock:
        call = _call(buckets, request)
        try:
            call.refuse_unsupported()
            response = call.kind.handle(call)
        except GcsError as error:
            response = error.response()
        fields = call.query.get("fields")
        if fields and response.headers.get("content-type") == JSON and response.status == 200:
            response = json_response(select(json.loads(response.body), fields))
    headers = {"server": "UploadServer", **response.headers}
    headers.setdefault("content-length", str(len(response.body)))
    return Response(response.status, headers, response.body)


def identify(buckets: Buckets, request: Request, endpoint: str = "") -> Target:
    """Return what a request is for, as `answer` reads it."""
    call = _call(buckets, request)
    bucket, key = [*call.names, "", ""][:2]
    if call.kind.name == "objects.insert":
        key = uploads.named_key(request)
    return Target(call.kind.name, bucket, key)


def refuse(status: int) -> Response:
    """Return the error that Google Cloud Storage sends with a status."""
    return GcsError(status).response()


SERVICE = Service("gs", identify, answer, refuse, throttling=429)
