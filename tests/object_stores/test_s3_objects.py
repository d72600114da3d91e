"""Objects of S3: their parts, checksums, attributes, access and listings, without a client."""

from __future__ import annotations

import base64
import hashlib
import sys
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from object_stores.s3_wire import MEDIA, code, make_account, send, texts

from inmemorystorage.buckets import s3
from inmemorystorage.buckets.bucket import Buckets
from inmemorystorage.buckets.http import Request, Response
from inmemorystorage.exceptions import UnsupportedRequest

BIG = b"0123456789abcdef" * (5 << 16)  # the least size of a part that is not the last
SERVICE = "https://s3.amazonaws.com/"
PUBLIC = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture
def buckets() -> Buckets:
    """Return an account with a bucket "media", and an object "a" in it."""
    return make_account()


def crc32(content: bytes) -> str:
    """Return a checksum as it is sent."""
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def begin(buckets: Buckets, key: str = "big", **headers: str) -> str:
    """Begin an upload in parts; return its URL."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    (identifier,) = texts(send(buckets, "POST", f"{MEDIA}{key}?uploads", named), "UploadId")
    return f"{MEDIA}{key}?uploadId={identifier}"


def complete(
    buckets: Buckets, url: str, contents: list[bytes], inner: str = "", **headers: str
) -> Response:
    """Send parts, and complete their upload; ``inner`` is added to each part in the document."""
    parts = []
    for number, content in enumerate(contents, 1):
        send(buckets, "PUT", f"{url}&partNumber={number}", {}, content)
        etag = hashlib.md5(content).hexdigest()
        part = f"<PartNumber>{number}</PartNumber><ETag>{etag}</ETag>"
        parts.append(f"<Part>{part}{inner}</Part>")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(buckets, "POST", url, named, f"<C>{''.join(parts)}</C>".encode())


def describe(buckets: Buckets, attributes: str, key: str = "big", **headers: str) -> Response:
    """Send GetObjectAttributes."""
    named = {f"x-amz-{name.replace('_', '-')}": value for name, value in headers.items()}
    named["x-amz-object-attributes"] = attributes
    return send(buckets, "GET", f"{MEDIA}{key}?attributes", named)


def test_part_of_an_object(buckets: Buckets) -> None:
    """A part of an object is read by its number, and its count is described."""
    complete(buckets, begin(buckets), [BIG, b"end"])
    answered = send(buckets, "GET", f"{MEDIA}big?partNumber=2")
    assert (answered.status, answered.body) == (206, b"end")
    assert answered.headers["x-amz-mp-parts-count"] == "2"
    assert answered.headers["content-range"] == f"bytes {len(BIG)}-{len(BIG) + 2}/{len(BIG) + 3}"
    assert send(buckets, "HEAD", f"{MEDIA}big?partNumber=3").status == 416
    both = send(buckets, "GET", f"{MEDIA}big?partNumber=1", {"range": "bytes=0-1"})
    assert code(both) == "InvalidRequest"


def test_part_of_a_whole(buckets: Buckets) -> None:
    """An object that was sent as a whole has one part, and an empty one is sent whole."""
    answered = send(buckets, "GET", f"{MEDIA}a?partNumber=1")
    assert (answered.status, answered.body) == (206, b"0123456789")
    assert code(send(buckets, "GET", f"{MEDIA}a?partNumber=2")) == "InvalidPartNumber"
    send(buckets, "PUT", f"{MEDIA}empty")
    assert send(buckets, "GET", f"{MEDIA}empty?partNumber=1").status == 200


def test_attributes(buckets: Buckets) -> None:
    """GetObjectAttributes returns the fields that are asked for."""
    every = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
    answered = describe(buckets, every, "a")
    assert texts(answered, "ObjectSize") == ["10"]
    assert texts(answered, "ETag") == [hashlib.md5(b"0123456789").hexdigest()]
    assert b"Checksum" not in answered.body
    assert b"ObjectParts" not in answered.body
    assert b"ETag" not in describe(buckets, "ObjectSize", "a").body
    assert code(describe(buckets, "Owner", "a")) == "InvalidArgument"
    complete(buckets, begin(buckets), [BIG, b"end"])
    assert texts(describe(buckets, every), "PartsCount") == ["2"]
    assert b"<Part>" not in describe(buckets, every).body


def test_attributes_of_parts(buckets: Buckets) -> None:
    """GetObjectAttributes lists parts that have checksums, page by page."""
    complete(buckets, begin(buckets, x_amz_checksum_algorithm="CRC32"), [BIG, b"end"])
    first = describe(buckets, "ObjectParts", max_parts="1")
    assert texts(first, "ChecksumCRC32") == [crc32(BIG)]
    assert texts(first, "NextPartNumberMarker") == ["1"]
    second = describe(buckets, "ObjectParts", part_number_marker="1")
    assert texts(second, "ChecksumCRC32") == [crc32(b"end")]
    none = describe(buckets, "ObjectParts", part_number_marker="2")
    assert texts(none, "NextPartNumberMarker") == ["0"]


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_checksum_of_parts(buckets: Buckets, kind: str) -> None:
    """An upload's checksum is that of the whole, or of the checksums of its parts."""
    url = begin(buckets, x_amz_checksum_algorithm="CRC32", x_amz_checksum_type=kind)
    joined = b"".join(base64.b64decode(crc32(each)) for each in (BIG, b"end"))
    expected = crc32(BIG + b"end") if kind == "FULL_OBJECT" else f"{crc32(joined)}-2"
    wrong = complete(buckets, url, [BIG, b"end"], x_amz_checksum_crc32="AAAAAA==")
    assert code(wrong) == "BadDigest"
    other = "COMPOSITE" if kind == "FULL_OBJECT" else "FULL_OBJECT"
    assert code(complete(buckets, url, [BIG, b"end"], x_amz_checksum_type=other)) == "BadDigest"
    inner = "<ChecksumCRC32>AAAAAA==</ChecksumCRC32>"
    assert code(complete(buckets, url, [BIG, b"end"], inner)) == "InvalidPart"
    listed = send(buckets, "GET", url)
    assert (texts(listed, "ChecksumAlgorithm"), texts(listed, "ChecksumType")) == (
        ["CRC32"],
        [kind],
    )
    assert b"ChecksumType" in send(buckets, "GET", f"{MEDIA}?uploads").body
    done = complete(buckets, url, [BIG, b"end"], x_amz_checksum_crc32=expected)
    assert texts(done, "ChecksumCRC32") == [expected]
    headers = send(buckets, "HEAD", f"{MEDIA}big", {"x-amz-checksum-mode": "ENABLED"}).headers
    assert headers["x-amz-checksum-crc32"] == expected
    assert headers["x-amz-checksum-type"] == kind
    send(buckets, "PUT", f"{MEDIA}copy", {"x-amz-copy-source": "media/big"})
    copied = send(buckets, "HEAD", f"{MEDIA}copy", {"x-amz-checksum-mode": "ENABLED"}).headers
    assert copied["x-amz-checksum-crc32"] == crc32(BIG + b"end")
    assert copied["etag"] == f'"{hashlib.md5(BIG + b"end").hexdigest()}"'


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("SHA256", "FULL_OBJECT"), ("SHA1", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")],
)
def test_checksum_of_another_type(buckets: Buckets, algorithm: str, kind: str) -> None:
    """An upload is refused if its algorithm has no checksum of its type."""
    sent = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
    assert code(send(buckets, "POST", f"{MEDIA}big?uploads", sent)) == "InvalidRequest"


