"""
Uploads to Google Cloud Storage: in one request, with or without metadata, and resumable ones.

"Uploads and downloads" and "Perform resumable uploads" in the documentation.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .bucket import Attributes, Upload
from .gcs_call import Call, GcsError, Json, check_name, parse_json
from .gcs_objects import described, store
from .http import Request, Response, boundary_of

_CONTENT_TYPE = re.compile(rb"content-type: *([^\r\n]+)", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
CHUNK = 256 << 10  # each chunk but the last is a multiple


class Sent(NamedTuple):
    """The resource and the content that a request sends for an object."""

    document: Json
    content: bytes


def read_sent(request: Request) -> Sent:
    """Return the resource and the content in a request, in one part or in two."""
    query, content_type = request.query, request.headers.get("content-type", "")
    kind = query.get("uploadType", "")
    if kind == "resumable":
        document = parse_json(request.body)
        content_type = request.headers.get("x-upload-content-type", "")
        content = b""
    elif kind == "multipart":
        document, content_type, content = _two_parts(content_type, request.body)
    else:
        document, content = {}, request.body
    if content_type:
        document.setdefault("contentType", content_type)
    if "name" in query:
        document["name"] = query["name"]
    return Sent(document, content)


def _two_parts(content_type: str, body: bytes) -> tuple[Json, str, bytes]:
    """Return the parts of a body that is ``multipart/related``: RFC 2387."""
    try:
        delimiter = f"--{boundary_of(content_type)}".encode()
        # gcsfs ends lines without a carriage return.
        end = b"\n" if body.startswith(delimiter + b"\n") else b"\r\n"
        first = body.index(end * 2) + len(end * 2)
        second = body.index(end + delimiter, first)
        head = body.index(end * 2, second + len(end + delimiter))
        last = body.rindex(end + delimiter + b"--", head)
    except ValueError:
        raise GcsError(400, "Malformed multipart body.", "badRequest") from None
    named = _CONTENT_TYPE.search(body, second, head)
    return (
        parse_json(body[first:second]),
        named[1].decode() if named else "",
        body[head + len(end * 2) : last],
    )


def named_key(request: Request) -> str:
    """Return the name of the object that a request inserts; an empty string for none."""
    try:
        return str(read_sent(request).document.get("name") or "")
    except GcsError:
        return ""


def insert_object(call: Call) -> Response:
    """Answer objects.insert; a resumable upload begins with it."""
    sent = read_sent(call.request)
    key = str(sent.document.get("name") or "")
    check_name(key)
    call.check(call.bucket.objects.get(key))
    if call.query.get("uploadType") == "resumable":
        return begin_upload(call, key, sent.document)
    return _finish(call, key, sent)


def _finish(call: Call, key: str, sent: Sent) -> Response:
    stored = store(call, key, sent.document, sent.content)
    return described(call, key, stored, is_full="acl" in sent.document)


# Resumable uploads.


@dataclass(frozen=True)
class Session(Upload):
    """
    A resumable upload.

    :param document: the resource of the object; ``url``: the one of the first request.
    :param content: the bytes that have arrived; ``done``: the response to the last chunk.
    """

    document: Json = field(default_factory=dict)
    url: str = ""
    content: bytes = b""
    done: Response | None = None


def begin_upload(call: Call, key: str, document: Json) -> Response:
    """Begin a resumable upload, whose URL is in a header of the response."""
    identifier = secrets.token_urlsafe(48)
    session = Session(key, Attributes(), time.time(), document=document, url=call.request.url)
    call.bucket.uploads.put(identifier, session)
    url = call.request.url
    return Response(
        200,
        {
            "location": f"{url}{'&' if '?' in url else '?'}upload_id={identifier}",
            "x-guploader-uploadid": identifier,
        },
    )


def session_of(call: Call) -> Session:
    """Return the resumable upload that a request names."""
    session = call.bucket.uploads.get(call.query.get("upload_id", ""))
    if not isinstance(session, Session):
        raise GcsError(404)
    return session


def upload_chunk(call: Call) -> Response:
    """
    Answer a chunk of a resumable upload, or the question how much has arrived.

    A chunk that begins before the end of what has arrived repeats some of it.
    """
    session, body = session_of(call), call.request.body
    if session.done is not None:
        return session.done
    matched = _CONTENT_RANGE.fullmatch(call.headers.get("content-range", ""))
    if matched is None:
        if "content-range" in call.headers:
            raise GcsError(400, "Failed to parse Content-Range header.", "badRequest")
        first, total = 0, str(len(body))
    else:
        first, total = int(matched[1] or len(session.content)), matched[3]
        if matched[1] is not None and int(matched[2]) - first + 1 != len(body):
            raise GcsError(
                400, "Content-Range does not match the length of the body.", "badRequest"
            )
    if first > len(session.content):
        raise GcsError(503)  # "Check the status": the client asks how much has arrived
    content = session.content + body[len(session.content) - first :]
    if total == str(len(content)):
        return _complete(call, replace(session, content=content))
    if len(content) % CHUNK:
        content = content[: len(content) // CHUNK * CHUNK]
    call.bucket.uploads.put(call.query["upload_id"], replace(session, content=content))
    return Response(308, {"range": f"bytes=0-{len(content) - 1}"} if content else {})


def _complete(call: Call, session: Session) -> Response:
    begun = replace(call, request=Request("POST", session.url))
    begun.check(call.bucket.objects.get(session.key))
    response = _finish(begun, session.key, Sent(session.document, session.content))
    done = replace(session, content=b"", done=response)
    call.bucket.uploads.put(call.query["upload_id"], done)
    return response


def cancel_upload(call: Call) -> Response:
    """Answer the cancellation of a resumable upload, with the status 499."""
    session_of(call)
    call.bucket.uploads.remove(call.query["upload_id"])
    return Response(499)
