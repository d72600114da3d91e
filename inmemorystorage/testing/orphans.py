"""Fail tests that leave files to which no row refers."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.files.storage import Storage
from django.db import connections
from django.test import TransactionTestCase
from django.test.testcases import DatabaseOperationForbidden  # type: ignore[attr-defined]

from ..orphans import Survey
from .operations import Call, operations_observed_by, unobserved
from .places import Line, project_line
from .tools import TestTool, attribute, method

AT_ONCE = timedelta(0)
_TITLE = "No row refers to files that were saved:"


class SavedFile(NamedTuple):
    """A file that was saved, and the line that saved it."""

    storage: Storage
    name: str
    line: Line


class assertNoOrphans(TestTool):
    """
    Fail if files that the block saved exist at its end, and no row refers to them.

    Files of storages that no file field uses are left out. A context manager, and a decorator of
    functions, coroutines and classes.

    :param ignore: patterns for names that are left out, as ``fnmatch`` compares them; by default
        those in the setting INMEMORYSTORAGE_IGNORED_ORPHANS.
    """

    checks_each_test = True

    def __init__(self, *, ignore: Iterable[str] | None = None) -> None:
        super().__init__()
        self._ignore = None if ignore is None else [*ignore]
        self._saved: dict[tuple[int, str], SavedFile] = {}

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Begin to note saved files."""
        self.forget()
        stack.enter_context(operations_observed_by(self))

    def forget(self) -> None:
        """Forget the files that were saved before."""
        self._saved = {}

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Ignore the files that a block saves, since they may stay for longer than a test."""
        return attribute(self, "_saved", {})

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Note a saved file, or one that is opened for writing."""
        answer = proceed(call)
        if call.writes and call.op != "delete":
            name = str(answer) if call.op == "save" else call.name
            saved = SavedFile(call.storage, name, project_line())
            self._saved[id(call.storage), name] = saved
        return answer

    def check(self) -> None:
        """Raise ``AssertionError`` with the orphans, once."""
        saved, self._saved = [*self._saved.values()], {}
        aliases = [*filter(_is_allowed, connections)] if saved else []
        # A transaction that failed cannot be read.
        if saved and not any(connections[alias].needs_rollback for alias in aliases):
            with unobserved():
                lines = self._orphans(saved, aliases)
            if lines:
                raise AssertionError("\n".join([_TITLE, *lines, *_hints(aliases)]))

    def _orphans(self, saved: list[SavedFile], aliases: list[str]) -> list[str]:
        """Return a line for each orphan."""
        lines: dict[tuple[str, str], Line] = {}
        with contextlib.closing(Survey(aliases=aliases, is_strict=False)) as survey:
            for storage, name, line in saved:
                label = survey.label_of(storage)
                if label is not None and _exists(storage, name):
                    lines[label, name] = line
            for label, name in lines:
                survey.add_files(label, [name])
            if lines:
                survey.read_rows()
            found = survey.orphans(older_than=AT_ONCE, ignore=self._ignore)
            return sorted(f"{each}, saved at {lines[each.label, each.name]}" for each in found)


class watch_orphans(assertNoOrphans):
    """Fail tests that leave orphans, before Django rolls their rows back."""

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Begin to watch tests that may use databases."""
        super().begin(stack)
        stack.callback(self.forget)  # files of no test
        stack.enter_context(method(TransactionTestCase, "_post_teardown", self._tear_down))

    def _tear_down(self, tear_down: Callable[[Any], None], test: Any) -> None:
        with contextlib.ExitStack() as stack:
            stack.push(functools.partial(_clean_up_class, type(test)))
            stack.callback(tear_down, test)
            self.check()


def _clean_up_class(cls: type[TransactionTestCase], error: object, *others: object) -> None:
    """Clean up after the class of one test, which pytest-django does not do after an error."""
    if error and cls.__module__.startswith("pytest_django."):
        cls.tearDownClass()
        cls.doClassCleanups()


def _is_allowed(alias: str) -> bool:
    """Return whether the test may use a database."""
    try:
        connections[alias].cursor().close()
    except DatabaseOperationForbidden:
        return False
    return True


def _exists(storage: Storage, name: str) -> bool:
    with contextlib.suppress(Exception):  # its directory is deleted, say
        return storage.exists(name)
    return False


def _hints(aliases: list[str]) -> Iterator[str]:
    pending = sum(len(connections[alias].run_on_commit) for alias in aliases)
    if pending:
        yield (
            f"Callbacks of on_commit() that did not run: {pending}. If they delete files, run them "
            "with captureOnCommitCallbacks(execute=True)."
        )
    yield "Delete files with their rows, or name them in INMEMORYSTORAGE_IGNORED_ORPHANS."
