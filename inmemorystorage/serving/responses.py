"""HTTP responses with files: conditions, ranges and bodies, by RFC 9110."""

from __future__ import annotations

import errno
import mimetypes
import os
import posixpath
import re
import secrets
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.exceptions import SuspiciousOperation
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe

from ..project import storage_layers
from ..storage import InMemoryStorage

# The content codings of RFC 9110, section 8.4.1, and br. Other compressions are types.
_CODINGS = {"br", "compress", "gzip"}
_COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}

# Characters that no header may contain.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

# For types whose scripts a browser runs: one user may upload them, and another one open them.
_SANDBOX = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"

# The errors of storages for a name that is not a file. Buckets raise FileNotFoundError without an
# errno, and so does Django's InMemoryStorage FileExistsError, for a name below a file.
_MISSING = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
_MISSING_ERRNOS = {errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP, errno.ENXIO}


@dataclass(frozen=True)
class Representation:
    """
    An open file, with what HTTP says about it.

    :param size: in bytes.
    :param modified: seconds since the epoch; ``None`` if the storage knows no times.
    """

    file: File[bytes]
    name: str
    size: int
    modified: float | None

    @property
    def etag(self) -> str | None:
        """
        Return a strong entity tag (RFC 9110, section 8.8.3).

        It changes with each change that the storage's clock can distinguish from the previous one.
        """
        if self.modified is None:
            return None
        return f'"{int(self.modified * 1_000_000):x}-{self.size:x}"'

    @property
    def last_modified(self) -> int | None:
        """Return when the file was modified, in whole seconds since the epoch."""
        return None if self.modified is None else int(self.modified)

    def validators(self) -> dict[str, str]:
        """Return the headers that distinguish the states of a file (RFC 9110, section 8.8)."""
        if self.modified is None:
            return {}
        return {"ETag": str(self.etag), "Last-Modified": http_date(self.modified)}


def open_representation(storage: Storage, name: str) -> Representation:
    """Open a file of any storage; raise ``Http404`` if it does not exist."""
    try:
        if not _is_normalized(name):
            raise ValueError(f"{name!r} is not normalized.")
        # The time first: if the file is replaced before open(), the new content gets an old entity
        # tag, which no later response has.
        modified = _modified(storage, name)
        file = _open_regular(storage, name)
        try:
            return Representation(file, name, file.size, modified)
        except BaseException:
            file.close()
            raise
    except (OSError, ValueError, SuspiciousOperation) as error:
        if isinstance(error, OSError) and not _is_missing(error):
            raise
        raise Http404(f"The file {name!r} does not exist.") from error


def _open_regular(storage: Storage, name: str) -> File[bytes]:
    """
    Open a file that is a regular one, without waiting for a writer of a pipe.

    Raises ``OSError`` with an errno of `_MISSING_ERRNOS` for any other kind of file on a disk.
    """
    if _opens_its_path(storage):
        return _sized(open(storage.path(name), "rb", opener=_open_at_once))
    for layer in layers_on_disk(storage):
        _refuse_special(layer.path(name))
    return storage.open(name)


def _opens_its_path(storage: Any) -> bool:
    """Return whether the storage opens the file at ``path()``, as ``FileSystemStorage`` does."""
    model: Any = FileSystemStorage
    methods = [getattr(method, "__func__", None) for method in (storage.open, storage._open)]
    return methods == [model.open, model._open]


def _open_at_once(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    try:
        _refuse_special(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _sized(file: IO[bytes]) -> File[bytes]:
    """Return a file with its own size: ``File`` looks at what has the path now."""
    sized = File(file)
    sized.size = os.fstat(file.fileno()).st_size
    return sized


def _refuse_special(file: str | int) -> None:
    """Raise ``OSError`` with ``ENXIO`` for a pipe, a socket or a device, which may never end."""
    try:
        mode = os.stat(file).st_mode
    except OSError:  # open() will raise it
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), file)


def layers_on_disk(storage: Storage) -> Iterator[FileSystemStorage]:
    """Yield the storages on a disk in which a storage looks: itself, or some of its layers."""
    for layer in storage_layers(storage):
        if isinstance(layer, FileSystemStorage) and not isinstance(layer, InMemoryStorage):
            yield layer


def _is_normalized(name: str) -> bool:
    """Return whether a name is the only one for its file, because access is decided by name."""
    first = name.partition("/")[0]
    return posixpath.normpath(name) == name and first not in ("", "..") and "\\" not in name


