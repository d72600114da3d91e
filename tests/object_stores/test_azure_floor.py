"""AzureStorage on buckets in memory, against the same on Azurite."""

from __future__ import annotations

import asyncio
import gc
import io
import itertools
import re
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import partial
from importlib.metadata import version
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import base, storages
from hypothesis import given
from hypothesis import strategies as st
from object_stores.azurite import ACCOUNT, KEY, Azurite, has_client, numbers, run_azurite
from object_stores.deviations import AZURITE, Deviation, assert_shows, compared, kept, shown
from object_stores.programs import CONTENTS, Operation, programs, storage_api, write

from inmemorystorage.buckets import azure
from inmemorystorage.buckets.http import Response
from inmemorystorage.testing import override_storages
from inmemorystorage.testing.azure_floor import AzureFloor
from inmemorystorage.testing.bucket_floor import Exchange, Proceed, floor_of, observed_by
from inmemorystorage.testing.requests_adapter import answered_by
from inmemorystorage.tree.journal import Savepoint

requests: Any = pytest.importorskip("requests")

pytestmark = [
    pytest.mark.skipif(not has_client(), reason="django-storages[azure] is not installed"),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    # AzureStorageFile does not close its temporary file when a read fails.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning"),
]


# Parameters that older clients and storages lack.
needs_newer = pytest.mark.skipif(
    not has_client() or version("azure-storage-blob") < "12.20", reason="the client is too old"
)


@pytest.fixture(scope="module")
def azurite() -> Iterator[Azurite]:
    """Yield a running Azurite."""
    with run_azurite() as azurite:
        yield azurite


