"""HTTP responses with files: conditions, ranges and bodies, by RFC 9110."""

from __future__ import annotations

import errno
import mimetypes
import os
import posixpath
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import SuspiciousOperation
from django.core.files import File
from django.core.files.storage import Storage
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe

# The content codings of RFC 9110, section 8.4.1, and br. What is packed in another way is a type.
_CODINGS = {"br", "compress", "gzip"}
_PACKED = {"bzip2": "application/x-bzip2", "xz": "application/x-xz"}

# What no header may have.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

# What a browser runs scripts of, when a user uploads it and another one opens it.
_SANDBOX = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"

# What storages raise for a name at which there is no file to read; the first two without a number:
# buckets do, and Django's InMemoryStorage for a name below a file.
_MISSING = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
_MISSING_NUMBERS = {errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP}


@dataclass(frozen=True)
class Representation:
    """
    An open file, its name, its number of bytes, and its time of modification: seconds since the
    epoch, or ``None`` where the storage knows none.
    """

    file: File[bytes]
    name: str
    size: int
    modified: float | None

    @property
    def etag(self) -> str | None:
        """
        Return a strong entity tag (RFC 9110, section 8.8.3): another one for each change that the
        storage's clock tells from the one before.
        """
        if self.modified is None:
            return None
        return f'"{int(self.modified * 1_000_000):x}-{self.size:x}"'

    @property
    def last_modified(self) -> int | None:
        """Return the whole second since the epoch in which the file was modified last."""
        return None if self.modified is None else int(self.modified)

    def validators(self) -> dict[str, str]:
        """Return the headers that tell one state of the file from another (RFC 9110, 8.8)."""
        if self.modified is None:
            return {}
        return {"ETag": str(self.etag), "Last-Modified": http_date(self.modified)}


def open_representation(storage: Storage, name: str) -> Representation:
    """Open a file of any storage; raise ``Http404`` where there is none."""
    try:
        if not _is_normal(name):
            raise ValueError(f"{name!r} is not the normal form of a name.")
        # Asked before: a file that is replaced between the two goes out with an older tag, which
        # nothing later has.
        modified = _modified(storage, name)
        file = storage.open(name)
        try:
            return Representation(file, name, file.size, modified)
        except BaseException:
            file.close()
            raise
    except (OSError, ValueError, SuspiciousOperation) as error:
        if isinstance(error, OSError) and not _says_missing(error):
            raise
        raise Http404(f"There is no file {name!r}.") from error


def _is_normal(name: str) -> bool:
    """Return whether a name is the only one for its file: who may have it is asked by name."""
    first = name.partition("/")[0]
    return posixpath.normpath(name) == name and first not in ("", "..") and "\\" not in name


def _says_missing(error: OSError) -> bool:
    return isinstance(error, _MISSING) or error.errno in _MISSING_NUMBERS


def _modified(storage: Storage, name: str) -> float | None:
    try:
        return storage.get_modified_time(name).timestamp()
    except NotImplementedError:
        return None
    except Exception:
        # A bucket has errors of its own for what is not there.
        if storage.exists(name):
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None


def content_headers(
    name: str, *, as_attachment: bool = False, sandbox: bool = True
) -> dict[str, str]:
    """
    Return the headers that follow from the name of a file.

    :param as_attachment: whether a browser is to save it, not to show it.
    :param sandbox: whether HTML, SVG and other XML are kept from running scripts and from reaching
        anything of the site.
    """
    base_name = posixpath.basename(name)
    # With a slash, or a name could be taken for a URL that says its own type.
    guessed, coding = mimetypes.guess_type(f"./{base_name}")
    content_type = _PACKED.get(coding or "", guessed or "application/octet-stream")
    file_name = _CONTROLS.sub("_", base_name)
    headers: dict[str, Any] = {
        "Content-Type": content_type,
        "Content-Encoding": coding if coding in _CODINGS else None,
        "Content-Disposition": content_disposition_header(as_attachment, file_name),
        "Content-Security-Policy": _SANDBOX if sandbox and _is_active(content_type) else None,
        "X-Content-Type-Options": "nosniff",
    }
    return {header: value for header, value in headers.items() if value}


def _is_active(content_type: str) -> bool:
    return content_type.lower().endswith(("html", "xml", "xsl"))


