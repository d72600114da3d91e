"""The requests that storages and clients send to buckets are captured and counted."""

from __future__ import annotations

import copy
import io
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from buckets import needs_s3, upload_in_threads
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage, storages

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.testing import (
    InMemoryStorageTestMixin,
    StorageRequest,
    assertNumStorageRequests,
    capture_storage_operations,
    override_storages,
)
from inmemorystorage.testing.s3_floor import S3Floor

pytestmark = needs_s3


@pytest.fixture
def storage() -> Iterator[Any]:
    """Yield an S3Storage on a bucket in memory, with a file."""
    from storages.backends.s3 import S3Storage

    with S3Floor():
        storage = S3Storage(bucket_name="media", location="files")
        storage.save("a.txt", ContentFile(b"four"))
        yield storage


def kinds(captured: capture_storage_operations) -> list[str]:
    """Return the kinds of the captured requests."""
    return [each.kind for each in captured.requests]


def here(captured: capture_storage_operations) -> set[str]:
    """Return the functions of this module that caused requests."""
    lines = {each.line for each in captured.requests}
    assert {Path(line.path) for line in lines} == {Path(__file__)}
    return {line.function for line in lines}


def test_a_request(storage: Any) -> None:
    """A request has its kind, key, bytes, status, duration, operation and line."""
    with capture_storage_operations() as captured:
        assert storage.size("a.txt") == 4
    (request,) = captured.requests
    assert request == StorageRequest("s3", "HeadObject", "media", "files/a.txt", "size", 200)
    assert (request.bytes_up, request.bytes_down) == (0, 0)
    assert (request.method, request.name) == ("HEAD", "a.txt")
    assert 0 < request.duration < 60
    assert request.line == captured[0].line
    assert re.fullmatch(
        r"HeadObject 'files/a.txt' on media, 200, 0 bytes up and 0 down, \d+\.\d{3} ms, "
        r"size 'a.txt', .*test_requests.py:\d+ in test_a_request",
        str(request),
    )


def test_bytes(storage: Any) -> None:
    """The bytes of a request and of its response are those of their bodies."""
    with capture_storage_operations() as captured:
        storage.bucket.Object("b").put(Body=b"x" * 1000)
        storage.bucket.Object("b").get()["Body"].read()
    put, got = captured.requests
    assert put.bytes_up >= 1000 and not put.bytes_down  # the SDK may send it in chunks
    assert (got.bytes_up, got.bytes_down) == (0, 1000)


@pytest.mark.parametrize(
    ("op", "sent"),
    [
        ("exists", ["HeadObject"]),
        ("url", []),
        ("delete", ["DeleteObject"]),
        ("listdir", ["ListObjects"]),
        ("get_modified_time", ["HeadObject"]),
    ],
)
def test_requests_of_each_operation(storage: Any, op: str, sent: list[str]) -> None:
    """An operation sends the requests that django-storages sends for it, url() none."""
    with capture_storage_operations() as captured:
        getattr(storage, op)("a.txt")
    assert kinds(captured) == sent
    assert [each.op for each in captured.requests] == [op] * len(sent)


def test_reading_is_three_requests(storage: Any) -> None:
    """Requests of a file that open() returned belong to that operation, with their own line."""

    def read(file: Any) -> Any:
        return file.read()

    with capture_storage_operations() as captured, storage.open("a.txt") as file:
        assert read(file) == b"four"
    assert kinds(captured) == ["HeadObject", "HeadObject", "GetObject"]
    assert {(each.op, each.name) for each in captured.requests} == {("open", "a.txt")}
    functions = [each.line.function for each in captured.requests]
    assert functions == ["test_reading_is_three_requests", "read", "read"]
    assert here(captured)


