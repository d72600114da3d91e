"""The files that a test can see, and their changes since it began."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from django.core.files.storage import Storage, storages

from .levels import Level
from .stored_files import Changes, StoredFiles, files_of
from .tools import TestTool


class Media(Mapping[str, bytes]):
    """
    The files of one storage: a read-only mapping of their names to their contents.

    :param level: the level whose changes ``created``, ``changed`` and ``deleted`` list; ``None``:
        no changes.
    :param alias: the alias of the storage, which must not be a real bucket.
    """

    def __init__(self, level: Level | None = None, alias: str = "default") -> None:
        self._level = level
        self._alias = alias
        self._frozen: Changes | None = None

    @property
    def storage(self) -> Storage:
        """Return the current storage of the alias."""
        return storages[self._alias]

    def alias(self, alias: str) -> Media:
        """Return the files of another storage."""
        return Media(self._level, alias)

    def __getitem__(self, name: str) -> bytes:
        return self._files().read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files().names())

    def __len__(self) -> int:
        return len(self._files().names())

    def __repr__(self) -> str:
        return self._files().draw()

    def glob(self, pattern: str) -> list[str]:
        """Return the matching names: ``*`` matches in a directory, ``**`` any directories."""
        parts = pattern.split("/")
        return [name for name in self if _matches(name.split("/"), parts)]

    @property
    def created(self) -> list[str]:
        """Return the names of files that did not exist before, sorted."""
        before = self._changes().before
        return sorted(name for name in self._changes().now if name not in before)

    @property
    def deleted(self) -> list[str]:
        """Return the names of files that no longer exist, sorted."""
        now = self._changes().now
        return sorted(name for name in self._changes().before if name not in now)

    @property
    def changed(self) -> list[str]:
        """Return the names of files whose content differs, sorted."""
        changes = self._changes()
        both = sorted(changes.before.keys() & changes.now.keys())
        return [name for name in both if changes.before[name] != changes.now[name]]

    def _files(self) -> StoredFiles:
        return files_of(self.storage)

    def _changes(self) -> Changes:
        return self._frozen or self._files().changes(self._level)

    def freeze(self) -> None:
        """Keep ``created``, ``changed`` and ``deleted`` as they are now."""
        self._frozen = self._changes()


class capture_media(TestTool):
    """
    Return a `Media` with the project's files and their changes in a block.

    Nothing is undone at the end. Afterwards ``created``, ``changed`` and ``deleted`` list the
    changes of the block.
    """

    def __init__(self, alias: str = "default") -> None:
        super().__init__()
        self._alias = alias

    def begin(self, stack: contextlib.ExitStack) -> Media:
        """Begin; return the files."""
        level = Level()
        media = Media(level, self._alias)
        stack.callback(level.release)
        stack.callback(media.freeze)
        return media


def _matches(name: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "**":
        return any(_matches(name[start:], pattern[1:]) for start in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], pattern[0]) and _matches(name[1:], pattern[1:])


def all_media(level: Level | None) -> Iterator[tuple[str, Media]]:
    """Yield the alias and the files of each storage that a test can see, with their changes."""
    for alias in list(vars(storages)["_storages"]):
        media = Media(level, alias)
        # A real bucket, for instance, or a storage that needs a tenant.
        with contextlib.suppress(Exception):
            media.freeze()
            yield alias, media
