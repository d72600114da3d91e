"""Places as `manage.py storage` names them: ``alias:name``."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field

from django.core.files.storage import (
    FileSystemStorage,
    InvalidStorageError,
    Storage,
    storages,
)
from django.core.management import CommandError

from .walk import Entry, find, join, scan


@dataclass(frozen=True)
class Place:
    """
    A name in one of the storages of STORAGES.

    :param name: without a slash at its ends; ``""`` is the root.
    :param asks_directory: whether it was written with a slash at its end.
    """

    alias: str
    storage: Storage = field(repr=False, compare=False)
    name: str
    asks_directory: bool = False

    def __str__(self) -> str:
        return f"{self.alias}:{self.name}"

    def child(self, name: str) -> Place:
        """Return the place of that name below this one; this one for ``""``."""
        return Place(self.alias, self.storage, join(self.name, name))

    def at(self, name: str) -> Place:
        """Return the place of that name in the same storage."""
        return Place(self.alias, self.storage, name)

    def find(self) -> Entry | None:
        """Return what is there, or ``None``."""
        return find(self.storage, self.name)

    def require(self) -> Entry:
        """Return what is there; raise ``CommandError`` with the nearest names where nothing is."""
        found = self.find()
        if found is None:
            raise CommandError(f"There is no {self}.{self._suggestion()}")
        if self.asks_directory and not found.is_directory:
            raise CommandError(f"{self} is a file; write it without the slash at its end.")
        return found

    def require_file(self) -> Place:
        """Return this place; raise ``CommandError`` unless there is a file."""
        if self.require().is_directory:
            raise CommandError(f"{self} is a directory; `ls` and `tree` show what is in it.")
        return self

    def is_same(self, other: Place) -> bool:
        """
        Return whether two places are one: in one storage, or by two storages on one disk.

        Of other storages that share their files nothing tells it: equal storages may have files of
        their own, and so may those with one location.
        """
        if self.storage is other.storage:
            return self.name == other.name
        path = _path(self)
        return path is not None and path == _path(other)

    def _suggestion(self) -> str:
        """Return a sentence with the names that are nearly this one, or nothing."""
        if self.name in storages.backends:
            return f" Did you mean {self.name}:?"
        above, _, last = self.name.rpartition("/")
        while above and not self.at(above).find():
            above, _, last = above.rpartition("/")
        try:
            known = [entry.basename for entry in scan(self.storage, above)]
        except (NotImplementedError, OSError):
            return ""
        near = [str(self.at(join(above, name))) for name in difflib.get_close_matches(last, known)]
        return f" Did you mean {' or '.join(near)}?" if near else ""


def _path(place: Place) -> str | None:
    storage = place.storage
    is_disk = isinstance(storage, FileSystemStorage)
    return os.path.realpath(storage.path(place.name)) if is_disk else None


def parse_place(text: str) -> Place:
    """
    Return the place that is written ``alias:name``; without a colon the alias is ``default``.

    Raises ``CommandError`` for an alias that is not in STORAGES, with those that are.
    """
    alias, colon, name = text.partition(":")
    if not colon:
        alias, name = "default", text
    stripped = name.strip("/")
    return Place(
        alias, _storage(alias, text), "" if stripped == "." else stripped, name.endswith("/")
    )


def _storage(alias: str, text: str) -> Storage:
    if alias not in storages.backends:
        known = ", ".join(sorted(storages.backends))
        raise CommandError(
            f"There is no storage {alias!r} in STORAGES, only {known}; "
            f"a name that has a colon is written with its alias, default:{text}."
        )
    try:
        return storages[alias]
    except InvalidStorageError as error:
        raise CommandError(str(error)) from error