def _is_missing(error: OSError) -> bool:
    return isinstance(error, _MISSING) or error.errno in _MISSING_ERRNOS


def _modified(storage: Storage, name: str) -> float | None:
    try:
        return storage.get_modified_time(name).timestamp()
    except NotImplementedError:
        return None
    except Exception:
        # A bucket raises its own errors for a missing file.
        if storage.exists(name):
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None


def content_headers(
    name: str, *, as_attachment: bool = False, sandbox: bool = True
) -> dict[str, str]:
    """
    Return the headers that depend on the name of a file.

    :param as_attachment: whether a browser saves the file instead of showing it.
    :param sandbox: whether HTML, SVG and other XML may run no script and load nothing.
    """
    base_name = posixpath.basename(name)
    # With a slash, or guess_type() takes a name such as data:text/html,x for a URL with a type.
    guessed, coding = mimetypes.guess_type(f"./{base_name}")
    # A browser undoes a coding before it saves a file.
    is_coded = coding in _CODINGS and not as_attachment
    content_type = guessed or "application/octet-stream"
    if coding and not is_coded:
        content_type = _COMPRESSED.get(coding, "application/octet-stream")
    file_name = _CONTROLS.sub("_", base_name)
    headers: dict[str, Any] = {
        "Content-Type": content_type,
        "Content-Encoding": coding if is_coded else None,
        "Content-Disposition": content_disposition_header(as_attachment, file_name),
        "Content-Security-Policy": _SANDBOX if sandbox and _is_active(content_type) else None,
        "X-Content-Type-Options": "nosniff",
    }
    return {header: value for header, value in headers.items() if value}


def _is_active(content_type: str) -> bool:
    return content_type.lower().endswith(("html", "xml", "xsl"))


# The headers of a response that has no content.
_NO_CONTENT = {"Content-Type": "text/plain", "X-Content-Type-Options": "nosniff"}


def respond(
    request: HttpRequest, representation: Representation, cache_control: str, **options: bool
) -> HttpResponseBase:
    """
    Return the response to a request for a file; a streaming response closes the file.

    :param cache_control: the value of Cache-Control.
    :param options: options of `content_headers`.
    """
    kept = {**representation.validators(), "Cache-Control": cache_control}
    preconditions = _evaluate_preconditions(request, representation, kept)
    if preconditions is not None:
        return preconditions
    size = representation.size
    ranges = _requested_ranges(request, representation)
    if ranges == []:
        unsatisfied = {"Content-Range": f"bytes */{size}", **_NO_CONTENT}
        return HttpResponse(status=416, headers=unsatisfied)
    headers = {**content_headers(representation.name, **options), **kept}
    if ranges is None:
        headers["Accept-Ranges"] = "bytes" if representation.file.seekable() else "none"
        return _respond_with(request, representation, 200, headers, [range(size)])
    # A middleware must not compress the response: its positions are those of the file.
    request.META.pop("HTTP_ACCEPT_ENCODING", None)
    segments = _describe_parts(ranges, size, headers)
    return _respond_with(request, representation, 206, headers, segments)


