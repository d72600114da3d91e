"""
The floor of storages on a disk: a private directory in place of the project's directories.

A ``FileSystemStorage`` keeps its class, its state and its code; while a `Floor` is active, its
``location`` is a directory below one private root, which mirrors absolute paths. Settings that name
such a directory name the private one, and so do constants that modules took from them.

The deepest known directory at or above a path decides whether the path moves. Directories that the
settings and the storages of the project name move; temporary directories, static files and what a
test overrides stay. Any other directory moves at the first operation of a storage on it.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.util import Finalize
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, ClassVar, NamedTuple

from django.apps import apps
from django.conf import ENVIRONMENT_VARIABLE, global_settings, settings
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.urls import URLResolver
from django.utils.functional import LazyObject, cached_property, empty
from django.utils.module_loading import import_string

from ..project import labelled_fields
from ..tree.private_directory import PREFIX, SHARED_MEMORY
from .abandoned import hold, remove_abandoned
from .paths import is_path
from .places import owner_of
from .project_files import Loader
from .snapshot import Snapshot

# The shared memory of a container may be too small for files.
ENOUGH = 1 << 29
STATICFILES = "staticfiles"
SEPARATOR = "\0"
# Django's own settings that name a directory to which tests may write.
_DJANGO_SETTINGS = {"MEDIA_ROOT", "STORAGES", "FILE_UPLOAD_TEMP_DIR"}

MOVED, LEFT, UNKNOWN = "moved", "left", "unknown"


class Floor:
    """
    A private directory that mirrors the directories of a project, and rolls back.

    :param load: the files of the project with which it begins; see `Loader`.
    :param left: directories to leave alone, besides the system's temporary directory.
    :param parent: in a worker process, the private directory of the parent process, of which it
        begins with a copy.

    ``snapshot`` is the snapshot of the directory; ``current`` is the active floor.
    """

    current: ClassVar[Floor | None] = None
    snapshot: Snapshot

    def __init__(self, load: str = "", left: tuple[str, ...] = (), parent: str = "") -> None:
        self.loader = Loader(load)
        self._former_root = ""
        self._make_root(parent)
        self._verdicts = _verdicts_before(left)
        self._project = {*project_directories()}
        self._above_project = self._project.union(*map(_above, self._project))
        self._bare: set[str] = set()
        self._overridden: dict[str, str] = {}  # the verdicts for what a test overrides
        self._memory: dict[str, str] = {}
        self._loaded: set[str] = set()
        self._copied = _loaded_before(parent) if parent else set()
        self._settings = SettingsMove(self)

    def _make_root(self, parent: str = "") -> None:
        # A worker's is inside its parent's, which is removed even if the worker is killed.
        place = os.path.dirname(parent) if parent else _best_parent() or tempfile.gettempdir()
        if not parent:
            remove_abandoned(place)
        outer = os.path.realpath(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        self._lock = hold(outer)
        self.root = os.path.join(outer, "files")
        self._list = _list_for(self.root)
        os.mkdir(self.root)
        with open(self._list, "xb"):
            pass
        # A negative priority runs it after the worker processes have ended.
        self._remove = Finalize(None, _remove, (outer,), exitpriority=-1)
        if parent:
            shutil.copytree(parent, self.root, symlinks=True, dirs_exist_ok=True)

    def __enter__(self) -> Floor:
        self.begin()
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def begin(self) -> None:
        """Move the settings and the storages of the project."""
        for path in named_directories():
            self._bring(path)
        for storage in known_storages():
            with contextlib.suppress(Exception):  # a location may need a tenant, for instance
                path = os.path.abspath(storage.location)
                if self._verdict(path) != LEFT and not is_static(storage):
                    self._bring(path)
        self._take_snapshot()
        self._settings.begin()
        _patch()

    def _take_snapshot(self) -> None:
        self.snapshot = Snapshot(self.root, os.path.join(os.path.dirname(self.root), "clock"))
        Floor.current, Snapshot.current = self, self.snapshot

    def relocate(self) -> None:
        """Give a forked worker a private directory with a copy of the files of its parent."""
        self._former_root = self.root
        self._settings.restore()
        self.snapshot.close()
        self._make_root(self._former_root)
        self._memory = {}
        self._take_snapshot()
        self._settings.begin()
        self._settings.move_below(self._former_root, self.root)

    def end(self) -> None:
        """Restore the settings and the storages, and remove the directory."""
        _unpatch()
        self._settings.restore()
        Floor.current = Snapshot.current = None
        self.snapshot.close()
        self._remove()
        os.close(self._lock)

    def path(self, named: str) -> str:
        """Return the private path for an absolute path of the project."""
        drive, path = os.path.splitdrive(named)
        return os.path.join(self.root + os.sep + drive.strip(":\\/"), path.lstrip(os.sep))

    def named(self, path: str) -> str:
        """Return the project's path for a private one, and any other path unchanged."""
        for root in (self.root, self._former_root):
            if root and is_below(path, root):
                return path[len(root) :] or os.sep
        return path

    def named_in(self, value: Any) -> Any:
        """Return a value with the project's paths instead of private ones, also in collections."""
        if isinstance(value, str):
            return self.named(value)
        if isinstance(value, Path):
            return Path(self.named(str(value)))
        if type(value) in (list, tuple):
            return type(value)(self.named_in(each) for each in value)
        if type(value) is dict:
            return {key: self.named_in(each) for key, each in value.items()}
        return value

    @property
    def moved_directories(self) -> list[str]:
        """Return the real paths of the moved directories."""
        return [path for path, verdict in self._verdicts.items() if verdict == MOVED]

    def is_on(self, named: Any) -> bool:
        """Return whether a path is the real one of a moved directory, or is below it."""
        path = os.path.abspath(named)
        return not self.holds(path) and self._verdict(path) == MOVED

    def moved_path(self, named: Any) -> Any:
        """Return the private path for one of the project, of the same type."""
        path = self.path(os.path.abspath(named))
        if os.fspath(named).endswith(os.sep):
            path = os.path.join(path, "")
        return path if type(named) is str else type(named)(path)

    def moved_setting(self, value: str | Path) -> Any:
        """Return the private path for the value of a setting, or ``None`` if it does not move."""
        path = os.path.abspath(value)
        is_meant = os.path.isabs(value) and path not in self._above_project
        return self.moved_path(value) if is_meant and self.is_on(value) else None

    def holds(self, path: str) -> bool:
        """Return whether a path is the private directory, or is below it."""
        return is_below(path, self.root)

    def place(self, storage: Storage, named: Any) -> Any:
        """Return the location of a storage that names a directory: the private one, or itself."""
        if self._settings.changed():
            paths = [os.path.abspath(path) for path in self._settings.overridden()]
            self._overridden = {path: LEFT for path in paths if not self.holds(path)}
            self._memory = {}
        known = self._memory.get(named)
        if known is not None:
            return known
        path = os.path.abspath(named)
        if self._former_root and is_below(path, self._former_root):
            return self.moved_path(self.named_in(named))
        verdict = LEFT if self.holds(path) or is_static(storage) else self._verdict(path)
        if verdict == UNKNOWN and path in static_directories():
            verdict = LEFT
        if verdict == UNKNOWN and is_at_work(storage):
            with self.snapshot.recording(self.snapshot.outermost):
                self._bring(path)
            self._settings.move()
            verdict = MOVED
        placed = self.moved_path(named) if verdict == MOVED else named
        if verdict != UNKNOWN and not is_static(storage) and os.path.isabs(named):
            self._memory[named] = placed
        return placed

    def _verdict(self, path: str) -> str:
        """Return the verdict for the deepest known directory at or above a path."""
        for each in (path, *_above(path)):
            verdict = self._overridden.get(each) or self._verdicts.get(each)
            if verdict is not None:
                # If a location is the whole project, other directories in it do not move, nor
                # do those beside a location in a directory that contains nothing else.
                whole = self._above_project if verdict == MOVED else self._project
                is_whole = each in whole or each in self._bare
                return UNKNOWN if each != path and is_whole else verdict
        return UNKNOWN

    def _bring(self, path: str) -> None:
        """Move a directory; the private one has the project's files if the real one exists."""
        self._verdicts[path] = MOVED
        self._bare.discard(path)
        real, *above = [path, *_above(path)]
        for each in reversed(above):
            if os.path.isdir(each) and not os.path.lexists(self.path(each)):
                os.mkdir(self.path(each))
        if os.path.isdir(real):
            if self._loaded.isdisjoint([path, *above]):
                is_copied = not self._copied.isdisjoint([path, *above])
                self.loader.load(real, self.path(path), only_made=is_copied)
            else:
                os.makedirs(self.path(path), exist_ok=True)
            self._loaded.add(path)
            with open(self._list, "a") as file:
                file.write(path + SEPARATOR)
        for each in itertools.takewhile(self._is_bare, above):
            self._verdicts[each] = MOVED
            self._bare.add(each)

    def _is_bare(self, path: str) -> bool:
        """Return whether a directory in the project contains nothing but moved directories."""
        if path in self._above_project or self._project.isdisjoint(_above(path)):
            return False
        entries = os.listdir(path) if os.path.isdir(path) else []
        inside = {os.path.join(path, name) for name in entries}
        return path not in self._verdicts and all(
            self._verdicts.get(each) == MOVED for each in inside
        )


