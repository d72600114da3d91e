"""Measure what the panel of django-debug-toolbar costs a page, where it is on and where it is off.

Run `python benchmarks/toolbar.py`. Times are medians of rounds, of processor time; all contestants
take turns in each round. A page calls exists() on an InMemoryStorage, 20 calls deep in a view.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import django
from django.conf import settings
from django.core.files.storage import Storage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import include, path
from harness.report import table
from kit import compare

from inmemorystorage import InMemoryStorage

PANEL = "inmemorystorage.toolbar.StoragePanel"
STORAGE = InMemoryStorage()
DEPTH = 20


def page(request: HttpRequest, depth: int = DEPTH) -> HttpResponse:
    """Ask for a file as often as the request wants."""
    if depth:
        return page(request, depth - 1)
    for _ in range(int(request.GET["operations"])):
        STORAGE.exists("a")
    return HttpResponse("<html><body></body></html>")


urlpatterns: list[Any] = [path("", page)]


def configure() -> None:
    """Configure a site with the toolbar, shown to clients on this machine."""
    settings.configure(
        DEBUG=True,
        INSTALLED_APPS=["django.contrib.staticfiles", "debug_toolbar"],
        INTERNAL_IPS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        STATIC_URL="/static/",
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
        DEBUG_TOOLBAR_PANELS=[PANEL],
    )
    django.setup()
    urlpatterns.append(path("__debug__/", include("debug_toolbar.urls")))


def contestants(operations: int) -> dict[str, Callable[[], object]]:
    """Return a page without the toolbar, and with the toolbar and the panel off and on."""
    from debug_toolbar.middleware import DebugToolbarMiddleware

    toolbar = DebugToolbarMiddleware(page)

    def visit(get_response: Callable[[HttpRequest], object], ip: str, cookie: str) -> None:
        requests = RequestFactory(REMOTE_ADDR=ip, HTTP_COOKIE=cookie)
        get_response(requests.get("/", {"operations": operations}))
        assert not hasattr(Storage.save, "__wrapped__")

    on, off = (f"djdt{PANEL.rpartition('.')[2]}={value}" for value in ("on", "off"))
    return {
        "no toolbar": partial(visit, page, "127.0.0.1", on),
        "toolbar not shown": partial(visit, toolbar, "10.0.0.1", on),
        "panel off": partial(visit, toolbar, "127.0.0.1", off),
        "panel on": partial(visit, toolbar, "127.0.0.1", on),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--operations", type=int, default=200)
    options = parser.parse_args(arguments)
    if not settings.configured:
        configure()
    few, many = (
        compare(contestants(count), options.rounds, 5) for count in (0, options.operations)
    )
    rows = [
        [label, f"{none:,.0f}", f"{(some - none) / options.operations:,.2f}"]
        for label, none, some in zip(contestants(0), few, many, strict=True)
    ]
    print(table(["", "a page without operations, µs", "an operation, µs"], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
