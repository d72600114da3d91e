"""Google Cloud Storage's requests on buckets in memory, without a client."""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import time
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest

from inmemorystorage.buckets import checksums, gcs
from inmemorystorage.buckets.bucket import Attributes, Buckets
from inmemorystorage.buckets.gcs_access import EMAIL, _canonical, invented_key
from inmemorystorage.buckets.gcs_call import Call, Kind
from inmemorystorage.buckets.http import Request, Response
from inmemorystorage.exceptions import UnsupportedRequest
from inmemorystorage.tree.journal import Savepoint

SERVICE = "https://storage.googleapis.com"
BUCKETS = f"{SERVICE}/storage/v1/b"
MEDIA = f"{BUCKETS}/media"
UPLOAD = f"{SERVICE}/upload/storage/v1/b/media/o?uploadType="
XML = f"{SERVICE}/media"
SIGNED = {"authorization": "Bearer in-memory"}


@pytest.fixture
def buckets() -> Buckets:
    """Return an account with a bucket "media", and an object "a" in it."""
    buckets = Buckets()
    ask(buckets, "POST", f"{BUCKETS}?project=p", {"name": "media"})
    insert(buckets, "a", b"0123456789", contentType="text/plain", metadata={"by": "me"})
    return buckets


def send(
    buckets: Buckets, method: str, url: str, body: bytes = b"", headers: Any = None
) -> Response:
    """Send a request."""
    return gcs.answer(buckets, Request(method, url, headers or {}, body))


def ask(buckets: Buckets, method: str, url: str, document: Any = None) -> Any:
    """Send a document; return the answered one, or the status of another answer."""
    body = b"" if document is None else json.dumps(document).encode()
    answered = send(buckets, method, url, body)
    if answered.status != 200:
        return answered.status
    return json.loads(answered.body)


def insert(buckets: Buckets, name: str, content: bytes, query: str = "", **fields: Any) -> Any:
    """Insert an object with a resource; return its resource, or the status of an error."""
    document = json.dumps({"name": name, **fields})
    body = f"--b\r\nContent-Type: application/json\r\n\r\n{document}\r\n--b\r\n\r\n".encode()
    headers = {"content-type": 'multipart/related; boundary="b"'}
    url = f"{UPLOAD}multipart{query}"
    answered = send(buckets, "POST", url, body + content + b"\r\n--b--", headers)
    return json.loads(answered.body) if answered.status == 200 else answered.status


def test_lines_without_carriage_returns(buckets: Buckets) -> None:
    """The parts of a body may have lines that end with a line feed, as gcsfs writes them."""
    body = b'--b\nContent-Type: application/json\n\n{"name": "b"}\n--b\n\na\r\n\nb\n--b--'
    sent = {"content-type": 'multipart/related; boundary="b"'}
    assert send(buckets, "POST", f"{UPLOAD}multipart", body, sent).status == 200
    assert send(buckets, "GET", f"{MEDIA}/o/b?alt=media").body == b"a\r\n\nb"


def test_resource(buckets: Buckets) -> None:
    """The resource of an object has the fields of the reference."""
    resource = ask(buckets, "GET", f"{MEDIA}/o/a?projection=full")
    numbers = ("generation", "etag", "id", "mediaLink", "timeCreated", "updated")
    dates = ("timeFinalized", "timeStorageClassUpdated")
    changing = {name: resource.pop(name) for name in (*numbers, *dates)}
    acl = [(each["entity"], each["role"]) for each in resource.pop("acl")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", changing["updated"])
    assert changing["id"] == f"media/a/{changing['generation']}"
    assert changing["mediaLink"].endswith(f"?generation={changing['generation']}&alt=media")
    assert acl[0] == ("project-owners-1", "OWNER")
    assert resource == {
        "kind": "storage#object",
        "selfLink": f"{MEDIA}/o/a",
        "name": "a",
        "bucket": "media",
        "metageneration": "1",
        "storageClass": "STANDARD",
        "size": "10",
        "crc32c": "KAwGng==",
        "md5Hash": "eB5eJF1ptWaXm4bijSPyxw==",
        "contentType": "text/plain",
        "metadata": {"by": "me"},
        "owner": {"entity": f"user-{EMAIL}"},
    }


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "k" * 1025, "ü" * 513, "a\nb", "a\rb", ".well-known/acme-challenge/a"],
)
def test_refused_names(buckets: Buckets, name: str) -> None:
    """An object's name is valid, and at most 1024 bytes long."""
    assert insert(buckets, name, b"") == 400


@pytest.mark.parametrize("name", ["k" * 1024, "ü" * 512, "a\tb", "...", "/", "a//b"])
def test_names(buckets: Buckets, name: str) -> None:
    """Other characters and lengths are allowed."""
    assert insert(buckets, name, b"")["name"] == name
    assert ask(buckets, "GET", f"{MEDIA}/o/{quote(name, safe='')}")["name"] == name


