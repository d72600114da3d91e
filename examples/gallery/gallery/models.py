"""The pictures: public ones, and those of the private album."""

from django.conf import settings
from django.core.files.images import get_image_dimensions
from django.core.files.storage import Storage, storages
from django.db import models
from django.urls import reverse
from django.utils import timezone
from easy_thumbnails.fields import ThumbnailerField

from .formats import is_video


class AbstractPicture(models.Model):
    """A picture or video with its title."""

    title = models.CharField(max_length=200)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the URL of the picture's own page."""
        return reverse(f"{self.section}:detail", args=[self.pk])

    @property
    def is_video(self) -> bool:
        """Return whether this is a video, which pages show with controls."""
        return is_video(self.file.name)

    @property
    def dimensions(self) -> tuple[int, int]:
        """Return the width and height of a picture in pixels, read from its file."""
        with self.file.open() as content:
            return get_image_dimensions(content)

    @property
    def older(self) -> "AbstractPicture | None":
        """Return the next older picture of the section."""
        return self._neighbor(self.get_previous_by_created)

    @property
    def newer(self) -> "AbstractPicture | None":
        """Return the next newer picture of the section."""
        return self._neighbor(self.get_next_by_created)

    def _neighbor(self, find) -> "AbstractPicture | None":
        try:
            return find()
        except type(self).DoesNotExist:
            return None


class Picture(AbstractPicture):
    """A public picture; its file is in the default storage."""

    section = "pictures"

    file = ThumbnailerField(upload_to="pictures", max_length=200)

    @property
    def is_of_directory(self) -> bool:
        """Return whether the file is in the directory of `--over`, which keeps a deleted file."""
        if settings.OVER is None:
            return False
        return self.file.storage.which(self.file.name) not in ("memory", None)


def private_storage() -> Storage:
    """Return the storage whose URLs are signed and expire."""
    return storages["private"]


class PrivatePicture(AbstractPicture):
    """A picture of the private album; its file and thumbnails are in the private storage."""

    section = "album"

    file = ThumbnailerField(
        upload_to="album",
        max_length=200,
        storage=private_storage,
        thumbnail_storage=private_storage(),
    )
