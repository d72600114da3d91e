"""Suites of tests, run in a process each, without the kit's one line and with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

PACKAGE = Path(__file__).resolve().parents[2]

SETTINGS = """
from pathlib import Path

SECRET_KEY = "for a benchmark"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MEDIA_ROOT = Path(__file__).parent / "media"
"""
WITH_RUNNER = 'from plain import *\nTEST_RUNNER = "inmemorystorage.testing.InMemoryStorageRunner"\n'
INI = "[pytest]\npython_files = test*.py\n"

HEAD = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase, TestCase


class Tests({base}):
"""
EMPTY = "    def test_{number}(self):\n        pass\n"
SAVING = (
    "    def test_{number}(self):\n"
    "        default_storage.save('{number}.txt', ContentFile(b'content'))\n"
)
# `setUpTestData` saves these files for one class; each of its tests changes three of them.
FILES = 1000
STOCK = f"""
    @classmethod
    def setUpTestData(cls):
        for number in range({FILES}):
            name = f"{{number // 100}}/{{number}}.bin"
            default_storage.save(name, ContentFile(b"x" * 1024))

"""
CHANGING = (
    "    def test_{number}(self):\n"
    "        for name in ('0/1.bin', '4/444.bin', '9/999.bin'):\n"
    "            with default_storage.open(name, 'wb') as file:\n"
    "                file.write(b'changed')\n"
)

RUNNERS = {
    "Django's runner": ["-m", "django", "test"],
    "pytest": ["-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"],
}


@dataclass(frozen=True)
class Suite:
    """
    A suite that runs in `directory`: `count` tests below `tests`.

    `exits` are the exit codes of a run that did what it should.
    """

    title: str
    directory: Path
    count: int
    tests: str = "."
    exits: frozenset[int] = frozenset({0})

    def seconds(self, runner: str, *, has_line: bool) -> float:
        """Run the suite, and return the processor time that it took."""
        media = self.directory / "media"
        shutil.rmtree(media, ignore_errors=True)
        before = getrusage(RUSAGE_CHILDREN)
        done = subprocess.run(
            self._command(runner, has_line=has_line),
            cwd=self.directory,
            env={
                **os.environ,
                "PYTHONPATH": f"{self.directory}{os.pathsep}{PACKAGE}",
                "PYTHONDONTWRITEBYTECODE": "",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        after = getrusage(RUSAGE_CHILDREN)
        if done.returncode not in self.exits or (has_line and media.exists()):
            raise RuntimeError(f"{self.title} by {runner} went wrong:\n{done.stdout}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _command(self, runner: str, *, has_line: bool) -> Sequence[str]:
        command = [sys.executable, *RUNNERS[runner], self.tests]
        if runner == "pytest":
            line = ["-o", "inmemorystorage_override=true"] if has_line else []
            return [*command, "-c", "pytest.ini", "--ds=plain", *line]
        return [*command, "--settings", "with_line" if has_line else "plain"]


def empty_suite(directory: Path, count: int, settings: str = "") -> Suite:
    """Return a suite of tests that do nothing, in a project with more settings."""
    suite = _generate(Suite(f"{count:,} empty", directory, count), "SimpleTestCase", EMPTY)
    with (directory / "plain.py").open("a") as file:
        file.write(settings)
    return suite


def saving_suite(directory: Path, count: int) -> Suite:
    """Return a suite of tests that save a file each."""
    suite = Suite(f"{count:,} that save a file", directory, count)
    return _generate(suite, "SimpleTestCase", SAVING)


def changing_suite(directory: Path, count: int) -> Suite:
    """Return a suite of one class whose tests change files from `setUpTestData`."""
    suite = Suite(f"{count:,} that change 3 of {FILES:,} files", directory, count)
    return _generate(suite, "TestCase", CHANGING, STOCK, in_class=count)


def easy_thumbnails_suite(directory: Path) -> Suite | None:
    """Return a copy of easy-thumbnails' tests, or None if they cannot run here."""
    spec = find_spec("easy_thumbnails")
    if spec is None or spec.origin is None or find_spec("testfixtures") is None:
        return None
    project = "from easy_thumbnails.tests.settings import *\n"
    _write_project(directory, project)
    shutil.copytree(Path(spec.origin).parent, directory / "easy_thumbnails")
    # With a newer Pillow than it expects, or as root, it may fail without the kit too.
    return Suite("easy-thumbnails", directory, 128, "easy_thumbnails", exits=frozenset({0, 1}))


def _generate(suite: Suite, base: str, test: str, stock: str = "", in_class: int = 100) -> Suite:
    _write_project(suite.directory, SETTINGS)
    for first in range(0, suite.count, in_class):
        numbers = range(first, min(first + in_class, suite.count))
        tests = [test.format(number=number) for number in numbers]
        text = HEAD.format(base=base) + stock + "".join(tests)
        (suite.directory / f"test_{first}.py").write_text(text)
    return suite


def _write_project(directory: Path, settings: str) -> None:
    directory.mkdir()
    (directory / "plain.py").write_text(settings)
    (directory / "with_line.py").write_text(WITH_RUNNER)
    (directory / "pytest.ini").write_text(INI)
