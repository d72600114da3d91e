"""The files of any storage over HTTP: in development, in live-server tests and in a browser."""

from .urls import media_urlpatterns
from .views import serve

__all__ = ["media_urlpatterns", "serve"]
