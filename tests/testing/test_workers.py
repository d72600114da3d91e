"""Forked children, worker processes and kept databases, under the runner and the plugin."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import django
import pytest
from buckets import Server, needs_s3
from projects import Project
from testing.faces import ABSENT, FACES, LINE, RUNNER, Face, Outcome, Suite, files_of
from testing.ways import MANAGE

from inmemorystorage.testing.floor import Floor
from inmemorystorage.testing.runner import begin_worker
from inmemorystorage.testing.session import Options, Session

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
# The same on S3.
ON_S3 = """
AWS_STORAGE_BUCKET_NAME = "bucket-of-project"
AWS_LOCATION = "media"
AWS_QUERYSTRING_AUTH = False
STORAGES["default"] = {"BACKEND": "storages.backends.s3.S3Storage"}
STORAGES["private"] = {"BACKEND": "uploads.buckets.PrivateStorage"}
"""
BUCKETS = {
    "uploads/buckets.py": """
    from storages.backends.s3 import S3Storage

    class PrivateStorage(S3Storage):
        bucket_name = "bucket-of-private"
        location = ""
        querystring_auth = True
    """
}
MIGRATED_BUCKET = Suite(
    ("migrated_bucket",),
    settings=ON_S3,
    files={**MIGRATIONS, **BUCKETS, "manage_parallel.py": MANAGE},
)
SAVING = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase

class SavingTests(SimpleTestCase):
    def test_saving(self):
        default_storage.save("own.txt", ContentFile(b"own"))
"""
# A project that saves a file when it begins, and initializes workers itself.
IMPORTED = Suite(
    ("imported",),
    settings='TEST_RUNNER = "project_runner.Runner"\n',
    files={
        "media/default.txt": b"default",
        "uploads/apps.py": """
        from django.apps import AppConfig
        from django.core.files.base import ContentFile

        class UploadsConfig(AppConfig):
            name = "uploads"

            def ready(self):
                from django.core.files.storage import default_storage

                self.saved = default_storage.save("ready.txt", ContentFile(b"ready"))
        """,
        "project_runner.py": """
        import os
        from django.test.runner import ParallelTestSuite, _init_worker
        from inmemorystorage.testing import InMemoryStorageRunner

        def init_worker(*args, **kwargs):
            _init_worker(*args, **kwargs)
            os.environ["INITIALIZED"] = "by the project"

        class Suite(ParallelTestSuite):
            init_worker = init_worker

        class Runner(InMemoryStorageRunner):
            parallel_test_suite = Suite
        """,
        "manage_parallel.py": MANAGE,
    },
)
FAILING = """
import os, time, unittest
from django.conf import settings
from django.test import SimpleTestCase

class FailingTests(SimpleTestCase):
    @unittest.expectedFailure  # its failure needs no traceback, which cannot be pickled
    def test_failing(self):
        while not os.path.exists("long.root"):
            time.sleep(0.01)

class LongTests(SimpleTestCase):
    def test_long(self):
        with open("new.root", "w") as file:
            file.write(settings.MEDIA_ROOT)
        os.rename("new.root", "long.root")
        time.sleep(600)
"""
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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a cache directory of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    """Return a face of the kit."""
    return FACES[request.param]


def complaints(printed: str) -> list[str]:
    """Return the lines that workers print when they fail at their end."""
    return re.findall(r".*(?:Traceback|Exception ignored|Warning|leaked|Errno).*", printed)


@pytest.mark.unmeasured
def test_processes(face: Face, tmp_path: Path) -> None:
    """A test and the processes that it starts see the same files, which roll back."""
    face.passes_alike(Suite(("processes",), rolling=("processes_roll_back",)), tmp_path)


@pytest.mark.unmeasured
@pytest.mark.parametrize("start_method", START_METHODS)
def test_parallel(start_method: str, tmp_path: Path) -> None:
    """Each worker has the files of migrations, and prints the same as without the kit."""
    face = FACES["runner"].by("manage_parallel.py", start_method, "test", "--parallel=2")
    outcomes = face.passes_alike(MIGRATED, tmp_path)
    assert [complaints(outcome.printed) for outcome in outcomes.values()] == [[], []]
    (absent, line) = (outcome.printed.splitlines() for outcome in outcomes.values())
    # The dots, the counts and the times differ.
    assert len(absent) == len(line)


@pytest.mark.unmeasured
@needs_s3
@pytest.mark.parametrize("start_method", START_METHODS)
def test_buckets_in_parallel(start_method: str, tmp_path: Path) -> None:
    """Each worker has the objects of migrations, in its own buckets."""
    face = FACES["runner"].by("manage_parallel.py", start_method, "test", "--parallel=2")
    project = MIGRATED_BUCKET.make(tmp_path / LINE, LINE)
    outcome = face.run(project, LINE)
    assert outcome.count == 9
    assert complaints(outcome.printed) == []


