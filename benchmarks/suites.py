"""Measure what the test kit's one line costs a suite: empty tests, and tests that save a file.

Run `python benchmarks/suites.py`. Each suite is a process of its own, without the line and with it
in turns. Times are medians of rounds, in seconds of processor time; the difference is that of a
test, in microseconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from harness.report import table

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "for a benchmark"
USE_TZ = True
INSTALLED_APPS = []
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MEDIA_ROOT = BASE_DIR / "media"
"""
WITH_RUNNER = 'from plain import *\nTEST_RUNNER = "inmemorystorage.testing.InMemoryStorageRunner"\n'
WITH_LINE = "[pytest]\ninmemorystorage_override = true\n"
HEAD = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase


class Tests(SimpleTestCase):
"""
EMPTY = "    def test_{number}(self):\n        pass\n"
SAVING = (
    "    def test_{number}(self):\n"
    "        default_storage.save('{number}.txt', ContentFile(b'content'))\n"
)
IN_MODULE = 100
RUNNERS = {
    "Django's": ["-m", "django", "test"],
    "pytest": ["-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"],
}


def write_suite(directory: Path, test: str, count: int) -> None:
    """Write a project with so many tests."""
    directory.mkdir()
    (directory / "plain.py").write_text(SETTINGS)
    (directory / "with_line.py").write_text(WITH_RUNNER)
    (directory / "with.ini").write_text(WITH_LINE)
    (directory / "without.ini").write_text("[pytest]\n")
    for module in range(count // IN_MODULE):
        tests = [test.format(number=module * IN_MODULE + each) for each in range(IN_MODULE)]
        (directory / f"test_{module}.py").write_text(HEAD + "".join(tests))


def command_of(runner: str, *, has_line: bool) -> list[str]:
    """Return the command that runs a suite."""
    command = [sys.executable, *RUNNERS[runner]]
    if runner == "pytest":
        return [*command, "-c", "with.ini" if has_line else "without.ini", "--ds=plain"]
    return [*command, "--settings", "with_line" if has_line else "plain"]


def seconds_of(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> float:
    """Return the processor time that a command takes; it must succeed."""
    before = getrusage(RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(directory: Path, count: int, rounds: int, environment: Mapping[str, str]) -> list[str]:
    """Run a suite by each runner, without the line and with it in turns; return its cells."""
    cells = []
    for runner in RUNNERS:
        taken: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(rounds):
            for has_line, seconds in taken.items():
                command = command_of(runner, has_line=has_line)
                seconds.append(seconds_of(command, directory, environment))
        without, with_line = median(taken[False]), median(taken[True])
        difference = (with_line - without) / count * 1_000_000
        cells += [f"{without:.2f}", f"{with_line:.2f}", f"{difference:,.0f}"]
    return cells


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--empty", type=int, default=6000, help="how many empty tests")
    parser.add_argument("--saving", type=int, default=1000, help="how many tests that save a file")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    package = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": package, "PYTHONDONTWRITEBYTECODE": "1"}
    rows = []
    with tempfile.TemporaryDirectory() as work:
        suites = {"empty": (EMPTY, options.empty), "saving a file": (SAVING, options.saving)}
        for label, (test, count) in suites.items():
            directory = Path(work, label.replace(" ", "-"))
            write_suite(directory, test, count)
            cells = measure(directory, count, options.rounds, environment)
            rows.append([f"{count:,} {label}", *cells])
    heads = ["tests"]
    for runner in RUNNERS:
        heads += [f"{runner}: without, s", "with, s", "a test, µs"]
    print(table(heads, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
