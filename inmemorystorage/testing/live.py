"""Let live servers serve files in memory, and answer at the URLs of buckets in memory."""

from __future__ import annotations

import functools
from typing import Any
from unittest import mock

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import get_path_info
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.test import testcases

from ..buckets.http import Request, Response
from ..serving.bucket import PREFIX, serve_bucket
from ..serving.media import serve_media
from . import live_servers
from .bucket_floor import BucketFloor
from .tools import TestTool

# The key under which a request has the handler of its connection.
_CONNECTION = "inmemorystorage.connection"


class serve_live_media(TestTool):
    """
    Let Django's live servers serve files in memory at MEDIA_URL, and buckets in memory.

    That applies to ``LiveServerTestCase``, ``StaticLiveServerTestCase`` and pytest-django's
    ``live_server``. They look for other files on the disk, as without the tool. While one runs, the
    URLs of storages on buckets, and those that their clients sign, are URLs of the server.
    """

    def __init__(self) -> None:
        super().__init__()
        self._patches: list[list[Any]] = []

    def enable(self) -> None:
        """Begin; servers that run already serve files alone."""
        handler: Any = testcases._MediaFilesHandler
        patches = [
            _patch(testcases.LiveServerThread, "run", _run),
            _patch(testcases.QuietWSGIRequestHandler, "get_environ", _get_environ),
            _patch(handler, "__call__", _call),
            _patch(handler, "_should_handle", _should_handle),
            _patch(handler, "get_response", _get_response),
            _patch(handler, "serve", _serve),
        ]
        for patch in patches:
            patch.start()
        self._patches.append(patches)

    def disable(self) -> None:
        """Restore the servers."""
        for patch in self._patches.pop():
            patch.stop()


def _patch(cls: Any, name: str, replacement: Any) -> Any:
    """Return a patch that calls ``replacement`` with the method, the object and the arguments."""
    original = getattr(cls, name)

    @functools.wraps(original)
    def wrapper(*args: Any) -> Any:
        return replacement(original, *args)

    return mock.patch.object(cls, name, wrapper)


def _run(run: Any, thread: Any) -> None:
    with live_servers.running(thread):
        run(thread)


def _get_environ(get: Any, connection: Any) -> dict[str, Any]:
    environ: dict[str, Any] = get(connection)
    environ[_CONNECTION] = connection
    if get_path_info(environ).startswith(PREFIX) and "content-type" not in connection.headers:
        environ["CONTENT_TYPE"] = ""  # wsgiref invents one
    return environ


def _call(call: Any, handler: Any, environ: dict[str, Any], start_response: Any) -> Any:
    host = environ.get("HTTP_HOST")
    with live_servers.answering(f"{environ['wsgi.url_scheme']}://{host}" if host else ""):
        return call(handler, environ, start_response)


def _should_handle(should: Any, handler: Any, path: str) -> bool:
    return path.startswith(PREFIX) or should(handler, path)


def _get_response(get: Any, handler: Any, request: HttpRequest) -> Any:
    if not request.path_info.startswith(PREFIX):
        return get(handler, request)
    connection = request.META[_CONNECTION]

    def answer(service: str, received: Request) -> Response:
        try:
            response = answer_service(service, received)
        except (ConnectionResetError, TimeoutError) as error:
            connection.close_connection = True
            raise ConnectionResetError from error  # the server closes without an answer
        connection.close_connection |= response.reset_after is not None
        return response

    try:
        return serve_bucket(request, answer)
    except (Http404, SuspiciousOperation) as error:
        return response_for_exception(request, error)


def _serve(serve_from_disk: Any, handler: Any, request: HttpRequest) -> HttpResponseBase:
    try:
        return serve_media(request)
    except (PermissionDenied, SuspiciousOperation) as error:
        return response_for_exception(request, error)
    except Http404:
        response: HttpResponseBase = serve_from_disk(handler, request)
        return response


def answer_service(service: str, request: Request) -> Response:
    """Return the response of a service's floor; raise ``Http404`` if none is active."""
    for floor in reversed(BucketFloor.active):
        if floor.service.name == service:
            floor.make_named()
            return floor.answer(request, floor.endpoint_of(request))
    raise Http404(f"No buckets in memory stand for {service!r}.")