@dataclass
class Side:
    """A storage, and the requests that its clients send."""

    storage: Any
    requests: list[tuple[str, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def client(self) -> Any:
        """Return the client of the container."""
        return self.storage.client

    def random(self, length: int) -> str:
        """Return the next of the strings that make a name unique."""
        return f"{next(self.numbers):0{length}}"

    def record(self, method: str, url: str) -> None:
        """Note a request without what differs between two runs."""
        path = urlsplit(url).path.replace(self.storage.azure_container, "CONTAINER")
        query = re.sub("(sig|marker|blockid|se|st|sv|ske|skt)=[^&]*", r"\1", urlsplit(url).query)
        # Azurite returns a prefix that was not sent, and the client sends it for the next page.
        query = query.replace("&prefix=&", "&").replace(self.storage.azure_container, "CONTAINER")
        self.requests.append((method, f"{path}?{query}"))


# What differs between two runs.
IGNORED = {
    *("etag", "date", "last_modified", "creation_time", "request_id", "client_request_id"),
    *("version", "copy_id", "blob_tier_change_time", "completion_time", "id", "start"),
    *("Server", "location_mode", "container"),
}


def plain(value: Any) -> Any:
    """Return an answer without what differs between two runs."""
    if isinstance(value, (str, bytes, int, float, type(None))) and not isinstance(value, Enum):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, datetime):
        return "aware" if value.tzinfo else "naive"
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    items = value.items() if hasattr(value, "items") else vars(value).items()
    return {key: plain(each) for key, each in sorted(items) if key not in IGNORED}


def outcome(operation: Callable[[Side], Any], side: Side) -> Any:
    """Return what an operation returns or raises."""
    try:
        with mock.patch.object(base, "get_random_string", side.random):
            return plain(operation(side))
    except Exception as error:
        status = getattr(error, "status_code", None)
        code = getattr(error, "error_code", None)
        text = "" if status else str(error)
        return type(error).__module__, type(error).__name__, status, text, plain(code)


@contextmanager
def resolved() -> Iterator[None]:
    """Resolve the names below localhost, which not every machine does."""
    getaddrinfo = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        is_local = isinstance(host, str) and host.endswith(".localhost")
        return getaddrinfo("127.0.0.1" if is_local else host, *args, **kwargs)

    with mock.patch.object(socket, "getaddrinfo", resolve):
        yield


def _with_endpoint(options: dict[str, Any], host: str) -> dict[str, Any]:
    """Return options with the endpoint of a service in their connection string."""
    if "connection_string" not in options:
        return options
    endpoint = f"BlobEndpoint=http://{ACCOUNT}.blob.{host}"
    text = f"{endpoint};AccountName={ACCOUNT};AccountKey={KEY}"
    return {**options, "account_key": None, "connection_string": text}


@contextmanager
def sides(azurite: Azurite, **options: Any) -> Iterator[tuple[Side, Side]]:
    """Yield an AzureStorage on Azurite, and one on buckets in memory."""
    from azure.core.pipeline.transport import RequestsTransport
    from storages.backends.azure_storage import AzureStorage

    given = {"account_name": ACCOUNT, "account_key": KEY, **options}
    given["azure_container"] = azurite.make_container()
    port = urlsplit(azurite.endpoint).port
    hosts = (f"core.localhost:{port}", "core.windows.net")
    with resolved(), AzureFloor():
        real, moved = [
            Side(AzureStorage(**_with_endpoint(given, host), azure_ssl=False, endpoint_suffix=host))
            for host in hosts
        ]
        send = RequestsTransport.send

        def record(transport: Any, request: Any, **kwargs: Any) -> Any:
            side = real if f":{port}/" in request.url else moved
            side.record(request.method, request.url)
            return send(transport, request, **kwargs)

        with mock.patch.object(RequestsTransport, "send", record):
            yield real, moved


def compare(azurite: Azurite, steps: list[Operation], **options: Any) -> None:
    """Run operations on both sides; assert equal outcomes and requests."""
    with sides(azurite, **options) as (real, moved):
        for text, operation in kept(AZURITE, steps):
            ours, theirs = outcome(operation, moved), outcome(operation, real)
            ours, theirs = compared(AZURITE, text, ours, theirs)
            assert (text, ours) == (text, theirs)
            assert (text, moved.requests) == (text, real.requests)


NAMES = st.sampled_from(
    ["a", "a/b", "dir/b.txt", "dir/c.css", "dir/", "ü &<.txt", "", "no/../a", "../a", ".a."]
)


def _read(side: Side, name: str, mode: str) -> Any:
    file = side.storage.open(name, mode)
    first = file.read(2)
    rest = file.read()
    file.close()
    again = file.read()  # AzureStorageFile opens again
    file.close()
    return first, rest, file.closed, again


STORAGE = {
    **storage_api(NAMES),
    "read": (_read, NAMES, st.sampled_from(["rb", "r"])),
    "write": (write, NAMES, CONTENTS, st.sampled_from(["wb", "ab", "w"])),
    "list_all": (lambda side, name: side.storage.list_all(name), NAMES),
}  # fmt: skip


@pytest.mark.unmeasured
@given(programs(STORAGE))
def test_storage_as_on_azurite(azurite: Azurite, steps: list[Operation]) -> None:
    """The storage API returns, raises and requests the same as on Azurite."""
    compare(azurite, steps)


# Calls of the clients below a storage.

BLOBS = st.sampled_from(["a", "a/b", "dir/b.txt", "dir//a", "dir/", "ü &<.txt", "dir/b.txt/c"])
ETAGS = st.sampled_from([None, None, "current", "other"])


def _conditions(side: Side, name: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Return arguments, with a condition on the ETag for a shorthand of it."""
    from azure.core import MatchConditions

    sent = {key: value for key, value in sent.items() if value is not None}
    for key, condition in (
        ("match", MatchConditions.IfNotModified),
        ("none_match", MatchConditions.IfModified),
    ):
        which = sent.pop(key, None)
        if which == "any":
            sent["match_condition"] = MatchConditions.IfPresent
        elif which is not None:
            current = '"0x0"'
            if which == "current" and side.client.get_blob_client(name).exists():
                current = side.client.get_blob_client(name).get_blob_properties().etag
            sent |= {"etag": current, "match_condition": condition}
    return sent


def _blob(method: str, *fixed: Any) -> Callable[..., Any]:
    """Call a method of a blob's client."""

    def call(side: Side, *, name: str, **sent: Any) -> Any:
        blob = side.client.get_blob_client(name)
        return getattr(blob, method)(*fixed, **_conditions(side, name, sent))

    return call


def _upload(side: Side, *, name: str, data: bytes, settings: Any, **sent: Any) -> Any:
    from azure.storage.blob import ContentSettings

    sent = _conditions(side, name, sent)
    if settings is not None:
        sent["content_settings"] = ContentSettings(**settings)
    return side.client.get_blob_client(name).upload_blob(data, **sent)


def _download(side: Side, *, name: str, **sent: Any) -> Any:
    stream = side.client.download_blob(name, **_conditions(side, name, sent))
    content, properties = stream.readall(), plain(stream.properties)
    if not content:
        # Azurite sends a digest that is not stored. "Get Blob", Content-MD5: only a stored one.
        del properties["content_settings"]["content_md5"]
    return content, properties, stream.size


def _set_headers(side: Side, *, name: str, settings: Any) -> Any:
    from azure.storage.blob import ContentSettings

    return side.client.get_blob_client(name).set_http_headers(ContentSettings(**settings))


def _copy(side: Side, *, name: str, source: str, **sent: Any) -> Any:
    url = side.client.get_blob_client(source).url
    sent = _conditions(side, name, sent)
    return side.client.get_blob_client(name).start_copy_from_url(url, **sent)


def _list(method: str) -> Callable[..., Any]:
    def call(side: Side, **sent: Any) -> Any:
        size = sent.pop("results_per_page")
        pages = getattr(side.client, method)(**sent, results_per_page=size).by_page()
        return [[_listed(each) for each in page] for page in pages]

    return call


def _listed(each: Any) -> Any:
    if isinstance(each, str):
        return each
    is_prefix = type(each).__name__ == "BlobPrefix"
    if is_prefix:
        return f"prefix {each.name}"
    # Of copies Azurite lists no encryption, and an empty element for their metadata, as for tags
    # that were removed; and it lists copies unasked.
    shown = {**plain(each), "metadata": each.metadata or {}, "tags": each.tags or None}
    return {key: shown[key] for key in shown if key not in ("server_encrypted", "copy")}


def _delete_many(side: Side, *, names: list[str]) -> Any:
    return [each.status_code for each in side.client.delete_blobs(*names)]


def _commit(side: Side, *, name: str, blocks: list[str]) -> Any:
    from azure.storage.blob import BlobBlock

    blob = side.client.get_blob_client(name)
    return blob.commit_block_list([BlobBlock(block_id=each) for each in blocks])


def _blocks(side: Side, *, name: str) -> Any:
    committed, uncommitted = side.client.get_blob_client(name).get_block_list("all")
    pairs = [(each.id, each.size) for each in committed]
    return pairs, sorted((each.id, each.size) for each in uncommitted)


SETTINGS = st.sampled_from([
    None,
    {"content_type": "text/css", "cache_control": "max-age=9"},
    {"content_encoding": "gzip", "content_language": "de", "content_disposition": "inline"},
])  # fmt: skip
METADATA = st.sampled_from([None, {"By": "me"}, {"by": "me", "Title": "A B"}])
TAGS = st.sampled_from([None, {"a": "b c", "d": "e"}])
PREFIXES = st.sampled_from([None, "", "a", "dir/", "dir", "x"])
SIZES = st.sampled_from([None, 1, 2])
BLOCKS = st.sampled_from(["b1", "b2", "b3"])
CLIENT: dict[str, Any] = {
    "upload_blob": (_upload, {
        "name": BLOBS, "data": CONTENTS, "overwrite": st.booleans(), "metadata": METADATA,
        "tags": TAGS, "settings": SETTINGS, "match": ETAGS, "none_match": ETAGS,
        "standard_blob_tier": st.sampled_from([None, "Hot", "Cool"])}),
    "download_blob": (_download, {
        "name": BLOBS, "offset": st.sampled_from([None, 0, 2, 9999]),
        "length": st.sampled_from([None, 4]), "match": ETAGS, "none_match": ETAGS}),
    "get_blob_properties": (_blob("get_blob_properties"), {
        "name": BLOBS, "match": ETAGS, "none_match": ETAGS}),
    "exists": (_blob("exists"), {"name": BLOBS}),
    "set_http_headers": (_set_headers, {
        "name": BLOBS, "settings": SETTINGS.map(lambda sent: sent or {})}),
    "set_blob_metadata": (_blob("set_blob_metadata"), {
        "name": BLOBS, "metadata": METADATA, "match": ETAGS, "none_match": ETAGS}),
    "set_blob_tags": (_blob("set_blob_tags"), {"name": BLOBS, "tags": TAGS}),
    "get_blob_tags": (_blob("get_blob_tags"), {"name": BLOBS}),
    "delete_blob": (_blob("delete_blob"), {
        "name": BLOBS, "delete_snapshots": st.sampled_from([None, "include"]), "match": ETAGS}),
    "delete_blobs": (_delete_many, {
        "names": st.lists(BLOBS, min_size=1, max_size=3, unique=True)}),
    "start_copy_from_url": (_copy, {
        "name": BLOBS, "source": BLOBS, "metadata": METADATA, "match": ETAGS,
        "requires_sync": st.sampled_from([None, True])}),
    "set_standard_blob_tier": (_blob("set_standard_blob_tier"), {
        "name": BLOBS, "standard_blob_tier": st.sampled_from(["Hot", "Cool"])}),
    "list_blobs": (_list("list_blobs"), {
        "name_starts_with": PREFIXES, "results_per_page": SIZES,
        "include": st.sampled_from([None, ["metadata"], ["metadata", "tags", "copy"]])}),
    "list_blob_names": (_list("list_blob_names"), {
        "name_starts_with": PREFIXES, "results_per_page": SIZES}),
    "walk_blobs": (_list("walk_blobs"), {
        "name_starts_with": PREFIXES, "results_per_page": SIZES,
        "delimiter": st.sampled_from(["/", "i"])}),
    "stage_block": (_blob("stage_block"), {
        "name": st.just("big"), "block_id": BLOCKS, "data": CONTENTS}),
    "commit_block_list": (_commit, {
        "name": st.sampled_from(["big", "big", "a"]),
        "blocks": st.lists(BLOCKS, max_size=2, unique=True)}),
    "get_block_list": (_blocks, {"name": st.sampled_from(["big", "a"])}),
    "copy_big": (_copy, {"name": st.just("b"), "source": st.just("big")}),
    "create_append_blob": (_blob("create_append_blob"), {
        "name": BLOBS, "metadata": METADATA}),
    "append_block": (_blob("append_block"), {"name": BLOBS, "data": CONTENTS}),
    "get_container_properties": (
        lambda side: side.client.get_container_properties(), ),
    "set_container_metadata": (
        lambda side, **sent: side.client.set_container_metadata(**sent), {"metadata": METADATA}),
    "create_container": (lambda side: side.client.create_container(), ),
}  # fmt: skip


@pytest.mark.unmeasured
@given(programs(CLIENT))
def test_client_as_on_azurite(azurite: Azurite, steps: list[Operation]) -> None:
    """Calls through the clients return, raise and request the same as on Azurite."""
    compare(azurite, steps)


@pytest.mark.parametrize("deviation", shown(AZURITE))
def test_azurite_deviates(azurite: Azurite, deviation: Deviation) -> None:
    """Azurite contradicts the reference, as its list says."""
    with sides(azurite) as (real, moved):
        for name, sent in deviation.shown_by:
            call, *_ = CLIENT[name]
            ours, theirs = [outcome(partial(call, **sent), side) for side in (moved, real)]
    assert_shows(deviation, AZURITE, f"{name}({sent})", ours, theirs)


# Options of the storage.

OPTIONS: dict[str, dict[str, Any]] = {
    "overwrite": {"overwrite_files": True},
    "location": {"location": "media/dir"},
    "expiration": {"expiration_secs": 60},
    "no key": {"account_key": None, "sas_token": "SAS"},
    "connection string": {"connection_string": "ENDPOINT"},
    "parameters": {"object_parameters": {"content_disposition": "inline", "content_type": "a/b"}},
    "domain": {"custom_domain": "cdn.example.com"},
    "cache": {"cache_control": "max-age=9"},
    "memory": {"max_memory_size": 10},
    "timeout": {"timeout": 5},
    "connections": {"upload_max_conn": 1},
    "chunks": {"upload_max_conn": 1, "client_options": {
        "max_single_put_size": 100, "max_block_size": 64,
        "max_single_get_size": 100, "max_chunk_get_size": 64}},
}  # fmt: skip


def _saving(name: str, content: bytes) -> Operation:
    return f"save {name}", lambda side: side.storage.save(name, ContentFile(content))


def _url(side: Side, name: str, **sent: Any) -> str:
    url = urlsplit(side.storage.url(name, **sent))
    return f"{url.path}?{re.sub('(sig|se|sv)=[^&]*', '', url.query)}".replace(
        side.storage.azure_container, ""
    )


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(each, id=name, marks=[needs_newer] if "client_options" in each else [])
        for name, each in OPTIONS.items()
    ],
)
def test_options_as_on_azurite(azurite: Azurite, options: dict[str, Any]) -> None:
    """Each option of AzureStorage has the same effects as on Azurite."""
    if "sas_token" in options:
        options = {**options, "sas_token": account_sas()}
    steps = [
        *(_saving("a.css", b"a {}" * 99), _saving("d/b.gz", b"c"), _saving("d/e", b"")),
        _saving("a.css", b"again"),
        ("available", lambda side: len(side.storage.get_available_name("a.css"))),
    ]
    for name in ("a.css", "d/b.gz", "d/e", "missing"):
        steps += [
            (f"read {name}", lambda side, name=name: _read(side, name, "rb")),
            (f"size {name}", lambda side, name=name: side.storage.size(name)),
            (f"url {name}", lambda side, name=name: _url(side, name)),
            (f"signed {name}", lambda side, name=name: _url(side, name, expire=9, mode="rw")),
            (f"write {name}", lambda side, name=name: write(side, name, b"more")),
        ]
    steps += [
        ("listdir", lambda side: side.storage.listdir("")),
        ("list", lambda side: [_listed(each) for each in side.client.list_blobs()]),
    ]
    compare(azurite, steps, **options)


