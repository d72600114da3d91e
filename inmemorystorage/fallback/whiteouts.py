"""Names noted beside the files of a layer: those whose deletion hides the files of lower layers."""

from __future__ import annotations

import contextlib
import errno
import itertools
import posixpath
from collections.abc import Iterator

from django.core.files.base import ContentFile

from ..exceptions import os_error
from .layer import Layer, is_inside, logger

# The longest name in bytes, and so the most whiteouts that may hide one: POSIX's PATH_MAX. Names
# in buckets are shorter.
_MAX_BYTES = 4095
# After so many directories, look whether there are whiteouts further down: most names have fewer.
_STRIDE = 8


def _is_too_long(name: str) -> bool:
    return len(name.encode(errors="surrogatepass")) > _MAX_BYTES


def ancestors(name: str) -> Iterator[str]:
    """Yield the directories above a name, from the outermost; the top is not among them."""
    parts = name.split("/")
    yield from ("/".join(parts[:count]) for count in range(1, len(parts)))


class StoredNames:
    """
    A set of names, each with a text, in small files that last as long as the layer's other files.

    :param layer: where the files are.
    :param reserved: a directory name that no user's file has in its path.
    :param kind: the directory of this set, below ``reserved``.

    For the name ``d/e/a`` the file is ``reserved/kind/d/e/reserved/a``, so that a set may contain
    both a name and another below it, and one listing returns the names in a directory.
    """

    def __init__(self, layer: Layer, reserved: str, kind: str) -> None:
        self._layer = layer
        self._reserved = reserved
        self._top = f"{reserved}/{kind}"

    def _directory(self, directory: str) -> str:
        return posixpath.join(self._top, directory, self._reserved)

    def _file(self, name: str) -> str:
        directory, last = posixpath.split(name)
        return posixpath.join(self._directory(directory), last)

    def __contains__(self, name: str) -> bool:
        return bool(self._layer.ask("exists", self._file(name)))

    def add(self, name: str, text: str = "") -> None:
        """Add a name, with a text."""
        self._layer.store(self._file(name), ContentFile(text.encode()))

    def text(self, name: str) -> str:
        """Return the text of a name; empty if the name is not in the set."""
        try:
            with self._layer.ask("open", self._file(name)) as file:
                return bytes(file.read()).decode()
        except FileNotFoundError:
            return ""

    def discard(self, name: str) -> None:
        """Remove a name, if it is in the set."""
        self._layer.ask("delete", self._file(name))

    def in_directory(self, directory: str) -> set[str]:
        """Return the last parts of the names that are directly in a directory."""
        return {*self._listdir(self._directory(directory))[1]}

    def walk(self, directory: str = "") -> Iterator[str]:
        """Yield all names, in a directory and below it."""
        yield from (posixpath.join(directory, last) for last in self.in_directory(directory))
        for each in self._listdir(posixpath.join(self._top, directory))[0]:
            if each != self._reserved:
                yield from self.walk(posixpath.join(directory, each))

    def may_have_below(self, directory: str) -> bool:
        """Return whether there are names below a directory, or the layer cannot list them."""
        try:
            return any(self._listdir(posixpath.join(self._top, directory)))
        except NotImplementedError:
            return True

    def _listdir(self, directory: str) -> tuple[list[str], list[str]]:
        try:
            directories, files = self._layer.ask("listdir", directory)
        except FileNotFoundError:
            return [], []
        return directories, files


class Whiteouts:
    """
    Hide deleted names of lower layers, by files of the upper layer.

    Where the whiteouts cannot be read, the files count as not deleted, and the log warns.
    """

    def __init__(self, layer: Layer, reserved: str) -> None:
        self._names = StoredNames(layer, reserved, "deleted")

    def add(self, name: str) -> None:
        """Hide a name, with everything below it; raise ``OSError`` if it is too long."""
        if _is_too_long(name):
            raise os_error(errno.ENAMETOOLONG, name)
        self._names.add(name)

    def hides(self, name: str) -> bool:
        """Return whether a name, or a directory above it, is hidden."""
        if not is_inside(name) or _is_too_long(name):
            return False
        with _warn_on_failure(name):
            return any(each in self._names for each in self._candidates(name))
        return False

    def _candidates(self, name: str) -> Iterator[str]:
        """Yield a name and those above it, as far as there are whiteouts, from the outermost."""
        above = ""
        for depth, each in enumerate(itertools.chain(ancestors(name), [name])):
            if depth % _STRIDE == _STRIDE - 1 and not self._names.may_have_below(above):
                return
            yield each
            above = each

    def hidden_in(self, directory: str) -> set[str]:
        """Return the last parts of the names that are hidden in a directory."""
        with _warn_on_failure(directory):
            return self._names.in_directory(directory)
        return set()


@contextlib.contextmanager
def _warn_on_failure(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        logger.warning("cannot read the whiteouts for %r: %s", name, error)
