"""
Copying files from storage to storage, through Django's storage API alone.

The API can neither rename nor write where nothing is yet and only there, which leaves:

* Between the look whether a name is free and the save, another process may take it. Where the
  storage then chooses another name, that file is deleted again and the copy fails; a storage that
  overwrites by itself overwrites.
* To replace a file is to delete it and to save another. Both contents are read as a whole before,
  so that the old file is put back where the new one cannot be saved; but a process that is killed
  in between has lost it. A storage that overwrites by itself is left to do so.
* Two storages that share their files, and are not on a disk, are not known to. A file is then
  replaced by itself, which costs nothing but its time.
* Empty directories and times are not copied.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, cast

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import File
from django.core.management import CommandError

from .places import Place
from .progress import Progress
from .walk import Entry, walk

# A replacement is kept in memory up to this size, then in a temporary file.
SPOOLED_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Copy:
    """
    A file to be copied.

    :param size: its bytes, ``None`` where they are unknown.
    :param replaces: whether there is a file at the target.
    """

    source: Place
    target: Place
    size: int | None
    replaces: bool = False


def plan(sources: list[Place], destination: Place) -> list[Copy]:
    """
    Return what is to be copied where, by the rules of POSIX's ``cp -r``.

    What is copied to an existing directory goes into it; a directory copied to a name that is free
    becomes that name; the content of a root goes into the destination itself. A destination that
    ends in a slash is a directory, also where there is none yet.

    Raises ``CommandError`` for what is not there, and for what cannot be where it should go.
    https://pubs.opengroup.org/onlinepubs/9799919799/utilities/cp.html
    """
    there = destination.find()
    if there is not None and not there.is_directory and destination.asks_directory:
        raise CommandError(f"{destination} is a file, not a directory.")
    is_directory = there is not None and there.is_directory
    if len(sources) > 1 and not is_directory and not destination.asks_directory:
        raise CommandError(
            f"{destination} is not a directory; "
            f"write {destination}/ for one that the copies are to make."
        )
    into = is_directory or len(sources) > 1
    return [
        copy
        for source in sources
        for copy in _plan_one(source, source.require(), destination, there, into)
    ]


def _plan_one(
    source: Place, found: Entry, destination: Place, there: Entry | None, into: bool
) -> Iterator[Copy]:
    if not found.is_directory:
        inside = into or destination.asks_directory
        target = destination.child(found.basename) if inside else destination
        yield Copy(source, target, found.size)
        return
    if there is not None and not there.is_directory:
        raise CommandError(f"{source} is a directory, and {destination} is a file.")
    top = destination.child(found.basename) if into else destination
    _refuse_inside(source, top)
    skipped = len(source.name) + 1 if source.name else 0
    for entry in walk(source.storage, source.name):
        if not entry.is_directory:
            yield Copy(source.at(entry.name), top.child(entry.name[skipped:]), entry.size)


def _refuse_inside(source: Place, target: Place) -> None:
    """Refuse to copy a directory into itself, which has no end."""
    above = target.name
    while not source.is_same(target.at(above)):
        if not above:
            return
        above = above.rpartition("/")[0]
    raise CommandError(f"{source} cannot be copied into itself, {target}.")


def settle(copies: Iterable[Copy], existing: str) -> list[Copy]:
    """
    Return the copies to be done where names are taken.

    :param existing: ``"fail"``, ``"skip"`` or ``"replace"``.

    Raises ``CommandError`` where a copy cannot be done, so that none is begun.
    """
    copies = list(copies)
    _refuse_collisions(copies)
    _refuse_files_above(copies)
    settled = [replace(copy, replaces=_is_taken(copy.target)) for copy in copies]
    if existing == "skip":
        return [copy for copy in settled if not copy.replaces]
    taken = [copy.target for copy in settled if copy.replaces]
    if existing == "fail" and taken:
        more = f" and {len(taken) - 1:,} more" if taken[1:] else ""
        are = "exist" if more else "exists"
        raise CommandError(
            f"{taken[0]}{more} {are} already, and nothing was copied; "
            "--existing=skip leaves what is there, --existing=replace replaces it."
        )
    return settled


def _refuse_collisions(copies: list[Copy]) -> None:
    sources: dict[Place, Place] = {}
    for copy in copies:
        if copy.source.is_same(copy.target):
            raise CommandError(f"{copy.source} and {copy.target} are one file.")
        first = sources.setdefault(copy.target, copy.source)
        if first is not copy.source:
            raise CommandError(f"{first} and {copy.source} would both become {copy.target}.")


def _refuse_files_above(copies: list[Copy]) -> None:
    above = {copy.target.at(name) for copy in copies for name in _parents(copy.target.name)}
    for place in sorted(above, key=str):
        found = place.find()
        if found is not None and not found.is_directory:
            raise CommandError(f"{place} is a file, where a directory would have to be.")


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def _is_taken(target: Place) -> bool:
    if not target.storage.exists(target.name):
        return False
    found = target.find()
    if found is not None and found.is_directory:
        raise CommandError(f"{target} is a directory, and a file cannot take its place.")
    return True


def copy_files(copies: list[Copy], progress: Progress) -> None:
    """Do the copies; raise ``CommandError`` for the first that fails, those before it stay."""
    for done, copy in enumerate(copies):
        progress.start(str(copy.source))
        try:
            copy_file(copy, progress.at)
        except (OSError, SuspiciousOperation, CommandError) as error:
            raise CommandError(
                f"{copy.source} could not be copied to {copy.target}: {error} "
                f"({done:,} of {len(copies):,} files were copied.)"
            ) from error


def copy_file(copy: Copy, report: Callable[[int], None]) -> None:
    """
    Copy one file, in chunks.

    :param report: called with the bytes that are read so far.

    A source that breaks half-way leaves nothing at the target, or the file that was there.
    """
    with copy.source.storage.open(copy.source.name) as source:
        metered = cast("IO[bytes]", Metered(source, report))
        content: File[bytes] = File(metered, copy.target.name)
        if copy.replaces:
            _replace(copy.target, content)
        else:
            _create(copy.target, content)


def _create(target: Place, content: File[bytes]) -> None:
    if target.storage.exists(target.name):
        raise CommandError(f"{target} was made by somebody else meanwhile.")
    try:
        saved = target.storage.save(target.name, content)
    except FileExistsError:  # what is there is not ours
        raise
    except BaseException:
        with contextlib.suppress(Exception):
            target.storage.delete(target.name)
        raise
    _check_saved(target, saved)


def _check_saved(target: Place, saved: str) -> None:
    if saved != target.name:
        target.storage.delete(saved)
        raise CommandError(f"the storage would only take it as {target.at(saved)}.")


def _replace(target: Place, content: File[bytes]) -> None:
    with _kept(content, target.name) as whole:
        # The storage's own way, where it has one, may keep the old file until the new one is there.
        if target.storage.get_available_name(target.name) == target.name:
            _check_saved(target, target.storage.save(target.name, whole))
            return
        with target.storage.open(target.name) as file, _kept(file, target.name) as old:
            file.close()  # some disks delete nothing that is open
            target.storage.delete(target.name)
            try:
                _create(target, whole)
            except BaseException:
                _put_back(target, old)
                raise


def _put_back(target: Place, old: File[bytes]) -> None:
    with contextlib.suppress(Exception):  # the first error is the one to be told
        if not target.storage.exists(target.name):
            _check_saved(target, target.storage.save(target.name, old))


@contextlib.contextmanager
def _kept(content: File[bytes], name: str) -> Iterator[File[bytes]]:
    """Read a content as a whole; give it, under a name, for the time of the block."""
    with tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES) as spool:
        for chunk in content.chunks():
            spool.write(chunk)
        yield File(spool, name)


class Metered(io.RawIOBase):
    """
    A file that says how far it is read.

    A storage is given this and nothing else of the source: a file that told its path would be
    moved away from there by some.
    """

    def __init__(self, source: Any, report: Callable[[int], None]) -> None:
        self._source = source
        self._report = report
        self._position = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true: what a storage opens can be read again."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes, and say how many it were until now."""
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        self._report(self._position)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position; return it."""
        self._source.seek(offset, whence)
        self._position = self._source.tell()
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position