# What an answer says that has none of the file.
_NO_CONTENT = {"Content-Type": "text/plain", "X-Content-Type-Options": "nosniff"}


def answer(
    request: HttpRequest, representation: Representation, cache_control: str, **options: bool
) -> HttpResponseBase:
    """
    Return the response; one that streams closes the file.

    :param cache_control: the header of that name.
    :param options: those of `content_headers`.
    """
    kept = {**representation.validators(), "Cache-Control": cache_control}
    preconditions = _evaluate_preconditions(request, representation, kept)
    if preconditions is not None:
        return preconditions
    size = representation.size
    ranges = _asked_ranges(request, representation)
    if ranges == []:
        unsatisfied = {"Content-Range": f"bytes */{size}", **_NO_CONTENT}
        return HttpResponse(status=416, headers=unsatisfied)
    headers = {**content_headers(representation.name, **options), **kept}
    if ranges is None:
        headers["Accept-Ranges"] = "bytes"
        return _respond(request, representation, 200, headers, [range(size)])
    # A middleware that compresses the answer would make other positions of those that it names.
    request.META.pop("HTTP_ACCEPT_ENCODING", None)
    segments = _describe_parts(ranges, size, headers)
    return _respond(request, representation, 206, headers, segments)


def _describe_parts(
    ranges: Sequence[range], size: int, headers: dict[str, str]
) -> Sequence[Segment]:
    """Say in the headers which parts are sent; return the segments that they consist of."""
    if len(ranges) == 1:
        headers["Content-Range"] = content_range(ranges[0], size)
        return ranges
    boundary, segments = multipart(ranges, headers["Content-Type"], size)
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return segments


def _evaluate_preconditions(
    request: HttpRequest, representation: Representation, kept: dict[str, str]
) -> HttpResponseBase | None:
    """
    Return 304 or 412 where that is the answer (RFC 9110, section 13.2.2, steps 1 to 4).

    :param kept: what a 304 says of what would have been sent (section 15.4.5).
    """
    response = get_conditional_response(request, representation.etag, representation.last_modified)
    if response is not None:
        for name, value in (kept if response.status_code == 304 else _NO_CONTENT).items():
            response[name] = value
    return response


def _asked_ranges(request: HttpRequest, representation: Representation) -> list[range] | None:
    """Return what `parse_range` does; ``None`` too where the Range header does not count."""
    header: str | None = request.META.get("HTTP_RANGE")
    if header is None or request.method != "GET" or not _passes_if_range(request, representation):
        return None
    ranges = parse_range(header, representation.size)
    return ranges if not ranges or representation.file.seekable() else None


def _passes_if_range(request: HttpRequest, representation: Representation) -> bool:
    """Compare the validator strongly, and a date for being the same (RFC 9110, section 13.1.5)."""
    validator: str | None = request.META.get("HTTP_IF_RANGE")
    if validator is None:
        return True
    if validator.startswith(('"', "W/")):
        return validator == representation.etag
    date = parse_http_date_safe(validator)
    return date is not None and date == representation.last_modified


def _respond(
    request: HttpRequest,
    representation: Representation,
    status: int,
    headers: dict[str, str],
    segments: Sequence[Segment],
) -> HttpResponseBase:
    body = Body(representation.file, segments)
    headers["Content-Length"] = str(len(body))
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    content = stream(body, is_async=hasattr(request, "scope"))
    return StreamingHttpResponse(content, status=status, headers=headers)


# ranges-specifier = range-unit "=" range-set; the unit's case does not count (14.1, 14.2).
_SPECIFIER = re.compile(r"bytes=(.*)", re.IGNORECASE).fullmatch
# int-range = first-pos "-" [ last-pos ], suffix-range = "-" suffix-length (14.1.1, 14.1.2).
_RANGE = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)").fullmatch
# Positions of more digits are past the end of every file; Python refuses to read very long ones.
_DIGITS = 18
# More are foolish, or meant to have more sent than the file has: each has headers of its own.
_MAX_RANGES = 100