def _describe_parts(
    ranges: Sequence[range], size: int, headers: dict[str, str]
) -> Sequence[Segment]:
    """Add headers for the parts; return the segments of the body."""
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
    Return a 304 or a 412, or ``None`` to go on (RFC 9110, section 13.2.2, steps 1 to 4).

    :param kept: the headers of a 200 that a 304 has too (section 15.4.5).
    """
    response = get_conditional_response(request, representation.etag, representation.last_modified)
    if response is not None:
        for name, value in (kept if response.status_code == 304 else _NO_CONTENT).items():
            response[name] = value
    return response


def _requested_ranges(request: HttpRequest, representation: Representation) -> list[range] | None:
    """Return the result of `parse_range`, or ``None`` if the Range header is to be ignored."""
    header: str | None = request.headers.get("range")
    if header is None or request.method != "GET" or not _passes_if_range(request, representation):
        return None
    ranges = parse_range(header, representation.size)
    return ranges if not ranges or representation.file.seekable() else None


def _passes_if_range(request: HttpRequest, representation: Representation) -> bool:
    """Compare entity tags strongly, and dates for equality (RFC 9110, section 13.1.5)."""
    validator: str | None = request.headers.get("if-range")
    if validator is None:
        return True
    if validator.startswith(('"', "W/")):
        return validator == representation.etag
    date = parse_http_date_safe(validator)
    return date is not None and date == representation.last_modified


def _respond_with(
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


# ranges-specifier = range-unit "=" range-set; the unit is case-insensitive (14.1, 14.2).
_SPECIFIER = re.compile(r"bytes=(.*)", re.IGNORECASE).fullmatch
# int-range = first-pos "-" [ last-pos ], suffix-range = "-" suffix-length (14.1.1, 14.1.2).
_RANGE = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)").fullmatch
# Positions of more digits are past the end of every file; Python refuses to read very long ones.
_DIGITS = 18
# More ranges are an attack, or a mistake: each part adds headers to the response.
_MAX_RANGES = 100


def parse_range(header: str, size: int) -> list[range] | None:
    """
    Return the ranges that a Range header requests of a file with ``size`` bytes, in its order.

    ``None`` means that the header is to be ignored: it is malformed, has another unit, or requests
    more bytes than the file has or more than 100 ranges. RFC 9110, section 14.2 allows a server to
    ignore any. An empty list means that no range is in the file, which gives 416. Ranges that begin
    past the end are left out if others do not.
    """
    specifier = _SPECIFIER(header.strip(" \t"))
    ranges = None if specifier is None else _parse_set(specifier[1], size)
    if ranges is None or sum(map(len, ranges)) > size:
        return None
    if not size and any(each.start == 0 for each in ranges):
        return None  # the whole of an empty file
    return [each for each in ranges if each]


def _parse_set(range_set: str, size: int) -> list[range] | None:
    # A list may have empty elements, but not only those (5.6.1.2).
    elements = [element for each in range_set.split(",") if (element := each.strip(" \t"))]
    ranges = [_parse(element, size) for element in elements]
    valid = [each for each in ranges if each is not None]
    return valid if valid and len(valid) == len(elements) <= _MAX_RANGES else None


def _parse(element: str, size: int) -> range | None:
    """Return the range that one element requests, ``None`` if it is malformed."""
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


# Bytes that are read at once, and so are in memory for each download.
CHUNK_SIZE = 256 * 1024
# Chunks that a thread reads at once under ASGI: changing threads takes longer than reading one.
_CHUNKS_AT_ONCE = 4

Segment = bytes | range


def multipart(ranges: Sequence[range], content_type: str, size: int) -> tuple[str, list[Segment]]:
    """
    Return the boundary and the segments of a ``multipart/byteranges`` (RFC 9110, section 14.6).

    :param content_type: of the whole file.
    :param size: of the whole file, in bytes.
    """
    boundary = f"{secrets.randbelow(10**20):020}"
    segments: list[Segment] = []
    for positions in ranges:
        head = f"Content-Type: {content_type}\r\nContent-Range: {content_range(positions, size)}"
        segments += [f"\r\n--{boundary}\r\n{head}\r\n\r\n".encode(), positions]
    return boundary, [*segments, f"\r\n--{boundary}--\r\n".encode()]


def content_range(positions: range, size: int) -> str:
    """Return the Content-Range of a range (RFC 9110, section 14.4)."""
    return f"bytes {positions.start}-{positions.stop - 1}/{size}"


class Body:
    """
    The segments of a response, read in chunks.

    Raises ``EOFError`` if the file became shorter, so that the server closes the connection and the
    client knows that content is missing.
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
            if segment.start != position:  # an unseekable file is read from its start
                self._file.seek(segment.start)
            for start in range(segment.start, segment.stop, CHUNK_SIZE):
                yield from self._read(min(CHUNK_SIZE, segment.stop - start))
            position = segment.stop

    def _read(self, size: int) -> Iterator[bytes]:
        """Yield the next ``size`` bytes; a read may return fewer."""
        while size:
            chunk = self._file.read(size)
            if not chunk:
                raise EOFError(f"{self._file.name} became shorter while it was sent.")
            size -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def stream(body: Body, *, is_async: bool) -> Any:
    """
    Return the content of a ``StreamingHttpResponse``.

    A body that fits into a chunk is read at once, because under ASGI each read changes threads
    twice; then the file is closed.
    """
    if len(body) > CHUNK_SIZE:
        return AsyncBody(body) if is_async else body
    content = b"".join(body)
    body.close()
    return _once(content) if is_async else [content]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class AsyncBody:
    """A `Body` that is read in threads, so that it does not block the event loop."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.close = body.close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self._body)
        read = sync_to_async(lambda: list(islice(chunks, _CHUNKS_AT_ONCE)), thread_sensitive=False)
        try:
            while some := await read():
                for chunk in some:
                    yield chunk
        finally:  # even if the client disconnects
            self.close()
