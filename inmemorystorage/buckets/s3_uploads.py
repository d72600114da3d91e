"""Uploads of S3 in parts: begin, send, list, complete and abort them."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

from .bucket import Part, StoredPart, Upload
from .http import Response, range_of
from .s3_body import (
    COMPOSITE,
    FULL_OBJECT,
    check_digest,
    checksum_headers,
    composite_digest,
    digest,
    sent_checksums,
)
from .s3_call import OWNER, Call
from .s3_errors import XMLNS, S3Error, parse_xml
from .s3_objects import (
    attributes_of,
    checksum_elements,
    encryption_of,
    iso_date,
    quoted,
    source_of,
    storage_class_of,
)
from .xml import Markup, element, xml_response

MIN_PART = 5 << 20  # "CompleteMultipartUpload", EntityTooSmall: each part but the last
MAX_PARTS = 10_000
MAX_LISTED = 1000


class Checksum(NamedTuple):
    """The algorithm of an upload's checksum and its type; both are empty without one."""

    algorithm: str = ""
    type: str = ""

    def of(self, content: bytes) -> Mapping[str, str]:
        """Return the checksum of a content, if it can be computed."""
        value = digest(self.algorithm, content)
        return {self.algorithm: value} if value else {}

    def elements(self) -> list[Markup]:
        """Return the elements that describe the checksum of an upload."""
        if not self.algorithm:
            return []
        algorithm = element("ChecksumAlgorithm", self.algorithm.upper())
        return [algorithm, element("ChecksumType", self.type)]


def create_upload(call: Call) -> Response:
    """Answer CreateMultipartUpload."""
    call.check_write()
    # Lexicographically in the order of their creation, as ListMultipartUploads lists them.
    identifier = f"{time.time_ns():020}{secrets.token_urlsafe(24)}"
    attributes, checksum = attributes_of(call), _checksum_of(call)
    upload = Upload(call.key, attributes, time.time(), checksum=checksum)
    call.bucket.uploads.put(identifier, upload)
    body = element(
        "InitiateMultipartUploadResult",
        element("Bucket", call.bucket_name),
        element("Key", call.key),
        element("UploadId", identifier),
        xmlns=XMLNS,
    )
    headers = encryption_of(attributes)
    if checksum.algorithm:
        headers["x-amz-checksum-algorithm"] = checksum.algorithm.upper()
        headers["x-amz-checksum-type"] = checksum.type
    return xml_response(body, headers=headers)


# Pairs without a checksum: "Checking object integrity for data uploads in Amazon S3".
_REFUSED = {("crc64nvme", COMPOSITE), ("sha1", FULL_OBJECT), ("sha256", FULL_OBJECT)}


def _checksum_of(call: Call) -> Checksum:
    """Return the checksum that an upload asks for."""
    algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower()
    if not algorithm:
        return Checksum()
    default = FULL_OBJECT if algorithm == "crc64nvme" else COMPOSITE
    checksum = Checksum(algorithm, call.headers.get("x-amz-checksum-type", default))
    if checksum in _REFUSED:
        raise S3Error(
            "InvalidRequest",
            f"The {checksum.type} checksum type cannot be used with the {algorithm} algorithm.",
        )
    return checksum


def _upload(call: Call) -> Upload:
    identifier = call.query["uploadId"]
    upload = call.bucket.uploads.get(identifier)
    if upload is None or upload.key != call.key:
        raise S3Error("NoSuchUpload", UploadId=identifier)
    return upload


def upload_part(call: Call) -> Response:
    """Answer UploadPart."""
    part = _put_part(call, call.content, call.checksums)
    headers = {"etag": quoted(part.etag), **checksum_headers({**part.checksums, **call.checksums})}
    headers.pop("x-amz-checksum-type", None)
    return Response(200, headers)


