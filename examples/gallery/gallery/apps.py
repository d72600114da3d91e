"""The gallery's Django app."""

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Connect the receivers that create and delete files with pictures."""

    name = "gallery"

    def ready(self) -> None:
        """Import the receivers, which need the models to be loaded."""
        from . import files  # noqa: F401
