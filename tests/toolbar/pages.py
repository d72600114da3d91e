"""Pages that do what a test wants."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

PAGE = "<html><body>{}</body></html>"


class Site:
    """What the pages do; both are called with the request."""

    view: Any = None
    aview: Any = None


def page(request: HttpRequest) -> HttpResponse:
    """Answer with what the test's view returns."""
    return HttpResponse(PAGE.format(Site.view(request)))


async def async_page(request: HttpRequest) -> HttpResponse:
    """Answer with what the test's asynchronous view returns."""
    return HttpResponse(PAGE.format(await Site.aview(request)))