def account_sas(permission: str = "rwdlc", **sent: Any) -> str:
    """Return a shared access signature of the account."""
    from azure.storage.blob import generate_account_sas

    expiry = datetime.now(timezone.utc) + timedelta(hours=1)
    return str(generate_account_sas(
        ACCOUNT, KEY, resource_types=sent.pop("resource_types", "sco"), permission=permission,
        expiry=expiry, **sent,
    ))  # fmt: skip


# What Azurite does not do as the reference says, or not at all.


@pytest.fixture
def floor() -> Iterator[AzureFloor]:
    """Yield an active floor."""
    with AzureFloor() as floor:
        yield floor


@pytest.fixture
def storage(floor: AzureFloor) -> Any:
    """Return a storage without an account."""
    from storages.backends.azure_storage import AzureStorage

    return AzureStorage(azure_container="media", expiration_secs=60)


@pytest.fixture
def service(floor: AzureFloor) -> Any:
    """Return a client without credentials."""
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient("https://mine.blob.core.windows.net")


def code_of(call: Callable[[], Any]) -> Any:
    """Return the code of the error that a call raises."""
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as raised:
        call()
    return plain(getattr(raised.value, "error_code", None)) or raised.value.status_code


def test_storage_without_account(floor: AzureFloor, storage: Any) -> None:
    """A storage without an account gets one, and its container exists."""
    name = storage.save("a.txt", ContentFile(b"hello"))
    assert storage.open(name).read() == b"hello"
    place = floor.place(storage)
    assert (place.url, place.bucket.objects.keys) == (f"azure://{ACCOUNT}/media/", ["a.txt"])
    response = requests.get(storage.url(name))
    assert (response.content, response.headers["content-type"]) == (b"hello", "text/plain")


