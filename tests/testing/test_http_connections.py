"""Plain HTTP clients reach the buckets in memory too."""

from __future__ import annotations

import asyncio
import http.client
import inspect
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from buckets import needs_s3
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from inmemorystorage.buckets.http import Response
from inmemorystorage.exceptions import UnsupportedRequest
from inmemorystorage.testing import assertStored, override_storages
from inmemorystorage.testing.bucket_floor import Exchange, Proceed, observed_by
from inmemorystorage.testing.levels import Level
from inmemorystorage.testing.requests_adapter import answered_by

pytestmark = needs_s3
CHUNKS = [b"in ", b"0\r\n", b"chunks"]

OPTIONS = {"bucket_name": "media-bucket"}


@pytest.fixture
def override(settings: Any) -> Iterator[Callable[..., None]]:
    """Return a function that makes a storage on S3 the default one, from its options."""
    with override_storages():

        def use(**options: Any) -> None:
            storage = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": OPTIONS | options}
            settings.STORAGES = settings.STORAGES | {"default": storage}
            default_storage.save("d/ü.txt", ContentFile(b"content"))

        yield use


def test_requests(override: Callable[..., None]) -> None:
    """requests gets, puts and posts objects by presigned URLs."""
    requests: Any = pytest.importorskip("requests")
    override()
    response = requests.get(default_storage.url("d/ü.txt"))
    assert (response.status_code, response.content) == (200, b"content")
    assert response.headers["Content-Type"] == "text/plain"
    client = default_storage.connection.meta.client  # type: ignore[attr-defined]
    where = {"Bucket": "media-bucket", "Key": "new.txt"}
    url = client.generate_presigned_url("put_object", where)
    with answered_by(lambda _: Response(500), lambda *_: False):
        assert requests.put(url, iter([b"in ", b"chunks"])).status_code == 200
    assertStored("new.txt", b"in chunks")
    form = client.generate_presigned_post("media-bucket", "posted.txt")
    posted = requests.post(form["url"], form["fields"], files={"file": b"posted"})
    assert posted.status_code == 204
    assertStored("posted.txt", b"posted")
    with requests.Session() as session:
        assert session.get(default_storage.url("missing")).status_code == 404


def test_standard_library(override: Callable[..., None]) -> None:
    """urllib.request and http.client get objects, and errors."""
    override(querystring_auth=False)
    url = default_storage.url("d/ü.txt")
    with urllib.request.urlopen(url, timeout=5) as response:
        assert response.read() == b"content"
    with pytest.raises(urllib.error.HTTPError, match="404: Not Found") as caught:
        urllib.request.urlopen(default_storage.url("missing"))
    caught.value.close()
    connection = http.client.HTTPSConnection("media-bucket.s3.amazonaws.com")
    connection.request("HEAD", "/d/%C3%BC.txt")
    assert connection.getresponse().headers["Content-Length"] == "7"
    connection.close()


def test_urllib3(override: Callable[..., None]) -> None:
    """urllib3 gets a part of an object, without a warning of the missing certificate."""
    urllib3: Any = pytest.importorskip("urllib3")
    override(querystring_auth=False)
    pool = urllib3.PoolManager()
    response = pool.request("GET", default_storage.url("d/ü.txt"), headers={"Range": "bytes=3-"})
    assert (response.status, response.data) == (206, b"tent")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://nyc3.example.com", "https://media-bucket.nyc3.example.com/d/%C3%BC.txt"),
        (
            "http://minio.example.com:9000",
            "http://minio.example.com:9000/media-bucket/d/%C3%BC.txt",
        ),
    ],
)
def test_other_endpoints(override: Callable[..., None], endpoint: str, url: str) -> None:
    """The endpoints of other providers are known since their clients sent a request."""
    style = "path" if ":9000" in endpoint else "virtual"
    override(endpoint_url=endpoint, addressing_style=style, querystring_auth=False)
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"content"


def test_other_hosts_are_really_reached(override: Callable[..., None]) -> None:
    """A connection to any other host is made as without the kit."""
    override()
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = http.client.HTTPConnection(*server.getsockname())
        connection.connect()
        server.accept()[0].close()
        connection.close()