def test_checksum_of_parts_with_a_gap(buckets: Buckets) -> None:
    """An upload with a checksum of checksums is an error of the server if a part is missing."""
    url = begin(buckets, x_amz_checksum_algorithm="CRC32")
    send(buckets, "PUT", f"{url}&partNumber=2", {}, b"end")
    part = f"<PartNumber>2</PartNumber><ETag>{hashlib.md5(b'end').hexdigest()}</ETag>"
    sent = f"<C><Part>{part}</Part></C>".encode()
    assert code(send(buckets, "POST", url, {}, sent)) == "InternalError"


def test_checksum_that_is_unknown(buckets: Buckets) -> None:
    """An algorithm that cannot be computed gives no checksum, and its values are stored."""
    url = begin(buckets, x_amz_checksum_algorithm="XXHASH64", x_amz_checksum_type="COMPOSITE")
    assert b"ChecksumXXHASH64" not in complete(buckets, url, [b"end"]).body
    stored = {"x-amz-checksum-xxhash64": "AAAAAAAAAAA="}
    answered = send(buckets, "PUT", f"{MEDIA}b", stored, b"content")
    assert answered.headers["x-amz-checksum-xxhash64"] == "AAAAAAAAAAA="


def test_size_of_an_upload(buckets: Buckets) -> None:
    """An upload of another size than expected is refused."""
    url = begin(buckets)
    assert code(complete(buckets, url, [b"end"], x_amz_mp_object_size="4")) == "InvalidRequest"
    sent = {"x_amz_mp_object_size": "3", "x_amz_checksum_crc32": crc32(b"end")}
    assert texts(complete(buckets, url, [b"end"], **sent), "ChecksumCRC32") == [crc32(b"end")]


