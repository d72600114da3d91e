"""Listings of S3: objects, versions and uploads of a bucket, page by page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from urllib.parse import quote

from .bucket import Page, StoredObject, Upload, group_of
from .http import Response
from .s3_body import type_of
from .s3_call import OWNER, Call
from .s3_errors import XMLNS, S3Error
from .s3_objects import iso_date, quoted, storage_class_of
from .xml import Markup, element, xml_response

MAX_LISTED = 1000
_OWNER = element("Owner", element("ID", OWNER))


def list_objects(call: Call) -> Response:
    """Answer ListObjects: the next page begins after a marker."""
    text, delimiter = _encoder(call), call.query.get("delimiter", "")
    marker, limit = call.query.get("marker", ""), _limit(call, "max-keys")
    page = _page(call, marker, limit)
    # "ListObjects": only with a delimiter; otherwise the last key is the next marker.
    next_marker = element("NextMarker", text(page.end)) if page.end and delimiter else None
    return _answer(
        call,
        "ListBucketResult",
        element("Marker", text(marker)),
        next_marker,
        element("MaxKeys", limit),
        element("IsTruncated", bool(page.end)),
        *(_entry(text(key), stored, _OWNER) for key, stored in page.objects),
        *_prefixes(page.prefixes, text),
    )


def list_objects_v2(call: Call) -> Response:
    """Answer ListObjectsV2: the next page begins where a token says."""
    text, limit = _encoder(call), _limit(call, "max-keys")
    token, start = call.query.get("continuation-token"), call.query.get("start-after", "")
    page = _page(call, start if token is None else _decode(token), limit)
    owner = _OWNER if call.query.get("fetch-owner") == "true" else None
    return _answer(
        call,
        "ListBucketResult",
        element("StartAfter", text(start)) if start else None,
        None if token is None else element("ContinuationToken", token),
        element("NextContinuationToken", _encode(page.end)) if page.end else None,
        element("KeyCount", len(page.objects) + len(page.prefixes)),
        element("MaxKeys", limit),
        element("IsTruncated", bool(page.end)),
        *(_entry(text(key), stored, owner) for key, stored in page.objects),
        *_prefixes(page.prefixes, text),
    )


def list_versions(call: Call) -> Response:
    """Answer ListObjectVersions: without versioning, each object is its version "null"."""
    text, limit = _encoder(call), _limit(call, "max-keys")
    marker, version = call.query.get("key-marker", ""), call.query.get("version-id-marker", "")
    if version and not marker:
        message = "A version-id marker cannot be specified without a key marker."
        raise S3Error("InvalidArgument", message, ArgumentName="version-id-marker")
    page = _page(call, marker, limit)
    ends_with_key = bool(page.objects) and page.objects[-1][0] == page.end
    return _answer(
        call,
        "ListVersionsResult",
        element("KeyMarker", text(marker)),
        element("VersionIdMarker", version),
        element("NextKeyMarker", text(page.end)) if page.end else None,
        element("NextVersionIdMarker", "null") if page.end and ends_with_key else None,
        element("MaxKeys", limit),
        element("IsTruncated", bool(page.end)),
        *(_version(text(key), stored) for key, stored in page.objects),
        *_prefixes(page.prefixes, text),
    )


def list_uploads(call: Call) -> Response:
    """Answer ListMultipartUploads: by key, and then in the order of their creation."""
    text, limit = _encoder(call), _limit(call, "max-uploads")
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    after = call.query.get("key-marker", "")
    after_upload = call.query.get("upload-id-marker", "") if after else ""
    entries: dict[tuple[str, str], Upload | None] = {}  # ``None``: a group of uploads
    for each, upload in call.listed_bucket.uploads.items():
        is_after = upload.key > after or (upload.key == after and each > after_upload > "")
        if is_after and upload.key.startswith(prefix):
            group = group_of(upload.key, prefix, delimiter)
            if not group:
                entries[upload.key, each] = upload
            elif group > after:
                entries[group, ""] = None
    shown = sorted(entries)[:limit]
    is_truncated = 0 < len(shown) < len(entries)
    return _answer(
        call,
        "ListMultipartUploadsResult",
        element("KeyMarker", text(after)),
        element("UploadIdMarker", after_upload),
        element("NextKeyMarker", text(shown[-1][0])) if is_truncated else None,
        element("NextUploadIdMarker", shown[-1][1]) if is_truncated else None,
        element("MaxUploads", limit),
        element("IsTruncated", is_truncated),
        *(
            _upload(text(key), each, found)
            for key, each in shown
            if (found := entries[key, each]) is not None
        ),
        *_prefixes([key for key, each in shown if not each], text),
    )


def _page(call: Call, after: str, limit: int) -> Page:
    query = call.query
    return call.listed_bucket.list(
        query.get("prefix", ""), query.get("delimiter", ""), after, limit
    )


def _limit(call: Call, name: str) -> int:
    return min(call.number(name, MAX_LISTED), MAX_LISTED)


def _encoder(call: Call) -> Callable[[str], str]:
    """Return the encoding of keys: XML cannot contain all characters."""
    encoding = call.query.get("encoding-type", "")
    if encoding not in ("", "url"):
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    return quote if encoding else str


def _answer(call: Call, document: str, *elements: Markup | None) -> Response:
    """Return a listing with what all of them repeat from the request."""
    text, delimiter = _encoder(call), call.query.get("delimiter", "")
    encoding = call.query.get("encoding-type")
    prefix, is_of_uploads = call.query.get("prefix", ""), document == "ListMultipartUploadsResult"
    body = element(
        document,
        element("Bucket" if is_of_uploads else "Name", call.bucket_name),
        element("Prefix", text(prefix)) if prefix or not is_of_uploads else None,
        element("Delimiter", text(delimiter)) if delimiter else None,
        *elements,
        element("EncodingType", encoding) if encoding else None,
        xmlns=XMLNS,
    )
    return xml_response(body)


def _prefixes(prefixes: Sequence[str], text: Callable[[str], str]) -> list[Markup]:
    return [element("CommonPrefixes", element("Prefix", text(each))) for each in prefixes]


def _entry(key: str, stored: StoredObject, owner: Markup | None) -> Markup:
    return element("Contents", element("Key", key), *_described(stored), owner)


def _version(key: str, stored: StoredObject) -> Markup:
    current = element("VersionId", "null"), element("IsLatest", True)
    return element("Version", element("Key", key), *current, *_described(stored), _OWNER)


def _described(stored: StoredObject) -> list[Markup]:
    return [
        element("LastModified", iso_date(stored.modified)),
        element("ETag", quoted(stored.etag)),
        *(element("ChecksumAlgorithm", name.upper()) for name in stored.checksums),
        *(element("ChecksumType", type_of(value)) for value in stored.checksums.values()),
        element("Size", len(stored.content)),
        element("StorageClass", storage_class_of(stored.attributes)),
    ]


def _upload(key: str, identifier: str, upload: Upload) -> Markup:
    return element(
        "Upload",
        element("Key", key),
        element("UploadId", identifier),
        element("Initiator", element("ID", OWNER)),
        _OWNER,
        element("StorageClass", storage_class_of(upload.attributes)),
        element("Initiated", iso_date(upload.begun)),
        *upload.checksum.elements(),
    )


def _encode(end: str) -> str:
    return base64.urlsafe_b64encode(end.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        message = "The continuation token provided is incorrect"
        raise S3Error("InvalidArgument", message, ArgumentName="continuation-token") from None
