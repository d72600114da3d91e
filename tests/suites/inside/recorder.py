"""A Django test runner that writes each test's outcome to the file named by `SUITE_OUTCOMES`."""

import inspect
import json
import os
import tempfile
import traceback
import unittest
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from django.test import override_settings
from django.test.runner import DiscoverRunner

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class RecordingResult(unittest.TextTestResult):
    """Record each test's outcome, with the error's first line and where the test raised it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcomes: dict[str, Sequence[str | int]] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        """Count the test as passed until something else is reported."""
        self.outcomes[test.id()] = ["passed"]
        super().startTest(test)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Record a test that its suite skips."""
        self.outcomes[test.id()] = ["skipped", reason]
        super().addSkip(test, reason)

    def addFailure(self, test: unittest.TestCase, err: ExcInfo) -> None:
        """Record a failed assertion."""
        self._record(test, "failed", err)
        super().addFailure(test, err)

    def addError(self, test: unittest.TestCase, err: ExcInfo) -> None:
        """Record any other exception, also of a class's or module's set-up."""
        self._record(test, "error", err)
        super().addError(test, err)

    def addSubTest(
        self, test: unittest.TestCase, subtest: unittest.TestCase, err: ExcInfo | None
    ) -> None:
        """Record a failed part of a test as the test's failure."""
        if err is not None:
            failed = isinstance(err[1], test.failureException)
            self._record(test, "failed" if failed else "error", err)
        super().addSubTest(test, subtest, err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Record a test that passes although its suite expects it to fail."""
        self.outcomes[test.id()] = ["failed", "unexpected success"]
        super().addUnexpectedSuccess(test)

    def _record(self, test: unittest.TestCase, state: str, err: ExcInfo) -> None:
        message = traceback.format_exception_only(*err[:2])[0].partition("\n")[0]
        self.outcomes[test.id()] = [state, message, kind(err[0]), line_in_test(test, err[2])]


def kind(error: type[BaseException] | None) -> str:
    """Return the name of the error's nearest built-in class."""
    bases = () if error is None else error.__mro__
    return next(base.__name__ for base in bases if base.__module__ == "builtins")


def line_in_test(test: unittest.TestCase, tb: TracebackType | None) -> int:
    """Return the line of the test's own module that raised, or 0 if none did.

    unittest's placeholder for a failed set-up of a class is not a test, and has no module.
    """
    own = inspect.getsourcefile(type(test)) if isinstance(test, unittest.TestCase) else None
    frames = traceback.extract_tb(tb)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == own), 0)


class FreshRootResult(RecordingResult):
    """Give each test an empty MEDIA_ROOT, so that storages shared by location start empty."""

    def startTest(self, test: unittest.TestCase) -> None:
        """Create the directory before the test's set-up."""
        self._root = tempfile.TemporaryDirectory()
        self._settings = override_settings(MEDIA_ROOT=self._root.name)
        self._settings.enable()
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        """Remove the directory after the test's clean-up."""
        super().stopTest(test)
        self._settings.disable()
        self._root.cleanup()


class RecordingRunner(DiscoverRunner):
    """Run tests with a result that records."""

    result_class: type[RecordingResult] = RecordingResult

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        """Return the recording class."""
        return self.result_class

    def run_suite(self, suite: unittest.TestSuite, **kwargs: Any) -> unittest.TextTestResult:
        """Run the tests, then write the outcomes."""
        result = super().run_suite(suite, **kwargs)
        assert isinstance(result, RecordingResult)
        Path(os.environ["SUITE_OUTCOMES"]).write_text(json.dumps(result.outcomes))
        return result


class FreshRootRunner(RecordingRunner):
    """Run tests that create storages without a location and expect each to be empty."""

    result_class = FreshRootResult
