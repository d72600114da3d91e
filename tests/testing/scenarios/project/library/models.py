import os

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import models

from .storages import OverwritingStorage, TenantStorage, choose

# Kept where only this module knows them.
KEPT = {"reports": FileSystemStorage(os.path.join(settings.BASE_DIR, "reports"))}
tagged = FileSystemStorage()
tagged.tag = "made with the models"
# What a module takes from the settings while the project is set up.
MEDIA_ROOT = settings.MEDIA_ROOT


class ThumbnailField(models.FileField):
    """Holds storages that Django does not know."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.thumbnail_storage = FileSystemStorage(os.path.join(settings.BASE_DIR, "thumbnails"))
        self.storages = [self.thumbnail_storage]


class Document(models.Model):
    file = models.FileField(upload_to="documents", blank=True)
    project = models.FileField(storage=choose, blank=True)
    overwriting = models.FileField(storage=OverwritingStorage(), blank=True)
    tenant = models.FileField(storage=TenantStorage(), blank=True)
    private = models.FileField(
        storage=FileSystemStorage(location=settings.PRIVATE_ROOT, base_url="/private/"), blank=True
    )
    nested = models.FileField(
        storage=FileSystemStorage(location=os.path.join(settings.MEDIA_ROOT, "nested")), blank=True
    )
    with_thumbnail = ThumbnailField(blank=True)
