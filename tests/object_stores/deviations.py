"""
What the emulators do otherwise than the buckets in memory, in one list for each.

Buckets in memory do as the references say where these say something. The comparisons with an
emulator read its list, and a test runs the calls that show each deviation, so that an entry fails
when its emulator is mended.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from object_stores.programs import Operation

# The name of an operation of a table, and its arguments.
Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Deviation:
    """
    What an emulator does otherwise than a bucket in memory.

    Without ``operations`` no program has an operation that shows it.

    :param does: what it does.
    :param page: the page of the reference that says otherwise; "none: …" where the reference does
        not, and the emulator differs from the in-memory bucket alone.
    :param shown_by: calls, the last of which has another outcome on the emulator; none where it
        depends on what was there before, or on no call of a client.
    :param operations: a regular expression that finds the operations that differ by their text.
    :param elements: what is not compared of the answers of these operations.
    :param codes: the codes of the reference's error and of the emulator's; None is an answer.
        Without codes and elements the operations are left out.
    :param kept: how many of the operations a program keeps that are left out.
    """

    does: str
    page: str
    shown_by: tuple[Call, ...]
    operations: str = ""
    elements: frozenset[str] = frozenset()
    codes: tuple[str | None, str | None] | None = None
    kept: int = 0

    def concerns(self, text: str) -> bool:
        """Return whether an operation is one of those that differ."""
        return bool(self.operations) and re.search(self.operations, text) is not None

    @property
    def leaves_out(self) -> bool:
        """Return whether programs are run without the operations."""
        return not self.elements and self.codes is None


def kept(deviations: Sequence[Deviation], steps: Sequence[Operation]) -> list[Operation]:
    """Return the operations of a program without those that are left out."""
    counted: Counter[Deviation] = Counter()
    remaining = []
    for step in steps:
        concerned = [each for each in deviations if each.leaves_out and each.concerns(step[0])]
        counted.update(concerned)
        if all(counted[each] <= each.kept for each in concerned):
            remaining.append(step)
    return remaining


def compared(deviations: Sequence[Deviation], text: str, ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Return what is compared of the outcomes of an operation, on our side and an emulator's."""
    concerned = [each for each in deviations if each.concerns(text)]
    if (_code(ours), _code(theirs)) in {each.codes for each in concerned}:
        return None, None
    elements = frozenset().union(*(each.elements for each in concerned))
    return _without(ours, elements), _without(theirs, elements)


def _code(outcome: Any) -> Any:
    """Return the code of an error, which is a tuple, or None for an answer."""
    return outcome[-1] if isinstance(outcome, tuple) else None


def _without(value: Any, elements: frozenset[str]) -> Any:
    """Return an answer without some of its elements."""
    if isinstance(value, dict):
        return {key: _without(value[key], elements) for key in value if key not in elements}
    if isinstance(value, list):
        return [_without(each, elements) for each in value]
    return value


def shown(deviations: Sequence[Deviation]) -> list[Any]:
    """Return the deviations that calls show, as parameters of a test."""
    return [pytest.param(each, id=each.does) for each in deviations if each.shown_by]


def assert_shows(
    deviation: Deviation, deviations: Sequence[Deviation], text: str, ours: Any, theirs: Any
) -> None:
    """Assert that the outcomes of an operation differ by a deviation, and by no other one."""
    others = [each for each in deviations if each is not deviation]
    first, second = compared(others, text, ours, theirs)
    assert first != second
    if not deviation.leaves_out:
        first, second = compared(deviations, text, ours, theirs)
        assert first == second


PUT: Call = ("put_object", {"Key": "a", "Body": b"hello"})
LONG: Call = ("put_object", {"Key": "a" * 1025, "Body": b""})
PART: Call = ("upload_part", {"Key": "big", "PartNumber": 1, "Body": b"hello"})
BEGIN: Call = ("begin", {"Key": "big"})
COPY: Call = ("copy_object", {"Key": "b", "CopySource": "BUCKET/a"})
LIST: Call = ("list_objects", {"Prefix": ""})
GET_ANY: Call = ("get_object", {"Key": "a", "IfMatch": "*"})
TAG: Call = (
    "put_object_tagging",
    {"Key": "a", "Tagging": {"TagSet": [{"Key": "a", "Value": "b & c"}]}},
)
ALL = "."

