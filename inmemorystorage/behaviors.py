"""
How a storage behaves, as data: each small thing in which storages disagree is one field, and
``InMemoryStorage(behaves_like=...)`` picks a row.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Behavior:
    """
    Say how a storage behaves where storages disagree.

    :param name: what ``behaves_like`` calls it.
    :param creates_parents: ``open(name, "w")`` makes the directories above the file.
    :param deletes_trees: ``delete()`` of a directory takes what is in it along.
    :param delete_ignores: the errors in whose place ``delete()`` is silent.
    :param shares_by_location: storages with one location, or one inside the other, share files.
    :param has_paths: ``path()`` answers, and a handle's ``name`` is that path.
    :param caches_handle_size: a handle's ``size`` is that of the file at its name when first asked.
    :param overwrites_in_place: handles open on a file see what ``save()`` puts in its place.
    :param yields_to_names: where ``get_available_name()`` insists on a name that is taken,
        ``save()`` writes over the file; else it raises ``FileExistsError``.
    :param keeps_partial_save: a ``save()`` whose content raises half-way leaves the half behind.
    :param created_is_changed: the created time is the inode change time, as ``getctime()`` has it.
    :param directory_size: bytes that ``size()`` gives for a directory; ``None`` refuses.
    :param name_max: bytes that one component of a name may have, POSIX's ``NAME_MAX``.
    :param path_max: bytes that a path may have with its final NUL, POSIX's ``PATH_MAX``.
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
        directory_size=None,
        name_max=sys.maxsize,
        path_max=sys.maxsize,
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
        directory_size=4096,
        name_max=255,
        path_max=4096,
    ),
]
BEHAVIORS = {row.name: row for row in _ROWS}
DEFAULT_BEHAVIOR = "memory"
