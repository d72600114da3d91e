"""Each way to use the kit passes one list of cases, in a generated project."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project, make_project
from testing.ways import NO_MIXIN, OVERRIDING, RUNNER, STRICT_RUNNER, WAYS, Way, is_parallel

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]

HERE = Path(__file__).parent
# How many tests there are in each list of cases; three of the first skip themselves.
COUNTS = {"cases": 21, "async_cases": 2, "disk_cases": 3}
STORAGES = """
STORAGES = {
    "default": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""


STRICT_CASES = """
import unittest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase

class StrictTests(SimpleTestCase):
    def test_writing(self):
        default_storage.save("a.txt", ContentFile(b""))

    def test_swallowing(self):
        try:
            default_storage.save("a.txt", ContentFile(b""))
        except Exception:
            pass

    def test_reading(self):
        self.assertFalse(default_storage.exists("a.txt"))

    @unittest.skip("leaves its clean-up undone")
    def test_skipped(self):
        pass
"""


def passes(project: Project, name: str, way: Way, *more: str) -> bool:
    """Return whether a project that has the cases passes them."""
    cases = ["cases", *([] if is_parallel(name) else ["async_cases"]), *more]
    for each in cases:
        source = (HERE / f"project_{each}.py").read_text(encoding="utf-8")
        project.write(f"test_{each}.py", source)
    printed = way(project)
    count = sum(COUNTS[each] for each in cases)
    by_django = f"Found {count} test(s)" in printed and "OK (skipped=3)" in printed
    assert by_django or f"{count - 3} passed, 3 skipped" in printed, printed
    return True


@pytest.mark.parametrize(("name", "way"), WAYS.items(), ids=list(WAYS))
def test_files_roll_back(name: str, way: Way, tmp_path: Path) -> None:
    """The files of a class last as long as the class, those of a test as long as the test."""
    assert passes(make_project(tmp_path, settings=STORAGES), name, way)


@pytest.mark.parametrize(("name", "way"), OVERRIDING.items(), ids=list(OVERRIDING))
def test_disks_are_moved(name: str, way: Way, tmp_path: Path) -> None:
    """The files of a project on a disk roll back, and nothing reaches its MEDIA_ROOT."""
    project = make_project(tmp_path)
    project.media.mkdir()
    project.write("project_runner.py", STRICT_RUNNER)
    assert passes(project, name, way, "disk_cases")
    assert not list(project.media.iterdir())


def test_the_cases_fail_without_a_way(tmp_path: Path) -> None:
    """Files leak from test to test without the kit."""
    project = make_project(tmp_path, settings=STORAGES)
    project.write("project_bases.py", NO_MIXIN)
    project.write("test_cases.py", (HERE / "project_cases.py").read_text(encoding="utf-8"))
    assert "FAILED" in project.manage("test", fails=True)


def test_too_many_files(tmp_path: Path) -> None:
    """The runner says that a directory has too many files to begin with."""
    project = make_project(tmp_path)
    project.append("project_settings.py", RUNNER)
    project.media.mkdir()
    with (project.media / "big.bin").open("wb") as file:
        file.truncate(51 << 20)
    project.write("test_a.py", STRICT_CASES)
    assert "has too many files to load" in project.manage("test", "-k", "reading")


def test_a_strict_runner(tmp_path: Path) -> None:
    """A strict runner fails tests that write to a real storage, even if they catch the error."""
    project = make_project(tmp_path)
    project.write("project_runner.py", f"{STRICT_RUNNER}    inmemorystorage_override = False\n")
    project.append("project_settings.py", 'TEST_RUNNER = "project_runner.Runner"\n')
    project.write("test_strict.py", STRICT_CASES)
    printed = project.manage("test", fails=True)
    assert "FAILED (failures=2, skipped=1)" in printed, printed
    assert printed.count("RealStorageError: save('a.txt') on the FileSystemStorage of") == 2
    assert not project.media.exists()
