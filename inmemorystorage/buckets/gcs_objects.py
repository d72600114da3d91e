"""Objects of Google Cloud Storage: insert, get, change, delete, copy and compose them."""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .bucket import Attributes, StoredObject, etag_of
from .checksums import crc32c
from .gcs_call import (
    COMPONENTS,
    FIELDS,
    Call,
    GcsError,
    Grants,
    Json,
    acl_resource,
    check_name,
    checksums,
    grants_of,
    json_response,
    object_resource,
    predefined,
    unsupported,
)
from .gcs_call import etag_of as resource_etag
from .http import Response, http_date, part_response, range_of

MAX_SOURCES = 32  # "Composite objects"
_CLASS = "x-goog-storage-class"
# Fields that buckets in memory do not enforce.
_UNSUPPORTED = ("contexts", "eventBasedHold", "kmsKeyName", "retention", "temporaryHold")


def described(call: Call, key: str, stored: StoredObject, *, is_full: bool = False) -> Response:
    """Return the response with the resource of an object in the request's bucket."""
    is_full = is_full or call.is_full
    return json_response(object_resource(call, call.bucket_name, key, stored, is_full=is_full))


def get_object(call: Call) -> Response:
    """Answer objects.get without ``alt=media``."""
    stored = call.stored
    call.check(stored)
    return described(call, call.key, stored)


def get_media(call: Call) -> Response:
    """
    Answer objects.get with ``alt=media``: the content, or a range of it.

    Its errors are plain text.
    """
    try:
        stored = call.stored
        call.check(stored)
        return content_response(call, stored)
    except GcsError as error:
        if error.status == 304:
            raise
        headers = {"content-type": "text/html; charset=UTF-8"}
        return Response(error.status, headers, error.message.encode())


def content_response(call: Call, stored: StoredObject) -> Response:
    """
    Return the response with the content of an object, or a range of it.

    "Transcoding of gzip-compressed files": a client that does not accept gzip gets the content
    decompressed, and as a whole.
    """
    headers = content_headers(stored)
    if (
        headers.get("content-encoding") == "gzip"
        and "no-transform" not in headers.get("cache-control", "")
        and "gzip" not in call.headers.get("accept-encoding", "")
    ):
        return _decompressed(stored.content, headers)
    try:
        part = range_of(call.headers.get("range", ""), len(stored.content))
    except ValueError:
        raise GcsError(416) from None
    return part_response(stored.content, part, headers)


def content_headers(stored: StoredObject) -> dict[str, str]:
    """Return the headers of a content: "HTTP headers and query string parameters for XML API"."""
    attributes, sums = stored.attributes, checksums(stored)
    metadata = {f"x-goog-meta-{name}": value for name, value in attributes.metadata.items()}
    return {
        "etag": resource_etag(stored),
        "last-modified": http_date(stored.modified),
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",  # "Objects", "contentType": the default
        "x-goog-generation": str(stored.generation),
        "x-goog-metageneration": str(stored.metageneration),
        "x-goog-hash": ",".join(f"{name}={value}" for name, value in sums.items()),
        _CLASS: "STANDARD",
        "x-goog-stored-content-encoding": attributes.headers.get("content-encoding", "identity"),
        "x-goog-stored-content-length": str(len(stored.content)),
        **attributes.headers,
        **metadata,
    }


def _decompressed(content: bytes, headers: dict[str, str]) -> Response:
    try:
        body = gzip.decompress(content)
    except (OSError, EOFError):
        body = content
    del headers["content-encoding"], headers["accept-ranges"]
    headers["warning"] = "214 UploadServer gunzipped"
    return Response(200, headers, body)


# Attributes.


def attributes_of(document: Json, query: Mapping[str, str]) -> Attributes:
    """Return the attributes that a resource gives to an object."""
    for name in _UNSUPPORTED:
        if document.get(name):
            raise unsupported(f"an object with {name}")
    headers = {header: str(document[name]) for name, header in FIELDS.items() if document.get(name)}
    if "contentEncoding" in query:
        headers["content-encoding"] = query["contentEncoding"]
    if headers.get(_CLASS) == "STANDARD":
        del headers[_CLASS]
    metadata = document.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise GcsError(400, "Invalid value for: metadata")
    kept = {name: str(value) for name, value in metadata.items() if value is not None}
    return Attributes(headers, kept, acl=sent_grants(document, query) or ())


