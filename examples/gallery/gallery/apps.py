"""The gallery's Django app."""

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Connect what happens to files when pictures come and go."""

    name = "gallery"

    def ready(self) -> None:
        """Import the receivers, which need the models to be loaded."""
        from . import files  # noqa: F401
