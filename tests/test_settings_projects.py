"""Whole projects with common settings, run in other processes."""

from __future__ import annotations

from pathlib import Path

import django
import pytest
from projects import Project, make_project

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]

NATIVE = django.VERSION < (5, 1)
NAMED = 'DEFAULT_FILE_STORAGE = "inmemorystorage.InMemoryStorage"\n'
ignored_by_django = pytest.mark.skipif(NATIVE, reason="Django reads the setting itself")

# Saves a file to the default storage, and prints the storage's class.
SAVE = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
name = default_storage.save("a", ContentFile(b"content"))
with default_storage.open(name) as file:
    print(type(default_storage._wrapped).__name__, file.read().decode())
"""
DJANGO_TESTS = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase, override_settings

@override_settings(DEFAULT_FILE_STORAGE="inmemorystorage.InMemoryStorage")
class DecoratedTests(SimpleTestCase):
    def test_class(self):
        self.assertEqual(default_storage.save("a", ContentFile(b"")), "a")

    @override_settings(DEFAULT_FILE_STORAGE="inmemorystorage.InMemoryStorage")
    def test_method(self):
        self.assertEqual(default_storage.save("a", ContentFile(b"")), "a")
"""
STORAGE_BESIDE_MODELS = """
from django.contrib.contenttypes.models import ContentType
from inmemorystorage import InMemoryStorage

class UploadStorage(InMemoryStorage):
    kind = ContentType
"""


def stored(settings: str, default: str) -> str:
    """Return settings with a STORAGES that has this default."""
    staticfiles = '{"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}'
    return f'{settings}\nSTORAGES = {{"default": {default}, "staticfiles": {staticfiles}}}\n'


def saves_in_memory(project: Project) -> bool:
    """Return whether the project saves to memory, and nothing to the disk."""
    return project.python(SAVE) == "InMemoryStorage content" and not project.media.exists()


@pytest.mark.parametrize("path", ["inmemorystorage", "inmemorystorage.storage"])
def test_storages(tmp_path: Path, path: str) -> None:
    """STORAGES puts files in memory, by the short path and by 2.1's, and the checks pass."""
    default = f'{{"BACKEND": "{path}.InMemoryStorage", "OPTIONS": {{"base_url": "/m/"}}}}'
    project = make_project(tmp_path, settings=stored("", default))
    assert saves_in_memory(project)
    assert "no issues" in project.manage("check")


def test_storages_without_the_app(tmp_path: Path) -> None:
    """STORAGES needs no entry in INSTALLED_APPS."""
    default = '{"BACKEND": "inmemorystorage.InMemoryStorage"}'
    project = make_project(tmp_path, settings=stored("INSTALLED_APPS = []", default))
    assert saves_in_memory(project)


def test_storage_on_a_tree_of_the_settings(tmp_path: Path) -> None:
    """Settings may import the package, make a tree and pass it to the storage."""
    default = '{"BACKEND": "inmemorystorage.InMemoryStorage", "OPTIONS": {"filesystem": TREE}}'
    settings = "from inmemorystorage import InMemoryDir\nTREE = InMemoryDir()"
    project = make_project(tmp_path, settings=stored(settings, default))
    assert saves_in_memory(project)
    code = f"{SAVE}\nfrom django.conf import settings; print(settings.TREE.ls())"
    assert project.python(code).endswith("['a']")


def test_import_without_settings(tmp_path: Path) -> None:
    """Importing the package reads no settings, and a storage works with Django's defaults."""
    code = """
        from django.conf import settings
        from inmemorystorage import InMemoryStorage
        print(settings.configured)
        settings.configure()
        storage = InMemoryStorage()
        print(storage.open(storage.save("a", b"content")).read())
    """
    project = make_project(tmp_path)
    assert project.python(code, set_up="").split() == ["False", "b'content'"]


def test_overrides_in_djangos_own_runner(tmp_path: Path) -> None:
    """Test classes of `manage.py test` that override the setting save to memory."""
    project = make_project(tmp_path)
    project.write("uploads/tests.py", DJANGO_TESTS)
    assert "OK" in project.manage("test", "uploads")
    assert not project.media.exists()


