"""Migrations serialize storages, and makemigrations detects each change once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models import FileField
from projects import Project, make_project

from inmemorystorage import InMemoryDir, InMemoryStorage

pytestmark = pytest.mark.slow

IN_MEMORY = """
STORAGES = {
    "default": {"BACKEND": "inmemorystorage.InMemoryStorage", "OPTIONS": {"base_url": "/m/"}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""
# The ways in which a field gets its storage.
FIELDS = {
    "plain": "models.FileField(storage=InMemoryStorage())",
    "positional": 'models.FileField(storage=InMemoryStorage(None, "/m/"))',
    "options": (
        'models.FileField(storage=InMemoryStorage(location="/l", max_size=99, lend_paths=True))'
    ),
    "paths": "models.FileField(storage=InMemoryStorage(location=BASE_DIR / 'l', **LIKE_DISK))",
    "like_disk": "models.ImageField(storage=InMemoryStorage(**LIKE_DISK))",
    "callable": "models.FileField(storage=choose)",
    "subclass": "models.FileField(storage=Derived(tenant='a', base_url='/a/'))",
    "alias": "models.FileField(storage=storages['default'])",
    "default": "models.FileField()",
}
MODELS = """
from pathlib import Path

BASE_DIR = Path(__file__).parent
LIKE_DISK = {"behaves_like": "filesystem"}


def choose():
    return InMemoryStorage(InMemoryDir(), base_url="/chosen/")


class Derived(InMemoryStorage):
    def __init__(self, *, tenant, **options):
        super().__init__(**options)


class Upload(models.Model):
"""
HAND_MADE = """
class Upload(models.Model):
    file = models.FileField(storage=InMemoryStorage(InMemoryDir()))
"""
SAVE = """
from django.core.files.base import ContentFile
from uploads.models import Upload
upload = Upload()
fields = [field for field in Upload._meta.fields if hasattr(field, "storage")]
for field in fields:
    getattr(upload, field.name).save("a.txt", ContentFile(field.name.encode()))
saved = Upload.objects.get()
print({name.decode() for name in [getattr(saved, field.name).read() for field in fields]})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with a model with all kinds of fields, and its first migration."""
    fields = "".join(f"    of_{name} = {field}\n" for name, field in FIELDS.items())
    directory = tmp_path_factory.mktemp("project")
    project = make_project(directory, settings=IN_MEMORY, models=MODELS + fields)
    project.manage("makemigrations", "uploads")
    return project


def test_first_migration(project: Project) -> None:
    """A migration contains the call that made each storage, except the default storage."""
    [migration] = (project.directory / "uploads" / "migrations").glob("0001_*.py")
    written = migration.read_text(encoding="utf-8")
    assert "storage=inmemorystorage.InMemoryStorage()," in written
    assert "storage=inmemorystorage.InMemoryStorage(None, '/m/')," in written
    assert "storage=uploads.models.choose," in written
    assert "storage=uploads.models.Derived(base_url='/a/', tenant='a')," in written
    assert "('of_default', models.FileField(upload_to=''))" in written


def test_second_run_detects_nothing(project: Project) -> None:
    """makemigrations detects nothing after the first migration, whatever the storage."""
    assert "No changes detected" in project.manage("makemigrations", "--check")


def test_second_run_under_persist(project: Project) -> None:
    """makemigrations detects nothing with INMEMORYSTORAGE_PERSIST either."""
    project.write("persist.py", "from project_settings import *\nINMEMORYSTORAGE_PERSIST = True\n")
    printed = project.manage("makemigrations", "--check", "--settings=persist")
    assert "No changes detected" in printed


def test_migrated_model_keeps_files(project: Project) -> None:
    """A migrated model has no pending changes, and each field saves to its storage."""
    assert "have changes that are not yet reflected" not in project.manage("migrate", "uploads")
    assert "[X] 0001" in project.manage("showmigrations", "uploads")
    assert project.python(SAVE).count("of_") == len(FIELDS)
    assert not project.media.exists()


def test_changed_option_is_detected(tmp_path: Path) -> None:
    """makemigrations detects a changed base URL once."""
    model = "class Upload(models.Model):\n    file = models.FileField(storage={})\n"
    for base_url in ["/first/", "/second/"]:
        storage = f"InMemoryStorage(base_url={base_url!r})"
        project = make_project(tmp_path, models=model.format(storage))
        project.manage("makemigrations", "--check", "uploads", fails=True)
        assert base_url in project.manage("makemigrations", "uploads", "--dry-run", "-v", "3")
        project.manage("makemigrations", "uploads")
    project.manage("makemigrations", "--check")


def test_hand_made_filesystem(tmp_path: Path) -> None:
    """makemigrations refuses a storage with a given tree, and names the cure."""
    project = make_project(tmp_path, models=HAND_MADE)
    printed = project.manage("makemigrations", "uploads", fails=True)
    assert "ValueError: Cannot serialize an InMemoryStorage with a given filesystem" in printed
    assert "FileField(storage=get_storage)" in printed
    assert "behaves_like='filesystem'" in printed


def test_project_with_a_hand_made_filesystem_works(tmp_path: Path) -> None:
    """A project whose storage cannot be serialized can be checked, migrated and used."""
    project = make_project(tmp_path, models=HAND_MADE)
    assert "no issues" in project.manage("check")
    project.manage("migrate", "--run-syncdb")
    assert project.python(SAVE) == "{'file'}"


def test_callable_is_the_cure(tmp_path: Path) -> None:
    """makemigrations accepts the callable that the error message suggests."""
    project = make_project(tmp_path, models=HAND_MADE)
    project.manage("makemigrations", "uploads", fails=True)
    choose = "def choose():\n    return InMemoryStorage(InMemoryDir())\n"
    model = HAND_MADE.replace("InMemoryStorage(InMemoryDir())", "choose")
    make_project(tmp_path, models=choose + model)
    project.manage("makemigrations", "uploads")
    assert "No changes detected" in project.manage("makemigrations", "--check")


def rebuilt(field: FileField) -> FileField:
    """Return the field that a migration creates from this one."""
    text, imports = MigrationWriter.serialize(field)
    namespace: dict[str, Any] = {}
    exec("\n".join([*imports, "from django.db import models", f"field = {text}"]), namespace)
    return namespace["field"]


@pytest.mark.parametrize(
    "make",
    [
        InMemoryStorage,
        lambda: InMemoryStorage(base_url="/m/", location=Path("media")),
        lambda: InMemoryStorage(behaves_like="filesystem", lend_paths=True),
        lambda: InMemoryStorage(file_permissions_mode=0o600, directory_permissions_mode=0o700),
        lambda: InMemoryStorage(allow_overwrite=True, max_size=1 << 40),
    ],
)
def test_field_created_by_a_migration(make: Callable[[], InMemoryStorage]) -> None:
    """A field that a migration creates is the original to makemigrations, and so are copies."""
    field = FileField(storage=make())
    again = rebuilt(field)
    state = ProjectState()
    compared = MigrationAutodetector(state, state).deep_deconstruct
    fields = [field, again, rebuilt(again), field.clone()]
    assert [compared(each)[1:] for each in fields] == [compared(field)[1:]] * 4


def test_default_storage_is_not_written() -> None:
    """A migration names no storage for a field on the default storage."""
    for field in [FileField(), FileField(storage=default_storage)]:
        assert "storage" not in field.deconstruct()[3]


def test_part_of_a_tree_is_refused() -> None:
    """makemigrations refuses a directory of another storage's tree."""
    whole = InMemoryStorage()
    whole.save("d/a", b"content")
    field = FileField(storage=InMemoryStorage(whole.filesystem.resolve("d")))
    with pytest.raises(ValueError, match="a migration cannot hold its files"):
        MigrationWriter.serialize(field)


def test_subclass_of_a_directory_is_refused() -> None:
    """makemigrations refuses a tree whose class is a project's own."""
    tree = type("Tree", (InMemoryDir,), {})()
    with pytest.raises(ValueError, match="Pass the field a callable"):
        MigrationWriter.serialize(FileField(storage=InMemoryStorage(tree)))
