"""S3Storage on buckets in memory, against the same on moto."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import get_ident
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from buckets import Bucket, Server, needs_s3
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st
from object_stores.deviations import MOTO, Deviation, assert_shows, compared, kept, shown
from object_stores.programs import CONTENTS, Operation, programs, read, storage_api, write

from inmemorystorage.buckets import s3
from inmemorystorage.buckets.http import Request, Response
from inmemorystorage.exceptions import UnsupportedRequest
from inmemorystorage.testing import override_storages
from inmemorystorage.testing.s3_floor import S3Floor
from inmemorystorage.tree.journal import Savepoint

pytestmark = [
    needs_s3,
    # S3File closes no file of a failed read, and not the one below a GzipFile.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# The elements of answers that differ between two runs.
IGNORED = {"ResponseMetadata", "UploadId", "Location"}


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
        path = re.sub(r"_\w{7}\.", "_random.", path)
        path = re.sub("(uploadId|continuation-token)=[^&]*", r"\1", path)
        self.requests.append((request.method, f"/{path.lstrip('/')}"))


def plain(value: Any) -> Any:
    """Return an answer without what differs between two runs."""
    if isinstance(value, dict):
        shown = {key: plain(each) for key, each in sorted(value.items()) if key not in IGNORED}
        for name in {"Deleted", "Grants"} & shown.keys():  # in any order
            shown[name].sort(key=str)
        return shown
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
        response = getattr(error, "response", None) or {}
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = response.get("Error", {}).get("Code")
        return type(error).__module__, type(error).__name__, status, code


@contextmanager
def sides(
    server: Server, bucket: Bucket, make: Callable[..., Any] | None = None, **options: Any
) -> Iterator[tuple[Side, Side]]:
    """Yield an S3Storage, or what ``make`` returns, on moto, and one on buckets in memory."""
    from storages.backends.s3 import S3Storage

    make = make or S3Storage
    with S3Floor(left=(server.endpoint,)):
        real = make(**{**bucket.options, "querystring_auth": True, **options})
        moved = make(bucket_name=bucket.name, **options)
        yield Side(real, bucket.name), Side(moved, bucket.name)


KEYS = st.sampled_from(["a", "a/b", "dir/b.txt", "dir//a", "dir/", "ü &<.txt"])


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
        if not side.uploads:
            return None
        identifier = side.uploads.pop() if name.startswith("abort") else side.uploads[-1]
        return getattr(side.client, name)(Bucket=side.name, UploadId=identifier, **sent)

    return call


def _delete_tags(side: Side, **sent: Any) -> Any:
    side.client.head_object(Bucket=side.name, **sent)  # moto crashes without the object
    return side.client.delete_object_tagging(Bucket=side.name, **sent)


def _complete(side: Side, **sent: Any) -> Any:
    if not side.uploads:
        return None
    identifier = side.uploads.pop()
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
TAGS = st.sampled_from([[{"Key": "a", "Value": "b & c"}], [{"Key": "a", "Value": ""}]])
CLIENT = {
    "put_object": (_client("put_object"), {
        "Key": KEYS, "Body": CONTENTS, "IfNoneMatch": st.sampled_from([None, None, "*"]),
        "ContentType": st.sampled_from([None, "text/css"]),
        "CacheControl": st.sampled_from([None, "max-age=9"]),
        "Metadata": st.sampled_from([None, {"by": "me"}]),
        "Tagging": st.sampled_from([None, "a=b&c=d"]),
        "ContentEncoding": st.sampled_from([None, "gzip"]),
    }),
    "get_object": (_client("get_object"), {
        "Key": KEYS, "IfMatch": ETAGS, "IfNoneMatch": ETAGS,
        "Range": st.sampled_from([None, "bytes=0-3", "bytes=2-", "bytes=-2", "bytes=9999-"]),
    }),
    "head_object": (_client("head_object"), {
        "Key": KEYS, "IfMatch": ETAGS, "IfNoneMatch": ETAGS}),
    "delete_object": (_client("delete_object"), {"Key": KEYS}),
    "delete_objects": (_client("delete_objects"), {
        "Delete": st.lists(KEYS, min_size=1, max_size=3, unique=True).map(
            lambda keys: {"Objects": [{"Key": key} for key in keys]}),
    }),
    "copy_object": (_client("copy_object"), {
        "Key": KEYS, "CopySource": KEYS.map(lambda key: f"BUCKET/{key}"),
        "MetadataDirective": st.sampled_from([None, "REPLACE"]),
    }),
    "list_objects": (_pages("list_objects"), LISTED),
    "list_objects_v2": (_pages("list_objects_v2"), {**LISTED, **PAGE}),
    "get_object_tagging": (_client("get_object_tagging"), {"Key": KEYS}),
    "put_object_tagging": (_client("put_object_tagging"), {
        "Key": KEYS, "Tagging": TAGS.map(lambda tags: {"TagSet": tags})}),
    "delete_object_tagging": (_delete_tags, {"Key": KEYS}),
    "get_object_acl": (_client("get_object_acl"), {"Key": KEYS}),
    "put_object_acl": (_client("put_object_acl"), {
        "Key": KEYS, "ACL": st.sampled_from(["private", "public-read", "public-read-write"])}),
    "begin": (_begin, {"Key": st.just("big"), "ContentType": st.just("text/plain")}),
    "upload_part": (_upload("upload_part"), {
        "Key": st.just("big"), "Body": CONTENTS, "PartNumber": st.sampled_from([1, 2])}),
    "list_parts": (_upload("list_parts"), {"Key": st.just("big")}),
    "complete": (_complete, {"Key": st.just("big")}),
    "abort": (_upload("abort_multipart_upload"), {"Key": st.just("big")}),
    "list_multipart_uploads": (_client("list_multipart_uploads"), {}),
}  # fmt: skip


def compare(
    server: Server,
    steps: list[Operation],
    deviations: Sequence[Deviation] = MOTO,
    **options: Any,
) -> None:
    """Run operations on both sides; assert equal outcomes and requests."""
    with sides(server, server.make_bucket(), **options) as (real, moved):
        for text, operation in kept(deviations, steps):
            ours, theirs = outcome(operation, moved), outcome(operation, real)
            ours, theirs = compared(deviations, text, ours, theirs)
            assert (text, ours) == (text, theirs)
            assert (text, moved.requests) == (text, real.requests)


def assert_deviates(server: Server, deviation: Deviation, deviations: Sequence[Deviation]) -> None:
    """Assert that the calls of a deviation show it, and that no other deviation covers it."""
    with sides(server, server.make_bucket()) as (real, moved):
        for name, sent in deviation.shown_by:
            call, *_ = CLIENT.get(name) or [_client(name.removeprefix("client."))]
            ours, theirs = [outcome(partial(call, **sent), side) for side in (moved, real)]
    assert_shows(deviation, deviations, f"{name}({sent})", ours, theirs)


@pytest.mark.unmeasured
@given(programs(storage_api()))
def test_storage_as_on_moto(server: Server, steps: list[Operation]) -> None:
    """The storage API returns, raises and requests the same as on moto."""
    compare(server, steps)


@pytest.mark.unmeasured
@given(programs(CLIENT))
def test_client_as_on_moto(server: Server, steps: list[Operation]) -> None:
    """Calls through the client return, raise and request the same as on moto."""
    compare(server, steps)


@pytest.mark.parametrize("deviation", shown(MOTO))
def test_moto_deviates(
    server: Server, deviation: Deviation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moto contradicts the reference, as its list says."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert_deviates(server, deviation, MOTO)


PEM = b"a key"  # replaced by one that is generated


def _private_key() -> bytes:
    """Return a key with which CloudFront's URLs are signed."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    encoded: bytes = key.private_bytes(serialization.Encoding.PEM, form, no_password)
    return encoded


