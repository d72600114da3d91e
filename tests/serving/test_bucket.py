"""Buckets in memory at the URLs of live servers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request as Sent
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest
import time_machine
from buckets import needs_s3
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404
from django.test import Client, LiveServerTestCase, override_settings
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import re_path
from object_stores.gcs_server import needs_gcs
from projects import make_project

from inmemorystorage.buckets import s3
from inmemorystorage.buckets.bucket import Attributes, Buckets
from inmemorystorage.buckets.http import Request, Response
from inmemorystorage.serving.bucket import moved_url, serve_bucket
from inmemorystorage.testing import capture_storage_operations, live_servers
from inmemorystorage.testing.azure_floor import AzureFloor
from inmemorystorage.testing.bucket_floor import Exchange, Proceed, observed_by
from inmemorystorage.testing.gcs_floor import GCSFloor
from inmemorystorage.testing.live import serve_live_media
from inmemorystorage.testing.s3_floor import S3Floor

AUTHORIZATION = f"AWS key:{'a' * 27}="
OBJECT = "https://pictures.s3.amazonaws.com/a%20b/c.txt"


class Answered(NamedTuple):
    """A response to `ask`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(method: str, url: str, body: bytes | None = None, **headers: str) -> Answered:
    """Send a request; return the response."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Sent(url, data=body, headers=named, method=method)) as response:
            return Answered(response.status, response.headers, response.read())
    except HTTPError as error:
        with error:
            return Answered(error.code, error.headers, error.read())


# The view in a URLconf.


class Mounted:
    """A view on S3's wire, and what it received."""

    def __init__(self) -> None:
        self.buckets = Buckets()
        self.buckets.create("pictures").store("a b/c.txt", b"content", Attributes())
        self.buckets.public.put("pictures", True)
        self.received: list[Request] = []

    def answer(self, service: str, request: Request) -> Response:
        """Answer a request to S3."""
        if service != "s3":
            raise Http404(service)
        self.received.append(request)
        return s3.answer(self.buckets, request)


@pytest.fixture
def mounted(settings: Any) -> Iterator[Mounted]:
    """Yield buckets whose view is the whole URLconf."""
    mounted = Mounted()
    urlpatterns[:] = [re_path("^_buckets/", serve_bucket, {"answer": mounted.answer})]
    settings.ROOT_URLCONF = __name__
    yield mounted
    urlpatterns.clear()


urlpatterns: list[Any] = []


def test_service_gets_its_own_url(mounted: Mounted) -> None:
    """The view passes a request with the service's URL and host, with the query as it is."""
    query = "?x-id=a%2Fb+c"
    response = Client().get(moved_url("", "s3", OBJECT + query), headers={"Range": "bytes=0-2"})
    assert (response.status_code, response.content) == (206, b"con")
    (received,) = mounted.received
    assert received.url == OBJECT + query
    assert received.headers["host"] == "pictures.s3.amazonaws.com"


def test_post_needs_no_token(mounted: Mounted) -> None:
    """A form without a CSRF token is answered, as the service answers it."""
    client = Client(enforce_csrf_checks=True)
    url = moved_url("", "s3", "https://pictures.s3.amazonaws.com/")
    assert client.post(url, {"key": "a"}).status_code == 400


