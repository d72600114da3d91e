"""
Keep the files of a test database that is kept, with ``--keepdb`` or ``--reuse-db``.

The rows of the database name files that its migrations saved, but private directories are removed
at the end of a run. So the files are kept in an archive for each database, in the user's cache
directory, and are loaded when the next run finds the database.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import stat
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.db.models.signals import pre_migrate

from ..tree.journal import Savepoint
from .bucket_floor import Contents, dump_buckets, load_buckets
from .floor import Floor
from .project_settings import project_directories
from .snapshot import Snapshot

DIRECTORY = "dj-inmemorystorage"
# The last member of an archive: the objects of buckets, pickled.
BUCKETS = "buckets"


@contextlib.contextmanager
def keep_files() -> Iterator[None]:
    """
    Keep the files that a block saves while it sets databases up, and load those kept before.

    Without a floor nothing happens; an error is a warning.
    """
    if Floor.current is None:
        yield
        return
    keeper = Keeper(Floor.current.snapshot)
    pre_migrate.connect(keeper.begin)
    try:
        yield
        keeper.keep()
    finally:
        pre_migrate.disconnect(keeper.begin)
        keeper.release()


class Keeper:
    """
    Keep the files of databases that are set up one after the other.

    :param snapshot: the snapshot of the floor.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._level: object = None
        self._savepoint: Savepoint | None = None
        self._alias = ""

    def begin(self, using: str, **kwargs: Any) -> None:
        """Load the files of a database that exists, since its migrations may need them."""
        if using == self._alias:  # the signal is sent for each application
            return
        self.keep()
        self.release()
        self._alias = using
        connection: Any = connections[using]
        if connection.vendor == "sqlite" and connection.is_in_memory_db():
            return
        self._level = self._snapshot.begin()
        self._savepoint = Savepoint()
        if connection.introspection.django_table_names(only_existing=True):
            with _warning_of("loaded"), contextlib.suppress(FileNotFoundError):
                load_buckets(load(archive_of(using), self._snapshot.directory))

    def keep(self) -> None:
        """Keep the files of the last database."""
        if self._savepoint is not None:
            changes = self._snapshot.changes(self._level)
            names = [path for path, (_, now) in changes.items() if now is not None]
            contents = dump_buckets(self._savepoint.noted())
            with _warning_of("kept"):
                save(archive_of(self._alias), self._snapshot.directory, names, contents)

    def release(self) -> None:
        """Let the files belong to the run."""
        if self._savepoint is not None:
            self._savepoint.release()
            self._snapshot.release(self._level)
            self._savepoint = self._level = None


# What loading an archive raises that another release of this library wrote.
_OF_OTHER_RELEASES = (AttributeError, ImportError, TypeError, ValueError)


@contextlib.contextmanager
def _warning_of(done: str) -> Iterator[None]:
    try:
        yield
    except (OSError, tarfile.TarError, pickle.PickleError, *_OF_OTHER_RELEASES) as error:
        warnings.warn(f"Files of migrations could not be {done}: {error}", stacklevel=2)


def archive_of(alias: str) -> str:
    """Return the path of the archive for a database of this project."""
    settings = connections[alias].settings_dict
    project = project_directories()[-1]
    parts = (project, *(settings[key] for key in ("ENGINE", "HOST", "PORT", "NAME")))
    key = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape"))
    return os.path.join(cache_directory(), f"{key.hexdigest()}.tar")


def cache_directory() -> str:
    """Return a directory for this package in the user's cache directory."""
    # Empty and relative values are ignored: XDG Base Directory Specification.
    named = os.environ.get("XDG_CACHE_HOME", "")
    caches = named if os.path.isabs(named) else os.path.expanduser("~/.cache")
    if not os.path.isabs(caches):
        raise FileNotFoundError("this user has no home directory")
    return os.path.join(caches, DIRECTORY)


def make_private(directory: str) -> None:
    """Make a directory, if it is missing; raise ``PermissionError`` if others can write to it."""
    os.makedirs(directory, stat.S_IRWXU, exist_ok=True)
    status = os.lstat(directory)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        raise PermissionError(f"{directory} is not a private directory")


def load(archive: str, directory: str) -> Contents:
    """
    Extract an archive, and return the objects of buckets in it.

    Raises ``FileNotFoundError`` if it does not exist.
    """
    with tarfile.open(archive) as file:
        make_private(os.path.dirname(archive))
        *members, buckets = file.getmembers()
        file.extractall(directory, members, filter=_keep_mode)
        pickled = file.extractfile(buckets)
        assert pickled is not None  # a regular file
        contents: Contents = pickle.load(pickled)
        return contents


def _keep_mode(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
    """Filter a member so that it stays in the directory, and keep its permission bits."""
    return tarfile.data_filter(member, path).replace(mode=member.mode, deep=False)


def save(archive: str, directory: str, paths: list[str], contents: Contents) -> None:
    """
    Put some paths below a directory, and objects of buckets, into an archive.

    Without either, delete the archive.
    """
    has_objects = any(objects for buckets in contents.values() for objects in buckets.values())
    if not (paths or has_objects):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(archive)
        return
    make_private(os.path.dirname(archive))
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(archive))
    with contextlib.ExitStack() as stack:
        stack.callback(os.unlink, temporary)
        with open(descriptor, "wb") as target, tarfile.open(fileobj=target, mode="w") as file:
            for path in paths:
                file.add(path, os.path.relpath(path, directory), recursive=False)
            pickled = pickle.dumps(contents)
            member = tarfile.TarInfo(BUCKETS)
            member.size = len(pickled)
            file.addfile(member, io.BytesIO(pickled))
        os.replace(temporary, archive)
        stack.pop_all()