def test_older_storage(settings: Any) -> None:
    """A storage that exists before the floor is answered, and gets back its state after it."""
    backend = "storages.backends.azure_storage.AzureStorage"
    settings.AZURE_CONTAINER, settings.AZURE_LOCATION = "media", "/uploads/"
    settings.STORAGES = {"default": {"BACKEND": backend}}
    storage = storages["default"]
    with override_storages():
        floor = floor_of(storage)
        assert floor is not None
        storage.save("a", ContentFile(b""))
        assert floor.place(storage).url == f"azure://{ACCOUNT}/media/uploads/"
        assert floor.place(storage).bucket.objects.keys == ["uploads/a"]
    assert (storage.account_name, storage.account_key, storage._client) == (None, None, None)


def test_two_accounts(floor: AzureFloor) -> None:
    """Containers of one name in two accounts share no files."""
    from storages.backends.azure_storage import AzureStorage

    first, second = (
        AzureStorage(azure_container="media", account_name=name, account_key=KEY)
        for name in ("one", "two")
    )
    first.save("a", ContentFile(b""))
    assert (first.listdir(""), second.listdir("")) == (([], ["a"]), ([], []))


def test_containers_of_settings(floor: AzureFloor, service: Any, settings: Any) -> None:
    """A container that a setting names exists in each account, and others do not."""
    settings.REPORTS_CONTAINER = "reports"
    assert not service.get_container_client("other").exists()
    assert service.get_container_client("reports").exists()
    assert [each.name for each in service.list_containers()] == ["reports"]


