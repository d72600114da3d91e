"""
The REST API of Amazon S3 on buckets in memory: a function from a request to a response.

It answers what django-storages sends, and what projects commonly send through boto3. Any other
request raises `UnsupportedRequest`, also if a parameter or a header asks for what is not done.
Facts are from the Amazon Simple Storage Service API Reference, 2006-03-01, and from its user guide;
comments name the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..tree.journal import lock
from . import s3_access as access
from . import s3_buckets as buckets_of
from . import s3_listings as listings
from . import s3_objects as objects
from . import s3_uploads as uploads
from .bucket import Buckets
from .http import Request, Response
from .s3_call import Call
from .s3_errors import REQUEST_ID, S3Error, unsupported
from .s3_forms import post_object
from .s3_signatures import PARAMETERS
from .service import Service, Target


class Kind(NamedTuple):
    """A kind of request, with the parameters that it may have."""

    name: str
    handle: Callable[[Call], Response]
    parameters: frozenset[str] = frozenset()


def _kind(name: str, handle: Callable[[Call], Response], parameters: str = "") -> Kind:
    return Kind(name, handle, frozenset(parameters.split()))


_LISTED = "prefix delimiter max-keys encoding-type"
_SHOWN = (
    "partNumber response-cache-control response-content-disposition response-content-encoding "
    "response-content-language response-content-type response-expires"
)
_DEFAULT, _UNSET = buckets_of.default, buckets_of.unset
# Requests by method, by the level that they are for, and by the parameters that mark them.
_KINDS = {
    ("GET", "service", ""): _kind(
        "ListBuckets", buckets_of.list_buckets,
        "prefix max-buckets continuation-token bucket-region"),
    ("PUT", "bucket", ""): _kind("CreateBucket", buckets_of.create_bucket),
    ("HEAD", "bucket", ""): _kind("HeadBucket", buckets_of.head_bucket),
    ("DELETE", "bucket", ""): _kind("DeleteBucket", buckets_of.delete_bucket),
    ("GET", "bucket", "location"): _kind("GetBucketLocation", buckets_of.get_location),
    ("GET", "bucket", "acl"): _kind("GetBucketAcl", access.get_bucket_acl),
    ("PUT", "bucket", "acl"): _kind("PutBucketAcl", access.put_bucket_acl),
    ("GET", "bucket", "versioning"): _kind(
        "GetBucketVersioning", _DEFAULT("VersioningConfiguration")),
    ("GET", "bucket", "accelerate"): _kind(
        "GetBucketAccelerateConfiguration", _DEFAULT("AccelerateConfiguration")),
    ("GET", "bucket", "logging"): _kind("GetBucketLogging", _DEFAULT("BucketLoggingStatus")),
    ("GET", "bucket", "requestPayment"): _kind(
        "GetBucketRequestPayment",
        _DEFAULT("RequestPaymentConfiguration", "Payer", "BucketOwner")),
    ("GET", "bucket", "tagging"): _kind("GetBucketTagging", _UNSET("NoSuchTagSet")),
    ("GET", "bucket", "policy"): _kind("GetBucketPolicy", _UNSET("NoSuchBucketPolicy")),
    ("GET", "bucket", "lifecycle"): _kind(
        "GetBucketLifecycleConfiguration", _UNSET("NoSuchLifecycleConfiguration")),
    ("GET", "bucket", ""): _kind("ListObjects", listings.list_objects, f"{_LISTED} marker"),
    ("GET", "bucket", "list-type"): _kind(
        "ListObjectsV2", listings.list_objects_v2,
        f"{_LISTED} continuation-token start-after fetch-owner"),
    ("GET", "bucket", "versions"): _kind(
        "ListObjectVersions", listings.list_versions, f"{_LISTED} key-marker version-id-marker"),
    ("GET", "bucket", "uploads"): _kind(
        "ListMultipartUploads", listings.list_uploads,
        "prefix delimiter max-uploads encoding-type key-marker upload-id-marker"),
    ("POST", "bucket", "delete"): _kind("DeleteObjects", objects.delete_objects),
    ("POST", "bucket", ""): _kind("PostObject", post_object),
    ("PUT", "object", ""): _kind("PutObject", objects.put_object),
    ("PUT", "object", "copy"): _kind("CopyObject", objects.copy_object),
    ("GET", "object", ""): _kind("GetObject", objects.get_object, _SHOWN),
    ("HEAD", "object", ""): _kind("HeadObject", objects.get_object, _SHOWN),
    ("GET", "object", "attributes"): _kind("GetObjectAttributes", objects.get_attributes),
    ("DELETE", "object", ""): _kind("DeleteObject", objects.delete_object),
    ("GET", "object", "acl"): _kind("GetObjectAcl", access.get_object_acl),
    ("PUT", "object", "acl"): _kind("PutObjectAcl", access.put_object_acl),
    ("GET", "object", "tagging"): _kind("GetObjectTagging", objects.get_tags),
    ("PUT", "object", "tagging"): _kind("PutObjectTagging", objects.put_tags),
    ("DELETE", "object", "tagging"): _kind("DeleteObjectTagging", objects.delete_tags),
    ("POST", "object", "uploads"): _kind("CreateMultipartUpload", uploads.create_upload),
    ("PUT", "object", "uploadId"): _kind("UploadPart", uploads.upload_part, "partNumber"),
    ("PUT", "object", "copy uploadId"): _kind("UploadPartCopy", uploads.copy_part, "partNumber"),
    ("POST", "object", "uploadId"): _kind("CompleteMultipartUpload", uploads.complete_upload),
    ("DELETE", "object", "uploadId"): _kind("AbortMultipartUpload", uploads.abort_upload),
    ("GET", "object", "uploadId"): _kind(
        "ListParts", uploads.list_parts, "max-parts part-number-marker"),
}  # fmt: skip
_MARKS = {mark for _, _, marks in _KINDS for mark in marks.split()} - {"copy"}
# Parameters of any request: those of presigned URLs, and the name that newer SDKs add.
_ANYWHERE = frozenset({*PARAMETERS, "content-type", "content-md5", "x-id"})
_CODES = {403: "AccessDenied", 404: "NoSuchKey", 503: "SlowDown"}


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
        call.refuse_unsupported(kind.name)
        try:
            _check_signature(call, kind)
            response = kind.handle(call)
        except S3Error as error:
            path = f"/{call.bucket_name}/{call.key}" if call.bucket_name else "/"
            response = error.response(quote(path))
    headers = {"x-amz-request-id": REQUEST_ID, "server": "AmazonS3", **response.headers}
    if request.method == "HEAD":
        return Response(response.status, headers)
    headers.setdefault("content-length", str(len(response.body)))
    return replace(response, headers=headers)


def _check_signature(call: Call, kind: Kind) -> None:
    """Raise `S3Error` for a request that must be signed, and is not. A form signs its policy."""
    if call.is_signed or kind.name == "PostObject":
        return
    if not access.is_public(call):
        raise S3Error("AccessDenied")
    if any(name.startswith("response-") for name in call.query):  # "GetObject"
        raise S3Error(
            "InvalidRequest",
            "Request specific response headers cannot be used for anonymous GET requests.",
        )


def identify(buckets: Buckets, request: Request, endpoint: str = "") -> Target:
    """Return what a request is for, as `answer` reads it."""
    call = _call(buckets, request, endpoint)
    return Target(kind_of(call).name, call.bucket_name, call.key)


def refuse(status: int) -> Response:
    """Return the error that S3 sends with a status: "List of error codes"."""
    return replace(S3Error(_CODES.get(status, "InternalError")).response(), status=status)


class Host(NamedTuple):
    """The bucket and the region that a host names; either may be empty."""

    bucket: str = ""
    region: str = ""


# botocore's rules of endpoints; other hosts of Amazon are not for buckets of general purpose.
_SUFFIX = (
    r"\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk"
    r"|csp\.hci\.ic\.gov)(?::\d+)?"
)
HOSTS = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:-fips|-accelerate)?(?:\.dualstack)?"
    rf"(?:[.-](?P<region>[a-z]+(?:-[a-z]+)+-\d+)|-external-1)?{_SUFFIX}"
)


def _call(buckets: Buckets, request: Request, endpoint: str) -> Call:
    service = urlsplit(endpoint)
    host = _parse_host(request, service.netloc)
    path = f"/{request.path}".removeprefix(service.path.rstrip("/"))[1:]
    bucket = host.bucket
    if not bucket:
        bucket, _, path = path.partition("/")
    return Call(buckets, request, bucket, path, host.region)


def _parse_host(request: Request, service: str) -> Host:
    """Return what a host names: "Virtual hosting of general purpose buckets" in the guide."""
    host = request.host
    amazon = HOSTS.fullmatch(host)
    if amazon is not None:
        return Host(amazon["bucket"] or "", amazon["region"] or "")
    if re.search(f"{_SUFFIX}$", host):
        raise unsupported(f"{request.method} {request.url}")
    is_below = host.endswith(f".{service}")
    return Host(host.removesuffix(f".{service}") if is_below else "")


def kind_of(call: Call) -> Kind:
    """Return the kind of a request; raise `UnsupportedRequest` if it is not answered."""
    level = "object" if call.key else "bucket" if call.bucket_name else "service"
    marks = sorted(_MARKS & set(call.query))
    if "x-amz-copy-source" in call.headers:
        marks = ["copy", *marks]
    method = call.request.method
    kind = _KINDS.get((method, level, " ".join(marks)))
    if kind is None:
        raise unsupported(f"{method} {call.request.url}")
    known = kind.parameters | _MARKS | _ANYWHERE
    for name, value in call.query.items():
        is_current = name == "versionId" and value == "null"
        is_known = name in known or name.lower() in _ANYWHERE or name.lower().startswith("x-amz-")
        if not (is_known or is_current):
            raise unsupported(f"{method} {call.request.url}, for its parameter {name}")
    return kind


SERVICE = Service("s3", identify, answer, refuse)
