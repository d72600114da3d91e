"""
Azure's Blob service: its REST API, from HTTP requests to HTTP responses, over buckets in memory.

A container is a bucket, whose name begins with the account: ``"account/container"``. A
request that is not answered here raises `UnsupportedRequest`. Pages that are cited are those of the
Azure Storage REST API reference.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..tree.journal import lock
from . import azure_blobs as blobs
from .azure_access import PARAMETERS, Needed, check_access, get_delegation_key
from .azure_call import (
    META,
    AzureError,
    Call,
    Conditions,
    address_of,
    new_etag,
    unsupported,
    version_headers,
)
from .bucket import Attributes, Bucket, Buckets, StoredObject
from .http import Request, Response, boundary_of, http_date, parse_fields
from .service import Service, Target
from .xml import Markup, element, xml_response

MAX_RESULTS = 5000
MAX_POLICIES = 5
MAX_BATCH = 256
_NOT_XML = re.compile("[\ufffe\uffff]")


# Accounts.


def list_containers(call: Call) -> Response:
    """Answer List Containers."""
    prefix, account = call.query.get("prefix", ""), call.address.account
    limit, after = _limit(call), _decode(call.query.get("marker", ""))
    start = f"{account}/{prefix}"
    names = [
        name.partition("/")[2]
        for name, _ in call.buckets.items()
        if name.startswith(start) and name.partition("/")[2] > after
    ]
    shown = names[:limit]
    included = _included(call)
    containers = [
        _container_entry(name, call.buckets[f"{account}/{name}"], included) for name in shown
    ]
    return _enumeration(
        call, {}, ("Prefix", "Marker", "MaxResults"), element("Containers", *containers),
        shown[-1] if len(shown) < len(names) else "",
    )  # fmt: skip


def _container_entry(name: str, container: Bucket, included: set[str]) -> Markup:
    etag, modified = _state_of(container)
    access = container.properties.get("access")
    metadata = container.properties.get("metadata") or {}
    return element(
        "Container",
        element("Name", name),
        element(
            "Properties",
            element("Last-Modified", http_date(modified)),
            element("Etag", f'"{etag}"'),
            element("LeaseStatus", "unlocked"),
            element("LeaseState", "available"),
            element("PublicAccess", access) if access else None,
            element("HasImmutabilityPolicy", False),
            element("HasLegalHold", False),
        ),
        _metadata_element(metadata) if "metadata" in included else None,
    )


def get_account(call: Call) -> Response:
    """Answer Get Account Information."""
    assert call.address.account
    headers = {"x-ms-sku-name": "Standard_LRS", "x-ms-account-kind": "StorageV2"}
    return Response(200, {**headers, "x-ms-is-hns-enabled": "false"})


# Containers.


def create_container(call: Call) -> Response:
    """Answer Create Container."""
    if call.address.bucket in call.buckets:
        raise AzureError("ContainerAlreadyExists")
    access, metadata = _sent_access(call), call.metadata()
    container = call.buckets.create(call.address.bucket)
    container.properties.put("access", access)
    container.properties.put("metadata", metadata)
    return Response(201, version_headers(*_touch(container)))


def _sent_access(call: Call) -> str:
    access = call.headers.get("x-ms-blob-public-access", "")
    if access not in ("", "container", "blob"):
        raise AzureError("InvalidHeaderValue", HeaderName="x-ms-blob-public-access")
    return access


def _state_of(container: Bucket) -> tuple[str, float]:
    """Return the ETag of a container, and when its properties were changed."""
    state: tuple[str, float] | None = container.properties.get("state")
    return state or (f"0x{int(container.created * 1e6):015X}", container.created)


def _touch(container: Bucket) -> tuple[str, float]:
    """Give a container a new ETag and moment, and return them."""
    state = new_etag(), time.time()
    container.properties.put("state", state)
    return state


def get_container(call: Call) -> Response:
    """Answer Get Container Properties, and Get Container Metadata."""
    container = call.container
    metadata: Mapping[str, str] = container.properties.get("metadata") or {}
    headers = version_headers(*_state_of(container))
    headers |= {f"{META}{name}": value for name, value in metadata.items()}
    if call.query.get("comp") == "metadata":
        return Response(200, headers)
    return Response(
        200,
        {
            **headers,
            **_access_headers(container),
            "x-ms-lease-status": "unlocked",
            "x-ms-lease-state": "available",
            "x-ms-has-immutability-policy": "false",
            "x-ms-has-legal-hold": "false",
        },
    )


def _access_headers(container: Bucket) -> dict[str, str]:
    access = container.properties.get("access")
    return {"x-ms-blob-public-access": access} if access else {}


def set_container_metadata(call: Call) -> Response:
    """Answer Set Container Metadata."""
    container = call.container
    _check_container(call, container)
    container.properties.put("metadata", call.metadata())
    return Response(200, version_headers(*_touch(container)))


def _check_container(call: Call, container: Bucket) -> None:
    """Raise unless a container meets the conditions for a change."""
    etag, modified = _state_of(container)
    state = StoredObject(b"", Attributes(), etag, modified)
    Conditions(call.headers).check_write(state)


def delete_container(call: Call) -> Response:
    """Answer Delete Container, with its blobs."""
    _check_container(call, call.container)
    call.buckets.remove(call.address.bucket)
    return Response(202)


_POLICY = {"st": "Start", "se": "Expiry", "sp": "Permission"}


def get_container_acl(call: Call) -> Response:
    """Answer Get Container ACL: the stored access policies."""
    container = call.container
    policies: Mapping[str, Mapping[str, str]] = container.properties.get("policies") or {}
    shown = [
        element(
            "SignedIdentifier",
            element("Id", name),
            element("AccessPolicy", *(
                element(_POLICY[key], value) for key, value in policy.items()
            )),
        )
        for name, policy in policies.items()
    ]  # fmt: skip
    headers = {**version_headers(*_state_of(container)), **_access_headers(container)}
    return xml_response(element("SignedIdentifiers", *shown), headers=headers)


def set_container_acl(call: Call) -> Response:
    """Answer Set Container ACL."""
    container, access = call.container, _sent_access(call)
    _check_container(call, container)
    found = call.xml().findall("SignedIdentifier") if call.request.body else []
    if len(found) > MAX_POLICIES:
        raise AzureError("InvalidInput")
    policies = {
        each.findtext("Id", ""): {
            key: each.findtext(f"AccessPolicy/{name}", "")
            for key, name in _POLICY.items()
            if each.find(f"AccessPolicy/{name}") is not None
        }
        for each in found
    }
    container.properties.put("access", access)
    container.properties.put("policies", policies)
    return Response(200, version_headers(*_touch(container)))


# Listings.


def list_blobs(call: Call) -> Response:
    """Answer List Blobs."""
    query, included = call.query, _included(call)
    refused = included & {"snapshots", "versions", "deletedwithversions", "immutabilitypolicy"}
    if refused or "showonly" in query:
        raise unsupported("List Blobs of snapshots, versions or deleted blobs")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = _decode(query.get("marker", ""))
    page = call.container.list(prefix, delimiter, after, _limit(call))
    entries = [(key, _blob_entry(key, stored, included)) for key, stored in page.objects]
    entries += [(each, element("BlobPrefix", _name(each))) for each in page.prefixes]
    shown = element("Blobs", *(entry for _, entry in sorted(entries)))
    named = {"ContainerName": call.address.container}
    return _enumeration(
        call, named, ("Prefix", "Marker", "MaxResults", "Delimiter"), shown, page.end
    )


def _blob_entry(name: str, stored: StoredObject, included: set[str]) -> Markup:
    properties = blobs.properties_of(stored)
    if "copy" in included:
        properties |= blobs.copy_properties_of(stored)
    attributes = stored.attributes
    return element(
        "Blob",
        _name(name),
        element(
            "Properties",
            *(element(key, value) for key, value in properties.items() if value is not None),
        ),
        _metadata_element(attributes.metadata) if "metadata" in included else None,
        blobs.tags_element(attributes.tags) if "tags" in included and attributes.tags else None,
    )


def _name(name: str) -> Markup:
    """Return the element of a name; one that XML cannot have is encoded as in a URL."""
    if _NOT_XML.search(name):
        return element("Name", quote(name), Encoded="true")
    return element("Name", name)


def _metadata_element(metadata: Mapping[str, str]) -> Markup:
    return element("Metadata", *(element(name, value) for name, value in metadata.items()))


def _included(call: Call) -> set[str]:
    return {each for each in call.query.get("include", "").lower().split(",") if each}


def _limit(call: Call) -> int:
    text = call.query.get("maxresults", str(MAX_RESULTS))
    if not text.lstrip("-").isdecimal():
        raise AzureError("InvalidQueryParameterValue", QueryParameterName="maxresults")
    if int(text) < 1:
        raise AzureError("OutOfRangeQueryParameterValue", QueryParameterName="maxresults")
    return min(int(text), MAX_RESULTS)


def _enumeration(
    call: Call, attributes: dict[str, str], shown: tuple[str, ...], entries: Markup, end: str
) -> Response:
    """Return a page of a listing, with the parameters that asked for it."""
    base = f"{urlsplit(call.request.url).scheme}://{call.request.host}/"
    sent = [element(name, call.query[name.lower()]) for name in shown if name.lower() in call.query]
    return xml_response(
        element(
            "EnumerationResults", *sent, entries, element("NextMarker", _encode(end)),
            ServiceEndpoint=base, **attributes,
        )
    )  # fmt: skip


def _encode(end: str) -> str:
    return base64.urlsafe_b64encode(end.encode()).decode()


def _decode(marker: str) -> str:
    try:
        return base64.urlsafe_b64decode(marker).decode()
    except ValueError:
        raise AzureError("InvalidQueryParameterValue", QueryParameterName="marker") from None


# Batches.


def submit_batch(call: Call) -> Response:
    """Answer Blob Batch: delete blobs, or set their tiers."""
    parts = _parts_of(call)
    answered = []
    for headers, request in parts:
        address = address_of(request.url)
        inner = replace(call, request=request, address=address)
        try:
            if _kind_of(inner).name not in ("DeleteBlob", "SetBlobTier"):
                raise AzureError("InvalidInput")
            response = _respond(inner)
        except AzureError as error:
            response = error.response()
        answered.append((headers.get("content-id", ""), response))
    boundary = f"batchresponse_{new_etag()}"
    body = b"".join(
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: {identifier}\r\n\r\n"
        .encode() + _message(response) + b"\r\n"
        for identifier, response in answered
    )  # fmt: skip
    headers = {"content-type": f"multipart/mixed; boundary={boundary}"}
    return Response(202, headers, body + f"--{boundary}--\r\n".encode())


def _parts_of(call: Call) -> list[tuple[dict[str, str], Request]]:
    """Return the requests of a batch, each with the headers of its part."""
    try:
        boundary = boundary_of(call.headers.get("content-type", ""))
    except ValueError:
        raise AzureError("InvalidHeaderValue", HeaderName="Content-Type") from None
    origin = f"{urlsplit(call.request.url).scheme}://{call.request.host}"
    found = (b"\r\n" + call.content).split(f"\r\n--{boundary}".encode())[1:-1]
    if not 1 <= len(found) <= MAX_BATCH:
        raise AzureError("InvalidInput")
    parts = []
    for each in found:
        outer, _, message = each.strip().partition(b"\r\n\r\n")
        head, _, body = message.partition(b"\r\n\r\n")
        line, _, fields = head.decode().partition("\r\n")
        method, _, rest = line.partition(" ")
        url = origin + rest.rpartition(" ")[0].removesuffix("?")
        request = Request(method, url, parse_fields(fields.split("\r\n")), body)
        parts.append((parse_fields(outer.decode().split("\r\n")), request))
    return parts


def _message(response: Response) -> bytes:
    status = HTTPStatus(response.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + response.body


# Requests by method, by the level that they are for, and by the parameters that mark them.


class Kind(NamedTuple):
    """
    A kind of request.

    :param permissions: those of a shared access signature, one of which is needed.
    :param parameters: those that the query may have.
    """

    name: str
    handle: Callable[[Call], Response]
    permissions: str
    parameters: frozenset[str] = frozenset()


def _kind(
    name: str, handle: Callable[[Call], Response], permissions: str, *parameters: str
) -> Kind:
    return Kind(name, handle, permissions, frozenset(parameters))


_LISTED = ("prefix", "marker", "maxresults", "include")
_KINDS = {
    ("GET", "service", "list"): _kind("ListContainers", list_containers, "l", *_LISTED),
    ("GET", "service", "account properties"): _kind("GetAccountInformation", get_account, "r"),
    ("POST", "service", "service userdelegationkey"): _kind(
        "GetUserDelegationKey", get_delegation_key, ""),
    ("POST", "service", "batch"): _kind("BlobBatch", submit_batch, "dw"),
    ("PUT", "container", ""): _kind("CreateContainer", create_container, "cw"),
    ("GET", "container", ""): _kind("GetContainerProperties", get_container, "r"),
    ("HEAD", "container", ""): _kind("GetContainerProperties", get_container, "r"),
    ("DELETE", "container", ""): _kind("DeleteContainer", delete_container, "d"),
    ("GET", "container", "metadata"): _kind("GetContainerMetadata", get_container, "r"),
    ("HEAD", "container", "metadata"): _kind("GetContainerMetadata", get_container, "r"),
    ("PUT", "container", "metadata"): _kind("SetContainerMetadata", set_container_metadata, "w"),
    ("GET", "container", "acl"): _kind("GetContainerACL", get_container_acl, ""),
    ("HEAD", "container", "acl"): _kind("GetContainerACL", get_container_acl, ""),
    ("PUT", "container", "acl"): _kind("SetContainerACL", set_container_acl, ""),
    ("GET", "container", "list"): _kind(
        "ListBlobs", list_blobs, "l", *_LISTED, "delimiter", "showonly"),
    ("POST", "container", "batch"): _kind("BlobBatch", submit_batch, "dw"),
    ("GET", "container", "account properties"): _kind("GetAccountInformation", get_account, "r"),
    ("GET", "blob", "account properties"): _kind("GetAccountInformation", get_account, "r"),
    ("PUT", "blob", ""): _kind("PutBlob", blobs.put_blob, "cw"),
    ("PUT", "blob", "from-url"): _kind("PutBlobFromURL", blobs.put_blob_from_url, "cw"),
    ("PUT", "blob", "copy"): _kind("CopyBlob", blobs.copy_blob, "cw"),
    ("PUT", "blob", "copy-sync"): _kind("CopyBlobFromURL", blobs.copy_blob, "cw"),
    ("GET", "blob", ""): _kind("GetBlob", blobs.get_blob, "r"),
    ("HEAD", "blob", ""): _kind("GetBlobProperties", blobs.get_blob, "r"),
    ("DELETE", "blob", ""): _kind("DeleteBlob", blobs.delete_blob, "d"),
    ("PUT", "blob", "properties"): _kind("SetBlobProperties", blobs.set_properties, "w"),
    ("GET", "blob", "metadata"): _kind("GetBlobMetadata", blobs.get_metadata, "r"),
    ("HEAD", "blob", "metadata"): _kind("GetBlobMetadata", blobs.get_metadata, "r"),
    ("PUT", "blob", "metadata"): _kind("SetBlobMetadata", blobs.set_metadata, "w"),
    ("GET", "blob", "tags"): _kind("GetBlobTags", blobs.get_tags, "t"),
    ("PUT", "blob", "tags"): _kind("SetBlobTags", blobs.set_tags, "t"),
    ("PUT", "blob", "tier"): _kind("SetBlobTier", blobs.set_tier, "w"),
    ("PUT", "blob", "block"): _kind("PutBlock", blobs.put_block, "cw", "blockid"),
    ("PUT", "blob", "block copy"): _kind(
        "PutBlockFromURL", blobs.put_block_from_url, "cw", "blockid"),
    ("PUT", "blob", "blocklist"): _kind("PutBlockList", blobs.put_block_list, "cw"),
    ("GET", "blob", "blocklist"): _kind(
        "GetBlockList", blobs.get_block_list, "r", "blocklisttype"),
    ("PUT", "blob", "appendblock"): _kind("AppendBlock", blobs.append_block, "aw"),
    ("PUT", "blob", "appendblock copy"): _kind(
        "AppendBlockFromURL", blobs.append_block_from_url, "aw"),
}  # fmt: skip
# "Create a service SAS": requests for a container itself that a SAS for it may allow.
_DELEGATED = ("ListBlobs", "BlobBatch")
_ANYWHERE = PARAMETERS | {"restype", "comp", "timeout"}


def _level_of(call: Call) -> str:
    address = call.address
    if address.blob:
        return "blob"
    is_root = address.container and call.query.get("restype") not in ("container", "account")
    if is_root:
        raise unsupported(f"{call.request.method} {call.request.url}, of the root container")
    return "container" if address.container else "service"


def _kind_of(call: Call) -> Kind:
    """Return the kind of a request; raise `UnsupportedRequest` if it is not answered."""
    level, query = _level_of(call), call.query
    marks = [query.get("comp", "")]
    if query.get("restype") in ("account", "service"):
        marks.insert(0, query["restype"])
    if level == "blob" and "x-ms-copy-source" in call.headers:
        marks.append(_copy_mark(call, query.get("comp", "")))
    method = call.request.method
    kind = _KINDS.get((method, level, " ".join(filter(None, marks))))
    if kind is None:
        raise unsupported(f"{method} {_shown(call)}")
    for name in query:
        if name.lower() not in kind.parameters | _ANYWHERE:
            raise unsupported(f"{method} {_shown(call)}, for its parameter {name}")
    return kind


def _copy_mark(call: Call, comp: str) -> str:
    """Return what marks a request that copies: Copy Blob, or one of those "from URL"."""
    if comp:
        return "copy"
    if "x-ms-blob-type" in call.headers:
        return "from-url"
    return "copy-sync" if call.headers.get("x-ms-requires-sync", "") == "true" else "copy"


def _shown(call: Call) -> str:
    """Return the URL of a request without its signature."""
    return re.sub(r"([?&]sig=)[^&]*", r"\1…", call.request.url)


def _respond(call: Call) -> Response:
    """Return the response to a request; raise `AzureError` for one that is refused."""
    kind, level = _kind_of(call), _level_of(call)
    call.refuse_unsupported(kind.name)
    delegated = kind.permissions if level == "blob" or kind.name in _DELEGATED else ""
    check_access(call, Needed(level, kind.permissions, delegated))
    call.check_names()
    return kind.handle(call)


Keys = Callable[[str], "str | None"]


def answer(
    buckets: Buckets, request: Request, endpoint: str = "", *, key_of: Keys | None = None
) -> Response:
    """
    Answer a request to the Blob service.

    :param endpoint: is not read: a URL names its account whatever the service's URL is.
    :param key_of: returns the key of an account, if it is known.

    Raises `UnsupportedRequest` for a request that is not answered.
    """
    with lock:
        call = _call(buckets, request, key_of)
        try:
            response = _respond(call)
        except AzureError as error:
            response = error.response()
    headers = {
        "server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
        "x-ms-request-id": "00000000-0000-0000-0000-000000000000",
        "x-ms-version": request.headers.get("x-ms-version", ""),
        "date": http_date(time.time()),
        **response.headers,
    }
    identifier = request.headers.get("x-ms-client-request-id")
    if identifier is not None:
        headers["x-ms-client-request-id"] = identifier
    if request.method == "HEAD":
        return Response(response.status, headers)
    headers.setdefault("content-length", str(len(response.body)))
    return replace(response, headers=headers)


def identify(buckets: Buckets, request: Request, endpoint: str = "") -> Target:
    """Return what a request is for, as `answer` reads it."""
    call = _call(buckets, request, None)
    return Target(_kind_of(call).name, call.address.bucket, call.blob)


def refuse(status: int) -> Response:
    """Return the error that the Blob service sends with a status."""
    return replace(AzureError(_CODES.get(status, "InternalError")).response(), status=status)


_CODES = {403: "AuthenticationFailed", 404: "BlobNotFound", 503: "ServerBusy"}


def _call(buckets: Buckets, request: Request, key_of: Keys | None) -> Call:
    return Call(buckets, request, address_of(request.url), key_of or _unknown_key)


def _unknown_key(account: str) -> None:
    return None


SERVICE = Service("azure", identify, answer, refuse)
