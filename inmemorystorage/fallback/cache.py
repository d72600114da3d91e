"""Files that were read from below, kept above: the least recently read go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from .backends import Backend, logger
from .copying import copy_up, lock_of
from .marks import Marks


class ReadCache:
    """
    Copies of files that only backends below have.

    :param target: where the copies are, each under its own name.
    :param marks: which files there are copies. What is marked is deleted when there is no room;
        nothing else ever is.
    :param size: bytes that all copies together may have.
    """

    def __init__(self, target: Backend, marks: Marks, size: int) -> None:
        self.target = target
        self._marks = marks
        self._size = size
        self._lock = threading.RLock()
        self._sizes: OrderedDict[str, int] | None = None

    def has(self, name: str) -> bool:
        """Return whether the file above is a copy."""
        return self._marks.has(name)

    def forget(self, name: str) -> None:
        """Let a copy be a file as any other: it is about to be changed."""
        with self._lock:
            self._known().pop(name, None)
            self._marks.discard(name)

    def touch(self, name: str) -> None:
        """Note that a copy is read."""
        with self._lock, suppress(KeyError):
            self._known().move_to_end(name)

    def keep(self, name: str, source: Backend) -> bool:
        """Copy a file up; return whether that was done."""
        try:
            size = source.ask("size", name)
            if size > self._size:
                return False
            self._make_room(size)
            self._copy(name, source, size)
        except Exception as error:  # the file can be read, which is what was asked for
            logger.warning("cannot keep a copy of %r: %s", name, error)
            self.forget(name)
            return False
        return True

    def _copy(self, name: str, source: Backend, size: int) -> None:
        # Marked first: without a mark a copy would be a file of the user for ever.
        with lock_of(name):
            if self.target.ask("exists", name):
                return
            self._marks.add(name)
            copy_up(name, source, self.target)
        with self._lock:
            self._known()[name] = size

    def _make_room(self, size: int) -> None:
        with self._lock:
            known = self._known()
            while known and sum(known.values()) + size > self._size:
                self._drop(known.popitem(last=False)[0])

    def _drop(self, name: str) -> None:
        if not self._marks.has(name):
            return
        self.target.ask("delete", name)
        self._marks.discard(name)
        logger.debug("%s keeps %r no longer", self.target.label, name)

    def _known(self) -> OrderedDict[str, int]:
        """Return the sizes of the copies; those of an earlier process come first."""
        if self._sizes is None:
            self._sizes = OrderedDict((name, self._size_of(name)) for name in self._marks.names())
        return self._sizes

    def _size_of(self, name: str) -> int:
        with suppress(Exception):
            size: Any = self.target.ask("size", name)
            return int(size)
        return 0
