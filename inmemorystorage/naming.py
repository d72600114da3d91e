"""Which names are available, and which name ``save()`` chooses instead of a taken one."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Set
from operator import attrgetter
from typing import Any, ClassVar, TypeGuard, cast

from django.core.files.storage import Storage

from .behaviors import Behavior
from .tree.mount import is_plain

_get_available_name = Storage.get_available_name
_DJANGOS_HOOKS = ("_django.save", "_django.get_available_name")
# The characters that an alternative name has more: an underscore and seven random ones.
ALTERNATIVE_LENGTH = 8
_NONE: Set[str] = frozenset()


def is_settled(name: Any) -> TypeGuard[str]:
    """Return whether Django's ``save()`` accepts ``name`` as it is, if it is available."""
    return type(name) is str and is_plain(name) and "\\" not in name


class NamingMixin(Storage):
    """Choose names as ``FileSystemStorage`` does since Django 5.1, on every Django."""

    _allow_overwrite: bool
    behavior: Behavior
    # What Storage.save() calls: save() asks those that a subclass or an instance overrides.
    _hooks: ClassVar[tuple[str, ...]]
    _django: ClassVar[type[Storage]] = Storage
    _hooks_of: ClassVar[attrgetter[Any]]
    _known_hooks: ClassVar[Any]

    @classmethod
    def know_hooks(cls) -> None:
        """Record the hooks that this class and Django's have now; any others are overrides."""
        # A hook of Django's class is one that a test patches there.
        cls._hooks_of = attrgetter(*cls._hooks, *_DJANGOS_HOOKS)
        cls._known_hooks = cls._hooks_of(cls)

    @classmethod
    def replace_hooks(cls, replaced: Mapping[Any, Any]) -> None:
        """Accept the replacements of some hooks; those that are not replaced stay known."""
        cls._known_hooks = tuple(replaced.get(hook, hook) for hook in cls._known_hooks)

    def _own_hooks(self) -> Set[str]:
        """Return the hooks of ``save()`` that a subclass, or this instance, overrides."""
        hooks = self._hooks_of(type(self))
        if hooks == self._known_hooks and self.__dict__.keys().isdisjoint(self._hooks):
            return _NONE
        named = zip((*self._hooks, *_DJANGOS_HOOKS), hooks, self._known_hooks, strict=True)
        overridden = {name for name, hook, known in named if hook is not known}
        return overridden | (self.__dict__.keys() & self._hooks)

    @staticmethod
    def _has_patched_names() -> bool:
        """Return whether a test patches Django's ``Storage.get_available_name()``."""
        return Storage.get_available_name is not _get_available_name

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
        if self._has_patched_names():
            return super().get_available_name(name, max_length=max_length)
        taken = None
        if is_settled(name):
            if self.is_name_available(name, max_length=max_length):
                return name
            taken = name
        asked: Any = _Availability(self, max_length, taken)
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


class _Availability:
    """
    Answer ``Storage.get_available_name()`` by ``is_name_available()``.

    Django before 5.1 calls ``exists()`` instead. It is no ``Storage``, whose operations tests may
    count.

    :param taken: a name for which ``is_name_available()`` has returned false.
    """

    def __init__(self, storage: Any, max_length: int | None, taken: str | None) -> None:
        self._storage = storage
        self._max_length = max_length
        self._taken = taken
        self.get_alternative_name = storage.get_alternative_name

    def is_name_available(self, name: str, **kwargs: Any) -> bool:
        """Return whether a name is available."""
        if name == self._taken:
            self._taken = None
            return False
        is_available: bool = self._storage.is_name_available(name, max_length=self._max_length)
        return is_available

    def exists(self, name: str) -> bool:
        """Return whether a name is not available."""
        return not self.is_name_available(name)
