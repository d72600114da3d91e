"""Serve the files of any storage over HTTP, in development and in live-server tests."""

from .views import media_urlpatterns, serve

__all__ = ["media_urlpatterns", "serve"]
