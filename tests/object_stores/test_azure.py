"""Azure's requests on buckets in memory, without a client."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from inmemorystorage.buckets import azure
from inmemorystorage.buckets.azure_access import delegation_key
from inmemorystorage.buckets.azure_call import address_of
from inmemorystorage.buckets.bucket import Attributes, Buckets, etag_of
from inmemorystorage.buckets.http import Request, Response
from inmemorystorage.exceptions import UnsupportedRequest

SERVICE = "https://mine.blob.core.windows.net"
MEDIA = f"{SERVICE}/media"
SIGNED = {"authorization": f"SharedKey mine:{'A' * 43}="}
BLOCK, APPEND = {"x-ms-blob-type": "BlockBlob"}, {"x-ms-blob-type": "AppendBlob"}
KEY = base64.b64encode(b"secret").decode()
PAST, FUTURE = "Wed, 01 Jan 2020 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
SOURCE = {"x-ms-copy-source": f"{MEDIA}/a"}


@pytest.fixture
def buckets() -> Buckets:
    """Return buckets with a container "media" of "mine", and two blobs in it."""
    buckets = Buckets()
    buckets.create("mine/media")
    tagged = {"x-ms-tags": "a=b", "x-ms-meta-By": "me", "x-ms-blob-content-type": "text/css"}
    send(buckets, "PUT", "/a", {**BLOCK, **tagged}, b"0123456789")
    send(buckets, "PUT", "/log", APPEND)
    return buckets


def send(
    buckets: Buckets, method: str, path: str, headers: Any = None, body: bytes = b""
) -> Response:
    """Send a signed request about the container."""
    request = Request(method, MEDIA + path, {**SIGNED, **(headers or {})}, body)
    return azure.answer(buckets, request)


def code(response: Response) -> str:
    """Return the code of an error, or an empty string."""
    return response.headers.get("x-ms-error-code", "")


def digest(content: bytes) -> str:
    """Return an MD5 digest as headers have it."""
    return base64.b64encode(bytes.fromhex(etag_of(content))).decode()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://mine.blob.core.windows.net/media/a/b", ("mine", "media", "a/b")),
        ("https://mine-secondary.blob.core.windows.net/media/a", ("mine", "media", "a")),
        ("https://mine-ipv6.blob.core.windows.net/media", ("mine", "media", "")),
        ("https://mine.z01.blob.storage.azure.net/media/%C3%BC", ("mine", "media", "ü")),
        ("http://127.0.0.1:10000/mine/media/a", ("mine", "media", "a")),
        ("http://azurite:10000/mine", ("mine", "", "")),
        ("https://media.example.com/media/a", ("media.example.com", "media", "a")),
    ],
)
def test_addresses(url: str, expected: tuple[str, str, str]) -> None:
    """A URL names an account by its host, or by its path on a host without a domain."""
    assert address_of(url) == expected
    assert address_of(url).bucket == f"{expected[0]}/{expected[1]}".removesuffix(
        f"{expected[0]}/" if not expected[1] else "/"
    )


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "expected"),
    [
        ("PUT", "/b", {}, b"", "MissingRequiredHeader"),
        ("PUT", "/b", {"x-ms-blob-type": "odd"}, b"", "InvalidHeaderValue"),
        ("PUT", "/b", APPEND, b"a", "InvalidHeaderValue"),
        ("PUT", "/b", {**BLOCK, "x-ms-access-tier": "odd"}, b"", "InvalidHeaderValue"),
        ("PUT", "/b", {**BLOCK, "content-md5": "odd"}, b"", "InvalidMd5"),
        ("PUT", "/b", {**BLOCK, "content-md5": digest(b"b")}, b"", "Md5Mismatch"),
        ("PUT", "/b", {**BLOCK, "x-ms-blob-content-md5": digest(b"b")}, b"", "Md5Mismatch"),
        ("PUT", "/b", {**BLOCK, "x-ms-meta-a-b": ""}, b"", "InvalidMetadata"),
        ("PUT", "/b", {**BLOCK, "x-ms-tags": "a=b&a=c"}, b"", "DuplicateTagNames"),
        ("PUT", "/b", {**BLOCK, "x-ms-tags": "=b"}, b"", "EmptyTagName"),
        ("PUT", "/b", {**BLOCK, "x-ms-tags": f"a={'b' * 257}"}, b"", "TagsTooLarge"),
        ("PUT", "/b", {**BLOCK, "x-ms-tags": "a=%21"}, b"", "InvalidTag"),
        ("PUT", "/b", {**BLOCK, "if-match": "*"}, b"", "ConditionNotMet"),
        ("PUT", "/a", {**BLOCK, "if-match": "*"}, b"", ""),
        ("PUT", "/b", {**BLOCK, "if-match": "odd"}, b"", "ConditionNotMet"),
        ("PUT", "/a", {**BLOCK, "if-none-match": "*"}, b"", "BlobAlreadyExists"),
        ("PUT", "/a", {**BLOCK, "if-match": "a, b"}, b"", "MultipleConditionHeadersNotSupported"),
        ("PUT", "/a", {**BLOCK, "if-match": "a", "if-none-match": "b"}, b"",
         "MultipleConditionHeadersNotSupported"),
        ("PUT", "/a", {**BLOCK, "if-modified-since": FUTURE}, b"", "ConditionNotMet"),
        ("PUT", "/a", {**BLOCK, "if-unmodified-since": PAST}, b"", "ConditionNotMet"),
        ("PUT", "/a", {**BLOCK, "if-unmodified-since": "odd"}, b"", "InvalidHeaderValue"),
        ("PUT", "/a", {**BLOCK, "if-match": "*", "if-unmodified-since": PAST}, b"", ""),
        ("GET", "/a", {"if-none-match": "*"}, b"", "UnsatisfiableCondition"),
        ("GET", "/a", {"if-modified-since": FUTURE}, b"", "ConditionNotMet"),
        ("GET", "/a", {"if-modified-since": FUTURE, "if-none-match": "odd"}, b"", ""),
        ("GET", "/a", {"range": "bytes=10-"}, b"", "InvalidRange"),
        ("GET", "/a", {"range": "bytes=-3"}, b"", ""),
        ("GET", "/a", {"if-match": "odd"}, b"", "ConditionNotMet"),
        ("GET", "/b", {"if-match": "odd"}, b"", "BlobNotFound"),
        ("GET", "/b", {"if-none-match": "odd"}, b"", "BlobNotFound"),
        ("PUT", "/a?comp=metadata", {"if-none-match": "*"}, b"", ""),
        ("DELETE", "/b", {}, b"", "BlobNotFound"),
        ("DELETE", "/b", {"if-match": "odd"}, b"", "BlobNotFound"),
        ("PUT", "/a?comp=tier", {}, b"", "MissingRequiredHeader"),
        ("PUT", "/a?comp=tags", {}, b"<odd", "InvalidXmlDocument"),
        ("PUT", "/a?comp=block&blockid=odd!", {}, b"a", "InvalidQueryParameterValue"),
        ("PUT", "/a?comp=block&blockid=%C3%BC", {}, b"a", "InvalidQueryParameterValue"),
        ("PUT", "/a?comp=block&blockid=YQ==", {"content-md5": digest(b"a")}, b"a", ""),
        ("PUT", "/log?comp=block&blockid=YQ==", {}, b"a", "InvalidBlobType"),
        ("PUT", "/log?comp=blocklist", {}, b"<BlockList/>", "InvalidBlobType"),
        ("GET", "/log?comp=blocklist", {}, b"", "InvalidBlobType"),
        ("PUT", "/b?comp=blocklist", {}, b"<B>%b</B>" % (b"<Latest>a</Latest>" * 50_001),
         "BlockListTooLong"),
        ("PUT", "/log?comp=appendblock", {}, b"", "InvalidHeaderValue"),
        ("PUT", "/log?comp=appendblock", {"content-md5": digest(b"a")}, b"a", ""),
        ("PUT", "/a?comp=appendblock", {}, b"a", "InvalidBlobType"),
        ("PUT", "/log?comp=appendblock", {"x-ms-blob-condition-maxsize": "1"}, b"aa",
         "MaxBlobSizeConditionNotMet"),
        ("PUT", "/log?comp=appendblock", {"x-ms-blob-condition-appendpos": "1"}, b"a",
         "AppendPositionConditionNotMet"),
        ("PUT", "/b", {"x-ms-copy-source": MEDIA}, b"", "InvalidHeaderValue"),
        ("PUT", "/b", {"x-ms-copy-source": f"{MEDIA}/b"}, b"", "BlobNotFound"),
        ("PUT", "/b", {"x-ms-copy-source": f"{MEDIA}/b?sr=b&sig=a"}, b"",
         "CannotVerifyCopySource"),
        ("PUT", "/b", {**SOURCE, "x-ms-source-if-match": "odd"}, b"", "SourceConditionNotMet"),
        ("PUT", "/b", {**SOURCE, "if-match": "odd"}, b"", "TargetConditionNotMet"),
        ("PUT", "/b", {**SOURCE, **BLOCK, "if-match": "odd"}, b"", "TargetConditionNotMet"),
        ("PUT", "/log", {**SOURCE, "if-none-match": "*"}, b"", "BlobAlreadyExists"),
        ("PUT", "/b", {**SOURCE, **APPEND}, b"", "InvalidHeaderValue"),
        ("PUT", "/b?comp=block&blockid=YQ==", {**SOURCE, "x-ms-source-range": "bytes=10-"}, b"",
         "InvalidRange"),
        ("PUT", "/b?comp=block&blockid=YQ==", {**SOURCE, "x-ms-source-content-md5": digest(b"a")},
         b"", "Md5Mismatch"),
        ("PUT", "?restype=container", {}, b"", "ContainerAlreadyExists"),
        ("PUT", "?restype=container&comp=metadata", {"if-match": "odd"}, b"", "ConditionNotMet"),
        ("PUT", "?restype=container&comp=acl", {"x-ms-blob-public-access": "odd"}, b"",
         "InvalidHeaderValue"),
        ("PUT", "?restype=container&comp=acl", {},
         b"<S>%b</S>" % (b"<SignedIdentifier/>" * 6), "InvalidInput"),
        ("GET", "?restype=container&comp=list&maxresults=odd", {}, b"",
         "InvalidQueryParameterValue"),
        ("GET", "?restype=container&comp=list&maxresults=0", {}, b"",
         "OutOfRangeQueryParameterValue"),
        ("GET", "?restype=container&comp=list&marker=%ff", {}, b"", "InvalidQueryParameterValue"),
        ("POST", "?restype=container&comp=batch", {}, b"", "InvalidHeaderValue"),
        ("POST", "?restype=container&comp=batch", {"content-type": "a; boundary=b"}, b"",
         "InvalidInput"),
        ("GET", "/a", {"authorization": "SharedKey mine:odd"}, b"", "AuthenticationFailed"),
        ("GET", "/a", {"authorization": f"SharedKey other:{'A' * 43}="}, b"",
         "AuthenticationFailed"),
    ],
)  # fmt: skip
def test_errors(
    buckets: Buckets, method: str, path: str, headers: Any, body: bytes, expected: str
) -> None:
    """A request that the service refuses gets the code of the reference."""
    assert code(send(buckets, method, path, headers, body)) == expected


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PUT", "/b?comp=page", {}),
        ("PUT", "/b", {"x-ms-blob-type": "PageBlob"}),
        ("PUT", "/a?comp=properties", {"x-ms-blob-content-length": "512"}),
        ("PUT", "/a?comp=snapshot", {}),
        ("PUT", "/a?comp=lease", {}),
        ("PUT", "?restype=container&comp=lease", {}),
        ("GET", "/a?snapshot=2020-01-01T00:00:00Z", {}),
        ("PUT", "/a", {**BLOCK, "x-ms-lease-id": "a"}),
        ("GET", "/a", {"x-ms-if-tags": "a = 'b'"}),
        ("GET", "", {}),
        ("GET", "?restype=container&comp=list&include=snapshots", {}),
        ("GET", "?restype=container&comp=list&showonly=deleted", {}),
        ("PUT", "/b", {"x-ms-copy-source": "https://example.com/media/a"}),
        ("PUT", "/b", {"x-ms-copy-source": f"{MEDIA}/a?snapshot=2020"}),
        ("GET", "/a?sr=d&sig=a", {}),
        ("GET", "/a?sr=b&sip=1.1.1.1&sig=a", {}),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_unsupported(buckets: Buckets, method: str, path: str, headers: Any) -> None:
    """A request that is not answered raises, with Azurite as the cure, and changes nothing."""
    with pytest.raises(UnsupportedRequest, match=r"do not answer .* Use Azurite") as raised:
        send(buckets, method, path, headers)
    assert "sig=a" not in str(raised.value)


def test_without_authorization(buckets: Buckets) -> None:
    """A request without a signature reads what is public, and does nothing else."""

    def ask(path: str, method: str = "GET", **headers: str) -> Response:
        return azure.answer(buckets, Request(method, MEDIA + path, headers))

    listed = "?restype=container&comp=list"
    assert code(ask("/a")) == code(ask("/missing")) == code(ask(listed)) == "ResourceNotFound"
    refused = ask("/a", **{"x-ms-version": "2021-08-06"})
    assert (refused.status, code(refused)) == (401, "NoAuthenticationInformation")
    assert code(ask("/a", "DELETE")) == "NoAuthenticationInformation"
    for access, expected in [("blob", "ResourceNotFound"), ("container", "")]:
        send(buckets, "PUT", "?restype=container&comp=acl", {"x-ms-blob-public-access": access})
        assert ask("/a").body == b"0123456789"
        assert code(ask(listed)) == expected
    assert code(ask("?restype=container&comp=acl")) == "ResourceNotFound"
    send(buckets, "PUT", "?restype=container&comp=acl")
    buckets.public.put("mine/media", True)
    assert ask("/a").body == b"0123456789"


def test_ranges(buckets: Buckets) -> None:
    """A range has its own digest if the request asks for it."""
    headers = {"x-ms-range": "bytes=2-4", "range": "odd", "x-ms-range-get-content-md5": "true"}
    answered = send(buckets, "GET", "/a", headers)
    assert (answered.status, answered.body) == (206, b"234")
    assert answered.headers["content-range"] == "bytes 2-4/10"
    assert answered.headers["content-md5"] == digest(b"234")
    assert answered.headers["x-ms-blob-content-md5"] == digest(b"0123456789")
    send(buckets, "PUT", "/big", BLOCK, bytes((4 << 20) + 1))
    headers["x-ms-range"] = "bytes=0-"
    assert code(send(buckets, "GET", "/big", headers)) == "OutOfRangeInput"
    whole = {"x-ms-range-get-content-md5": "true"}
    assert code(send(buckets, "GET", "/a", whole)) == "InvalidHeaderValue"
    send(buckets, "PUT", "/log?comp=appendblock", {}, b"abc")
    assert "content-md5" not in send(buckets, "GET", "/log", {"range": "bytes=1-"}).headers


def test_archived_blob(buckets: Buckets) -> None:
    """A blob in the archive is described, and neither read nor copied."""
    send(buckets, "PUT", "/a?comp=tier", {"x-ms-access-tier": "Archive"})
    assert send(buckets, "HEAD", "/a").headers["x-ms-access-tier"] == "Archive"
    assert code(send(buckets, "GET", "/a")) == "BlobArchived"
    assert code(send(buckets, "PUT", "/b", SOURCE)) == "BlobArchived"
    with pytest.raises(UnsupportedRequest, match="archived"):
        send(buckets, "PUT", "/a?comp=tier", {"x-ms-access-tier": "Hot"})


def test_tiers(buckets: Buckets) -> None:
    """An append blob has no tier."""
    assert code(send(buckets, "PUT", "/log?comp=tier", {"x-ms-access-tier": "Cool"})) == (
        "AccessTierNotSupportedForBlobType"
    )
    assert "x-ms-access-tier" not in send(buckets, "HEAD", "/log").headers


def test_snapshots_alone(buckets: Buckets) -> None:
    """A deletion of a blob's snapshots keeps the blob, which has none."""
    assert send(buckets, "DELETE", "/a", {"x-ms-delete-snapshots": "only"}).status == 202
    assert send(buckets, "GET", "/a").status == 200


