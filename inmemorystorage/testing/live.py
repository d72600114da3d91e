"""Let live servers serve files in memory, and answer at the URLs of buckets in memory."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIHandler, get_path_info
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.test import testcases

from ..buckets.http import Request, Response
from ..serving.bucket import PREFIX, serve_bucket
from ..serving.media import serve_media
from . import live_servers
from .bucket_floor import BucketFloor
from .causes import Cause, caused_by
from .places import Line
from .tools import TestTool, method

# The key under which a request has the handler of its connection.
_CONNECTION = "inmemorystorage.connection"


class serve_live_media(TestTool):
    """
    Let Django's live servers serve files in memory at MEDIA_URL, and buckets in memory.

    That applies to ``LiveServerTestCase``, ``StaticLiveServerTestCase`` and pytest-django's
    ``live_server``. They look for other files on the disk, as without the tool. While one runs, the
    URLs of storages on buckets, and those that their clients sign, are URLs of the server.
    """

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Begin; servers that run already serve files alone."""
        stack.enter_context(method(testcases._MediaFilesHandler, "serve", _serve))
        stack.enter_context(method(testcases.LiveServerThread, "run", _run))
        stack.enter_context(method(WSGIServer, "set_app", _set_app))
        stack.enter_context(method(WSGIRequestHandler, "get_environ", _get_environ))


# Files.


def _serve(serve_from_disk: Any, handler: Any, request: HttpRequest) -> HttpResponseBase:
    try:
        return serve_media(request)
    except (PermissionDenied, SuspiciousOperation) as error:
        return response_for_exception(request, error)
    except Http404:
        response: HttpResponseBase = serve_from_disk(handler, request)
        return response


# Buckets.


def _run(run: Any, thread: Any) -> None:
    with live_servers.running(thread):
        run(thread)


def _set_app(set_app: Any, server: Any, application: Any) -> None:
    set_app(server, _BucketHandler(application))


def _get_environ(get: Any, connection: Any) -> dict[str, Any]:
    environ: dict[str, Any] = get(connection)
    environ[_CONNECTION] = connection
    if "content-type" not in connection.headers:
        environ["CONTENT_TYPE"] = ""  # wsgiref invents one
    return environ


class _BucketHandler(WSGIHandler):
    """
    Answer at the URLs of buckets, and pass other requests to an application.

    It notes the site of each request, so that the URLs on its pages are of the same origin.
    """

    def __init__(self, application: Any) -> None:
        self._application = application  # it has no middleware to load

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        is_bucket = get_path_info(environ).startswith(PREFIX)
        answer = super().__call__ if is_bucket else self._application
        host = environ.get("HTTP_HOST")
        with live_servers.answering(f"{environ['wsgi.url_scheme']}://{host}" if host else ""):
            return answer(environ, start_response)

    def get_response(self, request: HttpRequest) -> Any:
        """Return the response of the bucket."""
        try:
            return serve_bucket(request, functools.partial(_answer, request.META[_CONNECTION]))
        except (Http404, SuspiciousOperation) as error:
            return response_for_exception(request, error)


def _answer(connection: Any, service: str, request: Request) -> Response:
    """Return the response of a service's floor; close the connection if it is to be reset."""
    floors = {floor.service.name: floor for floor in BucketFloor.active}
    if service not in floors:
        raise Http404(f"No buckets in memory stand for {service!r}.")
    floor = floors[service]
    # The browser is the cause, at this URL: no line of the project is.
    cause = Cause(None, "", None, Line(f"{request.host}/{request.path}", 0, "a browser"))
    try:
        with caused_by(cause):
            response = floor.answer(request, floor.endpoint_of(request))
    except (ConnectionResetError, TimeoutError) as error:
        connection.close_connection = True
        raise ConnectionResetError from error  # the server closes without an answer
    connection.close_connection |= response.reset_after is not None
    return response
