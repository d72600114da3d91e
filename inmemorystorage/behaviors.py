"""
How a storage behaves, as data: each detail in which storages differ is one field, and
``InMemoryStorage(behaves_like=...)`` picks a row.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Behavior:
    """
    Describe a storage where storages differ.

    :param name: what ``behaves_like`` calls it.
    :param creates_parents: ``open(name, "w")`` makes the directories above the file.
    :param deletes_trees: ``delete()`` of a directory deletes its entries too.
    :param delete_ignores: the errors that ``delete()`` suppresses.
    :param shares_by_location: storages with the same location, or one inside the other, share
        files.
    :param has_paths: ``path()`` returns a path, and a handle's ``name`` is that path.
    :param caches_handle_size: a handle's ``size`` is the size of the file that has its name when
        ``size`` is first read.
    :param overwrites_in_place: open handles see the content with which ``save()`` overwrites a
        file.
    :param yields_to_names: ``save()`` overwrites the file if ``get_available_name()`` returns a
        taken name; otherwise it raises ``FileExistsError``.
    :param keeps_partial_save: ``save()`` stores what it has read when reading the content raises.
    :param created_is_changed: the created time is the inode change time, as in ``getctime()``.
    :param opening_accesses: the accessed time changes when a file is opened and when an entry of a
        directory is added or removed; otherwise only when a file is read.
    :param slash_is_root: ``listdir("/")`` lists the location; otherwise it leads out of it.
    :param directory_size: bytes that ``size()`` returns for a directory; ``None`` raises.
    :param name_max: the most bytes in one component of a name, POSIX's ``NAME_MAX``.
    :param path_max: the most bytes in a path with its final NUL, POSIX's ``PATH_MAX``.
    """

    name: str
    creates_parents: bool
    deletes_trees: bool
    delete_ignores: tuple[type[OSError], ...]
    shares_by_location: bool
    has_paths: bool
    caches_handle_size: bool
    overwrites_in_place: bool
    yields_to_names: bool
    keeps_partial_save: bool
    created_is_changed: bool
    opening_accesses: bool
    slash_is_root: bool
    directory_size: int | None
    name_max: int
    path_max: int


_ROWS = [
    # What dj-inmemorystorage and Django's InMemoryStorage do.
    Behavior(
        name="memory",
        creates_parents=True,
        deletes_trees=True,
        delete_ignores=(FileNotFoundError, NotADirectoryError),
        shares_by_location=False,
        has_paths=False,
        caches_handle_size=False,
        overwrites_in_place=False,
        yields_to_names=True,
        keeps_partial_save=False,
        created_is_changed=False,
        opening_accesses=True,
        slash_is_root=True,
        directory_size=None,
        name_max=sys.maxsize,
        path_max=4096,
    ),
    # What Django's FileSystemStorage does on Linux.
    Behavior(
        name="filesystem",
        creates_parents=False,
        deletes_trees=False,
        delete_ignores=(FileNotFoundError,),
        shares_by_location=True,
        has_paths=True,
        caches_handle_size=True,
        overwrites_in_place=True,
        yields_to_names=False,
        keeps_partial_save=True,
        created_is_changed=True,
        opening_accesses=False,
        slash_is_root=False,
        directory_size=4096,
        name_max=255,
        path_max=4096,
    ),
]
BEHAVIORS = {row.name: row for row in _ROWS}
DEFAULT_BEHAVIOR = "memory"