def test_properties(buckets: Buckets) -> None:
    """Set Blob Properties clears those that are not sent, and keeps the metadata."""
    sent = {"x-ms-blob-cache-control": "no-cache"}
    before = send(buckets, "HEAD", "/a").headers
    assert send(buckets, "PUT", "/a?comp=properties", sent).status == 200
    after = send(buckets, "HEAD", "/a").headers
    assert (after["cache-control"], after["x-ms-meta-By"]) == ("no-cache", "me")
    assert before["content-type"] == "text/css" and "content-type" not in after
    assert after["etag"] != before["etag"]


def test_properties_of_a_copy(buckets: Buckets) -> None:
    """Set Blob Properties forgets that a blob is a copy; Set Blob Metadata does not."""
    send(buckets, "PUT", "/b", SOURCE)
    send(buckets, "PUT", "/b?comp=metadata")
    assert send(buckets, "HEAD", "/b").headers["x-ms-copy-status"] == "success"
    send(buckets, "PUT", "/b?comp=properties")
    assert not [name for name in send(buckets, "HEAD", "/b").headers if "x-ms-copy" in name]


def test_metadata_alone(buckets: Buckets) -> None:
    """Get Blob Metadata sends the metadata without the content's headers."""
    headers = send(buckets, "GET", "/a?comp=metadata").headers
    assert (headers["x-ms-meta-By"], "content-type" in headers) == ("me", False)


