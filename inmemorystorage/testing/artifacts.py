"""Write the files that a failed test left to a directory."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import unittest
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from .ledger import OperationLog
from .levels import Level
from .media import Media, all_media
from .tools import attribute
from .watch import LAST

CHANGES, OPERATIONS = "changes.txt", "operations.txt"
# Test ids whose directory names are short, and differ from those of all other ids.
_PLAIN = re.compile(r"\w[\w./:-]{0,119}(\[[\w.-]{0,60}\])?", re.ASCII)

# Names of files that lead out of a directory, or that no disk has, as keys in a bucket may.
_ODD = re.compile(r"(^|[/\\])\.{0,2}([/\\]|$)|^\w:|\0")


def change_lines(media: Iterable[tuple[str, Media]]) -> list[str]:
    """Return a line for each file that a test created, changed or deleted."""
    return [
        f"{change} on {alias}: {name!r}"
        for alias, files in media
        for change in ("created", "changed", "deleted")
        for name in getattr(files, change)
    ]


def write_artifacts(
    directory: str | os.PathLike[str],
    test_id: str,
    media: Iterable[tuple[str, Media]],
    operations: Iterable[object],
) -> list[str]:
    """
    Write what a test left, and return the line for its report that names the directory.

    The files that it created or changed are written to ``directory/test id/alias/…``; beside the
    aliases, `CHANGES` lists the changes and `OPERATIONS` the last operations. They replace those of
    an earlier failure of the test. Nothing is written for a test that used no storage, and nothing
    outside of the directory, whatever the names of the files are.

    :param media: the files of each storage, with its alias.
    """
    media = list(media)
    changed, done = change_lines(media), [str(each) for each in operations]
    if not changed and not done:
        return []
    target = Path(directory, directory_name(test_id))
    try:
        if (target / CHANGES).exists():
            shutil.rmtree(target)
        _write(target / CHANGES, _text(changed))
        _write(target / OPERATIONS, _text(done))
        for alias, files in media:
            for name in (*files.created, *files.changed):
                path = directory_name(name) if _ODD.search(name) else name
                _write(target / directory_name(alias) / path, files[name])
    except OSError as error:  # the test must fail for its first reason
        return [f"Its artifacts could not be written to {target}: {error}"]
    return [f"Its artifacts are in {target}"]


def directory_name(label: str) -> str:
    """Return a name for a directory: the label, in characters that every system allows."""
    name = re.sub(r"[^\w.\[\]-]+", "-", label, flags=re.ASCII).strip("-")
    if _PLAIN.fullmatch(label):
        return name
    return f"{name[:120]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def innermost_level() -> Level | None:
    """Return the level that began last, or ``None`` outside of levels."""
    return Level.open[-1] if Level.open else None


@contextlib.contextmanager
def artifacts_of(result: unittest.TestResult, directory: str) -> Iterator[None]:
    """Write the artifacts of each test whose failure is reported to a result."""
    reporter = FailureReporter(directory)
    with contextlib.ExitStack() as stack:
        stack.enter_context(reporter.operations)
        for name in ("startTest", "stopTest", "addError", "addFailure", "addSubTest"):
            report = functools.partial(getattr(reporter, name), getattr(result, name))
            stack.enter_context(attribute(result, name, report))
        yield


class FailureReporter:
    """
    Wrap methods of a ``unittest.TestResult``, which are passed as ``proceed``.

    On Python 3.11 and later, failures are reported before ``tearDown()``, which may remove files;
    on Python 3.10 after it. A later failure of the same test does not replace the artifacts.
    """

    def __init__(self, directory: str) -> None:
        self.operations = OperationLog(limit=LAST)
        self._directory = directory
        self._level: Level | None = None
        self._reported: set[str] = set()

    def startTest(self, proceed: Callable[..., None], test: unittest.TestCase) -> None:
        """Remember the level of the test, and forget the operations of its class."""
        self._level = innermost_level()
        self.operations.clear()
        proceed(test)

    def stopTest(self, proceed: Callable[..., None], test: unittest.TestCase) -> None:
        """Forget the test; the next failure may be that of a class, which does not start."""
        self._level = None
        self.operations.clear()
        proceed(test)

    def addError(self, proceed: Callable[..., None], test: unittest.TestCase, error: Any) -> None:
        """Write the artifacts of the test."""
        self._report(test, error)
        proceed(test, error)

    addFailure = addError

    def addSubTest(
        self, proceed: Callable[..., None], test: unittest.TestCase, subtest: Any, error: Any
    ) -> None:
        """Write the artifacts of a subtest that failed."""
        if error is not None:
            self._report(subtest, error)
        proceed(test, subtest, error)

    def _report(self, test: unittest.TestCase, error: Any) -> None:
        """Write the artifacts at the first failure, and add their directory to the traceback."""
        if test.id() in self._reported:
            return
        self._reported.add(test.id())
        media = all_media(self._level or innermost_level())
        for line in write_artifacts(self._directory, test.id(), media, self.operations):
            getattr(error[1], "add_note", lambda note: None)(line)  # Python 3.11
        if self._level is None:
            self.operations.clear()  # a class or a module failed, and has ended
