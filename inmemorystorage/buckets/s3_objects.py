"""Objects of S3: put, get, delete and copy them; their access, their tags and uploads in parts."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import unquote, urlencode

from .bucket import StoredObject, Upload
from .http import Response, condition_failed, http_date, parse_form, range_of
from .s3_access import check_form
from .s3_call import (
    OWNER,
    STORED_HEADERS,
    XMLNS,
    Call,
    Grants,
    S3Error,
    check_tags,
    checksum_headers,
    grants_of,
    parse_xml,
    unsupported,
)
from .xml import Markup, element, xml_response

MIN_PART = 5 << 20  # "UploadPart": each part but the last
MAX_PARTS = 10_000
MAX_DELETED = 1000
_OVERRIDES = "response-"
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type='


def iso_date(moment: float) -> str:
    """Return a moment as S3 writes it in XML."""
    written = datetime.fromtimestamp(int(moment), timezone.utc)
    return written.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def quoted(etag: str) -> str:
    """Return an ETag as it is sent."""
    return f'"{etag}"'


def put_object(call: Call) -> Response:
    """Answer PutObject."""
    call.check_write()
    attributes = call.attributes()
    stored = call.bucket.store(call.key, call.content, attributes, checksums=call.checksums)
    return Response(200, _written(stored))


def _written(stored: StoredObject) -> dict[str, str]:
    checksums = checksum_headers(stored.checksums)
    kind = {"x-amz-checksum-type": "FULL_OBJECT"} if checksums else {}
    return (
        {"etag": quoted(stored.etag), **_encryption(stored.attributes.headers)} | checksums | kind
    )


def _encryption(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: each for name, each in headers.items() if name.startswith("x-amz-server-side")}


def get_object(call: Call) -> Response:
    """Answer GetObject and HeadObject."""
    stored = call.stored if call.request.method == "HEAD" else call.readable
    failed = condition_failed(call.headers, stored.etag, stored.modified)
    if failed in ("If-None-Match", "If-Modified-Since"):
        return Response(304, _described(stored))
    if failed:
        raise S3Error("PreconditionFailed", Condition=failed)
    size, headers = len(stored.content), _described(stored)
    headers.update(
        (name.removeprefix(_OVERRIDES), value)
        for name, value in call.query.items()
        if name.startswith(_OVERRIDES)
    )
    try:
        part = range_of(call.headers["range"], size) if "range" in call.headers else None
    except ValueError as error:
        raise S3Error("InvalidRange", RangeRequested=error, ActualObjectSize=size) from None
    if part is not None:
        headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        content = stored.content[part]
        headers["content-length"] = str(len(content))
        return Response(206, headers, content)
    if call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED" and stored.checksums:
        headers |= checksum_headers(stored.checksums)
        headers["x-amz-checksum-type"] = "FULL_OBJECT"
    headers["content-length"] = str(size)
    return Response(200, headers, stored.content)


def _described(stored: StoredObject) -> dict[str, str]:
    attributes = stored.attributes
    tags = {"x-amz-tagging-count": str(len(attributes.tags))} if attributes.tags else {}
    metadata = {f"x-amz-meta-{name}": value for name, value in attributes.metadata.items()}
    return {
        "etag": quoted(stored.etag),
        "last-modified": http_date(stored.modified),
        "accept-ranges": "bytes",
        "content-type": "binary/octet-stream",  # "GetObject": the default
        **attributes.headers,
        **metadata,
        **tags,
    }


def delete_object(call: Call) -> Response:
    """Answer DeleteObject: a missing key is no error."""
    objects = call.bucket.objects
    stored = objects.get(call.key)
    if "if-match" in call.headers:
        stored = call.stored
        if condition_failed(call.headers, stored.etag, stored.modified):
            raise S3Error("PreconditionFailed", Condition="If-Match")
    objects.remove(call.key)
    return Response(204)


def delete_objects(call: Call) -> Response:
    """Answer DeleteObjects."""
    objects, root = call.bucket.objects, parse_xml(call.content)
    keys = [each.findtext("Key", "") for each in root.findall("Object")]
    if not keys or len(keys) > MAX_DELETED:
        raise S3Error("MalformedXML")
    if any(each.find("ETag") is not None for each in root.findall("Object")):
        raise unsupported("DeleteObjects with ETags")
    for key in keys:
        objects.remove(key)
    is_quiet = root.findtext("Quiet", "").lower() == "true"
    deleted = [] if is_quiet else [element("Deleted", element("Key", key)) for key in keys]
    return xml_response(element("DeleteResult", *deleted, xmlns=XMLNS))


def _source(call: Call) -> StoredObject:
    """Return the object that a request copies from."""
    named, _, version = call.headers["x-amz-copy-source"].partition("?versionId=")
    if version not in ("", "null"):
        raise unsupported("a copy of a version")
    bucket_name, _, key = unquote(named).removeprefix("/").partition("/")
    stored = replace(call, bucket_name=bucket_name, key=key).readable
    failed = condition_failed(call.headers, stored.etag, stored.modified, "x-amz-copy-source-")
    if failed:
        raise S3Error("PreconditionFailed", Condition=f"x-amz-copy-source-{failed}")
    return stored


def copy_object(call: Call) -> Response:
    """Answer CopyObject."""
    source = _source(call)
    call.check_write()
    given = call.attributes()
    replaces = call.headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
    # "CopyObject": these are never copied.
    own = {
        name: each
        for name, each in given.headers.items()
        if name in ("x-amz-storage-class", "x-amz-website-redirect-location")
        or name.startswith("x-amz-server-side")
    }
    is_itself = source is call.bucket.objects.get(call.key)
    if is_itself and not replaces and own == {"x-amz-server-side-encryption": "AES256"}:
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.",
        )
    if not replaces:
        kept = {name: each for name, each in source.attributes.headers.items() if name not in own}
        kept = {name: each for name, each in kept.items() if not name.startswith("x-amz-")}
        given = replace(given, headers={**kept, **own}, metadata=source.attributes.metadata)
    if call.headers.get("x-amz-tagging-directive", "COPY").upper() != "REPLACE":
        given = replace(given, tags=source.attributes.tags)
    stored = call.bucket.store(
        call.key, source.content, given, etag=source.etag, checksums=source.checksums
    )
    modified = element("LastModified", iso_date(stored.modified))
    etag = element("ETag", quoted(stored.etag))
    sums = [element(f"Checksum{name.upper()}", value) for name, value in stored.checksums.items()]
    answer = xml_response(element("CopyObjectResult", modified, etag, *sums, xmlns=XMLNS))
    return replace(answer, headers={**answer.headers, **_encryption(given.headers)})


def post_object(call: Call) -> Response:
    """Answer POST Object: the upload by a form in a browser."""
    try:
        form = parse_form(call.headers.get("content-type", ""), call.request.body)
        file = form["file"]
    except (ValueError, KeyError):
        raise S3Error("MalformedPOSTRequest") from None
    fields = {name: each.content.decode() for name, each in form.items() if name != "file"}
    if not check_form(fields, call.bucket_name, len(file.content)):
        raise S3Error("AccessDenied")
    if "key" not in fields:
        raise S3Error("InvalidArgument", "Bucket POST must contain a field named 'key'.")
    key = fields["key"].replace("${filename}", file.filename)
    headers = {"x-amz-acl": fields["acl"]} if "acl" in fields else {}
    headers |= {name: each for name, each in fields.items() if name.startswith("x-amz-meta-")}
    headers |= {name: fields[name] for name in STORED_HEADERS if name in fields}
    if "tagging" in fields:
        tags = [
            (each.findtext("Key", ""), each.findtext("Value", ""))
            for each in parse_xml(fields["tagging"].encode()).iter("Tag")
        ]
        headers["x-amz-tagging"] = urlencode(tags)
    request = replace(call.request, url="", headers=headers, body=file.content)
    answer = put_object(replace(call, request=request, key=key))
    return _post_answer(call, fields, key, dict(answer.headers))


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
    created = xml_response(body, 201)
    return replace(created, headers={**headers, **created.headers})


# Access and tags.


def _update(call: Call, **changes: object) -> None:
    stored = call.stored
    attributes = replace(stored.attributes, **changes)  # type: ignore[arg-type]
    call.bucket.objects.put(call.key, replace(stored, attributes=attributes))


def get_acl(call: Call) -> Response:
    """Answer GetObjectAcl."""
    return xml_response(acl_document(call.stored.attributes.acl))


def acl_document(grants: Grants) -> Markup:
    """Return the XML of grants."""
    owner = element("Owner", element("ID", OWNER))
    return element(
        "AccessControlPolicy",
        owner,
        element("AccessControlList", *(_grant(*each) for each in grants)),
        xmlns=XMLNS,
    )


def _grant(grantee: str, permission: str) -> Markup:
    name, kind = ("URI", "Group") if "://" in grantee else ("ID", "CanonicalUser")
    named = element(name, grantee)
    marked = Markup(f'<Grantee {_XSI}"{kind}">{named}</Grantee>')
    return element("Grant", marked, element("Permission", permission))


def put_acl(call: Call) -> Response:
    """Answer PutObjectAcl: a canned ACL, grants in headers, or a document."""
    _update(call, acl=sent_grants(call))
    return Response()


def sent_grants(call: Call) -> Grants:
    """Return the grants that a request sets."""
    if not call.content:
        return grants_of(call.headers)
    grants: list[tuple[str, str]] = []
    for each in parse_xml(call.content).iter("Grant"):
        grantee = each.findtext("Grantee/URI") or each.findtext("Grantee/ID")
        if grantee is None:
            raise unsupported("an ACL with another grantee than an ID or a URI")
        grants.append((grantee, each.findtext("Permission", "")))
    return tuple(grants)


def get_tags(call: Call) -> Response:
    """Answer GetObjectTagging."""
    tags = [
        element("Tag", element("Key", name), element("Value", value))
        for name, value in call.stored.attributes.tags
    ]
    return xml_response(element("Tagging", element("TagSet", *tags), xmlns=XMLNS))


def put_tags(call: Call) -> Response:
    """Answer PutObjectTagging."""
    assert call.stored is not None
    found = parse_xml(call.content).iter("Tag")
    tags = tuple((each.findtext("Key", ""), each.findtext("Value", "")) for each in found)
    _update(call, tags=check_tags(tags))
    return Response()


def delete_tags(call: Call) -> Response:
    """Answer DeleteObjectTagging."""
    _update(call, tags=())
    return Response(204)


# Uploads in parts.


def create_upload(call: Call) -> Response:
    """Answer CreateMultipartUpload."""
    call.check_write()
    identifier = secrets.token_urlsafe(48)
    attributes = call.attributes()
    call.bucket.uploads.put(identifier, Upload(call.key, attributes, time.time()))
    body = element(
        "InitiateMultipartUploadResult",
        element("Bucket", call.bucket_name),
        element("Key", call.key),
        element("UploadId", identifier),
        xmlns=XMLNS,
    )
    answer = xml_response(body)
    return replace(answer, headers={**answer.headers, **_encryption(attributes.headers)})


def _upload(call: Call) -> Upload:
    identifier = call.query["uploadId"]
    upload = call.bucket.uploads.get(identifier)
    if upload is None or upload.key != call.key:
        raise S3Error("NoSuchUpload", UploadId=identifier)
    return upload


def upload_part(call: Call) -> Response:
    """Answer UploadPart."""
    part = _put_part(call, call.content)
    return Response(200, {"etag": quoted(part), **checksum_headers(call.checksums)})


def _put_part(call: Call, content: bytes) -> str:
    upload, number = _upload(call), call.query.get("partNumber", "")
    if not number.isdecimal() or not 1 <= int(number) <= MAX_PARTS:
        raise S3Error(
            "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    upload = upload.with_part(int(number), content)
    call.bucket.uploads.put(call.query["uploadId"], upload)
    return upload.parts[int(number)].etag


def copy_part(call: Call) -> Response:
    """Answer UploadPartCopy."""
    content = _source(call).content
    wanted = call.headers.get("x-amz-copy-source-range")
    if wanted is not None:
        try:
            part = range_of(wanted, len(content))
        except ValueError:
            part = None
        if part is None:
            raise S3Error("InvalidRange")
        content = content[part]
    etag = element("ETag", quoted(_put_part(call, content)))
    modified = element("LastModified", iso_date(time.time()))
    return xml_response(element("CopyPartResult", modified, etag, xmlns=XMLNS))


def complete_upload(call: Call) -> Response:
    """Answer CompleteMultipartUpload."""
    upload = _upload(call)
    call.check_write()
    wanted = [
        (int(each.findtext("PartNumber", "0")), each.findtext("ETag", "").strip('"'))
        for each in parse_xml(call.content).iter("Part")
    ]
    if not wanted:
        raise S3Error("MalformedXML")
    numbers = [number for number, _ in wanted]
    if numbers != sorted(set(numbers)):
        raise S3Error("InvalidPartOrder")
    for number, etag in wanted:
        if number not in upload.parts or upload.parts[number].etag != etag:
            raise S3Error("InvalidPart", PartNumber=number, ETag=etag)
    contents = [upload.parts[number].content for number in numbers]
    for content in contents[:-1]:
        if len(content) < MIN_PART:
            raise S3Error("EntityTooSmall", ProposedSize=len(content), MinSizeAllowed=MIN_PART)
    whole = contents[0] if len(contents) == 1 else b"".join(contents)
    digests = b"".join(bytes.fromhex(etag) for _, etag in wanted)
    etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(wanted)}"
    call.bucket.store(call.key, whole, upload.attributes, etag=etag)
    call.bucket.uploads.remove(call.query["uploadId"])
    body = element(
        "CompleteMultipartUploadResult",
        element("Location", call.request.url.partition("?")[0]),
        element("Bucket", call.bucket_name),
        element("Key", call.key),
        element("ETag", quoted(etag)),
        xmlns=XMLNS,
    )
    answer = xml_response(body)
    return replace(answer, headers={**answer.headers, **_encryption(upload.attributes.headers)})


def abort_upload(call: Call) -> Response:
    """Answer AbortMultipartUpload."""
    _upload(call)
    call.bucket.uploads.remove(call.query["uploadId"])
    return Response(204)


def list_parts(call: Call) -> Response:
    """Answer ListParts, page by page."""
    upload = _upload(call)
    after = int(call.query.get("part-number-marker", 0))
    limit = int(call.query.get("max-parts", 1000))
    numbers = [number for number in sorted(upload.parts) if number > after]
    shown = numbers[: min(limit, 1000)]
    parts = [
        element(
            "Part",
            element("PartNumber", number),
            element("LastModified", iso_date(upload.parts[number].modified)),
            element("ETag", quoted(upload.parts[number].etag)),
            element("Size", len(upload.parts[number].content)),
        )
        for number in shown
    ]
    owner = element("ID", OWNER)
    body = element(
        "ListPartsResult",
        element("Bucket", call.bucket_name),
        element("Key", call.key),
        element("UploadId", call.query["uploadId"]),
        element("Initiator", owner),
        element("Owner", owner),
        element("StorageClass", "STANDARD"),
        element("PartNumberMarker", after),
        element("NextPartNumberMarker", shown[-1] if shown else 0),
        element("MaxParts", limit),
        element("IsTruncated", len(shown) < len(numbers)),
        *parts,
        xmlns=XMLNS,
    )
    return xml_response(body)