def test_empty_tag(buckets: Buckets) -> None:
    """A tag's value may be empty, and a change of tags is no new state of the blob."""
    before = send(buckets, "HEAD", "/a").headers
    body = b"<Tags><TagSet><Tag><Key>a</Key><Value/></Tag></TagSet></Tags>"
    assert send(buckets, "PUT", "/a?comp=tags", {}, body).status == 204
    assert b"<Key>a</Key><Value></Value>" in send(buckets, "GET", "/a?comp=tags").body
    assert send(buckets, "HEAD", "/a").headers["etag"] == before["etag"]


# Copies and blocks.


def test_put_blob_from_url(buckets: Buckets) -> None:
    """Put Blob From URL copies the content and its properties, unless it is told not to."""
    tagged = {"x-ms-copy-source-tag-option": "COPY"}
    send(buckets, "PUT", "/b", {**SOURCE, **BLOCK, **tagged})
    headers = send(buckets, "GET", "/b").headers
    assert (headers["content-type"], headers["x-ms-tag-count"]) == ("text/css", "1")
    own = {"x-ms-copy-source-blob-properties": "false", "x-ms-blob-cache-control": "no-cache"}
    send(buckets, "PUT", "/b", {**SOURCE, **BLOCK, **own})
    headers = send(buckets, "GET", "/b").headers
    assert (headers["content-type"], headers["cache-control"]) == (
        "application/octet-stream",
        "no-cache",
    )
    assert "x-ms-tag-count" not in headers


