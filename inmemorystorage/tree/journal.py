"""
Savepoints: one journal for all trees of the process takes them back to how they were.

While a savepoint is open, each node is noted with its state before it changes for the first time.
So taking a savepoint costs nothing, and rolling back costs what has changed, however often it did
and whatever else is stored. Objects are restored in place: a reference to a file or a directory
stays valid. Savepoints nest; rolling back to one ends the savepoints nested in it.

All changes happen under the one `lock` of this module.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

lock = threading.RLock()
# A child process must not inherit the lock from a thread that it does not have.
getattr(os, "register_at_fork", lambda **_: None)(
    before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
)


class Recorded(Protocol):
    """What the journal can restore in two rounds: remove all that is new, then put back the old."""

    def snapshot(self) -> Any: ...

    def take_out(self, before: Any) -> None: ...

    def restore(self, before: Any) -> None: ...

    def merge(self, older: Any, newer: Any) -> Any: ...


class Journal:
    """
    The journal of the whole process.

    ``savepoint`` is where changes are noted, or ``None``; ``open`` has the open savepoints, the
    innermost last; ``recording`` is the note that records outside of them. Before there is a
    storage with a tree, ``has_trees`` is false, and savepoints are in ``waiting`` instead.
    ``rollbacks`` counts. Each of ``boundaries`` is called before a savepoint begins or is rolled
    back, to finish what belongs to the time before.
    """

    savepoint: ClassVar[Note | None] = None
    open: ClassVar[list[Savepoint]] = []
    recording: ClassVar[Note | None] = None
    rollbacks: ClassVar[int] = 0
    has_trees: ClassVar[bool] = False
    waiting: ClassVar[list[Savepoint]] = []
    boundaries: ClassVar[list[Callable[[], None]]] = []


# Those that are open, those that wait for a tree, and the note outside of them.
Savepoints = tuple["list[Savepoint]", "list[Savepoint]", "Note | None"]


class Note:
    """The nodes that have changed, each with its state before."""

    # The savepoints that began while this note records, and while it does so those outside.
    _nested: Savepoints | None = None
    _outer: Savepoints | None = None

    def __init__(self) -> None:
        self.before: dict[Recorded, Any] = {}

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Note the changes of a block here, and not in the open savepoint."""
        self.resume()
        try:
            yield
        finally:
            self.pause()

    def resume(self) -> None:
        """Note changes here from now on; savepoints that begin now are nested in this note."""
        with lock:
            _pass_boundary()
            self._outer = _exchange(self._nested or ([], [], self))

    def pause(self) -> None:
        """Note changes in the open savepoint again."""
        with lock:
            try:
                _pass_boundary()
            finally:
                assert self._outer is not None
                self._nested, self._outer = _exchange(self._outer), None
                if Journal.has_trees:
                    begin()

    def undo(self) -> None:
        """Restore the state before all that is noted, and stop noting."""
        with lock:
            if self._outer is not None:
                self.pause()
            _pass_boundary()
            self._take_back()

    def _take_back(self) -> None:
        inner, Journal.savepoint = Journal.savepoint, None
        # The newest first, so that a new directory is empty when it is taken out.
        for changed, before in reversed(self.before.items()):
            changed.take_out(before)
        for changed, before in self.before.items():
            changed.restore(before)
        Journal.rollbacks += 1
        Journal.savepoint = inner


class Savepoint(Note):
    """A moment to which all trees can be rolled back; it begins when it is made."""

    def __init__(self) -> None:
        super().__init__()
        with lock:
            _pass_boundary()
            if Journal.has_trees:
                Journal.open.append(self)
                Journal.savepoint = self
            else:
                Journal.waiting.append(self)

    def rollback(self) -> None:
        """Undo all that changed since; do nothing if an outer savepoint was rolled back before."""
        self._close(Savepoint._take_back)

    def release(self) -> None:
        """End without undoing anything; the changes now belong to the outer savepoint."""
        self._close(Savepoint._merge_into_outer)

    def noted(self) -> dict[Recorded, Any]:
        """Return all that has changed since, nested savepoints included, with its state before."""
        with lock:
            nested = Journal.open[Journal.open.index(self) :] if self in Journal.open else [self]
            noted: dict[Recorded, Any] = {}
            for savepoint in nested:
                for changed, before in savepoint.before.items():
                    noted[changed] = changed.merge(noted.get(changed), before)
            return noted

    def _close(self, end: Callable[[Savepoint], None]) -> None:
        """End this savepoint and those nested in it, from the innermost on, each by ``end``."""
        with lock:
            try:
                _pass_boundary()
            finally:
                while self in Journal.waiting:
                    Journal.waiting.pop()
                while self in Journal.open:
                    innermost = Journal.open.pop()
                    Journal.savepoint = _innermost()
                    end(innermost)

    def _merge_into_outer(self) -> None:
        outer = Journal.savepoint
        if outer is not None:
            for changed, before in self.before.items():
                outer.before[changed] = changed.merge(outer.before.get(changed), before)


def begin() -> None:
    """Open the savepoints that were made before there was a tree."""
    with lock:
        Journal.has_trees = True
        Journal.open += Journal.waiting
        Journal.waiting.clear()
        Journal.savepoint = _innermost()


def _exchange(savepoints: Savepoints) -> Savepoints:
    """Set the savepoints of the journal; return those that it had."""
    before = Journal.open, Journal.waiting, Journal.recording
    Journal.open, Journal.waiting, Journal.recording = savepoints
    Journal.savepoint = _innermost()
    return before


def _innermost() -> Note | None:
    return Journal.open[-1] if Journal.open else Journal.recording


def record(changed: Recorded) -> Any:
    """
    Note a node that is about to change, if it has not changed since the innermost savepoint.

    Return what is noted: the caller may add to it. Called under the `lock` with a savepoint open.
    """
    savepoint = Journal.savepoint
    assert savepoint is not None
    before = savepoint.before.get(changed)
    if before is None:
        before = savepoint.before[changed] = changed.snapshot()
    return before


def _pass_boundary() -> None:
    for finish in Journal.boundaries:
        finish()
