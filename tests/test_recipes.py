"""Each file that a recipe shows is used, as it stands there, by a project whose tests pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project
from recipes import make_recipe
from testing.faces import Outcome

pytestmark = pytest.mark.once

PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-rfE")


def count(project: Project, *command: str) -> int:
    """Run the tests of a project, which pass; return their number."""
    return Outcome(project.run(*command)).count


def test_tasks(tmp_path: Path) -> None:
    """Django Tasks read and write files in tests."""
    project = make_recipe(tmp_path, "tasks.md", "Django Tasks")
    assert count(project, *PYTEST) == 5


def test_the_backport_of_tasks(tmp_path: Path) -> None:
    """The package django-tasks needs no other change than its name."""
    project = make_recipe(tmp_path, "tasks.md", "Django Tasks")
    for name in ("project_settings.py", "uploads/tasks.py", "test_tasks.py"):
        path = project.directory / name
        path.write_text(path.read_text("utf-8").replace("django.tasks", "django_tasks"), "utf-8")
    project.append("project_settings.py", 'INSTALLED_APPS.append("django_tasks")\n')
    assert count(project, *PYTEST) == 5


@pytest.mark.parametrize(
    ("heading", "tests", "number"),
    [
        ("A worker in a thread", (), 5),
        ("A worker in another process", ("test_process.py",), 1),
    ],
)
def test_celery(heading: str, tests: tuple[str, ...], number: int, tmp_path: Path) -> None:
    """Celery's tasks read and write files in the test, in a thread and in another process."""
    project = make_recipe(tmp_path, "tasks.md", "Celery", heading)
    assert count(project, *PYTEST, *tests) == number