def test_writing_by_a_file(storage: Any) -> None:
    """Requests that a file sends when it is written and closed belong to its open()."""
    with capture_storage_operations() as captured, storage.open("b.txt", "wb") as file:
        file.write(b"content")
        assert [each.op for each in captured.requests] == ["open"]
    assert captured.requests[-1].kind == "CompleteMultipartUpload"
    assert {(each.op, each.name) for each in captured.requests} == {("open", "b.txt")}


def test_a_file_of_another_storage(storage: Any) -> None:
    """Requests that are sent within a method of a file in memory belong to its open()."""

    class Loading(File):  # type: ignore[type-arg]
        def read(self, *args: Any) -> Any:
            return storage.bucket.Object("files/a.txt").get()["Body"].read()

    class Unhashable(Loading):
        __hash__ = None  # type: ignore[assignment]

    class Lazy(InMemoryStorage):
        def _open(self, name: str, mode: str = "rb") -> Any:
            return Loading(None)

    with capture_storage_operations() as captured:
        lazy, other = Lazy().open("lazy"), Loading(None)
        assert lazy.read() == other.read() == Unhashable(None).read() == b"four"
    assert [each.op for each in captured.requests] == ["open", None, None]


def test_threads_of_a_client(storage: Any) -> None:
    """An upload in parts, which the client sends in threads, belongs to its operation and line."""

    class Threaded(type(storage)):  # type: ignore[misc]
        def _save(self, name: str, content: Any) -> str:
            return upload_in_threads(self, name, content)

    content = b"x" * 12_000_000
    with capture_storage_operations() as captured:
        Threaded(bucket_name="media").save("big.bin", ContentFile(content))
        upload_in_threads(storage, "big.bin", io.BytesIO(content))
    parts = [each for each in captured.requests if each.kind == "UploadPart"]
    assert [each.op for each in parts] == ["save"] * 3 + [None] * 3
    lines = [each.line.function for each in parts]
    assert lines == ["test_threads_of_a_client"] * 3 + ["upload_in_threads"] * 3


def test_threads_of_the_project(storage: Any) -> None:
    """Operations in a pool have the line of the project that runs there, or that submitted them."""

    def ask(name: str) -> Any:
        return storage.exists(name) and storage.bucket.Object(name).key

    with capture_storage_operations() as captured, ThreadPoolExecutor(1) as pool:
        pool.submit(ask, "a.txt").result()
        pool.submit(storage.exists, "b.txt").result()
        pool.submit(storage.connection.meta.client.list_buckets).result()
    assert here(captured) == {"ask", "test_threads_of_the_project"}
    assert [each.line.function for each in captured] == ["ask", "test_threads_of_the_project"]
    assert [each.op for each in captured.requests] == ["exists", "exists", None]