def test_subclass(floor: AzureFloor) -> None:
    """A subclass keeps its class attributes and methods."""
    from storages.backends.azure_storage import AzureStorage

    class PrivateStorage(AzureStorage):  # type: ignore[misc]
        account_name = "private"
        azure_container = "secrets"
        location = "in"

        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            return str(super().get_available_name(f"my-{name}", max_length))

    storage = PrivateStorage()
    assert storage.save("a", ContentFile(b"")) == "my-a"
    assert floor.place(storage).url == "azure://private/secrets/in/"
    assert floor.place(storage).bucket.objects.keys == ["in/my-a"]


def test_rollback(floor: AzureFloor, storage: Any) -> None:
    """A savepoint undoes all changes of containers, those of nested savepoints too."""
    storage.save("a", ContentFile(b"1"))
    storage.save("b", ContentFile(b"1"))
    client = storage.client
    savepoint = Savepoint()
    client.upload_blob("a", b"2", overwrite=True)
    client.set_container_metadata({"by": "me"})
    nested = Savepoint()
    client.delete_blob("b")
    client.get_blob_client("a").set_blob_metadata({"by": "me"})
    client.get_blob_client("c").stage_block("1", b"3")
    storage.service_client.create_container("other")
    nested.release()
    savepoint.rollback()
    assert storage.listdir("") == ([], ["a", "b"])
    assert client.download_blob("a").readall() == b"1"
    assert client.get_blob_client("a").get_blob_properties().metadata == {}
    assert client.get_container_properties().metadata == {}
    assert code_of(lambda: client.get_blob_client("c").get_block_list("all")) == "BlobNotFound"
    assert [each.name for each in storage.service_client.list_containers()] == ["media"]


def test_content_by_reference(floor: AzureFloor, storage: Any) -> None:
    """Bytes that a client sends are kept as they are."""
    content = b"0123456789" * 10
    storage.client.upload_blob("a", content)
    assert floor.place(storage).bucket.objects["a"].content is content


def test_floor_is_taken_away(azurite: Azurite) -> None:
    """An endpoint that is left is reached, and after the floor all are."""
    container = azurite.make_container()
    client = azurite.service.get_container_client(container)
    with AzureFloor(left=(azurite.endpoint,)):
        client.upload_blob("real", b"")
    client.upload_blob("after", b"")
    assert [*client.list_blob_names()] == ["after", "real"]
    with mock.patch.dict("os.environ", {"AZURE_ENDPOINT": azurite.endpoint}), AzureFloor():
        client.create_container()
        client.upload_blob("in-memory", b"")
    assert [*client.list_blob_names()] == ["after", "real"]


@needs_newer
def test_development_storage(settings: Any) -> None:
    """The short name of the emulator in a setting is the account in memory."""
    from azure.storage.blob import ContainerClient

    settings.AZURE_CONNECTION_STRING = "UseDevelopmentStorage=true"
    with AzureFloor() as floor:
        client = ContainerClient.from_connection_string("UseDevelopmentStorage=true", "media")
        client.create_container()
        client.upload_blob("a", b"")
        client.delete_blobs("a")
        assert [*floor.buckets.keys] == ["devstoreaccount1/media"]


