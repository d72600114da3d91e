"""
The common parts of requests to Azure's Blob service: calls, names, conditions and errors.

Pages that are cited are those of the Azure Storage REST API reference.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

from ..exceptions import UnsupportedRequest
from .bucket import Attributes, Bucket, Buckets, StoredObject, etag_of
from .http import Request, Response, http_date
from .xml import element, parse_document, xml_response

# "Common REST API error codes" and "Azure Blob Storage error codes".
ERRORS = {
    "AccessTierNotSupportedForBlobType": (400, "The access tier is not supported for this blob "
                                          "type."),
    "AppendPositionConditionNotMet": (412, "The append position condition specified was not met."),
    "AuthenticationFailed": (403, "Server failed to authenticate the request. Make sure the value "
                             "of Authorization header is formed correctly including the "
                             "signature."),
    "AuthorizationPermissionMismatch": (403, "This request is not authorized to perform this "
                                        "operation using this permission."),
    "AuthorizationProtocolMismatch": (403, "This request is not authorized to perform this "
                                      "operation using this protocol."),
    "AuthorizationResourceTypeMismatch": (403, "This request is not authorized to perform this "
                                          "operation using this resource type."),
    "AuthorizationServiceMismatch": (403, "This request is not authorized to perform this "
                                     "operation using this service."),
    "BlobAlreadyExists": (409, "The specified blob already exists."),
    "BlobArchived": (409, "This operation is not permitted on an archived blob."),
    "BlobNotFound": (404, "The specified blob does not exist."),
    "BlockCountExceedsLimit": (409, "The committed block count cannot exceed the maximum limit of "
                               "50,000 blocks."),
    "BlockListTooLong": (400, "The block list may not contain more than 50,000 blocks."),
    "CannotVerifyCopySource": (404, "The specified resource does not exist."),
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not "
                        "met."),
    "ContainerAlreadyExists": (409, "The specified container already exists."),
    "ContainerNotFound": (404, "The specified container does not exist."),
    "DuplicateTagNames": (400, "The tags specified contain duplicate names."),
    "EmptyTagName": (400, "The name of one of the tag key-value pairs is empty."),
    "InternalError": (500, "The server encountered an internal error. Please retry the request."),
    "InvalidBlobOrBlock": (400, "The specified blob or block content is invalid."),
    "InvalidBlobType": (409, "The blob type is invalid for this operation."),
    "InvalidBlockId": (400, "The specified block ID is invalid. The block ID must be "
                       "Base64-encoded."),
    "InvalidBlockList": (400, "The specified block list is invalid."),
    "InvalidHeaderValue": (400, "The value for one of the HTTP headers is not in the correct "
                           "format."),
    "InvalidInput": (400, "One of the request inputs is not valid."),
    "InvalidMd5": (400, "The MD5 value specified in the request is invalid. MD5 value must be 128 "
                   "bits and base64-encoded."),
    "InvalidMetadata": (400, "The metadata specified is invalid. It has characters that are not "
                        "permitted."),
    "InvalidQueryParameterValue": (400, "Value for one of the query parameters specified in the "
                                   "request URI is invalid."),
    "InvalidRange": (416, "The range specified is invalid for the current size of the resource."),
    "InvalidResourceName": (400, "The specified resource name contains invalid characters."),
    "InvalidTag": (400, "The tags specified are invalid. It contains characters that are not "
                   "permitted."),
    "InvalidUri": (400, "The requested URI does not represent any resource on the server."),
    "InvalidXmlDocument": (400, "The specified XML is not syntactically valid."),
    "MaxBlobSizeConditionNotMet": (412, "The max blob size condition specified was not met."),
    "Md5Mismatch": (400, "The MD5 value specified in the request did not match with the MD5 value "
                    "calculated by the server."),
    "MissingRequiredHeader": (400, "An HTTP header that's mandatory for this request is not "
                              "specified."),
    "MultipleConditionHeadersNotSupported": (400, "Multiple condition headers are not supported."),
    "NoAuthenticationInformation": (401, "Server failed to authenticate the request. Please refer "
                                    "to the information in the www-authenticate header."),
    "OutOfRangeInput": (400, "One of the request inputs is out of range."),
    "OutOfRangeQueryParameterValue": (400, "One of the query parameters specified in the request "
                                      "URI is outside the permissible range."),
    "RequestBodyTooLarge": (413, "The request body is too large and exceeds the maximum "
                            "permissible limit."),
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "ServerBusy": (503, "The server is busy."),
    "SourceConditionNotMet": (412, "The source condition specified using HTTP conditional "
                              "header(s) is not met."),
    "TagsTooLarge": (400, "The tags specified exceed the maximum permissible limit."),
    "TargetConditionNotMet": (412, "The target condition specified using HTTP conditional "
                              "header(s) is not met."),
    "UnauthorizedBlobOverwrite": (403, "This request is not authorized to perform blob "
                                  "overwrites."),
    "UnsatisfiableCondition": (400, "The request includes an unsatisfiable condition for this "
                               "operation."),
}  # fmt: skip

# "Naming and Referencing Containers, Blobs, and Metadata".
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$(root|web|logs)")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ue000-\uf8ff]")
_METADATA_NAME = re.compile(r"[A-Za-z_]\w*")
MAX_NAME, MAX_SEGMENTS = 1024, 254
META = "x-ms-meta-"
# Headers of a request that describe the content, and those of a response that send what is stored.
CONTENT_HEADERS = {
    **{
        f"x-ms-blob-{name}": name
        for name in ("content-type", "content-encoding", "content-language", "content-disposition")
    },
    "x-ms-blob-cache-control": "cache-control",
    "x-ms-blob-content-md5": "content-md5",
}
# Headers that ask for what buckets in memory do not do.
_UNSUPPORTED = re.compile(
    r"x-ms-(lease-id|source-lease-id|encryption-|copy-source-encryption|if-tags|source-if-tags|"
    r"immutability-|legal-hold|expiry-|content-crc64|source-content-crc64|structured-|"
    r"blob-sequence|copy-source-authorization|default-encryption|deny-encryption|"
    r"file-request-intent|seal-blob|source-encryption).*"
)
_LOCAL = re.compile(r"[^.]+|[\d.]+|.*:.*|host\.docker\.internal")
_ACCOUNT = re.compile(r"(.+?)(-secondary)?(-ipv6|-dualstack)?(\.z\d+)?\.blob\..+")
_versions = itertools.count(0x8DE000000000000)


class AzureError(Exception):
    """
    An error that the Blob service sends, by its code.

    :param status: replaces the usual one; ``details`` become elements of its XML.
    """

    def __init__(self, code: str, *, status: int = 0, **details: object) -> None:
        self.code = code
        usual, self.message = ERRORS[code]
        self.status = status or usual
        self.details = details
        super().__init__(code, self.message)

    def response(self) -> Response:
        """Return the response, as "Status and error codes" describes it."""
        headers = {"x-ms-error-code": self.code}
        if self.code == "NoAuthenticationInformation":
            headers["www-authenticate"] = "Bearer"
        if self.status == 304:
            return Response(304, headers)
        details = [element(name, value) for name, value in self.details.items()]
        body = element("Error", element("Code", self.code), element("Message", self.message),
                       *details)  # fmt: skip
        return xml_response(body, self.status, headers)


class Address(NamedTuple):
    """
    The parts of a URL: an account, a container and a blob.

    :param blob: the name of a blob; empty for a container, like ``container`` for an account.
    """

    account: str
    container: str
    blob: str

    @property
    def bucket(self) -> str:
        """Return the name of the container's bucket; accounts may have containers of one name."""
        return f"{self.account}/{self.container}" if self.container else ""


