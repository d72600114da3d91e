"""Files of migrations are kept with a database that is kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.signals import pre_migrate
from django.test import override_settings

from inmemorystorage.testing import kept_files
from inmemorystorage.testing.floor import Floor
from inmemorystorage.testing.kept_files import archive_of, cache_directory, keep_files

SetUp = Callable[..., None]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory for archives, below a cache directory of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / kept_files.DIRECTORY


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the databases by their aliases: each has tables once it was set up."""
    databases: dict[str, Any] = {}
    for alias in ("default", "other"):
        tables: list[str] = []
        databases[alias] = SimpleNamespace(
            vendor="postgresql",
            settings_dict={"ENGINE": "e", "HOST": "", "PORT": "", "NAME": f"test_{alias}"},
            introspection=SimpleNamespace(django_table_names=lambda tables=tables, **_: tables),
            tables=tables,
        )
    monkeypatch.setattr(kept_files, "connections", databases)
    return databases


@pytest.fixture
def set_up(
    tmp_path: Path, cache: Path, databases: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[SetUp]:
    """
    Return a function that sets databases up in a new run of tests.

    It takes a function for each alias, which is called as a migration.
    """
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    storages = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    with override_settings(MEDIA_ROOT=str(project / "media"), STORAGES=storages):
        floors: list[Floor] = []

        def run(**migrations: Callable[[], object]) -> None:
            while floors:
                floors.pop().end()
            floors.append(Floor())
            floors[0].begin()
            with keep_files():
                for alias, migrate in migrations.items():
                    for app in apps.get_app_configs():
                        pre_migrate.send(sender=app, using=alias)
                    migrate()
                    databases[alias].tables[:] = ["uploads_upload"]

        yield run
        for floor in floors:
            floor.end()


def save(name: str = "a.txt") -> str:
    """Save a file."""
    return default_storage.save(name, ContentFile(b"content"))


def nothing() -> None:
    """Migrate nothing."""


def test_the_next_run(set_up: SetUp) -> None:
    """The next run has the files of a database's migrations, with their modes and times."""

    def migrate() -> None:
        path = default_storage.path(save("d/a.txt"))
        os.chmod(path, 0o664)
        os.utime(path, (1, 2))

    set_up(default=migrate)
    for _ in range(2):
        set_up(default=nothing)
        path = Path(default_storage.path("d/a.txt"))
        assert path.read_bytes() == b"content"
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime) == (0o664, 2)


def test_each_database(set_up: SetUp, databases: dict[str, Any]) -> None:
    """Each database has its own files, and a new one has none."""
    set_up(default=save, other=lambda: save("b.txt"))
    databases["default"].tables.clear()
    set_up(default=nothing, other=nothing)
    assert default_storage.listdir("") == ([], ["b.txt"])


def test_migrations_see_the_files(set_up: SetUp) -> None:
    """A migration of the second run can delete a file of the first."""
    set_up(default=save)
    set_up(default=lambda: default_storage.delete("a.txt"))
    set_up(default=nothing)
    assert not default_storage.exists("a.txt")


def test_without_files(set_up: SetUp, cache: Path) -> None:
    """A database without files has no archive."""
    set_up(default=nothing)
    assert not cache.exists()
    set_up(default=save)
    assert len(list(cache.iterdir())) == 1
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    set_up(default=lambda: default_storage.delete("a.txt"))
    # What is left are the directories above.
    set_up(default=nothing)
    assert default_storage.listdir("") == ([], [])


def test_the_files_stay(set_up: SetUp) -> None:
    """The files of migrations belong to the run."""
    set_up(default=save)
    assert Floor.current is not None
    snapshot = Floor.current.snapshot
    snapshot.end(snapshot.begin())
    assert default_storage.exists("a.txt")


def test_a_database_in_memory(set_up: SetUp, databases: dict[str, Any], cache: Path) -> None:
    """Files of a database in memory are not kept."""
    databases["default"].vendor = "sqlite"
    databases["default"].is_in_memory_db = lambda: True
    set_up(default=save)
    assert default_storage.exists("a.txt")
    assert not cache.exists()


def test_a_migration_fails(set_up: SetUp, cache: Path) -> None:
    """Nothing is kept if a migration raises."""

    def fail() -> None:
        save()
        raise LookupError

    receivers = [*pre_migrate.receivers]
    with pytest.raises(LookupError):
        set_up(default=fail)
    assert not cache.exists()
    assert [*pre_migrate.receivers] == receivers


def test_without_a_floor(cache: Path) -> None:
    """Nothing happens without a floor."""
    with keep_files():
        assert Floor.current is None


def test_a_directory_of_others(set_up: SetUp, cache: Path) -> None:
    """A directory that others can enter is not used, with a warning."""
    set_up(default=save)
    cache.chmod(0o755)
    with pytest.warns(UserWarning, match="kept: .* is not a private directory"):
        with pytest.warns(UserWarning, match="loaded: .* is not a private directory"):
            set_up(default=save)
    assert default_storage.exists("a.txt")


def test_a_damaged_archive(set_up: SetUp, cache: Path) -> None:
    """A damaged archive is left out, with a warning, and replaced."""
    set_up(default=save)
    (archive,) = cache.iterdir()
    archive.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=r"^Files of migrations could not be loaded: "):
        set_up(default=save)
    set_up(default=nothing)
    assert default_storage.exists("a.txt")


def test_a_file_that_cannot_be_written(
    set_up: SetUp, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run continues, and leaves no partial archive, if the disk is full."""

    def fail(*args: Any) -> None:
        raise OSError("No space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.warns(UserWarning, match=r"kept: No space left$"):
        set_up(default=save)
    assert list(cache.iterdir()) == []


def test_which_archive(databases: dict[str, Any], cache: Path) -> None:
    """Each database of each project has its own archive."""
    first, other = archive_of("default"), archive_of("other")
    assert first != other
    assert os.path.dirname(first) == str(cache)


def test_the_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache directory is in the user's home, unless XDG_CACHE_HOME names another one."""
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == str(tmp_path / ".cache" / kept_files.DIRECTORY)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(FileNotFoundError):
        cache_directory()