@pytest.mark.parametrize(("after", "read"), [(None, b""), (0, b""), (4, b"cont")])
def test_reset(override: Callable[..., None], after: int | None, read: bytes) -> None:
    """A connection that a fault resets raises what a socket raises."""
    override(querystring_auth=False)

    class Fault:
        def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
            if after is None:
                raise ConnectionResetError
            return replace(proceed(exchange), reset_after=after)

    connection = http.client.HTTPSConnection("media-bucket.s3.amazonaws.com")
    connection.request("GET", "/d/%C3%BC.txt")
    with observed_by(Fault()):
        if after is None:
            with pytest.raises(ConnectionResetError):
                connection.getresponse()
            connection.close()
            return
        response = connection.getresponse()
        assert response.read(after) == read
        with pytest.raises(ConnectionResetError):
            response.read()
    connection.close()


def test_headers_of_other_alphabets(override: Callable[..., None]) -> None:
    """A header that ISO-8859-1 cannot represent is received in UTF-8."""
    override(querystring_auth=False)

    class Named:
        def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
            return replace(proceed(exchange), headers={"x-one": "ü", "x-two": "中"})

    with observed_by(Named()), urllib.request.urlopen(default_storage.url("d/ü.txt")) as response:
        assert response.headers["x-one"] == "ü"
        assert response.headers["x-two"].encode("latin-1").decode() == "中"


def test_proxy(override: Callable[..., None]) -> None:
    """A connection through a proxy belongs to the host behind it."""
    override(querystring_auth=False)
    connection = http.client.HTTPSConnection("proxy.example.com", 3128)
    connection.set_tunnel("media-bucket.s3.amazonaws.com")
    connection.request("GET", "/d/%C3%BC.txt")
    assert connection.getresponse().read() == b"content"
    connection.close()


def test_public_until_the_level_ends(override: Callable[..., None]) -> None:
    """Anyone may read what a storage without signatures has, until the test ends that made it."""
    override()
    url = default_storage.url("d/ü.txt").partition("?")[0]
    level = Level()
    storage = import_module("storages.backends.s3")
    storage.S3Storage(**OPTIONS, querystring_auth=False)
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"content"
    level.end()
    with pytest.raises(urllib.error.HTTPError, match="403: Forbidden") as caught:
        urllib.request.urlopen(url)
    caught.value.close()


# httpx and aiohttp. Each function sends a request, and returns the status and the body.


def httpx(method: str, url: str, content: Any = b"", **headers: str) -> tuple[int, bytes]:
    """Send by httpx."""
    client = pytest.importorskip("httpx").Client()
    with client:
        response = client.request(method, url, content=content, headers=headers)
        return response.status_code, response.content


def httpx_async(method: str, url: str, content: Any = b"", **headers: str) -> tuple[int, bytes]:
    """Send by an asynchronous client of httpx."""

    async def send() -> tuple[int, bytes]:
        async with pytest.importorskip("httpx").AsyncClient() as client:
            sent = content if isinstance(content, bytes) else parts(content)
            response = await client.request(method, url, content=sent, headers=headers)
            return response.status_code, response.content

    return asyncio.run(send())


def aiohttp(method: str, url: str, content: Any = b"", **headers: str) -> tuple[int, bytes]:
    """Send by aiohttp."""

    async def send() -> tuple[int, bytes]:
        unset = {"Content-Type"}  # it would have to be signed
        async with pytest.importorskip("aiohttp").ClientSession(skip_auto_headers=unset) as session:
            sent = content if isinstance(content, bytes) else parts(content)
            whole = pytest.importorskip("yarl").URL(url, encoded=True)
            async with session.request(method, whole, data=sent, headers=headers) as response:
                return response.status, await response.read()

    return asyncio.run(send())


async def parts(content: list[bytes]) -> AsyncIterator[bytes]:
    """Yield the parts of a body."""
    for part in content:
        yield part


each_client = pytest.mark.parametrize("send", [httpx, httpx_async, aiohttp])


