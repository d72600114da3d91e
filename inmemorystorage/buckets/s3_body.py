"""The bodies of S3's requests: chunks, and checksums in headers and trailers."""

from __future__ import annotations

import base64
import hashlib
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from .http import parse_fields
from .s3_errors import S3Error

PREFIX = "x-amz-checksum-"
FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
_NOT_VALUES = {"algorithm", "mode", "type"}


def _hashed(name: str, content: bytes) -> bytes:
    return hashlib.new(name, content, usedforsecurity=False).digest()


# "ChecksumAlgorithm". Values of the other algorithms are stored unverified.
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    **{name: partial(_hashed, name) for name in ("md5", "sha1", "sha256", "sha512")},
}
# Computed only if the client has loaded AWS's own library, without which no client sends them.
_COMMON_RUNTIME = {"crc32c": 4, "crc64nvme": 8}


class Body(NamedTuple):
    """The content of a request, and the checksums that were sent for it, by algorithm."""

    content: bytes
    checksums: Mapping[str, str]


def read_body(headers: Mapping[str, str], body: bytes) -> Body:
    """Return a body decoded; raise `S3Error` unless it has the checksums that were sent for it."""
    content = body
    is_streaming = headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    if is_streaming or "aws-chunked" in headers.get("content-encoding", ""):
        content, trailers = _decode_declared(headers, body)
        headers = {**headers, **trailers}
    sent = headers.get("content-md5")
    if sent is not None and len(sent) != 24:
        raise S3Error("InvalidDigest")
    if sent is not None and digest("md5", content) != sent:
        raise S3Error("BadDigest")
    checksums = sent_checksums(headers)
    if len(checksums) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    # "PutObject", "ChecksumAlgorithm": a header or trailer with the value must be sent too.
    if "x-amz-sdk-checksum-algorithm" in headers and not checksums:
        raise S3Error(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
            "x-amz-trailer headers were found.",
        )
    for name, value in checksums.items():
        check_digest(name, value, content)
    return Body(content, checksums)


def sent_checksums(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums in headers, by algorithm."""
    named = {name.removeprefix(PREFIX): name for name in headers if name.startswith(PREFIX)}
    return {name: headers[header] for name, header in named.items() if name not in _NOT_VALUES}


def check_digest(name: str, value: str, content: bytes) -> None:
    """Raise `S3Error` if a checksum can be computed, and the content has another one."""
    if digest(name, content) not in ("", value):
        message = f"The {name.upper()} you specified did not match the calculated checksum."
        raise S3Error("BadDigest", message)


def digest(name: str, content: bytes) -> str:
    """Return a checksum as it is sent, or an empty string if it cannot be computed."""
    compute = _DIGESTS.get(name)
    if compute is not None:
        return base64.b64encode(compute(content)).decode()
    runtime = sys.modules.get("awscrt.checksums")
    if runtime is None or name not in _COMMON_RUNTIME:
        return ""
    value: int = getattr(runtime, name)(content)
    return base64.b64encode(value.to_bytes(_COMMON_RUNTIME[name], "big")).decode()


def composite_digest(name: str, parts: Iterable[str]) -> str:
    """
    Return the checksum of the checksums of parts, or an empty string if it cannot be computed.

    "Checking object integrity for data uploads in Amazon S3" in the user guide; the number of parts
    follows it as it follows an ETag.
    """
    digests = [base64.b64decode(each) for each in parts]
    value = digest(name, b"".join(digests)) if all(digests) else ""
    return f"{value}-{len(digests)}" if value else ""


def type_of(checksum: str) -> str:
    """Return the type of a checksum: base64 has no hyphen, and a composite has one."""
    return COMPOSITE if "-" in checksum else FULL_OBJECT


def checksum_headers(checksums: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that send the checksums of an object."""
    headers = {f"{PREFIX}{name}": value for name, value in checksums.items()}
    types = {f"{PREFIX}type": type_of(value) for value in checksums.values()}
    return headers | types


def _decode_declared(headers: Mapping[str, str], body: bytes) -> tuple[bytes, Mapping[str, str]]:
    """Return the content and the trailers of a body in chunks, if it has the declared length."""
    try:
        decoded = decode_chunks(body)
    except ValueError:
        raise S3Error("IncompleteBody") from None
    declared = headers.get("x-amz-decoded-content-length")
    if declared is not None and declared != str(len(decoded.content)):
        raise S3Error("IncompleteBody")
    return decoded


class Chunked(NamedTuple):
    """A body that was sent in chunks, and the headers that followed it."""

    content: bytes
    trailers: dict[str, str]


def decode_chunks(body: bytes) -> Chunked:
    """
    Decode a body with the content encoding ``aws-chunked``.

    Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
    Payload in Multiple Chunks" and "… Including Trailing Headers (Chunked Upload)": each chunk is a
    length in hexadecimal, perhaps with ``;chunk-signature=…``, and the bytes. Raises ``ValueError``
    for any other body.
    """
    chunks: list[bytes] = []
    position = 0
    while True:
        end = body.index(b"\r\n", position)
        length = int(body[position:end].partition(b";")[0], 16)
        start, position = end + 2, end + 2 + length
        if not length:
            break
        if body[position : position + 2] != b"\r\n":
            raise ValueError(f"The chunk at byte {start} is not {length} bytes long.")
        chunks.append(body[start:position])
        position += 2
    lines = body[position:].decode("latin-1").split("\r\n")
    return Chunked(chunks[0] if len(chunks) == 1 else b"".join(chunks), parse_fields(lines))