def test_other_domain(service: Any) -> None:
    """A domain of the project's own is an account, if Azure's client sends to it."""
    from azure.storage.blob import BlobServiceClient

    service = BlobServiceClient("https://media.example.com", credential={
        "account_name": "mine", "account_key": KEY})  # fmt: skip
    service.create_container("media")
    assert [each.name for each in service.list_containers()] == ["media"]


# Access.


@needs_newer
def test_signed_url(floor: AzureFloor, storage: Any) -> None:
    """A signed URL gets and puts a blob until it expires, as long as nobody alters it."""
    storage.client.upload_blob("a", b"hello")
    read, write = storage.url("a"), storage.url("b", mode="cw")
    put = {"x-ms-blob-type": "BlockBlob", "content-type": "text/css"}
    assert requests.get(read).content == b"hello"
    assert requests.put(write, b"new", headers=put).status_code == 201
    assert storage.open("b").read() == b"new"
    for url, expected in [
        (read.replace("sp=r", "sp=rw"), 403),
        (re.sub("sig=[^&]*", "sig=odd", read), 403),
        (re.sub("media/a", "media/b", read), 403),
        (read.partition("?")[0], 404),
    ]:
        assert requests.get(url).status_code == expected
    assert requests.put(read, b"", headers=put).headers["x-ms-error-code"] == (
        "AuthorizationPermissionMismatch"
    )
    assert requests.put(write.partition("?")[0], b"", headers=put).status_code == 401
    create = storage.url("b", mode="c")
    assert requests.put(create, b"", headers=put).headers["x-ms-error-code"] == (
        "UnauthorizedBlobOverwrite"
    )
    with time_machine.travel(time.time() + 61):
        assert requests.get(read).headers["x-ms-error-code"] == "AuthenticationFailed"


@pytest.mark.parametrize(
    "options", [{"expiration_secs": None}, {"custom_domain": "cdn.example.com"}]
)
def test_public_url(floor: AzureFloor, options: dict[str, Any]) -> None:
    """A URL without a signature is read if the URLs of a storage have none."""
    from storages.backends.azure_storage import AzureStorage

    private = AzureStorage(azure_container="media", expiration_secs=60)
    private.save("a", ContentFile(b"hello"))
    url = private.url("a").partition("?")[0]
    assert requests.get(url).status_code == 404
    public = AzureStorage(azure_container="media", **options)
    assert public.url("a").endswith("/media/a") or "custom_domain" in options
    assert requests.get(url).content == b"hello"


@needs_newer
@pytest.mark.parametrize("body", ["text", b"text", io.BytesIO(b"text"), [b"te", b"xt"]])
def test_bodies(storage: Any, body: Any) -> None:
    """A body of any type is stored."""
    data = iter(body) if isinstance(body, list) else body
    url = storage.url("a", mode="w")
    assert requests.put(url, data, headers={"x-ms-blob-type": "BlockBlob"}).status_code == 201
    assert storage.open("a").read() == b"text"


def test_two_floors_of_one_library() -> None:
    """Of two that answer requests, one may end before the other."""
    first, second = ExitStack(), ExitStack()
    url, answer = "http://example.com/", Response(200, {}, b"answered")
    first.enter_context(answered_by(lambda _: answer, lambda *_: False))
    second.enter_context(answered_by(lambda _: answer, lambda *_: True))
    first.close()
    assert requests.get(url).content == b"answered"
    second.close()
    assert not hasattr(requests.adapters.HTTPAdapter.send, "__wrapped__")


def test_other_storages(floor: AzureFloor) -> None:
    """A storage of another service gets no account."""
    from storages.base import BaseStorage

    class Other(BaseStorage):  # type: ignore[misc]
        def get_default_settings(self) -> dict[str, Any]:
            return {"account_name": None}

    assert Other().account_name is None


def test_overridden_headers(storage: Any) -> None:
    """A signed URL may replace headers of the response."""
    storage.client.upload_blob("a", b"hello")
    url = storage.url("a", parameters={"content_disposition": "attachment", "content_type": "a/b"})
    headers = requests.get(url).headers
    assert (headers["content-disposition"], headers["content-type"]) == ("attachment", "a/b")


