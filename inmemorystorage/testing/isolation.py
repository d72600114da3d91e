"""Roll files back with a block, a function, a test and a class of tests."""

from __future__ import annotations

import contextlib
import functools
import unittest
from collections.abc import Callable
from typing import Any, TypeVar

from django.test import LiveServerTestCase

from .levels import Level, isolate_examples
from .live import serve_live_media
from .tools import TestTool, enable_for_class
from .watch import Watch

Class = TypeVar("Class", bound=type[Any])


class isolate_storages(TestTool):
    """
    Undo all changes of files at the end: those in memory, and those on moved disks.

    Files and directories that were created, overwritten, appended to, truncated or deleted, their
    times and the room that they take are restored. Blocks nest; the cost depends on the number of
    changes.

    A context manager (``with`` and ``async with``, which return the `Level`), and a decorator of
    functions, coroutines and classes: a ``TestCase`` then has a level for the class, which includes
    ``setUpClass()`` and ``setUpTestData()``, and one for each test.
    """

    def begin(self, stack: contextlib.ExitStack) -> Level:
        """Begin a level, whose changes are undone at the end."""
        level = Level()
        stack.callback(level.end)
        return level

    def decorate_class(self, cls: Class) -> Class:
        """Give a class of tests its levels."""
        if not issubclass(cls, unittest.TestCase):
            return super().decorate_class(cls)
        isolate_class(cls)
        return cls


def isolate_class(cls: type[unittest.TestCase], watch: Watch | None = None) -> None:
    """
    Give a ``TestCase`` a level for the class and one for each test.

    :param watch: the watch for each test; an error that it raises at the end fails the test.
    """
    if issubclass(cls, LiveServerTestCase):
        enable_for_class(cls, serve_live_media())
    enable_for_class(cls, isolate_storages())
    isolate_examples(cls)
    for name in ("__call__", "debug"):
        setattr(cls, name, _isolated(getattr(cls, name), watch))


def isolate_module(module: Any) -> None:
    """Give a module of tests a level, if it has ``setUpModule()`` or ``tearDownModule()``."""
    set_up = getattr(module, "setUpModule", None)
    if set_up is None and not hasattr(module, "tearDownModule"):
        return

    def setUpModule() -> None:
        unittest.addModuleCleanup(Level().end)
        if set_up is not None:
            set_up()

    if getattr(set_up, "__code__", None) is not setUpModule.__code__:
        module.setUpModule = setUpModule


def _isolated(run: Callable[..., Any], watch: Watch | None) -> Any:
    @functools.wraps(run)
    def wrapper(test: unittest.TestCase, *args: Any, **kwargs: Any) -> Any:
        level = Level()
        try:
            if watch is not None:
                watch.begin_test(test.id)
                test.addCleanup(watch.end_test)
            return run(test, *args, **kwargs)
        finally:
            try:
                test.doCleanups()  # a skipped test leaves them undone
            finally:
                level.end()

    return wrapper