def test_copy_blob(buckets: Buckets) -> None:
    """A copy is complete at once, has its source's tier, and its tags if they are asked for."""
    send(buckets, "PUT", "/a?comp=tier", {"x-ms-access-tier": "Cool"})
    tagged = {"x-ms-copy-source-tag-option": "COPY", "x-ms-requires-sync": "true"}
    assert send(buckets, "PUT", "/b", {**SOURCE, **tagged}).status == 202
    headers = send(buckets, "HEAD", "/b").headers
    assert (headers["x-ms-copy-status"], headers["x-ms-tag-count"]) == ("success", "1")
    assert (headers["x-ms-copy-progress"], headers["x-ms-access-tier"]) == ("10/10", "Cool")
    shown = send(buckets, "GET", "?restype=container&comp=list&include=copy,tags").body
    assert b"<CopyStatus>success</CopyStatus>" in shown


def test_copy_between_accounts(buckets: Buckets) -> None:
    """A copy from another account needs a public container or a signature."""
    buckets.public.put("other/media", True)
    buckets.create("other/media").store("a", b"b", Attributes(BLOCK))
    source = "https://other.blob.core.windows.net/media/a"
    assert send(buckets, "PUT", "/b", {"x-ms-copy-source": source}).status == 202
    refused = {"x-ms-copy-source": f"{source}?sr=b&sig=odd&se=2020-01-01"}
    assert code(send(buckets, "PUT", "/b", refused)) == "CannotVerifyCopySource"


