"""Models whose file fields get their storages in every possible way."""

from __future__ import annotations

from django.core.files.storage import FileSystemStorage, storages
from django.db import models

from .storages import NOWHERE, RemoteStorage, SignedStorage, choose, lazy, shared


class Base(models.Model):
    """A model that others inherit."""

    class Meta:
        """Create no table."""

        abstract = True

    inherited = models.FileField(storage=FileSystemStorage(location=f"{NOWHERE}/inherited"))


class Document(Base):
    """A model with a field for each way."""

    default = models.FileField()
    one = models.FileField(storage=shared)
    two = models.ImageField(storage=shared)
    same_place = models.FileField(storage=FileSystemStorage(location=f"{NOWHERE}/shared"))
    remote = models.FileField(storage=RemoteStorage())
    other_remote = models.FileField(storage=RemoteStorage())
    signed = models.FileField(storage=SignedStorage("tenant", base_url="/signed/"))
    chosen = models.FileField(storage=choose)
    alias = models.FileField(storage=storages["private"])
    lazy = models.FileField(storage=lazy)


class Letter(Document):
    """A model that extends another, in a second table."""

    scan = models.FileField(storage=RemoteStorage("scans"))


class Draft(Document):
    """A proxy."""

    class Meta:
        """Use the parent's table."""

        proxy = True