def _put_part(call: Call, content: bytes, sent: Mapping[str, str]) -> Part:
    """Store a part; its checksum too if the upload asks for one: "Part"."""
    upload, number = _upload(call), call.query.get("partNumber", "")
    if not number.isdecimal() or not 1 <= int(number) <= MAX_PARTS:
        raise S3Error(
            "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    checksum: Checksum = upload.checksum
    is_wanted = checksum.algorithm in sent
    upload = upload.with_part(int(number), content, sent if is_wanted else checksum.of(content))
    call.bucket.uploads.put(call.query["uploadId"], upload)
    return upload.parts[int(number)]


def copy_part(call: Call) -> Response:
    """Answer UploadPartCopy."""
    content = source_of(call).content
    wanted = call.headers.get("x-amz-copy-source-range")
    if wanted is not None:
        try:
            section = range_of(wanted, len(content))
        except ValueError:
            section = None
        if section is None:
            raise S3Error("InvalidRange")
        content = content[section]
    part = _put_part(call, content, {})
    body = element(
        "CopyPartResult",
        element("LastModified", iso_date(part.modified)),
        element("ETag", quoted(part.etag)),
        *checksum_elements(part.checksums, has_type=False),
        xmlns=XMLNS,
    )
    return xml_response(body)


def complete_upload(call: Call) -> Response:
    """Answer CompleteMultipartUpload."""
    upload = _upload(call)
    call.check_write()
    parts = _completed_parts(call, upload)
    contents = [part.content for part in parts.values()]
    whole = contents[0] if len(contents) == 1 else b"".join(contents)
    if int(call.headers.get("x-amz-mp-object-size", len(whole))) != len(whole):
        raise S3Error("InvalidRequest", "The provided 'x-amz-mp-object-size' header is wrong.")
    checksums = _whole_checksums(call, upload, whole, parts)
    digests = b"".join(bytes.fromhex(part.etag) for part in parts.values())
    etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
    stored = tuple(
        StoredPart(number, len(part.content), part.checksums) for number, part in parts.items()
    )
    call.bucket.store(
        call.key, whole, upload.attributes, etag=etag, checksums=checksums, parts=stored
    )
    call.bucket.uploads.remove(call.query["uploadId"])
    body = element(
        "CompleteMultipartUploadResult",
        element("Location", call.request.url.partition("?")[0]),
        element("Bucket", call.bucket_name),
        element("Key", call.key),
        element("ETag", quoted(etag)),
        *checksum_elements(checksums),
        xmlns=XMLNS,
    )
    return xml_response(body, headers=encryption_of(upload.attributes))


def _completed_parts(call: Call, upload: Upload) -> dict[int, Part]:
    """Return the parts of which a request makes an object."""
    # Its checksum headers are not of the body, but of the object: "CompleteMultipartUpload".
    wanted = parse_xml(call.request.body).findall("Part")
    if not wanted or not all(each.findtext("PartNumber", "").isdecimal() for each in wanted):
        raise S3Error("MalformedXML")
    numbers = [int(each.findtext("PartNumber", "")) for each in wanted]
    if numbers != sorted(set(numbers)):
        raise S3Error("InvalidPartOrder")
    parts = {
        number: _completed_part(upload, number, each)
        for number, each in zip(numbers, wanted, strict=True)
    }
    for part in list(parts.values())[:-1]:
        size = len(part.content)
        if size < MIN_PART:
            raise S3Error("EntityTooSmall", ProposedSize=size, MinSizeAllowed=MIN_PART)
    return parts


def _completed_part(upload: Upload, number: int, named: Element) -> Part:
    """Return a part, if it has the ETag and the checksums that a request names."""
    part, etag = upload.parts.get(number), named.findtext("ETag", "").strip('"')
    if part is None or part.etag != etag:
        raise S3Error("InvalidPart", PartNumber=number, ETag=etag)
    for name, value in part.checksums.items():
        if named.findtext(f"Checksum{name.upper()}", value) != value:
            raise S3Error("InvalidPart", PartNumber=number, ETag=etag)
    return part


def _whole_checksums(
    call: Call, upload: Upload, whole: bytes, parts: Mapping[int, Part]
) -> Mapping[str, str]:
    """Return the checksums of a completed object; verify the one that a request names."""
    sent = sent_checksums(call.headers)
    checksum: Checksum = upload.checksum
    algorithm, kind = checksum
    if call.headers.get("x-amz-checksum-type", kind) != kind and algorithm:
        raise S3Error("BadDigest", "The upload was created using another checksum mode.")
    if kind == COMPOSITE:
        # "Checking object integrity for data uploads in Amazon S3": a gap is an internal error.
        if list(parts) != list(range(1, len(parts) + 1)):
            raise S3Error("InternalError")
        value = composite_digest(
            algorithm, [part.checksums.get(algorithm, "") for part in parts.values()]
        )
        expected = sent.get(algorithm, value)
        if value and expected.partition("-")[0] != value.partition("-")[0]:
            raise S3Error("BadDigest")
        return {algorithm: value} if value else {}
    for name, value in sent.items():
        check_digest(name, value, whole)
    return sent or checksum.of(whole)


def abort_upload(call: Call) -> Response:
    """Answer AbortMultipartUpload."""
    _upload(call)
    call.bucket.uploads.remove(call.query["uploadId"])
    return Response(204)


def list_parts(call: Call) -> Response:
    """Answer ListParts, page by page."""
    upload = _upload(call)
    after = call.number("part-number-marker", 0)
    limit = min(call.number("max-parts", MAX_LISTED), MAX_LISTED)
    numbers = [number for number in sorted(upload.parts) if number > after]
    shown = numbers[:limit]
    parts = [
        element(
            "Part",
            element("PartNumber", number),
            element("LastModified", iso_date(upload.parts[number].modified)),
            element("ETag", quoted(upload.parts[number].etag)),
            element("Size", len(upload.parts[number].content)),
            *checksum_elements(upload.parts[number].checksums, has_type=False),
        )
        for number in shown
    ]
    owner = element("ID", OWNER)
    checksum: Checksum = upload.checksum
    body = element(
        "ListPartsResult",
        element("Bucket", call.bucket_name),
        element("Key", call.key),
        element("UploadId", call.query["uploadId"]),
        element("Initiator", owner),
        element("Owner", owner),
        element("StorageClass", storage_class_of(upload.attributes)),
        element("PartNumberMarker", after),
        element("NextPartNumberMarker", shown[-1] if shown else 0),
        element("MaxParts", limit),
        element("IsTruncated", len(shown) < len(numbers)),
        *checksum.elements(),
        *parts,
        xmlns=XMLNS,
    )
    return xml_response(body)