def _url(side: Side, name: str, **options: Any) -> Any:
    """Return a URL without what differs between two runs."""
    parts = urlsplit(side.storage.url(name, **options))
    path = parts.path.removeprefix(f"/{side.name}")
    drop = {"AWSAccessKeyId", "Signature", "Expires"}
    drop |= {f"X-Amz-{each}" for each in ("Credential", "Date", "Signature")}
    query = {key: "" if key in drop else value for key, value in parse_qsl(parts.query)}
    host = parts.netloc if "cdn" in parts.netloc else "service"
    return parts.scheme if host != "service" else "", host, path, query


OPTIONS: dict[str, dict[str, Any]] = {
    "location": {"location": "media"},
    "no overwrite": {"file_overwrite": False},
    "gzip": {"gzip": True},
    "parameters": {"object_parameters": {"CacheControl": "max-age=9", "StorageClass": "GLACIER"}},
    "acl": {"default_acl": "public-read"},
    "path style": {"addressing_style": "path"},
    "signature": {"signature_version": "s3v4", "region_name": "eu-central-1"},
    "memory": {"max_memory_size": 10},
    "public URLs": {"querystring_auth": False},
    "expiry": {"querystring_expire": 9, "signature_version": "s3v4"},
    "domain": {"custom_domain": "cdn.example"},
    "protocol": {"custom_domain": "cdn.example", "url_protocol": "http:"},
    "gzip types": {"gzip": True, "gzip_content_types": ("text/plain",)},
    "CloudFront": {"custom_domain": "cdn.example", "cloudfront_key_id": "K", "cloudfront_key": PEM},
}


