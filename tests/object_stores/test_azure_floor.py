"""AzureStorage on buckets in memory, against the same on Azurite."""

from __future__ import annotations

import gc
import itertools
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
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
        query = re.sub("(sig|marker|se|st|sv|ske|skt)=[^&]*", r"\1", urlsplit(url).query)
        query = query.replace(self.storage.azure_container, "CONTAINER")
        self.requests.append((method, f"{path}?{query}"))


# What differs between two runs, and what Azurite does not do as the reference says.
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
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return {key: plain(each) for key, each in sorted(value.items()) if key not in IGNORED}
    return {key: plain(each) for key, each in sorted(vars(value).items()) if key not in IGNORED}


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


@contextmanager
def sides(azurite: Azurite, **options: Any) -> Iterator[tuple[Side, Side]]:
    """Yield an AzureStorage on Azurite, and one on buckets in memory."""
    from azure.core.pipeline.transport import RequestsTransport
    from storages.backends.azure_storage import AzureStorage

    given = {"account_name": ACCOUNT, "account_key": KEY, **options}
    given["azure_container"] = azurite.make_container()
    port = urlsplit(azurite.endpoint).port
    with resolved(), AzureFloor():
        real = Side(AzureStorage(**given, azure_ssl=False, endpoint_suffix=f"localhost:{port}"))
        moved = Side(AzureStorage(**given, azure_ssl=False))
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
