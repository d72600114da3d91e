"""GoogleCloudStorage on buckets in memory, against the same on fake-gcs-server."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock
from urllib.parse import unquote

import pytest
import time_machine
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st
from object_stores.deviations import FAKE_GCS, Deviation, assert_shows, compared, kept, shown
from object_stores.gcs_server import (
    INSTALLED,
    client_of,
    gcs_server,
    needs_gcs,
    numbers,
    unset_account,
)
from object_stores.programs import CONTENTS, Operation, programs, read, storage_api, write

from inmemorystorage.buckets.http import Response
from inmemorystorage.exceptions import UnsupportedRequest
from inmemorystorage.testing import override_storages
from inmemorystorage.testing.bucket_floor import Exchange, Proceed, floor_of, observed_by
from inmemorystorage.testing.gcs_floor import GCSFloor
from inmemorystorage.tree.journal import Savepoint

if INSTALLED:
    import requests
    from google.api_core.client_options import ClientOptions
    from google.api_core.exceptions import (
        NotFound,
        NotModified,
        PreconditionFailed,
        ServiceUnavailable,
    )

pytestmark = [
    needs_gcs,
    # GoogleCloudFile closes no file of a failed read.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# What differs between two runs.
IGNORED = {
    *("bucket", "etag", "generation", "id", "mediaLink", "selfLink", "timeCreated", "updated"),
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
        path = re.sub("pageToken=.*?&(maxResults|projection)", r"pageToken&\1", path)
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


def _upload(side: Side, key: str, content: bytes, **sent: Any) -> Any:
    condition = sent.pop("if_generation_match")
    is_resumable = sent.pop("is_resumable")
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
        if blob is None:
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
HEADERS = {
    "content_type": st.sampled_from([None, "text/css"]),
    "cache_control": st.sampled_from([None, "max-age=9"]),
    "content_disposition": st.sampled_from([None, "attachment"]),
}
ATTRIBUTES = {**HEADERS, "metadata": st.sampled_from([None, {"by": "me"}, {"of": "ü"}])}
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
    # Copies share their metadata on the emulator: a patch of one changes both.
    "patch": (_change("patch"), {**KEYS, **HEADERS}),
    "update": (_change("update"), {**KEYS, **HEADERS}),
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
        for text, operation in kept(FAKE_GCS, steps):
            ours, theirs = outcome(operation, moved), outcome(operation, real)
            ours, theirs = compared(FAKE_GCS, text, ours, theirs)
            assert (text, ours) == (text, theirs)
            assert (text, moved.requests) == (text, real.requests)


@pytest.mark.parametrize("deviation", shown(FAKE_GCS))
def test_emulator_deviates(emulator: str, deviation: Deviation) -> None:
    """The emulator contradicts the reference, as its list says."""
    with sides(emulator) as (real, moved):
        for name, sent in deviation.shown_by:
            call, *_ = CLIENT[name]
            ours, theirs = [outcome(partial(call, **sent), side) for side in (moved, real)]
    assert_shows(deviation, FAKE_GCS, f"{name}({sent})", ours, theirs)


@pytest.mark.unmeasured
@given(programs(storage_api()))
def test_storage_as_on_the_emulator(emulator: str, steps: list[Operation]) -> None:
    """The storage API returns, raises and requests the same as on fake-gcs-server."""
    compare(emulator, steps)


@pytest.mark.unmeasured
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
            (f"read {name}", lambda side, name=name: read(side, name, "rb")),
            (f"size {name}", lambda side, name=name: side.storage.size(name)),
            (f"get {name}", lambda side, key=key: _get(side, key)),
            (f"write {name}", lambda side, name=name: write(side, name, b"more")),
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


def test_without_account(client: Any) -> None:
    """A client needs no account, no project and no network, and signs URLs."""
    assert client.project == "in-memory"
    assert [each.name for each in client.list_buckets()] == ["media"]
    assert client.get_bucket("media").location == "US"
    with pytest.raises(UnsupportedRequest, match="fake-gcs-server"):
        client.get_service_account_email()


def test_accounts_stay(floor: GCSFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client keeps its own account, which is not refreshed."""
    from google.auth.credentials import AnonymousCredentials, Credentials
    from google.cloud.storage import Client

    class Account(Credentials):  # type: ignore[misc]
        def refresh(self, request: Any) -> None:
            raise AssertionError("It is refreshed.")

    unset_account(monkeypatch)
    account = Account()
    for made in (
        Client("project", account),
        Client(project="project", credentials=account, client_options={"scopes": ["a"]}),
    ):
        assert made._credentials is account
        assert not made.bucket("media").exists()
    options = ClientOptions(api_endpoint="https://gcs.example")
    other = Client("project", client_options=options)
    assert not other.bucket("media").exists()
    assert isinstance(Client.create_anonymous_client()._credentials, AnonymousCredentials)
    with mock.patch("google.auth.default", return_value=(account, "own")):
        made = Client()
    assert (made._credentials, made.project) == (account, "own")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "https://gcs.example")
    emulated = Client()
    assert isinstance(emulated._credentials, AnonymousCredentials)
    assert emulated.create_bucket("media").name == "media"