def test_large_body(mounted: Mounted, settings: Any) -> None:
    """DATA_UPLOAD_MAX_MEMORY_SIZE limits no upload."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1
    Client().put(moved_url("", "s3", OBJECT), b"large", content_type="text/plain")
    assert mounted.received[0].body == b"large"


@pytest.mark.parametrize(
    "path", ["/_buckets/", "/_buckets/s3", "/_buckets/s3/host", "/_buckets/x/y/z"]
)
def test_other_urls(mounted: Mounted, path: str) -> None:
    """A URL without a service, a host and a path gets 404, and so does an unknown service."""
    assert Client().get(path).status_code == 404


def test_other_hosts(mounted: Mounted) -> None:
    """A host that ALLOWED_HOSTS does not have gets 400."""
    assert Client().get(moved_url("", "s3", OBJECT), HTTP_HOST="evil.example").status_code == 400


def test_unsupported_request(mounted: Mounted) -> None:
    """A request that is not answered gets 501 and a sentence that names it."""
    response = Client().get(moved_url("", "s3", f"{OBJECT}?torrent"))
    assert response.status_code == 501
    assert b"torrent" in response.content


def test_no_type(mounted: Mounted) -> None:
    """A response without a type gets none."""
    url = moved_url("", "s3", OBJECT)
    response = Client().put(url, b"", headers={"Authorization": AUTHORIZATION})
    assert response.status_code == 200
    assert "Content-Type" not in response.headers


def test_other_origins(mounted: Mounted) -> None:
    """A page of another origin may send any request, and read the ETag of the response."""
    url = moved_url("", "s3", OBJECT)
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,x-amz-meta-a",
    }
    preflight = Client().options(url, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Methods"] == "PUT"
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type,x-amz-meta-a"
    response = Client().get(url, headers={"Origin": "https://app.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Expose-Headers"] == "*"
    assert "Access-Control-Allow-Origin" not in Client().get(url).headers
    assert not [each for each in mounted.received if each.method == "OPTIONS"]


# Live servers.


def make_storage(**options: Any) -> Any:
    """Return a storage on a bucket that exists."""
    from storages.backends.s3 import S3Storage

    return S3Storage(**{"bucket_name": "pictures", **options})


@needs_s3
@override_settings(ROOT_URLCONF=__name__)
class LiveTests(LiveServerTestCase):
    """A storage on S3 under Django's live server."""

    @classmethod
    def setUpClass(cls) -> None:
        """Begin before the server is started."""
        for tool in (S3Floor(), serve_live_media()):
            tool.enable()
            cls.addClassCleanup(tool.disable)
        super().setUpClass()

    def setUp(self) -> None:
        """Make a storage."""
        self.storage = make_storage()
        self.client = self.storage.connection.meta.client

    def url(self, **options: Any) -> str:
        """Save a file in a storage with options; return its URL."""
        storage = make_storage(**options)
        storage.save("a b/ü.txt", ContentFile(b"content"))
        url: str = storage.url("a b/ü.txt")
        assert url.startswith(self.live_server_url)
        return url

    def test_signed(self) -> None:
        """A signed URL is one of the live server; it serves ranges, and HEAD."""
        url = self.url()
        answered = ask("GET", url, Range="bytes=0-2")
        assert (answered.status, answered.body) == (206, b"con")
        assert ask("HEAD", url).status == 403  # the signature is of the method too
        assert ask("HEAD", self.storage.url("a b/ü.txt", http_method="HEAD")).status == 200
        assert "Signature=" in url

    def test_expired(self) -> None:
        """An expired URL gets 403."""
        with time_machine.travel("2020-02-02"):
            url = self.url()
        assert ask("GET", url).status == 403

    def test_public(self) -> None:
        """URLs without a signature are those of the live server too."""
        public: list[dict[str, Any]] = [
            {"querystring_auth": False},
            {"custom_domain": "cdn.example"},
            {"custom_domain": "cdn.example/below"},
            {"endpoint_url": "https://objects.example"},
            {"endpoint_url": "https://objects.example", "addressing_style": "virtual"},
            {"addressing_style": "path"},
            {"addressing_style": "virtual"},
            {"location": "deep"},
        ]
        for options in public:
            url = self.url(bucket_name="public", **options)
            assert ask("GET", url).body == b"content", options

    def test_put(self) -> None:
        """A presigned PUT stores the content with its type; another type or digest is refused."""
        wanted = {"Bucket": "pictures", "Key": "a/b.txt", "ContentType": "text/x-a"}
        url = self.client.generate_presigned_url("put_object", wanted)
        answered = ask("PUT", url, b"content", Content_Type="text/x-a")
        assert answered.status == 200
        assert answered.headers["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
        with self.storage.open("a/b.txt") as file:
            assert file.read() == b"content"
        assert self.storage.bucket.Object("a/b.txt").content_type == "text/x-a"
        digest = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        assert ask("PUT", url, b"content", Content_Type="text/x-b").status == 403
        sent = {"Content_Type": "text/x-a", "Content_MD5": digest}
        assert ask("PUT", url, b"content", **sent).status == 403

    def test_put_without_a_type(self) -> None:
        """A presigned PUT without a type stores the service's default type."""
        wanted = {"Bucket": "pictures", "Key": "a"}
        url = urlsplit(self.client.generate_presigned_url("put_object", wanted))
        connection = HTTPConnection(url.netloc)
        connection.request("PUT", f"{url.path}?{url.query}", b"content")
        assert connection.getresponse().status == 200
        connection.close()
        assert self.storage.bucket.Object("a").content_type == "binary/octet-stream"

    def post(self, form: dict[str, Any], content: bytes = b"content", **fields: str) -> Answered:
        """Send a presigned form."""
        sent = {**form["fields"], **fields, "file": SimpleUploadedFile("f.txt", content)}
        body = encode_multipart(BOUNDARY, sent)
        return ask("POST", form["url"], body, Content_Type=MULTIPART_CONTENT)

    def form(self, **options: Any) -> dict[str, Any]:
        """Sign a form for at most ten bytes of text."""
        conditions = [["content-length-range", 1, 10], ["starts-with", "$Content-Type", "text/"]]
        form: dict[str, Any] = self.client.generate_presigned_post(
            "pictures", "up/${filename}", Conditions=conditions, **options
        )
        assert form["url"].startswith(self.live_server_url)
        return form

    def test_post(self) -> None:
        """A presigned form stores the file, and the answer names its URL on the live server."""
        created = {"success_action_status": "201"}
        form = self.form(Fields=created)
        form["fields"].update(created)
        refused = self.post(form, **{"Content-Type": "text/plain"})
        assert refused.status == 403  # the policy does not mention the field
        form = self.client.generate_presigned_post(
            "pictures", "up/${filename}", Fields=created, Conditions=[created]
        )
        answered = self.post(form)
        assert answered.status == 201
        assert self.storage.exists("up/f.txt")
        location = ElementTree.fromstring(answered.body).findtext("Location")
        assert (
            answered.headers["Location"]
            == location
            == f"{form['url']}/up/f.txt".replace("//up", "/up")
        )
        self.storage.bucket.Object("up/f.txt").Acl().put(ACL="public-read")
        assert ask("GET", location).body == b"content"

    def test_refused_forms(self) -> None:
        """A form that its policy does not allow, or that has expired, is refused."""
        text = {"Content-Type": "text/plain"}
        assert self.post(self.form(), **text).status == 204
        assert self.post(self.form(), b"more than ten", **text).status == 400
        assert self.post(self.form(), b"", **text).status == 400
        assert self.post(self.form(), **{"Content-Type": "image/png"}).status == 403
        assert self.post(self.form(), **text, key="other").status == 403
        with time_machine.travel("2020-02-02"):
            expired = self.form()
        assert self.post(expired, **text).status == 403

    def test_redirect(self) -> None:
        """A form with success_action_redirect leads there, with the key."""
        page = {"success_action_redirect": f"{self.live_server_url}/done/"}
        form = self.client.generate_presigned_post("pictures", "a", Fields=page, Conditions=[page])
        url = urlsplit(form["url"])
        connection = HTTPConnection(url.netloc)
        sent = {**form["fields"], "file": SimpleUploadedFile("f.txt", b"content")}
        body = encode_multipart(BOUNDARY, sent)
        connection.request("POST", url.path, body, {"Content-Type": MULTIPART_CONTENT})
        response = connection.getresponse()
        assert response.status == 303
        assert response.headers["Location"].startswith(f"{page['success_action_redirect']}?bucket=")
        connection.close()

    def test_requests(self) -> None:
        """Requests of a browser are captured, with their URLs instead of lines of code."""
        url = self.url()
        with capture_storage_operations() as captured:
            ask("GET", url)
            ask("GET", self.storage.url("missing"))
        assert [each.kind for each in captured.requests] == ["GetObject", "GetObject"]
        assert str(captured.requests[1].line) == (
            "pictures.s3.amazonaws.com/missing:0 in a browser"
        )
        assert captured.requests.repeated() == []

    def test_other_urls(self) -> None:
        """An unknown service gets 404, another host 400; other URLs stay the project's."""
        assert ask("GET", f"{self.live_server_url}/_buckets/x/y/z").status == 404
        assert ask("GET", self.url(), Host="evil.example").status == 400
        assert ask("GET", f"{self.live_server_url}/nothing/").status == 404

    def test_missing(self) -> None:
        """A missing bucket and a missing key get the service's own errors."""
        wanted = {"Bucket": "unknown", "Key": "a"}
        url = self.client.generate_presigned_url("get_object", wanted)
        assert b"<Code>NoSuchBucket</Code>" in ask("GET", url).body
        answered = ask("GET", self.storage.url("missing"))
        assert answered.status == 404
        assert b"<Code>NoSuchKey</Code>" in answered.body

    def test_site_with_a_domain(self) -> None:
        """A site that answers a request shows URLs on its own host."""
        with live_servers.answering("https://site.example"):
            url = self.storage.url("a")
        assert url.startswith("https://site.example/_buckets/s3/pictures.s3.amazonaws.com/a?")

    def test_static_files(self) -> None:
        """The URLs of static files stay: they are where the project collected them."""
        backend = {
            "BACKEND": "storages.backends.s3.S3StaticStorage",
            "OPTIONS": {"bucket_name": "static"},
        }
        with override_settings(STORAGES={**settings.STORAGES, "staticfiles": backend}):
            url = storages["staticfiles"].url("a.css")
            assert url == "https://static.s3.amazonaws.com/a.css"
            assert self.storage.url("a.css").startswith(self.live_server_url)

    def test_real_endpoint(self) -> None:
        """A URL of an endpoint that is really reached stays."""
        with S3Floor(left=("http://127.0.0.1:9000",)):
            storage = make_storage(endpoint_url="http://127.0.0.1:9000")
            assert storage.url("a").startswith("http://127.0.0.1:9000/")

    def test_other_services(self) -> None:
        """A URL that is signed for another service stays."""
        queue = self.storage._create_session().client("sqs", "us-east-1", **ACCOUNT)
        assert "amazonaws.com" in queue.generate_presigned_url("list_queues")

    def test_reset_connection(self) -> None:
        """A connection that is reset, at once or after some bytes, ends without the content."""
        url = self.url()
        with observed_by(Failing(ConnectionResetError())), pytest.raises(RemoteDisconnected):
            ask("GET", url)
        with observed_by(Failing(TimeoutError())), pytest.raises(RemoteDisconnected):
            ask("GET", url)
        with observed_by(Failing()), pytest.raises(IncompleteRead) as caught:
            ask("GET", url)
        assert caught.value.partial == b"con"


ACCOUNT = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}


