"""S3's requests without a client, and what tests read from the responses."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from inmemorystorage.buckets import s3
from inmemorystorage.buckets.bucket import Buckets
from inmemorystorage.buckets.http import Request, Response

DAY, MOMENT = "20260101", "20260101T000000Z"
SCOPE = f"key/{DAY}/us-east-1/s3/aws4_request"
SIGNED = {
    "authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, "
    f"Signature={'0' * 64}",
    "x-amz-date": MOMENT,
}
MEDIA = "https://media.s3.amazonaws.com/"


def make_account() -> Buckets:
    """Return an account with a public bucket "media", and an object "a" in it."""
    buckets = Buckets()
    buckets.create("media")
    buckets.public.put("media", True)
    send(buckets, "PUT", f"{MEDIA}a", {}, b"0123456789")
    return buckets


def send(
    buckets: Buckets, method: str, url: str, headers: Any = None, body: bytes = b""
) -> Response:
    """Send a signed request, with a digest of its body."""
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    sent = {**SIGNED, "content-md5": digest, **(headers or {})}
    return s3.answer(buckets, Request(method, url, sent, body))


def code(response: Response) -> str:
    """Return the code of an error, or an empty string."""
    found = re.search("<Code>(.*)</Code>", response.body.decode())
    return found[1] if found else ""


def texts(response: Response, name: str) -> list[str]:
    """Return the texts of the elements with a name."""
    return re.findall(f"<{name}>([^<]*)</{name}>", response.body.decode())
