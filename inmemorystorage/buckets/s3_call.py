"""
What the requests of S3's REST API have in common: the call, errors, XML, bodies and access.

Pages that are cited are those of the Amazon Simple Storage Service API Reference, 2006-03-01.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from ..exceptions import UnsupportedRequest
from .bucket import Attributes, Bucket, Buckets, StoredObject
from .http import Request, Response, condition_failed, decode_chunks
from .xml import element, parse_document, xml_response

XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
OWNER = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
REGION = "us-east-1"
MAX_KEY = 1024  # "Creating object key names" in the user guide: bytes in UTF-8

# "Error responses", "List of error codes".
ERRORS = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed."),
    "AuthorizationQueryParametersError": (400, "The parameters of the signature are invalid."),
    "BadDigest": (400, "The Content-MD5 or checksum value that you specified did not match what "
                  "the server received."),
    "BucketAlreadyOwnedByYou": (409, "The bucket that you tried to create already exists, and you "
                                "own it."),
    "BucketNotEmpty": (409, "The bucket that you tried to delete is not empty"),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "IncompleteBody": (400, "The request body terminated unexpectedly"),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
    "InvalidObjectState": (403, "The operation is not valid for the current state of the object."),
    "InvalidPart": (400, "One or more of the specified parts could not be found.  The part may not "
                    "have been uploaded, or the specified entity tag may not match the part's "
                    "entity tag."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order. Parts must be ordered "
                         "by part number."),
    "InvalidPolicyDocument": (400, "Invalid Policy."),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidTag": (400, "The tag provided was not a valid tag."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed "
                             "multipart/form-data."),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate against "
                     "our published schema"),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, "The specified upload does not exist. The upload ID may be invalid, or "
                     "the upload may have been aborted or completed."),
    "NotModified": (304, "Not Modified"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "SlowDown": (503, "Please reduce your request rate."),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match the "
                              "signature you provided. Check your key and signing method."),
}  # fmt: skip

# Headers that neither change an answer nor are stored.
_IGNORED = {
    *("x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-copy-source-range"),
    *("x-amz-date", "x-amz-decoded-content-length", "x-amz-expected-bucket-owner"),
    *("x-amz-metadata-directive", "x-amz-mp-object-size", "x-amz-object-ownership"),
    *("x-amz-request-payer", "x-amz-sdk-checksum-algorithm", "x-amz-security-token"),
    *("x-amz-source-expected-bucket-owner", "x-amz-tagging", "x-amz-tagging-directive"),
    *("x-amz-trailer", "x-amz-user-agent", "x-amz-optional-object-attributes"),
    *("x-amz-bypass-governance-retention",),
}
_KNOWN = re.compile(r"x-amz-(meta-|checksum-|grant-|copy-source-if-).*")
# What is stored with an object, and sent with it.
STORED_HEADERS = (
    *("content-type", "cache-control", "content-disposition", "content-encoding"),
    *("content-language", "expires", "x-amz-website-redirect-location", "x-amz-storage-class"),
    *("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"),
    "x-amz-server-side-encryption-bucket-key-enabled",
)
_META = "x-amz-meta-"
_CHECKSUM = "x-amz-checksum-"
# The algorithms of the standard library; values of others are stored unverified.
_CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "md5": lambda content: hashlib.md5(content, usedforsecurity=False).digest(),
    "sha1": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),
    "sha256": lambda content: hashlib.sha256(content).digest(),
    "sha512": lambda content: hashlib.sha512(content).digest(),
}
_NOT_VALUES = {"algorithm", "mode", "type"}


class S3Error(Exception):
    """
    An error that S3 sends, by its code; ``details`` become elements of its XML.

    :param message: replaces the usual one.
    """

    def __init__(self, code: str, message: str = "", **details: object) -> None:
        self.code = code
        self.status, usual = ERRORS[code]
        self.message = message or usual
        self.details = details
        super().__init__(code, self.message)

    def response(self) -> Response:
        """Return the response, as "Error responses", "REST error responses" describes it."""
        if self.status == 304:
            return Response(304)
        details = [element(name, value) for name, value in self.details.items()]
        body = element(
            "Error", element("Code", self.code), element("Message", self.message), *details
        )
        return xml_response(body, self.status)


def parse_xml(body: bytes) -> ElementTree.Element:
    """Return a document without namespaces; raise `S3Error` for anything else."""
    try:
        return parse_document(body)
    except ElementTree.ParseError:
        raise S3Error("MalformedXML") from None


@dataclass(frozen=True)
class Call:
    """A request for a bucket, or for an object in it, and what is read from it on the way."""

    buckets: Buckets
    request: Request
    bucket_name: str
    key: str

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the parameters of the query."""
        return self.request.query

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """
        Return the headers, those in the query of a presigned URL included.

        "Authenticating Requests: Using Query Parameters": ``x-amz-`` headers may be parameters.
        Version 2 of the signature moves the content type too.
        """
        moved = {
            name.lower(): value
            for name, value in self.query.items()
            if name.lower().startswith("x-amz-") or name in ("content-type", "content-md5")
        }
        return {**moved, **self.request.headers}

    @property
    def bucket(self) -> Bucket:
        """Return the bucket."""
        bucket = self.buckets.get(self.bucket_name)
        if bucket is None:
            raise S3Error("NoSuchBucket", BucketName=self.bucket_name)
        return bucket

    @property
    def stored(self) -> StoredObject:
        """Return the object."""
        stored = self.bucket.objects.get(self.key)
        if stored is None:
            raise S3Error("NoSuchKey", Key=self.key)
        return stored

    @property
    def readable(self) -> StoredObject:
        """Return the object, unless it is archived: "GetObject", "InvalidObjectState"."""
        stored = self.stored
        storage_class = stored.attributes.headers.get("x-amz-storage-class", "")
        if storage_class in ("GLACIER", "DEEP_ARCHIVE"):
            raise S3Error("InvalidObjectState", StorageClass=storage_class)
        return stored

    @property
    def is_public(self) -> bool:
        """Return whether the request reads an object that anyone may read."""
        if self.request.method not in ("GET", "HEAD") or not self.key:
            return False
        stored = self.bucket.objects.get(self.key)
        is_granted = stored is not None and (_EVERYONE, "READ") in stored.attributes.acl
        return is_granted or self.bucket_name in self.buckets.public

    def refuse_unsupported(self, kind: str) -> None:
        """Raise for the first header that asks for what buckets in memory do not do."""
        for name in self.headers:
            if name in _IGNORED or name in STORED_HEADERS or _KNOWN.fullmatch(name):
                continue
            if name.startswith("x-amz-") and name not in SIGNATURE:
                raise unsupported(f"{kind} with the header {name}")

    @cached_property
    def content(self) -> bytes:
        """Return the body, decoded and verified."""
        return self._content[0]

    @property
    def checksums(self) -> Mapping[str, str]:
        """Return the checksums that were sent for the body, by the name of their algorithm."""
        return self._content[1]

    @cached_property
    def _content(self) -> tuple[bytes, Mapping[str, str]]:
        headers, content = self.headers, self.request.body
        is_streaming = headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        if is_streaming or "aws-chunked" in headers.get("content-encoding", ""):
            try:
                content, trailers = decode_chunks(content)
            except ValueError:
                raise S3Error("IncompleteBody") from None
            headers = {**headers, **trailers}
            declared = headers.get("x-amz-decoded-content-length")
            if declared is not None and int(declared) != len(content):
                raise S3Error("IncompleteBody")
        _verify_md5(headers.get("content-md5"), content)
        checksums = {
            name.removeprefix(_CHECKSUM): value
            for name, value in headers.items()
            if name.startswith(_CHECKSUM) and name.removeprefix(_CHECKSUM) not in _NOT_VALUES
        }
        for name, value in checksums.items():
            compute = _CHECKSUMS.get(name)
            if compute is not None and base64.b64encode(compute(content)).decode() != value:
                raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the "
                              "calculated checksum.")  # fmt: skip
        return content, checksums

    def attributes(self) -> Attributes:
        """Return the attributes that the headers give to an object."""
        headers = {name: self.headers[name] for name in STORED_HEADERS if name in self.headers}
        # "PutObject": aws-chunked is a matter of the transfer.
        encodings = headers.pop("content-encoding", "").split(",")
        encoding = ",".join(each.strip() for each in encodings if each.strip() != "aws-chunked")
        if encoding:
            headers["content-encoding"] = encoding
        headers.setdefault("x-amz-server-side-encryption", "AES256")
        if headers.get("x-amz-storage-class") == "STANDARD":  # "GetObject": it is not sent
            del headers["x-amz-storage-class"]
        metadata = {
            name.removeprefix(_META): value
            for name, value in self.headers.items()
            if name.startswith(_META)
        }
        tags = tuple(parse_qsl(self.headers.get("x-amz-tagging", ""), keep_blank_values=True))
        return Attributes(headers, metadata, check_tags(tags), grants_of(self.headers))

    def check_write(self) -> None:
        """
        Raise unless an object may be written at the key.

        "PutObject": ``If-None-Match: *`` expects no object, ``If-Match`` one with an ETag.
        """
        size = len(self.key.encode())
        if size > MAX_KEY:
            raise S3Error("KeyTooLongError", Size=size, MaxSizeAllowed=MAX_KEY)
        existing = self.bucket.objects.get(self.key)
        if existing is None:
            if "if-match" in self.headers:
                raise S3Error("NoSuchKey", Key=self.key)
        else:
            failed = condition_failed(self.headers, existing.etag, existing.modified)
            if failed:
                raise S3Error("PreconditionFailed", Condition=failed)


