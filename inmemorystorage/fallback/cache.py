"""Files that were read from below, kept above: the least recently read go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .backends import Backend, logger
from .copying import copy_up, lock_of
from .marks import Marks


class ReadCache:
    """
    Copies of files that only backends below have.

    :param target: where the copies are, each under its own name.
    :param marks: which files there are copies, and what they were like. A file that is marked is
        deleted when there is no room, if it is still like that; nothing else ever is.
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
            if self._sizes is not None:
                self._sizes.pop(name, None)
            with suppress(ValueError, OSError):  # what cannot be a name has no mark
                self._marks.discard(name)

    def touch(self, name: str) -> None:
        """Note that a copy is read."""
        with self._lock, suppress(KeyError):
            if self._sizes is not None:
                self._sizes.move_to_end(name)

    def keep(self, name: str, source: Backend, file: Any, is_hidden: Callable[[str], bool]) -> bool:
        """
        Copy a file up; return whether it is there.

        :param file: the file, open for reading bytes.
        :param is_hidden: tells what was deleted meanwhile.
        """
        try:
            size = file.size
            if size > self._size:
                return False
            self._make_room(size)
            return self._copy(name, source, file, size, is_hidden)
        except Exception as error:  # the file can be read, which is what was asked for
            logger.warning("cannot keep a copy of %r: %s", name, error)
            self._clean_up(name)
            return False

    def _copy(
        self, name: str, source: Backend, file: Any, size: int, is_hidden: Callable[[str], bool]
    ) -> bool:
        # Marked first: without a mark a copy would be a file of the user for ever.
        with lock_of(name):
            if self.target.ask("exists", name):
                return True
            if is_hidden(name):
                return False
            self._marks.discard(name)
            self._marks.add(name, _UNFINISHED)
            copy_up(name, source, self.target, file)
            self._marks.discard(name)
            self._marks.add(name, self._stamp(name))
        with self._lock:
            self._known()[name] = size
        return True

    def _clean_up(self, name: str) -> None:
        """Let go of a copy that failed; of one that cannot be deleted the mark stays."""
        with suppress(Exception):
            if not self.target.ask("exists", name):
                self.forget(name)

    def _stamp(self, name: str) -> str:
        """Return what a file is like: another one, or a changed one, is not."""
        modified = ""
        with suppress(NotImplementedError):
            modified = self.target.ask("get_modified_time", name).isoformat()
        return f"{self.target.ask('size', name)} {modified}"

    def _make_room(self, size: int) -> None:
        for name, freed in self._take_excess(size):
            try:
                self._drop(name)
            except BaseException:
                with self._lock:
                    self._known()[name] = freed
                raise

    def _take_excess(self, size: int) -> list[tuple[str, int]]:
        """Return the copies that must go; they are known no longer."""
        excess = []
        with self._lock:
            known = self._known()
            total = sum(known.values()) + size
            while known and total > self._size:
                excess.append(known.popitem(last=False))
                total -= excess[-1][1]
        return excess

    def _drop(self, name: str) -> None:
        with lock_of(name):
            stamp = self._marks.text(name)
            if not stamp or not self.target.ask("exists", name):
                return
            self._marks.discard(name)
            if stamp in (_UNFINISHED, self._stamp(name)):
                self.target.ask("delete", name)
                logger.debug("%s keeps %r no longer", self.target.label, name)

    def _known(self) -> OrderedDict[str, int]:
        """Return the sizes of the copies; those of an earlier process come first."""
        if self._sizes is None:
            self._sizes = OrderedDict()
            with suppress(NotImplementedError):  # a storage without listdir() knows its own alone
                for name in self._marks.names():
                    self._sizes[name] = self._size_of(name)
        return self._sizes

    def _size_of(self, name: str) -> int:
        with suppress(Exception):
            size: Any = self.target.ask("size", name)
            return int(size)
        return 0


_UNFINISHED = "unfinished"
