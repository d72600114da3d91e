"""GoogleCloudStorage on buckets in memory, against the same on fake-gcs-server."""

from __future__ import annotations

import gc
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st
from object_stores.gcs_server import client_of, gcs_server, needs_gcs, numbers, unset_account
from object_stores.programs import Operation, programs

from inmemorystorage.testing.gcs_floor import GCSFloor

pytestmark = [
    needs_gcs,
    # GoogleCloudFile closes no file of a failed read.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# What differs between two runs.
IGNORED = {
    *("bucket", "etag", "generation", "id", "mediaLink", "selfLink", "timeCreated", "updated"),
    # Where the emulator contradicts the page "Objects" of the JSON API reference: it has no owner,
    # another ACL, and no number of components; a composed object has an MD5 digest, and a patch
    # increases no metageneration and returns other fields.
    *("acl", "componentCount", "created", "customTime", "deleted", "kind", "md5Hash"),
    *("metageneration", "owner", "timeFinalized", "timeStorageClassUpdated"),
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """Yield the URL of a running fake-gcs-server."""
    with gcs_server() as url:
        yield url


@dataclass
class Side:
    """A storage, and the requests that its client sends."""

    storage: Any
    requests: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.storage.client._http.hooks["response"].append(self._record)

    def _record(self, response: Any, **kwargs: Any) -> None:
        path = re.sub(r"https?://[^/]+", "", unquote(response.request.url))
        path = re.sub(r"_\w{7}\.", "_random.", path)
        path = re.sub("uploadType=resumable&.*upload_id=.*", "upload_id", path)
        path = re.sub("pageToken=[^&]*", "pageToken", path)
        path = re.sub(r"(eneration\w+)=\d{5,}", r"\1", path)
        # The emulator's links to media name no generation.
        path = re.sub(r"\?generation=\d+&alt=media", "?alt=media", path)
        path = re.sub(r"generation=\d+", "generation", path)
        self.requests.append((response.request.method, path))


def plain(value: Any) -> Any:
    """Return a value without what differs between two runs."""
    if isinstance(value, dict):
        shown = {key: plain(each) for key, each in sorted(value.items()) if key not in IGNORED}
        return {key: each for key, each in shown.items() if each != ""}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return "aware" if value.tzinfo else "naive"
    if hasattr(value, "_properties"):
        return plain(value._properties)
    return value


def outcome(operation: Callable[[Side], Any], side: Side) -> Any:
    """Return what an operation returns or raises."""
    try:
        return plain(operation(side))
    except Exception as error:
        return type(error).__module__, type(error).__name__, getattr(error, "code", None)


@contextmanager
def sides(emulator: str, **options: Any) -> Iterator[tuple[Side, Side]]:
    """Yield a GoogleCloudStorage on fake-gcs-server, and one on buckets in memory."""
    from storages.backends.gcloud import GoogleCloudStorage

    name = f"bucket-{next(numbers)}"
    with GCSFloor(left=(emulator,)):
        real = GoogleCloudStorage(bucket_name=name, **options)
        real._client = client_of(emulator)
        real.client.create_bucket(name)
        yield Side(real), Side(GoogleCloudStorage(bucket_name=name, **options))


NAMES = st.sampled_from(["a", "a/b", "dir/b.txt", "dir/c.css", "dir/", "ü &<.txt", "", "no/../a"])
CONTENTS = st.sampled_from([b"", b"hello", b"0123456789" * 300, bytes(range(256))])


def _read(side: Side, name: str, mode: str) -> Any:
    file = side.storage.open(name, mode)
    first = file.read(2)
    rest = file.read()
    file.close()
    again = file.read()  # GoogleCloudFile opens again
    file.close()
    return first, rest, file.size, file.closed, again


def _write(side: Side, name: str, content: bytes) -> None:
    with side.storage.open(name, "wb") as file:
        if content:
            file.write(content[:2])
            file.write(content[2:])


STORAGE = {
    "save": (lambda side, *sent: side.storage.save(sent[0], ContentFile(sent[1])), NAMES, CONTENTS),
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


def _upload(side: Side, key: str, content: bytes, **sent: Any) -> Any:
    condition = sent.pop("if_generation_match")
    # The emulator does not check the conditions of resumable uploads.
    is_resumable = sent.pop("is_resumable") and condition is None
    blob = side.storage.bucket.blob(key, chunk_size=256 << 10 if is_resumable else None)
    content_type = sent.pop("content_type")
    for name, value in sent.items():
        if value is not None:
            setattr(blob, name, value)
    blob.upload_from_file(
        io.BytesIO(content),
        size=None if is_resumable else len(content),
        content_type=content_type,
        if_generation_match=condition,
    )
    return blob


def _download(side: Side, key: str, **sent: Any) -> Any:
    return side.storage.bucket.blob(key).download_as_bytes(**sent)


def _download_in_chunks(side: Side, key: str) -> Any:
    blob = side.storage.bucket.get_blob(key)
    with blob.open("rb", chunk_size=256 << 10) as file:
        return file.read(5), file.seek(2), file.read()


def _get(side: Side, key: str) -> Any:
    return side.storage.bucket.get_blob(key)


def _blob(name: str) -> Callable[..., Any]:
    def call(side: Side, key: str, **sent: Any) -> Any:
        return getattr(side.storage.bucket.blob(key), name)(**sent)

    return call


def _change(name: str) -> Callable[..., Any]:
    def call(side: Side, key: str, **sent: Any) -> Any:
        blob = side.storage.bucket.get_blob(key)
        if blob is None or not any(sent.values()):  # the emulator refuses an empty patch
            return None
        for field_, value in sent.items():
            if value is not None:
                setattr(blob, field_, value or None)
        getattr(blob, name)()
        return blob

    return call


def _copy(side: Side, key: str, to: str) -> Any:
    bucket = side.storage.bucket
    return bucket.copy_blob(bucket.blob(key), bucket, to)


def _rename(side: Side, key: str, to: str) -> Any:
    bucket = side.storage.bucket
    return bucket.rename_blob(bucket.blob(key), to)


def _rewrite(side: Side, key: str, to: str) -> Any:
    bucket = side.storage.bucket
    return bucket.blob(to).rewrite(bucket.blob(key))


def _compose(side: Side, keys: list[str], to: str) -> Any:
    bucket = side.storage.bucket
    blob = bucket.blob(to)
    blob.content_type = "text/plain"
    # On the emulator a missing source is 500, and the attributes are those of another object.
    sources = [bucket.blob(key) for key in keys if bucket.blob(key).exists()]
    if not sources:
        return None
    blob.compose(sources)
    content = blob.download_as_bytes()
    blob.delete()
    return blob.size, blob.crc32c, content


def _list(side: Side, **sent: Any) -> Any:
    sent = {name: value for name, value in sent.items() if value is not None}
    blobs = side.storage.bucket.list_blobs(**sent)
    return [list(blobs), sorted(blobs.prefixes)]


def _delete_many(side: Side, keys: list[str]) -> Any:
    missing: list[Any] = []
    side.storage.bucket.delete_blobs(keys, on_error=lambda blob: missing.append(blob))
    return missing


def _bucket(name: str) -> Callable[..., Any]:
    def call(side: Side, **sent: Any) -> Any:
        return getattr(side.storage.bucket, name)(**sent)

    return call


KEY = st.sampled_from(["a", "a/b", "dir/b.txt", "dir//a", "dir/", "ü &<.txt"])
KEYS = {"key": KEY}
PREFIX = {"prefix": st.sampled_from([None, "a", "dir/", "dir", "x"])}
SOME = st.lists(KEY, min_size=1, max_size=3)
ATTRIBUTES = {
    "content_type": st.sampled_from([None, "text/css"]),
    "cache_control": st.sampled_from([None, "max-age=9"]),
    "content_disposition": st.sampled_from([None, "attachment"]),
    "metadata": st.sampled_from([None, {"by": "me"}, {"of": "ü"}]),
}
CLIENT = {
    "upload": (_upload, {
        **KEYS, **ATTRIBUTES, "content": CONTENTS,
        "if_generation_match": st.sampled_from([None, None, 0, 7]),
        "is_resumable": st.booleans(),
    }),
    "download": (_download, {
        **KEYS, "start": st.sampled_from([None, 0, 2]), "end": st.sampled_from([None, 3, 9])}),
    "download_in_chunks": (_download_in_chunks, KEYS),
    "get_blob": (_get, KEYS),
    "exists": (_blob("exists"), KEYS),
    "delete": (_blob("delete"), KEYS),
    "patch": (_change("patch"), {**KEYS, **ATTRIBUTES}),
    "update": (_change("update"), {**KEYS, **ATTRIBUTES}),
    "copy": (_copy, {**KEYS, "to": KEY}),
    "rename": (_rename, {**KEYS, "to": KEY}),
    "rewrite": (_rewrite, {**KEYS, "to": KEY}),
    "compose": (_compose, {"keys": SOME, "to": KEY}),
    # The emulator counts no groups on a page, and compares offsets with names of groups.
    "list": (_list, {**PREFIX, "delimiter": st.sampled_from(["/", "b"]),
                     "include_trailing_delimiter": st.sampled_from([None, True])}),
    "list_pages": (_list, {
        **PREFIX, "max_results": st.sampled_from([None, 1, 2]),
        "page_size": st.sampled_from([None, 1, 2]),
        "start_offset": st.sampled_from([None, None, "a/b", "dir"]),
        "end_offset": st.sampled_from([None, None, "a/b", "dir0"]),
    }),
    "delete_blobs": (_delete_many, {"keys": SOME}),
    "bucket.exists": (_bucket("exists"), {}),
}  # fmt: skip


def compare(emulator: str, steps: list[Operation], **options: Any) -> None:
    """Run operations on both sides; assert equal outcomes and requests."""
    with sides(emulator, **options) as (real, moved):
        for text, operation in steps:
            assert (text, outcome(operation, moved)) == (text, outcome(operation, real))
            assert (text, moved.requests) == (text, real.requests)
    gc.collect()  # what GoogleCloudFile left open, in this test


@given(programs(STORAGE))
def test_storage_as_on_the_emulator(emulator: str, steps: list[Operation]) -> None:
    """The storage API returns, raises and requests the same as on fake-gcs-server."""
    compare(emulator, steps)


@given(programs(CLIENT))
def test_client_as_on_the_emulator(emulator: str, steps: list[Operation]) -> None:
    """Calls through the bucket return, raise and request the same as on fake-gcs-server."""
    compare(emulator, steps)


OPTIONS: dict[str, dict[str, Any]] = {
    "location": {"location": "media"},
    "no overwrite": {"file_overwrite": False},
    "gzip": {"gzip": True},
    "parameters": {"object_parameters": {"cache_control": "max-age=9", "content_language": "de"}},
    "acl": {"default_acl": "publicRead"},
    "memory": {"max_memory_size": 10},
    "chunks": {"blob_chunk_size": 256 << 10},
    "unsigned": {"querystring_auth": False},
    "endpoint": {"querystring_auth": False, "custom_endpoint": "https://media.example.com"},
}


def _saving(name: str, content: bytes) -> Operation:
    return f"save {name}", lambda side: side.storage.save(name, ContentFile(content))


def _without_host(url: str) -> str:
    return re.sub(r"https?://[^/]+/bucket-\d+", "", url)


@pytest.mark.parametrize("options", [pytest.param(each, id=name) for name, each in OPTIONS.items()])
def test_options_as_on_the_emulator(emulator: str, options: dict[str, Any]) -> None:
    """Each option of GoogleCloudStorage has the same effects as on fake-gcs-server."""
    steps = [
        *(_saving("a.css", b"a {}" * 99), _saving("d/b.gz", b"c"), _saving("d/e", b"")),
        _saving("big", b"0123456789abcdef" * 40_000),
        ("available", lambda side: len(side.storage.get_available_name("a.css"))),
    ]
    for name in ("a.css", "d/b.gz", "d/e", "big", "missing"):
        key = f"{options.get('location', '')}/{name}".lstrip("/")
        steps += [
            (f"read {name}", lambda side, name=name: _read(side, name, "rb")),
            (f"size {name}", lambda side, name=name: side.storage.size(name)),
            (f"get {name}", lambda side, key=key: _get(side, key)),
            (f"write {name}", lambda side, name=name: _write(side, name, b"more")),
        ]
    steps += [("listdir", lambda side: side.storage.listdir("")), ("list", _list)]
    if not options.get("querystring_auth", True):
        steps.append(("url", lambda side: _without_host(side.storage.url("d/ü b"))))
    compare(emulator, steps, **options)


# What the reference says and the emulator does not do, or not at all.


@pytest.fixture
def floor() -> Iterator[GCSFloor]:
    """Yield an active floor."""
    with GCSFloor() as floor:
        yield floor


@pytest.fixture
def client(floor: GCSFloor, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client of a bucket "media", made without an account."""
    from google.cloud.storage import Client

    unset_account(monkeypatch)
    client = Client()
    client.create_bucket("media")
    return client


@pytest.fixture
def bucket(client: Any) -> Any:
    """Return the bucket "media" of the client."""
    return client.bucket("media")
