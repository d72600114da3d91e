"""A model with files on the default storage, on the field's own, and on a callable's."""

from __future__ import annotations

from django.core.files.storage import Storage
from django.db import models

from inmemorystorage import InMemoryStorage


def choose_storage() -> Storage:
    """Return the storage that a field's callable chooses."""
    return InMemoryStorage(base_url="/chosen/")


class Upload(models.Model):
    """A file, a picture that keeps its dimensions, and files on other storages."""

    file = models.FileField(upload_to="files/%Y", blank=True)
    picture = models.ImageField(
        upload_to="pictures", blank=True, width_field="width", height_field="height"
    )
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    own = models.FileField(storage=InMemoryStorage(base_url="/own/"), blank=True)
    chosen = models.FileField(storage=choose_storage, blank=True)
