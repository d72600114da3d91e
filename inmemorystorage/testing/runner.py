"""The test runner: all that the kit does by itself, in every test case of a project."""

from __future__ import annotations

import contextlib
import os
import unittest
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.test.runner import DiscoverRunner

from .artifacts import artifacts_of
from .isolation import isolate_class
from .leaks import watch_handles
from .override import override_storages
from .strict import forbid_real_storages
from .tools import TestTool

# What is enabled, by the process: one that was forked needs a MEDIA_ROOT of its own.
_enabled: dict[int, list[TestTool]] = {}


@dataclass(frozen=True)
class Session:
    """
    What a run of tests has on all the time, in each of its processes.

    :param overrides: whether all storages are replaced; ``is_strict``: whether writing to a real
        one is forbidden; ``artifacts``: below which directory the artifacts of failed tests are
        written, if they are.
    """

    overrides: bool
    is_strict: bool
    artifacts: str | None = None

    def enable(self) -> None:
        """Enable all in this process, where it is not yet."""
        if os.getpid() in _enabled:
            return
        # Swallowed errors are told of by the test in which that was.
        strict = forbid_real_storages(tells_of_swallowed=False)
        tools: list[TestTool] = [override_storages()] * self.overrides + [strict] * self.is_strict
        _enabled[os.getpid()] = tools
        for tool in tools:
            tool.enable()

    def disable(self) -> None:
        """Disable all in this process."""
        for tool in reversed(_enabled.pop(os.getpid())):
            tool.disable()

    def isolate(self, cls: type[unittest.TestCase]) -> None:
        """Give a class of tests its levels, and each test what it has on."""
        if "_has_isolated_storages" not in vars(cls):
            cls._has_isolated_storages = True  # type: ignore[attr-defined]
            isolate_class(cls, watch_handles, *[forbid_real_storages] * self.is_strict)


class IsolatingTestSuite(unittest.TestSuite):
    """
    A suite whose test cases need no mixin.

    Their classes are changed when the suite runs, since that is in a process of its own with
    ``--parallel``; so the session is enabled here too, in a process that does not have it.
    """

    session = Session(overrides=False, is_strict=False)

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        """Run the tests, with a level of files for each class and each test."""
        self.session.enable()
        for cls in {type(test) for test in _test_cases(self)}:
            self.session.isolate(cls)
        with contextlib.ExitStack() as stack:
            if self.session.artifacts:
                stack.enter_context(artifacts_of(result, self.session.artifacts))
            return super().run(result, debug)


def _test_cases(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _test_cases(test)
        else:
            yield test


class InMemoryStorageRunnerMixin:
    """
    Replace all storages by storages in memory, and roll their files back in every test case.

    For a project with a runner of its own: ``class Runner(InMemoryStorageRunnerMixin, ItsRunner)``.
    ``inmemorystorage_override = False`` leaves the storages as they are, and
    ``inmemorystorage_strict = True`` forbids to write to one that is not in memory.
    ``inmemorystorage_artifacts = "DIR"``, or ``--storage-artifacts DIR`` on the command line,
    writes what failed tests left below that directory.
    """

    test_suite: Any = IsolatingTestSuite
    inmemorystorage_override = True
    inmemorystorage_strict = False
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
    def _session(self) -> Session:
        directory = self.inmemorystorage_artifacts
        return Session(
            self.inmemorystorage_override,
            self.inmemorystorage_strict,
            os.path.abspath(directory) if directory else None,
        )

    def setup_test_environment(self, **kwargs: Any) -> None:
        """Replace the storages too."""
        super().setup_test_environment(**kwargs)  # type: ignore[misc]
        self._session.enable()

    def teardown_test_environment(self, **kwargs: Any) -> None:
        """Put the storages back too."""
        self._session.disable()
        super().teardown_test_environment(**kwargs)  # type: ignore[misc]

    def build_suite(self, *args: Any, **kwargs: Any) -> unittest.TestSuite:
        """Return a suite whose parts know what a process of their own needs."""
        suite: unittest.TestSuite = super().build_suite(*args, **kwargs)  # type: ignore[misc]
        for part in getattr(suite, "subsuites", [suite]):
            part.session = self._session
        return suite


class InMemoryStorageRunner(InMemoryStorageRunnerMixin, DiscoverRunner):
    """Django's test runner with `InMemoryStorageRunnerMixin`, for ``TEST_RUNNER``."""