@each_client
def test_asynchronous_clients(override: Callable[..., None], send: Any) -> None:
    """httpx and aiohttp get and put objects by presigned URLs, and get errors."""
    override()
    assert send("GET", default_storage.url("d/ü.txt")) == (200, b"content")
    client = default_storage.connection.meta.client  # type: ignore[attr-defined]
    where = {"Bucket": "media-bucket", "Key": "new.txt"}
    url = client.generate_presigned_url("put_object", where)
    assert send("PUT", url, b"whole", expect="100-continue")[0] == 200
    assertStored("new.txt", b"whole")
    assert send("PUT", url, CHUNKS)[0] == 200
    assertStored("new.txt", b"".join(CHUNKS))
    assert send("HEAD", client.generate_presigned_url("head_object", where)) == (200, b"")
    assert send("GET", default_storage.url("missing"))[0] == 404


@each_client
def test_large_body(override: Callable[..., None], send: Any) -> None:
    """A body that is larger than any buffer arrives."""
    override()
    default_storage.save("large", ContentFile(bytes(4 << 20)))
    assert len(send("GET", default_storage.url("large"))[1]) == 4 << 20


@each_client
def test_signed_requests(override: Callable[..., None], send: Any) -> None:
    """The signature of a request marks it as one to S3, whatever its host."""
    override(querystring_auth=False)
    scope = "key/20260101/us-east-1/s3/aws4_request"
    signature = f"Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    url = "https://minio.example.com:9000/media-bucket/d/%C3%BC.txt"
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 {signature}",
        "x-amz-date": "20260101T000000Z",
    }
    assert send("GET", url, **headers) == (200, b"content")


@each_client
def test_unanswered_request(override: Callable[..., None], send: Any) -> None:
    """A request that is not answered is an error that says what to use for it."""
    override()
    with pytest.raises(UnsupportedRequest, match="Use moto"):
        send("GET", "https://media-bucket.s3.amazonaws.com/?cors")


@each_client
def test_other_hosts(override: Callable[..., None], send: Any) -> None:
    """httpx and aiohttp really connect to any other host."""
    override()
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
    with pytest.raises(Exception, match=r"All connection attempts failed|refused|connect"):
        send("GET", f"http://{host}:{port}/")


@each_client
@pytest.mark.parametrize(
    ("fault", "errors"),
    [
        (ConnectionResetError(), {"ReadError", "ClientOSError"}),
        (TimeoutError(), {"ReadTimeout", "ServerTimeoutError"}),
        (0, {"ReadError", "ClientPayloadError"}),
        (4, {"ReadError", "ClientPayloadError"}),
    ],
    ids=["reset", "timeout", "reset after headers", "reset in the body"],
)
def test_faults_of_clients(
    override: Callable[..., None], send: Any, fault: Any, errors: set[str]
) -> None:
    """Faults of a connection are errors of the client."""
    override()

    class Fault:
        def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
            if isinstance(fault, Exception):
                raise fault
            return replace(proceed(exchange), reset_after=fault)

    url = default_storage.url("d/ü.txt")
    with observed_by(Fault()), pytest.raises(Exception) as raised:  # noqa: PT011 # of any client
        send("GET", url)
    assert type(raised.value).__name__ in errors


def test_proxy_of_aiohttp(override: Callable[..., None]) -> None:
    """A request of aiohttp through a proxy belongs to the host behind it."""
    override(querystring_auth=False)
    session = pytest.importorskip("aiohttp").ClientSession

    async def send() -> Any:
        async with session(requote_redirect_url=False) as client:
            url = "http://media-bucket.s3.amazonaws.com/d/ü.txt"
            async with client.get(url, proxy="http://proxy.example.com") as response:
                return await response.read()

    assert asyncio.run(send()) == b"content"


def test_signatures(override: Callable[..., None]) -> None:
    """Mocks that take over the signature of a method of a client find its own."""
    httpcore: Any = pytest.importorskip("httpcore")
    for pool, name in (
        (httpcore.ConnectionPool, "handle_request"),
        (httpcore.AsyncConnectionPool, "handle_async_request"),
    ):
        handle = getattr(pool, name)
        assert inspect.getfullargspec(handle).args == ["self", "request"]
        assert inspect.iscoroutinefunction(handle) is ("async" in name)
