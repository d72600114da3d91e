"""Each file that a recipe shows is used, as it stands there, by a project whose tests pass."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from projects import Project
from recipes import DIRECTORY, SETTINGS, files_of, headings_of, make_recipe, write_files
from testing.faces import Outcome

pytestmark = [pytest.mark.once, pytest.mark.unmeasured]

LINE = "inmemorystorage_override = true\n"
PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-rfE", "--no-migrations")

BUCKET = """
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {"bucket_name": "media", "file_overwrite": False},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""


def without_the_line(project: Project) -> Project:
    """Remove the kit's line from pytest.ini; return the project."""
    path = project.directory / "pytest.ini"
    path.write_text(path.read_text("utf-8").replace(LINE, ""), "utf-8")
    return project


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
    for name in (SETTINGS, "uploads/tasks.py", "test_tasks.py"):
        path = project.directory / name
        path.write_text(path.read_text("utf-8").replace("django.tasks", "django_tasks"), "utf-8")
    project.append(SETTINGS, 'INSTALLED_APPS.append("django_tasks")\n')
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


def test_moto(tmp_path: Path) -> None:
    """Tests with moto pass without the kit, and beside those that need no moto for S3."""
    before = without_the_line(make_recipe(tmp_path / "before", "moto.md", "Before"))
    assert count(before, *PYTEST) == 3
    after = make_recipe(tmp_path / "after", "moto.md", "After", "What differs")
    for name in ("conftest.py", "test_exports.py"):
        after.write(f"unchanged/{name}", (before.directory / name).read_text("utf-8"))
    assert count(after, *PYTEST, "--import-mode=importlib") == 3 + 7


MEDIA_ROOT = "media-root.md"
# pytest runs the tests of Django's runner too.
DOCUMENTS = ("uploads/tests.py", "test_documents.py")


def test_media_root_without_the_kit(tmp_path: Path) -> None:
    """Tests with a temporary MEDIA_ROOT pass without the kit."""
    project = without_the_line(make_recipe(tmp_path, MEDIA_ROOT, "Before"))
    assert count(project, *PYTEST, *DOCUMENTS) == 3


def test_media_root_in_steps(tmp_path: Path) -> None:
    """Tests with a temporary MEDIA_ROOT pass with the kit, also with an empty mixin."""
    for name, headings in {"first": ("Before",), "then": ("Before", "The empty mixin")}.items():
        project = make_recipe(tmp_path / name, MEDIA_ROOT, *headings)
        assert count(project, *PYTEST, *DOCUMENTS) == 3
        assert not project.media.exists()


def test_media_root_with_the_kit(tmp_path: Path) -> None:
    """Tests that need no MEDIA_ROOT pass with the kit, and strict mode finds a real one."""
    strict = "Is anything real still touched?"
    project = make_recipe(tmp_path, MEDIA_ROOT, "After", strict)
    project.manage("makemigrations", "uploads")
    assert count(project, "-m", "django", "test") == 2
    printed = project.run(*PYTEST, *DOCUMENTS, "test_exports.py", fails=True)
    assert Outcome(printed).count == 3
    (shown,) = re.findall(r"```text\n(.*?)```", (DIRECTORY / MEDIA_ROOT).read_text("utf-8"), re.S)
    assert " ".join(shown.split()).replace("/…", str(tmp_path)) in printed
    assert not (tmp_path / "test_media").exists()


CONFORMANCE = "conformance.md"


@pytest.fixture
def package(tmp_path: Path) -> Project:
    """Return the package with a storage whose tests run the conformance suite."""
    project = Project(tmp_path, {"DJANGO_SETTINGS_MODULE": "tests.settings"})
    write_files(project, files_of(CONFORMANCE))
    return project


def test_conformance_of_a_package(package: Project) -> None:
    """A script prints what the page shows, and the command for unittest passes."""
    page = (DIRECTORY / CONFORMANCE).read_text("utf-8")
    (shown,) = re.findall(r"\$ python check.py\n(.*?) +…", page, re.S)
    assert shown in package.run("check.py", fails=True)
    (arguments,) = re.findall(r"python (-m unittest .*)", page)
    assert count(package, *arguments.split()) > 100


def test_conformance_in_tox(package: Project) -> None:
    """The commands of tox.ini pass."""
    config = configparser.ConfigParser()
    config.read(package.directory / "tox.ini")
    assert count(package, *python_arguments(config["testenv"])) > 100

    section = config["testenv:thorough"]
    variable, value = section["set_env"].split(" = ")
    thorough = replace(package, environment={**package.environment, variable: value})
    # Random operations take seconds.
    random = "tests/test_conformance.py::TestThoroughly::test_random_operations_match_a_model"
    assert count(thorough, *python_arguments(section), "--deselect", random) > 60


def python_arguments(section: Mapping[str, str]) -> list[str]:
    """Return the arguments that the command of an environment of tox gives to Python."""
    python, *arguments = shlex.split(section["commands"])
    assert python == "python"
    return arguments


def test_conformance_in_a_workflow(package: Project) -> None:
    """The workflow runs all environments of tox.ini, and the thorough one by a schedule."""
    yaml = pytest.importorskip("yaml")
    path = package.directory / ".github/workflows/tests.yml"
    (job,) = yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
    assert [(step["run"], step.get("if")) for step in job["steps"] if "run" in step] == [
        ("python -m pip install tox", None),
        ("tox run --skip-env thorough", None),
        ("tox run -e thorough", "github.event_name == 'schedule'"),
    ]


@pytest.mark.parametrize("settings", ["", BUCKET], ids=["disk", "bucket"])
def test_factories(settings: str, tmp_path: Path) -> None:
    """Files of factory_boy and model_bakery roll back with their rows."""
    headings = ("factory_boy", "model_bakery", "What rolls back", "Many rows")
    project = make_recipe(tmp_path, "factories.md", *headings)
    project.append(SETTINGS, settings)
    assert count(project, *PYTEST) == 13


def test_drf_on_a_disk(tmp_path: Path) -> None:
    """An API of Django REST framework takes uploads on a disk."""
    headings = headings_of("drf.md")
    headings.remove("Direct uploads to a bucket")
    assert count(make_recipe(tmp_path, "drf.md", *headings[1:]), *PYTEST) == 10


def test_drf_on_a_bucket(tmp_path: Path) -> None:
    """The files of the whole page are one project, which takes uploads on a bucket."""
    project = make_recipe(tmp_path, "drf.md", *headings_of("drf.md"))
    project.manage("makemigrations", "uploads")
    assert count(project, *PYTEST, "--migrations") == 13
