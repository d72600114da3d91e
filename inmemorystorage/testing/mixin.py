"""The mixin for a project's test cases."""

from __future__ import annotations

import unittest
from typing import Any, cast

from .asserts import StorageAssertionsMixin
from .isolation import isolate_class
from .leaks import watch_handles


class InMemoryStorageTestMixin(StorageAssertionsMixin):
    """
    Have the files of in-memory storages roll back with each test, and with each class of tests;
    and have ``assertStored()`` and the other assertions.

    Stands before the test case: ``class UploadTests(InMemoryStorageTestMixin, TestCase)``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if issubclass(cls, unittest.TestCase):
            isolate_class(cast("type[unittest.TestCase]", cls), watch_handles)