MOTO = [
    Deviation(
        "names no encryption", "PutObject, x-amz-server-side-encryption", (PUT,),
        ALL, frozenset({"ServerSideEncryption"}),
    ),
    Deviation(
        "describes no checksums", "Object, ChecksumAlgorithm", (PUT, LIST),
        ALL, frozenset({"ChecksumType", "ChecksumAlgorithm"}),
    ),
    Deviation(
        "names the owner",
        "Access control list (ACL) overview, Sample ACL: an owner has an ID alone",
        (PUT, ("get_object_acl", {"Key": "a"})),
        ALL, frozenset({"DisplayName"}),
    ),
    Deviation(
        "names another user as the initiator",
        "none: Initiator, ID is an ARN if the caller is an IAM user",
        (BEGIN, ("list_multipart_uploads", {})),
        ALL, frozenset({"Initiator"}),
    ),
    Deviation(
        "versions what is not versioned", "CompleteMultipartUpload, x-amz-version-id",
        (BEGIN, PART, ("complete", {"Key": "big"})), ALL, frozenset({"VersionId"}),
    ),
    Deviation(
        "sends no empty markers", "ListObjects, Sample Response: <Marker/>",
        (("client.list_objects", {"Prefix": ""}),),
        r"list_objects\b", frozenset({"Marker"}),
    ),
    Deviation(
        "knows no * in conditions",
        "RFC 9110, 13.1.1 and 13.1.2; GetObject refers to RFC 7232, its predecessor",
        (PUT, GET_ANY),
        r"^(get|head)_object\(.*'If(None)?Match': '\*'",
    ),
    Deviation(
        "grants one permission of two", "Access control list (ACL) overview, Canned ACL",
        (
            PUT, ("put_object_acl", {"Key": "a", "ACL": "public-read-write"}),
            ("get_object_acl", {"Key": "a"}),
        ),
        r"^put_object_acl\(.*public-read-write",
    ),
    Deviation(
        "keeps the tags of an object that a copy replaces", "CopyObject, x-amz-tagging-directive",
        (
            ("put_object", {"Key": "b", "Body": b"", "Tagging": "a=b"}), PUT,
            ("copy_object", {"Key": "b", "CopySource": "BUCKET/a", "MetadataDirective": "REPLACE"}),
            ("get_object_tagging", {"Key": "b"}),
        ),
        r"^(get_object(_tagging)?|head_object)\(", frozenset({"TagSet", "TagCount"}),
    ),
    Deviation("accepts long keys", "Naming Amazon S3 objects", (LONG,)),
    Deviation(
        "crashes for a missing upload", "CompleteMultipartUpload, NoSuchUpload",
        (("complete_multipart_upload", {"Key": "a", "UploadId": "missing", "MultipartUpload": {
            "Parts": [{"PartNumber": 1, "ETag": "a"}]}}),),
    ),
    Deviation(
        "crashes for a missing object", "Error responses, NoSuchKey",
        (("client.delete_object_tagging", {"Key": "a"}),),
    ),
]  # fmt: skip

CEPH = [
    Deviation(
        "names no encryption", "PutObject, x-amz-server-side-encryption", (PUT,),
        ALL, frozenset({"ServerSideEncryption"}),
    ),
    Deviation(
        "computes no checksums", "PutObject, x-amz-checksum-crc32", (PUT,),
        ALL, frozenset({"ChecksumCRC32", "ChecksumType", "ChecksumAlgorithm"}),
    ),
    Deviation(
        "has its own IDs of owners",
        "Access control list (ACL) overview: the canonical user ID of an AWS account",
        (PUT, ("get_object_acl", {"Key": "a"})),
        ALL, frozenset({"ID", "DisplayName", "Initiator"}),
    ),
    Deviation(
        "sends an ETag without quotes", "CopyObject, Sample Response",
        (PUT, COPY),
        r"^copy_object\(", frozenset({"ETag"}),
    ),
    Deviation(
        "completes an upload without its ETag", "CompleteMultipartUpload, ETag",
        (BEGIN, PART, ("complete", {"Key": "big"})), "^complete", frozenset({"ETag"}),
    ),
    Deviation(
        "lists no ETag after a change of tags", "Object, ETag",
        (PUT, ("delete_object_tagging", {"Key": "a"}), LIST),
        "^list_objects", frozenset({"ETag"}),
    ),
    Deviation(
        "sends no markers that were not sent",
        "ListMultipartUploads, Sample Response: <KeyMarker/>",
        (("list_multipart_uploads", {}),), "^list_multipart_uploads",
        frozenset({"KeyMarker", "UploadIdMarker", "NextKeyMarker", "NextUploadIdMarker"}),
    ),
    Deviation(
        "accepts any character in tags",
        "Amazon S3 Control, S3Tag, Pattern; PutObjectTagging, InvalidTag", (PUT, TAG),
        r"^put_object_tagging\(.*b & c",
    ),
    Deviation(
        "knows no * in conditions",
        "RFC 9110, 13.1.1 and 13.1.2; GetObject refers to RFC 7232, its predecessor",
        (PUT, GET_ANY),
        r"^(get|head)_object\(.*'If(None)?Match': '\*'",
    ),
    Deviation(
        "has another code for long keys", "Error responses, KeyTooLongError", (LONG,),
        r"a{1025}", codes=("KeyTooLongError", "InvalidObjectName"),
    ),
]  # fmt: skip

