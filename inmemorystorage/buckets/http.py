"""HTTP, as far as object stores use it: requests, responses, conditions, ranges and bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
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

    :param prefix: what the names of the headers begin with.
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


def http_date(moment: float) -> str:
    """Return a moment as HTTP writes it."""
    return formatdate(int(moment), usegmt=True)


class FormField(NamedTuple):
    """A field of a form; its headers in lower case, with its content type for instance."""

    content: bytes
    disposition: str

    @property
    def filename(self) -> str:
        """Return the name of the file that was chosen, without directories."""
        return self.disposition.partition('filename="')[2].partition('"')[0].rpartition("/")[2]


def parse_form(content_type: str, body: bytes) -> dict[str, FormField]:
    """
    Return the fields of a ``multipart/form-data`` body by their names in lower case, in order.

    RFC 7578. Fields after the file are left out: Amazon S3 API Reference, "POST Object". Raises
    ``ValueError`` for another content type.
    """
    kind, _, boundary = content_type.partition("boundary=")
    if not kind.lower().startswith("multipart/form-data") or not boundary:
        raise ValueError(content_type)
    delimiter = b"\r\n--" + boundary.strip().strip('"').encode("latin-1")
    fields: dict[str, FormField] = {}
    for each in (b"\r\n" + body).split(delimiter)[1:-1]:
        head, _, content = each.partition(b"\r\n\r\n")
        disposition = head.decode()
        named = _NAME.search(disposition)
        if named is None:
            raise ValueError(disposition)
        fields[named[1].lower()] = FormField(content, disposition)
        if named[1].lower() == "file":
            break
    return fields