def test_sent_checksum_of_a_part(buckets: Buckets) -> None:
    """A part is stored with the checksum that its upload asks for."""
    url = begin(buckets, x_amz_checksum_algorithm="CRC32C")
    sent = {"x-amz-checksum-crc32c": "AAAAAA=="}
    answered = send(buckets, "PUT", f"{url}&partNumber=1", sent, b"part")
    assert answered.headers["x-amz-checksum-crc32c"] == "AAAAAA=="
    assert texts(send(buckets, "GET", url), "ChecksumCRC32C") == ["AAAAAA=="]


def test_common_runtime(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRC32C is verified once the client has loaded the library that computes it."""
    sent = {"x-amz-checksum-crc32c": "AAAAAQ=="}
    assert send(buckets, "PUT", f"{MEDIA}b", sent).status == 200
    runtime: Any = SimpleNamespace(crc32c=lambda content: 2)
    monkeypatch.setitem(sys.modules, "awscrt.checksums", runtime)
    assert code(send(buckets, "PUT", f"{MEDIA}b", sent)) == "BadDigest"
    assert send(buckets, "PUT", f"{MEDIA}b", {"x-amz-checksum-crc32c": "AAAAAg=="}).status == 200
    assert send(buckets, "PUT", f"{MEDIA}b", {"x-amz-checksum-xxhash3": "odd"}).status == 200


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "expected"),
    [
        ("PUT", "b", {"x-amz-checksum-crc32": "a", "x-amz-checksum-sha1": "b"}, b"",
         "InvalidRequest"),
        ("PUT", "b", {"x-amz-sdk-checksum-algorithm": "CRC32"}, b"", "InvalidRequest"),
        ("PUT", "b", {"content-md5": f"{'A' * 22}=="}, b"", "BadDigest"),
        ("PUT", "b", {"x-amz-storage-class": "odd"}, b"", "InvalidStorageClass"),
        ("PUT", "b", {"x-amz-meta-a": "a" * 2048}, b"", "MetadataTooLarge"),
        ("PUT", "b", {"if-none-match": '"a"'}, b"", "NotImplemented"),
        ("PUT", "b", {"x-amz-acl": "private", "x-amz-grant-read": "id=a"}, b"", "InvalidRequest"),
        ("PUT", "a?acl", {}, b"<A><Grant><Grantee><ID>a</ID></Grantee></Grant></A>",
         "MalformedACLError"),
        ("PUT", "b", {"x-amz-copy-source": "media"}, b"", "InvalidArgument"),
        ("PUT", "b", {"x-amz-copy-source": "media/a", "x-amz-tagging-directive": "MOVE"}, b"",
         "InvalidArgument"),
        ("PUT", "b", {"x-amz-copy-source": "media/a", "x-amz-copy-source-if-match": "b"}, b"",
         "PreconditionFailed"),
        ("POST", "?delete", {"content-md5": ""}, b"", "InvalidDigest"),
        ("POST", "?delete", {}, b"<Delete><Object><Key/></Object></Delete>", "MalformedXML"),
        ("GET", "?versions&version-id-marker=null", {}, b"", "InvalidArgument"),
        ("GET", "b?acl", {}, b"", "NoSuchKey"),
        ("GET", "?policy", {}, b"", "NoSuchBucketPolicy"),
        ("GET", "?tagging", {}, b"", "NoSuchTagSet"),
        ("GET", "?lifecycle", {}, b"", "NoSuchLifecycleConfiguration"),
    ],
)  # fmt: skip
def test_errors(
    buckets: Buckets, method: str, url: str, headers: Any, body: bytes, expected: str
) -> None:
    """A request that S3 refuses gets the code of the reference."""
    assert code(send(buckets, method, MEDIA + url, headers, body)) == expected


def test_deletion_without_digest(buckets: Buckets) -> None:
    """DeleteObjects needs a digest of its document."""
    signed = Request("POST", f"{MEDIA}?delete", {"authorization": f"AWS key:{'A' * 27}="})
    assert code(s3.answer(buckets, signed)) == "InvalidRequest"


def test_conditional_deletions(buckets: Buckets) -> None:
    """DeleteObjects deletes objects that have the ETag; the quiet mode reports errors alone."""
    etag = hashlib.md5(b"0123456789").hexdigest()

    def delete(etag: str) -> Response:
        named = f"<Object><Key>a</Key><VersionId>null</VersionId><ETag>{etag}</ETag></Object>"
        body = f"<Delete>{named}<Object><Key>b</Key></Object><Quiet>true</Quiet></Delete>"
        return send(buckets, "POST", f"{MEDIA}?delete", {}, body.encode())

    assert texts(delete("other"), "Code") == ["PreconditionFailed"]
    assert b"<Deleted>" not in delete(etag).body
    assert texts(delete(etag), "Code") == ["NoSuchKey"]


def test_copied_checksum(buckets: Buckets) -> None:
    """A copy has the checksum of its source, or the one that the request asks for."""
    send(buckets, "PUT", f"{MEDIA}b", {"x-amz-checksum-crc32": crc32(b"b")}, b"b")
    copied = send(buckets, "PUT", f"{MEDIA}c", {"x-amz-copy-source": "media/b"})
    assert texts(copied, "ChecksumCRC32") == [crc32(b"b")]
    wanted = {"x-amz-copy-source": "media/b", "x-amz-checksum-algorithm": "SHA256"}
    assert b"ChecksumSHA256" in send(buckets, "PUT", f"{MEDIA}c", wanted).body
    wanted["x-amz-checksum-algorithm"] = "XXHASH3"
    assert b"Checksum" not in send(buckets, "PUT", f"{MEDIA}c", wanted).body


def test_copied_part(buckets: Buckets) -> None:
    """A part may be a copy of a whole object."""
    url = begin(buckets)
    answered = send(buckets, "PUT", f"{url}&partNumber=1", {"x-amz-copy-source": "media/a"})
    assert texts(answered, "ETag") == [f'"{hashlib.md5(b"0123456789").hexdigest()}"']


def test_aborted_upload(buckets: Buckets) -> None:
    """An aborted upload is no longer listed, and is unknown to later requests."""
    url = begin(buckets)
    send(buckets, "PUT", f"{url}&partNumber=1", body=b"part")
    assert send(buckets, "DELETE", url).status == 204
    assert texts(send(buckets, "GET", f"{MEDIA}?uploads"), "Key") == []
    assert code(send(buckets, "GET", url)) == "NoSuchUpload"


def test_versions(buckets: Buckets) -> None:
    """Without versioning each object is its only version, on pages of keys and groups."""
    for key in ("b/1", "b/2", "c"):
        send(buckets, "PUT", f"{MEDIA}{key}")
    first = send(buckets, "GET", f"{MEDIA}?versions&max-keys=1")
    assert (texts(first, "Key"), texts(first, "VersionId")) == (["a"], ["null"])
    assert texts(first, "NextKeyMarker") == ["a"]
    second = send(buckets, "GET", f"{MEDIA}?versions&delimiter=/&key-marker=a&max-keys=1")
    assert texts(second, "NextKeyMarker") == ["b/"]
    assert b"NextVersionIdMarker" not in second.body
    last = send(buckets, "GET", f"{MEDIA}?versions&delimiter=/&key-marker=b/")
    assert texts(last, "Key") == ["c"]
    assert texts(last, "IsTruncated") == ["false"]


def test_pages_of_uploads(buckets: Buckets) -> None:
    """Uploads are listed by key and age; markers and groups lead from page to page."""
    for key in ("b/1", "b/2", "c", "c", "d"):
        begin(buckets, key)
    listed: list[str] = []
    more = ""
    while True:
        page = send(buckets, "GET", f"{MEDIA}?uploads&delimiter=/&max-uploads=1{more}")
        listed += texts(page, "Key") + texts(page, "CommonPrefixes><Prefix")
        listed += [each for each in texts(page, "Prefix") if each]
        if texts(page, "IsTruncated") == ["false"]:
            break
        (key,), (upload,) = texts(page, "NextKeyMarker"), texts(page, "NextUploadIdMarker")
        more = f"&key-marker={key}&upload-id-marker={upload}"
    assert listed == ["b/", "c", "c", "d"]
    assert texts(send(buckets, "GET", f"{MEDIA}?uploads&prefix=c"), "Key") == ["c", "c"]
    assert texts(send(buckets, "GET", f"{MEDIA}?uploads&max-uploads=0"), "Key") == []


def test_access_of_a_bucket(buckets: Buckets) -> None:
    """A bucket has an access control list that requests replace."""
    assert texts(send(buckets, "GET", f"{MEDIA}?acl"), "Permission") == ["FULL_CONTROL"]
    send(buckets, "PUT", f"{MEDIA}?acl", {"x-amz-grant-read": f'uri="{PUBLIC}"'})
    answered = send(buckets, "GET", f"{MEDIA}?acl")
    assert (texts(answered, "URI"), texts(answered, "Permission")) == ([PUBLIC], ["READ"])


def test_defaults_of_a_bucket(buckets: Buckets) -> None:
    """A bucket that was never configured has the defaults of the reference."""
    answered = send(buckets, "GET", f"{MEDIA}?versioning")
    assert b"VersioningConfiguration" in answered.body
    assert b"Status" not in answered.body
    assert texts(send(buckets, "GET", f"{MEDIA}?requestPayment"), "Payer") == ["BucketOwner"]


def test_regions(buckets: Buckets) -> None:
    """A bucket is in the region that the request to create it names, or its host."""
    body = b"<C><LocationConstraint>eu-west-1</LocationConstraint></C>"
    send(buckets, "PUT", f"{SERVICE}one", {}, body)
    send(buckets, "PUT", "https://s3.ap-south-1.amazonaws.com/two")
    assert texts(send(buckets, "GET", f"{SERVICE}?bucket-region=eu-west-1"), "Name") == ["one"]
    assert b">ap-south-1<" in send(buckets, "GET", f"{SERVICE}two?location").body
    head = send(buckets, "HEAD", f"{SERVICE}one")
    assert head.headers["x-amz-bucket-region"] == "eu-west-1"


def test_pages_of_buckets(buckets: Buckets) -> None:
    """Buckets are listed page by page, those with a prefix alone if there is one."""
    send(buckets, "PUT", f"{SERVICE}media-2")
    first = send(buckets, "GET", f"{SERVICE}?prefix=media&max-buckets=1")
    assert (texts(first, "Name"), texts(first, "ContinuationToken")) == (["media"], ["media"])
    second = send(buckets, "GET", f"{SERVICE}?continuation-token=media")
    assert texts(second, "Name") == ["media-2"]


def test_without_the_right_to_list(buckets: Buckets) -> None:
    """Without the right to list, missing objects are forbidden, and so are listings."""
    buckets.may_list = False
    assert send(buckets, "HEAD", f"{MEDIA}missing").status == 403
    assert send(buckets, "HEAD", f"{MEDIA}a").status == 200
    for url in (f"{MEDIA}?list-type=2", f"{MEDIA}missing"):
        assert code(send(buckets, "GET", url)) == "AccessDenied"


def test_anonymous_request(buckets: Buckets) -> None:
    """A request without a signature reads public objects, without other headers for them."""
    anonymous = Request("GET", f"{MEDIA}a?response-content-type=a/b")
    assert code(s3.answer(buckets, anonymous)) == "InvalidRequest"
    buckets.public.remove("media")
    assert code(s3.answer(buckets, Request("GET", f"{MEDIA}a"))) == "AccessDenied"
    send(buckets, "PUT", f"{MEDIA}a?acl", {"x-amz-acl": "public-read"})
    assert s3.answer(buckets, Request("GET", f"{MEDIA}a")).status == 200
    assert code(s3.answer(buckets, Request("GET", MEDIA))) == "AccessDenied"


@pytest.mark.parametrize(
    "host",
    [
        "access-point-123456789012.s3-accesspoint.us-east-1.amazonaws.com",
        "media--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
        "s3-control.us-east-1.amazonaws.com",
    ],
)
def test_other_hosts_of_amazon(buckets: Buckets, host: str) -> None:
    """Access points and buckets of other kinds raise, with moto as the cure."""
    with pytest.raises(UnsupportedRequest, match="Use moto"):
        send(buckets, "GET", f"https://{host}/a")


def test_digest_of_a_signed_body(buckets: Buckets) -> None:
    """A body with another digest than the signed one is refused."""
    digest = {"x-amz-content-sha256": hashlib.sha256(b"a").hexdigest()}
    assert send(buckets, "PUT", f"{MEDIA}b", digest, b"a").status == 200
    assert code(send(buckets, "PUT", f"{MEDIA}b", digest, b"b")) == "XAmzContentSHA256Mismatch"


def test_header_of_another_alphabet(buckets: Buckets) -> None:
    """S3 refuses to send a header that ISO-8859-1 cannot represent."""
    url = f"{MEDIA}a?response-content-disposition=attachment;filename="
    assert send(buckets, "GET", f"{url}%C3%BC").headers["content-disposition"][-1] == "ü"
    assert code(send(buckets, "GET", f"{url}%E4%B8%AD")) == "InvalidArgument"


def test_failure_of_the_service() -> None:
    """A floor answers with the errors of the service."""
    assert code(s3.refuse(503)) == "SlowDown"
    assert (s3.refuse(502).status, code(s3.refuse(502))) == (502, "InternalError")
