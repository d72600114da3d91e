"""The answer to a request for a file: which status, which headers and which bytes."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import parse_http_date_safe

from .bodies import Body, Segment, content_range, multipart, stream
from .ranges import parse_range
from .representation import Representation, content_headers

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