def test_blocks(buckets: Buckets) -> None:
    """Blocks come from a body, a URL and the blob itself; others are dropped."""
    one, two, three = (base64.b64encode(each).decode() for each in (b"1", b"2", b"3"))

    def commit(*blocks: tuple[str, str]) -> Response:
        body = "".join(f"<{kind}>{name}</{kind}>" for kind, name in blocks)
        return send(buckets, "PUT", "/b?comp=blocklist", {}, f"<B>{body}</B>".encode())

    def listed(kind: str) -> list[str]:
        body = send(buckets, "GET", f"/b?comp=blocklist&blocklisttype={kind}").body.decode()
        return re.findall("<Name>(.*?)</Name>", body)

    assert code(send(buckets, "GET", "/b?comp=blocklist")) == "BlobNotFound"
    copied = {**SOURCE, "x-ms-source-range": "bytes=2-3", "x-ms-source-content-md5": digest(b"23")}
    put = send(buckets, "PUT", f"/b?comp=block&blockid={quote(two)}", copied)
    assert put.headers["content-md5"] == digest(b"23")
    send(buckets, "PUT", f"/b?comp=block&blockid={quote(one)}", {}, b"1")
    send(buckets, "PUT", f"/b?comp=block&blockid={quote(three)}", {**SOURCE})
    assert listed("uncommitted") == [one, two, three]
    long = send(buckets, "PUT", "/b?comp=block&blockid=YWFhYWE%3D", {}, b"a")
    assert code(long) == "InvalidBlobOrBlock"
    assert code(commit(("Committed", one))) == "InvalidBlockList"
    assert commit(("Uncommitted", two), ("Latest", one)).status == 201
    assert (listed("committed"), listed("uncommitted")) == ([two, one], [])
    assert send(buckets, "GET", "/b").body == b"231"
    assert commit(("Committed", one)).status == 201
    assert send(buckets, "GET", "/b").body == b"1"
    send(buckets, "PUT", f"/b?comp=block&blockid={quote(two)}", {}, b"2")
    send(buckets, "PUT", "/b", BLOCK, b"whole")
    assert (listed("committed"), listed("uncommitted")) == ([], [])


