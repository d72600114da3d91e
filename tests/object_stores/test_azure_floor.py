"""AzureStorage on buckets in memory, against the same on Azurite."""

from __future__ import annotations

import gc
import itertools
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import base
from hypothesis import given
from hypothesis import strategies as st
from object_stores.azurite import ACCOUNT, KEY, Azurite, has_client, run_azurite
from object_stores.programs import Operation, programs

from inmemorystorage.testing.azure_floor import AzureFloor

pytestmark = [
    pytest.mark.skipif(not has_client(), reason="django-storages[azure] is not installed"),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    # AzureStorageFile does not close its temporary file when a read fails.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning"),
]


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


# What differs between two runs, and what Azurite does not do as the reference says.
IGNORED = {
    *("etag", "date", "last_modified", "creation_time", "request_id", "client_request_id"),
    *("version", "copy_id", "blob_tier_change_time", "completion_time", "id", "start"),
    *("Server", "location_mode", "container"),
    *("blob_tier_inferred", "source", "incremental_copy", "progress", "is_append_blob_sealed"),
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
        return type(error).__module__, type(error).__name__, status, plain(code), text


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
        for text, operation in steps:
            assert (text, outcome(operation, moved)) == (text, outcome(operation, real))
            assert (text, moved.requests) == (text, real.requests)
    gc.collect()  # what AzureStorageFile left open, in this test


NAMES = st.sampled_from(
    ["a", "a/b", "dir/b.txt", "dir/c.css", "dir/", "ü &<.txt", "", "no/../a", "../a", ".a."]
)
CONTENTS = st.sampled_from([b"", b"hello", b"0123456789" * 300, bytes(range(256))])


def _read(side: Side, name: str, mode: str) -> Any:
    file = side.storage.open(name, mode)
    first = file.read(2)
    rest = file.read()
    file.close()
    again = file.read()  # AzureStorageFile opens again
    file.close()
    return first, rest, file.closed, again


def _write(side: Side, name: str, mode: str, content: bytes) -> None:
    with side.storage.open(name, mode) as file:
        if content:
            file.write(content[:2])
            file.write(content[2:])


STORAGE = {
    "save": (lambda side, *sent: side.storage.save(sent[0], ContentFile(sent[1])), NAMES, CONTENTS),
    "read": (_read, NAMES, st.sampled_from(["rb", "r"])),
    "write": (_write, NAMES, st.sampled_from(["wb", "ab", "w"]), CONTENTS),
    "delete": (lambda side, name: side.storage.delete(name), NAMES),
    "exists": (lambda side, name: side.storage.exists(name), NAMES),
    "size": (lambda side, name: side.storage.size(name), NAMES),
    "listdir": (lambda side, name: side.storage.listdir(name), NAMES),
    "list_all": (lambda side, name: side.storage.list_all(name), NAMES),
    "get_modified_time": (lambda side, name: side.storage.get_modified_time(name), NAMES),
    "get_created_time": (lambda side, name: side.storage.get_created_time(name), NAMES),
    "path": (lambda side, name: side.storage.path(name), NAMES),
    "get_available_name": (lambda side, name: side.storage.get_available_name(name), NAMES),
}  # fmt: skip


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
        if which is not None:
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
    sent = {key: value for key, value in sent.items() if value is not None}
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
    # Of copies Azurite lists no encryption, and an empty element for their metadata; and it lists
    # copies unasked. "List Blobs", include: copies if they are asked for.
    shown = {**plain(each), "metadata": each.metadata or {}}
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
        "name": BLOBS, "source": BLOBS, "metadata": METADATA,
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
        "name": st.sampled_from(["big", "big", "a"]), "blocks": st.lists(BLOCKS, max_size=2, unique=True)}),
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


@given(programs(CLIENT))
def test_client_as_on_azurite(azurite: Azurite, steps: list[Operation]) -> None:
    """Calls through the clients return, raise and request the same as on Azurite."""
    compare(azurite, steps)


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
    "chunks": {"upload_max_conn": 1, "client_options": {"max_single_put_size": 100, "max_block_size": 64,
                                  "max_single_get_size": 100, "max_chunk_get_size": 64}},
}  # fmt: skip


def _saving(name: str, content: bytes) -> Operation:
    return f"save {name}", lambda side: side.storage.save(name, ContentFile(content))


def _url(side: Side, name: str, **sent: Any) -> str:
    url = urlsplit(side.storage.url(name, **sent))
    return f"{url.path}?{re.sub('(sig|se|sv)=[^&]*', '', url.query)}".replace(
        side.storage.azure_container, ""
    )


@pytest.mark.parametrize("options", [pytest.param(each, id=name) for name, each in OPTIONS.items()])
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
            (f"write {name}", lambda side, name=name: _write(side, name, "wb", b"more")),
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
