"""The requests that clients really send are watched."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from buckets import Server, needs_s3

from inmemorystorage.buckets.http import Request
from inmemorystorage.testing.real_requests import SentRequest, identify, watched_by, watchers

urllib3 = pytest.importorskip("urllib3")
from urllib3 import connectionpool  # noqa: E402


class Handler(BaseHTTPRequestHandler):
    """Answer each request with the same four bytes."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer a request."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"four")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *args: Any) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Yield the URL of a server that answers anything."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def sent() -> Iterator[list[SentRequest]]:
    """Yield the requests that the test sends."""
    sent: list[SentRequest] = []
    with watched_by(sent.append):
        yield sent


def test_any_request(endpoint: str, sent: list[SentRequest]) -> None:
    """A request to no known service has its method, host, path, status, bytes and time."""
    with urllib3.PoolManager() as manager:
        manager.request("PUT", f"{endpoint}/a b?secret=1", body=b"12345")
        manager.request("HEAD", endpoint)
    host = endpoint.partition("//")[2]
    assert sent[0][:8] == ("http", "PUT", "PUT", host, "a b", 5, 4, 200)
    assert sent[1][:8] == ("http", "HEAD", "HEAD", host, "", 0, 0, 200)
    assert 0 < sent[0].duration < 60


@pytest.mark.parametrize(
    ("url", "host"), [("http://[::1]:8000/a", "[::1]:8000"), ("https://[::1]/a", "[::1]")]
)
def test_an_ipv6_host(sent: list[SentRequest], url: str, host: str) -> None:
    """A host that is an IPv6 address has its brackets."""

    class Pools(urllib3.PoolManager):
        def connection_from_pool_key(self, *args: Any, **kwargs: Any) -> Any:
            pool = super().connection_from_pool_key(*args, **kwargs)
            pool.close()  # it sends nothing
            return pool

    with Pools() as manager, pytest.raises(urllib3.exceptions.ClosedPoolError):
        manager.request("GET", url)
    assert [(each.bucket, each.key) for each in sent] == [(host, "a")]


def test_a_failed_request(sent: list[SentRequest]) -> None:
    """A request whose connection fails has no status."""
    with urllib3.PoolManager() as manager, pytest.raises(urllib3.exceptions.MaxRetryError):
        manager.request("GET", "http://127.0.0.1:1/", retries=urllib3.Retry(0))
    assert [each.status for each in sent] == [None]


def test_request_that_cannot_be_described(endpoint: str, sent: list[SentRequest]) -> None:
    """A request with a header that is not text is answered, and left out."""
    with urllib3.PoolManager() as manager:
        answered = manager.request("GET", endpoint, headers={b"X-By": "me"})
    assert (answered.data, sent) == (b"four", [])


@needs_s3
def test_s3(server: Server, sent: list[SentRequest]) -> None:
    """Requests of a storage on S3 have their kinds, buckets and keys."""
    bucket = server.make_bucket()
    server.client.put_object(Bucket=bucket.name, Key="dir/a.txt", Body=b"four")
    server.client.get_object(Bucket=bucket.name, Key="dir/a.txt")["Body"].read()
    with suppress(server.client.exceptions.ClientError):
        server.client.head_object(Bucket=bucket.name, Key="b.txt")
    server.client.list_objects_v2(Bucket=bucket.name)
    kinds = [(each.kind, each.key, each.status, each.bytes_up) for each in sent]
    assert kinds == [
        ("CreateBucket", "", 200, 0),
        ("PutObject", "dir/a.txt", 200, kinds[1][3]),
        ("GetObject", "dir/a.txt", 200, 0),
        ("HeadObject", "b.txt", 404, 0),
        ("ListObjectsV2", "", 200, 0),
    ]
    assert kinds[1][3] >= 4  # botocore may send it in chunks with a checksum
    assert {(each.service, each.bucket) for each in sent} == {("s3", bucket.name)}
    assert sent[2].bytes_down == 4


def test_google(endpoint: str, sent: list[SentRequest]) -> None:
    """Requests of Google's client have their kinds, buckets and keys."""
    storage = pytest.importorskip("google.cloud.storage")
    from google.auth.credentials import AnonymousCredentials

    options = {"api_endpoint": endpoint}
    client = storage.Client("project", AnonymousCredentials(), client_options=options)
    blob = client.bucket("media").blob("dir/a.txt")
    with suppress(Exception):  # the answers are no JSON
        blob.upload_from_string("four")
    with suppress(Exception):
        blob.exists()
    kinds = {(each.service, each.kind, each.bucket, each.key) for each in sent}
    # A thread of newer clients also asks for the bucket.
    assert kinds - {("gs", "buckets.get", "media", "")} == {
        ("gs", "objects.insert", "media", "dir/a.txt"),
        ("gs", "objects.get", "media", "dir/a.txt"),
    }


def test_azure(endpoint: str, sent: list[SentRequest]) -> None:
    """Requests of Azure's client have their kinds, containers and names."""
    blob = pytest.importorskip("azure.storage.blob")
    key = base64.b64encode(b"key").decode()
    client = blob.BlobServiceClient(f"{endpoint}/account", key, retry_total=0)
    with client, client.get_blob_client("media", "dir/a.txt") as file, suppress(Exception):
        file.exists()
    assert {(each.service, each.kind, each.bucket, each.key) for each in sent} == {
        ("azure", "GetBlobProperties", "account/media", "dir/a.txt")
    }


@pytest.mark.parametrize(
    ("url", "service", "target"),
    [
        ("https://media.s3.eu-west-1.amazonaws.com/a", "s3", ("GetObject", "media", "a")),
        ("https://s3.amazonaws.com/media/a?x-id=GetObject", "s3", ("GetObject", "media", "a")),
        # A request that buckets in memory do not answer.
        (
            *("https://media.s3.amazonaws.com/a?torrent=", "s3"),
            ("GET", "media.s3.amazonaws.com", "a"),
        ),
        (
            "https://account.blob.core.windows.net/media/a",
            "azure",
            ("GetBlob", "account/media", "a"),
        ),
        ("https://example.com/a?key=1", "http", ("GET", "example.com", "a")),
    ],
)
def test_hosts(url: str, service: str, target: tuple[str, str, str]) -> None:
    """A service is recognized by its hosts, and nothing of the query is shown."""
    assert identify(Request("GET", url)) == (service, target)


def test_patches_only_in_the_block() -> None:
    """urllib3 is as before after the block, and causes are noted in it."""
    urlopen = connectionpool.HTTPConnectionPool.urlopen
    with watched_by(print):
        assert watchers == [print]
        assert connectionpool.HTTPConnectionPool.urlopen is not urlopen
        assert re.match("urlopen", connectionpool.HTTPConnectionPool.urlopen.__name__)
    assert connectionpool.HTTPConnectionPool.urlopen is urlopen
    assert watchers == []
