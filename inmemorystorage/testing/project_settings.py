"""
The settings of a project that name directories, and their move to a floor.

Constants that modules took from these settings, or computed from them, move along.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, Protocol

from django.apps import apps
from django.conf import ENVIRONMENT_VARIABLE, global_settings, settings
from django.core.files.storage import FileSystemStorage
from django.urls import URLResolver
from django.utils.module_loading import import_string

from .paths import directories_above, is_below, is_path
from .places import owner_of

STATICFILES = "staticfiles"
# Django's own settings that name a directory to which tests may write.
_DJANGO_SETTINGS = {"MEDIA_ROOT", "STORAGES", "FILE_UPLOAD_TEMP_DIR"}


def static_directories() -> set[str]:
    """Return the directories in which static files are found and collected."""
    directories = [getattr(settings, "STATIC_ROOT", None)]
    for each in settings.STATICFILES_DIRS:
        directories.append(each[1] if isinstance(each, (list, tuple)) else each)
    directories += [os.path.join(app.path, "static") for app in apps.get_app_configs()]
    return {os.path.abspath(each) for each in directories if each}


def project_directories() -> list[str]:
    """Return the working directory, and the directory of the settings."""
    # While a test overrides settings, they have no SETTINGS_MODULE.
    name = settings.SETTINGS_MODULE or os.environ.get(ENVIRONMENT_VARIABLE)
    module = sys.modules.get(str(name))
    file = getattr(module, "__file__", None)
    return [os.getcwd(), *([os.path.dirname(os.path.abspath(file))] if file else [])]


def named_directories() -> Iterator[str]:
    """Yield MEDIA_ROOT and the locations in STORAGES."""
    if settings.MEDIA_ROOT:
        yield os.path.abspath(settings.MEDIA_ROOT)
    for location in locations_of(settings.STORAGES):
        yield os.path.abspath(location)


def locations_of(entries: dict[str, Any]) -> Iterator[str]:
    """Yield the locations of storages on a disk in a value of STORAGES."""
    for alias, entry in entries.items():
        location = entry.get("OPTIONS", {}).get("location") if alias != STATICFILES else None
        if location:
            with contextlib.suppress(ImportError):  # raised when the alias is used
                backend = import_string(entry["BACKEND"])
                if isinstance(backend, type) and issubclass(backend, FileSystemStorage):
                    yield location


class Destination(Protocol):
    """The floor to which directories move."""

    def is_on(self, named: Any) -> bool:
        """Return whether a directory, or one above it, moved."""

    def moved_path(self, named: Any) -> Any:
        """Return the private path for one of the project, of the same type."""

    def moved_setting(self, value: str | Path) -> Any:
        """Return the private path for the value of a setting, or ``None`` if it does not move."""


class SettingsMove:
    """Move the settings that name directories on a floor, and the constants taken from them."""

    def __init__(self, floor: Destination) -> None:
        self._floor = floor
        self._undo: list[Callable[[], None]] = []
        self._moved: dict[str, Any] = {}
        self._constants: dict[int, tuple[Any, Any]] = {}
        self._seen: tuple[Any, ...] = ()
        self._layer: Any = None

    def begin(self) -> None:
        """Move the current settings that name directories on the floor."""
        self._layer = vars(settings)["_wrapped"]
        self.move()
        self._seen = _state()

    def move(self) -> None:
        """Move settings that name directories which moved since the last call."""
        names = {"MEDIA_ROOT", "STORAGES"}
        media_root = self._layer.MEDIA_ROOT
        if self._floor.is_on(media_root):
            self._set(vars(self._layer), "MEDIA_ROOT", self._floor.moved_path(media_root))
        layer: Any = self._layer
        while layer is not None and layer is not global_settings:
            names |= {name for name in [*vars(layer)] if self._move(vars(layer), name)}
            layer = vars(layer).get("default_settings")
        for name in names:
            vars(settings).pop(name, None)
        self._moved |= {name: getattr(self._layer, name) for name in names}
        if self._constants:
            self._move_constants()

    def restore(self) -> None:
        """Undo the move."""
        while self._undo:
            self._undo.pop()()
        for name in self._moved:
            vars(settings).pop(name, None)

    def changed(self) -> bool:
        """Return whether a test began or ended an override since the last call."""
        # All locations are asked for through this: it makes no tuple where nothing changed.
        layer, media_root, entries = self._seen
        if (
            vars(settings)["_wrapped"] is layer
            and settings.MEDIA_ROOT is media_root
            and settings.STORAGES is entries
        ):
            return False
        self._seen = _state()
        return True

    def overridden(self) -> Iterator[str]:
        """Yield the directories that a test overrides now."""
        for name, moved in self._moved.items():
            value: Any = getattr(settings, name, None)
            if value is not moved:
                yield from locations_of(value) if name == "STORAGES" else _paths_in(value)

    def _move(self, container: Any, key: Any) -> bool:
        """Move the paths in an item, in place if possible; return whether any moved."""
        value = container[key]
        if isinstance(key, str) and not _is_movable(key, value):
            return False
        moved: Any = None
        if is_path(value):
            moved = self._floor.moved_setting(value)
        elif type(value) is tuple:
            parts = list(value)
            moves = [self._move(parts, position) for position in range(len(parts))]
            moved = tuple(parts) if any(moves) else None
        elif type(value) in (dict, list):
            keys = list(value) if isinstance(value, dict) else range(len(value))
            moves = [self._move(value, each) for each in keys]
            return any(moves)
        if moved is not None:
            self._set(container, key, moved)
        return moved is not None

    def _set(self, container: Any, key: Any, value: Any) -> None:
        if isinstance(container, list) or key in container:
            before = container[key]
            self._undo.append(functools.partial(operator.setitem, container, key, before))
            self._constants[id(before)] = before, value
        else:
            self._undo.append(functools.partial(operator.delitem, container, key))
        container[key] = value

    def move_below(self, former: str, root: str) -> None:
        """Move constants of modules, of their classes and of URL patterns, below a directory."""
        for holder in (*_holders(), *map(Holder.of, _url_arguments())):
            for name, value in list(holder.items.items()):
                if _is_plain(value) and is_below(str(value), former):
                    holder.put(name, type(value)(root + str(value)[len(former) :]))

    def _move_constants(self) -> None:
        """Move what modules took from the settings, and what a project computed from them."""
        constants = {key: each for key, each in self._constants.items() if _is_absolute(each[0])}
        self._constants = {}
        above_code = _above_code()
        for holder in _holders():
            for name, value in list(holder.items.items()):
                moved = None
                if id(value) in constants:
                    moved = constants[id(value)][1]
                elif holder.is_of_project and _is_constant(name, value):
                    is_code = os.path.abspath(value) in above_code
                    moved = None if is_code else self._floor.moved_setting(value)
                if moved is not None:
                    self._undo.append(functools.partial(holder.put, name, value))
                    holder.put(name, moved)


class Holder(NamedTuple):
    """The globals of a module, the attributes of a class, or the defaults of a function."""

    items: Mapping[Any, Any]
    put: Callable[[Any, Any], None]
    is_of_project: bool

    @classmethod
    def of(cls, values: dict[str, Any], is_of_project: bool = True) -> Holder:
        """Return a holder of the items of a dict."""
        return cls(values, values.__setitem__, is_of_project)


def _holders() -> Iterator[Holder]:
    """Yield what may hold the paths that code took or computed from settings."""
    for namespace in _namespaces():
        is_of_project = _is_project(namespace)
        yield Holder.of(namespace, is_of_project)
        if is_of_project:
            yield from _holders_in(namespace.get("__name__"), list(namespace.values()))


def _holders_in(module: str | None, values: list[Any]) -> Iterator[Holder]:
    seen: dict[int, Any] = {}
    while values:
        value = values.pop()
        is_code = type(value) is FunctionType or issubclass(type(value), type)
        if not is_code or value.__module__ != module or id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, type):
            yield Holder(vars(value), functools.partial(type.__setattr__, value), True)
            values += vars(value).values()
        else:
            defaults = dict(enumerate(value.__defaults__ or ()))
            yield Holder(defaults, functools.partial(_set_default, value), True)
            yield Holder.of(value.__kwdefaults__ or {})


def _set_default(function: FunctionType, position: int, value: Any) -> None:
    defaults = [*(function.__defaults__ or ())]
    defaults[position] = value
    function.__defaults__ = tuple(defaults)


def _is_project(namespace: Mapping[str, Any]) -> bool:
    file = namespace.get("__file__")
    return isinstance(file, str) and owner_of(file) == "project"


def _above_code() -> set[str]:
    """Return the directories that modules of the project are in."""
    files = [each["__file__"] for each in _namespaces() if _is_project(each)]
    return {each for file in files for each in directories_above(os.path.abspath(file))}


def _is_constant(name: Any, value: Any) -> bool:
    return _is_plain(value) and not str(name).startswith("__") and os.path.isabs(value)


def _is_plain(value: Any) -> bool:
    """Return whether a value is a path, and not of a subclass of ``str``: an enumeration's."""
    return type(value) is str or issubclass(type(value), Path)


