"""The names of files: from a storage's location on, and never out of it."""

from __future__ import annotations

import errno
import os
import posixpath
from typing import NamedTuple

from django.core.exceptions import SuspiciousFileOperation

from ...behaviors import Behavior
from ...exceptions import os_error


class Name(NamedTuple):
    """
    A name, and where that is.

    :param text: the name in its normal form, relative to the location; what errors say.
    :param directory: the path of the directory that its entry is in.
    :param last: the name of its entry; empty for the location itself.
    """

    text: str
    directory: str
    last: str

    @property
    def path(self) -> str:
        """Return the path from the top of the store on."""
        return "/".join(filter(None, [self.directory, self.last]))

    @property
    def parent(self) -> Name:
        """Return the directory that its entry is in."""
        text, _, _ = self.text.rpartition("/")
        return Name(text, *_split(self.directory))

    def below(self, last: str) -> Name:
        """Return the name of an entry of this directory."""
        text = "/".join(filter(None, [self.text, last]))
        return Name(text, self.path, last)

    def above(self) -> list[Name]:
        """Return the names of all directories above it, the highest first."""
        parts = self.directory.split("/") if self.directory else []
        paths = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        return [Name(path, *_split(path)) for path in paths]


def _split(path: str) -> tuple[str, str]:
    directory, _, last = path.rpartition("/")
    return directory, last


def normal(location: str) -> str:
    """Return the path of a location from the top of a store on."""
    path = posixpath.normpath("/" + str(location).replace(os.sep, "/")).strip("/")
    return "" if path == "." else path


def resolve(location: str, name: str | os.PathLike[str], behavior: Behavior) -> Name:
    """
    Return what a storage's name means.

    Raises ``SuspiciousFileOperation`` for what is outside of the location, and ``ValueError`` for
    what no name can be, as ``FileSystemStorage`` does.
    """
    given = os.fspath(name)
    path = posixpath.normpath(given) if given else "."
    if path.startswith("/") or path.split("/")[0] == "..":
        raise SuspiciousFileOperation(
            f"The name ({given}) is located outside of the storage's location ({location or '/'})"
        )
    if "\0" in path:
        raise ValueError("embedded null byte")
    path.encode()  # raises for a lone surrogate
    _check_length(path, behavior)
    if path == ".":
        return Name("", location, "")
    directory, _, last = path.rpartition("/")
    return Name(path, "/".join(filter(None, [location, directory])), last)


def _check_length(path: str, behavior: Behavior) -> None:
    parts = path.split("/")
    is_long = any(len(part.encode()) > behavior.name_max for part in parts)
    if is_long or len(path.encode()) >= behavior.path_max:
        raise os_error(errno.ENAMETOOLONG, path)