def test_default_file_storage(tmp_path: Path) -> None:
    """DEFAULT_FILE_STORAGE puts files in memory on each Django."""
    assert saves_in_memory(make_project(tmp_path, settings=NAMED))


@ignored_by_django
def test_default_file_storage_causes_a_warning(tmp_path: Path) -> None:
    """`manage.py check` warns of the setting if Django ignores it, and names the replacement."""
    printed = make_project(tmp_path, settings=NAMED).manage("check")
    assert "(inmemorystorage.W001)" in printed
    assert 'STORAGES = {"default": {"BACKEND": "inmemorystorage.InMemoryStorage"}' in printed


def test_default_file_storage_reaches_callables(tmp_path: Path) -> None:
    """A field's callable gets the storage that the setting names, even while models load."""
    models = """
        def choose():
            return storages["default"]

        class Upload(models.Model):
            file = models.FileField(storage=choose)
    """
    project = make_project(tmp_path, settings=NAMED, models=models)
    code = """
        from uploads.models import Upload, storages
        storage = Upload._meta.get_field("file").storage
        print(type(storage).__name__, storage is storages["default"])
    """
    assert project.python(code) == "InMemoryStorage True"


@ignored_by_django
def test_default_file_storage_of_a_class_beside_models(tmp_path: Path) -> None:
    """The setting may name a subclass whose module imports models."""
    settings = """
        DEFAULT_FILE_STORAGE = "uploads.storages.UploadStorage"
        INSTALLED_APPS += ["django.contrib.contenttypes"]
    """
    project = make_project(tmp_path, settings=settings)
    project.write("uploads/storages.py", STORAGE_BESIDE_MODELS)
    assert project.python(SAVE) == "UploadStorage content"


@ignored_by_django
def test_default_file_storage_of_another_kind_is_ignored(tmp_path: Path) -> None:
    """The app ignores a setting that names another storage, and `manage.py check` warns of it."""
    settings = 'DEFAULT_FILE_STORAGE = "django.core.files.storage.InMemoryStorage"'
    project = make_project(tmp_path, settings=settings)
    assert project.python(SAVE) == "FileSystemStorage content"
    assert "(inmemorystorage.W001)" in project.manage("check")


@ignored_by_django
def test_default_file_storage_keeps_options(tmp_path: Path) -> None:
    """A leftover setting keeps the OPTIONS of the same storage in STORAGES."""
    default = '{"BACKEND": "inmemorystorage.InMemoryStorage", "OPTIONS": {"base_url": "/own/"}}'
    project = make_project(tmp_path, settings=stored(NAMED, default))
    code = "from django.core.files.storage import default_storage; print(default_storage.url('a'))"
    assert project.python(code) == "/own/a"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"locatoin": "/x"}, ["'locatoin'", "'location'", "behaves_like", "lend_paths"]),
        ({"behaves_like": "disk"}, ["'disk'", "'memory'", "'filesystem'"]),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, str], names: list[str]) -> None:
    """A wrong option fails checks and uses of the storage, with a message that lists valid ones."""
    default = f'{{"BACKEND": "inmemorystorage.InMemoryStorage", "OPTIONS": {options}}}'
    project = make_project(tmp_path, settings=stored("", default))
    for printed in [project.manage("check", fails=True), project.python(SAVE, fails=True)]:
        assert all(name in printed for name in names), printed
    assert "(inmemorystorage.E001)" in project.manage("check", fails=True)


def test_storage_that_cannot_be_imported(tmp_path: Path) -> None:
    """Checks ignore a storage whose module raises, such as one without its client library."""
    settings = 'STORAGES["bucket"] = {"BACKEND": "uploads.bucket.Bucket"}'
    default = '{"BACKEND": "inmemorystorage.InMemoryStorage"}'
    project = make_project(tmp_path, settings=stored("", default) + settings)
    project.write("uploads/bucket.py", "raise RuntimeError('no client')")
    assert "no issues" in project.manage("check")