def _saving(name: str, content: bytes) -> Operation:
    return f"save {name}", lambda side: side.storage.save(name, ContentFile(content))


@pytest.mark.parametrize("options", [pytest.param(each, id=name) for name, each in OPTIONS.items()])
def test_options_as_on_moto(server: Server, options: dict[str, Any]) -> None:
    """Each option of S3Storage has the same effects as on moto."""
    steps = [
        *(_saving("a.css", b"a {}" * 99), _saving("d/b.gz", b"c"), _saving("d/e", b"")),
        ("available", lambda side: len(side.storage.get_available_name("a.css"))),
    ]
    for name in ("a.css", "d/b.gz", "d/e", "missing"):
        steps += [
            (f"read {name}", lambda side, name=name: read(side, name, "rb")),
            (f"size {name}", lambda side, name=name: side.storage.size(name)),
            (f"head {name}", lambda side, name=name: _client("head_object", Key=name)(side)),
            (f"write {name}", lambda side, name=name: write(side, name, b"more")),
        ]
    steps += [
        ("listdir", lambda side: side.storage.listdir("")),
        ("list", _pages("list_objects_v2")),
        ("url", lambda side: _url(side, "d/ü b.txt")),
        ("url for 5", lambda side: _url(side, "a", expire=5)),
        ("url of HEAD", lambda side: _url(side, "a", http_method="HEAD")),
        ("url with type", lambda side: _url(side, "a", parameters={"ResponseContentType": "a/b"})),
    ]
    if options.get("cloudfront_key") == PEM:
        options = {**options, "cloudfront_key": _private_key()}
    compare(server, steps, **options)


def _private_storage() -> type:
    """Return a storage as projects write one: it never overwrites, and saves a copy."""
    from storages.backends.s3 import S3Storage

    class PrivateStorage(S3Storage):  # type: ignore[misc]
        location = "private"
        default_acl = "private"
        file_overwrite = False

        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            while self.exists(name):
                name = f"1{name}"
            return name

        def _save(self, name: str, content: Any) -> str:
            content.seek(0, os.SEEK_SET)
            with io.BytesIO() as copy:
                copy.write(content.read())
                copy.seek(0)
                saved: str = super()._save(name, copy)
            return saved

    return PrivateStorage


def test_subclass_as_on_moto(server: Server) -> None:
    """A subclass keeps its attributes and methods, with the same effects as on moto."""
    steps = [
        *(_saving("a.txt", b"one"), _saving("a.txt", b"two"), _saving("d/b", b"")),
        ("read", lambda side: read(side, "1a.txt", "rb")),
        ("list", _pages("list_objects_v2")),
        ("listdir", lambda side: side.storage.listdir("")),
        ("acl", _client("get_object_acl", Key="private/a.txt")),
    ]
    compare(server, steps, make=_private_storage())


def test_manifest_as_on_moto(server: Server, tmp_path: Path) -> None:
    """Static files are hashed, and their manifest is stored, as on moto."""
    from django.core.files.storage import FileSystemStorage
    from storages.backends.s3 import S3ManifestStaticStorage

    (tmp_path / "a.css").write_text("b { background: url(b.png) }")
    (tmp_path / "b.png").write_bytes(b"picture")
    found = {name: (FileSystemStorage(tmp_path), name) for name in ("a.css", "b.png")}

    def collect(side: Side) -> Any:
        for name in found:
            side.storage.save(name, ContentFile((tmp_path / name).read_bytes()))
        return sorted(side.storage.post_process(found))

    steps: list[Operation] = [
        ("collect", collect),
        ("url", lambda side: _url(side, "a.css")),
        ("manifest", lambda side: sorted(side.storage.load_manifest()[0].items())),
        ("list", _pages("list_objects_v2")),
    ]
    compare(server, steps, make=S3ManifestStaticStorage, querystring_auth=False)


