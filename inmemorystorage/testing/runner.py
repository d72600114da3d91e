"""The test runner: all that the kit does by itself, in every test case of a project."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

from django.test.runner import DiscoverRunner

from .isolation import isolate_class


class IsolatingTestSuite(unittest.TestSuite):
    """
    A suite whose test cases need no mixin.

    Their classes are changed when the suite runs, since that is in a process of its own with
    ``--parallel``.
    """

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        """Run the tests, with a level of files for each class and each test."""
        for cls in {type(test) for test in _test_cases(self)}:
            if "_has_isolated_storages" not in vars(cls):
                cls._has_isolated_storages = True  # type: ignore[attr-defined]
                isolate_class(cls)
        return super().run(result, debug)


def _test_cases(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _test_cases(test)
        else:
            yield test


class InMemoryStorageRunnerMixin:
    """
    Have the files of in-memory storages roll back in every test case.

    For a project with a runner of its own: ``class Runner(InMemoryStorageRunnerMixin, ItsRunner)``.
    """

    test_suite: Any = IsolatingTestSuite


class InMemoryStorageRunner(InMemoryStorageRunnerMixin, DiscoverRunner):
    """Django's test runner with `InMemoryStorageRunnerMixin`, for ``TEST_RUNNER``."""