def sent_grants(document: Json, query: Mapping[str, str]) -> Grants | None:
    """Return the grants that a request sets, or ``None`` if it sets none."""
    named = query.get("predefinedAcl") or query.get("destinationPredefinedAcl")
    if named:
        return predefined(named)
    entries = document.get("acl")
    return tuple(map(grant, entries)) if entries else None


def grant(entry: Json) -> tuple[str, str]:
    """Return the entity and the role of an entry of an ACL."""
    entity, role = entry.get("entity"), entry.get("role")
    if not entity or role not in ("OWNER", "READER"):
        raise GcsError(400, "Required" if not entity else f"Invalid value for role: {role}")
    return entity, role


def store(call: Call, key: str, document: Json, content: bytes) -> StoredObject:
    """Store an object in the request's bucket, with the attributes of a resource."""
    attributes = attributes_of(document, call.query)
    return call.bucket.store(key, content, attributes, **verified(document, content))


def verified(document: Json, content: bytes) -> dict[str, Any]:
    """Return the checksums of a content; raise if a resource has others."""
    etag, sum_ = etag_of(content), crc32c(content)
    computed = checksums(StoredObject(content, Attributes(), etag, 0, {"crc32c": sum_}))
    for name, field in (("md5", "md5Hash"), ("crc32c", "crc32c")):
        sent = document.get(field)
        if sent and sent != computed[name]:
            what = name.upper() if name == "md5" else "CRC32C"
            raise GcsError(
                400,
                f'Provided {what} hash "{sent}" doesn\'t match calculated {what} hash '
                f'"{computed[name]}".',
            )
    return {"etag": etag, "checksums": {"crc32c": sum_}}


def patch_object(call: Call) -> Response:
    """Answer objects.patch: ``null`` removes a field, or a value of the metadata."""
    stored = call.stored
    call.check(stored)
    before = {
        name: stored.attributes.headers[header]
        for name, header in FIELDS.items()
        if header in stored.attributes.headers
    }
    document = {**before, **call.document}
    sent = call.document.get("metadata", {})
    if isinstance(sent, dict):
        sent = {**stored.attributes.metadata, **sent}
    document["metadata"] = sent
    return _change(call, stored, document)


def update_object(call: Call) -> Response:
    """Answer objects.update: fields that the request does not name are removed."""
    stored = call.stored
    call.check(stored)
    return _change(call, stored, call.document)


def _change(call: Call, stored: StoredObject, document: Json) -> Response:
    attributes = attributes_of(document, {})
    if COMPONENTS in stored.attributes.headers:
        count = {COMPONENTS: stored.attributes.headers[COMPONENTS]}
        attributes = replace(attributes, headers={**attributes.headers, **count})
    grants = sent_grants(call.document, call.query) or stored.attributes.acl
    changed = _changed(call, stored, replace(attributes, acl=grants))
    # "Objects: patch", "Objects: update": the projection is full by default.
    return described(call, call.key, changed, is_full=call.query.get("projection") != "noAcl")


def _changed(call: Call, stored: StoredObject, attributes: Attributes) -> StoredObject:
    changed = replace(
        stored,
        attributes=attributes,
        modified=time.time(),
        metageneration=stored.metageneration + 1,
    )
    call.bucket.objects.put(call.key, changed)
    return changed


def delete_object(call: Call) -> Response:
    """Answer objects.delete."""
    call.check(call.stored)
    call.bucket.objects.remove(call.key)
    return Response(204)


# Copies.


def _copied(call: Call) -> tuple[str, str, StoredObject]:
    """Copy an object; return the bucket, the name and the object."""
    source_bucket, source_key, name, key = call.names
    source = call.stored_at(source_bucket, source_key, call.query.get("sourceGeneration"))
    call.check(source, source=True)
    bucket = call.bucket_named(name)
    check_name(key)
    call.check(bucket.objects.get(key))
    attributes = replace(source.attributes, acl=())
    if call.document:
        # "objects.rewrite": the metadata of the source is copied if the request has none.
        attributes = _overridden(attributes, attributes_of(call.document, call.query))
    grants = sent_grants(call.document, call.query) or ()
    etag, sums = source.etag, source.checksums
    attributes = replace(attributes, acl=grants)
    return name, key, bucket.store(key, source.content, attributes, etag=etag, checksums=sums)


