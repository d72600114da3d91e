"""Let live servers serve files in memory."""

from __future__ import annotations

from typing import Any
from unittest import mock

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.exception import response_for_exception
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.test import testcases

from ..serving.media import serve_media
from .tools import TestTool


class serve_live_media(TestTool):
    """
    Let Django's live servers serve files in memory at MEDIA_URL.

    That applies to ``LiveServerTestCase``, ``StaticLiveServerTestCase`` and pytest-django's
    ``live_server``. They look for other files on the disk, as without the tool.
    """

    def __init__(self) -> None:
        super().__init__()
        self._patches: list[Any] = []

    def enable(self) -> None:
        """Begin, also in servers that run already."""
        handler: Any = testcases._MediaFilesHandler
        serve_from_disk = handler.serve

        def serve(self: Any, request: HttpRequest) -> HttpResponseBase:
            try:
                return serve_media(request)
            except (PermissionDenied, SuspiciousOperation) as error:
                return response_for_exception(request, error)
            except Http404:
                response: HttpResponseBase = serve_from_disk(self, request)
                return response

        self._patches.append(mock.patch.object(handler, "serve", serve))
        self._patches[-1].start()

    def disable(self) -> None:
        """Restore the servers."""
        self._patches.pop().stop()