PAST, FUTURE = "Wed, 01 Jan 2020 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
GROUP = "http://acs.amazonaws.com/groups/global/AllUsers"
TAG = {"TagSet": [{"Key": "a", "Value": "b"}]}
# Calls of a client, in this order, each with what it sends.
STORY: list[tuple[str, dict[str, Any]]] = [
    ("get_bucket_location", {}),
    ("put_object", {"Key": "a", "Body": b"0123456789", "Metadata": {"by": "me"}, "Tagging": "a=b"}),
    ("put_object", {"Key": "a", "Body": b"", "IfNoneMatch": "*"}),
    ("put_object", {"Key": "a", "Body": b"", "IfMatch": '"other"'}),
    ("put_object", {"Key": "missing", "Body": b"", "IfMatch": '"other"'}),
    ("get_object", {"Key": "a", "Range": "bytes=2-4"}),
    ("get_object", {"Key": "a", "Range": "bytes=-3"}),
    ("get_object", {"Key": "a", "Range": "bytes=7-"}),
    ("get_object", {"Key": "a", "Range": "bytes=10-"}),
    ("put_object", {"Key": "empty", "Body": b""}),
    ("get_object", {"Key": "empty", "Range": "bytes=-2"}),
    ("get_object", {"Key": "empty", "Range": "bytes=0-"}),
    ("delete_object", {"Key": "empty"}),
    ("get_object", {"Key": "a", "IfModifiedSince": FUTURE}),
    ("get_object", {"Key": "a", "IfModifiedSince": PAST}),
    ("get_object", {"Key": "a", "IfUnmodifiedSince": FUTURE}),
    ("get_object", {"Key": "a", "IfUnmodifiedSince": PAST}),
    ("get_object", {"Key": "a", "ResponseContentType": "a/b", "ResponseCacheControl": "no-cache"}),
    ("head_object", {"Key": "a", "ChecksumMode": "ENABLED"}),
    ("head_object", {"Key": "missing"}),
    ("copy_object", {"Key": "a", "CopySource": "BUCKET/a"}),
    ("copy_object", {"Key": "b", "CopySource": "BUCKET/a"}),
    ("get_object_tagging", {"Key": "b"}),
    ("head_object", {"Key": "b"}),
    ("copy_object", {"Key": "c", "CopySource": "BUCKET/a", "MetadataDirective": "REPLACE",
                     "TaggingDirective": "REPLACE", "Tagging": "c=d", "ContentType": "a/b"}),
    ("head_object", {"Key": "c"}),
    ("copy_object", {"Key": "d", "CopySource": "BUCKET/missing"}),
    ("put_object_tagging", {"Key": "a", "Tagging": TAG}),
    ("get_object_tagging", {"Key": "a"}),
    ("delete_object_tagging", {"Key": "a"}),
    ("get_object_tagging", {"Key": "a"}),
    ("put_object_acl", {"Key": "a", "ACL": "public-read"}),
    ("get_object_acl", {"Key": "a"}),
    ("put_object_acl", {"Key": "a", "GrantRead": f'uri="{GROUP}"'}),
    ("get_object_acl", {"Key": "a"}),
    ("list_objects", {"Delimiter": "b", "Prefix": ""}),
    ("list_objects", {"Prefix": "b", "EncodingType": "url"}),
    ("list_objects_v2", {"StartAfter": "a", "FetchOwner": True}),
    ("list_objects_v2", {"MaxKeys": 0}),
    ("delete_bucket", {}),
    ("delete_objects", {"Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "x"}]}}),
    ("delete_object", {"Key": "c"}),
    ("delete_object", {"Key": "missing"}),
    ("delete_bucket", {}),
    ("head_bucket", {}),
]  # fmt: skip


def test_client_story(server: Server) -> None:
    """Each call of a client returns, raises and requests the same as on moto."""
    steps = [(f"{name} {sent}", _client(name, **sent)) for name, sent in STORY]
    compare(server, steps)


def _send_parts(side: Side) -> Any:
    to = {"Bucket": side.name, "Key": "big"}
    side.client.put_object(Bucket=side.name, Key="source", Body=b"0123456789" * 600_000)
    upload = side.client.create_multipart_upload(**to, ContentType="a/b", Metadata={"by": "me"})
    to["UploadId"] = upload["UploadId"]
    first = side.client.upload_part_copy(
        **to, PartNumber=1, CopySource=f"{side.name}/source", CopySourceRange="bytes=0-5242879"
    )
    second = side.client.upload_part(**to, PartNumber=7, Body=b"end")
    small = side.client.upload_part(**to, PartNumber=8, Body=b"")
    tags = {
        1: first["CopyPartResult"]["ETag"],
        7: second["ETag"],
        8: small["ETag"],
        9: '"missing"',
    }

    def complete(*numbers: int) -> Any:
        parts = [{"PartNumber": number, "ETag": tags[number]} for number in numbers]
        return lambda _: side.client.complete_multipart_upload(
            **to, MultipartUpload={"Parts": parts}
        )

    listed = [side.client.list_parts(**to), side.client.list_parts(**to, MaxParts=1)]
    refused = [outcome(complete(*each), side) for each in [(1, 9), (7, 8)]]
    done = complete(1, 7)(side)
    head = side.client.head_object(Bucket=side.name, Key="big")
    return listed, refused, done, head


def test_parts_as_on_moto(server: Server) -> None:
    """An upload in parts, copied ones too, is listed, refused and completed as on moto."""
    compare(server, [("parts", _send_parts)])


# What moto does not do as the reference says, or not at all.


@pytest.fixture
def floor() -> Iterator[S3Floor]:
    """Yield an active floor."""
    with S3Floor() as floor:
        yield floor


@pytest.fixture
def client(floor: S3Floor, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client of a bucket "media", made without credentials and region."""
    import boto3.session

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    client = boto3.session.Session().client("s3")
    client.create_bucket(Bucket="media")
    return client


def send(floor: S3Floor, method: str, url: str, headers: Any = None, body: bytes = b"") -> Response:
    """Send a request without a client."""
    return s3.answer(floor.buckets, Request(method, url, headers or {}, body))


def code(response: Response) -> str:
    """Return the code of an error."""
    found = re.search("<Code>(.*)</Code>", response.body.decode())
    return found[1] if found else ""


def test_missing_bucket(client: Any) -> None:
    """A bucket that no storage and no setting names does not exist."""
    with pytest.raises(client.exceptions.NoSuchBucket):
        client.list_objects_v2(Bucket="other")


def test_bucket_of_a_setting(client: Any, settings: Any) -> None:
    """A bucket that a setting names exists."""
    settings.REPORTS_BUCKET = "reports"
    assert client.head_bucket(Bucket="reports")["BucketRegion"] == "us-east-1"


def test_deleted_bucket(floor: S3Floor, client: Any, settings: Any) -> None:
    """A bucket that a setting names is gone after a deletion, and back after a rollback."""
    settings.REPORTS_BUCKET = "reports"
    savepoint = Savepoint()
    client.put_object(Bucket="reports", Key="a", Body=b"")
    client.delete_object(Bucket="reports", Key="a")
    client.delete_bucket(Bucket="reports")
    with pytest.raises(client.exceptions.ClientError):
        client.head_bucket(Bucket="reports")
    savepoint.rollback()
    assert "Contents" not in client.list_objects_v2(Bucket="reports")


def test_pages(client: Any) -> None:
    """ListObjects counts keys and groups, and the next page begins after either."""
    for key in ("a", "b/1", "b/2", "c", "d/1"):
        client.put_object(Bucket="media", Key=key, Body=b"")
    pages = client.get_paginator("list_objects").paginate(
        Bucket="media", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    shown = [
        [each.get("Key", each.get("Prefix")) for name in ("Contents", "CommonPrefixes")
         for each in page.get(name, [])]
        for page in pages
    ]  # fmt: skip
    assert shown == [["a"], ["b/"], ["c"], ["d/"]]
    assert (
        client.list_objects(Bucket="media", Marker="b/1", MaxKeys=1)["Contents"][0]["Key"] == "b/2"
    )


def test_older_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was made before the floor, without an account, is answered too."""
    import boto3.session

    with S3Floor():
        older = boto3.session.Session().client("s3")
    older._request_signer._credentials = None
    with S3Floor():
        older.create_bucket(Bucket="media")
        assert [each["Name"] for each in older.list_buckets()["Buckets"]] == ["media"]


def test_clients_made_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client needs no account if its service is named by keyword, or if it is asynchronous."""
    import botocore.session

    class AioSession:  # of aiobotocore, which needs its own version of botocore
        _credentials = None

        async def _create_client(self, service_name: str, **options: Any) -> Any:
            return service_name, options

    module = ModuleType("aiobotocore.session")
    module.AioSession = AioSession  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with S3Floor():
        client = botocore.session.get_session().create_client(service_name="s3")
        client.create_bucket(Bucket="media")
        account = {"aws_access_key_id": "in-memory", "aws_secret_access_key": "in-memory"}
        assert asyncio.run(AioSession()._create_client("s3")) == ("s3", account)
    assert asyncio.run(AioSession()._create_client("s3")) == ("s3", {})


def test_floor_is_taken_away(server: Server, settings: Any) -> None:
    """After the floor a client reaches its endpoint."""
    bucket = server.make_bucket()
    settings.AWS_S3_ENDPOINT_URL = server.endpoint
    with S3Floor():
        bucket.server.client.create_bucket(Bucket=bucket.name)
        server.client.put_object(Bucket=bucket.name, Key="a", Body=b"in memory")
    assert bucket.tags() == {}


def test_moto_goes_first(client: Any) -> None:
    """A test with mock_aws() sees moto's buckets."""
    import boto3.session
    from moto import mock_aws

    with mock_aws():
        inner = boto3.session.Session(region_name="us-east-1").client("s3")
        assert inner.list_buckets()["Buckets"] == []
    assert len(client.list_buckets()["Buckets"]) == 1


def test_mock_of_a_session_goes_first(client: Any) -> None:
    """A test that mocks what sends botocore's requests gets its mock."""
    from botocore.awsrequest import AWSResponse
    from urllib3 import HTTPResponse

    body = io.BytesIO(b"<ListBucketResult><Name>mocked</Name></ListBucketResult>")
    sent = AWSResponse("", 200, {}, HTTPResponse(body, preload_content=False))
    with mock.patch("botocore.httpsession.URLLib3Session.send", return_value=sent) as send:
        assert client.list_objects_v2(Bucket="media")["Name"] == "mocked"
    send.assert_called_once()
    assert client.list_objects_v2(Bucket="media")["Name"] == "media"


def test_rollback(client: Any) -> None:
    """A savepoint undoes all changes of buckets, those of nested savepoints too."""
    client.put_object(Bucket="media", Key="a", Body=b"1")
    client.put_object(Bucket="media", Key="b", Body=b"1")
    savepoint = Savepoint()
    client.put_object(Bucket="media", Key="a", Body=b"2")
    nested = Savepoint()
    client.delete_object(Bucket="media", Key="b")
    client.put_object(Bucket="media", Key="a", Body=b"3")
    client.put_object(Bucket="media", Key="c", Body=b"3")
    client.create_bucket(Bucket="other")
    client.create_multipart_upload(Bucket="media", Key="big")
    nested.release()
    savepoint.rollback()
    listed = client.list_objects_v2(Bucket="media")["Contents"]
    assert [each["Key"] for each in listed] == ["a", "b"]
    assert client.get_object(Bucket="media", Key="a")["Body"].read() == b"1"
    assert "Uploads" not in client.list_multipart_uploads(Bucket="media")
    assert len(client.list_buckets()["Buckets"]) == 1


def test_unsupported_request(client: Any) -> None:
    """A request that is not answered is an error that names it and moto."""
    with pytest.raises(UnsupportedRequest, match=r"GET .*\?cors, .* Use moto"):
        client.get_bucket_cors(Bucket="media")
    with pytest.raises(UnsupportedRequest, match="x-amz-object-lock-mode"):
        client.put_object(Bucket="media", Key="a", Body=b"", ObjectLockMode="GOVERNANCE")
    with pytest.raises(UnsupportedRequest, match="versionId"):
        client.get_object(Bucket="media", Key="a", VersionId="one")


def test_errors_of_the_reference(client: Any) -> None:
    """Errors that moto lacks have the codes of the reference."""
    client.put_object(Bucket="media", Key="a", Body=b"")
    many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    for expected, name, sent in [
        ("KeyTooLongError", "put_object", {"Key": "k" * 1025, "Body": b""}),
        ("NoSuchUpload", "upload_part", {"Key": "a", "UploadId": "b", "PartNumber": 1}),
        ("NoSuchKey", "delete_object_tagging", {"Key": "missing"}),
        ("InvalidArgument", "put_object", {"Key": "a", "ACL": "odd"}),
        ("MalformedXML", "delete_objects", {"Delete": many}),
        (
            "PreconditionFailed",
            "copy_object",
            {"Key": "b", "CopySource": "media/a", "CopySourceIfMatch": '"other"'},
        ),
        ("BadDigest", "put_object", {"Key": "a", "Body": b"a", "ContentMD5": "A" * 22 + "=="}),
        ("BadDigest", "put_object", {"Key": "a", "Body": b"a", "ChecksumCRC32": "AAAAAA=="}),
    ]:
        with pytest.raises(client.exceptions.ClientError) as raised:
            getattr(client, name)(Bucket="media", **sent)
        assert raised.value.response["Error"]["Code"] == expected


def test_large_upload(client: Any) -> None:
    """upload_fileobj() sends a large file in parts, and download_fileobj() reads it in ranges."""
    content, read = b"0123456789abcdef" * (1 << 20), io.BytesIO()
    client.upload_fileobj(io.BytesIO(content), "media", "big", ExtraArgs={"ContentType": "a/b"})
    client.download_fileobj("media", "big", read)
    head = client.head_object(Bucket="media", Key="big")
    assert read.getvalue() == content
    assert (head["ContentType"], head["ETag"][-3:]) == ("a/b", '-2"')


def test_transfers(server: Server, client: Any) -> None:
    """boto3's transfers run in the calling thread, but in a pool of threads to a real endpoint."""
    bucket, sending = server.make_bucket(), []
    client.create_bucket(Bucket=bucket.name)
    for each in (client, server.client):
        each.meta.events.register("before-send.s3", lambda **_: sending.append(get_ident()))
        each.upload_fileobj(io.BytesIO(b"content"), bucket.name, "a")
    assert sending[0] == get_ident() != sending[1]
    assert [*bucket.tags()] == ["a"]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_url(floor: S3Floor, client: Any, version: str) -> None:
    """A presigned URL puts and gets an object until it expires."""
    import boto3.session
    from botocore.config import Config

    client = boto3.session.Session().client("s3", config=Config(signature_version=version))
    params = {"Bucket": "media", "Key": "a ü"}
    put = client.generate_presigned_url("put_object", params, ExpiresIn=60)
    get = client.generate_presigned_url("get_object", params, ExpiresIn=60)
    assert send(floor, "PUT", put, {}, b"a").status == 200
    assert send(floor, "GET", get).body == b"a"
    with time_machine.travel(time.time() + 61):
        assert code(send(floor, "GET", get)) == "AccessDenied"
    for tampered in (re.sub("(Signature=)[^&]*", r"\1odd", get), get.replace("/a%20", "/b%20")):
        assert code(send(floor, "GET", tampered)) == "SignatureDoesNotMatch"
    assert code(send(floor, "DELETE", get)) == "SignatureDoesNotMatch"
    assert code(send(floor, "PUT", put.partition("?")[0])) == "AccessDenied"


def test_presigned_url_for_too_long(floor: S3Floor, client: Any) -> None:
    """A presigned URL of version 4 is valid for a week at most."""
    import boto3.session
    from botocore.config import Config

    client = boto3.session.Session().client("s3", config=Config(signature_version="s3v4"))
    url = client.generate_presigned_url(
        "get_object", {"Bucket": "media", "Key": "a"}, ExpiresIn=604_801
    )
    assert code(send(floor, "GET", url)) == "AuthorizationQueryParametersError"


def form(fields: dict[str, str], content: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body that a browser sends for a form."""
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts.append(b'name="file"; filename="me.txt"\r\nContent-Type: text/plain\r\n\r\n' + content)
    body = b"".join(b"--xyz\r\nContent-Disposition: form-data; " + each + b"\r\n" for each in parts)
    return {"content-type": "multipart/form-data; boundary=xyz"}, body + b"--xyz--\r\n"


def test_presigned_post(floor: S3Floor, client: Any) -> None:
    """A presigned form stores a file that its policy allows, and no other."""
    post = client.generate_presigned_post(
        "media",
        "up/${filename}",
        {"success_action_status": "201", "Content-Type": "text/plain"},
        [
            ["content-length-range", 1, 9],
            {"success_action_status": "201"},
            ["eq", "$Content-Type", "text/plain"],
        ],
        ExpiresIn=60,
    )
    url, fields = post["url"], post["fields"]

    def sent(content: bytes, **changes: str) -> Response:
        return send(floor, "POST", url, *form({**fields, **changes}, content))

    assert sent(b"\r\n--\0").status == 201
    stored = client.get_object(Bucket="media", Key="up/me.txt")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"\r\n--\0", "text/plain")
    assert code(sent(b"0123456789")) == "EntityTooLarge"
    assert code(sent(b"")) == "EntityTooSmall"
    assert code(sent(b"a", key="other")) == "AccessDenied"
    assert code(sent(b"a", acl="public-read")) == "AccessDenied"
    assert code(sent(b"a", policy="odd")) == "SignatureDoesNotMatch"
    with time_machine.travel(time.time() + 61):
        assert code(sent(b"a")) == "AccessDenied"


def test_presigned_post_of_version_4(floor: S3Floor, client: Any) -> None:
    """A presigned form of version 4 stores a file, unless its policy or signature was changed."""
    import boto3.session
    from botocore.config import Config

    config = Config(signature_version="s3v4")
    client = boto3.session.Session().client("s3", "eu-west-1", config=config)
    post = client.generate_presigned_post("media", "a")

    def sent(**changes: str) -> Response:
        fields = {**post["fields"], **changes}
        return send(floor, "POST", post["url"], *form(fields, b"content"))

    assert sent().status == 204
    assert code(sent(**{"x-amz-signature": "0" * 64})) == "SignatureDoesNotMatch"
    assert code(sent(policy="odd")) == "SignatureDoesNotMatch"


def test_form_without_names(floor: S3Floor, client: Any) -> None:
    """A form with a field that has no name is malformed."""
    headers = {"content-type": "multipart/form-data; boundary=xyz"}
    body = b"--xyz\r\nContent-Disposition: form-data\r\n\r\na\r\n--xyz--\r\n"
    sent = send(floor, "POST", "https://media.s3.amazonaws.com/", headers, body)
    assert code(sent) == "MalformedPOSTRequest"


def test_token_instead_of_credentials() -> None:
    """A client that sends a token signs nothing, and no key of it is noted."""
    floor, token = S3Floor(), object()
    signer = SimpleNamespace(_credentials="some")
    assert floor._get_auth_instance(lambda signer: token, signer) is token
    assert floor.buckets.secrets == {}


@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_signed_requests(floor: S3Floor, client: Any, version: str, style: str) -> None:
    """Requests of clients have valid signatures, at each endpoint."""
    import boto3.session
    from botocore.config import Config

    config = Config(signature_version=version, s3={"addressing_style": style})
    for region, endpoint in [
        ("us-east-1", None),
        ("cn-north-1", None),
        ("us-gov-west-1", None),
        ("us-east-1", "https://objects.example:9000"),
        ("us-east-1", "https://objects.example:9000/deep"),
    ]:
        client = boto3.session.Session().client("s3", region, config=config, endpoint_url=endpoint)
        client.put_object(Bucket="media", Key="ü b/+~", Body=b"a", Metadata={"by": "a  b"})
        client.put_object_tagging(Bucket="media", Key="ü b/+~", Tagging=TAG)
        listed = client.list_objects_v2(Bucket="media", Prefix="ü b/+", StartAfter="a&b")
        assert [each["Key"] for each in listed["Contents"]] == ["ü b/+~"]
        got = client.get_object(Bucket="media", Key="ü b/+~", ResponseContentType="a/b c")
        assert (got["Body"].read(), got["ContentType"]) == (b"a", "a/b c")


@pytest.mark.parametrize("option", ["use_dualstack_endpoint", "use_accelerate_endpoint"])
def test_endpoints(floor: S3Floor, client: Any, option: str) -> None:
    """Clients of Amazon's other endpoints reach the same buckets."""
    import boto3.session
    from botocore.config import Config

    client.put_object(Bucket="media", Key="a", Body=b"content")
    other = boto3.session.Session().client("s3", "eu-west-1", config=Config(s3={option: True}))
    assert other.get_object(Bucket="media", Key="a")["Body"].read() == b"content"


def test_waiters_and_pages(client: Any) -> None:
    """Waiters and paginators end, and events see each request."""
    seen: list[str] = []
    client.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.method))
    client.get_waiter("bucket_exists").wait(Bucket="media")
    for key in ("a", "b", "c"):
        client.put_object(Bucket="media", Key=key, Body=b"")
    client.get_waiter("object_exists").wait(Bucket="media", Key="a")
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket="media", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Contents"]) for page in pages] == [2, 1]
    versions = client.get_paginator("list_object_versions").paginate(
        Bucket="media", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Versions"]) for page in versions] == [2, 1]
    client.delete_object(Bucket="media", Key="a")
    client.get_waiter("object_not_exists").wait(Bucket="media", Key="a")
    assert seen == ["HEAD", *["PUT"] * 3, "HEAD", *["GET"] * 4, "DELETE", "HEAD"]


def test_missing_right_to_list() -> None:
    """Without the right to list, missing objects are refused with 403, which exists() raises."""
    from botocore.exceptions import ClientError
    from storages.backends.s3 import S3Storage

    with override_storages():
        storage = S3Storage(bucket_name="media")
        with override_storages(may_list=False), pytest.raises(ClientError, match="403"):
            storage.exists("missing")
        assert not storage.exists("missing")


def test_content_by_reference(floor: S3Floor, client: Any) -> None:
    """An object is the bytes of the request, and a whole read returns them."""
    content = b"content"
    url = client.generate_presigned_url("put_object", {"Bucket": "media", "Key": "a"})
    send(floor, "PUT", url, {}, content)
    url = client.generate_presigned_url("get_object", {"Bucket": "media", "Key": "a"})
    assert send(floor, "GET", url).body is content


def test_storage_stays(floor: S3Floor) -> None:
    """override_storages() keeps an S3Storage on the floor, and takes its files back."""
    from storages.backends.s3 import S3Storage

    class MediaStorage(S3Storage):
        bucket_name = "media"

    with override_storages():
        storage = MediaStorage()
        storage.save("a", ContentFile(b"content"))
        assert type(storage) is MediaStorage
        assert storage.bucket.Object("a").get()["Body"].read() == b"content"
    assert not storage.exists("a")
