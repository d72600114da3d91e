"""Each way into the kit passes one list of cases, in a project that is configured as people do."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import make_project
from testing.ways import NO_MIXIN, PARALLEL, WAYS, Way

HERE = Path(__file__).parent
CASES = (HERE / "project_cases.py").read_text(encoding="utf-8")
ASYNC_CASES = (HERE / "project_async_cases.py").read_text(encoding="utf-8")
STORAGES = """
STORAGES = {
    "default": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_files_roll_back(way: Way, tmp_path: Path) -> None:
    """The files of a class last as long as the class, those of a test as long as the test."""
    project = make_project(tmp_path, settings=STORAGES)
    project.write("test_cases.py", CASES)
    if way not in PARALLEL:
        project.write("test_async_cases.py", ASYNC_CASES)
    printed = way(project)
    count = 17 if way in PARALLEL else 19
    by_django = f"Found {count + 3} test(s)" in printed and "OK (skipped=3)" in printed
    assert by_django or f"{count} passed, 3 skipped" in printed, printed
    assert not project.media.exists()


def test_the_cases_fail_without_a_way(tmp_path: Path) -> None:
    """Files leak from test to test where nothing rolls them back."""
    project = make_project(tmp_path, settings=STORAGES)
    project.write("project_bases.py", NO_MIXIN)
    project.write("test_cases.py", CASES)
    assert "FAILED" in project.manage("test", fails=True)
