"""Every storage of a project replaced by one in memory, and put back."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage, default_storage, storages
from django.core.signals import setting_changed
from django.db.models import FileField, Model
from django.db.models.signals import class_prepared
from django.test.utils import override_settings
from django.utils.functional import LazyObject, empty

from .isolation import isolate_storages
from .replacement import InMemoryFileSystemStorage, replace_storage
from .tools import TestTool

STATICFILES = "staticfiles"


class override_storages(TestTool):
    """
    Put a storage in memory in the place of every storage of the project.

    Replaced are all aliases of STORAGES but ``staticfiles``, ``default_storage``, the storage of
    each file field, and what ``storages.create_storage()`` makes meanwhile; each by what
    `replace_storage` says. What shared one storage shares one. MEDIA_ROOT is a private directory
    at which the files of the replacements are found, and in which others may write. At the end
    all is put back, and the files are gone.

    :param chosen: storages to use for some aliases, or for the fields named
        ``"app.Model.field"``; ``None`` for the usual replacement, also for ``staticfiles``.

    Raises ``ImproperlyConfigured`` for a name that is neither. A context manager (``with`` and
    ``async with``), a decorator of functions, coroutines and classes.
    """

    def __init__(self, chosen: Mapping[str, Storage | None] | None = None) -> None:
        super().__init__()
        self._chosen = dict(chosen or {})
        self._exits: list[contextlib.ExitStack] = []

    def enable(self) -> None:
        """Replace all storages."""
        _check_names(self._chosen)
        replacements = Replacements(self._chosen)
        with contextlib.ExitStack() as stack:
            stack.enter_context(isolate_storages())
            stack.enter_context(private_media_root())
            stack.enter_context(replaced_aliases(replacements))
            stack.enter_context(replaced_fields(replacements))
            self._exits.append(stack.pop_all())

    def disable(self) -> None:
        """Put all storages back."""
        self._exits.pop().close()


class Replacements:
    """
    Which storage stands in the place of which: one for each.

    :param chosen: those that the caller wants, by alias or field.
    """

    def __init__(self, chosen: Mapping[str, Storage | None]) -> None:
        self.names = {*chosen}
        self.chosen = {name: storage for name, storage in chosen.items() if storage is not None}
        # The replaced are kept, or another object might get the identity of one.
        self._by_identity: dict[int, tuple[Storage, Storage]] = {}
        self._by_parameters: list[tuple[dict[str, Any], Storage]] = []

    def of(self, storage: Storage) -> Storage:
        """Return what stands in the place of ``storage``."""
        storage = _unwrapped(storage)
        if id(storage) not in self._by_identity:
            self._by_identity[id(storage)] = storage, replace_storage(storage)
        return self._by_identity[id(storage)][1]

    def of_parameters(self, parameters: dict[str, Any], storage: Storage) -> Storage:
        """Return what stands in the place of a storage that was made of an entry of STORAGES."""
        for known, replacement in self._by_parameters:
            if known == parameters:
                return replacement
        self._by_parameters.append((parameters, self.of(storage)))
        return self.of(storage)


def _unwrapped(storage: Any) -> Storage:
    if isinstance(storage, LazyObject):
        bool(storage)  # have it find what it stands for
        storage = storage.__dict__["_wrapped"]
    return cast("Storage", storage)


@contextlib.contextmanager
def private_media_root() -> Iterator[None]:
    """Make MEDIA_ROOT the directory at which storages in memory lend the paths of its files."""
    borrower = InMemoryFileSystemStorage()
    location: Any = borrower.location
    if isinstance(settings.MEDIA_ROOT, os.PathLike):
        location = Path(location)
    with override_settings(MEDIA_ROOT=location):
        yield


@contextlib.contextmanager
def replaced_aliases(replacements: Replacements) -> Iterator[None]:
    """Have ``storages``, and the objects that stand for some of them, give replacements."""
    handler: Any = storages
    create_storage = handler.create_storage

    def stays(parameters: dict[str, Any]) -> bool:
        is_of_staticfiles = parameters is handler.backends.get(STATICFILES)
        return is_of_staticfiles and STATICFILES not in replacements.names

    def create_replacement(parameters: dict[str, Any]) -> Storage:
        storage: Storage = create_storage(parameters)
        return storage if stays(parameters) else replacements.of_parameters(parameters, storage)

    def follow(**kwargs: Any) -> None:
        handler._storages.update(aliases)

    existing = {}
    for alias, storage in handler._storages.items():
        parameters = handler.backends[alias]
        is_replaced = not stays(parameters)
        existing[alias] = (
            replacements.of_parameters(parameters, storage) if is_replaced else storage
        )
    aliases = {name: each for name, each in replacements.chosen.items() if "." not in name}
    with contextlib.ExitStack() as stack:
        stack.enter_context(attribute(handler, "create_storage", create_replacement))
        stack.enter_context(attribute(handler, "_storages", existing | aliases))
        for lazy in _lazy_storages():
            stack.enter_context(attribute(lazy, "_wrapped", empty))
        setting_changed.connect(follow)
        stack.callback(setting_changed.disconnect, follow)
        yield


def _lazy_storages() -> list[Any]:
    static: Any = sys.modules.get("django.contrib.staticfiles.storage")
    return [default_storage] if static is None else [default_storage, static.staticfiles_storage]


@contextlib.contextmanager
def attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an object an attribute of its own for a while."""
    before = {key: value for key, value in vars(owner).items() if key == name}
    vars(owner)[name] = value
    try:
        yield
    finally:
        vars(owner).pop(name, None)
        vars(owner).update(before)


@contextlib.contextmanager
def replaced_fields(replacements: Replacements) -> Iterator[None]:
    """Have each file field use a replacement, those of models that come later too."""
    with contextlib.ExitStack() as stack:

        def replace(sender: type[Model], **kwargs: Any) -> None:
            for field in file_fields(sender):
                storage = replacements.chosen.get(field_label(sender, field))
                if storage is None and field.storage is not default_storage:
                    storage = replacements.of(field.storage)
                if storage is not None:
                    # Migrations are about the storage that the project names.
                    if "_storage_callable" not in vars(field):
                        stack.enter_context(attribute(field, "_storage_callable", field.storage))
                    stack.enter_context(attribute(field, "storage", storage))

        for model in apps.get_models(include_auto_created=True, include_swapped=True):
            replace(model)
        class_prepared.connect(replace)
        stack.callback(class_prepared.disconnect, replace)
        yield


def file_fields(model: type[Model]) -> list[Any]:
    """Return the file fields that a model has itself, not from a model that it extends."""
    fields = [*model._meta.local_fields, *model._meta.private_fields]
    return [field for field in fields if isinstance(field, FileField)]


def field_label(model: type[Model], field: Any) -> str:
    """Return ``app.Model.field``."""
    return f"{model._meta.label}.{field.name}"


def _check_names(names: Mapping[str, Any]) -> None:
    models = apps.get_models(include_auto_created=True, include_swapped=True)
    fields = {field_label(model, field) for model in models for field in file_fields(model)}
    known = {*storages.backends, *fields}
    for name in names:
        if name not in known:
            raise ImproperlyConfigured(
                f"{name!r} is neither an alias of STORAGES nor a file field. There are: "
                f"{', '.join(sorted(known))}."
            )
