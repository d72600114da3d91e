"""The app follows changes of DEFAULT_FILE_STORAGE; test_settings_projects.py has whole projects."""

from __future__ import annotations

import django
import pytest
from contract.helpers import get, put
from django.apps import apps
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.db.models import FileField
from django.test import override_settings

import inmemorystorage.apps
from inmemorystorage import InMemoryStorage

IN_MEMORY = "inmemorystorage.InMemoryStorage"
ON_DISK = "django.core.files.storage.FileSystemStorage"
ignored_by_django = pytest.mark.skipif(
    django.VERSION < (5, 1), reason="Django reads DEFAULT_FILE_STORAGE itself"
)


class OtherStorage(InMemoryStorage):
    """A project's subclass."""


@pytest.fixture
def _on_disk(settings) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": ON_DISK}}


@ignored_by_django
@pytest.mark.usefixtures("_on_disk")
def test_override_and_back() -> None:
    """An override puts the default storage in memory, and its end restores the previous one."""
    with override_settings(DEFAULT_FILE_STORAGE=IN_MEMORY):
        assert type(storages["default"]) is InMemoryStorage
        assert get(default_storage, put(default_storage, "a", b"content")) == b"content"
    assert type(storages["default"]) is FileSystemStorage
    assert not default_storage.exists("a")


@ignored_by_django
@pytest.mark.usefixtures("_on_disk")
def test_overrides_nest() -> None:
    """A nested override of either setting holds until it ends."""
    with override_settings(DEFAULT_FILE_STORAGE=IN_MEMORY):
        with override_settings(DEFAULT_FILE_STORAGE=f"{__name__}.OtherStorage"):
            assert type(storages["default"]) is OtherStorage
        with override_settings(STORAGES={"default": {"BACKEND": ON_DISK}}):
            assert type(storages["default"]) is FileSystemStorage
        assert type(storages["default"]) is InMemoryStorage


@ignored_by_django
def test_end_of_an_override_keeps_an_outer_one() -> None:
    """The end of a nested override keeps the outer override of the other setting."""
    on_disk = override_settings(STORAGES={"default": {"BACKEND": ON_DISK}})
    with override_settings(DEFAULT_FILE_STORAGE=IN_MEMORY), on_disk:
        with override_settings(DEFAULT_FILE_STORAGE=f"{__name__}.OtherStorage"):
            assert type(storages["default"]) is OtherStorage
        assert type(storages["default"]) is FileSystemStorage


@ignored_by_django
def test_each_override_begins_empty() -> None:
    """An override makes a new storage, even with the same value."""
    with override_settings(DEFAULT_FILE_STORAGE=IN_MEMORY):
        put(default_storage, "a")
        with override_settings(DEFAULT_FILE_STORAGE=IN_MEMORY):
            assert not default_storage.exists("a")


@ignored_by_django
def test_other_storages_stay() -> None:
    """An override keeps the objects of all other storages in STORAGES, and so does its end."""
    before = storages["staticfiles"]
    with override_settings(DEFAULT_FILE_STORAGE=f"{__name__}.OtherStorage"):
        assert storages.backends.keys() == settings.STORAGES.keys()
        assert storages["staticfiles"] is before
    assert storages["staticfiles"] is before


@ignored_by_django
@pytest.mark.usefixtures("_on_disk")
def test_fields_follow() -> None:
    """A field made before an override uses the override's default storage."""
    field = FileField()
    with override_settings(DEFAULT_FILE_STORAGE=IN_MEMORY):
        assert field.storage == storages["default"]


@ignored_by_django
@pytest.mark.usefixtures("_on_disk")
@pytest.mark.parametrize(
    "backend", [None, "", ON_DISK, "inmemorystorage.NoSuchStorage", "inmemorystorage.InMemoryDir"]
)
def test_other_values_are_ignored(backend: str | None) -> None:
    """The app ignores a value that names no storage of this library, as Django does."""
    with override_settings(DEFAULT_FILE_STORAGE=backend):
        assert type(storages["default"]) is FileSystemStorage


@ignored_by_django
def test_options_of_the_same_storage_stay() -> None:
    """The setting keeps the OPTIONS that STORAGES has for the storage that it names."""
    default = {"BACKEND": IN_MEMORY, "OPTIONS": {"base_url": "/own/"}}
    with override_settings(STORAGES={"default": default}, DEFAULT_FILE_STORAGE=IN_MEMORY):
        assert default_storage.url("a") == "/own/a"


@ignored_by_django
def test_changing_apps_keeps_the_files() -> None:
    """A change of INSTALLED_APPS creates the app again, and keeps the storage's files."""
    with override_settings(DEFAULT_FILE_STORAGE=IN_MEMORY):
        put(default_storage, "a")
        with override_settings(INSTALLED_APPS=["inmemorystorage"]):
            assert default_storage.exists("a")


@ignored_by_django
@pytest.mark.parametrize(("reads", "expected"), [(True, FileSystemStorage), (False, OtherStorage)])
def test_django_that_reads_the_setting(
    monkeypatch: pytest.MonkeyPatch, reads: bool, expected: type
) -> None:
    """The app does nothing where Django reads the setting itself."""
    monkeypatch.setattr(inmemorystorage.apps, "DJANGO_READS_SETTING", reads)
    config = apps.get_app_config("inmemorystorage")
    other = override_settings(DEFAULT_FILE_STORAGE=f"{__name__}.OtherStorage")
    with other, override_settings(STORAGES={"default": {"BACKEND": ON_DISK}}):
        type(config)(config.name, config.module).ready()
        assert type(storages["default"]) is expected
