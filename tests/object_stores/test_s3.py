"""S3's requests on buckets in memory, without a client."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
import time_machine
from object_stores.s3_wire import MEDIA, MOMENT, SCOPE, code, make_account, send, texts

from inmemorystorage.buckets import s3
from inmemorystorage.buckets.bucket import Buckets, etag_of
from inmemorystorage.buckets.http import (
    Request,
    Response,
    condition_failed,
    parse_form,
    range_of,
)
from inmemorystorage.buckets.s3_body import decode_chunks
from inmemorystorage.exceptions import UnsupportedRequest
from inmemorystorage.tree.journal import Journal, Savepoint


@pytest.fixture
def buckets() -> Buckets:
    """Return an account with a bucket "media", and an object "a" in it."""
    return make_account()


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://media.s3.amazonaws.com/a", ""),
        ("https://media.s3.eu-central-1.amazonaws.com/a", ""),
        ("https://media.s3.dualstack.eu-central-1.amazonaws.com/a", ""),
        ("https://media.s3-accelerate.amazonaws.com/a", ""),
        ("https://media.s3.cn-north-1.amazonaws.com.cn/a", ""),
        ("https://s3.amazonaws.com/media/a", ""),
        ("http://localhost:9000/media/a", "http://localhost:9000"),
        ("https://media.nyc3.example.com/a", "https://nyc3.example.com"),
    ],
)
def test_bucket_of_a_url(buckets: Buckets, url: str, endpoint: str) -> None:
    """A bucket is the subdomain of the service, or the first part of the path."""
    assert s3.answer(buckets, Request("GET", url), endpoint).body == b"0123456789"


def test_without_signature(buckets: Buckets) -> None:
    """A request without a signature reads what anyone may read, and does not write."""
    assert s3.answer(buckets, Request("GET", f"{MEDIA}a")).status == 200
    assert code(s3.answer(buckets, Request("DELETE", f"{MEDIA}a"))) == "AccessDenied"
    buckets.public.remove("media")
    assert code(s3.answer(buckets, Request("GET", f"{MEDIA}a"))) == "AccessDenied"
    assert code(s3.answer(buckets, Request("GET", MEDIA))) == "AccessDenied"
    send(buckets, "PUT", f"{MEDIA}a?acl", {"x-amz-acl": "public-read"})
    assert s3.answer(buckets, Request("GET", f"{MEDIA}a")).status == 200
    odd = {"authorization": "Basic eA=="}
    assert code(send(buckets, "GET", f"{MEDIA}a", odd)) == "AuthorizationHeaderMalformed"


QUERY = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": SCOPE,
    "X-Amz-Date": MOMENT,
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0" * 64,
}
QUERY_V2 = {"AWSAccessKeyId": "key", "Signature": f"{'A' * 27}=", "Expires": "99999999999"}
PARAMETERS = "AuthorizationQueryParametersError"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (QUERY, "AccessDenied"),  # it has expired
        ({"X-Amz-Signature": "0"}, PARAMETERS),
        ({**QUERY, "X-Amz-Expires": "odd"}, PARAMETERS),
        ({**QUERY, "X-Amz-Expires": "0"}, PARAMETERS),
        ({**QUERY, "X-Amz-Expires": "604801"}, PARAMETERS),
        ({**QUERY, "X-Amz-Date": "odd"}, PARAMETERS),
        ({**QUERY, "X-Amz-Credential": "key"}, PARAMETERS),
        ({**QUERY, "X-Amz-Date": "20260102T000000Z"}, PARAMETERS),
        ({**QUERY, "X-Amz-Expires": "604800", "X-Amz-Signature": "odd"}, "SignatureDoesNotMatch"),
        (QUERY_V2, ""),
        ({"Signature": "A"}, "AccessDenied"),
        ({**QUERY_V2, "Expires": "1"}, "AccessDenied"),
        ({**QUERY_V2, "Signature": "odd"}, "SignatureDoesNotMatch"),
    ],
)
def test_presigned_shapes(buckets: Buckets, query: dict[str, str], expected: str) -> None:
    """A presigned URL needs all parameters, within their limits."""
    text = "&".join(f"{name}={value}" for name, value in query.items())
    with time_machine.travel("2026-01-01T00:01:01Z"):
        assert code(s3.answer(buckets, Request("GET", f"{MEDIA}a?{text}"))) == expected


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "expected"),
    [
        ("PUT", "b", {"content-md5": "short"}, b"", "InvalidDigest"),
        ("PUT", "b", {"content-encoding": "aws-chunked"}, b"odd", "IncompleteBody"),
        ("PUT", "b", {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "9"},
         b"0\r\n\r\n", "IncompleteBody"),
        ("PUT", "b", {"x-amz-tagging": "0=&1=&2=&3=&4=&5=&6=&7=&8=&9=&10="}, b"", "InvalidTag"),
        ("PUT", "b", {"x-amz-tagging": "a=1&a=2"}, b"", "InvalidTag"),
        ("PUT", "b", {"x-amz-tagging": "=1"}, b"", "InvalidTag"),
        ("PUT", "b", {"x-amz-tagging": "a=b%09c"}, b"", "InvalidTag"),
        ("PUT", "a?tagging", {}, b"<odd", "MalformedXML"),
        ("DELETE", "a", {"if-match": '"other"'}, b"", "PreconditionFailed"),
        ("DELETE", "b", {"if-match": '"other"'}, b"", "NoSuchKey"),
        ("POST", "?delete", {}, b"<Delete/>", "MalformedXML"),
        ("POST", "?delete", {}, b"<D><Object><Key>a</Key></Object><Object/></D>", "MalformedXML"),
        ("POST", "", {"content-type": "a/b"}, b"", "MalformedPOSTRequest"),
        ("PUT", "a?uploadId=x&partNumber=1", {}, b"", "NoSuchUpload"),
        ("POST", "a?uploadId=x", {}, b"", "NoSuchUpload"),
        ("GET", "?max-keys=odd", {}, b"", "InvalidArgument"),
        ("GET", "?encoding-type=odd", {}, b"", "InvalidArgument"),
        ("GET", "?list-type=2&continuation-token=%ff", {}, b"", "InvalidArgument"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("unchanged")
def test_errors(
    buckets: Buckets, method: str, url: str, headers: Any, body: bytes, expected: str
) -> None:
    """A request that S3 refuses gets the code of the reference, and changes nothing."""
    assert code(send(buckets, method, MEDIA + url, headers, body)) == expected


def test_body_of_an_error(buckets: Buckets) -> None:
    """An error names its resource and its request: "REST error responses"."""
    answer = send(buckets, "GET", f"{MEDIA}dir/%C3%BC")
    assert texts(answer, "Resource") == ["/media/dir/%C3%BC"]
    assert texts(answer, "RequestId") == [answer.headers["x-amz-request-id"]]
    of_service = s3.answer(buckets, Request("GET", "https://s3.amazonaws.com/"))
    assert texts(of_service, "Resource") == ["/"]


def test_errors_of_buckets(buckets: Buckets) -> None:
    """A bucket's name must be valid and new, and one with objects stays."""
    service, located = (
        "https://s3.amazonaws.com",
        b"<C><LocationConstraint>x</LocationConstraint></C>",
    )
    for name in ("A", "my-an"):
        assert code(send(buckets, "PUT", f"{service}/{name}")) == "InvalidBucketName"
    assert code(send(buckets, "PUT", f"{service}/media")) == ""
    assert code(send(buckets, "PUT", f"{service}/media", {}, located)) == "BucketAlreadyOwnedByYou"
    assert code(send(buckets, "DELETE", f"{service}/media")) == "BucketNotEmpty"
    assert b"<Name>media</Name>" in send(buckets, "GET", f"{service}/").body


