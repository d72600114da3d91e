"""S3Storage on buckets in memory, against the same on moto."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from buckets import ACCOUNT, Bucket, Server, needs_s3
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st

from inmemorystorage.testing.s3_floor import S3Floor

pytestmark = needs_s3

# What the reference says and moto does not do, by the names of the answers' elements.
IGNORED = {
    *("ResponseMetadata", "ServerSideEncryption", "UploadId", "Location", "Owner", "Initiator"),
}


@dataclass
class Side:
    """A storage, and the requests that its clients send."""

    storage: Any
    name: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.storage.connection.meta.client
        self.client.meta.events.register("before-send.s3", self._record)

    def _record(self, request: Any, **kwargs: Any) -> None:
        path = re.sub(r"https?://[^/]+", "", request.url).removeprefix(f"/{self.name}")
        path = re.sub("(uploadId|continuation-token)=[^&]*", r"\1", path)
        self.requests.append((request.method, path or "/"))


def plain(value: Any) -> Any:
    """Return an answer without what differs between two runs."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in sorted(value.items()) if key not in IGNORED}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return "aware" if value.tzinfo else "naive"
    if hasattr(value, "iter_chunks"):
        return value.read()
    return value


def outcome(operation: Callable[[Side], Any], side: Side) -> Any:
    """Return what an operation returns or raises."""
    try:
        return plain(operation(side))
    except Exception as error:
        response = getattr(error, "response", {})
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = response.get("Error", {}).get("Code")
        return type(error).__module__, type(error).__name__, status, code


@contextmanager
def sides(server: Server, bucket: Bucket, **options: Any) -> Iterator[tuple[Side, Side]]:
    """Yield an S3Storage on moto, and one on buckets in memory."""
    from storages.backends.s3 import S3Storage

    with S3Floor(left=(server.endpoint,)):
        real = S3Storage(**{**bucket.options, "querystring_auth": True, **options})
        moved = S3Storage(bucket_name=bucket.name, **options)
        yield Side(real, bucket.name), Side(moved, bucket.name)


Operation = tuple[str, Callable[[Side], Any]]
NAMES = st.sampled_from(["a", "a/b", "dir/b.txt", "dir/c.css", "dir/", "ü &<.txt", "", "no/../a"])
KEYS = st.sampled_from(["a", "a/b", "dir/b.txt", "dir//a", "dir/", "ü &<.txt", "k" * 1025])
CONTENTS = st.sampled_from([b"", b"hello", b"0123456789" * 300, bytes(range(256))])


def _read(side: Side, name: str, mode: str) -> Any:
    file = side.storage.open(name, mode)
    first = file.read(2)
    rest = file.read()
    file.close()
    return first, rest, file.size, file.closed, file.read()


def _write(side: Side, name: str, content: bytes) -> None:
    with side.storage.open(name, "wb") as file:
        if content:
            file.write(content[:2])
            file.write(content[2:])


STORAGE = {
    "save": (lambda side, name, content: side.storage.save(name, ContentFile(content)), NAMES, CONTENTS),
    "read": (_read, NAMES, st.sampled_from(["rb", "r"])),
    "write": (_write, NAMES, CONTENTS),
    "delete": (lambda side, name: side.storage.delete(name), NAMES),
    "exists": (lambda side, name: side.storage.exists(name), NAMES),
    "size": (lambda side, name: side.storage.size(name), NAMES),
    "listdir": (lambda side, name: side.storage.listdir(name), NAMES),
    "get_modified_time": (lambda side, name: side.storage.get_modified_time(name), NAMES),
    "get_created_time": (lambda side, name: side.storage.get_created_time(name), NAMES),
    "path": (lambda side, name: side.storage.path(name), NAMES),
    "get_available_name": (lambda side, name: side.storage.get_available_name(name), NAMES),
}  # fmt: skip


def _client(name: str, **parameters: Any) -> Callable[..., Any]:
    def call(side: Side, **sent: Any) -> Any:
        sent = {key: value for key, value in {**parameters, **sent}.items() if value is not None}
        for key, value in sent.items():
            if isinstance(value, str):
                sent[key] = value.replace("BUCKET", side.name)
        return getattr(side.client, name)(Bucket=side.name, **sent)

    return call


def _begin(side: Side, **sent: Any) -> Any:
    answer = side.client.create_multipart_upload(Bucket=side.name, **sent)
    side.uploads.append(answer["UploadId"])
    return answer


def _upload(name: str) -> Callable[..., Any]:
    def call(side: Side, **sent: Any) -> Any:
        identifier = side.uploads[-1] if side.uploads else "missing"
        return getattr(side.client, name)(Bucket=side.name, UploadId=identifier, **sent)

    return call


def _complete(side: Side, **sent: Any) -> Any:
    identifier = side.uploads[-1] if side.uploads else "missing"
    listed = side.client.list_parts(Bucket=side.name, UploadId=identifier, **sent)
    parts = [
        {"PartNumber": each["PartNumber"], "ETag": each["ETag"]} for each in listed.get("Parts", [])
    ]
    return side.client.complete_multipart_upload(
        Bucket=side.name, UploadId=identifier, MultipartUpload={"Parts": parts}, **sent
    )


