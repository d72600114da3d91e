"""The test runner: the kit in every test case of a project."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import unittest
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import MethodType
from typing import Any

from django.test.runner import DiscoverRunner, ParallelTestSuite

from .artifacts import artifacts_of
from .floor import Floor
from .hints import hinting
from .imports import after_setup
from .isolation import isolate_class, isolate_module
from .kept_files import keep_files
from .session import Options, Session


class IsolatingTestSuite(unittest.TestSuite):
    """
    A suite that isolates its test cases without a mixin.

    Their classes are changed when the suite runs, since ``--parallel`` runs it in another process.
    """

    artifacts = ""  # the directory for the files of failed tests; "" writes none

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        """Run the tests, with a level of files for each module, class and test."""
        watch = Session.current.watch if Session.current else None
        for cls in {type(test) for test in _test_cases(self)}:
            if "_has_isolated_storages" not in vars(cls):
                cls._has_isolated_storages = True  # type: ignore[attr-defined]
                isolate_class(cls, watch)
                isolate_module(sys.modules.get(cls.__module__))
        with contextlib.ExitStack() as stack:
            stack.enter_context(hinting(result))
            if self.artifacts:
                stack.enter_context(artifacts_of(result, self.artifacts))
            return super().run(result, debug)


def begin_worker(
    init_worker: Callable[..., None], options: Options, *args: Any, **kwargs: Any
) -> None:
    """
    Initialize a worker process, and give it a copy of the files of its parent.

    :param init_worker: the function of Django, or of the project, that initializes a worker.
    :param options: the options of the session in a process that is not forked, where it begins when
        Django is set up, before test modules are imported.
    """
    forked = Session.current
    if forked is not None:
        init_worker(*args, **kwargs)
        forked.relocate()
        return

    def begin() -> None:
        if Session.current is None:
            Session.begin(options).begin_watch()

    with after_setup(begin):
        init_worker(*args, **kwargs)
    begin()


def _test_cases(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _test_cases(test)
        else:
            yield test


class InMemoryStorageRunnerMixin:
    """
    Move or replace all storages, and roll their files back in every test case.

    A project's own runner derives from it: ``class Runner(InMemoryStorageRunnerMixin, ItsRunner)``.

    ``inmemorystorage_override = False`` leaves the storages as they are.
    ``inmemorystorage_load`` is ``"none"``, ``"all"`` or patterns: the files of the project with
    which private directories begin, by default those that git tracks.
    ``inmemorystorage_left = [...]`` names directories that do not move, and URLs of services that
    are really reached.
    ``inmemorystorage_strict = True`` fails tests that write to a real storage, and ``"reads"``
    those that use one at all.
    ``inmemorystorage_repeated = 10`` fails tests in which one line, not of the tests, repeats an
    operation so many times; ``inmemorystorage_repeated_allow`` are patterns of what may repeat, as
    `forbid_repeated_operations` has them.
    ``inmemorystorage_orphans = "error"`` fails tests that leave files to which no row refers.
    ``inmemorystorage_artifacts = "DIR"``, or ``--storage-artifacts DIR`` on the command line,
    writes the files that failed tests left below that directory.
    """

    test_suite: Any = IsolatingTestSuite
    inmemorystorage_override = True
    inmemorystorage_strict: bool | str = False
    inmemorystorage_load = ""
    inmemorystorage_left: Sequence[str] = ()
    inmemorystorage_repeated = 0
    inmemorystorage_repeated_allow: str | tuple[str, ...] = ()
    inmemorystorage_orphans = ""
    inmemorystorage_artifacts: str | None = None

    def __init__(self, *args: Any, storage_artifacts: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if storage_artifacts:
            self.inmemorystorage_artifacts = storage_artifacts

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Add ``--storage-artifacts``."""
        super().add_arguments(parser)  # type: ignore[misc]
        parser.add_argument(
            "--storage-artifacts",
            metavar="DIR",
            help="Write the files that failed tests left below this directory.",
        )

    @property
    def _options(self) -> Options:
        return Options.read(
            self.inmemorystorage_override,
            self.inmemorystorage_strict,
            self.inmemorystorage_load,
            tuple(self.inmemorystorage_left),
            repeated=self.inmemorystorage_repeated,
            allowed=self.inmemorystorage_repeated_allow,
            orphans=self.inmemorystorage_orphans,
        )

    def setup_test_environment(self, **kwargs: Any) -> None:
        """Move or replace the storages first, before test modules are imported."""
        self._session = Session.begin(self._options)
        self._session.begin_watch()
        super().setup_test_environment(**kwargs)  # type: ignore[misc]

    def teardown_test_environment(self, **kwargs: Any) -> None:
        """Restore the storages too."""
        for note in self._session.notes:
            self.log(note, level=logging.WARNING)  # type: ignore[attr-defined]
        super().teardown_test_environment(**kwargs)  # type: ignore[misc]
        self._session.end()

    def setup_databases(self, **kwargs: Any) -> Any:
        """Keep the files that migrations save, if the database is kept."""
        is_kept = getattr(self, "keepdb", False)
        with keep_files() if is_kept else contextlib.nullcontext():
            return super().setup_databases(**kwargs)  # type: ignore[misc]

    def build_suite(self, *args: Any, **kwargs: Any) -> unittest.TestSuite:
        """Return a suite whose worker processes, if any, have the same session."""
        suite: unittest.TestSuite = super().build_suite(*args, **kwargs)  # type: ignore[misc]
        if isinstance(suite, ParallelTestSuite):
            root = Floor.current.root if Floor.current else ""
            init_worker: Any = suite.init_worker
            begin = partial(begin_worker, init_worker.__func__, replace(self._options, parent=root))
            suite.init_worker = MethodType(begin, suite)
        directory = self.inmemorystorage_artifacts
        for part in getattr(suite, "subsuites", [suite]):
            part.artifacts = directory and os.path.abspath(directory)
        return suite


class InMemoryStorageRunner(InMemoryStorageRunnerMixin, DiscoverRunner):
    """Django's test runner with `InMemoryStorageRunnerMixin`, for ``TEST_RUNNER``."""
