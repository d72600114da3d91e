"""Names of files in the storages of STORAGES, as the command takes them: ``alias:name``."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterator
from typing import NamedTuple

from django.core.files.storage import Storage, storages
from django.core.management import CommandError

from ..conformance.workspace import as_storage, describe
from ..walk import DirEntry, find, join


class QualifiedName(NamedTuple):
    """A name in a storage of STORAGES, written ``alias:name``; the name of the root is empty."""

    alias: str
    name: str

    def __str__(self) -> str:
        return f"{self.alias}:{self.name}"

    @property
    def storage(self) -> Storage:
        """Return the storage of the alias; raise ``CommandError`` if it cannot be created."""
        return storage_of(self.alias)

    @property
    def parents(self) -> Iterator[QualifiedName]:
        """Yield the directories above, the root last."""
        name = self.name
        while name:
            name = name.rpartition("/")[0]
            yield self._replace(name=name)

    def child(self, name: str) -> QualifiedName:
        """Return a name below this one; this one for ``""``."""
        return self._replace(name=join(self.name, name))

    def find(self) -> DirEntry | None:
        """Return the entry, or ``None``."""
        return find(self.storage, self.name)

    def require(self) -> DirEntry:
        """Return the entry; raise ``CommandError`` if it does not exist."""
        found = self.find()
        if found is None:
            hint = f" Did you mean {self.name}:?" if self.name in storages.backends else ""
            raise CommandError(f"{self} does not exist.{hint}")
        return found


def parse(text: str) -> QualifiedName:
    """Return the name written as ``alias:name``; without a colon it is in ``default``."""
    alias, name = text.split(":", 1) if ":" in text else ("default", text)
    hint = f" Write a name that has a colon with its alias: default:{text}."
    name = name.strip("/")
    return QualifiedName(parse_alias(alias, hint), "" if name == "." else name)


def parse_alias(text: str, hint: str = "") -> str:
    """Return the alias; raise ``ArgumentTypeError`` if STORAGES does not have it."""
    if text not in storages.backends:
        known = ", ".join(sorted(storages.backends))
        raise ArgumentTypeError(f"STORAGES has no {text!r}, only {known}.{hint}")
    return text


def storage_of(alias: str) -> Storage:
    """Return the storage of an alias; raise ``CommandError`` if it cannot be created."""
    try:
        return as_storage(storages[alias])
    except Exception as error:
        raise CommandError(
            f"Correct STORAGES[{alias!r}], whose storage could not be created: {describe(error)}"
        ) from error
