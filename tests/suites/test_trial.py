"""Running one suite on one storage, shown on a suite of a few tests."""

from pathlib import Path

import pytest

from suites import trial
from suites.catalogue import DJANGO, Suite
from suites.trial import Outcome, Outcomes, run

pytestmark = pytest.mark.once

SUITE = Suite(
    title="a suite",
    requirement="a-suite==1",
    command=("-m", "django", "test", "checks"),
    settings="own_settings",
    at_least=1,
    swap="FileSystemStorage",
    without=("django",),
)
SETTINGS = """
INSTALLED_APPS = []
STORAGES = {"default": {"BACKEND": "nowhere"}, "other": {"BACKEND": "elsewhere"}}
"""
CHECKS = """
import unittest
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.test import SimpleTestCase

class Checks(SimpleTestCase):
    def test_passes(self):
        open("written.txt", "w").close()

    def test_fails(self):
        self.assertEqual(1, 2)

    def test_breaks(self):
        1 / 0

    def test_part_fails(self):
        with self.subTest():
            self.fail("in part")
        with self.subTest():
            pass

    @unittest.skip("no need")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_passes_unexpectedly(self):
        pass

    def test_storages(self):
        names = [type(default_storage._wrapped).__name__, *FileSystemStorage.__bases__]
        self.fail(f"{names[0]} {names[1].__name__} {storages.backends['other']['BACKEND']}")

class BrokenSetUp(SimpleTestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError("no set-up")

    def test_never_runs(self):
        pass
"""


def line_of(fragment: str) -> int:
    """Return the number of the line with a fragment of the tests."""
    lines = CHECKS.splitlines()
    return next(number for number, line in enumerate(lines, 1) if fragment in line)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the suite's distribution."""
    home = tmp_path_factory.mktemp("source")
    (home / "checks").mkdir(parents=True)
    (home / "django").write_text("")
    (home / "own_settings.py").write_text(SETTINGS)
    (home / "checks" / "tests.py").write_text(CHECKS)
    (home / "checks" / "__init__.py").write_text("")
    return home


@pytest.fixture(scope="module")
def outcomes(source: Path) -> Outcomes:
    """Run the suite on Django's in-memory storage."""
    return run(SUITE, DJANGO, source)


def raised(state: str, message: str, fragment: str) -> Outcome:
    """Return the outcome of a test that raised an error at the line with the fragment."""
    return Outcome(state, message, message.partition(":")[0], line_of(fragment))


def test_run(outcomes: Outcomes) -> None:
    """A run reports each outcome, with the error's first line and the line that raised it."""
    assert {test.removeprefix("checks.tests."): end for test, end in outcomes.items()} == {
        "Checks.test_passes": Outcome("passed"),
        "Checks.test_fails": raised("failed", "AssertionError: 1 != 2", "1, 2"),
        "Checks.test_breaks": raised("error", "ZeroDivisionError: division by zero", "1 / 0"),
        "Checks.test_part_fails": raised("failed", "AssertionError: in part", "in part"),
        "Checks.test_skipped": Outcome("skipped", "no need"),
        "Checks.test_passes_unexpectedly": Outcome("failed", "unexpected success"),
        "Checks.test_storages": raised(
            "failed", "AssertionError: FileSystemStorage InMemoryStorage elsewhere", "names[0]}"
        ),
        "setUpClass (checks.tests.BrokenSetUp)": Outcome("error", "OSError: no set-up", "OSError"),
    }


def test_left_out(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite runs in a directory without the entries that are left out."""
    entries: list[str] = []

    def execute(command: tuple[str, ...], home: Path, environ: dict[str, str]) -> str:
        entries.extend(path.name for path in home.iterdir())
        return ""

    monkeypatch.setattr(trial, "execute", execute)
    run(SUITE, DJANGO, source)
    assert sorted(entries) == ["checks", "own_settings.py"]


def test_source_is_unchanged(source: Path, outcomes: Outcomes) -> None:
    """A suite runs in a copy, and its source stays unchanged."""
    assert {path.name for path in source.rglob("*")} == {
        "own_settings.py",
        "checks",
        "django",
        "tests.py",
        "__init__.py",
    }


def test_run_stops_early(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suite that cannot start has no outcomes, and its output is shown."""
    (tmp_path / "own_settings.py").write_text("1 / 0")
    assert run(SUITE, DJANGO, tmp_path) == {}
    assert "a suite on Django's in-memory stopped early:" in capsys.readouterr().out