@pytest.mark.parametrize("worker_type", ["process", "thread"])
def test_transfer_manager(client: Any, tmp_path: Path, worker_type: str) -> None:
    """Many files are sent and received by threads, since other processes have no buckets."""
    from google.cloud.storage import transfer_manager

    names, bucket = ["a", "b"], client.bucket("media")
    for name in names:
        (tmp_path / name).write_text(name)
    options = {"worker_type": worker_type, "raise_exception": True}
    transfer_manager.upload_many_from_filenames(bucket, names, str(tmp_path), **options)
    transfer_manager.download_many_to_path(bucket, names, str(tmp_path / "new"), **options)
    assert (tmp_path / "new/b").read_text() == "b"


def test_older_transfer_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer manager that chooses its workers otherwise stays as it is."""
    from google.cloud.storage import transfer_manager

    monkeypatch.delattr(transfer_manager, "_get_pool_class_and_requirements")
    with GCSFloor():
        assert not hasattr(transfer_manager, "_get_pool_class_and_requirements")


def test_refused_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection by gRPC to the service is refused, and those to other services are made."""
    modules = {name: ModuleType(name) for name in ("grpc", "grpc.aio")}
    for name, module in modules.items():
        module.secure_channel = lambda target, credentials: target  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    with GCSFloor():
        for module in modules.values():
            assert module.secure_channel("firestore.googleapis.com", None)
            for target in ("storage.googleapis.com:443", "google-c2p:///storage.googleapis.com"):
                with pytest.raises(UnsupportedRequest, match=r"gRPC.*JSON API"):
                    module.secure_channel(target, None)
    assert modules["grpc"].secure_channel("storage.googleapis.com", None)


def test_marked_requests(floor: GCSFloor) -> None:
    """The older host of the JSON API is the service's by its path; others are by the client."""
    origin = "https://www.googleapis.com"
    assert floor.endpoint_at(origin, f"{origin}/upload/storage/v1/b/media/o") == origin
    assert floor.endpoint_at(origin, f"{origin}/drive/v3/files") is None


