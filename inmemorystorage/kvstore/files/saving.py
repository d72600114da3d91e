"""Saving: a name is claimed before a byte is stored, and what is stored is seen as a whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from django.core.files.base import ContentFile

from ...naming import NamingMixin
from .contents import Contents, Storing
from .cutting import Chunk, pieces_of
from .engine import Found
from .names import Name
from .records import Kind, Record
from .suspects import LEASE
from .tree import Tree

# What no name that is stored as it stands has between its slashes.
_ODD_PARTS = frozenset(("", ".", ".."))
# Characters that an alternative name has more than the one that is taken.
_ALTERNATIVE = 8
# Seconds for which a name is claimed. Where nothing is swept, that of a killed save is free then.
_CLAIMED = 24 * LEASE
# Directories of which is known when they were looked through.
_REMEMBERED = 1000


class SavingMixin(NamingMixin):
    """Store contents under names that are free."""

    _hooks = (
        "get_available_name",
        "is_name_available",
        "get_alternative_name",
        "exists",
        "_is_taken",
        "_save",
    )
    _tree: Tree
    _contents: Contents
    _resolve: Callable[[str], Name]
    _done: dict[str | None, float]

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """
        Store ``content`` under ``name``, or one like it that is free; return the name.

        :param name: relative to the location; ``None`` takes the content's own.
        :param content: a ``File``, anything with ``read()``, bytes, or text (kept as UTF-8).
        :param max_length: characters that the name may have.

        Raises ``SuspiciousFileOperation`` for a name outside of the location or one that
        ``max_length`` leaves no room for, and ``OSError`` where the store fails: nothing is stored.
        """
        if isinstance(content, (bytes, str)):
            content = ContentFile(content, name)
        if self._can_save_unasked(name, max_length) and hasattr(content, "chunks"):
            return self._save(cast("str", name), content)
        return super().save(name, content, max_length=max_length)

    def _can_save_unasked(self, name: str | None, max_length: int | None) -> bool:
        """
        Return whether ``Storage.save()`` would do nothing else than ask whether a name is free.

        Storing finds that out by itself, a round trip earlier.
        """
        return (
            type(name) is str
            and "\\" not in name
            and _ODD_PARTS.isdisjoint(name.split("/"))
            and (not max_length or len(name) + _ALTERNATIVE <= max_length)
            and not self._allow_overwrite
            and not self._has_own_hooks()
        )

    def _save(self, name: str, content: Any) -> str:
        self._resolve(name)  # refused before anything is read
        upload = self._contents.begin(pieces_of(content, self._contents.chunk_size))
        if upload.chunks is None:
            saved = self._save_entry(name, self._contents.record(upload.body), upload.body)
        else:
            saved = self._save_chunks(name, upload.chunks)
        if hasattr(content, "temporary_file_path"):
            os.remove(content.temporary_file_path())
        self._tidy(saved, upload.chunks is not None)
        return saved.text.replace("\\", "/")

    def sweep(self, *, older_than: float = LEASE) -> int:
        """
        Clear away what processes have left that were killed while they saved; return how much.

        With a ``ttl`` also all files whose time is over, for which each directory is listed.

        :param older_than: seconds; what is younger may be somebody's who is still at it, who would
            find it gone and say so. By default an hour.

        Saving a file that needs chunks clears away what was left, from time to time, and saving
        with a ``ttl`` what is over in the same directory.
        """
        if self._contents.ttl is not None and self._contents.engine.backend.lists_entries:
            self._tree.remove_all_expired(self._resolve(""))
        return self._contents.suspects.sweep(older_than)

    def _tidy(self, saved: Name, has_chunks: bool) -> None:
        """Look now and then for what is over; an error in that is not one of what was saved."""
        ttl, attempt = self._contents.ttl, self._contents.engine.attempt
        if has_chunks and self._is_due(None, LEASE / 4):
            with attempt():
                self._contents.suspects.sweep(LEASE)
        if ttl is not None and self._is_due(saved.directory, ttl):
            with attempt():
                self._tree.remove_expired(saved.parent)

    def _is_due(self, what: str | None, seconds: float) -> bool:
        """Return whether a directory, or what is none's, was last looked through that long ago."""
        now = time.monotonic()
        if len(self._done) > _REMEMBERED:
            self._done.clear()
        if now - self._done.get(what, -seconds) < seconds:
            return False
        self._done[what] = now
        return True

    def _save_entry(self, name: str, record: Record, body: bytes) -> Name:
        """Store a content that fits into an entry."""
        overwrites = self._allow_overwrite
        while True:
            resolved = self._resolve(name)
            if overwrites:
                self._overwrite(resolved, record, body)
                return resolved
            if self._tree.insert(resolved, record, body):
                return resolved
            name, overwrites = self._other_name(name)

    def _save_chunks(self, name: str, chunks: Iterator[Chunk]) -> Name:
        """Store a content that needs chunks."""
        overwrites = self._allow_overwrite
        while True:
            resolved, claim = self._resolve(name), Record.new(Kind.CLAIM, _CLAIMED)
            place = self._tree.place(resolved)
            with self._contents.storing(resolved.text, place, claim.content) as storing:
                if overwrites:
                    stored = storing.store(chunks)
                    with storing.changing():
                        self._overwrite(resolved, *stored)
                    return resolved
                with storing.changing():
                    is_claimed = self._tree.insert(resolved, claim)
                if is_claimed:
                    return self._fulfil(name, claim, storing, chunks)
            name, overwrites = self._other_name(name)

    def _fulfil(self, name: str, claim: Record, storing: Storing, chunks: Iterator[Chunk]) -> Name:
        """Put the file to the name that is claimed for it, if nobody takes that; return where."""
        resolved = self._resolve(name)
        claimed = self._tree.found(resolved, claim)
        stored, body = storing.store(chunks)
        record = claim.changed(stored)
        with storing.changing():
            done = self._tree.replace(resolved, claimed, record, body)
        while not done:  # who opens a name for writing, or writes over it, asks for no other
            name, overwrites = self._other_name(name)
            resolved = self._resolve(name)
            storing.move(resolved.text, self._tree.place(resolved))
            with storing.changing():
                done = self._put(resolved, record, body, overwrites)
        return resolved

    def _put(self, name: Name, record: Record, body: bytes, overwrites: bool) -> bool:
        if overwrites:
            self._overwrite(name, record, body)
        return overwrites or self._tree.insert(name, record, body)

    def _overwrite(self, name: Name, record: Record, body: bytes = b"") -> None:
        def change(found: Found | None) -> tuple[Record, bytes]:
            stays = self.behavior.overwrites_in_place and found and found.record.is_there
            return (found.record.changed(record) if found and stays else record), body

        self._tree.put(name, change)

    def _other_name(self, name: str) -> tuple[str, bool]:
        """Return another name than a taken one, or that one again if it is to be written over."""
        if not self._has_own_hooks():
            root, extension = os.path.splitext(os.path.basename(name))
            other = self.get_alternative_name(root, extension)
            return os.path.join(os.path.dirname(name), other), False
        other = self.get_available_name(name)
        if other != name or not self._has_own_names():
            return other, False
        return name, self._yield_to(name)

    def _has_own_names(self) -> bool:
        own = type(self).get_available_name is not SavingMixin.get_available_name
        return own or "get_available_name" in vars(self)

    def _is_taken(self, name: str) -> bool:
        found = self._find(name)
        return found is not None and not found.is_expired

    def _find(self, name: str) -> Record | None:
        """Return what is at a name, ``None`` also for what no name can be."""
        try:
            resolved = self._resolve(name)
        except (OSError, ValueError):
            return None
        found = self._tree.find(resolved)
        return None if found is None else found.record
