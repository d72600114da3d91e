"""Workspace: a storage, and the directory in it where one check works. And what checks expect."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from reprlib import Repr
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from ..walk import DirEntry, join, walk

PREFIX = "conformance-"

_short = Repr()
_short.maxstring = _short.maxother = 80


def lacks(capability: str) -> bool:
    """Return False, as for a storage without capabilities."""
    return False


def new_directory(above: str = "") -> str:
    """Return a unique name of a directory, in the storage or in another directory."""
    return join(above, f"{PREFIX}{uuid.uuid4().hex[:12]}")


def do_nothing() -> None:
    """Do nothing, which is enough for storages without connections."""


def as_storage(made: Any) -> Storage:
    """Return a storage; raise ``TypeError`` for ``None``, and for a class."""
    if made is None or isinstance(made, type):
        raise TypeError(f"{made!r} is not a storage. Return an instance of a storage class.")
    storage: Storage = made
    return storage


def describe(error: BaseException) -> str:
    """Return the class and the message of an error, of which a failed expectation has no class."""
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    return message if isinstance(error, AssertionError) else f"{type(error).__name__}: {message}"


@dataclass
class Workspace:
    """
    A storage, and a directory in it with a unique name, below which one check saves its files.

    The methods are the storage's, for names in that directory.

    :param leave_thread: called at the end of each thread that a check starts.
    :param has: returns whether the storage has a capability.
    """

    storage: Storage
    leave_thread: Callable[[], object] = do_nothing
    directory: str = field(default_factory=new_directory)
    has: Callable[[str], bool] = lacks
    _used: set[str] = field(default_factory=set)

    def name(self, name: str) -> str:
        """Return the full name of a name in the directory, which `clean` deletes."""
        full = f"{self.directory}/{name}" if name else self.directory
        self._used.add(full)
        return full

    def relative(self, name: str) -> str:
        """Return a full name that the storage returned as a name in the directory."""
        relative = name.removeprefix(f"{self.directory}/")
        self._used.add(name)
        return relative

    def length(self, length: int) -> int:
        """Return the length of a full name for that of a name in the directory."""
        return len(self.directory) + 1 + length

    def save(self, name: str, content: Any = b"content", max_length: int | None = None) -> str:
        """
        Save bytes, a text or a file, and return its name.

        Of a returned name outside of the directory, about which only the checks of names ask, the
        last component counts.
        """
        returned = self.save_as(name, content, max_length)
        relative = self.relative(returned)
        is_inside = returned.startswith(f"{self.directory}/")
        return relative if is_inside else join(name.rpartition("/")[0], last_part(returned))

    def save_as(self, name: str, content: Any = b"content", max_length: int | None = None) -> str:
        """Save bytes, a text or a file, and return the name that ``save()`` returns."""
        file: Any = ContentFile(content) if isinstance(content, (bytes, str)) else content
        # Most callers pass no max_length, and some storages do not take it.
        options = {} if max_length is None else {"max_length": self.length(max_length)}
        returned = self.storage.save(self.name(name), file, **options)
        expect(isinstance(returned, str), f"save() returned {returned!r}, which is no text")
        return returned

    def open(self, name: str, mode: str = "rb") -> File[Any]:
        """Open a file, and rewind it for reading; the checks of positions do not rewind."""
        file = self.storage.open(self.name(name), mode)
        if mode.startswith("r"):
            with suppress(Exception):  # it cannot tell its position, or cannot seek
                if file.tell():
                    file.seek(0)
        return file

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with self.open(name) as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes | str, mode: str = "wb") -> None:
        """Write to a file through a new handle."""
        with self.open(name, mode) as file:
            file.write(content)

    def exists(self, name: str) -> bool:
        """Return whether a file exists."""
        return self.storage.exists(self.name(name))

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.storage.delete(self.name(name))

    def listdir(self, name: str = "") -> tuple[list[str], list[str]]:
        """Return the sorted names of the directories, and of the files, without any path."""
        directories, files = self.storage.listdir(self.name(name))
        return sorted(map(last_part, directories)), sorted(map(last_part, files))

    def clean(self) -> list[str]:
        """
        Delete all files and directories of the check; return the names that are still there.

        A name without the name of the directory, which a storage returned, may be another file's,
        and is not deleted.
        """
        names = self._used.union([self.directory], (each.name for each in self._listed() or ()))
        own = {each for name in names for each in _with_parents(name) if self.directory in each}
        for name in sorted(own, key=lambda name: (-name.count("/"), name)):
            with suppress(Exception):
                self.storage.delete(name)
        listed = self._listed()
        if listed is None:
            return sorted(filter(self._is_left, names | own))
        files = {each.name for each in listed if not each.is_directory}
        # A bucket lists directories that do not exist.
        directories = {each.name for each in listed if each.is_directory}
        return sorted(files.union(filter(self._is_left, directories | names - own)))

    def _listed(self) -> list[DirEntry] | None:
        with suppress(Exception):  # it has no listdir(), or no such directory
            return [*walk([DirEntry(self.storage, self.directory, is_directory=True)])]
        return None

    def _is_left(self, name: str) -> bool:
        with suppress(Exception):
            return bool(self.storage.exists(name))
        return False


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition("/")[0]


def last_part(name: str) -> str:
    """Return the last component of a name; object stores end directories with a slash."""
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2]


def expect(condition: object, message: str) -> None:
    """Raise ``AssertionError`` unless a condition holds, under ``python -O`` too."""
    if not condition:
        raise AssertionError(message)


def expect_equal(actual: Any, expected: Any, what: str) -> None:
    """Raise ``AssertionError`` unless two values are equal; the message shortens long ones."""
    expect(actual == expected, f"{what}: {_short.repr(actual)}, expected {_short.repr(expected)}")


@contextmanager
def expect_raises(
    error: type[Exception] | tuple[type[Exception], ...], what: str
) -> Iterator[None]:
    """Raise ``AssertionError`` unless a block raises an error of a class, or of one of several."""
    names = " or ".join(each.__name__ for each in (error if isinstance(error, tuple) else (error,)))
    try:
        yield
    except error:
        return
    except Exception as other:
        raise AssertionError(
            f"{what} raised {type(other).__name__}, expected {names}: {other}"
        ) from other
    raise AssertionError(f"{what} raised nothing, expected {names}")
