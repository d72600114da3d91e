"""Blobs of Azure: put, get, describe, delete and copy them; their blocks, and their tags."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace

from .azure_access import OVERRIDES, Needed, check_access
from .azure_call import (
    CONTENT_HEADERS,
    META,
    AzureError,
    Call,
    Conditions,
    Tags,
    address_of,
    check_tags,
    md5_of,
    new_etag,
    sent_tags,
    store,
    unsupported,
    verify_md5,
    version_headers,
)
from .bucket import Attributes, StoredObject, Upload, etag_of
from .http import Request, Response, http_date, part_response, range_of
from .xml import Markup, element, xml_response

MAX_BLOCKS = 50_000
MAX_BLOCK_ID = 64
MAX_DIGESTED = 4 << 20  # "Get Blob", x-ms-range-get-content-md5
TIERS = ("Hot", "Cool", "Cold", "Archive")
_CHANGED = "x-ms-access-tier-change-time"
_COPY = "x-ms-copy-"
_ENCRYPTED = {"x-ms-request-server-encrypted": "true"}


# Content.


def put_blob(call: Call) -> Response:
    """Answer Put Blob, for block blobs and append blobs."""
    kind = _kind_of(call)
    Conditions(call.headers).check_write(call.existing, creates=True)
    content = call.content
    if kind == "AppendBlob" and content:
        raise AzureError("InvalidHeaderValue", HeaderName="Content-Length")
    verify_md5(call.headers.get("x-ms-blob-content-md5"), content)
    attributes = _sent_attributes(call, kind, call.headers.get("content-type", ""))
    digest = {"content-md5": md5_of(etag_of(content))} if kind == "BlockBlob" else {}
    stored = store(call, content, replace(attributes, headers={**attributes.headers, **digest}))
    return _written(stored, 201, digest)


def _kind_of(call: Call) -> str:
    kind = call.headers.get("x-ms-blob-type", "")
    if not kind:
        raise AzureError("MissingRequiredHeader", HeaderName="x-ms-blob-type")
    if kind == "PageBlob":
        raise unsupported("Put Blob of a page blob")
    if kind not in ("BlockBlob", "AppendBlob"):
        raise AzureError("InvalidHeaderValue", HeaderName="x-ms-blob-type", HeaderValue=kind)
    return kind


def _sent_attributes(call: Call, kind: str, content_type: str = "") -> Attributes:
    """Return the attributes that a request gives to a new blob."""
    headers = {"content-type": content_type or "application/octet-stream", **_sent_headers(call)}
    headers |= {"x-ms-blob-type": kind, **_sent_tier(call)}
    return Attributes(headers, call.metadata(), sent_tags(call.headers))


def _sent_headers(call: Call) -> dict[str, str]:
    """Return the headers that a request stores with the content."""
    sent = {stored: call.headers.get(name, "") for name, stored in CONTENT_HEADERS.items()}
    return {name: value for name, value in sent.items() if value}


def _sent_tier(call: Call) -> dict[str, str]:
    tier = call.headers.get("x-ms-access-tier")
    if tier is None:
        return {}
    if tier not in TIERS:
        raise AzureError("InvalidHeaderValue", HeaderName="x-ms-access-tier", HeaderValue=tier)
    return {"x-ms-access-tier": tier, _CHANGED: http_date(time.time())}


def _written(stored: StoredObject, status: int, headers: Mapping[str, str]) -> Response:
    return Response(
        status, {**version_headers(stored.etag, stored.modified), **_ENCRYPTED, **headers}
    )


def get_blob(call: Call) -> Response:
    """Answer Get Blob and Get Blob Properties."""
    is_head = call.request.method == "HEAD"
    stored = call.read()
    if not is_head and stored.attributes.headers.get("x-ms-access-tier") == "Archive":
        raise AzureError("BlobArchived")
    headers = described(stored)
    headers |= {OVERRIDES[name]: call.query[name] for name in OVERRIDES if name in call.query}
    size = len(stored.content)
    if is_head:
        return Response(200, {**headers, **_tier_of(stored), "content-length": str(size)})
    part = _sent_range(call, size)
    is_digested = call.headers.get("x-ms-range-get-content-md5", "").lower() == "true"
    if part is None:
        if is_digested:  # "Get Blob": without a range it is 400
            raise AzureError("InvalidHeaderValue", HeaderName="x-ms-range-get-content-md5")
        return part_response(stored.content, None, headers)
    # "Get Blob": the MD5 of the range, if it was asked for; that of the blob has another name.
    if "content-md5" in headers:
        headers["x-ms-blob-content-md5"] = headers.pop("content-md5")
    if is_digested:
        content = stored.content[part]
        if len(content) > MAX_DIGESTED:
            raise AzureError("OutOfRangeInput")
        headers["content-md5"] = md5_of(etag_of(content))
    return part_response(stored.content, part, headers)


def _sent_range(call: Call, size: int) -> slice | None:
    """Return the range of bytes that is asked for: "Specifying the range header"."""
    header = call.headers.get("x-ms-range", call.headers.get("range"))
    if header is None or header.startswith("bytes=-"):
        return None
    try:
        return range_of(header, size)
    except ValueError:
        raise AzureError("InvalidRange") from None


def described(stored: StoredObject) -> dict[str, str]:
    """Return the headers that describe a blob."""
    attributes = stored.attributes
    own = {name: value for name, value in attributes.headers.items() if "access-tier" not in name}
    if attributes.headers["x-ms-blob-type"] == "AppendBlob":
        own["x-ms-blob-committed-block-count"] = str(len(attributes.blocks))
        own["x-ms-blob-sealed"] = "false"
    return {
        **version_headers(stored.etag, stored.modified),
        "accept-ranges": "bytes",
        "x-ms-creation-time": http_date(stored.created),
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
        **own,
        **{f"{META}{name}": value for name, value in attributes.metadata.items()},
        **({"x-ms-tag-count": str(len(attributes.tags))} if attributes.tags else {}),
    }


def _tier_of(stored: StoredObject) -> dict[str, str]:
    """Return the headers of the tier, which is inferred unless it was set."""
    headers = stored.attributes.headers
    if headers["x-ms-blob-type"] == "AppendBlob":
        return {}
    own = {name: value for name, value in headers.items() if "access-tier" in name}
    return own or {"x-ms-access-tier": "Hot", "x-ms-access-tier-inferred": "true"}


def delete_blob(call: Call) -> Response:
    """Answer Delete Blob; a blob has no snapshots here."""
    call.change()
    if call.headers.get("x-ms-delete-snapshots", "") != "only":
        call.container.objects.remove(call.blob)
    return Response(202, {"x-ms-delete-type-permanent": "true"})


# Properties, metadata, tags and tiers.


def _update(call: Call, *, is_new: bool = True, **changes: object) -> StoredObject:
    """
    Change attributes of a blob.

    :param is_new: whether that gives the blob a new ETag and moment.
    """
    stored = call.change()
    attributes = replace(stored.attributes, **changes)  # type: ignore[arg-type]
    changed = replace(stored, attributes=attributes)
    if is_new:
        changed = replace(changed, etag=new_etag(), modified=time.time())
    call.container.objects.put(call.blob, changed)
    return changed


def set_properties(call: Call) -> Response:
    """Answer Set Blob Properties: those that are not sent are cleared."""
    if call.headers.get("x-ms-blob-content-length") is not None:
        raise unsupported("Set Blob Properties of a page blob")
    kept = {
        name: value
        for name, value in call.change().attributes.headers.items()
        # "Get Blob": a blob whose properties were set is the destination of no copy.
        if name not in CONTENT_HEADERS.values() and not name.startswith(_COPY)
    }
    stored = _update(call, headers={**kept, **_sent_headers(call)})
    return Response(200, version_headers(stored.etag, stored.modified))


def set_metadata(call: Call) -> Response:
    """Answer Set Blob Metadata."""
    return _written(_update(call, metadata=call.metadata()), 200, {})


def get_metadata(call: Call) -> Response:
    """Answer Get Blob Metadata."""
    stored = call.read()
    metadata = {f"{META}{name}": value for name, value in stored.attributes.metadata.items()}
    return Response(200, {**version_headers(stored.etag, stored.modified), **metadata})


def get_tags(call: Call) -> Response:
    """Answer Get Blob Tags."""
    return xml_response(tags_element(call.read().attributes.tags))


def tags_element(tags: Tags) -> Markup:
    """Return the XML of tags."""
    shown = [element("Tag", element("Key", key), element("Value", value)) for key, value in tags]
    return element("Tags", element("TagSet", *shown))


def set_tags(call: Call) -> Response:
    """Answer Set Blob Tags, which changes neither the ETag nor the moment."""
    found = call.xml().iter("Tag")
    tags = check_tags((each.findtext("Key", ""), each.findtext("Value", "")) for each in found)
    _update(call, is_new=False, tags=tags)
    return Response(204)


def set_tier(call: Call) -> Response:
    """Answer Set Blob Tier, which changes neither the ETag nor the moment."""
    tier = _sent_tier(call)
    if not tier:
        raise AzureError("MissingRequiredHeader", HeaderName="x-ms-access-tier")
    headers = call.change().attributes.headers
    if headers["x-ms-blob-type"] != "BlockBlob":
        raise AzureError("AccessTierNotSupportedForBlobType")
    if headers.get("x-ms-access-tier") == "Archive" and tier["x-ms-access-tier"] != "Archive":
        raise unsupported("Set Blob Tier of an archived blob")
    _update(call, is_new=False, headers={**headers, **tier})
    return Response(200)


# Blocks.


def _put_block(call: Call, content: bytes) -> None:
    """Store a block that is not committed: "Put Block"."""
    identifier = call.query.get("blockid", "")
    try:
        size = len(base64.b64decode(identifier, validate=True))
    except ValueError:
        size = 0
    if not 0 < size <= MAX_BLOCK_ID:
        raise AzureError("InvalidQueryParameterValue", QueryParameterName="blockid",
                         QueryParameterValue=identifier)  # fmt: skip
    existing, uploads = call.existing, call.container.uploads
    _check_blocks(existing)
    upload = uploads.get(call.blob) or Upload(call.blob, Attributes(), time.time())
    committed = existing.attributes.blocks if existing is not None else ()
    known = [*upload.parts, *(name for name, _ in committed)]
    if known and len(known[0]) != len(identifier):
        raise AzureError("InvalidBlobOrBlock")
    uploads.put(call.blob, upload.with_part(identifier, content))


def _check_blocks(existing: StoredObject | None) -> None:
    """Raise if a blob exists that does not consist of blocks with names."""
    if existing is not None and existing.attributes.headers["x-ms-blob-type"] != "BlockBlob":
        raise AzureError("InvalidBlobType")


def put_block(call: Call) -> Response:
    """Answer Put Block."""
    _put_block(call, call.content)
    # The MD5 is returned if it was sent.
    sent = call.headers.get("content-md5")
    return Response(201, {**_ENCRYPTED, **({"content-md5": sent} if sent else {})})


def put_block_from_url(call: Call) -> Response:
    """Answer Put Block From URL."""
    _put_block(call, _source_content(call))
    sent = call.headers.get("x-ms-source-content-md5")
    return Response(201, {**_ENCRYPTED, **({"content-md5": sent} if sent else {})})


def put_block_list(call: Call) -> Response:
    """Answer Put Block List."""
    existing, root = call.existing, call.xml()
    Conditions(call.headers).check_write(existing, creates=True)
    _check_blocks(existing)
    if len(root) > MAX_BLOCKS:
        raise AzureError("BlockListTooLong")
    uncommitted = {} if (upload := call.container.uploads.get(call.blob)) is None else upload.parts
    sources = {name: part.content for name, part in uncommitted.items()}
    committed = _committed(existing)
    found = {
        "Committed": committed,
        "Uncommitted": sources,
        "Latest": {**committed, **sources},
    }
    contents: list[bytes] = []
    blocks: list[tuple[str, int]] = []
    for each in root:
        name = each.text or ""
        content = found.get(each.tag, {}).get(name)
        if content is None:
            raise AzureError("InvalidBlockList")
        contents.append(content)
        blocks.append((name, len(content)))
    whole = contents[0] if len(contents) == 1 else b"".join(contents)
    attributes = replace(_sent_attributes(call, "BlockBlob"), blocks=tuple(blocks))
    # The MD5 of the request's body, not of the blob.
    digest = {"content-md5": md5_of(etag_of(call.request.body))}
    return _written(store(call, whole, attributes), 201, digest)


def _committed(existing: StoredObject | None) -> dict[str, bytes]:
    """Return the blocks that a blob consists of."""
    found: dict[str, bytes] = {}
    position = 0
    if existing is not None:
        for name, size in existing.attributes.blocks:
            found[name] = existing.content[position : position + size]
            position += size
    return found


def get_block_list(call: Call) -> Response:
    """Answer Get Block List."""
    existing, upload = call.existing, call.container.uploads.get(call.blob)
    if existing is None and upload is None:
        raise AzureError("BlobNotFound")
    _check_blocks(existing)
    wanted = call.query.get("blocklisttype", "committed").lower()
    committed = [] if existing is None else existing.attributes.blocks
    parts = {} if upload is None else upload.parts
    uncommitted = [(name, len(parts[name].content)) for name in sorted(parts)]
    lists = [
        element(f"{kind}Blocks", *(
            element("Block", element("Name", name), element("Size", size)) for name, size in blocks
        ))
        for kind, blocks in (("Committed", committed), ("Uncommitted", uncommitted))
        if wanted in (kind.lower(), "all")
    ]  # fmt: skip
    headers: dict[str, str] = {}
    if existing is not None:
        headers = version_headers(existing.etag, existing.modified)
        headers["x-ms-blob-content-length"] = str(len(existing.content))
    return xml_response(element("BlockList", *lists), headers=headers)


def append_block(call: Call) -> Response:
    """Answer Append Block."""
    return _append(call, call.content, call.headers.get("content-md5"))


def append_block_from_url(call: Call) -> Response:
    """Answer Append Block From URL."""
    return _append(call, _source_content(call), call.headers.get("x-ms-source-content-md5"))


def _append(call: Call, content: bytes, digest: str | None) -> Response:
    stored = call.change()
    if stored.attributes.headers["x-ms-blob-type"] != "AppendBlob":
        raise AzureError("InvalidBlobType")
    position = len(stored.content)
    limit = call.headers.get("x-ms-blob-condition-maxsize")
    if limit is not None and position + len(content) > int(limit):
        raise AzureError("MaxBlobSizeConditionNotMet")
    if call.headers.get("x-ms-blob-condition-appendpos", str(position)) != str(position):
        raise AzureError("AppendPositionConditionNotMet")
    if not content:
        raise AzureError("InvalidHeaderValue", HeaderName="Content-Length", HeaderValue=0)
    blocks = (*stored.attributes.blocks, ("", len(content)))
    if len(blocks) > MAX_BLOCKS:
        raise AzureError("BlockCountExceedsLimit")
    attributes = replace(stored.attributes, blocks=blocks)
    changed = replace(
        stored,
        content=stored.content + content,
        attributes=attributes,
        etag=new_etag(),
        modified=time.time(),
    )
    call.container.objects.put(call.blob, changed)
    headers = {
        "x-ms-blob-append-offset": str(position),
        "x-ms-blob-committed-block-count": str(len(blocks)),
        **({"content-md5": digest} if digest else {}),
    }
    return _written(changed, 201, headers)


# Copies.


def _source(call: Call) -> StoredObject:
    """Return the blob that a request copies from, in an account in memory."""
    url = call.headers["x-ms-copy-source"]
    address = address_of(url)
    if not address.blob:
        raise AzureError("InvalidHeaderValue", HeaderName="x-ms-copy-source", HeaderValue=url)
    request = Request("GET", url, {"x-ms-version": call.headers.get("x-ms-version", "")})
    source = replace(call, request=request, address=address)
    if address.bucket not in call.buckets:
        raise unsupported(f"a copy from {url.partition('?')[0]}")
    if "sig" in source.query or address.account != call.address.account:
        try:
            check_access(source, Needed("blob", "r", "r"))
        except AzureError as error:
            raise AzureError("CannotVerifyCopySource", status=error.status) from None
    if "snapshot" in source.query or "versionid" in source.query:
        raise unsupported("a copy of a snapshot or a version")
    stored = source.existing
    if stored is None:
        raise AzureError("CannotVerifyCopySource" if "sig" in source.query else "BlobNotFound")
    conditions = Conditions(call.headers, "x-ms-source-", code="SourceConditionNotMet")
    conditions.check_write(stored)
    return stored


def _check_target(call: Call, existing: StoredObject | None) -> None:
    """Raise unless a copy may be written."""
    conditions = Conditions(call.headers, code="TargetConditionNotMet")
    conditions.check_write(existing, creates=True)


def _source_content(call: Call) -> bytes:
    """Return the content that a request copies from a URL, or a range of it."""
    content = _source(call).content
    header = call.headers.get("x-ms-source-range")
    if header is not None:
        try:
            part = range_of(header, len(content))
        except ValueError:
            raise AzureError("InvalidRange") from None
        content = content[part] if part is not None else content
    verify_md5(call.headers.get("x-ms-source-content-md5"), content)
    return content


def copy_blob(call: Call) -> Response:
    """Answer Copy Blob and Copy Blob From URL; the copy is complete at once."""
    existing = call.existing
    source = _source(call)
    _check_target(call, existing)
    if source.attributes.headers.get("x-ms-access-tier") == "Archive":
        raise AzureError("BlobArchived")
    identifier = str(uuid.uuid4())
    kept = {
        name: value
        for name, value in source.attributes.headers.items()
        if not name.startswith("x-ms-") or name in ("x-ms-blob-type", "x-ms-access-tier")
    }
    size = len(source.content)
    copied = {
        f"{_COPY}id": identifier,
        f"{_COPY}source": call.headers["x-ms-copy-source"].partition("?")[0],
        f"{_COPY}status": "success",
        f"{_COPY}completion-time": http_date(time.time()),
        f"{_COPY}progress": f"{size}/{size}",
    }
    tags = sent_tags(call.headers)
    if call.headers.get("x-ms-copy-source-tag-option", "").upper() == "COPY":
        tags = source.attributes.tags
    attributes = Attributes(
        {**kept, **_sent_tier(call), **copied},
        call.metadata() or source.attributes.metadata,
        tags,
        blocks=source.attributes.blocks,
    )
    stored = store(call, source.content, attributes)
    headers = {name: copied[name] for name in (f"{_COPY}id", f"{_COPY}status")}
    return Response(202, {**version_headers(stored.etag, stored.modified), **headers})


def put_blob_from_url(call: Call) -> Response:
    """Answer Put Blob From URL, for block blobs."""
    source = _source(call)
    if _kind_of(call) != "BlockBlob":
        raise AzureError("InvalidHeaderValue", HeaderName="x-ms-blob-type")
    _check_target(call, call.existing)
    verify_md5(call.headers.get("x-ms-source-content-md5"), source.content)
    attributes = _sent_attributes(call, "BlockBlob")
    headers = dict(attributes.headers)
    if call.headers.get("x-ms-copy-source-blob-properties", "true").lower() == "true":
        headers |= {
            name: value
            for name, value in source.attributes.headers.items()
            if name in CONTENT_HEADERS.values()
        } | _sent_headers(call)
    headers["content-md5"] = md5_of(etag_of(source.content))
    tags = attributes.tags
    if call.headers.get("x-ms-copy-source-tag-option", "").upper() == "COPY":
        tags = source.attributes.tags
    stored = store(call, source.content, replace(attributes, headers=headers, tags=tags))
    return _written(stored, 201, {"content-md5": headers["content-md5"]})


# Listings.


def properties_of(stored: StoredObject) -> dict[str, object]:
    """Return the properties of a blob as "List Blobs" names them, in order."""
    headers, tier = stored.attributes.headers, _tier_of(stored)
    return {
        "Creation-Time": http_date(stored.created),
        "Last-Modified": http_date(stored.modified),
        "Etag": stored.etag,
        "Content-Length": len(stored.content),
        "Content-Type": headers.get("content-type", ""),
        "Content-Encoding": headers.get("content-encoding", ""),
        "Content-Language": headers.get("content-language", ""),
        "Content-MD5": headers.get("content-md5", ""),
        "Cache-Control": headers.get("cache-control", ""),
        "Content-Disposition": headers.get("content-disposition", ""),
        "BlobType": headers["x-ms-blob-type"],
        "AccessTier": tier.get("x-ms-access-tier"),
        "AccessTierInferred": tier.get("x-ms-access-tier-inferred"),
        "AccessTierChangeTime": tier.get(_CHANGED),
        "LeaseStatus": "unlocked",
        "LeaseState": "available",
        "ServerEncrypted": "true",
        "TagCount": len(stored.attributes.tags) or None,
    }


def copy_properties_of(stored: StoredObject) -> dict[str, object]:
    """Return the properties of the last copy, as ``include=copy`` lists them."""
    headers = stored.attributes.headers
    names = ("Id", "Source", "Status", "Progress")
    found: dict[str, object] = {f"Copy{name}": headers.get(_COPY + name.lower()) for name in names}
    return {**found, "CopyCompletionTime": headers.get(f"{_COPY}completion-time")}