def _pages(name: str) -> Callable[..., Any]:
    def call(side: Side, **sent: Any) -> Any:
        pages = side.client.get_paginator(name).paginate(Bucket=side.name, **sent)
        drop = {"NextContinuationToken", "ContinuationToken", "Marker", "NextMarker"}
        return [{key: page[key] for key in page if key not in drop} for page in pages]

    return call


ETAGS = st.sampled_from([None, "*", '"5d41402abc4b2a76b9719d911017c592"', '"d41d"'])
LISTED = {
    "Prefix": st.sampled_from(["", "a", "dir/", "dir", "x"]),
    "Delimiter": st.sampled_from(["", "/", "i"]),
}
PAGE = {"PaginationConfig": st.sampled_from([{}, {"PageSize": 1}, {"PageSize": 2}])}
TAGS = st.sampled_from([[], [{"Key": "a", "Value": "b & c"}], [{"Key": "a", "Value": ""}] * 2])
CLIENT = {
    "put_object": (_client("put_object"), {
        "Key": KEYS, "Body": CONTENTS, "IfNoneMatch": st.sampled_from([None, None, "*"]),
        "ContentType": st.sampled_from([None, "text/css"]), "CacheControl": st.sampled_from([None, "max-age=9"]),
        "Metadata": st.sampled_from([None, {"by": "me"}]), "Tagging": st.sampled_from([None, "a=b&c=d"]),
        "ContentEncoding": st.sampled_from([None, "gzip"]),
    }),
    "get_object": (_client("get_object"), {
        "Key": KEYS, "IfMatch": ETAGS, "IfNoneMatch": ETAGS,
        "Range": st.sampled_from([None, "bytes=0-3", "bytes=2-", "bytes=-2", "bytes=9999-"]),
    }),
    "head_object": (_client("head_object"), {"Key": KEYS, "IfMatch": ETAGS, "IfNoneMatch": ETAGS}),
    "delete_object": (_client("delete_object"), {"Key": KEYS}),
    "delete_objects": (_client("delete_objects"), {
        "Delete": st.builds(lambda keys, quiet: {"Objects": [{"Key": key} for key in keys], "Quiet": quiet},
                            st.lists(KEYS, min_size=1, max_size=3, unique=True), st.booleans()),
    }),
    "copy_object": (_client("copy_object"), {
        "Key": KEYS, "CopySource": KEYS.map(lambda key: f"BUCKET/{key}"),
        "MetadataDirective": st.sampled_from([None, "REPLACE"]),
    }),
    "list_objects": (_pages("list_objects"), {**LISTED, **PAGE}),
    "list_objects_v2": (_pages("list_objects_v2"), {**LISTED, **PAGE}),
    "get_object_tagging": (_client("get_object_tagging"), {"Key": KEYS}),
    "put_object_tagging": (_client("put_object_tagging"), {
        "Key": KEYS, "Tagging": TAGS.map(lambda tags: {"TagSet": tags})}),
    "delete_object_tagging": (_client("delete_object_tagging"), {"Key": KEYS}),
    "get_object_acl": (_client("get_object_acl"), {"Key": KEYS}),
    "put_object_acl": (_client("put_object_acl"), {
        "Key": KEYS, "ACL": st.sampled_from(["private", "public-read", "odd"])}),
    "begin": (_begin, {"Key": st.just("big"), "ContentType": st.just("text/plain")}),
    "upload_part": (_upload("upload_part"), {
        "Key": st.just("big"), "Body": CONTENTS, "PartNumber": st.sampled_from([1, 2])}),
    "list_parts": (_upload("list_parts"), {"Key": st.just("big")}),
    "complete": (_complete, {"Key": st.just("big")}),
    "abort": (_upload("abort_multipart_upload"), {"Key": st.just("big")}),
    "list_multipart_uploads": (_client("list_multipart_uploads"), {}),
}  # fmt: skip


def operations(table: dict[str, Any]) -> st.SearchStrategy[Operation]:
    """Return a strategy of operations of a table, each with the text that shows it."""
    return st.one_of(*(_operation(name, *row) for name, row in table.items()))


def _operation(name: str, function: Any, *arguments: Any) -> st.SearchStrategy[Operation]:
    if arguments and isinstance(arguments[0], dict):
        return st.fixed_dictionaries(arguments[0]).map(
            lambda sent: (f"{name}({sent})", lambda side: function(side, **sent))
        )
    return st.tuples(*arguments).map(
        lambda sent: (f"{name}{sent}", lambda side: function(side, *sent))
    )


def compare(server: Server, steps: list[Operation], **options: Any) -> None:
    """Run operations on both sides; assert equal outcomes and requests."""
    with sides(server, server.make_bucket(), **options) as (real, moved):
        for text, operation in steps:
            assert (text, outcome(operation, moved)) == (text, outcome(operation, real))
            assert (text, moved.requests) == (text, real.requests)


@given(st.lists(operations(STORAGE), max_size=15))
def test_storage_as_on_moto(server: Server, steps: list[Operation]) -> None:
    """The storage API returns, raises and requests the same as on moto."""
    compare(server, steps)


@given(st.lists(operations(CLIENT), max_size=15))
def test_client_as_on_moto(server: Server, steps: list[Operation]) -> None:
    """Calls through the client return, raise and request the same as on moto."""
    compare(server, steps)
