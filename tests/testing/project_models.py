"""Models of a generated project, whose storages are not in memory."""

from django.core.files.storage import FileSystemStorage, storages
from django.db import models
from django.utils.deconstruct import deconstructible


@deconstructible
class Overwriting(FileSystemStorage):
    def get_available_name(self, name, max_length=None):
        return name


def choose():
    return storages["default"]


class Upload(models.Model):
    default = models.FileField()
    disk = models.FileField(storage=FileSystemStorage(location="/nowhere"))
    derived = models.FileField(storage=Overwriting(base_url="/o/"))
    chosen = models.FileField(storage=choose)