def _verify_md5(sent: str | None, content: bytes) -> None:
    if sent is not None:
        if len(sent) != 24:
            raise S3Error("InvalidDigest")
        if base64.b64encode(_CHECKSUMS["md5"](content)).decode() != sent:
            raise S3Error("BadDigest")


def checksum_headers(checksums: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that send checksums."""
    return {f"{_CHECKSUM}{name}": value for name, value in checksums.items()}


def unsupported(what: str) -> UnsupportedRequest:
    """Return the error for a request that is not answered."""
    return UnsupportedRequest(
        f"Buckets in memory do not answer {what}. Use moto (moto.mock_aws) in this test."
    )


# "Object tagging" in the user guide.
_TAG_TEXT = re.compile(r"[\w\s+\-=.:/@]*")


def check_tags(tags: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return tags, if they are valid: "PutObjectTagging"."""
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


# Access: "Access control list (ACL) overview", "Canned ACL", in the user guide.

Grants = tuple[tuple[str, str], ...]
_GROUPS = "http://acs.amazonaws.com/groups/"
_EVERYONE, _SIGNED_IN = f"{_GROUPS}global/AllUsers", f"{_GROUPS}global/AuthenticatedUsers"
_LOGS = f"{_GROUPS}s3/LogDelivery"
_OWNERS: Grants = ((OWNER, "FULL_CONTROL"),)
_CANNED: dict[str, Grants] = {
    "private": (),
    "public-read": ((_EVERYONE, "READ"),),
    "public-read-write": ((_EVERYONE, "READ"), (_EVERYONE, "WRITE")),
    "authenticated-read": ((_SIGNED_IN, "READ"),),
    "aws-exec-read": (),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
    "log-delivery-write": ((_LOGS, "WRITE"), (_LOGS, "READ_ACP")),
}
_GRANTEE = re.compile(r'\s*(id|uri)="?([^",]+)"?\s*')


def grants_of(headers: Mapping[str, str]) -> Grants:
    """Return grantees and their permissions, as headers name them."""
    canned = headers.get("x-amz-acl", "private")
    if canned not in _CANNED:
        raise S3Error("InvalidArgument", ArgumentName="x-amz-acl", ArgumentValue=canned)
    named = [each for each in headers if each.startswith("x-amz-grant-")]
    if not named:
        return _OWNERS + _CANNED[canned]
    grants: list[tuple[str, str]] = []
    for name in named:
        for each in headers[name].split(","):
            grantee = _GRANTEE.fullmatch(each)
            if grantee is None:
                raise unsupported(f"the grantee {each.strip()!r} in {name}")
            permission = name.removeprefix("x-amz-grant-").upper().replace("-", "_")
            grants.append((grantee[2], permission))
    return tuple(grants)


# The parameters of presigned URLs, in lower case.
SIGNATURE = {
    *("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires"),
    *("x-amz-signedheaders", "x-amz-signature", "x-amz-security-token"),
    *("awsaccesskeyid", "signature", "expires"),
}