def test_work_keeps_what_it_returns_and_raises() -> None:
    """A pool runs work with its arguments, and without other context of the code that submits."""
    with capture_storage_operations(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(dict, a=1).result() == {"a": 1}
        assert [*pool.map(abs, [-1])] == [1]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()


def test_pools_are_restored(storage: Any) -> None:
    """Pools are patched until the last of several captures ends, in any order."""
    before = vars(ThreadPoolExecutor)["submit"]
    first, second = capture_storage_operations(), capture_storage_operations()
    first.enable()
    second.enable()
    first.disable()
    storage.exists("a.txt")
    second.disable()
    assert (len(first.requests), len(second.requests)) == (0, 1)
    assert vars(ThreadPoolExecutor)["submit"] is before
    storage.exists("a.txt")
    assert len(second.requests) == 1


def test_nested_captures(storage: Any) -> None:
    """Each of nested captures has the requests of its block, with their operations."""
    with capture_storage_operations() as outer:
        storage.exists("a.txt")
        with capture_storage_operations() as inner:
            storage.size("a.txt")
    assert [each.op for each in outer.requests] == ["exists", "size"]
    assert [each.op for each in inner.requests] == ["size"]


def test_requests_without_an_operation(storage: Any) -> None:
    """A request through a bucket or a client has no operation, and the line that sent it."""
    with capture_storage_operations() as captured:
        storage.bucket.Object("files/a.txt").load()
        storage.connection.meta.client.list_buckets()
    assert [(each.op, each.name) for each in captured.requests] == [(None, "")] * 2
    assert [each.bucket for each in captured.requests] == ["media", ""]
    assert here(captured) == {"test_requests_without_an_operation"}
    # No operation stands between the time and the line.
    assert re.search(r"down, [\d.]+ ms, [^ ]*test_requests.py", str(captured.requests[0]))


def test_an_error_of_the_service(storage: Any) -> None:
    """A request that the service refuses has its status, also if the operation raises."""
    with capture_storage_operations() as captured, pytest.raises(FileNotFoundError):
        storage.open("missing.txt")
    assert [(each.kind, each.status) for each in captured.requests] == [("HeadObject", 404)]
    assert captured[0].error == "FileNotFoundError"


def test_layers(storage: Any) -> None:
    """Requests of a layer belong to the operation on its FallbackStorage."""
    layered = FallbackStorage([InMemoryStorage(), storage])
    with capture_storage_operations() as captured:
        assert layered.exists("a.txt")
    assert {each.op for each in captured.requests} == {"exists"}
    assert captured.requests[0].line == captured[0].line
    assert "are not" not in str(captured.requests)


def test_one_storage_alone() -> None:
    """With an alias, requests of other storages and of clients are left out."""
    from storages.backends.s3 import S3Storage

    chosen = {"private": S3Storage(bucket_name="a"), "default": S3Storage(bucket_name="b")}
    with override_storages(chosen), capture_storage_operations("private") as captured:
        default_storage.exists("a.txt")
        storages["private"].exists("a.txt")
        storages["private"].bucket.Object("a.txt").put(Body=b"")  # type: ignore[attr-defined]
    assert [each.bucket for each in captured.requests] == ["a"]


def test_repeated_requests(storage: Any) -> None:
    """repeated() groups the requests that one line caused, by kind and bucket."""
    with capture_storage_operations() as captured:
        for name in ("a.txt", "b.txt", "a.txt"):
            storage.exists(name)
        storage.size("a.txt")
    (repeated,) = captured.requests.repeated()
    assert (repeated.op, repeated.alias, len(repeated)) == ("HeadObject", "media", 3)
    assert str(repeated).endswith("in test_repeated_requests: files/a.txt, files/b.txt")


def test_requests_are_a_sequence(storage: Any) -> None:
    """The requests have a length, indexes and slices, a limit, and begin empty again."""
    with capture_storage_operations(limit=2) as captured:
        for name in "abc":
            storage.exists(name)
    assert [each.name for each in captured.requests] == ["b", "c"]
    assert captured.requests[-1].name == "c" and captured.requests[:1][0].name == "b"
    assert [each.name for each in captured.requests.of("HeadObject")] == ["b", "c"]
    assert str(captured.requests).splitlines() == [*map(str, captured.requests)]
    with captured:
        assert not captured.requests


def test_requests_are_compared_by_what_was_asked(storage: Any) -> None:
    """Requests are equal whose service, kind, bucket, key, op and status are."""
    with capture_storage_operations() as captured:
        storage.save("b.txt", ContentFile(b"1"))
        storage.delete("b.txt")
    with capture_storage_operations() as other:
        storage.save("b.txt", ContentFile(b"22"))
        storage.delete("b.txt")
    expected = [
        StorageRequest("s3", "PutObject", "media", "files/b.txt", "save"),
        StorageRequest("s3", "DeleteObject", "media", "files/b.txt", "delete", 204),
    ]
    assert captured.requests == other.requests == expected == captured.requests
    assert captured.requests[0].bytes_up != other.requests[0].bytes_up
    assert eval(repr(captured.requests), {"StorageRequest": StorageRequest}) == expected
    assert repr(expected[1]) == (
        "StorageRequest('s3', 'DeleteObject', 'media', 'files/b.txt', op='delete', status=204)"
    )


@pytest.mark.parametrize(
    "make", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=["copy", "pickle"]
)
def test_copies_of_requests(storage: Any, make: Callable[[Any], Any]) -> None:
    """Copies of a request, of all requests, and of a capture within its block are equal."""
    with capture_storage_operations() as captured:
        storage.exists("a.txt")
        storage.url("a.txt")
        request, requests, copied = make([captured.requests[0], captured.requests, captured])
    assert request == captured.requests[0] and str(request) == str(captured.requests[0])
    assert requests == copied.requests == captured.requests
    assert requests.of("HeadObject") == [request] and copied == captured
    assert copied.cost({"HeadObject": 2}) == 2


def test_storages_without_requests(tmp_path: Path) -> None:
    """Without requests str() names the storages that send none."""
    with capture_storage_operations() as captured:
        FileSystemStorage(tmp_path).exists("a.txt")  # it is deleted
        kept = [InMemoryStorage(), FileSystemStorage(tmp_path)]
        for each in kept:
            each.exists("a.txt")
    assert str(captured.requests) == (
        "No requests. These storages are not on a bucket in memory, and send no requests: "
        "FileSystemStorage, InMemoryStorage."
    )
    assert str(capture_storage_operations().requests) == "No requests."


def test_cost(storage: Any) -> None:
    """cost() adds the prices of requests, and of the bytes if they have one."""
    with capture_storage_operations() as captured, storage.open("a.txt") as file:
        file.read()
    prices = {"HeadObject": 2, "GetObject": 10}
    assert captured.cost(prices) == 14
    assert captured.cost({**prices, "GB up": 5, "GB down": 2**28}) == 15
    exact = {kind: Decimal(price) / 10 for kind, price in prices.items()}
    assert captured.cost(exact) == Decimal("1.4")
    with pytest.raises(ValueError, match=r"no price for requests of these kinds: HeadObject\."):
        captured.cost({"GetObject": 1})


@pytest.mark.parametrize(
    ("num", "options"),
    [(2, {}), (1, {"kind": "HeadObject"}), (0, {"kind": "GetObject"}), (0, {"alias": "private"})],
)
def test_the_right_number(
    storage: Any, num: int, options: Any, assert_num_storage_requests: Any
) -> None:
    """The expected number of requests passes, of all, one kind or one storage."""
    with assert_num_storage_requests(num, **options):
        storage.exists("b.txt")
        storage.listdir("")


def test_another_number(storage: Any) -> None:
    """More or fewer requests fail, with a list of them."""
    with pytest.raises(AssertionError) as raised, assertNumStorageRequests(3):
        storage.exists("a.txt")
        storage.listdir("")
    lines = str(raised.value).splitlines()
    assert lines[:2] == ["2 requests sent, 3 expected", "Captured requests were:"]
    assert re.match(r"1\. HeadObject 'files/a.txt' on media, 200, ", lines[2])
    assert lines[3].startswith("2. ListObjects")


def test_a_number_without_requests() -> None:
    """A failure without requests names the storages that send none."""
    storage = InMemoryStorage()
    case = InMemoryStorageTestMixin()
    with pytest.raises(AssertionError, match=r"0 requests sent, 1 .*\n.*\n.*: InMemoryStorage"):
        with case.assertNumStorageRequests(1):
            storage.exists("a.txt")
    with pytest.raises(KeyError), assertNumStorageRequests(1):
        raise KeyError


def test_threads_without_a_line_of_the_project(storage: Any) -> None:
    """A request of a thread in which only libraries run has the innermost line of a library."""
    with capture_storage_operations() as captured:
        thread = threading.Thread(target=storage.connection.meta.client.list_buckets)
        thread.start()
        thread.join()
    assert "botocore" in captured.requests[0].line.path
