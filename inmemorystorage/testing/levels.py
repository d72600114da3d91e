"""Levels: changes of files, in memory and on the floor, that are undone together."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, ClassVar

from ..tree.journal import Note, Savepoint
from .snapshot import Snapshot


class Level:
    """
    The changes of files since the level was made; levels nest.

    ``savepoint`` has the changes of trees in memory; ``snapshot`` is the `Snapshot` of the floor
    that was down when the level began, or ``None``; ``open`` has the levels that have not ended.
    """

    open: ClassVar[list[Level]] = []

    def __init__(self) -> None:
        self.open.append(self)
        self.savepoint = Savepoint()
        self.snapshot = Snapshot.current
        if self.snapshot is not None:
            self.snapshot.begin(self)

    def end(self) -> None:
        """Undo the changes; do nothing if the level has ended."""
        if self not in self.open:
            return
        self.open.remove(self)
        try:
            self.savepoint.rollback()
        finally:
            if self.snapshot is not None:
                self.snapshot.end(self)

    def release(self) -> None:
        """End without undoing anything: the changes belong to the outer level."""
        self.open.remove(self)
        self.savepoint.release()
        if self.snapshot is not None:
            self.snapshot.release(self)


class FixtureLevel:
    """The changes that a fixture makes, whichever tests run while it lives."""

    def __init__(self) -> None:
        self._note = Note()
        self._snapshot = Snapshot.current

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Let the changes of a block belong to the fixture, and not to the test."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._note.recording())
            if self._snapshot is not None:
                stack.enter_context(self._snapshot.recording(self))
            yield

    def resume(self) -> None:
        """Let changes belong to the fixture until it ends."""
        self._note.resume()
        if self._snapshot is not None:
            self._snapshot.begin(self)

    def end(self) -> None:
        """Undo the changes."""
        try:
            self._note.undo()
        finally:
            if self._snapshot is not None:
                self._snapshot.end(self)


def isolate_examples(cls: Any) -> None:
    """Give a test case of ``hypothesis.extra.django`` a level for each example, as rows have."""
    if not hasattr(cls, "setup_example") or hasattr(cls.setup_example, "__wrapped__"):
        return
    set_up, tear_down = cls.setup_example, cls.teardown_example

    @functools.wraps(set_up)
    def setup_example(test: Any) -> None:
        level = test._level_of_example = Level()
        try:
            set_up(test)
        except BaseException:
            level.end()
            raise

    @functools.wraps(tear_down)
    def teardown_example(test: Any, example: Any) -> None:
        try:
            tear_down(test, example)
        finally:
            test._level_of_example.end()

    cls.setup_example, cls.teardown_example = setup_example, teardown_example