CONDITIONS = [
    ("ifGenerationMatch={generation}", 200, 200),
    ("ifGenerationMatch=1", 412, 412),
    ("ifGenerationMatch=0", 412, 412),
    ("ifGenerationNotMatch=1", 200, 200),
    ("ifGenerationNotMatch={generation}", 304, 412),
    ("ifMetagenerationMatch=1", 200, 200),
    ("ifMetagenerationMatch=2", 412, 412),
    ("ifMetagenerationNotMatch=2", 200, 200),
    ("ifMetagenerationNotMatch=1", 304, 412),
    ("ifGenerationMatch=odd", 400, 400),
    ("generation=1", 404, 404),
    ("generation={generation}", 200, 200),
]


@pytest.mark.parametrize(("condition", "reading", "writing"), CONDITIONS)
def test_conditions(buckets: Buckets, condition: str, reading: int, writing: int) -> None:
    """Conditions on generations are checked when an object is read, changed and deleted."""
    generation = ask(buckets, "GET", f"{MEDIA}/o/a")["generation"]
    url = f"{MEDIA}/o/a?{condition.format(generation=generation)}"
    assert send(buckets, "GET", url).status == reading
    assert send(buckets, "GET", f"{url}&alt=media").status == reading
    assert send(buckets, "PATCH", url, b'{"metadata": null}').status == writing
    buckets["media"].objects.put("a", buckets["media"].objects["a"])
    if "eta" not in condition:
        assert send(buckets, "DELETE", url).status == {200: 204}.get(writing, writing)


def test_conditions_on_etags(buckets: Buckets) -> None:
    """If-Match and If-None-Match compare the entity tag."""
    etag = ask(buckets, "GET", f"{MEDIA}/o/a")["etag"]
    for name, value, status in (
        ("if-match", etag, 200),
        ("if-match", f'"{etag}"', 200),
        ("if-match", "other", 412),
        ("if-none-match", etag, 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "other", 200),
    ):
        assert send(buckets, "GET", f"{MEDIA}/o/a", b"", {name: value}).status == status


def test_insert_conditions(buckets: Buckets) -> None:
    """An object is inserted if the live one, or its absence, meets the conditions."""
    assert insert(buckets, "a", b"", "&ifGenerationMatch=0") == 412
    assert insert(buckets, "b", b"", "&ifGenerationNotMatch=0") == 412
    assert insert(buckets, "b", b"", "&ifGenerationMatch=0")["name"] == "b"
    assert insert(buckets, "b", b"", "&ifGenerationNotMatch=0")["name"] == "b"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"md5Hash": "eB5eJF1ptWaXm4bijSPyxw=="}, None),
        ({"md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg=="}, 400),
        ({"crc32c": "KAwGng=="}, None),
        ({"crc32c": "AAAAAA=="}, 400),
        ({"metadata": "odd"}, 400),
        ({"acl": [{"entity": "allUsers", "role": "READER"}]}, None),
        ({"acl": [{"entity": "allUsers", "role": "odd"}]}, 400),
        ({"acl": [{"role": "READER"}]}, 400),
    ],
)
def test_insert_fields(buckets: Buckets, fields: Any, status: int | None) -> None:
    """Checksums are verified, and fields must be valid."""
    inserted = insert(buckets, "b", b"0123456789", **fields)
    assert inserted == status or inserted["acl" if "acl" in fields else "name"]


def test_insert_media(buckets: Buckets) -> None:
    """A content without a resource has its name and its encoding in the query."""
    query = "media&name=b&contentEncoding=gzip&predefinedAcl=publicRead&projection=full"
    content = gzip.compress(b"content")
    headers = {"content-type": "text/css"}
    inserted = json.loads(send(buckets, "POST", UPLOAD + query, content, headers).body)
    assert (inserted["contentEncoding"], inserted["contentType"]) == ("gzip", "text/css")
    assert [each["entity"] for each in inserted["acl"]] == [f"user-{EMAIL}", "allUsers"]
    read = send(buckets, "GET", f"{MEDIA}/o/b?alt=media", b"", {"accept-encoding": "gzip"})
    assert (read.body, read.headers["content-encoding"]) == (content, "gzip")
    assert buckets["media"].objects["b"].content is content
    plain = send(buckets, "GET", f"{MEDIA}/o/b?alt=media", b"", {"range": "bytes=0-1"})
    assert (plain.status, plain.body) == (200, b"content")
    ask(buckets, "PATCH", f"{MEDIA}/o/b", {"cacheControl": "no-transform"})
    assert send(buckets, "GET", f"{MEDIA}/o/b?alt=media").body == content
    assert send(buckets, "POST", f"{UPLOAD}media&name=b&predefinedAcl=odd").status == 400
    send(buckets, "POST", f"{UPLOAD}media&name=b&contentEncoding=gzip", b"plain")
    assert send(buckets, "GET", f"{MEDIA}/o/b?alt=media").body == b"plain"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/related", b"--b"),
        ('multipart/related; boundary="b"', b"--b\r\n\r\n{}"),
        ('multipart/related; boundary="b"', b"--b\r\n\r\nodd\r\n--b\r\n\r\na\r\n--b--"),
        ('multipart/related; boundary="b"', b"--b\r\n\r\n[]\r\n--b\r\n\r\na\r\n--b--"),
    ],
)
def test_malformed_parts(buckets: Buckets, content_type: str, body: bytes) -> None:
    """A body that is not in two parts is refused."""
    url, headers = f"{UPLOAD}multipart", {"content-type": content_type}
    assert send(buckets, "POST", url, body, headers).status == 400
    assert gcs.identify(buckets, Request("POST", url, headers, body)).key == ""


