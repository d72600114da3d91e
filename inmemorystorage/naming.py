"""Which names are available, and which name ``save()`` chooses instead of a taken one."""

from __future__ import annotations

import errno
from operator import attrgetter
from typing import Any, ClassVar, cast

from django.core.files.storage import Storage

from .behaviors import Behavior


class NamingMixin(Storage):
    """Choose names as ``FileSystemStorage`` does since Django 5.1, on every Django."""

    _allow_overwrite: bool
    behavior: Behavior
    # What Storage.save() calls: save() has no fast path if a subclass or an instance overrides one.
    _hooks: ClassVar[tuple[str, ...]]
    _hooks_of: ClassVar[attrgetter[Any]]
    _known_hooks: ClassVar[Any]

    @classmethod
    def know_hooks(cls) -> None:
        """Record the hooks that this class has now; any others are overrides."""
        cls._hooks_of = attrgetter(*cls._hooks)
        cls._known_hooks = cls._hooks_of(cls)

    def _has_own_hooks(self) -> bool:
        """Return whether a subclass, or this instance, overrides a hook of ``save()``."""
        if self._hooks_of(type(self)) != self._known_hooks:
            return True
        return not self.__dict__.keys().isdisjoint(self._hooks)

    def _may_overwrite(self, name: str) -> bool:
        """Return true if the taken ``name`` may be overwritten, else raise ``FileExistsError``."""
        if not self.behavior.yields_to_names:
            raise FileExistsError(
                errno.EEXIST,
                "get_available_name() returns a taken name; pass allow_overwrite=True to let "
                "save() overwrite the file",
                name,
            )
        return True

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """
        Return ``name``, or a similar name that is free.

        Raises ``SuspiciousFileOperation`` if ``max_length`` leaves no room for one.
        """
        asked = _Availability(self, max_length)
        return Storage.get_available_name(asked, name, max_length=max_length)

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Return whether ``save()`` would use ``name`` unchanged."""
        is_too_long = bool(max_length) and len(name) > cast("int", max_length)
        is_free = self._allow_overwrite or not self._is_taken(name)
        return is_free and not is_too_long

    def _is_taken(self, name: str) -> bool:
        """Return whether ``save()`` needs another name, unless it may overwrite."""
        return self.exists(name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return another name, with random letters; the same if ``save()`` may overwrite."""
        if self._allow_overwrite:
            return f"{file_root}{file_ext}"
        return super().get_alternative_name(file_root, file_ext)


class _Availability(Storage):
    """Call ``is_name_available()`` where Django before 5.1 calls ``exists()``."""

    def __init__(self, storage: Storage, max_length: int | None) -> None:
        self._storage = storage
        self._max_length = max_length

    def exists(self, name: str) -> bool:
        """Return whether a name is not available."""
        return not self._storage.is_name_available(name, max_length=self._max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return the storage's own alternative."""
        return self._storage.get_alternative_name(file_root, file_ext)
