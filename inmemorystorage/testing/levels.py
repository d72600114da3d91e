"""Levels: changes of files, in memory and on the floor, that roll back together."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

from ..tree.journal import Note, Savepoint
from .snapshot import Snapshot

# The states of nodes by their keys; ``None``: the node does not exist.
States = dict[Any, Any]


class Capturing(Protocol):
    """Files without a journal, whose states are captured when a level begins."""

    def capture(self) -> States:
        """Return the states of all nodes."""

    def apply(self, states: States) -> None:
        """Restore the states of some nodes."""


class Level:
    """
    The changes of files since the level was made; levels nest.

    ``savepoint`` has the changes of trees in memory; ``snapshot`` is the `Snapshot` of the active
    floor when the level began, or ``None``; ``open`` has the levels that have not ended, and
    ``captured`` the files that they capture.
    """

    open: ClassVar[list[Level]] = []
    captured: ClassVar[list[Capturing]] = []

    def __init__(self) -> None:
        self._before = {files: files.capture() for files in self.captured}
        self.savepoint = Savepoint()
        self.snapshot = Snapshot.current
        if self.snapshot is not None:
            self.snapshot.begin(self)
        self.open.append(self)

    def add(self, files: Capturing, states: States) -> None:
        """Add states to those before the level."""
        if files in self._before:
            self._before[files].update(states)

    def changes(self, files: Capturing) -> tuple[States, States]:
        """Return the states that changed in the level, before and now."""
        return _difference(self._before.get(files, {}), files.capture())

    def end(self) -> None:
        """Undo the changes; do nothing if the level has ended."""
        if self not in self.open:
            return
        self.open.remove(self)
        try:
            changed = {files: self.changes(files)[0] for files in self._before}
            self.savepoint.rollback()
            for files, states in changed.items():
                files.apply(states)
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
    """The changes that a fixture makes, which last as long as the fixture."""

    def __init__(self) -> None:
        self._note = Note()
        self._snapshot = Snapshot.current
        self._before: dict[Capturing, States] = {files: {} for files in Level.captured}
        self._resumed: dict[Capturing, States] = {}

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Let the changes of a block belong to the fixture, and not to the test."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._note.recording())
            if self._snapshot is not None:
                stack.enter_context(self._snapshot.recording(self))
            captured = {files: files.capture() for files in self._before}
            try:
                yield
            finally:
                for files, states in captured.items():
                    self._take(files, *_difference(states, files.capture()))

    def _take(self, files: Capturing, before: States, now: States) -> None:
        """Move changes from the open levels to the fixture."""
        self._before[files] = before | self._before[files]
        for level in Level.open:
            level.add(files, now)

    def resume(self) -> None:
        """Let changes belong to the fixture until it ends."""
        self._resumed = {files: files.capture() for files in self._before}
        self._note.resume()
        if self._snapshot is not None:
            self._snapshot.begin(self)

    def end(self) -> None:
        """Undo the changes."""
        for files, states in self._resumed.items():
            self._take(files, *_difference(states, files.capture()))
        with contextlib.ExitStack() as stack:
            if self._snapshot is not None:
                stack.callback(self._snapshot.end, self)
            for files, before in self._before.items():
                stack.callback(self._undo, files, before)
            stack.callback(self._note.undo)

    def _undo(self, files: Capturing, before: States) -> None:
        files.apply(before)
        for level in Level.open:
            level.add(files, before)


def _difference(before: States, now: States) -> tuple[States, States]:
    keys = [key for key in before | now if before.get(key) != now.get(key)]
    return {key: before.get(key) for key in keys}, {key: now.get(key) for key in keys}


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
