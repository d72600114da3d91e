"""The storages that the contract is run on: one line each, and what each can do."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage

from inmemorystorage import InMemoryStorage


@dataclass(frozen=True)
class Capabilities:
    """
    In what storages may differ; everything else is the contract.

    :param makes_parents: ``open(name, "w")`` makes the directories above the file.
    :param deletes_trees: ``delete()`` takes a directory with all that is in it.
    :param deletes_quietly: ``delete()`` of a name below a file is silent.
    :param has_paths: ``path()`` answers, and a handle's ``name`` is the path.
    :param has_files_at_paths: what is at ``path()`` is the file.
    :param limits_names: a name may have 255 bytes for each of its components.
    :param keeps_partial_saves: a content that breaks half-way leaves its first half behind.
    :param overwrites: the storage takes ``allow_overwrite``.
    :param follows_media_root: without a location the files are below MEDIA_ROOT.
    """

    makes_parents: bool = False
    deletes_trees: bool = False
    deletes_quietly: bool = False
    has_paths: bool = True
    has_files_at_paths: bool = True
    limits_names: bool = True
    keeps_partial_saves: bool = True
    overwrites: bool = True
    follows_media_root: bool = True


@dataclass(frozen=True)
class Subject:
    """
    A storage that the contract is run on.

    :param factory: called with a directory of the test's own, returns what makes storages there:
        a callable that takes the storage's options.
    """

    label: str
    factory: Callable[[Path], Callable[..., Storage]]
    can: Capabilities


def on_disk(directory: Path) -> Callable[..., Storage]:
    """Return what makes storages on the disk."""
    return partial(FileSystemStorage, location=directory)


def in_memory(directory: Path, **options: Any) -> Callable[..., Storage]:
    """Return what makes storages in memory."""
    return partial(InMemoryStorage, location=directory, **options)


DISK = Capabilities(
    # Django's own has it since 5.1.
    overwrites="allow_overwrite" in inspect.signature(FileSystemStorage.__init__).parameters
)
LIKE_DISK = replace(DISK, has_files_at_paths=False, overwrites=True)
LENDING = replace(LIKE_DISK, has_files_at_paths=True, follows_media_root=False)
MEMORY = Capabilities(
    makes_parents=True,
    deletes_trees=True,
    deletes_quietly=True,
    has_paths=False,
    has_files_at_paths=False,
    limits_names=False,
    keeps_partial_saves=False,
)
like_disk = partial(in_memory, behaves_like="filesystem")

SUBJECTS = [
    # Django's own comes first: what it fails is wrong in the contract.
    Subject("FileSystemStorage", on_disk, DISK),
    Subject("memory", in_memory, MEMORY),
    Subject("filesystem", like_disk, LIKE_DISK),
    Subject("lend_paths", partial(like_disk, lend_paths=True), LENDING),
]
