"""fail_storage(): a service, or the connection to it, fails on purpose."""

from __future__ import annotations

import io
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import time_machine
from buckets import needs_s3, upload_in_threads
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.utils.module_loading import import_string
from object_stores.azurite import has_client
from object_stores.gcs_server import needs_gcs

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.testing import capture_storage_operations, override_storages
from inmemorystorage.testing import fail_storage as failing
from inmemorystorage.testing.clock import RetryClock
from inmemorystorage.testing.s3_floor import S3Floor

pytestmark = needs_s3
needs_azure = pytest.mark.skipif(not has_client(), reason="django-storages[azure] is not installed")
CONTENT = b"x" * 1000


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield an S3Storage on a bucket in memory, with a file; a test that sleeps fails."""
    from storages.backends.s3 import S3Storage

    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"slept {seconds} s"))
    with S3Floor():
        storage = S3Storage(bucket_name="media")
        storage.save("a.txt", ContentFile(CONTENT))
        yield storage


def statuses(captured: capture_storage_operations) -> list[int | None]:
    """Return the statuses of the captured requests."""
    return [each.status for each in captured.requests]


def content(storage: Any) -> bytes:
    """Read the file of a storage."""
    with storage.open("a.txt") as file:
        return bytes(file.read())


def client_error() -> Any:
    """Return botocore's class of errors of the service."""
    from botocore.exceptions import ClientError

    return ClientError


def test_the_client_sends_a_refused_request_again(storage: Any) -> None:
    """A save that the service refuses once succeeds, since the client sends it again."""
    with capture_storage_operations() as captured, failing("save", status=503, times=1) as fault:
        storage.save("b.txt", ContentFile(CONTENT))
    assert statuses(captured) == [503, 200]
    assert (fault.matched, fault.fired) == (2, 1)
    with storage.open("b.txt") as file:
        assert file.read() == CONTENT


def test_the_client_gives_up(storage: Any) -> None:
    """A save that the service refuses each time raises the client's error."""
    with capture_storage_operations() as captured, pytest.raises(client_error()) as raised:
        with failing("save", status=503):
            storage.save("b.txt", ContentFile(CONTENT))
    assert set(statuses(captured)) == {503} and len(captured.requests) > 1
    assert raised.value.response["Error"]["Code"] == "SlowDown"
    assert not storage.exists("b.txt")


def test_an_error_that_is_not_sent_again(storage: Any) -> None:
    """The storage handles the status of a refused request as it does that of the service."""
    with failing("exists", status=404):
        assert not storage.exists("a.txt")
    with failing("open", status=404), pytest.raises(FileNotFoundError):
        storage.open("a.txt")
    with failing("delete", status=403), pytest.raises(client_error(), match="AccessDenied"):
        storage.delete("a.txt")
    assert storage.exists("a.txt")


def test_throttling(storage: Any) -> None:
    """throttle= answers as the service does to too many requests: S3 with 503 SlowDown."""
    with failing("size", throttle=True), pytest.raises(client_error()) as raised:
        storage.size("a.txt")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert raised.value.response["Error"]["Code"] == "503"  # a response to HEAD has no body
    with failing("listdir", throttle=True), pytest.raises(client_error(), match="Slow"):
        storage.listdir("")


def test_a_reset_before_the_answer(storage: Any) -> None:
    """A reset connection stores nothing, and the client sends the request again."""
    from botocore.exceptions import ConnectionClosedError

    with capture_storage_operations() as captured, failing("save", connection_reset=True, times=1):
        storage.save("b.txt", ContentFile(CONTENT))
    assert statuses(captured) == [None, 200]
    with failing("save", connection_reset=True):
        with pytest.raises(ConnectionClosedError):
            storage.save("c.txt", ContentFile(CONTENT))
    assert not storage.exists("c.txt")


