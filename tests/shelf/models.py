"""Models that inherit their file fields, hide their rows, and share storages."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from inmemorystorage import InMemoryStorage


def make_box() -> InMemoryStorage:
    """Return a storage that shares its files with all that this function returns."""
    return InMemoryStorage(location="/box", behaves_like="filesystem")


def below_pages(instance: models.Model, filename: str) -> str:
    """Return a name that depends on the row."""
    return f"maps/{type(instance).__name__}/{filename}"


class Hiding(models.Manager[Any]):
    """A manager that hides all rows."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Return no rows."""
        return super().get_queryset().none()


class Covered(models.Model):
    """A model that others inherit."""

    class Meta:
        """Create no table."""

        abstract = True

    cover = models.FileField(storage=make_box(), blank=True)


class Book(Covered):
    """A model with an inherited field."""

    class Meta:
        """Hide the rows from Django's own queries too."""

        base_manager_name = "hiding"

    text = models.FileField(blank=True)
    hiding = Hiding()
    objects = models.Manager()


class Atlas(Book):
    """A model that extends another, in a second table."""

    maps = models.FileField(storage=make_box, upload_to=below_pages, blank=True)


class Reprint(Book):
    """A proxy."""

    class Meta:
        """Use the parent's table."""

        proxy = True


class Note(models.Model):
    """A model whose rows are deleted with those of another, and whose keys are in no order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    book = models.ForeignKey(Book, on_delete=models.CASCADE, null=True)
    scan = models.ImageField(upload_to="scans/%Y", default="blank.png")
