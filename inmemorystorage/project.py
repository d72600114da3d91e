"""The storages of a project: where they are, and what they are called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.files.storage import InvalidStorageError, Storage, default_storage, storages
from django.db.models import FileField, Model
from django.utils.functional import empty

from .fallback import FallbackStorage, ReadOnlyStorage
from .lazy import unwrapped


def labelled_storages() -> Iterator[tuple[str, Storage]]:
    """
    Yield the storages that a project has made, each as often as there is a name for it.

    A name is an alias of STORAGES, or ``app.Model.field``; what a `FallbackStorage` of that name
    writes to is called ``name.backends[0]``.
    """
    for label, storage in _named_storages():
        yield label, storage
        yield from labelled_parts(label, storage)


def labelled_parts(label: str, storage: Storage) -> Iterator[tuple[str, Storage]]:
    """Yield the storages that a `FallbackStorage` writes to; none for any other storage."""
    backends = storage.backends if isinstance(storage, FallbackStorage) else []
    for position, backend in enumerate(backends):
        if not isinstance(backend, ReadOnlyStorage):
            yield f"{label}.backends[{position}]", backend


def _named_storages() -> Iterator[tuple[str, Storage]]:
    aliases = [*vars(storages)["_storages"].items(), ("default", vars(default_storage)["_wrapped"])]
    yield from ((alias, storage) for alias, storage in aliases if storage is not empty)
    for label, field in labelled_fields():
        with contextlib.suppress(InvalidStorageError):  # of an alias that there is not
            yield label, unwrapped(field.storage)


def labelled_fields() -> Iterator[tuple[str, Any]]:
    """Yield all file fields of the project, each with its label."""
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        for field in file_fields(model):
            yield field_label(model, field), field


def file_fields(model: type[Model]) -> list[Any]:
    """Return the file fields that a model has itself, not from a model that it extends."""
    fields = [*model._meta.local_fields, *model._meta.private_fields]
    return [field for field in fields if isinstance(field, FileField)]


def field_label(model: type[Model], field: Any) -> str:
    """Return ``app.Model.field``."""
    return f"{model._meta.label}.{field.name}"
