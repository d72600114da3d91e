"""Saving: the short way for what is in memory, and the template of ``Storage.save()``."""

from __future__ import annotations

import os
from typing import Any

from django.core.files.base import ContentFile

from .content import is_whole, read_chunks, read_temporary_file, whole_content
from .journal import lock
from .naming import NamingMixin
from .nodes import InMemoryDir, InMemoryFile, State
from .paths import PathMixin, is_plain
from .volume import find_target, make_directories, store


class SavingMixin(PathMixin, NamingMixin):
    """Store contents under names that are free."""

    _hooks = (
        "get_available_name",
        "is_name_available",
        "get_alternative_name",
        "exists",
        "path",
        "_save",
    )

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """
        Store ``content`` under ``name``, or one like it that is free; return the name.

        :param name: relative to the location; ``None`` takes the content's own.
        :param content: a ``File``, anything with ``read()``, bytes, or text (kept as UTF-8); it is
            read from its start.
        :param max_length: characters that the name may have.

        Raises ``SuspiciousFileOperation`` for a name outside of the location or one that
        ``max_length`` leaves no room for, and ``OSError`` as a disk does.
        """
        if isinstance(content, (bytes, str)):
            content = ContentFile(content, name)
        if type(name) is str and self._can_save_directly(name, content, max_length):
            saved = self._save_directly(name, content, max_length)
            if saved is not None:
                return saved
        return super().save(name, content, max_length=max_length)

    def _can_save_directly(self, name: str, content: Any, max_length: int | None) -> bool:
        """Return whether the template of ``Storage.save()`` would do nothing else for ``name``."""
        return (
            is_plain(name)
            and name.isascii()
            and "\\" not in name
            and len(name) <= (max_length or self.behavior.name_max)
            and len(name) <= self.behavior.name_max
            and not self._allow_overwrite
            and not self._has_own_hooks()
            and is_whole(content)
        )

    def _save_directly(self, name: str, content: Any, max_length: int | None) -> str | None:
        """Store ``content`` without the template; return its name, or ``None`` if it cannot be."""
        if self._save_new(name, content):
            return name
        if self._epoch != State.epoch:  # nothing is at hand, and the template chooses a name
            return None
        name = self.get_available_name(name, max_length=max_length)
        return name if self._save_new(name, content) else None

    def _save_new(self, name: str, content: Any) -> bool:
        """Store ``content`` if ``name`` is known to be free; return whether it was."""
        above, _, last = name.rpartition("/")
        if self._epoch != State.epoch:
            self._find_base()
        with lock:
            if self._epoch != State.epoch:
                return False
            parent = self._find(above) if above else self._base
            if parent is None:
                parent = make_directories(self._place(above), self.behavior)
            if not isinstance(parent, InMemoryDir) or last in parent.children:
                return False
            parent.link(last, InMemoryFile(whole_content(content)))
            return True

    def _save(self, name: str, content: Any) -> str:
        make_directories(self._place(name).parent, self.behavior)
        name, overwrite = self._settle(name)
        if hasattr(content, "temporary_file_path"):
            whole = read_temporary_file(content)
            name = self._store(name, whole, overwrite=overwrite, in_place=False)
            os.remove(content.temporary_file_path())
            return name
        chunks: list[bytes] = []
        try:
            read_chunks(content, chunks)
        except BaseException:
            if self.behavior.keeps_partial_save:
                self._store(name, b"".join(chunks), overwrite=overwrite)
            raise
        return self._store(name, b"".join(chunks), overwrite=overwrite)

    def _settle(self, name: str) -> tuple[str, bool]:
        """
        Return a name that can be had, and whether the file there is written over.

        Comes before the content is read, which may be read but once.
        """
        while True:
            self._find(name)
            try:
                find_target(self._place(name), self.behavior, overwrite=self._allow_overwrite)
            except FileExistsError:
                taken, name = name, self.get_available_name(name)
                if name == taken and self._has_own_hooks():
                    return name, self._yield_to(name)
            else:
                return name, self._allow_overwrite

    def _store(self, name: str, content: bytes, *, overwrite: bool, in_place: bool = True) -> str:
        in_place = in_place and self.behavior.overwrites_in_place
        while True:
            place = self._place(name)
            try:
                store(place, content, self.behavior, overwrite=overwrite, in_place=in_place)
            except FileExistsError:
                name, overwrite = self._settle(name)
            else:
                return self._relative(place).replace("\\", "/")