def test_a_broken_upload(storage: Any) -> None:
    """With after_bytes the connection is reset within the body of a longer request."""
    with capture_storage_operations() as captured:
        with failing("save", connection_reset=True, after_bytes=500, times=1) as fault:
            storage.save("b.txt", ContentFile(b"short"))
            storage.save("c.txt", ContentFile(CONTENT))
    assert statuses(captured) == [200, None, 200]
    assert (fault.matched, fault.fired) == (2, 1)


def test_a_broken_download(storage: Any) -> None:
    """With after_bytes the connection is reset within the body of a longer response."""
    with capture_storage_operations() as captured:
        with failing("open", connection_reset=True, after_bytes=500, times=1):
            assert content(storage) == CONTENT
    down = [each.bytes_down for each in captured.requests.of("GetObject")]
    assert down == [500, 1000]
    with failing("open", connection_reset=True, after_bytes=1000, must_fire=False) as fault:
        assert content(storage) == CONTENT
    assert not fault.fired


def test_a_download_that_breaks_each_time(storage: Any) -> None:
    """A download that breaks each time raises the client's error."""
    from s3transfer.exceptions import RetriesExceededError

    with failing("open", connection_reset=True, after_bytes=0) as fault:
        with pytest.raises(RetriesExceededError):
            content(storage)
    assert fault.fired > 1


def test_a_timeout(storage: Any) -> None:
    """timeout= makes the client time out, and send the request again."""
    from botocore.exceptions import ReadTimeoutError

    with failing("size", timeout=True, times=1):
        assert storage.size("a.txt") == 1000
    with failing("size", timeout=True), pytest.raises(ReadTimeoutError):
        storage.size("a.txt")


def test_latency(storage: Any) -> None:
    """latency= advances a stopped clock by each request; delay= by each operation."""
    with time_machine.travel(1_000_000, tick=False):
        with failing("open", latency=10, delay=100), storage.open("a.txt") as file:
            assert time.time() == 1_000_110
            file.read()
        assert time.time() == 1_000_130


def test_a_stopped_clock_advances_while_the_client_waits(storage: Any) -> None:
    """A client that would wait before it sends a request again advances a stopped clock."""
    with time_machine.travel(1_000_000, tick=False), failing("size", status=503, times=1):
        storage.size("a.txt")
        assert time.time() > 1_000_000


def test_a_client_waits_without_a_fault() -> None:
    """Clients have the module time again after the last fault."""
    import botocore.endpoint

    with S3Floor():
        first = failing("save", status=503, must_fire=False)
        second = failing("save", latency=1)
        first.enable()
        second.enable()
        first.disable()
        assert isinstance(botocore.endpoint.time, RetryClock)
        second.disable()
        assert botocore.endpoint.time is time


def test_the_clock_of_clients() -> None:
    """Time that a client does not wait has passed for it."""
    clock = RetryClock()
    before = clock.monotonic()
    clock.sleep(1000)
    assert before + 1000 <= clock.monotonic() < before + 1060
    assert clock.time() <= time.time()


def google() -> Any:
    """Return a storage on Google Cloud Storage."""
    from storages.backends.gcloud import GoogleCloudStorage

    return GoogleCloudStorage(bucket_name="media")


def azure() -> Any:
    """Return a storage on Azure."""
    from storages.backends.azure_storage import AzureStorage

    return AzureStorage(azure_container="media", account_name="account")


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "throttled", "raised"),
    [
        pytest.param(google, 429, "google.api_core.exceptions.RetryError", marks=needs_gcs),
        pytest.param(azure, 503, "azure.core.exceptions.AzureError", marks=needs_azure),
    ],
)
def test_other_services(
    make: Callable[[], Any], throttled: int, raised: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients of other services are throttled and give up too, without waiting."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"slept {seconds} s"))
    with override_storages():
        storage = make()
        with capture_storage_operations() as captured, failing("save", throttle=True, times=1):
            storage.save("a.txt", ContentFile(CONTENT))
        assert statuses(captured)[0] == throttled and storage.size("a.txt") == 1000
        for fault in ({"status": 503}, {"timeout": True}, {"connection_reset": True}):
            with failing("size", **fault), pytest.raises(import_string(raised)):
                storage.size("a.txt")
        with failing("open", connection_reset=True, after_bytes=500, times=1):
            assert content(storage) == CONTENT


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"kind": "GetObject"}, ["HeadObject", "HeadObject", "GetObject"]),
        ({"kind": "Head*", "after": 1}, ["HeadObject", "HeadObject"]),
        ({"name": "a.*"}, ["HeadObject"]),
    ],
)
def test_which_requests_fail(storage: Any, options: Any, sent: list[str]) -> None:
    """Matching requests fail, after the given number."""
    with capture_storage_operations() as captured, failing("open", status=403, **options):
        with pytest.raises(client_error()):
            content(storage)
    assert [each.kind for each in captured.requests] == sent