def test_most_appended_blocks(buckets: Buckets) -> None:
    """An append blob has at most 50,000 blocks."""
    blobs = buckets["mine/media"].objects
    stored = blobs["log"]
    for count, expected in ((49_999, ""), (50_000, "BlockCountExceedsLimit")):
        attributes = replace(stored.attributes, blocks=(("", 0),) * count)
        blobs.put("log", replace(stored, attributes=attributes))
        assert code(send(buckets, "PUT", "/log?comp=appendblock", {}, b"a")) == expected


def test_append_from_url(buckets: Buckets) -> None:
    """Append Block From URL appends the content of another blob."""
    odd = {**SOURCE, "x-ms-source-range": "odd"}
    for number in (1, 2):
        answered = send(buckets, "PUT", "/log?comp=appendblock", odd)
        assert answered.headers["x-ms-blob-committed-block-count"] == str(number)
    assert send(buckets, "GET", "/log").body == b"0123456789" * 2


# Containers and accounts.


def test_containers(buckets: Buckets) -> None:
    """Containers are listed page by page, and described."""
    buckets.create("other/media")
    for name in ("b", "c"):
        url = f"{SERVICE}/{name}{name}{name}?restype=container"
        azure.answer(buckets, Request("PUT", url, {**SIGNED, "x-ms-meta-By": "me"}))
    url = f"{SERVICE}/?comp=list&maxresults=2&include=metadata"
    first = azure.answer(buckets, Request("GET", url, SIGNED)).body.decode()
    assert re.findall("<Name>(.*?)</Name>", first) == ["bbb", "ccc"]
    assert first.count("<By>me</By>") == 2
    marker = re.findall("<NextMarker>(.*)</NextMarker>", first)[0]
    url = f"{SERVICE}/?comp=list&marker={marker}"
    last = azure.answer(buckets, Request("GET", url, SIGNED)).body.decode()
    assert re.findall("<Name>(.*?)</Name>", last) == ["media"]
    for query in ("restype=container", "restype=container&comp=metadata"):
        headers = azure.answer(buckets, Request("GET", f"{SERVICE}/bbb?{query}", SIGNED)).headers
        assert headers["x-ms-meta-By"] == "me"