def test_media(buckets: Buckets) -> None:
    """The content is sent with its checksums, as a whole or in a range; errors are text."""
    whole = send(buckets, "GET", f"{MEDIA}/o/a?alt=media")
    assert whole.body is buckets["media"].objects["a"].content
    assert whole.headers["x-goog-hash"] == "crc32c=KAwGng==,md5=eB5eJF1ptWaXm4bijSPyxw=="
    part = send(buckets, "GET", f"{MEDIA}/o/a?alt=media", b"", {"range": "bytes=2-3"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"23", "bytes 2-3/10")
    outside = send(buckets, "GET", f"{MEDIA}/o/a?alt=media", b"", {"range": "bytes=10-"})
    assert outside.status == 416
    missing = send(buckets, "GET", f"{SERVICE}/download/storage/v1/b/media/o/x?alt=media")
    assert (missing.status, missing.body) == (404, b"No such object: media/x")


def test_patch(buckets: Buckets) -> None:
    """A patch changes the named fields, and null removes them."""
    patched = ask(buckets, "PATCH", f"{MEDIA}/o/a", {"metadata": {"of": "b", "by": None}})
    assert (patched["metadata"], patched["contentType"]) == ({"of": "b"}, "text/plain")
    assert patched["metageneration"] == "2"
    patched = ask(buckets, "PATCH", f"{MEDIA}/o/a", {"contentType": None})
    assert "contentType" not in patched
    assert patched["metadata"] == {"of": "b"}
    assert "metadata" not in ask(buckets, "PATCH", f"{MEDIA}/o/a", {"metadata": None})
    assert ask(buckets, "PATCH", f"{MEDIA}/o/a", {"metadata": "odd"}) == 400
    assert "acl" not in ask(buckets, "PATCH", f"{MEDIA}/o/a?projection=noAcl", {})
    acl = [{"entity": "allUsers", "role": "READER"}]
    assert len(ask(buckets, "PATCH", f"{MEDIA}/o/a", {"acl": acl})["acl"]) == 1
    updated = ask(buckets, "PUT", f"{MEDIA}/o/a", {"storageClass": "STANDARD"})
    assert (updated["storageClass"], updated["acl"][0]["entity"]) == ("STANDARD", "allUsers")
    assert updated["md5Hash"] == "eB5eJF1ptWaXm4bijSPyxw=="


def test_copies(buckets: Buckets) -> None:
    """A copy has the metadata of its source, or that of the request."""
    copied = ask(buckets, "POST", f"{MEDIA}/o/a/copyTo/b/media/o/b?projection=full")
    assert (copied["metadata"], copied["size"]) == ({"by": "me"}, "10")
    url = f"{MEDIA}/o/a/rewriteTo/b/media/o/c"
    rewritten = ask(buckets, "POST", url, {"storageClass": "NEARLINE"})
    assert (rewritten["done"], rewritten["objectSize"]) == (True, "10")
    assert rewritten["resource"]["storageClass"] == "NEARLINE"
    assert "metadata" not in rewritten["resource"]
    assert ask(buckets, "POST", f"{url}?rewriteToken=x") == 400
    assert ask(buckets, "POST", f"{url}?ifSourceGenerationMatch=1") == 412
    assert ask(buckets, "POST", f"{url}?ifGenerationMatch=0") == 412
    assert ask(buckets, "POST", f"{url}?sourceGeneration=1") == 404
    assert ask(buckets, "POST", f"{MEDIA}/o/a/rewriteTo/b/none/o/c") == 404


def compose(buckets: Buckets, *sources: Any, **fields: Any) -> Any:
    """Compose sources to "all"."""
    named = [each if isinstance(each, dict) else {"name": each} for each in sources]
    document = {"sourceObjects": named, **fields}
    return ask(buckets, "POST", f"{MEDIA}/o/all/compose", document)


def test_compose(buckets: Buckets) -> None:
    """A composed object counts its components, and has no MD5 digest."""
    assert compose(buckets, "a", "a", destination={"contentType": "a/b"})["componentCount"] == 2
    composed = compose(buckets, "all", "a")
    assert (composed["componentCount"], composed["size"]) == (3, "30")
    assert "md5Hash" not in composed
    patched = ask(buckets, "PATCH", f"{MEDIA}/o/all", {"contentType": "c/d"})
    assert (patched["componentCount"], patched["contentType"]) == (3, "c/d")
    for storage_class, count in (("STANDARD", 3), ("NEARLINE", 1)):
        url = f"{MEDIA}/o/all/copyTo/b/media/o/copied"
        copied = ask(buckets, "POST", url, {"storageClass": storage_class})
        assert (copied["componentCount"], "md5Hash" in copied) == (count, False)
    generation = ask(buckets, "GET", f"{MEDIA}/o/a")["generation"]
    known = {"name": "a", "generation": generation}
    assert compose(buckets, {**known, "objectPreconditions": {"ifGenerationMatch": generation}})
    assert compose(buckets, {**known, "objectPreconditions": {"ifGenerationMatch": "1"}}) == 412
    assert compose(buckets, {"name": "a", "generation": "1"}) == 404
    assert compose(buckets) == 400
    assert compose(buckets, *["a"] * 33) == 400


def test_acl(buckets: Buckets) -> None:
    """Entries of an ACL are inserted, read, changed and deleted."""
    url, entry = f"{MEDIA}/o/a/acl", {"entity": "allUsers", "role": "READER"}
    assert ask(buckets, "POST", url, entry)["role"] == "READER"
    assert "allUsers" in [each["entity"] for each in ask(buckets, "GET", url)["items"]]
    assert ask(buckets, "PATCH", f"{url}/allUsers", {"role": "OWNER"})["role"] == "OWNER"
    assert ask(buckets, "GET", f"{url}/user-{EMAIL}")["email"] == EMAIL
    assert ask(buckets, "DELETE", f"{url}/allUsers") == 204
    assert ask(buckets, "GET", f"{url}/allUsers") == 404
    assert ask(buckets, "PUT", f"{url}/allUsers", {"role": "OWNER"}) == 404
    assert ask(buckets, "DELETE", f"{url}/allUsers") == 404


def names(listed: Any) -> Any:
    """Return the names and the prefixes on a page."""
    return [each["name"] for each in listed.get("items", [])], listed.get("prefixes", [])


def test_pages(buckets: Buckets) -> None:
    """A page has 1000 objects and prefixes at most, and the next one begins after it."""
    for number in range(1001):
        buckets["media"].store(f"b/{number:04}", b"", Attributes())
    first = ask(buckets, "GET", f"{MEDIA}/o?maxResults=2000")
    assert len(first["items"]) == 1000
    second = ask(buckets, "GET", f"{MEDIA}/o?pageToken={first['nextPageToken']}")
    assert names(second) == (["b/0999", "b/1000"], [])
    grouped = ask(buckets, "GET", f"{MEDIA}/o?delimiter=/&maxResults=1")
    rest = f"{MEDIA}/o?delimiter=/&maxResults=1&pageToken={grouped['nextPageToken']}"
    assert (names(grouped), names(ask(buckets, "GET", rest))) == ((["a"], []), ([], ["b/"]))
    assert ask(buckets, "GET", f"{MEDIA}/o?pageToken=%ff") == 400
    assert ask(buckets, "GET", f"{MEDIA}/o?maxResults=odd") == 400


def test_list_options(buckets: Buckets) -> None:
    """Offsets limit names, and objects that end with the delimiter are listed if asked for."""
    for key in ("b/", "b/1", "c"):
        buckets["media"].store(key, b"", Attributes())
    for query, expected in (
        ("startOffset=b/1", (["b/1", "c"], [])),
        ("endOffset=b/1", (["a", "b/"], [])),
        ("delimiter=/&startOffset=b/1", (["c"], ["b/"])),
        ("delimiter=/&includeTrailingDelimiter=true", (["a", "b/", "c"], ["b/"])),
    ):
        assert names(ask(buckets, "GET", f"{MEDIA}/o?{query}")) == expected


def test_fields(buckets: Buckets) -> None:
    """A partial response has the fields that the request names."""
    assert ask(buckets, "GET", f"{MEDIA}/o/a?fields=name") == {"name": "a"}
    for fields, item in (
        ("items(name,metadata/by)", {"name": "a", "metadata": {"by": "me"}}),
        ("items/size", {"size": "10"}),
        ("items/name/odd,kind(x)", {"name": "a"}),
    ):
        assert ask(buckets, "GET", f"{MEDIA}/o?fields={fields}")["items"] == [item]
    assert len(ask(buckets, "GET", f"{MEDIA}/o?fields=*")) == 2


# Buckets.


def test_buckets(buckets: Buckets) -> None:
    """Buckets are created, listed on pages, changed and deleted."""
    created = ask(buckets, "POST", BUCKETS, {"name": "other", "labels": {"a": "1"}})
    assert (created["labels"], created["location"]) == ({"a": "1"}, "US")
    page = ask(buckets, "GET", f"{BUCKETS}?maxResults=1")
    assert [each["name"] for each in page["items"]] == ["media"]
    rest = ask(buckets, "GET", f"{BUCKETS}?pageToken={page['nextPageToken']}&prefix=o")
    assert [each["name"] for each in rest["items"]] == ["other"]
    assert "items" not in ask(buckets, "GET", f"{BUCKETS}?prefix=x")
    url = f"{BUCKETS}/other"
    patched = ask(buckets, "PATCH", url, {"labels": {"b": "2", "a": None}, "cors": []})
    assert (patched["labels"], patched["metageneration"]) == ({"b": "2"}, "2")
    assert "labels" not in ask(buckets, "PATCH", url, {"labels": {"b": None}})
    assert ask(buckets, "PATCH", url, {"labels": {"b": "2"}})["labels"] == {"b": "2"}
    updated = ask(buckets, "PUT", url, {"website": {}})
    assert ("labels" in updated, updated["website"], updated["metageneration"]) == (False, {}, "5")
    assert ask(buckets, "GET", f"{url}?ifMetagenerationMatch=1") == 412
    assert ask(buckets, "GET", f"{url}?ifMetagenerationNotMatch=5") == 304
    assert ask(buckets, "DELETE", f"{url}?ifMetagenerationNotMatch=5") == 412
    assert ask(buckets, "DELETE", url) == 204
    assert ask(buckets, "GET", url) == 404
    assert ask(buckets, "DELETE", MEDIA) == 409
    assert ask(buckets, "POST", BUCKETS, {"name": "media"}) == 409
    assert ask(buckets, "POST", BUCKETS, {}) == 400
    for name in ("A", "ab", "google", "a-g00gle", "-ab", "192.168.5.4", "a" * 64, f"b.{'a' * 64}"):
        assert ask(buckets, "POST", BUCKETS, {"name": name}) == 400
    assert ask(buckets, "POST", BUCKETS, {"name": f"a.{'b' * 63}.{'c' * 63}"})["location"] == "US"


# Resumable uploads.


def begin(buckets: Buckets, query: str = "", **fields: Any) -> str:
    """Begin a resumable upload of "big"; return its URL."""
    body = json.dumps({"name": "big", **fields}).encode()
    headers = {"x-upload-content-type": "text/plain"}
    return str(
        send(buckets, "POST", f"{UPLOAD}resumable{query}", body, headers).headers["location"]
    )


def put(buckets: Buckets, url: str, content: bytes, sent: str | None) -> Response:
    """Send a chunk."""
    headers = {} if sent is None else {"content-range": sent}
    return send(buckets, "PUT", url, content, headers)


def test_resumable_upload(buckets: Buckets) -> None:
    """An upload continues where it ended, and its last chunk returns the resource."""
    url, chunk = begin(buckets), b"x" * (256 << 10)
    assert put(buckets, url, b"", "bytes */*").headers == {
        "server": "UploadServer",
        "content-length": "0",
    }
    first = put(buckets, url, chunk + b"more", "bytes 0-262147/*")
    assert (first.status, first.headers["range"]) == (308, "bytes=0-262143")
    assert put(buckets, url, b"", "bytes */262146").headers["range"] == "bytes=0-262143"
    assert put(buckets, url, b"a", "bytes 5-6/9").status == 400
    assert put(buckets, url, b"a", "odd").status == 400
    assert put(buckets, url, b"a", "bytes 262150-262150/*").status == 503
    last = put(buckets, url, b"xyz", "bytes 262143-262145/262146")
    resource = json.loads(last.body)
    assert (resource["size"], resource["contentType"]) == ("262146", "text/plain")
    assert put(buckets, url, b"", "bytes */262146").body == last.body
    assert buckets["media"].objects["big"].content == chunk + b"yz"
    assert put(buckets, begin(buckets), b"all", None).status == 200


def test_resumable_conditions(buckets: Buckets) -> None:
    """The conditions of an upload hold when it begins, and when it ends."""
    url = begin(buckets, "&ifGenerationMatch=0")
    insert(buckets, "big", b"")
    assert put(buckets, url, b"a", "bytes 0-0/1").status == 412


def test_cancelled_upload(buckets: Buckets) -> None:
    """A cancelled upload is gone."""
    url = begin(buckets)
    assert send(buckets, "DELETE", url).status == 499
    assert send(buckets, "DELETE", url).status == 404
    assert put(buckets, url, b"a", None).status == 404
    assert put(buckets, f"{UPLOAD}resumable", b"a", None).status == 404


# Batches.


def test_batch(buckets: Buckets) -> None:
    """Each request of a batch is answered with a status."""
    requests = (
        f"GET {MEDIA}/o/a?fields=name HTTP/1.1\r\nAccept: */*\r\n\r\n",
        "DELETE /storage/v1/b/media/o/x HTTP/1.1\r\n\r\n",
    )
    parts = "".join(
        f"--x\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n{each}\r\n"
        for number, each in enumerate(requests)
    )
    url, headers = f"{SERVICE}/batch/storage/v1", {"content-type": "multipart/mixed; boundary=x"}
    answered = send(buckets, "POST", url, f"{parts}--x--".encode(), headers).body.decode()
    assert "Content-ID: <response-0>\r\n\r\nHTTP/1.1 200 OK" in answered
    assert '{"name": "a"}' in answered
    assert "HTTP/1.1 404 Not Found" in answered
    assert send(buckets, "POST", url, b"", {"content-type": "text/plain"}).status == 400
    assert gcs.identify(buckets, Request("POST", url)) == ("batch", "", "")


# The XML API.


def code(response: Response) -> str:
    """Return the code of an XML error, or an empty string."""
    found = re.search("<Code>(.*)</Code>", response.body.decode())
    return found[1] if found else ""


def test_xml_objects(buckets: Buckets) -> None:
    """Objects are put, got, headed and deleted by their URLs."""
    headers = {
        **SIGNED, "content-type": "text/css", "x-goog-meta-by": "me", "x-goog-acl": "public-read",
        "x-goog-hash": "crc32c=yZRlqg==", "content-md5": "XrY7u+Ae7tCTyyK7j1rNww==",
        "x-goog-if-generation-match": "0", "x-goog-content-length-range": "1,20",
    }  # fmt: skip
    content = b"hello world"
    virtual = "https://media.storage.googleapis.com/d/ü"
    stored = send(buckets, "PUT", virtual, content, headers)
    assert (stored.status, stored.headers["etag"]) == (200, '"5eb63bbbe01eeed093cb22bb8f5acdc3"')
    assert buckets["media"].objects["d/ü"].content is content
    url = f"{XML}/d/%C3%BC"
    read = send(buckets, "GET", f"{url}?response-content-type=a/b", b"", SIGNED)
    assert (read.body, read.headers["content-type"]) == (content, "a/b")
    assert read.headers["x-goog-meta-by"] == "me"
    head = send(buckets, "HEAD", url)  # as anyone may
    assert (head.body, head.headers["content-length"]) == (b"", "11")
    assert send(buckets, "GET", url, b"", {"if-none-match": stored.headers["etag"]}).status == 304
    assert send(buckets, "GET", url, b"", {"if-match": "other"}).status == 412
    assert code(send(buckets, "PUT", url, content, headers)) == "PreconditionFailed"
    assert send(buckets, "DELETE", url, b"", SIGNED).status == 204
    assert code(send(buckets, "GET", url, b"", SIGNED)) == "NoSuchKey"
    assert send(buckets, "HEAD", url, b"", SIGNED).status == 404
    assert code(send(buckets, "GET", f"{SERVICE}/none/a", b"", SIGNED)) == "NoSuchBucket"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-goog-acl": "odd"}, "InvalidArgument"),
        ({"x-goog-content-length-range": "2,3"}, "EntityTooSmall"),
        ({"x-goog-content-length-range": "0,0"}, "EntityTooLarge"),
        ({"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "InvalidArgument"),
        ({"x-goog-if-metageneration-match": "1"}, "PreconditionFailed"),
    ],
)
def test_xml_errors(buckets: Buckets, headers: Any, expected: str) -> None:
    """An upload that its headers do not allow stores nothing."""
    assert code(send(buckets, "PUT", f"{XML}/b", b"a", {**SIGNED, **headers})) == expected
    assert "b" not in buckets["media"].objects


def test_xml_access(buckets: Buckets) -> None:
    """Without a signature only public objects are read."""
    assert code(send(buckets, "PUT", f"{XML}/b")) == "AccessDenied"
    assert code(send(buckets, "GET", f"{XML}/a")) == "AccessDenied"
    buckets.public.put("media", True)
    assert send(buckets, "GET", f"{XML}/a").body == b"0123456789"
    assert send(buckets, "HEAD", f"{XML}/a").status == 200


def test_xml_resumable_upload(buckets: Buckets) -> None:
    """A resumable upload begins with a header, and continues without a signature."""
    headers = {**SIGNED, "x-goog-resumable": "start", "x-goog-acl": "private"}
    begun = send(buckets, "POST", f"{XML}/big?generation=1", b"", headers)
    url = begun.headers["location"]
    assert begun.status == 201
    assert put(buckets, url, b"x" * (256 << 10), "bytes 0-262143/*").status == 308
    assert put(buckets, url, b"a", "bytes 262144-262144/262145").status == 200
    assert len(buckets["media"].objects["big"].content) == 262_145
    assert send(buckets, "DELETE", url).status == 499


def signed_url(method: str, path: str, headers: str = "host", **changes: str) -> str:
    """Return a URL with a signature of version 4."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    query = {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": f"{EMAIL}/{now[:8]}/auto/storage/goog4_request",
        "X-Goog-Date": now,
        "X-Goog-Expires": "60",
        "X-Goog-SignedHeaders": headers,
        **{f"X-Goog-{name}": value for name, value in changes.items()},
    }
    url = f"{SERVICE}{path}?" + "&".join(f"{k}={quote(v, safe='~')}" for k, v in query.items())
    call = Call(Buckets(), Request(method, url), Kind("", lambda _: Response()), ("", ""))
    lines = [query["X-Goog-Algorithm"], query["X-Goog-Date"]]
    lines.append(query["X-Goog-Credential"].partition("/")[2])
    text = "\n".join([*lines, sha256(_canonical(call).encode()).hexdigest()])
    return f"{url}&X-Goog-Signature={invented_key().sign(text.encode()).hex()}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"Expires": "604800"}, ""),
        ({"Expires": "604801"}, "InvalidArgument"),
        ({"Expires": "0"}, "InvalidArgument"),
        ({"Expires": "odd"}, "InvalidArgument"),
        ({"Date": "20200101T000000Z"}, "ExpiredToken"),
        ({"Date": "odd"}, "InvalidArgument"),
        ({"Algorithm": "odd"}, "InvalidArgument"),
    ],
)
def test_signed_urls(buckets: Buckets, changes: dict[str, str], expected: str) -> None:
    """A signed URL is valid for 7 days at most, and until it expires."""
    assert code(send(buckets, "GET", signed_url("GET", "/media/a", **changes))) == expected


def test_tampered_urls(buckets: Buckets) -> None:
    """A signature holds for its method, path, query and headers alone."""
    url = signed_url("GET", "/media/a")
    for changed in (
        url.replace("/media/a", "/media/b"),
        url.replace("Expires=60", "Expires=61"),
        f"{url}&response-content-type=a/b",
    ):
        assert code(send(buckets, "GET", changed)) == "SignatureDoesNotMatch"
    assert code(send(buckets, "DELETE", url)) == "SignatureDoesNotMatch"
    partial = re.sub("X-Goog-Date=[^&]*&", "", url)
    assert code(send(buckets, "GET", partial)) == "InvalidArgument"
    other = url.replace("in-memory%40", "other%40")
    assert send(buckets, "GET", other).status == 200  # its key is unknown here


def test_signed_urls_of_version_2(buckets: Buckets) -> None:
    """A URL of the older version is valid until it expires."""
    url = f"{XML}/a?GoogleAccessId=a&Signature=b&Expires="
    assert send(buckets, "GET", f"{url}99999999999").status == 200
    assert code(send(buckets, "GET", f"{url}1")) == "ExpiredToken"


def post(buckets: Buckets, fields: dict[str, str], name: str = "file") -> Response:
    """Send a form with a file."""
    parts = [f'name="{field}"\r\n\r\n{value}' for field, value in fields.items()]
    parts.append(f'name="{name}"; filename="me.txt"\r\n\r\ncontent')
    body = "".join(f"--xyz\r\nContent-Disposition: form-data; {each}\r\n" for each in parts)
    headers = {"content-type": "multipart/form-data; boundary=xyz"}
    return send(buckets, "POST", f"{XML}/", f"{body}--xyz--\r\n".encode(), headers)


def form(*conditions: Any, **fields: str) -> dict[str, str]:
    """Return the fields of a signed form."""
    allowed = [*conditions, ["starts-with", "$key", ""], {"x-goog-credential": EMAIL}]
    allowed += [{name: value} for name, value in fields.items() if name != "key"]
    document = {"expiration": "2100-01-01T00:00:00Z", "conditions": allowed}
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    signature = invented_key().sign(policy.encode()).hex()
    known = {"x-goog-credential": EMAIL, "x-goog-signature": signature, "policy": policy}
    return {"key": "up/${filename}", **known, **fields}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 204),
        ({"success_action_status": "201"}, 201),
        ({"success_action_redirect": "https://example.com"}, 303),
        ({"acl": "public-read", "x-goog-meta-by": "me", "content-type": "a/b"}, 204),
    ],
)
def test_form(buckets: Buckets, fields: dict[str, str], status: int) -> None:
    """A form with a signed policy stores its file, and is answered as it asks."""
    assert post(buckets, form(**fields)).status == status
    stored = buckets["media"].objects["up/me.txt"]
    assert stored.content == b"content"
    assert stored.attributes.headers.get("content-type") == fields.get("content-type")


def test_refused_forms(buckets: Buckets) -> None:
    """A form that is not signed, or that its policy does not allow, stores nothing."""
    signed = form()
    for fields, expected in (
        ({}, "AccessDenied"),
        ({**signed, "x-goog-signature": "00"}, "SignatureDoesNotMatch"),
        ({**signed, "x-goog-signature": "odd"}, "SignatureDoesNotMatch"),
        ({**signed, "content-type": "a/b"}, "AccessDenied"),
        (form(["content-length-range", 0, 1]), "EntityTooLarge"),
    ):
        assert code(post(buckets, fields)) == expected
    assert code(post(buckets, signed, "image")) == "MalformedPOSTRequest"
    assert len(buckets["media"].objects) == 1


# What is not answered.


@pytest.mark.parametrize(
    ("method", "url", "body", "headers"),
    [
        ("GET", f"{MEDIA}/iam", b"", {}),
        ("GET", f"{MEDIA}/o?versions=true", b"", {}),
        ("POST", f"{MEDIA}/o/a/moveTo/o/b", b"", {}),
        ("GET", f"{MEDIA}/o/a", b"", {"x-goog-encryption-key": "k"}),
        ("PATCH", f"{MEDIA}/o/a", b'{"temporaryHold": true}', {}),
        ("PATCH", MEDIA, b'{"versioning": {"enabled": true}}', {}),
        ("POST", BUCKETS, b'{"name": "new", "versioning": {"enabled": true}}', {}),
        ("POST", f"{MEDIA}/o/b/compose",
         b'{"sourceObjects": [{"name": "a"}], "deleteSourceObjects": true}', {}),
        ("GET", SERVICE, b"", {}),
        ("PATCH", f"{XML}/a", b"", {}),
        ("GET", XML, b"", {}),
        ("POST", f"{XML}/a", b"", SIGNED),
        ("PUT", f"{XML}/a", b"", {**SIGNED, "x-goog-copy-source": "/media/b"}),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("unchanged")
def test_unsupported(buckets: Buckets, method: str, url: str, body: bytes, headers: Any) -> None:
    """A request that is not answered raises, with the emulator as the cure, and changes nothing."""
    with pytest.raises(UnsupportedRequest, match=r"do not answer .* fake-gcs-server"):
        send(buckets, method, url, body, headers)
    assert len(buckets["media"].objects) == 1


def test_identify(buckets: Buckets) -> None:
    """A request is identified by its kind, bucket and key."""
    for method, url, expected in (
        ("GET", f"{MEDIA}/o/a%2Fb", ("objects.get", "media", "a/b")),
        ("GET", f"{MEDIA}/o/a?alt=media", ("objects.get?alt=media", "media", "a")),
        ("GET", BUCKETS, ("buckets.list", "", "")),
        ("POST", f"{UPLOAD}media&name=a", ("objects.insert", "media", "a")),
        ("GET", f"{XML}/a/b", ("GET Object", "media", "a/b")),
    ):
        assert gcs.identify(buckets, Request(method, url)) == expected


@pytest.mark.parametrize("status", [404, 429, 503, 502])
def test_refuse(status: int) -> None:
    """A service that refuses sends its error."""
    assert gcs.SERVICE.refuse(status).status == status


def test_rollback(buckets: Buckets) -> None:
    """A savepoint undoes all changes of buckets, objects, access and uploads."""
    savepoint = Savepoint()
    url = begin(buckets)
    nested = Savepoint()
    insert(buckets, "a", b"new")
    ask(buckets, "PATCH", MEDIA, {"labels": {"a": "1"}})
    nested.release()
    ask(buckets, "POST", BUCKETS, {"name": "other"})
    savepoint.rollback()
    assert ask(buckets, "GET", f"{MEDIA}/o/a")["size"] == "10"
    assert "labels" not in ask(buckets, "GET", MEDIA)
    assert ask(buckets, "GET", f"{BUCKETS}/other") == 404
    assert put(buckets, url, b"", "bytes */*").status == 404


def test_slow_checksum() -> None:
    """CRC32C in Python is that of RFC 3720, appendix B.4."""
    assert checksums.slow_crc32c(bytes(32)) == 0x8A9136AA
    assert checksums.slow_crc32c(b"\xff" * 32) == 0x62A8AB43


def test_checksum_without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Google's package the checksum is computed in Python."""
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    checksums._function.cache_clear()
    assert checksums.crc32c(b"0123456789") == "KAwGng=="
    checksums._function.cache_clear()