@needs_s3
@pytest.mark.parametrize(
    "name",
    # Workers' processes run no line that these of one process do not.
    [pytest.param(name, marks=[pytest.mark.unmeasured] * ("-" in name)) for name in KEEPING],
)
def test_buckets_of_a_kept_database(name: str, tmp_path: Path) -> None:
    """The second run on a kept database has the objects of migrations."""
    face = FACES[name.partition("-")[0]]
    suite = replace(MIGRATED_BUCKET, settings=ON_S3 + KEPT)
    project = suite.make(tmp_path / LINE, LINE)
    outcomes = [face.run(project, LINE, *KEEPING[name]), face.again(project, *KEEPING[name])]
    assert [outcome.count for outcome in outcomes] == [9, 9]
    assert [complaints(outcome.printed) for outcome in outcomes] == [[], []]


@pytest.mark.unmeasured
@needs_s3
def test_buckets_roll_back(face: Face, tmp_path: Path) -> None:
    """A project on S3 keeps its storages and clients, whose objects roll back."""
    project = Suite(("bucket",), settings=ON_S3, files=BUCKETS).make(tmp_path / LINE, LINE)
    before = files_of(project.directory)
    assert face.run(project, LINE).count == 17
    changed = {
        name for name, file in files_of(project.directory).items() if before.get(name) != file
    }
    assert changed <= {face.file}


@pytest.mark.unmeasured
@needs_s3
@pytest.mark.parametrize("is_left", [False, True])
def test_endpoint_of_the_settings(
    face: Face, server: Server, is_left: bool, tmp_path: Path
) -> None:
    """A server that the settings name is reached if the project leaves it alone."""
    bucket = server.make_bucket()
    project = Suite(
        settings=ON_S3
        + f"""
AWS_STORAGE_BUCKET_NAME = "{bucket.name}"
AWS_S3_ENDPOINT_URL = "{server.endpoint}"
AWS_S3_ACCESS_KEY_ID = AWS_S3_SECRET_ACCESS_KEY = "testing"
""",
        files={**BUCKETS, "test_saving.py": SAVING},
    ).make(tmp_path / LINE, LINE)
    left = [server.endpoint] if face is RUNNER else f"\n  {server.endpoint}"
    options: dict[str, Any] = {"left": left} if is_left else {}
    assert face.run(project, LINE, **options).count == 1
    assert [*bucket.tags()] == (["media/own.txt"] if is_left else [])


def root_of(project: Project, name: str) -> Path:
    """Return the private MEDIA_ROOT that a worker wrote into a file."""
    return Path((project.directory / name).read_text())


@pytest.mark.unmeasured
@pytest.mark.parametrize("start_method", START_METHODS)
def test_imported(start_method: str, tmp_path: Path) -> None:
    """Each worker moves its storages before test modules are imported."""
    project = IMPORTED.make(tmp_path / LINE, ABSENT)
    printed = project.run("manage_parallel.py", start_method, "test", "--parallel=2")
    assert Outcome(printed).count == 12
    assert complaints(printed) == []
    roots = {root_of(project, path.name) for path in project.directory.glob("*.root")}
    assert len(roots) in (1, 2)  # one worker may be faster than the other
    assert not any(root.parent.exists() for root in roots)
    assert not (project.media / "imported.txt").exists()


def test_initializing() -> None:
    """A worker that has no session begins one when Django is set up, and a forked one keeps it."""
    begun: list[object] = []

    def init_worker(*args: Any, **kwargs: Any) -> None:
        begun.append(Session.current)
        for _ in range(kwargs["times"]):
            django.setup()
            begun.append(Session.current)

    set_up = django.setup
    for times in (0, 2):
        begun.clear()
        begin_worker(init_worker, Options(), times=times)
        session = Session.current
        try:
            assert session is not None
            assert begun == [None, *[session] * times]
            assert django.setup is set_up
            begin_worker(init_worker, Options(), times=1)
            assert begun[-1] is Session.current is session
            with mock.patch.object(Floor, "current") as floor:
                begin_worker(init_worker, Options(), times=0)
            floor.relocate.assert_called_once_with()
        finally:
            assert session is not None
            session.end()


@pytest.mark.unmeasured
def test_killed_workers(tmp_path: Path) -> None:
    """The directories of workers that are killed are removed too."""
    project = Suite(files={"manage_parallel.py": MANAGE, "test_failing.py": FAILING}).make(
        tmp_path / LINE, LINE
    )
    project.append(RUNNER.file, RUNNER.lines[LINE])
    arguments = ("manage_parallel.py", "fork", "test", "--parallel=2", "--failfast")
    assert "FAILED (unexpected successes=1)" in project.run(*arguments, fails=True)
    assert not root_of(project, "long.root").parent.exists()


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", KEEPING)
def test_kept_database(name: str, tmp_path: Path) -> None:
    """The second run on a kept database has the files of migrations."""
    face = FACES[name.partition("-")[0]]
    suite = replace(MIGRATED, settings=KEPT)
    outcomes = face.passes_alike(suite, tmp_path, *KEEPING[name], times=2)
    assert [complaints(outcome.printed) for outcome in outcomes.values()] == [[], []]


@pytest.mark.unmeasured
def test_recreated_database(tmp_path: Path) -> None:
    """A database that is created again has only the files of its migrations."""
    project = replace(MIGRATED, settings=KEPT).make(tmp_path / LINE, LINE)
    first = FACES["plugin"].run(project, LINE, "--reuse-db")
    second = FACES["plugin"].again(project, "--reuse-db", "--create-db")
    assert first.count == second.count > 0
    assert not project.media.exists()
