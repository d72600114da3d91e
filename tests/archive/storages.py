"""Storages like a project's own, which no test may use."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import FileSystemStorage, Storage, storages
from django.utils.deconstruct import deconstructible
from django.utils.functional import SimpleLazyObject

NOWHERE = "/nowhere/that/can/be/written"


@deconstructible
class RemoteStorage(Storage):
    """A storage that needs the network for each operation."""

    def __init__(self, bucket: str = "bucket") -> None:
        self.bucket = bucket

    def fail(self, *args: Any, **kwargs: Any) -> Any:
        """Fail a test that uses the storage."""
        raise AssertionError(f"the network is used for {args}")

    @property
    def client(self) -> Any:
        """Return a connection."""
        return self.fail()

    _open = _save = delete = exists = listdir = size = url = fail


class SignedStorage(FileSystemStorage):
    """A disk with a project's changes: signed URLs, and overwriting of taken names."""

    def __init__(self, tenant: str = "private", **options: Any) -> None:
        super().__init__(location=f"{NOWHERE}/{tenant}", **options)

    def url(self, name: str | None) -> str:
        """Return a URL with a signature."""
        return f"{super().url(name)}?signed"

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name, after deleting its file."""
        self.delete(name)
        return name


class PlainStorage(Storage):
    """A storage that no migration can contain."""


class LocatedStorage(FileSystemStorage):
    """A disk at the location that STORAGES gives it."""


def choose() -> Storage:
    """Return the storage that a field's callable chooses."""
    return storages["remote"]


shared = FileSystemStorage(location=f"{NOWHERE}/shared")
# Resolved when it is first used.
lazy: Any = SimpleLazyObject(lambda: storages["private"])
