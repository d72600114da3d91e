"""HTTP, as far as object stores use it: requests, responses, conditions, ranges and bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_BOUNDARY = re.compile(r'boundary="?([^";]+)', re.IGNORECASE)
_NAME = re.compile(r'(?:^|[; ])name="([^"]*)"')


@dataclass(frozen=True)
class Request:
    """
    A request to an object store.

    :param url: the whole URL, as it is sent.
    :param headers: by name in lower case; names of metadata in Azure keep the case of their ends.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def host(self) -> str:
        """Return the host, with its port."""
        return urlsplit(self.url).netloc

    @cached_property
    def path(self) -> str:
        """Return the path, decoded, without its first slash."""
        return unquote(urlsplit(self.url).path)[1:]

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the parameters of the query, decoded."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass(frozen=True)
class Response:
    """
    The response to a `Request`.

    :param reset_after: the number of bytes of the body after which the connection is reset;
        ``None``: it is not reset.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset_after: int | None = None


def condition_failed(
    headers: Mapping[str, str], etag: str, modified: float, prefix: str = ""
) -> str:
    """
    Return the name of the condition that an existing object does not meet, or an empty string.

    RFC 9110, section 13.2.2: a condition on the ETag goes before one on the date.

    :param prefix: the start of the names of the headers.
    """
    quoted = {etag, f'"{etag}"', "*"}
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    since, unmodified = (headers.get(f"{prefix}if-{name}-since") for name in _SINCE)
    if match is not None:
        if quoted.isdisjoint(_listed(match)):
            return "If-Match"
    elif unmodified is not None and _is_after(modified, unmodified):
        return "If-Unmodified-Since"
    if none_match is not None:
        return "" if quoted.isdisjoint(_listed(none_match)) else "If-None-Match"
    if since is not None and not _is_after(modified, since):
        return "If-Modified-Since"
    return ""


_SINCE = ("modified", "unmodified")


def _listed(etags: str) -> list[str]:
    return [each.strip() for each in etags.split(",")]


def _is_after(moment: float, date: str) -> bool:
    try:
        return int(moment) > parsedate_to_datetime(date).timestamp()
    except ValueError:  # RFC 9110, section 13.1.3: a condition without a valid date is ignored
        return False


def range_of(header: str, size: int) -> slice | None:
    """
    Return the range of bytes that a ``Range`` header names, or ``None`` to send all.

    RFC 9110, section 14.2: a header that is not understood is ignored. Raises ``ValueError`` for a
    range that is outside of the content.
    """
    matched = _RANGE.fullmatch(header.strip())
    if matched is None or matched.group() == "bytes=-":
        return None
    first, last = matched.groups()
    if not first:
        if size == 0 and int(last):  # section 14.1.2: it is satisfied by all that there is
            return None
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < start:
            return None
    if start >= size or start == stop:
        raise ValueError(header)
    return slice(start, stop)


def part_response(content: bytes, part: slice | None, headers: Mapping[str, str]) -> Response:
    """Return a response with a content, or with a part of it: RFC 9110, section 15.3.7."""
    if part is None:
        return Response(200, {**headers, "content-length": str(len(content))}, content)
    start, stop, _ = part.indices(len(content))
    described = {
        "content-range": f"bytes {start}-{stop - 1}/{len(content)}",
        "content-length": str(stop - start),
    }
    return Response(206, {**headers, **described}, content[part])


def http_date(moment: float) -> str:
    """Return a moment as HTTP writes it."""
    return formatdate(int(moment), usegmt=True)


def parse_fields(lines: Iterable[str]) -> dict[str, str]:
    """Return the header fields in lines, by name in lower case; other lines are left out."""
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def boundary_of(content_type: str) -> str:
    """Return the boundary of the parts of a body; raise ``ValueError`` without one: RFC 2046."""
    matched = _BOUNDARY.search(content_type)
    if matched is None:
        raise ValueError(content_type)
    return matched[1]


class Form(NamedTuple):
    """
    A form that uploads a file.

    :param fields: the other fields before the file, by name in lower case, in order.
    :param filename: the name of the file that was chosen, without directories.
    """

    fields: dict[str, str]
    content: bytes
    filename: str


def parse_form(content_type: str, body: bytes) -> Form:
    """
    Return the form in a ``multipart/form-data`` body: RFC 7578.

    Fields after the file are left out: Amazon S3 API Reference, "POST Object". Raises
    ``ValueError`` for another content type, without a file, and for text that is not in UTF-8.
    """
    if not content_type.lower().startswith("multipart/form-data"):
        raise ValueError(content_type)
    delimiter = f"\r\n--{boundary_of(content_type)}".encode("latin-1")
    fields: dict[str, str] = {}
    for each in (b"\r\n" + body).split(delimiter)[1:-1]:
        head, _, content = each.partition(b"\r\n\r\n")
        disposition = head.decode()
        named = _NAME.search(disposition)
        if named is None:
            raise ValueError(disposition)
        if named[1].lower() == "file":
            path = disposition.partition('filename="')[2].partition('"')[0]
            return Form(fields, content, path.rpartition("/")[2])
        fields[named[1].lower()] = content.decode()
    raise ValueError("The form has no file.")
