"""The URLs at which `serving.py` serves the same files in several ways."""

from __future__ import annotations

from django.conf import settings
from django.urls import path
from django.views import static

from inmemorystorage.serving import serve

urlpatterns = [
    path("memory/<path:name>", serve, {"alias": "memory"}),
    path("tmpfs/<path:name>", serve, {"alias": "tmpfs"}),
    path("static/<path:path>", static.serve, {"document_root": settings.MEDIA_ROOT}),
]