class Failing:
    """An observer of requests that fails, or resets the connection after three bytes."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Answer a request."""
        if self.error is not None:
            raise self.error
        return replace(proceed(exchange), reset_after=3)


def has_module(name: str) -> bool:
    """Return whether a module is installed."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its package is missing
        return False


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.skipif(not has_module("azure.storage.blob"), reason="Azure's client is not installed")
@override_settings(ROOT_URLCONF=__name__)
class AzureTests(LiveServerTestCase):
    """A storage on Azure under Django's live server."""

    @classmethod
    def setUpClass(cls) -> None:
        """Begin before the server is started."""
        for tool in (AzureFloor(), serve_live_media()):
            tool.enable()
            cls.addClassCleanup(tool.disable)
        super().setUpClass()

    def make(self, **options: Any) -> Any:
        """Return a storage on a container that exists."""
        from storages.backends.azure_storage import AzureStorage

        given = {"azure_container": "pictures", "expiration_secs": 60, **options}
        return AzureStorage(**given)

    def test_reading(self) -> None:
        """URLs with a signature, without one and on a custom domain serve the file."""
        for options in ({}, {"expiration_secs": None}, {"custom_domain": "cdn.example"}):
            storage = self.make(**options)
            storage.save("a b/ü.txt", ContentFile(b"content"))
            url = storage.url("a b/ü.txt")
            assert url.startswith(f"{self.live_server_url}/_buckets/azure/inmemory.blob.")
            assert ask("GET", url, Range="bytes=0-2").body == b"con", options

    def test_writing(self) -> None:
        """A URL that may write stores a file; one that may not, or has changed, is refused."""
        storage = self.make()
        if "mode" not in signature(storage.url).parameters:
            self.skipTest("This django-storages signs URLs for reading alone.")
        headers = {"x_ms_blob_type": "BlockBlob", "Content_Type": "text/x-a"}
        assert ask("PUT", storage.url("a.txt", mode="cw"), b"content", **headers).status == 201
        with storage.open("a.txt") as file:
            assert file.read() == b"content"
        assert (
            storage.client.get_blob_client("a.txt").get_blob_properties()["content_settings"][
                "content_type"
            ]
            == "text/x-a"
        )
        for url in (
            storage.url("b.txt"),
            storage.url("b.txt", mode="cw").replace("/b.txt", "/c.txt"),
            storage.url("b.txt", mode="cw", expire=-60),
        ):
            assert ask("PUT", url, b"content", **headers).status == 403
        assert storage.listdir("") == ([], ["a.txt"])

    def test_copy(self) -> None:
        """A copy from the URL of a file works as without a server."""
        storage = self.make()
        storage.save("a.txt", ContentFile(b"content"))
        storage.client.get_blob_client("b.txt").start_copy_from_url(storage.url("a.txt"))
        with storage.open("b.txt") as file:
            assert file.read() == b"content"