@pytest.mark.parametrize(
    ("method", "url", "headers", "body"),
    [
        ("GET", "a?torrent", {}, b""),
        ("GET", "?cors", {}, b""),
        ("PATCH", "a", {}, b""),
        ("GET", "a?versionId=1", {}, b""),
        ("PUT", "b", {"x-amz-object-lock-mode": "GOVERNANCE"}, b""),
        ("PUT", "b", {"x-amz-grant-read": "emailAddress=a@b.c"}, b""),
        ("PUT", "a?acl", {}, b"<A><Grant><Grantee><EmailAddress/></Grantee></Grant></A>"),
        ("PUT", "b", {"x-amz-copy-source": "media/a?versionId=1"}, b""),
        ("POST", "?delete", {}, b"<Delete><Object><Key>a</Key><Size>1</Size></Object></Delete>"),
        ("POST", "?delete", {}, b"<D><Object><Key>a</Key></Object>"
         b"<Object><Key>b</Key><VersionId>1</VersionId></Object></D>"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("unchanged")
def test_unsupported(buckets: Buckets, method: str, url: str, headers: Any, body: bytes) -> None:
    """A request that is not answered raises, with moto as the cure, and changes nothing."""
    with pytest.raises(UnsupportedRequest, match=r"do not answer .* Use moto"):
        send(buckets, method, MEDIA + url, headers, body)


def test_acl_document(buckets: Buckets) -> None:
    """A document replaces the grants of an object."""
    acl = send(buckets, "GET", f"{MEDIA}a?acl").body
    send(buckets, "PUT", f"{MEDIA}a?acl", {"x-amz-acl": "public-read"})
    assert send(buckets, "GET", f"{MEDIA}a?acl").body.count(b"<Grant>") == 2
    send(buckets, "PUT", f"{MEDIA}a?acl", {}, acl)
    assert send(buckets, "GET", f"{MEDIA}a?acl").body == acl


def test_upload_errors(buckets: Buckets) -> None:
    """An upload in parts refuses wrong numbers, ranges and orders."""
    answered = send(buckets, "POST", f"{MEDIA}big?uploads").body.decode()
    url = f"{MEDIA}big?uploadId={answered.partition('<UploadId>')[2].partition('<')[0]}"
    copied = {"x-amz-copy-source": "media/a"}
    for number in ("0", "10001", "odd"):
        assert code(send(buckets, "PUT", f"{url}&partNumber={number}")) == "InvalidArgument"
    for wanted in ("bytes=10-11", "odd"):
        headers = {**copied, "x-amz-copy-source-range": wanted}
        assert code(send(buckets, "PUT", f"{url}&partNumber=1", headers)) == "InvalidRange"
    assert code(send(buckets, "PUT", f"{url}&partNumber=1", copied)) == ""
    parts = [f"<Part><PartNumber>{number}</PartNumber></Part>" for number in (2, 1)]
    body = f"<C>{''.join(parts)}</C>".encode()
    assert code(send(buckets, "POST", url, {}, body)) == "InvalidPartOrder"
    for body in (b"<C/>", b"<C><Part/></C>", b"<C><Part><PartNumber>a</PartNumber></Part></C>"):
        assert code(send(buckets, "POST", url, {}, body)) == "MalformedXML"


def test_archived_object(buckets: Buckets) -> None:
    """An object in an archive is described, and not read."""
    send(buckets, "PUT", f"{MEDIA}b", {"x-amz-storage-class": "DEEP_ARCHIVE"})
    assert code(send(buckets, "GET", f"{MEDIA}b")) == "InvalidObjectState"
    assert send(buckets, "HEAD", f"{MEDIA}b").headers["x-amz-storage-class"] == "DEEP_ARCHIVE"


def test_copy_onto_itself(buckets: Buckets) -> None:
    """A copy onto itself must change something."""
    source = {"x-amz-copy-source": "/media/a"}
    assert code(send(buckets, "PUT", f"{MEDIA}a", source)) == "InvalidRequest"
    changed = {**source, "x-amz-storage-class": "STANDARD_IA"}
    assert code(send(buckets, "PUT", f"{MEDIA}a", changed)) == ""


def policy(*conditions: Any, expiration: Any = "2100-01-01T00:00:00.000Z") -> str:
    """Return a policy as a form sends it."""
    document = {"expiration": expiration, "conditions": list(conditions)}
    return base64.b64encode(json.dumps(document).encode()).decode()


def post(buckets: Buckets, fields: dict[str, str], name: str = "file") -> Response:
    """Send a form with a file."""
    parts = [f'name="{field}"\r\n\r\n{value}' for field, value in fields.items()]
    parts += [f'name="{name}"; filename="me.txt"\r\n\r\ncontent', 'name="later"\r\n\r\nodd']
    body = "".join(f"--xyz\r\nContent-Disposition: form-data; {each}\r\n" for each in parts)
    headers = {"content-type": "multipart/form-data; boundary=xyz"}
    return s3.answer(buckets, Request("POST", MEDIA, headers, f"{body}--xyz--\r\n".encode()))


V2 = {"awsaccesskeyid": "key", "signature": f"{'A' * 27}=", "key": "up"}
KEYLESS = {name: V2[name] for name in ("awsaccesskeyid", "signature")}
NAMED = {"key": "up/${filename}"}
ANY_KEY = ["starts-with", "$key", ""]
IMAGES = ["starts-with", "$Content-Type", "image/"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 204),
        ({"success_action_status": "200"}, 200),
        ({"success_action_status": "404"}, 204),
        ({"success_action_redirect": "https://example.com/?a"}, 303),
        ({"acl": "public-read", "x-amz-meta-by": "me"}, 204),
        ({"tagging": "<T><Tag><Key>a</Key><Value>b</Value></Tag></T>"}, 204),
    ],
)
def test_form(buckets: Buckets, fields: dict[str, str], status: int) -> None:
    """A form with a signed policy stores its file, and is answered as it asks."""
    conditions = [ANY_KEY, *({name: value} for name, value in fields.items())]
    response = post(buckets, {**V2, **fields, "policy": policy(*conditions)})
    assert response.status == status
    stored = send(buckets, "GET", f"{MEDIA}up")
    assert stored.body == b"content"
    assert ("x-amz-tagging-count" in stored.headers) == ("tagging" in fields)
    assert ("x-amz-meta-by" in stored.headers) == ("x-amz-meta-by" in fields)


def test_form_with_the_name_of_the_file(buckets: Buckets) -> None:
    """A policy is checked against the key with the file's name, and each type of a list."""
    allowed = policy(["eq", "$key", "up/me.txt"], IMAGES)
    fields = {**V2, **NAMED, "content-type": "image/png,image/gif", "policy": allowed}
    assert post(buckets, fields).status == 204
    assert send(buckets, "GET", f"{MEDIA}up/me.txt").body == b"content"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"key": "up"}, "AccessDenied"),
        ({"policy": policy(ANY_KEY), "key": "up"}, "AccessDenied"),
        ({**V2, "policy": "odd"}, "InvalidPolicyDocument"),
        ({**V2, "policy": policy(expiration=1)}, "InvalidPolicyDocument"),
        ({**V2, "policy": policy(ANY_KEY, expiration="2020-01-01T00:00:00Z")}, "AccessDenied"),
        ({**V2, "policy": policy()}, "AccessDenied"),
        ({**V2, "policy": policy(["odd", "$key", ""])}, "InvalidPolicyDocument"),
        ({**V2, "policy": base64.b64encode(b"{}").decode()}, "InvalidPolicyDocument"),
        ({**V2, "policy": policy(["eq", "$key", "other"])}, "AccessDenied"),
        ({**V2, **NAMED, "policy": policy(["eq", "$key", "up/${filename}"])}, "AccessDenied"),
        (
            {**V2, "content-type": "image/png,a/b", "policy": policy(ANY_KEY, IMAGES)},
            "AccessDenied",
        ),
        ({**KEYLESS, "policy": policy()}, "InvalidArgument"),
        ({"policy": policy(ANY_KEY), "x-amz-signature": "odd"}, PARAMETERS),
        ({**V2, "policy": policy(ANY_KEY, expiration="odd")}, "InvalidPolicyDocument"),
    ],
)
def test_refused_form(buckets: Buckets, fields: dict[str, str], expected: str) -> None:
    """A form that its policy does not allow stores nothing."""
    assert code(post(buckets, fields)) == expected
    assert send(buckets, "GET", f"{MEDIA}up").status == 404
    assert code(post(buckets, {**V2, "policy": policy(ANY_KEY)}, "image")) == "MalformedPOSTRequest"