def test_which_requests_do_not_fail(storage: Any) -> None:
    """Requests of other operations, names and kinds, and of clients, do not fail."""
    with failing("size", status=403, name="*.png", must_fire=False) as fault:
        storage.size("a.txt")
        storage.exists("b.png")
        storage.bucket.Object("c.png").put(Body=b"")
    with failing("size", status=403, kind="Put*", must_fire=False) as other:
        storage.size("a.txt")
    assert (fault.matched, other.matched) == (0, 0)


def test_requests_of_clients(storage: Any) -> None:
    """With "*" requests of all operations and of clients fail, by their names or keys."""
    with failing("*", status=403, times=2) as fault:
        FileSystemStorage().exists("a.txt")
        with pytest.raises(client_error()):
            storage.bucket.Object("a.txt").load()
        with pytest.raises(client_error()):
            storage.size("a.txt")
    assert fault.fired == 2
    with failing("*", status=403, name="b.*"), pytest.raises(client_error()):
        storage.bucket.Object("a.txt").load()
        storage.bucket.Object("b.txt").load()


def test_threads_of_the_client(storage: Any) -> None:
    """Requests that the client sends in threads fail with their operation."""

    class Threaded(type(storage)):  # type: ignore[misc]
        def _save(self, name: str, content: Any) -> str:
            return upload_in_threads(self, name, content)

    with failing("save", status=503, kind="UploadPart", after=1, times=2) as fault:
        Threaded(bucket_name="media").save("b", ContentFile(b"x" * 12_000_000))
    assert (fault.matched, fault.fired) == (5, 2)
    assert storage.size("b") == 12_000_000


def test_one_storage_alone() -> None:
    """With an alias, requests of other storages and of clients succeed."""
    from storages.backends.s3 import S3Storage

    private, other = S3Storage(bucket_name="a"), S3Storage(bucket_name="b")
    with override_storages({"private": private}), failing("exists", status=403, alias="private"):
        assert not other.exists("a.txt")
        with pytest.raises(client_error()):
            private.exists("a.txt")


def test_layers(storage: Any) -> None:
    """Requests of a layer fail in the operation on its FallbackStorage."""
    layered = FallbackStorage([InMemoryStorage(), storage])
    with failing("exists", status=403), suppress(client_error()):
        layered.exists("a.txt")


def test_storages_that_send_no_requests(storage: Any) -> None:
    """A fault of the service is an error at an operation on a storage without a bucket."""
    with failing("exists", status=503, must_fire=False):
        with pytest.raises(ValueError, match=r"exists\('a'\) on the InMemoryStorage sends no .*or"):
            InMemoryStorage().exists("a")
        with pytest.raises(ValueError, match="sends no"):
            FallbackStorage([InMemoryStorage()]).exists("a")


def test_a_fault_that_never_fires(storage: Any) -> None:
    """A block fails if too few requests were sent, and says how many."""
    with pytest.raises(
        AssertionError, match=r"request 2 of size\('\*'\) to fail.* it was sent 1\."
    ):
        with failing("size", status=503, after=1):
            storage.size("a.txt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"status": 503, "throttle": True}, "either an error or one fault"),
        ({"status": 503, "error": OSError}, "either an error or one fault"),
        ({"latency": 1, "error": OSError}, "either an error or one fault"),
        ({"status": 503, "after_bytes": 1}, "for an error and for connection_reset"),
        ({"error": OSError, "op": "*"}, r"'\*' is not an operation"),
        ({"status": 503, "op": "read"}, "'read' is not an operation"),
    ],
)
def test_mistakes(arguments: Any, message: str) -> None:
    """fail_storage() raises ValueError for arguments that make no sense."""
    with pytest.raises(ValueError, match=message):
        failing(**{"op": "save", **arguments})