def test_account_information(buckets: Buckets) -> None:
    """An account is of a general kind."""
    for path in ("?restype=account&comp=properties", "/a?restype=account&comp=properties"):
        assert send(buckets, "GET", path).headers["x-ms-account-kind"] == "StorageV2"


def test_policies(buckets: Buckets) -> None:
    """Stored access policies are returned as they were set, and removed by an empty body."""
    policy = "<Id>a</Id><AccessPolicy><Permission>r</Permission></AccessPolicy>"
    body = f"<S><SignedIdentifier>{policy}</SignedIdentifier></S>".encode()
    acl = "?restype=container&comp=acl"
    send(buckets, "PUT", acl, {"x-ms-blob-public-access": "blob"}, body)
    answered = send(buckets, "GET", acl)
    assert policy in answered.body.decode()
    assert answered.headers["x-ms-blob-public-access"] == "blob"
    send(buckets, "PUT", acl)
    assert send(buckets, "GET", acl).body.endswith(b"<SignedIdentifiers></SignedIdentifiers>")


def test_batch(buckets: Buckets) -> None:
    """A batch answers each request, also those that are refused."""
    lines = ["DELETE /media/a? HTTP/1.1", "DELETE /media/b HTTP/1.1", "GET /media/log HTTP/1.1"]
    authorization = f"Authorization: {SIGNED['authorization']}"
    parts = [
        f"--b\r\nContent-ID: {number}\r\n\r\n{line}\r\n{authorization}\r\n\r\n"
        for number, line in enumerate(lines)
    ]
    body = f"{''.join(parts)}\r\n--b--\r\n".encode()
    url = f"{SERVICE}/?comp=batch"
    headers = {**SIGNED, "content-type": "multipart/mixed; boundary=b"}
    answered = azure.answer(buckets, Request("POST", url, headers, body))
    assert answered.status == 202
    found = re.findall(r"Content-ID: (\d).*?HTTP/1.1 (\d+)", answered.body.decode(), re.DOTALL)
    assert found == [("0", "202"), ("1", "404"), ("2", "400")]
    assert code(send(buckets, "GET", "/a")) == "BlobNotFound"


# Signatures.


def signed(lines: list[str], key: str = KEY) -> str:
    """Return a signature in a query."""
    text = hmac.digest(base64.b64decode(key), "\n".join(lines).encode(), "sha256")
    return quote(base64.b64encode(text).decode(), safe="")


def get(buckets: Buckets, query: str) -> Response:
    """Get a blob with the parameters of a signature."""
    return azure.answer(buckets, Request("GET", f"{MEDIA}/a?{query}"), key_of=lambda _: KEY)


