"""URLs of the pages, of the toolbar, and of files."""

from __future__ import annotations

from django.urls import include, path
from toolbar.pages import async_page, page

from inmemorystorage.serving import media_urlpatterns

urlpatterns = [
    path("", page),
    path("async/", async_page),
    path("__debug__/", include("debug_toolbar.urls")),
    *media_urlpatterns(debug_only=False),
]
