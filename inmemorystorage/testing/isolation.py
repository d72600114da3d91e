"""Files that roll back: with a block, a function, a test and a class of tests."""

from __future__ import annotations

import contextlib
import functools
import unittest
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.test import LiveServerTestCase

from ..tree.journal import Savepoint
from .live import serve_live_media
from .tools import TestTool, enable_for_class

Class = TypeVar("Class", bound=type[Any])


class isolate_storages(TestTool):
    """
    Undo at the end what happens to the files of any `InMemoryStorage` of the process.

    Files and directories that were created, overwritten, appended to, truncated or deleted, their
    times and the room that they take are as they were before. It nests, and costs what changed.

    A context manager (``with`` and ``async with``, which give the `Savepoint`), a decorator of
    functions and coroutines, and of classes: a ``TestCase`` then has a level for the class, where
    ``setUpClass()`` and ``setUpTestData()`` belong, and one for each test.
    """

    def __init__(self) -> None:
        super().__init__()
        self._savepoints: list[Savepoint] = []

    def enable(self) -> Savepoint:
        """Begin a level."""
        self._savepoints.append(Savepoint())
        return self._savepoints[-1]

    def disable(self) -> None:
        """Undo what happened in the level that began last."""
        self._savepoints.pop().rollback()

    def decorate_class(self, cls: Class) -> Class:
        """Give a class of tests its levels."""
        if not issubclass(cls, unittest.TestCase):
            return super().decorate_class(cls)
        isolate_class(cls)
        return cls


def isolate_class(cls: type[unittest.TestCase], *more: Callable[[], TestTool]) -> None:
    """
    Give a ``TestCase`` a level for the class and one for each test.

    :param more: what makes the other tools that each test has; what they raise at the end, the
        test fails by.
    """
    if issubclass(cls, LiveServerTestCase):
        enable_for_class(cls, serve_live_media())
    enable_for_class(cls, isolate_storages())
    for name in ("__call__", "debug"):
        setattr(cls, name, _with_tools(getattr(cls, name), more))


def _with_tools(run: Callable[..., Any], more: Iterable[Callable[[], TestTool]]) -> Any:
    @functools.wraps(run)
    def wrapper(test: unittest.TestCase, *args: Any, **kwargs: Any) -> Any:
        with isolate_storages(), contextlib.ExitStack() as stack:
            stack.callback(test.doCleanups)  # which a test that is skipped, say, leaves undone
            for make in more:
                tool = make()
                tool.enable()
                test.addCleanup(tool.disable)
            return run(test, *args, **kwargs)

    return wrapper