def test_older_signatures(buckets: Buckets) -> None:
    """Signatures of older versions have fewer lines."""
    resource, expiry = "/blob/mine/media/a", "2100-01-01"
    sas = f"sp=r&se={expiry}&sr=b"
    for version, more in [("2015-04-05", []), ("2018-11-09", ["b", ""])]:
        lines = ["r", "", expiry, resource, "", "", "", version, *more, *[""] * 5]
        assert get(buckets, f"{sas}&sv={version}&sig={signed(lines)}").status == 200
    fields = {"skoid": "1", "sktid": "2", "skt": "3", "ske": "4", "sks": "b", "skv": "5"}
    named = "&".join(f"{name}={value}" for name, value in fields.items())
    for version, more in [("2018-11-09", []), ("2020-02-10", [""] * 3), ("2025-07-05", [""] * 5)]:
        scope = [""] if version >= "2020-12-06" else []
        lines = ["r", "", expiry, resource, *fields.values(), *more, "", "", version, "b", ""]
        sig = signed([*lines, *scope, *[""] * 5], delegation_key(fields))
        assert get(buckets, f"{sas}&{named}&sv={version}&sig={sig}").status == 200
    lines = ["mine", "r", "b", "o", "", expiry, "", "", "2018-11-09", ""]
    account = f"sp=r&ss=b&srt=o&se={expiry}&sv=2018-11-09"
    assert get(buckets, f"{account}&sig={signed(lines)}").status == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sr=b&sp=r&se=odd", "AuthenticationFailed"),
        ("sr=b&sp=r&se=2020-01-01", "AuthenticationFailed"),
        ("sr=b&sp=r&st=2099-01-01&se=2100-01-01", "AuthenticationFailed"),
        ("sr=b&sp=d&se=2100-01-01", "AuthorizationPermissionMismatch"),
        ("sr=b&sp=r&se=2100-01-01&spr=https", ""),
        ("srt=o&ss=b&sp=r&se=2100-01-01", ""),
    ],
)
def test_limits_of_signatures(buckets: Buckets, query: str, expected: str) -> None:
    """A signature with a key that is unknown is checked by its limits."""
    assert code(azure.answer(buckets, Request("GET", f"{MEDIA}/a?{query}&sig=a"))) == expected


def test_scheme_of_signature(buckets: Buckets) -> None:
    """A signature for HTTPS is refused on HTTP."""
    url = f"{MEDIA}/a?sr=b&sp=r&se=2100-01-01&spr=https&sig=a".replace("https:", "http:")
    assert code(azure.answer(buckets, Request("GET", url))) == "AuthorizationProtocolMismatch"


def test_blob_signature_of_a_container(buckets: Buckets) -> None:
    """A signature of a blob lists no container."""
    url = f"{MEDIA}?restype=container&comp=list&sr=b&sp=l&se=2100-01-01&sig=a"
    refused = azure.answer(buckets, Request("GET", url))
    assert code(refused) == "AuthorizationResourceTypeMismatch"


@pytest.mark.parametrize("days", [0, 9])
def test_limits_of_delegation_keys(buckets: Buckets, days: int) -> None:
    """A user delegation key is valid for some time, and for seven days at most."""
    start = "2099-01-01T00:00:00Z"
    body = f"<K><Start>{start}</Start><Expiry>2099-01-{days + 1:02}</Expiry></K>".encode()
    url = f"{SERVICE}/?restype=service&comp=userdelegationkey"
    request = Request("POST", url, {"authorization": "Bearer a"}, body)
    assert code(azure.answer(buckets, request)) == "OutOfRangeInput"


def test_refused() -> None:
    """A status becomes the error that the service sends with it."""
    codes = {status: code(azure.refuse(status)) for status in (403, 404, 500, 503)}
    assert codes == {
        403: "AuthenticationFailed",
        404: "BlobNotFound",
        500: "InternalError",
        503: "ServerBusy",
    }