@needs_newer
def test_account_signature(storage: Any) -> None:
    """A signature of the account allows what its permissions and types say."""
    from azure.storage.blob import ContainerClient

    storage.client.upload_blob("a", b"")
    url = f"https://{ACCOUNT}.blob.core.windows.net/media"

    def client(*args: Any, **sent: Any) -> Any:
        return ContainerClient.from_container_url(f"{url}?{account_sas(*args, **sent)}")

    assert [*client("rl").list_blob_names()] == ["a"]
    assert client("rl").get_blob_client("a").exists()
    for expected, sent in [
        ("AuthorizationPermissionMismatch", {"permission": "r"}),
        ("AuthorizationResourceTypeMismatch", {"resource_types": "o"}),
        ("AuthorizationServiceMismatch", {"services": "q"}),
    ]:
        assert code_of(lambda sent=sent: [*client(**sent).list_blobs()]) == expected
    assert code_of(lambda: client(start="2100-01-01T00:00Z").upload_blob("b", b"")) == (
        "AuthenticationFailed"
    )
    assert code_of(lambda: [*client(services="odd").list_blobs()]) == "AuthorizationServiceMismatch"


def test_container_signature(storage: Any) -> None:
    """A signature of a container may take its limits from a stored access policy."""
    from azure.storage.blob import AccessPolicy, ContainerClient, generate_container_sas

    storage.client.upload_blob("a", b"")
    expiry = datetime(2100, 1, 1, tzinfo=timezone.utc)
    policy = AccessPolicy(permission="l", expiry=expiry)
    storage.client.set_container_access_policy({"list": policy}, public_access="blob")
    stored = storage.client.get_container_access_policy()
    assert (stored["public_access"], stored["signed_identifiers"][0].id) == ("blob", "list")
    url = storage.client.url

    def client(**sent: Any) -> Any:
        sas = generate_container_sas(ACCOUNT, "media", KEY, **sent)
        return ContainerClient.from_container_url(f"{url}?{sas}")

    assert [*client(policy_id="list").list_blob_names()] == ["a"]
    assert code_of(lambda: client(policy_id="list").delete_blob("a")) == (
        "AuthorizationPermissionMismatch"
    )
    assert code_of(lambda: client(policy_id="odd").delete_blob("a")) == "AuthenticationFailed"
    assert client(permission="r", expiry=expiry).get_blob_client("a").exists()
    assert code_of(lambda: client(permission="rl", expiry=expiry).get_container_properties()) == (
        "AuthorizationPermissionMismatch"
    )


class Unreachable:
    """A credential that needs the network."""

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        """Raise, as it may not be called."""
        raise AssertionError("The network was reached.")


def test_token_credential(floor: AzureFloor) -> None:
    """A token credential is not asked for a token, and its delegation key signs URLs."""
    from storages.backends.azure_storage import AzureStorage

    storage = AzureStorage(
        azure_container="media", account_name="mine", token_credential=Unreachable(),
        expiration_secs=60,
    )  # fmt: skip
    storage.save("a", ContentFile(b"hello"))
    url = storage.url("a")
    assert "skoid=" in url
    assert requests.get(url).content == b"hello"
    assert requests.get(url.replace("sp=r", "sp=w")).status_code == 403


def test_other_tokens(floor: AzureFloor) -> None:
    """A client of another service asks its credential for tokens."""
    from azure.core.pipeline import Pipeline
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy
    from azure.core.pipeline.transport import HttpRequest, RequestsTransport

    policy = BearerTokenCredentialPolicy(Unreachable(), "scope")
    with (
        Pipeline(RequestsTransport(), [policy]) as pipeline,
        pytest.raises(AssertionError, match="network"),
    ):
        pipeline.run(HttpRequest("GET", "https://vault.azure.net/"))


def test_delegation_key_needs_token(storage: Any) -> None:
    """A client with the account's key gets no user delegation key."""
    now = datetime.now(timezone.utc)
    assert code_of(
        lambda: storage.service_client.get_user_delegation_key(now, now + timedelta(days=1))
    ) == "AuthenticationFailed"  # fmt: skip


# Names.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a" * 1024, None),
        ("a" * 1025, "OutOfRangeInput"),
        ("/".join("a" * 254), None),
        ("/".join("a" * 255), "OutOfRangeInput"),
        ("a\x01", "InvalidUri"),
        ("a\x81", "InvalidUri"),
        ("\ue000", "InvalidUri"),
        ("\ufffe", None),
    ],
)
def test_names_of_blobs(storage: Any, name: str, expected: str | None) -> None:
    """A blob's name is within the limits of the reference."""
    if expected is None:
        storage.client.upload_blob(name, b"")
        assert [each.name for each in storage.client.list_blobs()] == [name]
    else:
        assert code_of(lambda: storage.client.upload_blob(name, b"")) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("$root", None),
        ("a-b", None),
        ("a--b", "InvalidResourceName"),
        ("Abc", "InvalidResourceName"),
        ("ab", "OutOfRangeInput"),
        ("a" * 64, "OutOfRangeInput"),
    ],
)
def test_names_of_containers(service: Any, name: str, expected: str | None) -> None:
    """A container's name is within the limits of the reference."""
    if expected is None:
        service.create_container(name, metadata={"by": "me"}, public_access="container")
        listed = [*service.list_containers(name_starts_with=name, include_metadata=True)]
        assert [(each.name, each.metadata, each.public_access) for each in listed] == [
            (name, {"by": "me"}, "container")
        ]
        service.delete_container(name)
        assert [*service.list_containers()] == []
    else:
        assert code_of(lambda: service.create_container(name)) == expected