def _namespaces() -> Iterator[dict[str, Any]]:
    """Yield the globals of modules; programs may replace modules by other objects."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            yield vars(module)


def _url_arguments() -> Iterator[dict[str, Any]]:
    """Yield the arguments, such as ``document_root``, of URL patterns that are imported."""
    urls = sys.modules.get(str(getattr(settings, "ROOT_URLCONF", "")))
    patterns = [*getattr(urls, "urlpatterns", ())]
    while patterns:
        pattern = patterns.pop()
        if isinstance(pattern, URLResolver):
            yield pattern.default_kwargs
            patterns += pattern.url_patterns
        else:
            yield pattern.default_args


def _is_movable(key: str, value: Any) -> bool:
    """Return whether a setting may move: one of the project, or of `_DJANGO_SETTINGS`, no URL."""
    is_setting = key.isupper() and hasattr(global_settings, key) and key not in _DJANGO_SETTINGS
    return not is_setting and "URL" not in key.upper() and value is not None


def _is_absolute(value: Any) -> bool:
    """Return whether a value is an absolute path, which no other constant equals by chance."""
    return is_path(value) and os.path.isabs(value)


def _paths_in(value: Any) -> Iterator[Any]:
    if is_path(value):
        yield value
    elif issubclass(type(value), (dict, list, tuple)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _paths_in(each)


def _state() -> tuple[Any, ...]:
    return vars(settings)["_wrapped"], settings.MEDIA_ROOT, settings.STORAGES
