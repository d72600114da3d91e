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
    """Return the storage of a lazy object; return any other storage as it is."""
    if isinstance(storage, LazyObject):
        bool(storage)  # makes the lazy object set _wrapped
        storage = storage.__dict__["_wrapped"]
    return cast("Storage", storage)


def labelled_storages(*, resolves: bool = True) -> Iterator[tuple[str, Storage]]:
    """
    Yield the storages that exist in a project, once for each label of a storage.

    A label is an alias of STORAGES, or ``app.Model.field``; a layer that a `FallbackStorage` writes
    to has the label ``label.backends[0]``.

    :param resolves: whether fields make lazy storages that do not exist yet.
    """
    for label, storage in _named_storages(resolves):
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


def _named_storages(resolves: bool) -> Iterator[tuple[str, Storage]]:
    aliases = [*vars(storages)["_storages"].items(), ("default", vars(default_storage)["_wrapped"])]
    yield from ((alias, storage) for alias, storage in aliases if storage is not empty)
    for label, field in labelled_fields():
        if not resolves and vars(field.storage).get("_wrapped") is empty:
            continue
        # The alias is not in STORAGES, or its client is not installed.
        with contextlib.suppress(InvalidStorageError, ImproperlyConfigured):
            yield label, unwrap(field.storage)


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