# Faults.


class Faulty:
    """Answer the first requests by a function."""

    def __init__(self, *answers: Callable[[], Response]) -> None:
        self.answers = [*answers]
        self.kinds: list[str] = []

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Return the response to a request."""
        self.kinds.append(exchange.target.kind)
        return self.answers.pop(0)() if self.answers else proceed(exchange)


def _raise(error: type[Exception]) -> Callable[[], Response]:
    def answer() -> Response:
        raise error("of a test")

    return answer


def test_storages_do_not_pile_up(floor: AzureFloor) -> None:
    """A floor keeps neither a storage to which it gave an account, nor its client."""
    from storages.backends.azure_storage import AzureStorage

    storage = AzureStorage(azure_container="media")
    storage.save("a.txt", ContentFile(b"content"))
    client = weakref.ref(storage.client)
    del storage
    gc.collect()
    assert client() is None


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that clients sleep."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_retries(storage: Any, sleeps: list[float]) -> None:
    """The client sleeps and retries when the service is busy, and in the end raises."""
    storage.save("a", ContentFile(b"hello"))
    with observed_by(observer := Faulty(lambda: azure.refuse(503))):
        assert storage.size("a") == 5
    assert (observer.kinds, len(sleeps)) == (["GetBlobProperties"] * 2, 1)
    with observed_by(Faulty(*[lambda: azure.refuse(503)] * 4)):
        assert code_of(lambda: storage.size("a")) == "ServerBusy"


def test_errors_of_the_connection(storage: Any, sleeps: list[float]) -> None:
    """A reset connection and a timeout become the errors that the client raises for them."""
    from azure.core.exceptions import ServiceResponseError

    storage.save("a", ContentFile(b"hello"))
    for error in (ConnectionResetError, TimeoutError):
        with observed_by(Faulty(_raise(error))):
            assert storage.size("a") == 5
        with observed_by(Faulty(*[_raise(error)] * 4)), pytest.raises(ServiceResponseError):
            storage.size("a")


def test_reset_in_the_body(storage: Any, sleeps: list[float]) -> None:
    """A connection that is reset in the middle of a body is retried, and in the end raises."""
    from azure.core.exceptions import AzureError

    storage.save("a", ContentFile(b"hello"))
    headers = {"content-range": "bytes 0-4/5", "content-length": "5"}

    def broken() -> Response:
        return Response(206, headers, b"hello", reset_after=2)

    with observed_by(observer := Faulty(broken)):
        assert storage.open("a").read() == b"hello"
    assert observer.kinds == ["GetBlob"] * 2
    with observed_by(Faulty(*[broken] * 9)), pytest.raises(AzureError, match="reset"):
        storage.open("a").read()


# Asynchronous clients, and other threads.


def test_asynchronous_client(floor: AzureFloor, azurite: Azurite) -> None:
    """Asynchronous clients are answered, and reach endpoints that are left."""
    from azure.storage.blob.aio import BlobServiceClient

    async def use(url: str, credential: Any) -> tuple[Any, Any, list[str]]:
        async with BlobServiceClient(url, credential=credential) as service:
            container = service.get_container_client(f"media-{next(numbers)}")
            await container.create_container()
            await container.upload_blob("a", b"hello")
            stream = await container.download_blob("a")
            try:
                await container.upload_blob("a", b"")
            except Exception as error:
                raised = type(error).__name__
            names = [each async for each in container.list_blob_names()]
            return await stream.readall(), raised, names

    expected = (b"hello", "ResourceExistsError", ["a"])
    url = "https://mine.blob.core.windows.net"
    for credential in (None, KEY, Unreachable()):
        assert asyncio.run(use(url, credential)) == expected
    assert len(floor.buckets) == 3
    assert asyncio.run(use(f"{azurite.endpoint}/{ACCOUNT}", KEY)) == expected
    assert len(floor.buckets) == 3


def test_other_asynchronous_tokens(floor: AzureFloor) -> None:
    """An asynchronous client of another service asks its credential for tokens."""
    from azure.core.pipeline import AsyncPipeline
    from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
    from azure.core.pipeline.transport import AioHttpTransport, HttpRequest

    async def run() -> None:
        policy = AsyncBearerTokenCredentialPolicy(Unreachable(), "scope")
        async with AsyncPipeline(AioHttpTransport(), [policy]) as pipeline:
            await pipeline.run(HttpRequest("GET", "https://vault.azure.net/"))

    with pytest.raises(AssertionError, match="network"):
        asyncio.run(run())


def test_threads(storage: Any) -> None:
    """Requests of other threads are answered."""
    with ThreadPoolExecutor(4) as pool:
        names = [*pool.map(lambda n: storage.save(f"{n}", ContentFile(b"")), range(8))]
    assert sorted(names) == storage.listdir("")[1]