def parse_range(header: str, size: int) -> list[range] | None:
    """
    Return the positions of the bytes that a Range header asks for, of a file with ``size`` bytes.

    ``None``: the header is to be ignored, since it is malformed, or of another unit, or asks for
    more bytes of the file than it has, or for more than 100 ranges; RFC 9110, section 14.2 allows
    that for any. An empty list:
    none of the ranges is in the file, which is answered with 416. Ranges that begin past the end
    are left out where others do not. They are given in the order in which they are asked for.
    """
    specifier = _SPECIFIER(header.strip(" \t"))
    ranges = None if specifier is None else _parse_set(specifier[1], size)
    if ranges is None or sum(map(len, ranges)) > size:
        return None
    if not size and any(each.start == 0 for each in ranges):
        return None  # all of nothing
    return [each for each in ranges if each]


def _parse_set(range_set: str, size: int) -> list[range] | None:
    # A list may have empty elements (5.6.1.2), but not only such.
    elements = [element for each in range_set.split(",") if (element := each.strip(" \t"))]
    ranges = [_parse(element, size) for element in elements]
    known = [each for each in ranges if each is not None]
    return known if known and len(known) == len(elements) <= _MAX_RANGES else None


def _parse(element: str, size: int) -> range | None:
    """Return the positions that one element asks for, ``None`` if it is malformed."""
    match = _RANGE(element)
    if match is None:
        return None
    first, last, suffix = (_position(digits) for digits in match.groups())
    if suffix is not None:
        return range(max(size - suffix, 0), size)
    assert first is not None
    if last is not None and last < first:
        return None
    return range(first, size if last is None else min(last + 1, size))


def _position(digits: str | None) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else int("9" * _DIGITS)


# How many bytes are read at once, and so are in memory for each download.
CHUNK_SIZE = 256 * 1024
# How many chunks are read for each change of threads, which takes longer than to read one.
_AT_ONCE = 4

Segment = bytes | range


def multipart(ranges: Sequence[range], content_type: str, size: int) -> tuple[str, list[Segment]]:
    """
    Return the boundary and the segments of a ``multipart/byteranges`` (RFC 9110, section 14.6).

    :param ranges: the positions of the parts; ``content_type`` and ``size`` (bytes) are those of
        the whole file.
    """
    boundary = f"{secrets.randbelow(10**20):020}"
    segments: list[Segment] = []
    for positions in ranges:
        head = f"Content-Type: {content_type}\r\nContent-Range: {content_range(positions, size)}"
        segments += [f"\r\n--{boundary}\r\n{head}\r\n\r\n".encode(), positions]
    return boundary, [*segments, f"\r\n--{boundary}--\r\n".encode()]


def content_range(positions: range, size: int) -> str:
    """Return the Content-Range of some positions (RFC 9110, section 14.4)."""
    return f"bytes {positions.start}-{positions.stop - 1}/{size}"


class Body:
    """
    Segments one after the other, in chunks; closes the file at the end.

    Raises ``EOFError`` where the file has become shorter, so that the server breaks off and the
    client knows that it has not got all.
    """

    def __init__(self, file: File[bytes], segments: Sequence[Segment]) -> None:
        self._file = file
        self._segments = segments

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            if segment.start != position:  # a file that cannot seek is read from its start
                self._file.seek(segment.start)
            for start in range(segment.start, segment.stop, CHUNK_SIZE):
                yield from self._read(min(CHUNK_SIZE, segment.stop - start))
            position = segment.stop

    def _read(self, size: int) -> Iterator[bytes]:
        """Yield so many bytes, in the pieces in which the file gives them."""
        while size:
            chunk = self._file.read(size)
            if not chunk:
                raise EOFError(f"{self._file.name} has become shorter while it was sent.")
            size -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def stream(body: Body, *, is_async: bool) -> Any:
    """
    Return what a ``StreamingHttpResponse`` takes.

    What fits into a chunk is read at once, and the file closed: under ASGI to read a chunk is to
    change threads twice.
    """
    if len(body) > CHUNK_SIZE:
        return AsyncBody(body) if is_async else body
    content = b"".join(body)
    body.close()
    return _once(content) if is_async else [content]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class AsyncBody:
    """A `Body` that is read in threads, so that the event loop waits for no file."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.close = body.close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self._body)
        read = sync_to_async(lambda: list(islice(chunks, _AT_ONCE)), thread_sensitive=False)
        try:
            while some := await read():
                for chunk in some:
                    yield chunk
        finally:  # also where the client has gone away
            self.close()
