"""The files of any storage over HTTP: in development, in live-server tests and in a browser."""

from .views import media_urlpatterns, serve

__all__ = ["media_urlpatterns", "serve"]
