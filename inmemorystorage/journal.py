"""
Savepoints: one journal for all trees of the process takes them back to how they were.

While a savepoint is open, whatever is about to change for the first time since then is noted down
with its state. So taking a savepoint costs nothing, rolling back costs what has changed, however
often it did and whatever else is stored, and who holds a file or a directory holds it afterwards:
the objects are restored in place. Savepoints nest; rolling back to one ends those inside it.

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
    """What the journal can take back, in two rounds: all that came goes, then all that was is."""

    def snapshot(self) -> Any: ...

    def take_out(self, before: Any) -> None: ...

    def restore(self, before: Any) -> None: ...

    def merge(self, older: Any, newer: Any) -> Any: ...


class Journal:
    """
    What is noted, for the whole process.

    ``savepoint`` is the one in which changes are noted, or ``None``; ``open`` has those that are
    open, the innermost last; ``rollbacks`` counts. ``boundaries`` has what is called before a
    savepoint begins or is rolled back, for what belongs to the time until then.
    """

    savepoint: ClassVar[Note | None] = None
    open: ClassVar[list[Savepoint]] = []
    rollbacks: ClassVar[int] = 0
    boundaries: ClassVar[list[Callable[[], None]]] = []


class Note:
    """What has changed, each with how it was before."""

    def __init__(self) -> None:
        self.before: dict[Recorded, Any] = {}

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Have what changes in a block noted here, and not in the savepoint that is open."""
        with lock:
            _pass_boundary()
            inner, Journal.savepoint = Journal.savepoint, self
        try:
            yield
        finally:
            with lock:
                _pass_boundary()
                Journal.savepoint = inner

    def undo(self) -> None:
        """Take all that is noted back to how it was."""
        with lock:
            _pass_boundary()
            self._take_back()

    def _take_back(self) -> None:
        inner, Journal.savepoint = Journal.savepoint, None
        for changed, before in self.before.items():
            changed.take_out(before)
        for changed, before in self.before.items():
            changed.restore(before)
        Journal.rollbacks += 1
        Journal.savepoint = inner


class Savepoint(Note):
    """A moment to which all trees can be taken back; it begins when it is made."""

    def __init__(self) -> None:
        super().__init__()
        with lock:
            _pass_boundary()
            Journal.open.append(self)
            Journal.savepoint = self

    def rollback(self) -> None:
        """Undo all that changed since; silent where an outer savepoint was rolled back before."""
        self._close(Savepoint._take_back)

    def release(self) -> None:
        """End without undoing anything: what changed since belongs to the outer savepoint."""
        self._close(Savepoint._hand_over)

    def noted(self) -> dict[Recorded, Any]:
        """Return how all that has changed since was before, as far as the levels inside tell."""
        with lock:
            inside = Journal.open[Journal.open.index(self) :] if self in Journal.open else [self]
            noted: dict[Recorded, Any] = {}
            for level in inside:
                for changed, before in level.before.items():
                    noted[changed] = changed.merge(noted.get(changed), before)
            return noted

    def _close(self, end: Callable[[Savepoint], None]) -> None:
        """End this savepoint and those inside it, from the innermost on, each by ``end``."""
        with lock:
            try:
                _pass_boundary()
            finally:
                while self in Journal.open:
                    innermost = Journal.open.pop()
                    Journal.savepoint = Journal.open[-1] if Journal.open else None
                    end(innermost)

    def _hand_over(self) -> None:
        outer = Journal.savepoint
        if outer is not None:
            for changed, before in self.before.items():
                outer.before[changed] = changed.merge(outer.before.get(changed), before)


def record(changed: Recorded) -> Any:
    """
    Note down what is about to change, if that is the first time since the innermost savepoint.

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