def test_older_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was made before the floor is answered, in any thread."""
    from google.cloud.storage import Client

    with GCSFloor():
        older = Client()
    with GCSFloor():
        older.create_bucket("media")
        with ThreadPoolExecutor() as pool:
            assert pool.submit(older.bucket("media").exists).result()


def test_floor_is_taken_away(emulator: str) -> None:
    """After the floor a client reaches its endpoint, and during it other hosts are reached."""
    client = client_of(emulator)
    with GCSFloor():
        client.create_bucket("while-active")
        response = client._http.request("GET", f"{emulator}/storage/v1/b/while-active")
        assert response.status_code == 200
    assert client.bucket("while-active").exists()


def test_pages(bucket: Any) -> None:
    """A page has 1000 objects at most."""
    for number in range(1001):
        bucket.blob(f"{number:04}").upload_from_string(b"")
    pages = [len(list(page)) for page in bucket.list_blobs().pages]
    assert pages == [1000, 1]


def test_batch(client: Any, bucket: Any) -> None:
    """A batch sends its requests as one, and reports the errors of each."""
    for key in ("a", "b"):
        bucket.blob(key).upload_from_string(b"content")
    with client.batch(raise_exception=False) as batch:
        bucket.delete_blob("a")
        bucket.delete_blob("missing")
        bucket.blob("b").patch()
    assert [each.status_code for each in batch._responses] == [204, 404, 200]
    with pytest.raises(NotFound), client.batch():
        bucket.delete_blob("missing")
    bucket.delete_blobs(["b"])
    assert list(bucket.list_blobs()) == []


def test_conditions(bucket: Any) -> None:
    """Conditions on generations are checked."""
    blob = bucket.blob("a")
    blob.upload_from_string(b"1", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"2", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        blob.reload(if_generation_match=1)
    with pytest.raises(NotModified):
        blob.download_as_bytes(if_generation_not_match=blob.generation)
    with pytest.raises(PreconditionFailed):
        blob.delete(if_metageneration_match=2)
    old = blob.generation
    bucket.blob("a").upload_from_string(b"2")
    with pytest.raises(NotFound):  # as the link to its content says
        blob.download_as_bytes()
    assert bucket.get_blob("a").generation > old


def test_access(bucket: Any) -> None:
    """Access is granted by the client, and read."""
    blob = bucket.blob("a")
    blob.upload_from_string(b"", predefined_acl="projectPrivate")
    blob.make_public()
    assert "READER" in blob.acl.all().get_roles()
    blob.acl.reload()
    assert len(list(blob.acl)) == 5
    blob.make_private()
    blob.acl.save_predefined("publicRead")
    assert requests.get(blob.public_url).content == b""


def test_resumable_upload(bucket: Any) -> None:
    """A large file is sent in chunks, and one of them again after an error."""
    content = b"0123456789abcdef" * (1 << 16)
    blob = bucket.blob("big", chunk_size=256 << 10)
    failed = Failing([None, None, Response(503)])
    with observed_by(failed):
        blob.upload_from_file(io.BytesIO(content), content_type="a/b")
    assert blob.download_as_bytes() == content
    assert len(failed.kinds) == 7
    with blob.open("wb", chunk_size=256 << 10) as file:
        file.write(content * 2)
    assert bucket.get_blob("big").size == 2 << 20


def test_signed_urls(bucket: Any) -> None:
    """A signed URL puts and gets an object until it expires."""
    blob = bucket.blob("a ü/b")
    hour = timedelta(hours=1)
    put = blob.generate_signed_url(hour, method="PUT", version="v4", content_type="text/css")
    get = blob.generate_signed_url(
        hour, version="v4", virtual_hosted_style=True, response_disposition="attachment"
    )
    assert requests.put(put, b"content", headers={"content-type": "text/css"}).status_code == 200
    answered = requests.get(get)
    assert answered.content == b"content"
    assert answered.headers["content-disposition"] == "attachment"
    assert requests.put(put, b"content", headers={"content-type": "a/b"}).status_code == 403
    assert requests.get(get.replace("attachment", "inline")).status_code == 403
    assert requests.get(blob.generate_signed_url(hour, version="v2")).content == b"content"
    with time_machine.travel(time.time() + 3601):
        assert "ExpiredToken" in requests.get(get).text
    with pytest.raises(ValueError, match="604800"):
        blob.generate_signed_url(timedelta(days=8), version="v4")


def test_signed_form(client: Any, bucket: Any) -> None:
    """A signed form stores a file, and one that was changed does not."""
    form = client.generate_signed_post_policy_v4("media", "a", timedelta(hours=1))
    files = {"file": ("me.txt", b"content")}
    assert requests.post(form["url"], data=form["fields"], files=files).status_code == 204
    assert bucket.blob("a").download_as_bytes() == b"content"
    changed = {**form["fields"], "key": "b"}
    assert requests.post(form["url"], data=changed, files=files).status_code == 403


class Failing:
    """An observer that answers requests in turn, or raises; ``None`` proceeds."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.kinds: list[str] = []

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Return the next answer."""
        self.kinds.append(exchange.target.kind)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return proceed(exchange) if answer is None else answer


@pytest.mark.parametrize("failure", [ConnectionResetError(), TimeoutError(), Response(503)])
def test_retries(bucket: Any, failure: Any) -> None:
    """The client sends again after a reset connection, a timeout and an error of the service."""
    bucket.blob("a").upload_from_string(b"content")
    with observed_by(Failing([failure])):
        assert bucket.blob("a").download_as_bytes() == b"content"
    errors = (requests.ConnectionError, requests.ReadTimeout, ServiceUnavailable)
    with observed_by(Failing([failure])), pytest.raises(errors):
        bucket.blob("a").reload(retry=None)


def test_reset_of_a_body(bucket: Any) -> None:
    """The client continues a download whose connection was reset."""
    content = b"0123456789" * 1000
    bucket.blob("a").upload_from_string(content)
    reset = Resetting()
    with observed_by(reset):
        assert bucket.blob("a").download_as_bytes() == content
    assert reset.ranges == ["", "bytes=8192-"]


class Resetting:
    """An observer that resets the connection of the first download."""

    def __init__(self) -> None:
        self.ranges: list[str] = []

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Return the answer, at first without its end."""
        self.ranges.append(exchange.request.headers.get("range", ""))
        answered = proceed(exchange)
        return replace(answered, reset_after=9000) if len(self.ranges) == 1 else answered


