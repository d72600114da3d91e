"""
The REST API of Amazon S3 on buckets in memory: a function from a request to a response.

It answers what django-storages sends, and what projects commonly send through boto3. Any other
request raises `UnsupportedRequest`, also if a parameter or a header asks for what is not done.
Facts are from the Amazon Simple Storage Service API Reference, 2006-03-01; comments name its page.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..tree.journal import lock
from . import s3_objects as objects
from .bucket import Buckets, Page, StoredObject
from .http import Request, Response
from .s3_access import is_signed
from .s3_call import (
    OWNER,
    REGION,
    SIGNATURE,
    XMLNS,
    Call,
    S3Error,
    grants_of,
    unsupported,
)
from .service import Service, Target
from .xml import Markup, element, xml_response

MAX_KEYS = 1000
HOSTS = re.compile(r"(?:(.+)\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?(?::\d+)?")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


# Buckets.


def list_buckets(call: Call) -> Response:
    """Answer ListBuckets."""
    buckets = [
        element(
            "Bucket",
            element("Name", name),
            element("CreationDate", objects.iso_date(bucket.created)),
        )
        for name, bucket in call.buckets.items()
    ]
    owner = element("Owner", element("ID", OWNER))
    body = element("ListAllMyBucketsResult", owner, element("Buckets", *buckets), xmlns=XMLNS)
    return xml_response(body)


def create_bucket(call: Call) -> Response:
    """Answer CreateBucket; an existing one is an error outside of us-east-1 alone."""
    if not _BUCKET_NAME.fullmatch(call.bucket_name):
        raise S3Error("InvalidBucketName", BucketName=call.bucket_name)
    if call.bucket_name in call.buckets:
        if b"LocationConstraint" in call.content:
            raise S3Error("BucketAlreadyOwnedByYou", BucketName=call.bucket_name)
    else:
        grants_of(call.headers)
        call.buckets.create(call.bucket_name)
    return Response(200, {"location": f"/{call.bucket_name}"})


def head_bucket(call: Call) -> Response:
    """Answer HeadBucket."""
    assert call.bucket is not None
    return Response(200, {"x-amz-bucket-region": REGION, "content-type": "application/xml"})


def delete_bucket(call: Call) -> Response:
    """Answer DeleteBucket."""
    if len(call.bucket.objects):
        raise S3Error("BucketNotEmpty", BucketName=call.bucket_name)
    call.buckets.remove(call.bucket_name)
    return Response(204)


def get_location(call: Call) -> Response:
    """Answer GetBucketLocation: us-east-1 is an empty element."""
    assert call.bucket is not None
    return xml_response(element("LocationConstraint", xmlns=XMLNS))


# Listings.


def list_objects(call: Call) -> Response:
    """Answer ListObjects: the next page begins after a marker."""
    query, limit, text = call.query, _limit(call, "max-keys"), _encoder(call)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    marker = query.get("marker", "")
    page = _page(call, marker, limit)
    # "ListObjects": only with a delimiter; otherwise the last key is the next marker.
    next_marker = element("NextMarker", text(page.end)) if page.end and delimiter else None
    body = element(
        "ListBucketResult",
        element("Name", call.bucket_name),
        element("Prefix", text(prefix)),
        element("Marker", text(marker)),
        next_marker,
        element("MaxKeys", limit),
        element("Delimiter", text(delimiter)) if delimiter else None,
        element("IsTruncated", bool(page.end)),
        *_entries(page, text, has_owner=True),
        _encoding(call),
        xmlns=XMLNS,
    )
    return xml_response(body)


def list_objects_v2(call: Call) -> Response:
    """Answer ListObjectsV2: the next page begins where a token says."""
    query, limit, text = call.query, _limit(call, "max-keys"), _encoder(call)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    token, start = query.get("continuation-token"), query.get("start-after", "")
    page = _page(call, start if token is None else _decode(token), limit)
    next_token = element("NextContinuationToken", _encode(page.end)) if page.end else None
    body = element(
        "ListBucketResult",
        element("Name", call.bucket_name),
        element("Prefix", text(prefix)),
        element("StartAfter", text(start)) if start else None,
        None if token is None else element("ContinuationToken", token),
        next_token,
        element("KeyCount", len(page.objects) + len(page.prefixes)),
        element("MaxKeys", limit),
        element("Delimiter", text(delimiter)) if delimiter else None,
        element("IsTruncated", bool(page.end)),
        *_entries(page, text, has_owner=query.get("fetch-owner") == "true"),
        _encoding(call),
        xmlns=XMLNS,
    )
    return xml_response(body)


def _page(call: Call, after: str, limit: int) -> Page:
    query = call.query
    return call.bucket.list(
        query.get("prefix", ""), query.get("delimiter", ""), after, min(limit, MAX_KEYS)
    )


def _limit(call: Call, name: str) -> int:
    text = call.query.get(name, str(MAX_KEYS))
    if not text.isdecimal():
        raise S3Error("InvalidArgument", ArgumentName=name, ArgumentValue=text)
    return int(text)


def _encoder(call: Call) -> Callable[[str], str]:
    """Return the encoding of keys: XML cannot contain all characters."""
    encoding = call.query.get("encoding-type", "")
    if encoding not in ("", "url"):
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    return quote if encoding else str


def _encoding(call: Call) -> Markup | None:
    encoding = call.query.get("encoding-type")
    return element("EncodingType", encoding) if encoding else None


def _entries(page: Page, text: Callable[[str], str], *, has_owner: bool) -> list[Markup]:
    owner = element("Owner", element("ID", OWNER)) if has_owner else None
    contents = [_entry(text(key), stored, owner) for key, stored in page.objects]
    prefixes = [element("CommonPrefixes", element("Prefix", text(each))) for each in page.prefixes]
    return contents + prefixes


def _entry(key: str, stored: StoredObject, owner: Markup | None) -> Markup:
    return element(
        "Contents",
        element("Key", key),
        element("LastModified", objects.iso_date(stored.modified)),
        element("ETag", objects.quoted(stored.etag)),
        *(element("ChecksumAlgorithm", name.upper()) for name in stored.checksums),
        element("Size", len(stored.content)),
        owner,
        element("StorageClass", stored.attributes.headers.get("x-amz-storage-class", "STANDARD")),
    )


def _encode(end: str) -> str:
    return base64.urlsafe_b64encode(end.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        message = "The continuation token provided is incorrect"
        raise S3Error("InvalidArgument", message, ArgumentName="continuation-token") from None


def list_uploads(call: Call) -> Response:
    """Answer ListMultipartUploads, on one page."""
    limit, prefix = _limit(call, "max-uploads"), call.query.get("prefix", "")
    named = [(upload.key, each, upload) for each, upload in call.bucket.uploads.items()]
    found = sorted(each[:2] for each in named if each[0].startswith(prefix))
    if len(found) > limit:
        raise unsupported("ListMultipartUploads on several pages")
    begun = {each: upload.begun for _, each, upload in named}
    owner = element("ID", OWNER)
    uploads = [
        element(
            "Upload",
            element("Key", _encoder(call)(key)),
            element("UploadId", each),
            element("Initiator", owner),
            element("Owner", owner),
            element("StorageClass", "STANDARD"),
            element("Initiated", objects.iso_date(begun[each])),
        )
        for key, each in found
    ]
    body = element(
        "ListMultipartUploadsResult",
        element("Bucket", call.bucket_name),
        element("KeyMarker"),
        element("UploadIdMarker"),
        element("Prefix", prefix) if prefix else None,
        element("MaxUploads", limit),
        element("IsTruncated", False),
        *uploads,
        _encoding(call),
        xmlns=XMLNS,
    )
    return xml_response(body)


# Requests by method, by what they are for, and by what marks them.


class Kind(NamedTuple):
    """A kind of request, with the parameters that it may have."""

    name: str
    handle: Callable[[Call], Response]
    parameters: frozenset[str] = frozenset()


def _kind(name: str, handle: Callable[[Call], Response], *parameters: str) -> Kind:
    return Kind(name, handle, frozenset(parameters))


_LISTED = ("prefix", "delimiter", "max-keys", "encoding-type")
_SHOWN = tuple(
    f"response-{name}"
    for name in (
        *("cache-control", "content-disposition", "content-encoding", "content-language"),
        *("content-type", "expires"),
    )
)
_KINDS = {
    ("GET", "service", ""): _kind("ListBuckets", list_buckets),
    ("PUT", "bucket", ""): _kind("CreateBucket", create_bucket),
    ("HEAD", "bucket", ""): _kind("HeadBucket", head_bucket),
    ("DELETE", "bucket", ""): _kind("DeleteBucket", delete_bucket),
    ("GET", "bucket", "location"): _kind("GetBucketLocation", get_location, "location"),
    ("GET", "bucket", ""): _kind("ListObjects", list_objects, *_LISTED, "marker"),
    ("GET", "bucket", "list-type"): _kind(
        *("ListObjectsV2", list_objects_v2, *_LISTED, "list-type"),
        *("continuation-token", "start-after", "fetch-owner"),
    ),
    ("GET", "bucket", "uploads"): _kind(
        *("ListMultipartUploads", list_uploads, "uploads"),
        *("prefix", "max-uploads", "encoding-type"),
    ),
    ("POST", "bucket", "delete"): _kind("DeleteObjects", objects.delete_objects, "delete"),
    ("POST", "bucket", ""): _kind("PostObject", objects.post_object),
    ("PUT", "object", ""): _kind("PutObject", objects.put_object),
    ("PUT", "object", "copy"): _kind("CopyObject", objects.copy_object),
    ("GET", "object", ""): _kind("GetObject", objects.get_object, *_SHOWN),
    ("HEAD", "object", ""): _kind("HeadObject", objects.get_object, *_SHOWN),
    ("DELETE", "object", ""): _kind("DeleteObject", objects.delete_object),
    ("GET", "object", "acl"): _kind("GetObjectAcl", objects.get_acl, "acl"),
    ("PUT", "object", "acl"): _kind("PutObjectAcl", objects.put_acl, "acl"),
    ("GET", "object", "tagging"): _kind("GetObjectTagging", objects.get_tags, "tagging"),
    ("PUT", "object", "tagging"): _kind("PutObjectTagging", objects.put_tags, "tagging"),
    ("DELETE", "object", "tagging"): _kind("DeleteObjectTagging", objects.delete_tags, "tagging"),
    ("POST", "object", "uploads"): _kind("CreateMultipartUpload", objects.create_upload, "uploads"),
    ("PUT", "object", "uploadId"): _kind(
        *("UploadPart", objects.upload_part, "uploadId", "partNumber"),
    ),
    ("PUT", "object", "copy uploadId"): _kind(
        *("UploadPartCopy", objects.copy_part, "uploadId", "partNumber"),
    ),
    ("POST", "object", "uploadId"): _kind(
        *("CompleteMultipartUpload", objects.complete_upload, "uploadId"),
    ),
    ("DELETE", "object", "uploadId"): _kind(
        *("AbortMultipartUpload", objects.abort_upload, "uploadId"),
    ),
    ("GET", "object", "uploadId"): _kind(
        *("ListParts", objects.list_parts, "uploadId", "max-parts", "part-number-marker"),
    ),
}  # fmt: skip
_MARKS = ("uploadId", "uploads", "acl", "tagging", "delete", "location", "list-type")


def answer(buckets: Buckets, request: Request, endpoint: str = "") -> Response:
    """
    Answer a request to S3.

    :param endpoint: the URL of the service, if it is not Amazon's: a bucket is the first part of
        the path on its host, and the subdomain on a host below it.

    Raises `UnsupportedRequest` for a request that is not answered.
    """
    with lock:
        call = _call(buckets, request, endpoint)
        kind = kind_of(call)
        try:
            call.refuse_unsupported(kind.name)
            is_form = kind.handle is objects.post_object  # its signature is a field
            if not (is_signed(call.query, call.headers) or is_form or call.is_public):
                raise S3Error("AccessDenied")
            response = kind.handle(call)
        except S3Error as error:
            response = error.response()
    headers = {"x-amz-request-id": "0000000000000000", "server": "AmazonS3", **response.headers}
    if request.method == "HEAD":
        return Response(response.status, headers)
    headers.setdefault("content-length", str(len(response.body)))
    return replace(response, headers=headers)


def identify(buckets: Buckets, request: Request, endpoint: str = "") -> Target:
    """Return what a request is for, as `answer` reads it."""
    call = _call(buckets, request, endpoint)
    return Target(kind_of(call).name, call.bucket_name, call.key)


def refuse(status: int) -> Response:
    """Return the error that S3 sends with a status: "List of error codes"."""
    return replace(S3Error(_CODES.get(status, "InternalError")).response(), status=status)


_CODES = {403: "AccessDenied", 404: "NoSuchKey", 503: "SlowDown"}


def _call(buckets: Buckets, request: Request, endpoint: str) -> Call:
    bucket = _subdomain(request.host, urlsplit(endpoint).netloc)
    path = request.path
    if not bucket:
        bucket, _, path = path.partition("/")
    return Call(buckets, request, bucket, path)


def _subdomain(host: str, service: str) -> str:
    """Return the bucket that a host names: "Virtual hosting of buckets" in the user guide."""
    amazon = HOSTS.fullmatch(host)
    if amazon is not None:
        return amazon[1] or ""
    return host.removesuffix(f".{service}") if host.endswith(f".{service}") else ""


def kind_of(call: Call) -> Kind:
    """Return the kind of a request; raise `UnsupportedRequest` if it is not answered."""
    level = "object" if call.key else "bucket" if call.bucket_name else "service"
    marks: Sequence[str] = [each for each in _MARKS if each in call.query]
    if "x-amz-copy-source" in call.headers:
        marks = ["copy", *marks]
    method = call.request.method
    kind = _KINDS.get((method, level, " ".join(marks)))
    if kind is None:
        raise unsupported(f"{method} {call.request.url}")
    for name, value in call.query.items():
        is_current = name == "versionId" and value == "null"
        is_known = name.lower() in kind.parameters | _ANYWHERE or name.lower().startswith("x-amz-")
        if not (is_known or name in kind.parameters or is_current):
            raise unsupported(f"{method} {call.request.url}, for its parameter {name}")
    return kind


# Parameters of any request: those of presigned URLs, and the name that newer SDKs add.
_ANYWHERE = frozenset({*SIGNATURE, "content-type", "content-md5", "x-id"})

SERVICE = Service("s3", identify, answer, refuse)
