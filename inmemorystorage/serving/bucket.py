"""
Answer the requests of browsers to an object store, whose URLs are moved to this site.

A URL of the service stays behind a prefix, with its host and its query. So the service gets what
was signed, and verifies signatures and their time limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from ..buckets.http import Request, Response
from ..exceptions import UnsupportedRequest

# Where the URLs of services begin on a site; the name of the service and the host follow.
PREFIX = "/_buckets/"

Answer = Callable[[str, Request], Response]


def moved_url(site: str, service: str, url: str) -> str:
    """
    Return the URL on a site for a URL of a service.

    :param site: the scheme and the host of the site: ``"http://localhost:8000"``.
    :param service: the name of the service: ``"s3"``.
    """
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{site}{PREFIX}{service}/{parts.netloc}{parts.path}{query}"


def own_url(url: str) -> str:
    """Return the URL of a service for one that `moved_url` returned; any other as it is."""
    _, found, rest = url.partition(PREFIX)
    return f"https://{rest.partition('/')[2]}" if found else url


@csrf_exempt
def serve_bucket(request: HttpRequest, answer: Answer) -> HttpResponseBase:
    """
    Answer a request to a service at its moved URL.

    Write ``re_path("^_buckets/", serve_bucket, {"answer": answer})`` in a URLconf.

    :param answer: called with the name of the service and the request at the service's own URL;
        returns the response. It may raise ``Http404``.

    A page of another site may use the URLs too: preflights and responses allow every origin, as a
    bucket does whose CORS rules allow all. A request that is not answered gets 501.

    Raises ``DisallowedHost`` for a host that ALLOWED_HOSTS does not have, and ``Http404`` for a URL
    that names no service and host.
    """
    request.get_host()
    service, host, path = _split(request.path_info)
    if request.method == "OPTIONS":
        response: HttpResponseBase = HttpResponse()
    else:
        received = _receive(request, f"https://{host}{path}")
        try:
            response = _respond(_moved_back(request, service, host, answer(service, received)))
        except UnsupportedRequest as error:
            response = HttpResponse(str(error), status=501, content_type="text/plain")
    _allow_origin(request, response)
    return response


def _split(path: str) -> tuple[str, str, str]:
    """Return the service, the host and the path on it that a path on the site names."""
    service, _, rest = path.removeprefix(PREFIX).partition("/")
    host, slash, path = rest.partition("/")
    if not (service and host and slash):
        raise Http404("The URL names no service and host.")
    return service, host, f"/{quote(path, safe='/~')}"


def _receive(request: HttpRequest, url: str) -> Request:
    """Return a request as it would be sent to the service."""
    query = request.META.get("QUERY_STRING", "")
    headers = {name.lower(): value for name, value in request.headers.items() if value}
    headers["host"] = urlsplit(url).netloc
    # read() instead of body: DATA_UPLOAD_MAX_MEMORY_SIZE limits the project's own forms.
    body = request.read()
    return Request(request.method or "", f"{url}?{query}" if query else url, headers, body)


def _moved_back(request: HttpRequest, service: str, host: str, response: Response) -> Response:
    """Return a response that names objects by their URLs on the site."""
    own = f"https://{host}"
    moved = moved_url(f"{request.scheme}://{request.get_host()}", service, own)
    headers, body = dict(response.headers), response.body
    location = headers.get("location", "")
    if location.startswith(f"{own}/"):
        headers["location"] = moved + location.removeprefix(own)
    # The end of an upload names the object in a document too.
    if request.method == "POST" and headers.get("content-type", "").startswith("application/"):
        body = body.replace(f"{own}/".encode(), f"{moved}/".encode())
        headers["content-length"] = str(len(body))
    return Response(response.status, headers, body, response.reset_after)


def _respond(answered: Response) -> HttpResponseBase:
    """Return a response as Django sends it."""
    response: HttpResponseBase
    if answered.reset_after is None:
        response = HttpResponse(answered.body, status=answered.status)
    else:
        response = StreamingHttpResponse(
            _reset(answered.body[: answered.reset_after]), status=answered.status
        )
    del response.headers["Content-Type"]
    for name, value in answered.headers.items():
        response.headers[name] = value
    return response


def _reset(content: bytes) -> Iterator[bytes]:
    yield content
    raise ConnectionResetError("The connection was reset in the middle of the response.")


def _allow_origin(request: HttpRequest, response: HttpResponseBase) -> None:
    """Let a page of another site send the request, and read the response with its headers."""
    if "Origin" not in request.headers:
        return
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "*"
    patch_vary_headers(response, ["Origin"])
    wanted = request.headers.get("Access-Control-Request-Method")
    if wanted:
        response.headers["Access-Control-Allow-Methods"] = wanted
        asked = request.headers.get("Access-Control-Request-Headers", "")
        response.headers["Access-Control-Allow-Headers"] = asked