SEAWEEDFS = [
    Deviation(
        "names no encryption", "PutObject, x-amz-server-side-encryption", (PUT,),
        ALL, frozenset({"ServerSideEncryption"}),
    ),
    Deviation(
        "describes no checksums", "Object, ChecksumAlgorithm", (PUT, LIST),
        ALL, frozenset({"ChecksumType", "ChecksumAlgorithm", "ChecksumCRC32"}),
    ),
    Deviation(
        "has its own IDs of owners",
        "Access control list (ACL) overview: the canonical user ID of an AWS account",
        (PUT, ("get_object_acl", {"Key": "a"})),
        ALL, frozenset({"ID", "DisplayName", "Initiator", "Owner"}),
    ),
    Deviation(
        "has directories", "Naming Amazon S3 objects",
        (("put_object", {"Key": "dir/", "Body": b"a"}), LIST), r"'dir/'",
    ),
    Deviation(
        "merges slashes", "Naming Amazon S3 objects",
        (("put_object", {"Key": "dir//a", "Body": b""}), LIST), r"dir//",
    ),
    Deviation(
        "has no key below another key", "Naming Amazon S3 objects",
        (), r"a/b",
    ),
    Deviation(
        "lists the directory of a deleted key for a while", "ListObjectsV2, CommonPrefixes",
        (), r"^delete(_objects?)?\(.*dir/",
    ),
    Deviation(
        "lists more groups than a page holds", "ListObjectsV2, MaxKeys", (),
        r"(?=.*PageSize)(?=.*'Delimiter': '[/i]')",
    ),
    Deviation(
        "lists a replaced part twice", "UploadPart", (BEGIN, PART, PART, ("list_parts", BEGIN[1])),
        r"^upload_part\(", kept=1,
    ),
    Deviation(
        "sends what was not requested, and allows 10,000 uploads",
        "ListMultipartUploads, Delimiter, EncodingType and max-uploads",
        (("list_multipart_uploads", {}),), "^list_multipart_uploads",
        frozenset({
            *("MaxUploads", "UploadIdMarker", "Delimiter", "EncodingType", "Prefix"),
            "StorageClass",
        }),
    ),
    Deviation(
        "allows 10,000 parts, and names no last one",
        "ListParts: at most 1,000; none: NextPartNumberMarker of a whole list",
        (BEGIN, PART, ("list_parts", BEGIN[1])), "^list_parts",
        frozenset({"MaxParts", "NextPartNumberMarker"}),
    ),
    Deviation(
        "sends an ETag without quotes", "CopyObject, Sample Response",
        (PUT, COPY),
        r"^copy_object\(", frozenset({"ETag"}),
    ),
    Deviation(
        "guesses the type of a copy", "CopyObject, x-amz-metadata-directive",
        (),
        r"^(get|head)_object\(", frozenset({"ContentType"}),
    ),
    Deviation(
        "tells no missing object from one without tags", "Error responses, NoSuchKey",
        (),
        r"^get_object_tagging\(", codes=("NoSuchKey", None),
    ),
    Deviation(
        "changes the ACL of a missing object", "PutObjectAcl, NoSuchKey",
        (),
        r"^put_object_acl\(", codes=("NoSuchKey", None),
    ),
    Deviation(
        "checks tags before the object", "none: PutObjectTagging gives no order", (TAG,),
        r"^put_object_tagging\(", codes=("NoSuchKey", "InvalidTag"),
    ),
    Deviation(
        "checks conditions before the object", "RFC 9110, 13.2.1; HeadObject gives no order",
        (),
        r"^head_object\(", codes=("404", "412"),
    ),
    Deviation(
        "has another code for an upload without parts", "CompletedMultipartUpload, Parts: HTTP 400",
        (BEGIN, ("complete", {"Key": "big"})), r"^complete\(",
        codes=("MalformedXML", "NoSuchUpload"),
    ),
]  # fmt: skip

_NONE = {"content_type": None, "cache_control": None, "content_disposition": None}


def _upload(key: str = "a", **sent: Any) -> Call:
    """Return an upload to Google Cloud Storage."""
    unset = {"content_type": None, "if_generation_match": None, "is_resumable": False}
    return "upload", {"key": key, "content": b"hello", **unset, **sent}


