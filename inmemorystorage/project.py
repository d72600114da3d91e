"""The storages of a project, each with its label."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, Storage, default_storage, storages
from django.db.models import FileField, Model
from django.utils.functional import LazyObject, empty


def unwrap(storage: Any) -> Storage:
    """Return the storage of a lazy object, which makes it; return any other storage as it is."""
    if isinstance(storage, LazyObject):
        bool(storage)  # makes the lazy object set _wrapped
    return cast("Storage", made_storage(storage))


def made_storage(storage: Any) -> Storage | None:
    """Return the storage of a lazy object, or ``None`` if it is not made yet."""
    while isinstance(storage, LazyObject):  # also one of another lazy object
        storage = storage.__dict__["_wrapped"]
    return None if storage is empty else cast("Storage", storage)


def labelled_storages() -> Iterator[tuple[str, Storage]]:
    """
    Yield the storages that exist in a project, once for each label of a storage.

    A label is an alias of STORAGES, or ``app.Model.field``; a layer that a `FallbackStorage` writes
    to has the label ``label.backends[0]``. No storage is made: a lazy one exists once it was used,
    or after `make_field_storages`.
    """
    for label, named in _named_storages():
        storage = made_storage(named)
        if storage is not None:
            yield label, storage
            yield from labelled_layers(label, storage)


def labelled_layers(label: str, storage: Storage) -> Iterator[tuple[str, Storage]]:
    """Yield the layers that a `FallbackStorage` writes to; none for any other storage."""
    # Asked of the class: an instance may be a proxy or a mock, which has any attribute.
    if hasattr(type(storage), "written_layers"):
        for position, layer in cast("Any", storage).written_layers:
            yield f"{label}.backends[{position}]", layer


def storage_layers(storage: Storage) -> Iterator[Storage]:
    """Yield the storages in which a `FallbackStorage` looks; any other storage itself."""
    if hasattr(type(storage), "written_layers"):
        for layer in cast("Any", storage).layers:
            yield from storage_layers(layer)
    else:
        yield storage


def _named_storages() -> Iterator[tuple[str, Any]]:
    yield from [*vars(storages)["_storages"].items()]
    yield "default", default_storage
    for label, field in labelled_fields():
        yield label, field.storage


def make_field_storages() -> None:
    """Make the lazy storages of file fields."""
    for _, field in labelled_fields():
        # The alias is not in STORAGES, or its client is not installed.
        with contextlib.suppress(InvalidStorageError, ImproperlyConfigured):
            unwrap(field.storage)


def labelled_fields() -> Iterator[tuple[str, Any]]:
    """Yield all file fields of the project, each with its label."""
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        for field in file_fields(model):
            yield field_label(model, field), field


def file_fields(model: type[Model]) -> list[Any]:
    """Return the file fields that a model defines itself, without inherited ones."""
    fields = [*model._meta.local_fields, *model._meta.private_fields]
    return [field for field in fields if isinstance(field, FileField)]


def field_label(model: type[Model], field: Any) -> str:
    """Return ``app.Model.field``."""
    return f"{model._meta.label}.{field.name}"
