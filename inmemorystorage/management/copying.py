"""Copy files between storages, and replace files there without losing them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator

from django.core.files.base import File
from django.core.management import CommandError

from ..walk import walk
from .names import QualifiedName

# Contents that are kept while a file is replaced are in memory up to this size, then on the disk.
SPOOLED_BYTES = 8 * 1024 * 1024


def plan(
    sources: list[QualifiedName], destination: QualifiedName, *, is_directory: bool
) -> dict[QualifiedName, QualifiedName]:
    """
    Return the source of each target, by the rules of POSIX's ``cp -r``.

    Sources go into an existing directory; a directory copied to a free name gets that name; the
    content of a root goes into the destination itself.

    :param is_directory: whether the destination is a directory even if it does not exist.

    Raises ``CommandError`` if a source does not exist, or a target cannot be written.
    https://pubs.opengroup.org/onlinepubs/9799919799/utilities/cp.html
    """
    there = destination.find()
    into = there is not None and there.is_directory
    if len(sources) > 1 and not (into or is_directory):
        raise CommandError(f"{destination} is not a directory. Write {destination}/ to create it.")
    copies: dict[QualifiedName, QualifiedName] = {}
    for source in sources:
        found = source.require()
        is_inside = into or len(sources) > 1 or (is_directory and not found.is_directory)
        top = destination.child(found.basename) if is_inside else destination
        if source in (top, *top.parents):
            raise CommandError(f"{source} cannot be copied to itself, {top}.")
        planned = {
            top.child(entry.name.removeprefix(source.name).lstrip("/")): entry.name
            for entry in walk([found])
            if not entry.is_directory
        }
        for target in sorted(copies.keys() & planned):
            raise CommandError(f"{copies[target]} and {source} would both become {target}.")
        copies |= {target: source._replace(name=name) for target, name in planned.items()}
    return copies


def find_taken(targets: Iterable[QualifiedName]) -> set[QualifiedName]:
    """
    Return the targets at which there is a file.

    Raises ``CommandError`` where a directory and a file would have to share a name.
    """
    for parent in sorted({parent for target in targets for parent in target.parents}):
        there = parent.find()
        if there is not None and not there.is_directory:
            raise CommandError(f"{parent} is a file, and would have to be a directory.")
    taken = {target for target in targets if target.storage.exists(target.name)}
    for target in sorted(taken):
        if target.require().is_directory:
            raise CommandError(f"{target} is a directory, and cannot be replaced by a file.")
    return taken


def create(target: QualifiedName, content: File[bytes]) -> None:
    """Save a file under exactly this name; leave nothing if that fails."""
    if target.storage.exists(target.name):
        raise CommandError(f"{target} was created by another process.")
    try:
        saved = target.storage.save(target.name, content)
    except FileExistsError:  # the file there belongs to another process
        raise
    except BaseException:
        with contextlib.suppress(Exception):
            target.storage.delete(target.name)
        raise
    _check_name(target, saved)


def replace(target: QualifiedName, content: File[bytes]) -> None:
    """
    Replace a file; if the new one cannot be read or saved, the old one stays or is restored.

    Django's storage API cannot rename: a process killed between deletion and save loses the file.
    """
    with _spooled(content, target.name) as new:
        # A storage that overwrites by itself may keep the old file until the new one is complete.
        if target.storage.get_available_name(target.name) == target.name:
            return _check_name(target, target.storage.save(target.name, new))
        with target.storage.open(target.name) as file, _spooled(file, target.name) as old:
            file.close()  # Windows deletes no open file
            target.storage.delete(target.name)
            try:
                create(target, new)
            except BaseException:
                with contextlib.suppress(Exception):  # the first error is the one to report
                    create(target, old)
                raise


def _check_name(target: QualifiedName, saved: str) -> None:
    if saved != target.name:
        target.storage.delete(saved)
        raise CommandError(f"the storage would only take it as {target._replace(name=saved)}.")


@contextlib.contextmanager
def _spooled(content: File[bytes], name: str) -> Iterator[File[bytes]]:
    with tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES) as spool:
        shutil.copyfileobj(content, spool)
        yield File(spool, name)
