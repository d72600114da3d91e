"""Forked children, worker processes and kept databases, under the runner and the plugin."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import django
import pytest
from testing.faces import FACES, LINE, Face, Suite
from testing.ways import MANAGE

pytestmark = pytest.mark.slow

MIGRATIONS = {
    "uploads/migrations/__init__.py": "",
    "uploads/migrations/0001_initial.py": """
    from django.core.files.base import ContentFile
    from django.db import migrations, models

    def upload(apps, editor):
        Upload = apps.get_model("uploads", "Upload")
        Upload.objects.create(file=ContentFile(b"migrated", name="migrated.txt"))

    class Migration(migrations.Migration):
        initial = True
        operations = [
            migrations.CreateModel(
                "Upload",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("file", models.FileField(upload_to="uploads", blank=True)),
                ],
            ),
            migrations.RunPython(upload),
        ]
    """,
}
MIGRATED = Suite(
    ("migrated",),
    rolling=("migrated_rolls_back",),
    files={**MIGRATIONS, "manage_parallel.py": MANAGE},
)
# A database that outlives the run.
KEPT = 'DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}\n'
START_METHODS = [
    "fork",
    "spawn",
    pytest.param(
        "forkserver",
        marks=pytest.mark.skipif(django.VERSION < (6, 0), reason="Django does not support it"),
    ),
]
KEEPING = {
    "runner": ["--keepdb"],
    "runner-fork": ["--keepdb", "--parallel=2"],
    "plugin": ["--reuse-db"],
    "plugin-xdist": ["--reuse-db", "--numprocesses=2"],
}


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    """Return a face of the kit."""
    return FACES[request.param]


def complaints(printed: str) -> list[str]:
    """Return the lines that workers print when they end badly."""
    return re.findall(r".*(?:Traceback|Exception ignored|Warning|leaked|Errno).*", printed)


def test_processes(face: Face, tmp_path: Path) -> None:
    """A test and the processes that it starts see the same files, which roll back."""
    face.passes_alike(Suite(("processes",), rolling=("processes_roll_back",)), tmp_path)


@pytest.mark.parametrize("start_method", START_METHODS)
def test_parallel(start_method: str, tmp_path: Path) -> None:
    """Each worker of Django's has the files of migrations, and prints nothing more than without."""
    face = FACES["runner"].by("manage_parallel.py", start_method, "test", "--parallel=2")
    outcomes = face.passes_alike(MIGRATED, tmp_path)
    assert [complaints(outcome.printed) for outcome in outcomes.values()] == [[], []]
    (absent, line) = (outcome.printed.splitlines() for outcome in outcomes.values())
    # The dots, the counts and the times differ.
    assert len(absent) == len(line)


@pytest.mark.parametrize("name", KEEPING)
def test_kept_database(name: str, tmp_path: Path) -> None:
    """The files of migrations are there in the second run on a database that is kept."""
    face = FACES[name.partition("-")[0]]
    suite = replace(MIGRATED, settings=KEPT)
    outcomes = face.passes_alike(suite, tmp_path, *KEEPING[name], times=2)
    assert [complaints(outcome.printed) for outcome in outcomes.values()] == [[], []]


def test_recreated_database(tmp_path: Path) -> None:
    """A database that is created again has the files of its own migrations only."""
    project = replace(MIGRATED, settings=KEPT).make(tmp_path / LINE, LINE)
    first = FACES["plugin"].run(project, LINE, "--reuse-db")
    second = FACES["plugin"].again(project, "--reuse-db", "--create-db")
    assert first.count == second.count > 0
    assert not project.media.exists()
