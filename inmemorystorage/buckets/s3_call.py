"""A call of S3's REST API: a request, and the parts that are read from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .bucket import Bucket, Buckets, StoredObject
from .http import Request, condition_failed
from .s3_body import Body, read_body
from .s3_errors import S3Error, unsupported
from .s3_signatures import PARAMETERS, Signed, is_signed

OWNER = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
MAX_KEY = 1024  # "Naming Amazon S3 objects" in the user guide: bytes in UTF-8

# Headers that neither change an answer nor are stored.
_IGNORED = {
    *("x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-copy-source-range"),
    *("x-amz-date", "x-amz-decoded-content-length", "x-amz-expected-bucket-owner"),
    *("x-amz-metadata-directive", "x-amz-mp-object-size", "x-amz-object-ownership"),
    *("x-amz-request-payer", "x-amz-sdk-checksum-algorithm", "x-amz-security-token"),
    *("x-amz-source-expected-bucket-owner", "x-amz-tagging", "x-amz-tagging-directive"),
    *("x-amz-trailer", "x-amz-user-agent", "x-amz-optional-object-attributes"),
    *("x-amz-bypass-governance-retention", "x-amz-object-attributes", "x-amz-max-parts"),
    *("x-amz-part-number-marker",),
}
_KNOWN = re.compile(r"x-amz-(meta-|checksum-|grant-|copy-source-if-).*")
# Headers that are stored with an object, and sent with it.
STORED_HEADERS = (
    *("content-type", "cache-control", "content-disposition", "content-encoding"),
    *("content-language", "expires", "x-amz-website-redirect-location", "x-amz-storage-class"),
    *("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"),
    "x-amz-server-side-encryption-bucket-key-enabled",
)


@dataclass(frozen=True)
class Call:
    """
    A request for a bucket, or for an object in it.

    :param region: the region that the host names, or an empty string.
    """

    buckets: Buckets
    request: Request
    bucket_name: str
    key: str
    region: str = ""

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
    def listed_bucket(self) -> Bucket:
        """Return the bucket, for a request that needs the right to list it."""
        bucket = self.bucket
        if not self.buckets.may_list:
            raise S3Error("AccessDenied")
        return bucket

    @property
    def stored(self) -> StoredObject:
        """
        Return the object.

        "GetObject", "HeadObject": without the right to list, a missing object is forbidden.
        """
        stored = self.bucket.objects.get(self.key)
        if stored is None:
            if not self.buckets.may_list:
                raise S3Error("AccessDenied")
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
    def content(self) -> bytes:
        """Return the body, decoded and verified."""
        return self._body.content

    @property
    def checksums(self) -> Mapping[str, str]:
        """Return the checksums that were sent for the body, by the name of their algorithm."""
        return self._body.checksums

    @cached_property
    def _body(self) -> Body:
        return read_body(self.headers, self.request.body)

    @property
    def is_signed(self) -> bool:
        """Return whether the request is signed; raise `S3Error` if its signature is not valid."""
        of = self.request, self.bucket_name, self.key
        return is_signed(Signed(*of, self.headers, self.query, self.buckets.secrets))

    def number(self, name: str, default: int) -> int:
        """Return a parameter that is a number from 0 on."""
        text = self.query.get(name, str(default))
        if not text.isdecimal():
            raise S3Error("InvalidArgument", ArgumentName=name, ArgumentValue=text)
        return int(text)

    def refuse_unsupported(self, kind: str) -> None:
        """Raise for the first header that asks for what buckets in memory do not do."""
        for name in self.headers:
            if name in _IGNORED or name in STORED_HEADERS or _KNOWN.fullmatch(name):
                continue
            if name.startswith("x-amz-") and name not in PARAMETERS:
                raise unsupported(f"{kind} with the header {name}")

    def check_write(self) -> None:
        """
        Raise unless an object may be written at the key.

        "How to prevent object overwrites with conditional writes" in the user guide:
        ``If-None-Match: *`` expects no object, ``If-Match`` one with an ETag.
        """
        size = len(self.key.encode())
        if size > MAX_KEY:
            raise S3Error("KeyTooLongError", Size=size, MaxSizeAllowed=MAX_KEY)
        conditions = {
            name: self.headers[name]
            for name in ("if-match", "if-none-match")
            if name in self.headers
        }
        if conditions.get("if-none-match", "*") != "*":
            raise S3Error("NotImplemented", Header="If-None-Match")
        existing = self.bucket.objects.get(self.key)
        if existing is None:
            if "if-match" in conditions:
                raise S3Error("NoSuchKey", Key=self.key)
        else:
            failed = condition_failed(conditions, existing.etag, existing.modified)
            if failed:
                raise S3Error("PreconditionFailed", Condition=failed)
