"""The directories that the settings name, made private."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.core.signals import setting_changed
from django.test.utils import override_settings
from django.utils.module_loading import import_string

from .replacement import InMemoryFileSystemStorage
from .tools import attribute

STATICFILES = "staticfiles"
# Django 4.2 and 5.0 override these along with STORAGES, and then leave out its OPTIONS.
_BEFORE_STORAGES = ("DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")


@contextlib.contextmanager
def private_locations() -> Iterator[None]:
    """
    Have the settings name the directories at which storages in memory lend their paths.

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
    """Have storages made of all that an override of STORAGES says."""
    overridden: dict[str, Any] = vars(settings)["_wrapped"].__dict__
    for name in _BEFORE_STORAGES:
        overridden.pop(name, None)


class PrivateLocations:
    """Gives the private directories that stand for others; they last as long as this does."""

    def __init__(self) -> None:
        self._borrowers: list[InMemoryFileSystemStorage] = []

    def of(self, location: Any) -> Any:
        """Return the directory in the place of another, with all that is in it, now and later."""
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
        """Have an override inside name private directories too; it goes as it came."""
        if enter and setting in self.settings:
            for name, value in self.changed(setting).items():
                setattr(settings, name, value)


def _location_on_disk(entry: dict[str, Any]) -> Any:
    """Return the location that an entry of STORAGES has among its options, if it is of a disk."""
    location = entry.get("OPTIONS", {}).get("location")
    try:
        is_disk = location and issubclass(import_string(entry["BACKEND"]), FileSystemStorage)
    except ImportError:
        return None  # whoever asks for the alias is told
    return location if is_disk else None


@contextlib.contextmanager
def kept_storages() -> Iterator[None]:
    """Keep the storages that there are, which Django makes anew when settings change."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(attribute(storages, "_storages", vars(storages)["_storages"]))
        for lazy in lazy_storages():
            stack.enter_context(attribute(lazy, "_wrapped", vars(lazy)["_wrapped"]))
        yield


def lazy_storages() -> list[Any]:
    """Return the objects of Django that stand for a storage, as far as they are there."""
    static: Any = sys.modules.get("django.contrib.staticfiles.storage")
    return [default_storage] if static is None else [default_storage, static.staticfiles_storage]