def test_form_with_a_variable(buckets: Buckets) -> None:
    """A policy is checked against the key that has the name of the file."""
    fields = {**V2, "key": "${filename}"}
    expanded, variable = (policy(["eq", "$key", key]) for key in ("me.txt", "${filename}"))
    assert post(buckets, {**fields, "policy": expanded}).status == 204
    assert send(buckets, "GET", f"{MEDIA}me.txt").body == b"content"
    assert code(post(buckets, {**fields, "policy": variable})) == "AccessDenied"


def test_parse_form() -> None:
    """A boundary may be quoted, other parameters may follow it, and fields must be UTF-8."""
    head = b'--b\r\nContent-Disposition: form-data; name="'
    body = head + b'Key"\r\n\r\nk\xff\r\n' + head + b'file"; filename="d/a"\r\n\r\nc\r\n--b--'
    content_type = 'multipart/form-data; boundary="b"; charset=utf-8'
    with pytest.raises(ValueError, match="utf-8"):
        parse_form(content_type, body)
    with pytest.raises(ValueError, match="attachment"):
        parse_form(content_type, body.replace(b"form-data; name=", b"attachment="))
    assert parse_form(content_type, body.replace(b"\xff", b"")) == ({"key": "k"}, b"c", "a")


def test_chunks() -> None:
    """Chunks with and without signatures become the content, and trailers its headers."""
    chunks = b"2;chunk-signature=x\r\nab\r\n1\r\nc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
    assert decode_chunks(chunks) == (b"abc", {"x-amz-checksum-crc32": "NSRBwg=="})
    with pytest.raises(ValueError, match="not 1 bytes long"):
        decode_chunks(b"1\r\nabc\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=5-99", slice(5, 10)),
        ("bytes=-99", slice(0, 10)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("lines=1-2", None),
    ],
)
def test_ranges(header: str, expected: slice | None) -> None:
    """A range ends at the content's end, and one that is not understood is ignored."""
    assert range_of(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0"])
def test_ranges_outside(header: str) -> None:
    """A range outside of the content is refused."""
    with pytest.raises(ValueError, match="bytes="):
        range_of(header, 10)


def test_condition_without_date() -> None:
    """A condition on a date that is none is ignored."""
    assert condition_failed({"if-unmodified-since": "odd"}, "etag", time.time()) == ""


def test_entries_without_savepoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes outside of savepoints stay, and removing a missing key is silent."""
    buckets = Buckets()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "savepoint", None)
        bucket = buckets.create("media")
    savepoint = Savepoint()
    assert bucket.objects.remove("missing") is None
    savepoint.rollback()
    assert "media" in buckets
    assert etag_of(b"") == "d41d8cd98f00b204e9800998ecf8427e"