def test_the_fixture(storage: Any, fail_storage: Any) -> None:
    """The fixture takes the faults of a service."""
    fault = fail_storage("size", status=503, times=1)
    assert storage.size("a.txt") == 1000
    assert fault.fired == 1


# The errors of a client of a server that fails, and of one on a bucket in memory.


@contextmanager
def failing_server(sent: bytes | None) -> Iterator[str]:
    """Yield the URL of a server that sends the start of a response, or nothing, and resets."""
    held: list[socket.socket] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):  # it is closed
            while True:
                connection, _ = listening.accept()
                received = b""
                while not received.endswith(b"\r\n\r\n"):
                    received += connection.recv(65536)
                if sent is None:
                    held.append(connection)  # the client times out
                    continue
                connection.sendall(sent)
                reset = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for connection in held:
            connection.close()


def client(endpoint: str | None = None, read_timeout: float = 60) -> Any:
    """Return a client that sends each request once."""
    import boto3.session
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout),
    )


def body(client: Any) -> Any:
    """Return the body of an object, which is read as it arrives."""
    return client.get_object(Bucket="media", Key="a.txt")["Body"]


CALLS: dict[str, Callable[[Any], Any]] = {
    "read": lambda client: body(client).read(),
    "read what came": lambda client: body(client).read(5),
    "read on": lambda client: [*body(client).iter_chunks(4)],
    "read into": lambda client: body(client).readinto(bytearray(6)),
    "read what came into": lambda client: body(client).readinto(bytearray(5)),
    "list": lambda client: client.list_objects_v2(Bucket="media"),
    "head": lambda client: client.head_object(Bucket="media", Key="a.txt")["ContentLength"],
}
START = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n"
FAULTS = {
    "reset": ({"connection_reset": True}, b""),
    "timeout": ({"timeout": True}, None),
    "reset in the body": ({"connection_reset": True, "after_bytes": 0}, START),
    "reset after five bytes": ({"connection_reset": True, "after_bytes": 5}, START + b"xxxxx"),
}


def outcome(call: Callable[[Any], Any], client: Any) -> Any:
    """Return what a call returns, or the errors that it raises."""
    try:
        return call(client)
    except Exception as error:
        wrapped = error.kwargs["error"]  # type: ignore[attr-defined]
        message = re.sub(r"https?://\S+", "URL", str(error))
        return type(error), message, type(wrapped), error.kwargs.keys()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FAULTS)
def test_errors_are_those_of_a_real_connection(name: str) -> None:
    """A client raises what it raises when a server resets its connections, or does not answer."""
    options, sent = FAULTS[name]
    with S3Floor(), ExitStack() as stack:
        moved = client()
        moved.create_bucket(Bucket="media")
        moved.put_object(Bucket="media", Key="a.txt", Body=CONTENT)
        endpoint = stack.enter_context(failing_server(sent))
        real = client(endpoint, 0.1 if sent is None else 60)
        stack.enter_context(failing("*", must_fire=False, **options))
        for call in CALLS.values():
            assert outcome(call, moved) == outcome(call, real)


def test_a_body_is_read_to_its_end() -> None:
    """A whole body reads as a file does."""
    with S3Floor():
        moved = client()
        moved.create_bucket(Bucket="media")
        moved.put_object(Bucket="media", Key="a.txt", Body=CONTENT)
        buffer = io.BytesIO()
        moved.download_fileobj("media", "a.txt", buffer)
        assert buffer.getvalue() == CONTENT
        assert body(moved).readinto(bytearray(2000)) == 1000