def _best_parent() -> str | None:
    with contextlib.suppress(OSError, AttributeError):
        status = os.statvfs(SHARED_MEMORY)
        if status.f_bavail * status.f_frsize >= ENOUGH and os.access(SHARED_MEMORY, os.W_OK):
            return SHARED_MEMORY
    return None


def _list_for(root: str) -> str:
    return os.path.join(os.path.dirname(root), "loaded")


def _loaded_before(parent: str) -> set[str]:
    """Return the directories whose files a parent process loaded."""
    with open(_list_for(parent)) as file:
        return {*file.read().split(SEPARATOR)}


def _remove(directory: str) -> None:
    """Remove a directory, also if it has directories that the user may not change."""
    for path, names, _ in os.walk(directory):
        inside = [os.path.join(path, name) for name in names]
        for each in itertools.filterfalse(os.path.islink, inside):
            with contextlib.suppress(OSError):
                os.chmod(each, stat.S_IRWXU)
    shutil.rmtree(directory, ignore_errors=True)


def is_below(path: str, directory: str) -> bool:
    """Return whether a path is a directory, or is below it."""
    return path.startswith(directory) and path[len(directory) :][:1] in ("", os.sep)


def _above(path: str) -> Iterator[str]:
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        yield path


# Directories of the project.