@needs_gcs
@override_settings(ROOT_URLCONF=__name__)
class GoogleTests(LiveServerTestCase):
    """A storage on Google Cloud Storage under Django's live server."""

    @classmethod
    def setUpClass(cls) -> None:
        """Begin before the server is started."""
        for tool in (GCSFloor(), serve_live_media()):
            tool.enable()
            cls.addClassCleanup(tool.disable)
        super().setUpClass()

    def make(self, **options: Any) -> Any:
        """Return a storage on a bucket that exists."""
        from storages.backends.gcloud import GoogleCloudStorage

        return GoogleCloudStorage(bucket_name="pictures", **options)

    def test_reading(self) -> None:
        """URLs with a signature, without one and on a custom domain serve the file."""
        urls = []
        for options in (
            {},
            {"default_acl": "publicRead"},
            {"custom_endpoint": "https://cdn.example"},
            {"custom_endpoint": "https://cdn.example", "querystring_auth": False},
        ):
            storage = self.make(**options)
            storage.save("a b/ü.txt", ContentFile(b"content"))
            urls.append(storage.url("a b/ü.txt"))
        urls.append(storage.bucket.blob("a b/ü.txt").public_url)
        for url in urls:
            assert url.startswith(
                f"{self.live_server_url}/_buckets/gs/storage.googleapis.com/pictures/"
            )
            answered = ask("GET", url, Range="bytes=0-2")
            assert (answered.status, answered.body) == (206, b"con"), url

    def test_site_with_a_domain(self) -> None:
        """A site that answers a request shows URLs on its own host."""
        with live_servers.answering("https://site.example"):
            url = self.make().url("a")
        assert url.startswith("https://site.example/_buckets/gs/storage.googleapis.com/pictures/a?")

    def test_writing(self) -> None:
        """A URL that is signed for PUT stores a file; another, or an expired one, is refused."""
        storage = self.make()
        headers = {"Content_Type": "text/x-a"}

        def sign(key: str, **options: Any) -> str:
            given = {"version": "v4", "method": "PUT", "content_type": "text/x-a", **options}
            url: str = storage.bucket.blob(key).generate_signed_url(timedelta(seconds=60), **given)
            return url

        assert ask("PUT", sign("a.txt"), b"content", **headers).status == 200
        with storage.open("a.txt") as file:
            assert file.read() == b"content"
        assert storage.bucket.get_blob("a.txt").content_type == "text/x-a"
        with time_machine.travel("2020-02-02"):
            expired = sign("b.txt")
        assert ask("PUT", expired, b"content", **headers).status == 400
        changed = sign("b.txt").replace("/b.txt", "/c.txt")
        for url in (sign("b.txt", method="GET"), changed):
            assert ask("PUT", url, b"content", **headers).status == 403
        assert ask("PUT", sign("b.txt"), b"content", Content_Type="text/html").status == 403
        assert storage.listdir("") == ([], ["a.txt"])

    def test_resumable_upload(self) -> None:
        """A browser uploads by the URL of a session that the project began."""
        storage = self.make()
        blob = storage.bucket.blob("a.txt")
        url = blob.create_resumable_upload_session(content_type="text/x-a", origin="http://a.b")
        assert url.startswith(self.live_server_url)
        assert ask("PUT", url, b"content").status == 200
        blob.reload()
        assert (blob.size, blob.content_type) == (7, "text/x-a")

    def test_form(self) -> None:
        """The URL of a signed form is one of the live server."""
        storage = self.make()
        form = storage.client.generate_signed_post_policy_v4(
            "pictures", "a.txt", timedelta(seconds=60)
        )
        assert form["url"].startswith(f"{self.live_server_url}/_buckets/gs/")


