"""Names: which may be written, which are free in all backends, and which others are taken."""

from __future__ import annotations

import os
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage

from ..exceptions import ReadOnlyStorageError
from .backends import Backend, normal
from .lookup import LookupMixin, has_file, may_have

# What storages call their option to write over files.
_OVERWRITES = ("_allow_overwrite", "file_overwrite", "overwrite_files")


class NamingMixin(LookupMixin):
    """Choose names as the first backend does, of those that are free in all."""

    def _writers(self, name: Any) -> list[Backend]:
        """Return the backends that may be written for a name, one that has it first."""
        form = normal(name)
        if self._is_reserved(form):
            raise SuspiciousFileOperation(
                f"{str(name)!r} cannot be stored: a FallbackStorage keeps its marks in "
                f"directories called {self._reserved!r}. Choose another name."
            )
        writers = [each for each in self._backends if each.is_writable and each.route.admits(form)]
        if not writers:
            raise ReadOnlyStorageError(
                "no backend of this FallbackStorage may be written for that name: see its options "
                "writable, only and skip",
                str(name),
            )
        if writers[1:]:
            writers.sort(key=lambda each: not has_file(each, name))
        return writers

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """
        Return ``name``, or one like it that is free in all backends.

        Where the first one overwrites files, names that are taken are available. Raises
        ``SuspiciousFileOperation`` where ``max_length`` leaves no room for a name.
        """
        writer = self._writers(name)[0]
        # One that gives the name of a file that it has writes over it, or has deleted it just now.
        given = {normal(name)} if not overwrites(writer) and has_file(writer, name) else set()
        if writer.has("get_available_name"):
            name = writer.ask("get_available_name", name, max_length=max_length)
        if overwrites(writer) or normal(name) in given or not self._may_be_taken(name):
            return name
        return Storage.get_available_name(_Names(self, name), name, max_length=max_length)

    def _may_be_taken(self, name: str) -> bool:
        """Return whether a backend has a name, or does not tell: then another name is safe."""
        return any(may_have(backend, name) for backend in self._asked(name, copies_count=True))

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Return whether ``save()`` would take ``name`` as it stands."""
        is_free = overwrites(self._writers(name)[0]) or not self.exists(name)
        return is_free and (not max_length or len(str(name)) <= max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return another name, as the first backend makes them."""
        return str(self._make_name("get_alternative_name", file_root, file_ext))

    def get_valid_name(self, name: str) -> str:
        """Return the name without what the first backend takes in none."""
        return str(self._make_name("get_valid_name", name))

    def generate_filename(self, filename: str | os.PathLike[str]) -> str:
        """Return the name under which the first backend would save ``filename``."""
        return str(self._make_name("generate_filename", filename))

    def _make_name(self, operation: str, *args: Any) -> Any:
        return self._first_of(self._backends, operation, *args)[1]


def overwrites(writer: Backend) -> bool:
    """Return whether a backend's ``save()`` writes over a file."""
    storage = writer.find()
    return any(getattr(storage, attribute, False) for attribute in _OVERWRITES)


class _Names(Storage):
    """Asks a `FallbackStorage` for other names than one, and Django where it repeats itself."""

    def __init__(self, storage: NamingMixin, name: str) -> None:
        self._storage = storage
        self._taken = name
        self._tried: set[str] = set()

    def exists(self, name: str) -> bool:
        """Return whether a name is taken."""
        return name == self._taken or self._storage.exists(name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return another name than any before."""
        name = self._storage.get_alternative_name(file_root, file_ext)
        if name in self._tried:
            name = super().get_alternative_name(file_root, file_ext)
        self._tried.add(name)
        return name
