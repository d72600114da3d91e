"""Names that are noted beside the files of a storage, each by a small file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from django.core.files.base import ContentFile

from .backends import Backend


def ancestors(name: str) -> Iterator[str]:
    """Yield the directories above a name, from the top, which itself is none of them."""
    parts = name.split("/")
    yield from ("/".join(parts[:count]) for count in range(1, len(parts)))


class Marks:
    """
    Names that are noted in a storage, and survive as long as its files do.

    :param backend: where they are kept.
    :param reserved: the name of a directory that no file of a user has above it.
    :param kind: what they mean: the directory for them, below that.

    The mark of ``d/e/a`` is the file ``reserved/kind/d/e/reserved/a``, so that a name and one below
    it can both be marked, and one listing gives the marks of a directory.
    """

    def __init__(self, backend: Backend, reserved: str, kind: str) -> None:
        self._backend = backend
        self._reserved = reserved
        self._top = f"{reserved}/{kind}"

    def _directory(self, directory: str) -> str:
        return posixpath.join(self._top, directory, self._reserved)

    def _file(self, name: str) -> str:
        directory, last = posixpath.split(name)
        return posixpath.join(self._directory(directory), last)

    def has(self, name: str) -> bool:
        """Return whether a name, in its normal form, is marked."""
        return bool(self._backend.ask("exists", self._file(name)))

    def covers(self, name: str) -> bool:
        """Return whether a name is marked, or a directory above it."""
        return any(map(self.has, [*ancestors(name), name]))

    def add(self, name: str, text: str = "") -> None:
        """Mark a name, with a text."""
        self._backend.store(self._file(name), ContentFile(text.encode()))

    def text(self, name: str) -> str:
        """Return the text that a name is marked with; empty if it is not."""
        try:
            with self._backend.ask("open", self._file(name)) as file:
                return bytes(file.read()).decode()
        except FileNotFoundError:
            return ""

    def discard(self, name: str) -> None:
        """Have a name marked no longer."""
        self._backend.ask("delete", self._file(name))

    def names_in(self, directory: str) -> set[str]:
        """Return the last parts of the names that are marked in a directory."""
        return {*self._listdir(self._directory(directory))[1]}

    def names(self, directory: str = "") -> Iterator[str]:
        """Yield all names that are marked, in a directory and below it."""
        yield from (posixpath.join(directory, last) for last in self.names_in(directory))
        for each in self._listdir(posixpath.join(self._top, directory))[0]:
            if each != self._reserved:
                yield from self.names(posixpath.join(directory, each))

    def _listdir(self, directory: str) -> tuple[list[str], list[str]]:
        try:
            directories, files = self._backend.ask("listdir", directory)
        except FileNotFoundError:
            return [], []
        return directories, files