def test_rollback(bucket: Any) -> None:
    """A savepoint undoes changes through the client."""
    bucket.blob("a").upload_from_string(b"1")
    savepoint = Savepoint()
    bucket.blob("a").upload_from_string(b"2")
    bucket.blob("b").upload_from_string(b"2")
    bucket.blob("a").make_public()
    savepoint.rollback()
    assert [each.name for each in bucket.list_blobs()] == ["a"]
    assert bucket.blob("a").download_as_bytes() == b"1"


def test_frozen_clock(bucket: Any) -> None:
    """The times of an object are those of the clock, and its generations increase."""
    with time_machine.travel("2020-01-01T00:00:00Z", tick=False):
        first, second = bucket.blob("a"), bucket.blob("a")
        first.upload_from_string(b"")
        second.upload_from_string(b"")
    assert second.generation == first.generation + 1
    assert second.time_created == second.updated == datetime(2020, 1, 1, tzinfo=timezone.utc)


def test_subclass(floor: GCSFloor) -> None:
    """override_storages() keeps a subclass on the floor, with its bucket and its location."""
    from storages.backends.gcloud import GoogleCloudStorage

    class PrivateStorage(GoogleCloudStorage):  # type: ignore[misc]
        bucket_name = "private"
        location = "media/"
        file_overwrite = False

    with override_storages():
        storage = PrivateStorage()
        assert storage.save("a", ContentFile(b"content")) == "a"
        assert storage.save("a", ContentFile(b"content")) != "a"
        assert type(storage) is PrivateStorage
        assert storage.bucket.blob("media/a").exists()
        assert requests.get(storage.url("a")).content == b"content"
        placed = floor_of(storage).place(storage)
        assert (placed.prefix, placed.url) == ("media/", "gs://private/media/")
        assert floor.service_url(storage, "https://a.example/b") == "https://a.example/b"
    assert not storage.exists("a")


def test_signing_by_another_service(floor: GCSFloor) -> None:
    """A storage that signs by IAM saves files, and cannot sign."""
    from storages.backends.gcloud import GoogleCloudStorage

    storage = GoogleCloudStorage(bucket_name="media", iam_sign_blob=True)
    storage.save("a", ContentFile(b"content"))
    assert storage.exists("a")
    with pytest.raises(UnsupportedRequest, match="iam_sign_blob"):
        storage.url("a")
    blob = storage.bucket.blob("a")
    with pytest.raises(UnsupportedRequest, match="iam_sign_blob"):
        blob.generate_signed_url(9, access_token="a", service_account_email="a", version="v4")


def test_signing_by_a_mock(floor: GCSFloor) -> None:
    """A storage that signs by IAM signs with mocks of its account and of the signing."""
    from google.cloud.storage import Blob
    from storages.backends.gcloud import GoogleCloudStorage

    account = mock.Mock(service_account_email="a@example.com", token="token")
    storage = GoogleCloudStorage(bucket_name="media", iam_sign_blob=True)
    storage.bucket.blob("a").upload_from_string(b"content")
    storage.credentials = account
    with mock.patch.object(Blob, "generate_signed_url", return_value="signed") as sign:
        assert storage.url("a") == "signed"
    assert sign.call_args.kwargs["service_account_email"] == "a@example.com"


def test_older_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of a release that asks for no metadata of buckets are answered."""
    from google.cloud.storage import Client

    unset_account(monkeypatch)
    monkeypatch.setitem(sys.modules, "google.cloud.storage._bucket_metadata_cache", None)
    with GCSFloor():
        assert Client().create_bucket("media").exists()
