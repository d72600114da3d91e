"""Objects of S3: put, get, describe, delete, copy and tag them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote
from xml.etree.ElementTree import Element

from .bucket import Attributes, StoredObject, StoredPart
from .http import Response, condition_failed, http_date, part_response, range_of
from .s3_access import grants_of
from .s3_body import checksum_headers, digest, type_of
from .s3_call import STORED_HEADERS, Call
from .s3_errors import XMLNS, S3Error, parse_xml, unsupported
from .xml import Markup, element, xml_response

MAX_DELETED = 1000
MAX_METADATA = 2048  # "Working with object metadata" in the user guide: bytes in UTF-8
ENCRYPTED = {"x-amz-server-side-encryption": "AES256"}  # all objects are, by default
_META = "x-amz-meta-"
_OVERRIDES = "response-"
# "StorageClass", without those of other kinds of buckets.
_STORAGE_CLASSES = {
    *("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"),
    *("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"),
}


def iso_date(moment: float) -> str:
    """Return a moment as S3 writes it in XML."""
    written = datetime.fromtimestamp(int(moment), timezone.utc)
    return written.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def quoted(etag: str) -> str:
    """Return an ETag as it is sent."""
    return f'"{etag}"'


def storage_class_of(attributes: Attributes) -> str:
    """Return the storage class of an object."""
    return attributes.headers.get("x-amz-storage-class", "STANDARD")


def encryption_of(attributes: Attributes) -> dict[str, str]:
    """Return the headers that describe how an object is encrypted."""
    headers = attributes.headers
    return {name: each for name, each in headers.items() if name.startswith("x-amz-server-side")}


def checksum_elements(checksums: Mapping[str, str], *, has_type: bool = True) -> list[Markup]:
    """Return the elements that send checksums."""
    elements = [element(f"Checksum{name.upper()}", value) for name, value in checksums.items()]
    types = [element("ChecksumType", type_of(value)) for value in checksums.values()]
    return elements + types if has_type else elements


def attributes_of(call: Call) -> Attributes:
    """Return the attributes that the headers of a request give to an object."""
    headers = {name: call.headers[name] for name in STORED_HEADERS if name in call.headers}
    # "PutObject": aws-chunked is a matter of the transfer.
    encodings = [each.strip() for each in headers.pop("content-encoding", "").split(",")]
    encoding = ",".join(each for each in encodings if each not in ("", "aws-chunked"))
    if encoding:
        headers["content-encoding"] = encoding
    storage_class = headers.get("x-amz-storage-class", "STANDARD")
    if storage_class not in _STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", StorageClassRequested=storage_class)
    if storage_class == "STANDARD":  # "GetObject": it is not sent
        headers.pop("x-amz-storage-class", None)
    named = [name for name in call.headers if name.startswith(_META)]
    metadata = {name.removeprefix(_META): call.headers[name] for name in named}
    size = sum(len(f"{name}{value}".encode()) for name, value in metadata.items())
    if size > MAX_METADATA:
        raise S3Error("MetadataTooLarge", Size=size, MaxSizeAllowed=MAX_METADATA)
    tags = parse_qsl(call.headers.get("x-amz-tagging", ""), keep_blank_values=True)
    return Attributes(
        {**ENCRYPTED, **headers}, metadata, checked_tags(tags), grants_of(call.headers)
    )


def put_object(call: Call) -> Response:
    """Answer PutObject."""
    call.check_write()
    attributes = attributes_of(call)
    stored = call.bucket.store(call.key, call.content, attributes, checksums=call.checksums)
    headers = {"etag": quoted(stored.etag), **encryption_of(attributes)}
    return Response(200, headers | checksum_headers(stored.checksums))


# Read.


class _Section(NamedTuple):
    """The part of a content that a request asks for, ``None`` for the whole, and its headers."""

    part: slice | None
    headers: dict[str, str]


def get_object(call: Call) -> Response:
    """Answer GetObject and HeadObject."""
    stored = call.stored if call.request.method == "HEAD" else call.readable
    failed = condition_failed(call.headers, stored.etag, stored.modified)
    headers = _described(stored)
    if failed in ("If-None-Match", "If-Modified-Since"):
        return Response(304, headers)
    if failed:
        raise S3Error("PreconditionFailed", Condition=failed)
    for name, value in call.query.items():
        if name.startswith(_OVERRIDES):
            if any(character > "\xff" for character in value):
                message = "Header value cannot be represented using ISO-8859-1."
                raise S3Error("InvalidArgument", message, ArgumentName=name, ArgumentValue=value)
            headers[name.removeprefix(_OVERRIDES)] = value
    section = _section(call, stored)
    headers |= section.headers
    if section.part is None and call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers |= checksum_headers(stored.checksums)
    return part_response(stored.content, section.part, headers)


def _described(stored: StoredObject) -> dict[str, str]:
    attributes = stored.attributes
    tags = {"x-amz-tagging-count": str(len(attributes.tags))} if attributes.tags else {}
    metadata = {f"{_META}{name}": value for name, value in attributes.metadata.items()}
    return {
        "etag": quoted(stored.etag),
        "last-modified": http_date(stored.modified),
        "accept-ranges": "bytes",
        # The default: AWS SDK for .NET, "CopyObjectRequest.ContentType".
        "content-type": "binary/octet-stream",
        **attributes.headers,
        **metadata,
        **tags,
    }


def _section(call: Call, stored: StoredObject) -> _Section:
    """Return what a range or the number of a part selects."""
    size, number = len(stored.content), call.query.get("partNumber")
    wanted = call.headers.get("range")
    if number is not None and wanted is not None:
        message = "Cannot specify both Range header and partNumber query parameter"
        raise S3Error("InvalidRequest", message)
    if number is not None:
        return _part_section(stored, call.number("partNumber", 1))
    try:
        return _Section(range_of(wanted or "", size), {})
    except ValueError:
        raise S3Error("InvalidRange", RangeRequested=wanted, ActualObjectSize=size) from None


def _part_section(stored: StoredObject, number: int) -> _Section:
    """Return a part: "HeadObject", ``partNumber``. An object without parts is its only one."""
    if not stored.parts:
        if number != 1:
            raise S3Error("InvalidPartNumber")
        return _Section(slice(0, None) if stored.content else None, {})
    start = 0
    for each in stored.parts:
        if each.number == number:
            headers = {"x-amz-mp-parts-count": str(len(stored.parts))}
            return _Section(slice(start, start + each.size), headers)
        start += each.size
    raise S3Error("InvalidPartNumber")


def get_attributes(call: Call) -> Response:
    """Answer GetObjectAttributes: the fields that a header asks for."""
    stored = call.stored
    wanted = {each.strip() for each in call.headers.get("x-amz-object-attributes", "").split(",")}
    checksums = checksum_elements(stored.checksums)
    fields = {
        "ETag": element("ETag", stored.etag),
        "Checksum": element("Checksum", *checksums) if checksums else None,
        "ObjectParts": _parts_element(call, stored.parts) if stored.parts else None,
        "StorageClass": element("StorageClass", storage_class_of(stored.attributes)),
        "ObjectSize": element("ObjectSize", len(stored.content)),
    }
    if not wanted <= set(fields):
        raise S3Error("InvalidArgument", "Invalid attribute name specified.")
    shown = [each for name, each in fields.items() if name in wanted]
    body = element("GetObjectAttributesResponse", *shown, xmlns=XMLNS)
    return xml_response(body, headers={"last-modified": http_date(stored.modified)})


def _parts_element(call: Call, parts: tuple[StoredPart, ...]) -> Markup:
    """Return the parts; each is listed only if it has a checksum."""
    count = element("PartsCount", len(parts))
    if not any(each.checksums for each in parts):
        return element("ObjectParts", count)
    after = int(call.headers.get("x-amz-part-number-marker", "0"))
    limit = min(int(call.headers.get("x-amz-max-parts", "1000")), 1000)
    following = [each for each in parts if each.number > after]
    shown = following[:limit]
    return element(
        "ObjectParts",
        count,
        element("PartNumberMarker", after),
        element("NextPartNumberMarker", shown[-1].number if shown else 0),
        element("MaxParts", limit),
        element("IsTruncated", len(shown) < len(following)),
        *(
            element(
                "Part",
                element("PartNumber", each.number),
                element("Size", each.size),
                *checksum_elements(each.checksums, has_type=False),
            )
            for each in shown
        ),
    )


# Delete.


def delete_object(call: Call) -> Response:
    """Answer DeleteObject: a missing key is no error."""
    objects = call.bucket.objects
    if "if-match" in call.headers:
        stored = call.stored  # "How to perform conditional deletes": a missing object is 404
        if condition_failed(call.headers, stored.etag, stored.modified):
            raise S3Error("PreconditionFailed", Condition="If-Match")
    objects.remove(call.key)
    return Response(204)


def delete_objects(call: Call) -> Response:
    """Answer DeleteObjects."""
    if "content-md5" not in call.headers and not call.checksums:
        message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        raise S3Error("InvalidRequest", message)
    root = parse_xml(call.content)
    named = root.findall("Object")
    if not 0 < len(named) <= MAX_DELETED or not all(each.findtext("Key") for each in named):
        raise S3Error("MalformedXML")
    if any(each.findtext("VersionId", "null") != "null" for each in named):
        raise unsupported("DeleteObjects with a VersionId")
    for name in ("LastModifiedTime", "Size"):  # "ObjectIdentifier": for directory buckets only
        if any(each.find(name) is not None for each in named):
            raise unsupported(f"DeleteObjects with {name}")
    results = [_delete(call, each) for each in named]
    is_quiet = root.findtext("Quiet", "").lower() == "true"
    shown = [each for each in results if not (is_quiet and each.startswith("<Deleted>"))]
    return xml_response(element("DeleteResult", *shown, xmlns=XMLNS))


def _delete(call: Call, named: Element) -> Markup:
    """Delete an object of a list; return the element that says so."""
    objects = call.bucket.objects
    key, version, etag = (named.findtext(name) for name in ("Key", "VersionId", "ETag"))
    assert key is not None
    named_version = None if version is None else element("VersionId", version)
    if etag is not None:
        conditional = replace(call.request, headers={"if-match": etag})
        try:
            delete_object(replace(call, key=key, request=conditional))
        except S3Error as error:
            details = element("Code", error.code), element("Message", error.message)
            return element("Error", element("Key", key), named_version, *details)
    objects.remove(key)
    return element("Deleted", element("Key", key), named_version)


# Copy.


def source_of(call: Call) -> StoredObject:
    """Return the object that a request copies from."""
    named, _, version = call.headers["x-amz-copy-source"].partition("?versionId=")
    if version not in ("", "null"):
        raise unsupported("a copy of a version")
    bucket_name, _, key = unquote(named).removeprefix("/").partition("/")
    if not bucket_name or not key:
        raise S3Error("InvalidArgument", "Copy Source must mention the source bucket and key")
    stored = replace(call, bucket_name=bucket_name, key=key).readable
    failed = condition_failed(call.headers, stored.etag, stored.modified, "x-amz-copy-source-")
    if failed:
        raise S3Error("PreconditionFailed", Condition=f"x-amz-copy-source-{failed}")
    return stored


def copy_object(call: Call) -> Response:
    """Answer CopyObject."""
    source = source_of(call)
    call.check_write()
    given = attributes_of(call)
    replaces = _replaces(call, "x-amz-metadata-directive")
    # "CopyObject": these are never copied.
    own = {name: each for name, each in given.headers.items() if name.startswith("x-amz-")}
    is_itself = source is call.bucket.objects.get(call.key)
    if is_itself and not replaces and own == ENCRYPTED:
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.",
        )
    if not replaces:
        copied = source.attributes.headers.items()
        kept = {name: each for name, each in copied if not name.startswith("x-amz-")}
        given = replace(given, headers={**kept, **own}, metadata=source.attributes.metadata)
    if not _replaces(call, "x-amz-tagging-directive"):
        given = replace(given, tags=source.attributes.tags)
    checksums = _copied_checksums(call, source)
    stored = call.bucket.store(call.key, source.content, given, checksums=checksums)
    body = element(
        "CopyObjectResult",
        element("LastModified", iso_date(stored.modified)),
        element("ETag", quoted(stored.etag)),
        *checksum_elements(checksums),
        xmlns=XMLNS,
    )
    return xml_response(body, headers=encryption_of(given))


def _replaces(call: Call, name: str) -> bool:
    directive = call.headers.get(name, "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", ArgumentName=name, ArgumentValue=directive)
    return directive == "REPLACE"


def _copied_checksums(call: Call, source: StoredObject) -> Mapping[str, str]:
    """Return the checksums of a copy, which is stored in one part: "CopyObject"."""
    wanted = call.headers.get("x-amz-checksum-algorithm")
    if wanted is None and all(type_of(each) == "FULL_OBJECT" for each in source.checksums.values()):
        return source.checksums
    names = [wanted.lower()] if wanted else source.checksums
    computed = {name: digest(name, source.content) for name in names}
    return {name: value for name, value in computed.items() if value}


# Tags: "Categorizing your objects using tags" in the user guide.

Tags = tuple[tuple[str, str], ...]
# "S3Tag" of Amazon S3 Control, Pattern: letters, numbers, separators and some signs.
_TAG_TEXT = re.compile(r"([\w+\-=.:/@]|(?![\0-\x1f\x85])\s)*")


def checked_tags(pairs: Iterable[tuple[str, str]]) -> Tags:
    """Return tags, if they are valid: "PutObjectTagging"."""
    tags = tuple(pairs)
    names = [name for name, _ in tags]
    if len(names) > 10:
        raise S3Error("InvalidTag", "Object tags cannot be greater than 10")
    if len(names) != len(set(names)):
        raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key")
    for name, value in tags:
        is_short = 1 <= len(name) <= 128 and len(value) <= 256
        if not (is_short and _TAG_TEXT.fullmatch(name) and _TAG_TEXT.fullmatch(value)):
            raise S3Error("InvalidTag")
    return tags


def parsed_tags(document: bytes) -> Tags:
    """Return the tags in a document."""
    found = parse_xml(document).iter("Tag")
    return checked_tags((each.findtext("Key", ""), each.findtext("Value", "")) for each in found)


def get_tags(call: Call) -> Response:
    """Answer GetObjectTagging."""
    tags = [
        element("Tag", element("Key", name), element("Value", value))
        for name, value in call.stored.attributes.tags
    ]
    return xml_response(element("Tagging", element("TagSet", *tags), xmlns=XMLNS))


def put_tags(call: Call) -> Response:
    """Answer PutObjectTagging."""
    _set_tags(call, call.stored, parsed_tags(call.content))
    return Response()


def delete_tags(call: Call) -> Response:
    """Answer DeleteObjectTagging."""
    _set_tags(call, call.stored, ())
    return Response(204)


def _set_tags(call: Call, stored: StoredObject, tags: Tags) -> None:
    attributes = replace(stored.attributes, tags=tags)
    call.bucket.objects.put(call.key, replace(stored, attributes=attributes))
