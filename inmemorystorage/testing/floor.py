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
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.utils.functional import cached_property

from ..project import labelled_fields, made_storage
from ..tree.private_directory import PREFIX, SHARED_MEMORY
from .abandoned import hold, remove_abandoned
from .paths import directories_above, is_below
from .project_files import Loader
from .project_settings import (
    STATICFILES,
    SettingsMove,
    named_directories,
    project_directories,
    static_directories,
)
from .snapshot import Snapshot

# The shared memory of a container may be too small for files.
ENOUGH = 1 << 29
SEPARATOR = "\0"
MOVED, LEFT, UNKNOWN = "moved", "left", "unknown"
UNSET = (
    "MEDIA_ROOT is not set, so tests used files in the working directory, which does not move. Set "
    "MEDIA_ROOT to a directory for media."
)


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
        self._above_project = self._project.union(*map(directories_above, self._project))
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
        _set_attribute(tempfile, "mkdtemp", self._leaving(tempfile.mkdtemp))

    def _leaving(self, mkdtemp: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that makes a temporary directory, wherever it is, and leaves it."""

        @functools.wraps(mkdtemp)
        def leave(*args: Any, **kwargs: Any) -> Any:
            made = mkdtemp(*args, **kwargs)
            path = os.path.abspath(os.fsdecode(made))
            if not self.holds(path) and self._verdict(path) != LEFT:
                self._verdicts[path] = LEFT
            return made

        return leave

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
        # A test may have another file system, such as pyfakefs's, without the private directory.
        if verdict == UNKNOWN and is_at_work(storage) and os.path.isdir(self.root):
            with self.snapshot.recording(self.snapshot.outermost):
                self._bring(path)
            self._settings.move()
            verdict = MOVED
        must_note = UNSET not in self.loader.notes and self._is_unset(path, storage)
        if must_note and is_at_work(storage):
            self.loader.notes.append(UNSET)
        placed = self.moved_path(named) if verdict == MOVED else named
        if verdict != UNKNOWN and not must_note and not is_static(storage) and os.path.isabs(named):
            self._memory[named] = placed
        return placed

    def _is_unset(self, path: str, storage: Storage) -> bool:
        """Return whether a storage is in the working directory since nothing names another."""
        return path in self._project and path not in self._overridden and is_unnamed(storage)

    def _verdict(self, path: str) -> str:
        """Return the verdict for the deepest known directory at or above a path."""
        for each in (path, *directories_above(path)):
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
        real, *above = [path, *directories_above(path)]
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
        if path in self._above_project or self._project.isdisjoint(directories_above(path)):
            return False
        entries = os.listdir(path) if os.path.isdir(path) else []
        inside = {os.path.join(path, name) for name in entries}
        return path not in self._verdicts and all(
            self._verdicts.get(each) == MOVED for each in inside
        )


def _verdicts_before(left: tuple[str, ...]) -> dict[str, str]:
    temporary = tempfile.gettempdir()
    verdicts: dict[str, str] = {}
    for path in (temporary, os.path.realpath(temporary), *left):
        verdicts[os.path.abspath(path)] = LEFT
    for path in project_directories():
        verdicts.setdefault(path, LEFT)
    verdicts.update(dict.fromkeys(static_directories(), LEFT))
    return verdicts


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


# Storages.


def known_storages() -> Iterator[Any]:
    """Yield the storages on a disk that the project has made."""
    made: list[Any] = [
        each for alias, each in vars(storages)["_storages"].items() if alias != STATICFILES
    ]
    made += [default_storage, *(field.storage for _, field in labelled_fields())]
    for each in made:
        storage = made_storage(each)
        if isinstance(storage, FileSystemStorage):
            yield storage


def is_static(storage: Storage) -> bool:
    """Return whether a storage is one of static files."""
    static: Any = sys.modules.get("django.contrib.staticfiles.storage")
    is_kind = static is not None and isinstance(storage, static.StaticFilesStorage)
    return is_kind or vars(storages)["_storages"].get(STATICFILES) is storage


def is_unnamed(storage: Any) -> bool:
    """Return whether neither MEDIA_ROOT nor a storage itself names its directory."""
    return not (settings.MEDIA_ROOT or getattr(storage, "_location", None))


def is_at_work(storage: Storage) -> bool:
    """Return whether the location is read by a method of the storage, and not by other code."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename == __file__ or frame.f_code.co_name in _LOCATIONS:
        assert frame.f_back is not None  # other code reads the location
        frame = frame.f_back
    names = frame.f_code.co_varnames[: min(frame.f_code.co_argcount, 1)]
    return any(frame.f_locals.get(name) is storage for name in names)


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