# Which server a test uses.


class Running(NamedTuple):
    """A thread of a live server."""

    host: str
    port: int


def test_no_server() -> None:
    """Without a live server there is no site."""
    assert live_servers.site_url() == ""


def test_server_of_a_fixture() -> None:
    """A server that a fixture started is used by tests that use the fixture; another by all."""
    with ExitStack() as stack:
        stack.enter_context(live_servers.running(Running("localhost", 0)))
        with live_servers.started_by("live_server"):
            stack.enter_context(live_servers.running(Running("localhost", 1)))
        assert live_servers.site_url() == "http://localhost:0"
    with ExitStack() as stack:
        with live_servers.started_by("live_server"):
            stack.enter_context(live_servers.running(Running("localhost", 1)))
        assert live_servers.site_url() == ""
        live_servers.use(["live_server"])
        assert live_servers.site_url() == "http://localhost:1"
        live_servers.use([])
        with live_servers.running(Running("localhost", 2)):
            assert live_servers.site_url() == "http://localhost:2"
        assert live_servers.site_url() == ""
        with live_servers.answering("http://127.0.0.1:1"):
            assert live_servers.site_url() == "http://127.0.0.1:1"


# Projects.

SETTINGS = """
STORAGES = {
    "default": {"BACKEND": "storages.backends.s3.S3Storage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
AWS_STORAGE_BUCKET_NAME = "pictures"
MEDIA_URL = "https://pictures.s3.amazonaws.com/"
"""
URLS = """
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("page/", lambda request: HttpResponse(default_storage.url("a.txt")))]
"""
CASES = """
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.storage import default_storage
from django.test import LiveServerTestCase


def read(url):
    with urlopen(url) as response:
        return response.read()


class Tests(LiveServerTestCase):
    def test_page(self):
        default_storage.save("a.txt", ContentFile(b"content"))
        url = read(f"{self.live_server_url}/page/").decode()
        self.assertTrue(url.startswith(self.live_server_url))
        self.assertEqual(read(url), b"content")
        self.assertEqual(read(default_storage.url("a.txt")), b"content")

    def test_upload(self):
        self.assertFalse(default_storage.exists("a.txt"))
        url = default_storage.bucket.meta.client.generate_presigned_url(
            "put_object", {"Bucket": "pictures", "Key": "a.txt", "ContentType": "text/plain"}
        )
        headers = {"Content-Type": "text/plain"}
        with urlopen(Request(url, b"uploaded", headers, method="PUT")) as response:
            self.assertEqual(response.status, 200)
        with default_storage.open("a.txt") as file:
            self.assertEqual(file.read(), b"uploaded")
"""
FIXTURES = """
from urllib.request import urlopen

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.storage import default_storage


def read(url):
    with urlopen(url) as response:
        return response.read()


def test_before():
    assert default_storage.url("a.txt").startswith("https://pictures.s3.amazonaws.com/")


def test_page(live_server):
    default_storage.save("a.txt", ContentFile(b"content"))
    url = read(f"{live_server}/page/").decode()
    assert url.startswith(live_server.url)
    assert read(url) == read(default_storage.url("a.txt")) == b"content"


def test_after():
    assert default_storage.url("a.txt").startswith("https://pictures.s3.amazonaws.com/")
"""
MODULES = {"test_cases.py": CASES, "test_fixtures.py": FIXTURES}
RUNS = {
    "runner": ("test_cases.py", ["-m", "django", "test"]),
    "pytest": ("test_cases.py", ["-m", "pytest", "-p", "no:randomly"]),
    "fixtures": ("test_fixtures.py", ["-m", "pytest", "-p", "no:randomly"]),
}


@needs_s3
@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.parametrize("run", RUNS)
def test_in_projects(run: str, tmp_path: Path) -> None:
    """Live servers of a project on S3 with the kit's one line serve the bucket's URLs."""
    project = make_project(
        tmp_path,
        settings=f'{SETTINGS}\nTEST_RUNNER = "inmemorystorage.testing.InMemoryStorageRunner"',
    )
    project.write("uploads/urls.py", URLS)
    project.write("pytest.ini", "[pytest]\ninmemorystorage_override = true\n")
    module, arguments = RUNS[run]
    project.write(module, MODULES[module])
    project.run(*arguments)
