"""Every storage of a project replaced by one in memory, and put back."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import (
    FileSystemStorage,
    InvalidStorageError,
    Storage,
    default_storage,
    storages,
)
from django.core.signals import setting_changed
from django.db.models import Model
from django.db.models.signals import class_prepared
from django.test.utils import override_settings
from django.utils.functional import empty
from django.utils.module_loading import import_string

from ..project import field_label, file_fields, unwrap
from .isolation import isolate_storages
from .places import check_name
from .replacement import IN_MEMORY, InMemoryFileSystemStorage, replace_storage
from .tools import TestTool, attribute

STATICFILES = "staticfiles"
# Django 4.2 and 5.0 override these along with STORAGES, and then leave out its OPTIONS.
_BEFORE_STORAGES = ("DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")


class override_storages(TestTool):
    """
    Replace every storage of the project by one in memory.

    Replaced are all aliases of STORAGES but ``staticfiles``, ``default_storage``, the storage of
    each file field, and what ``storages.create_storage()`` makes inside; each by what
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
        for name in self._chosen:
            check_name(name)
        with contextlib.ExitStack() as stack:
            stack.enter_context(isolate_storages())
            replacements = Replacements(self._chosen, stack)
            stack.enter_context(private_locations())
            replace_aliases(replacements)
            replace_fields(replacements)
            self._exits.append(stack.pop_all())

    def disable(self) -> None:
        """Put all storages back."""
        self._exits.pop().close()


class Replacements:
    """
    Turns storages into their replacements, in place, so that every reference sees the change.

    :param chosen: those that the caller wants, by alias or field.
    :param stack: what puts everything back.

    ``existing`` has the storages that ``storages`` had made before, by alias.
    """

    def __init__(self, chosen: Mapping[str, Storage | None], stack: contextlib.ExitStack) -> None:
        self.names = {*chosen}
        self.chosen = {name: storage for name, storage in chosen.items() if storage is not None}
        self.stack = stack
        self.existing: dict[str, Storage] = dict(vars(storages)["_storages"])
        self._by_parameters: list[tuple[dict[str, Any], Storage]] = []
        # What the caller has chosen, and what was turned into that.
        self._settled = [*self.chosen.values()]

    def choose(self, storage: Storage, chosen: Storage) -> None:
        """Turn a storage into one that the caller has chosen; that is settled."""
        self._settled.append(storage)
        self._turn(storage, chosen)

    def of(self, storage: Storage) -> None:
        """Turn a storage into its usual replacement, unless it is settled."""
        storage = unwrap(storage)
        if not any(storage is each for each in self._settled):
            self._turn(storage, replace_storage(storage))

    def of_parameters(self, parameters: dict[str, Any] | None, storage: Storage) -> Storage:
        """
        Do so with a storage that was made of an entry of STORAGES; one for equal entries.

        :param parameters: the entry, ``None`` for what was put among the storages by hand.
        """
        if parameters is None or isinstance(storage, IN_MEMORY):  # shares nothing with its like
            return self._turn(storage, replace_storage(storage))
        for known, replaced in self._by_parameters:
            if known == parameters:
                return replaced
        self._by_parameters.append((parameters, storage))
        return self._turn(storage, replace_storage(storage))

    def chosen_by(self, field: Any) -> Storage | None:
        """
        Return the chosen storage that the callable of a field gives now, if it does.

        What it has given before may be a storage that ``storages`` has forgotten since, as it does
        with all of them when settings change.
        """
        ask = vars(field).get("_storage_callable")
        if not self.chosen or not callable(ask):
            return None
        with contextlib.suppress(Exception):  # what it lacks here, it had when the model was made
            given = unwrap(ask())
            return next((each for each in self.chosen.values() if each is given), None)
        return None

    def _turn(self, storage: Storage, replacement: Storage) -> Storage:
        if vars(replacement) is not vars(storage):
            self.stack.enter_context(turned_into(storage, replacement))
        return storage

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        """Give an object an attribute of its own until all is put back."""
        self.stack.enter_context(attribute(owner, name, value))


@contextlib.contextmanager
def turned_into(storage: Storage, replacement: Storage) -> Iterator[None]:
    """
    Give one storage the class and the state of another for a block.

    Projects and libraries keep storages where nobody finds them, in globals of modules; so the
    object is changed, and not who refers to it. Migrations go on to see what it was.
    """
    before: Any = storage.__class__, storage.__dict__
    # The replacement follows the settings, and has the same state.
    follow: Any = getattr(storage, "_clear_cached_properties", None)
    follows = setting_changed.disconnect(follow)
    if hasattr(storage, "deconstruct"):
        described = storage.deconstruct()
        vars(replacement)["deconstruct"] = lambda: described
    try:
        storage.__class__ = type(replacement)
    except TypeError as error:
        raise ImproperlyConfigured(
            f"A {before[0].__name__} cannot be replaced by a storage in memory, since its class "
            "has __slots__. Take them from the class."
        ) from error
    storage.__dict__ = vars(replacement)
    try:
        yield
    finally:
        storage.__class__, storage.__dict__ = before
        if follows:
            setting_changed.connect(follow)