def address_of(url: str) -> Address:
    """
    Return what a URL names.

    "Naming and Referencing Containers, Blobs, and Metadata", "Resource URI Syntax": the account is
    the first label of the host. An emulator, on a host without a domain, has it in the path. A
    custom domain stands for an account.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path)[1:]
    named = _ACCOUNT.fullmatch(host)
    if named is not None:
        account = named[1]
    elif _LOCAL.fullmatch(host):
        account, _, path = path.partition("/")
    else:
        account = host
    container, _, blob = path.partition("/")
    return Address(account, container, blob)


@dataclass(frozen=True)
class Call:
    """
    A request for an account, a container or a blob, and what is read from it on the way.

    :param key_of: returns the key of an account, if it is known.
    """

    buckets: Buckets
    request: Request
    address: Address
    key_of: Callable[[str], str | None]

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the parameters of the query."""
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers."""
        return self.request.headers

    @property
    def content(self) -> bytes:
        """Return the body, whose MD5 has been verified."""
        verify_md5(self.headers.get("content-md5"), self.request.body)
        return self.request.body

    @property
    def blob(self) -> str:
        """Return the name of the blob."""
        return self.address.blob

    @property
    def container(self) -> Bucket:
        """Return the container."""
        container = self.buckets.get(self.address.bucket)
        if container is None:
            raise AzureError("ContainerNotFound")
        return container

    @property
    def existing(self) -> StoredObject | None:
        """Return the blob, or ``None``."""
        return self.container.objects.get(self.blob)

    def read(self) -> StoredObject:
        """Return the blob, if it meets the conditions for reading it."""
        existing = self.existing
        Conditions(self.headers).check_read(existing)
        return _found(existing)

    def change(self) -> StoredObject:
        """Return the blob, if it meets the conditions for changing it."""
        existing = self.existing
        Conditions(self.headers).check_write(existing)
        return _found(existing)

    def xml(self) -> ElementTree.Element:
        """Return the document in the body."""
        try:
            return parse_document(self.content)
        except ElementTree.ParseError:
            raise AzureError("InvalidXmlDocument") from None

    def metadata(self) -> dict[str, str]:
        """Return the metadata that a request sets."""
        found = {
            name[len(META) :]: self.headers[name] for name in self.headers if name.startswith(META)
        }
        for name in found:
            if not _METADATA_NAME.fullmatch(name):
                raise AzureError("InvalidMetadata")
        return found

    def refuse_unsupported(self, kind: str) -> None:
        """Raise for the first header that asks for what buckets in memory do not do."""
        for name in self.headers:
            if _UNSUPPORTED.fullmatch(name):
                raise unsupported(f"{kind} with the header {name}")

    def check_names(self) -> None:
        """Raise if a name is not valid."""
        address = self.address
        if address.container and not _CONTAINER.fullmatch(address.container):
            is_long = not 3 <= len(address.container) <= 63
            raise AzureError("OutOfRangeInput" if is_long else "InvalidResourceName")
        if len(address.blob) > MAX_NAME or address.blob.count("/") >= MAX_SEGMENTS:
            raise AzureError("OutOfRangeInput")
        if _FORBIDDEN.search(address.blob):
            raise AzureError("InvalidUri")


def _found(existing: StoredObject | None) -> StoredObject:
    if existing is None:
        raise AzureError("BlobNotFound")
    return existing


def unsupported(what: str) -> UnsupportedRequest:
    """Return the error for a request that is not answered."""
    return UnsupportedRequest(
        f"Buckets in memory do not answer {what}. Use Azurite in this test, and leave its URL to "
        "it: override_storages(left=…)."
    )


# ETags, moments and digests.


def new_etag() -> str:
    """Return an ETag that no other state of a blob or a container has, without quotes."""
    return f"0x{next(_versions):015X}"


def version_headers(etag: str, modified: float) -> dict[str, str]:
    """Return the headers that identify a state."""
    return {"etag": f'"{etag}"', "last-modified": http_date(modified)}


def md5_of(stored_etag: str) -> str:
    """Return a digest in hexadecimal as headers have it."""
    return base64.b64encode(bytes.fromhex(stored_etag)).decode()


def verify_md5(sent: str | None, content: bytes) -> None:
    """Raise if a digest that was sent is not that of a content."""
    if sent is None:
        return
    if len(sent) != 24:
        raise AzureError("InvalidMd5")
    calculated = md5_of(etag_of(content))
    if calculated != sent:
        raise AzureError("Md5Mismatch", UserSpecifiedMd5=sent, ServerCalculatedMd5=calculated)


# Tags: "Set Blob Tags".

_TAG_TEXT = re.compile(r"[A-Za-z0-9 +\-./:=_]*")
Tags = tuple[tuple[str, str], ...]


def sent_tags(headers: Mapping[str, str]) -> Tags:
    """Return the tags that a header sets."""
    return check_tags(parse_qsl(headers.get("x-ms-tags", ""), keep_blank_values=True))


def check_tags(tags: Iterable[tuple[str, str]]) -> Tags:
    """Return tags in the order of their names, if they are valid."""
    tags = tuple(sorted(tags))
    names = [name for name, _ in tags]
    if len(names) != len(set(names)):
        raise AzureError("DuplicateTagNames")
    if "" in names:
        raise AzureError("EmptyTagName")
    if len(tags) > 10 or any(len(name) > 128 or len(value) > 256 for name, value in tags):
        raise AzureError("TagsTooLarge")
    if not all(_TAG_TEXT.fullmatch(name) and _TAG_TEXT.fullmatch(value) for name, value in tags):
        raise AzureError("InvalidTag")
    return tags


# Conditions: "Specifying conditional headers for Blob service operations".

_NAMES = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_PAIRS = ({"if-none-match", "if-modified-since"}, {"if-match", "if-unmodified-since"})


class Conditions:
    """
    The conditions of a request.

    :param prefix: the start of the names of the headers.
    :param code: the error of a condition of a change that is not met.
    """

    def __init__(
        self, headers: Mapping[str, str], prefix: str = "", *, code: str = "ConditionNotMet"
    ) -> None:
        self.code = code
        self.sent = {name: headers[prefix + name] for name in _NAMES if prefix + name in headers}

    def check_read(self, existing: StoredObject | None) -> None:
        """
        Raise unless a blob may be read; the conditions of a missing one are ignored, as
        RFC 9110, 13.2.1 has it.

        ``If-Match && If-Unmodified-Since && (If-None-Match || If-Modified-Since)``.
        """
        if self.sent.get("if-none-match") == "*":
            raise AzureError("UnsatisfiableCondition")
        if existing is None:
            return
        met = {name: _is_met(name, value, existing) for name, value in self.sent.items()}
        if not (met.get("if-match", True) and met.get("if-unmodified-since", True)):
            raise AzureError("ConditionNotMet")
        either = [met[name] for name in ("if-none-match", "if-modified-since") if name in met]
        if either and not any(either):
            raise AzureError("ConditionNotMet", status=304)

    def check_write(self, existing: StoredObject | None, *, creates: bool = False) -> None:
        """
        Raise unless a blob may be written.

        :param creates: whether the request writes a missing blob, ``If-None-Match: *`` no other
            one, and ``If-Match: *`` no missing one (RFC 9110, 13.1.1).
        """
        names = set(self.sent)
        has_list = any("," in self.sent.get(name, "") for name in ("if-match", "if-none-match"))
        if has_list or len(names) > 2 or (len(names) == 2 and names not in _PAIRS):
            raise AzureError("MultipleConditionHeadersNotSupported")
        # "The request is evaluated based on the criteria specified in" the ETag.
        name = next(iter(names & {"if-match", "if-none-match"} or names), "")
        value = self.sent.get(name, "")
        if existing is None:
            if name == "if-match" and creates:
                raise AzureError(self.code)
        elif name == "if-none-match" and value == "*":
            if creates:
                raise AzureError("BlobAlreadyExists")
        elif name and not _is_met(name, value, existing):
            raise AzureError(self.code)


def _is_met(name: str, value: str, stored: StoredObject) -> bool:
    if name.endswith("-since"):
        try:
            moment = datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT")
        except ValueError:
            raise AzureError("InvalidHeaderValue", HeaderName=name, HeaderValue=value) from None
        is_after = int(stored.modified) > moment.replace(tzinfo=timezone.utc).timestamp()
        return is_after == (name == "if-modified-since")
    etags = {each.strip().strip('"') for each in value.split(",")}
    is_matched = not etags.isdisjoint({stored.etag, "*"})
    return is_matched == (name == "if-match")


def store(call: Call, content: bytes, attributes: Attributes) -> StoredObject:
    """Store a blob in place of another, whose blocks that were not committed are dropped."""
    container = call.container
    container.uploads.remove(call.blob)
    return container.store(call.blob, content, attributes, etag=new_etag())
