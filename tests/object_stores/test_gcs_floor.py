"""GoogleCloudStorage on buckets in memory, against the same on fake-gcs-server."""

from __future__ import annotations

import gc
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
from object_stores.gcs_server import client_of, gcs_server, needs_gcs, numbers
from object_stores.programs import Operation, programs

from inmemorystorage.testing.gcs_floor import GCSFloor

pytestmark = [
    needs_gcs,
    # GoogleCloudFile closes no file of a failed read.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# What differs between two runs, or is only the service's.
IGNORED = {
    *("acl", "etag", "generation", "id", "mediaLink", "owner", "selfLink", "timeCreated"),
    *("timeFinalized", "timeStorageClassUpdated", "updated", "bucket"),
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
        path = re.sub("(upload_id|pageToken)=[^&]*", r"\1", path)
        path = re.sub("&name=.*(&upload_id)", r"\1", path)
        path = re.sub(r"\?generation=\d+&alt=media", "?alt=media", path)
        self.requests.append((response.request.method, path))


def plain(value: Any) -> Any:
    """Return a value without what differs between two runs."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in sorted(value.items()) if key not in IGNORED}
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