def replace_aliases(replacements: Replacements) -> None:
    """Make ``storages``, and the lazy objects of Django, return replacements."""
    handler: Any = storages
    create_storage = handler.create_storage
    chosen = {name: each for name, each in replacements.chosen.items() if "." not in name}

    def stays(parameters: dict[str, Any] | None) -> bool:
        is_of_staticfiles = parameters is handler.backends.get(STATICFILES) is not None
        return is_of_staticfiles and STATICFILES not in replacements.names

    def create_replacement(parameters: dict[str, Any]) -> Storage:
        storage: Storage = create_storage(parameters)
        return storage if stays(parameters) else replacements.of_parameters(parameters, storage)

    def follow(**kwargs: Any) -> None:
        handler._storages.update(chosen)

    for alias, storage in replacements.existing.items():
        parameters = handler.backends.get(alias)
        if alias in chosen:
            replacements.choose(storage, chosen[alias])
        elif not stays(parameters):
            replacements.of_parameters(parameters, storage)
    replacements.set_attribute(handler, "create_storage", create_replacement)
    replacements.set_attribute(handler, "_storages", replacements.existing | chosen)
    for lazy in lazy_storages():
        replacements.set_attribute(lazy, "_wrapped", empty)
    setting_changed.connect(follow, weak=False)
    replacements.stack.callback(setting_changed.disconnect, follow)


def replace_fields(replacements: Replacements) -> None:
    """Make each file field use a replacement, those of later models too."""

    def replace(sender: type[Model], **kwargs: Any) -> None:
        for field in file_fields(sender):
            chosen = replacements.chosen.get(field_label(sender, field))
            chosen = chosen or replacements.chosen_by(field)
            if chosen is not None:
                # What deconstruct() prefers: migrations are about what the project names.
                if "_storage_callable" not in vars(field):
                    replacements.set_attribute(field, "_storage_callable", field.storage)
                replacements.set_attribute(field, "storage", chosen)
            elif field.storage is not default_storage:
                # One that stands for an alias that there is not cannot be used anyway.
                with contextlib.suppress(InvalidStorageError):
                    replacements.of(field.storage)

    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        replace(model)
    class_prepared.connect(replace, weak=False)
    replacements.stack.callback(class_prepared.disconnect, replace)


@contextlib.contextmanager
def private_locations() -> Iterator[None]:
    """
    Set the settings to the directories at which storages in memory lend their paths.

    So MEDIA_ROOT does, and so do the locations in STORAGES, for who makes storages of his own; also
    where a test overrides them.
    """
    locations = PrivateLocations()
    with kept_storages(), override_settings(**locations.changed(*locations.settings)):
        _keep_options()
        setting_changed.connect(locations.follow)
        try:
            yield
        finally:
            setting_changed.disconnect(locations.follow)


def _keep_options() -> None:
    """Make Django use the OPTIONS of an override of STORAGES."""
    overridden: dict[str, Any] = vars(settings)["_wrapped"].__dict__
    for name in _BEFORE_STORAGES:
        overridden.pop(name, None)


class PrivateLocations:
    """Gives the private directories that stand for others; they last as long as this does."""

    def __init__(self) -> None:
        self._borrowers: list[InMemoryFileSystemStorage] = []

    def of(self, location: Any) -> Any:
        """Return the directory that replaces another, with all its entries, now and later."""
        self._borrowers.append(InMemoryFileSystemStorage(location))
        self._borrowers[-1].exists("")  # which makes it
        path = self._borrowers[-1].path("")
        return Path(path) if isinstance(location, os.PathLike) else path

    def changed(self, *names: str) -> dict[str, Any]:
        """Return those of some settings that name another directory now, with their values."""
        values = {name: self.settings[name](self) for name in names}
        return {name: each for name, each in values.items() if each is not getattr(settings, name)}

    def _media_root(self) -> Any:
        return self.of(settings.MEDIA_ROOT)

    def _storages(self) -> dict[str, Any]:
        entries: dict[str, Any] = settings.STORAGES
        changed = {
            alias: {**entry, "OPTIONS": {**entry["OPTIONS"], "location": self.of(location)}}
            for alias, entry in entries.items()
            if alias != STATICFILES and (location := _location_on_disk(entry))
        }
        return entries | changed if changed else entries

    settings: ClassVar = {"MEDIA_ROOT": _media_root, "STORAGES": _storages}

    def follow(self, *, setting: str, enter: bool, **kwargs: Any) -> None:
        """Make a nested override name private directories too, until it ends."""
        if enter and setting in self.settings:
            for name, value in self.changed(setting).items():
                setattr(settings, name, value)


def _location_on_disk(entry: dict[str, Any]) -> Any:
    """Return the location that an entry of STORAGES has among its options, if it is of a disk."""
    location = entry.get("OPTIONS", {}).get("location")
    try:
        is_disk = location and issubclass(import_string(entry["BACKEND"]), FileSystemStorage)
    except ImportError:
        return None  # raised when the alias is used
    return location if is_disk else None


@contextlib.contextmanager
def kept_storages() -> Iterator[None]:
    """Keep the existing storages, which Django makes again when settings change."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(attribute(storages, "_storages", vars(storages)["_storages"]))
        for lazy in lazy_storages():
            stack.enter_context(attribute(lazy, "_wrapped", vars(lazy)["_wrapped"]))
        yield


def lazy_storages() -> list[Any]:
    """Return the objects of Django that stand for a storage, as far as they are there."""
    static: Any = sys.modules.get("django.contrib.staticfiles.storage")
    return [default_storage] if static is None else [default_storage, static.staticfiles_storage]