def _verdicts_before(left: tuple[str, ...]) -> dict[str, str]:
    temporary = tempfile.gettempdir()
    verdicts: dict[str, str] = {}
    for path in (temporary, os.path.realpath(temporary), *left):
        verdicts[os.path.abspath(path)] = LEFT
    for path in project_directories():
        verdicts.setdefault(path, LEFT)
    verdicts.update(dict.fromkeys(static_directories(), LEFT))
    return verdicts


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


def known_storages() -> Iterator[Any]:
    """Yield the storages on a disk that the project has made."""
    made: list[Any] = [
        each for alias, each in vars(storages)["_storages"].items() if alias != STATICFILES
    ]
    made += [default_storage, *(field.storage for _, field in labelled_fields())]
    for each in made:
        storage = vars(each).get("_wrapped", empty) if isinstance(each, LazyObject) else each
        if isinstance(storage, FileSystemStorage):
            yield storage


def is_static(storage: Storage) -> bool:
    """Return whether a storage is one of static files."""
    static: Any = sys.modules.get("django.contrib.staticfiles.storage")
    is_kind = static is not None and isinstance(storage, static.StaticFilesStorage)
    return is_kind or vars(storages)["_storages"].get(STATICFILES) is storage


def is_at_work(storage: Storage) -> bool:
    """Return whether the location is read by a method of the storage, and not by other code."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename == __file__ or frame.f_code.co_name in _LOCATIONS:
        assert frame.f_back is not None  # other code reads the location
        frame = frame.f_back
    names = frame.f_code.co_varnames[: min(frame.f_code.co_argcount, 1)]
    return any(frame.f_locals.get(name) is storage for name in names)


# Settings.


class SettingsMove:
    """Move the settings that name directories on a floor, and the constants taken from them."""

    def __init__(self, floor: Floor) -> None:
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
    return {above for file in files for above in _above(os.path.abspath(file))}


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


# Storage classes.


class MovedLocation:
    """An attribute of storages that names a directory, moved to the floor."""

    def __init__(self, original: Any, name: str) -> None:
        self.original = original
        self._name = name
        is_cached = isinstance(original, (cached_property, functools.cached_property))
        self._function: Any = original.func if is_cached else None
        self._is_data = hasattr(original, "__set__")

    def __get__(self, storage: Any, owner: Any = None) -> Any:
        if storage is None:
            return self.original
        named, floor = self._named(storage), Floor.current
        return named if named is None or floor is None else floor.place(storage, named)

    def __set__(self, storage: Any, value: Any) -> None:
        if self._is_data:
            self.original.__set__(storage, value)
        else:
            vars(storage)[self._name] = value

    def __delete__(self, storage: Any) -> None:
        if hasattr(self.original, "__delete__"):
            self.original.__delete__(storage)
        else:
            del vars(storage)[self._name]

    def _named(self, storage: Any) -> Any:
        """Return the value without a floor, without caching it."""
        if self._is_data:
            return self.original.__get__(storage, type(storage))
        if self._name in vars(storage):
            return vars(storage)[self._name]
        if self._function is not None:
            return self._function(storage)
        if hasattr(self.original, "__get__"):
            return self.original.__get__(storage, type(storage))
        return self.original


def _described(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def deconstruct(storage: Any) -> Any:
        """Describe the storage with the paths that the project wrote."""
        described = original(storage)
        return described if Floor.current is None else Floor.current.named_in(described)

    return deconstruct


_patched: list[tuple[Any, str, Any]] = []
_LOCATIONS = ("base_location", "location")


def _patch() -> None:
    """Patch all classes of storages on a disk, also those that are defined later."""
    FileSystemStorage.__init_subclass__ = classmethod(_patch_derived)  # type: ignore[assignment, arg-type]
    _patch_class(FileSystemStorage)


def _patch_derived(cls: Any, **options: Any) -> None:
    super(FileSystemStorage, cls).__init_subclass__(**options)
    _patch_class(cls)


def _patch_class(cls: Any) -> None:
    for name in _LOCATIONS:
        if name in vars(cls):
            _set_attribute(cls, name, MovedLocation(vars(cls)[name], name))
    if "deconstruct" in vars(cls):
        _set_attribute(cls, "deconstruct", _described(vars(cls)["deconstruct"]))
    for derived in cls.__subclasses__():
        _patch_class(derived)


def _set_attribute(cls: Any, name: str, value: Any) -> None:
    _patched.append((cls, name, vars(cls)[name]))
    setattr(cls, name, value)


def _unpatch() -> None:
    del FileSystemStorage.__init_subclass__
    while _patched:
        setattr(*_patched.pop())
