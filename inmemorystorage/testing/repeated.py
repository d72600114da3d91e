"""Fail tests in which one line repeats operations on storages, or requests to buckets."""

from __future__ import annotations

import contextlib
import fnmatch
import os
from collections.abc import Iterator, Sequence

from .ledger import Repeated, capture_storage_operations, group_repeated
from .places import owner_of
from .tools import TestTool

THRESHOLD = 3
# Lines of tests, whose loops prepare and check files.
TESTS = ("tests/*", "tests.py", "test_*.py", "*_test.py", "conftest.py")
# Operations that ask nothing of a storage.
FREE = ("url", "path")


class forbid_repeated_operations(TestTool):
    """
    Fail if one line of the project repeats an operation, as a list page does for each row.

    Operations on storages of any kind count, except ``url()`` and ``path()``, and those that no
    line of the project calls, such as a live server's for each picture of a page. Requests that the
    project sends to buckets through a client count if they are of one kind and for several keys.

    :param threshold: the number of operations or keys that is too many.
    :param allow: patterns, as in ``fnmatch``, of what may repeat: operations (``"delete"``), kinds
        of requests (``"DeleteObject"``), or the files of the lines (``"imports/*.py"``).
    """

    checks_each_test = True

    def __init__(self, threshold: int = THRESHOLD, *, allow: Sequence[str] = ()) -> None:
        super().__init__()
        if threshold < 2:
            raise ValueError(f"The threshold must be 2 or more, not {threshold}.")
        self._threshold = threshold
        self._allow = (allow,) if isinstance(allow, str) else tuple(allow)
        self._captured = capture_storage_operations()

    def begin(self, stack: contextlib.ExitStack) -> forbid_repeated_operations:
        """Begin to forbid."""
        stack.enter_context(self._captured)
        return self

    def forget(self) -> None:
        """Forget what was called before."""
        self._captured.clear()

    def check(self) -> None:
        """Raise ``AssertionError`` with the lines that repeated operations, once."""
        found = (each for each in self._found() if owner_of(each.line.path) == "project")
        lines = [str(each) for each in found if not self._allows(each)]
        self.forget()
        if lines:
            raise AssertionError(
                f"Lines of the project repeat operations on storages {self._threshold} times or "
                "more:\n" + "\n".join(lines) + "\nAsk once for all files, keep the answer in the "
                "database, or allow the operation or the file of the line with allow=."
            )

    def _found(self) -> Iterator[Repeated]:
        for each in self._captured.repeated():
            if each.op not in FREE and len(each) >= self._threshold:
                yield each
        requests = (each for each in self._captured.requests if each.op is None)
        for each in group_repeated((one.kind, one.bucket, one.line, one.key) for one in requests):
            if len({*each.names}) >= self._threshold:
                yield each

    def _allows(self, repeated: Repeated) -> bool:
        path = f"/{repeated.line.relative_path}".replace(os.sep, "/")
        return any(
            fnmatch.fnmatchcase(repeated.op, pattern) or fnmatch.fnmatchcase(path, f"*/{pattern}")
            for pattern in self._allow
        )