def _overridden(source: Attributes, given: Attributes) -> Attributes:
    """
    Return the attributes of a copy that does not have those of its source.

    "Objects: rewrite": a composite object has one component in another storage class.
    """
    if COMPONENTS not in source.headers:
        return given
    is_moved = given.headers.get(_CLASS) != source.headers.get(_CLASS)
    count = "1" if is_moved else source.headers[COMPONENTS]
    return replace(given, headers={**given.headers, COMPONENTS: count})


def copy_object(call: Call) -> Response:
    """Answer objects.copy."""
    return json_response(object_resource(call, *_copied(call), is_full=call.is_full))


def rewrite_object(call: Call) -> Response:
    """Answer objects.rewrite, which is done at once."""
    if "rewriteToken" in call.query:
        raise GcsError(400, "Invalid rewrite token")
    bucket, key, stored = _copied(call)
    size = str(len(stored.content))
    return json_response(
        {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": size,
            "objectSize": size,
            "done": True,
            "resource": object_resource(call, bucket, key, stored, is_full=call.is_full),
        }
    )


def compose_object(call: Call) -> Response:
    """Answer objects.compose."""
    if call.document.get("deleteSourceObjects"):
        raise unsupported("objects.compose with deleteSourceObjects")
    wanted = call.document.get("sourceObjects") or []
    if not 1 <= len(wanted) <= MAX_SOURCES:
        raise GcsError(
            400,
            "You must provide at least one source component."
            if not wanted
            else f"The number of source components provided ({len(wanted)}) exceeds the maximum "
            f"({MAX_SOURCES})",
        )
    sources = [_component(call, each) for each in wanted]
    check_name(call.key)
    call.check(call.bucket.objects.get(call.key))
    content = b"".join(each.content for each in sources)
    count = sum(int(each.attributes.headers.get(COMPONENTS, "1")) for each in sources)
    attributes = attributes_of(call.document.get("destination") or {}, call.query)
    attributes = replace(attributes, headers={**attributes.headers, COMPONENTS: str(count)})
    etag = f"{etag_of(content)}-{count}"
    stored = call.bucket.store(call.key, content, attributes, etag=etag)
    return described(call, call.key, stored)


def _component(call: Call, wanted: Json) -> StoredObject:
    name, generation = wanted.get("name", ""), wanted.get("generation")
    stored = call.stored_at(call.bucket_name, name, None if generation is None else str(generation))
    conditions = wanted.get("objectPreconditions") or {}
    match = conditions.get("ifGenerationMatch")
    if match is not None and str(match) != str(stored.generation):
        raise GcsError(412)
    return stored


# Access.


def list_acl(call: Call) -> Response:
    """Answer objectAccessControls.list."""
    stored = call.stored
    items = [
        acl_resource(call, call.bucket_name, call.key, stored, *each) for each in grants_of(stored)
    ]
    return json_response({"kind": "storage#objectAccessControls", "items": items})


def get_acl(call: Call) -> Response:
    """Answer objectAccessControls.get."""
    return _entry(call, call.stored, call.names[2])


def _entry(call: Call, stored: StoredObject, entity: str) -> Response:
    roles = dict(grants_of(stored))
    if entity not in roles:
        raise GcsError(404)
    entry = acl_resource(call, call.bucket_name, call.key, stored, entity, roles[entity])
    return json_response(entry)


def insert_acl(call: Call) -> Response:
    """Answer objectAccessControls.insert."""
    return _granted(call, *grant(call.document))


def update_acl(call: Call) -> Response:
    """Answer objectAccessControls.patch and .update."""
    entity = call.names[2]
    if entity not in dict(grants_of(call.stored)):
        raise GcsError(404)
    return _granted(call, *grant({"entity": entity, **call.document}))


def _granted(call: Call, entity: str, role: str) -> Response:
    stored = call.stored
    grants = tuple({**dict(grants_of(stored)), entity: role}.items())
    changed = _changed(call, stored, replace(stored.attributes, acl=grants))
    return _entry(call, changed, entity)


def delete_acl(call: Call) -> Response:
    """Answer objectAccessControls.delete."""
    stored, entity = call.stored, call.names[2]
    roles = dict(grants_of(stored))
    if roles.pop(entity, None) is None:
        raise GcsError(404)
    _changed(call, stored, replace(stored.attributes, acl=tuple(roles.items())))
    return Response(204)