GET_BLOB: Call = ("get_blob", {"key": "a"})
FAKE_GCS = [
    Deviation(
        "returns the ACL unasked", "Objects: list, projection",
        (_upload(), ("list", {"delimiter": "/"})), ALL, frozenset({"acl", "owner"}),
    ),
    Deviation(
        "returns other fields", "Objects, Resource representations", (_upload(), GET_BLOB),
        ALL, frozenset({
            *("componentCount", "created", "customTime", "deleted", "kind"),
            *("timeFinalized", "timeStorageClassUpdated"),
        }),
    ),
    Deviation(
        "counts no changes of metadata", "Objects, metageneration",
        (_upload(), ("patch", {"key": "a", **_NONE, "cache_control": "max-age=9"})),
        ALL, frozenset({"metageneration"}),
    ),
    Deviation(
        "checks no conditions of resumable uploads", "Objects: insert, ifGenerationMatch",
        (_upload(), _upload(if_generation_match=0, is_resumable=True)),
        r"^upload\((?=.*'if_generation_match': [07])(?=.*'is_resumable': True)",
    ),
    Deviation(
        "refuses an empty patch", "none: Objects: patch mentions no empty patch",
        (_upload(), ("patch", {"key": "a", **_NONE})),
        r"^(patch|update)\((?!.*: '(text|max-age|attachment))",
    ),
    Deviation(
        "counts no groups on a page", "Objects: list, maxResults", (),
    ),
    Deviation("compares offsets with names of groups", "Objects: list, startOffset", ()),
    Deviation("shares the metadata of copies", "Objects: copy", ()),
    Deviation("fails to compose a missing object", "HTTP status and error codes for JSON, 404", ()),
    Deviation(
        "accepts long names", "About Cloud Storage objects, Naming considerations",
        (_upload("a" * 1025),),
    ),
    Deviation("checks no signatures", "Signed URLs", ()),
]  # fmt: skip

_BLOB: Call = (
    "upload_blob",
    {"name": "a", "data": b"a", "overwrite": True, "settings": None},
)
AZURITE = [
    Deviation(
        "accepts control characters", "Naming and Referencing Containers, Blobs, and Metadata",
        (("upload_blob", {**_BLOB[1], "name": "a\x01"}),),
    ),
    Deviation(
        "refuses empty tags", "Set Blob Tags",
        (_BLOB, ("set_blob_tags", {"name": "a", "tags": {"a": ""}})),
    ),
    Deviation(
        "lists copies unasked, and sends what does not apply",
        "List Blobs, include; Get Blob Properties, x-ms-incremental-copy and "
        "x-ms-access-tier-inferred; none: Sealed of an append blob",
        (_BLOB, ("start_copy_from_url", {"name": "b", "source": "a"}),
         ("get_blob_properties", {"name": "b"})),
        ALL, frozenset({
            *("blob_tier_inferred", "source", "incremental_copy", "progress"),
            "is_append_blob_sealed",
        }),
    ),
    Deviation(
        "describes a copy whose properties were set", "Get Blob, x-ms-copy-status",
        (_BLOB, ("start_copy_from_url", {"name": "b", "source": "a"}),
         ("set_http_headers", {"name": "b", "settings": {}}),
         ("get_blob_properties", {"name": "b"})),
        r"^(get_blob_properties|download_blob)\(", frozenset({"status"}),
    ),
    Deviation(
        "checks conditions before the blob",
        "RFC 9110, 13.2.1; Specifying conditional headers for Blob service operations refers to it",
        (("get_blob_properties", {"name": "b", "match": "other"}),),
        r"^(download_blob|get_blob_properties|set_blob_metadata|delete_blob)\(.*'match': '",
        codes=("BlobNotFound", "ConditionNotMet"),
    ),
    Deviation(
        "finds a missing blob by *",
        "RFC 9110, 13.1.1; Specifying conditional headers for Blob service operations refers to it",
        (("upload_blob", {**_BLOB[1], "match": "any"}),),
    ),
    Deviation(
        "has one code for the conditions of copies",
        "Azure Blob Storage error codes, TargetConditionNotMet",
        (_BLOB, ("start_copy_from_url", {"name": "b", "source": "a", "match": "other"})),
        r"^start_copy_from_url\(.*'match': '",
        codes=("TargetConditionNotMet", "ConditionNotMet"),
    ),
    Deviation("names a prefix that was not sent", "Listing Blob storage resources", ()),
    Deviation("sends a digest that is not stored", "Get Blob, Content-MD5", ()),
    Deviation("reads a blob of uncommitted blocks", "Get Block List, Uncommitted Block List", ()),
    Deviation("answers no copies of blocks by URL", "Put Block From URL", ()),
]  # fmt: skip
