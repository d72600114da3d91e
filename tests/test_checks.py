"""The system checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django
import pytest
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings
from projects import make_project

from inmemorystorage import InMemoryStorage
from inmemorystorage.serving.apps import check_location

IN_MEMORY = "inmemorystorage.InMemoryStorage"


class TenantStorage(InMemoryStorage):
    """A storage with a required option."""

    def __init__(self, *, tenant: str, **options: Any) -> None:
        super().__init__(**options)


def messages(**changed: Any) -> list[CheckMessage]:
    """Return the messages of the checks under changed settings."""
    with override_settings(**changed):
        return [each for each in run_checks() if "inmemorystorage" in str(each.id)]


def check_storage(backend: Any = IN_MEMORY, **options: Any) -> list[CheckMessage]:
    """Return the messages of the checks for a storage in STORAGES."""
    return messages(STORAGES={"default": {"BACKEND": backend, "OPTIONS": options}})


def test_correct_settings() -> None:
    """The checks report nothing for correct settings."""
    assert messages() == []


def test_good_options() -> None:
    """The checks report nothing for options that the storage has."""
    assert check_storage(behaves_like="filesystem", location="/x", max_size=1) == []
    assert check_storage(f"{__name__}.TenantStorage", tenant="a", base_url="/a/") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"file_overwrite": True}, "no option 'file_overwrite'. Did you mean 'allow_overwrite'?"),
        ({"behaves_like": "s3"}, "behaves_like='s3'. It is one of 'memory', 'filesystem'."),
        ({"filesystem": "/x"}, "Pass a path as location="),
        ({"max_size": "1 MB"}, "max_size='1 MB'"),
    ],
)
def test_mistaken_option(options: dict[str, Any], said: str) -> None:
    """The checks report an option that the storage refuses, with the alias and the reason."""
    [error] = check_storage(**options)
    assert error.id == "inmemorystorage.E001"
    assert "STORAGES['default']" in error.msg and said in error.msg
    assert error.hint == "Correct STORAGES['default'][\"OPTIONS\"]."


def test_each_mistaken_storage_is_named() -> None:
    """The checks report one error for each storage that cannot be made."""
    mistaken = {"BACKEND": IN_MEMORY, "OPTIONS": {"x": 1}}
    right = {"BACKEND": IN_MEMORY}
    errors = messages(STORAGES={"default": mistaken, "staticfiles": right, "more": mistaken})
    assert [error.msg.split()[0] for error in errors] == ["STORAGES['default']", "STORAGES['more']"]


def test_subclass_that_misses_an_option() -> None:
    """The checks report a subclass whose required option is missing."""
    [error] = check_storage(f"{__name__}.TenantStorage")
    assert error.id == "inmemorystorage.E001" and "'tenant'" in error.msg


@pytest.mark.parametrize(
    "backend",
    [
        "django.core.files.storage.FileSystemStorage",
        "no_such_module.Storage",
        "inmemorystorage.exceptions.PathDoesNotExist",
        "inmemorystorage.behaviors.BEHAVIORS",
        None,
    ],
)
def test_other_storages_are_left_alone(backend: Any) -> None:
    """The checks report nothing for storages of other packages."""
    assert check_storage(backend, x=1) == []


@pytest.mark.skipif(django.VERSION < (5, 1), reason="Django reads DEFAULT_FILE_STORAGE itself")
@pytest.mark.parametrize("backend", [IN_MEMORY, "inmemorystorage.Mistaken", "storages.S3"])
def test_default_file_storage(backend: str) -> None:
    """The checks warn of DEFAULT_FILE_STORAGE, with what to write instead."""
    [warning] = messages(DEFAULT_FILE_STORAGE=backend)
    assert (warning.id, warning.is_serious()) == ("inmemorystorage.W001", False)
    assert f'STORAGES = {{"default": {{"BACKEND": "{backend}"}}' in warning.hint


def test_good_key_value_store() -> None:
    """The checks report nothing for a store that can be made, and do not connect to it."""
    assert messages(KEY_VALUE_STORE_BACKEND="locmem://name?serializer=pickle") == []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("locmen://", "Did you mean 'locmem'?"),
        ("locmem://?serialiser=pickle", "no parameter 'serialiser'"),
        ("127.0.0.1:6379", "has no scheme"),
        ("", "has no scheme"),
        ({"BACKEND": "locmem://"}, "has no scheme"),
    ],
)
def test_mistaken_key_value_store(uri: Any, said: str) -> None:
    """The checks report a setting with which no store can be made."""
    [error] = messages(KEY_VALUE_STORE_BACKEND=uri)
    assert error.id == "inmemorystorage.E002" and error.is_serious()
    assert error.msg.startswith("KEY_VALUE_STORE_BACKEND cannot be used: ") and said in error.msg
    assert "scheme://store?parameters" in error.hint


@pytest.mark.parametrize(("media_root", "ids"), [("", ["inmemorystorage.E003"]), ("/media", [])])
def test_location_of_the_project(media_root: str, ids: list[str]) -> None:
    """The checks of serving report a default location that has the project's own files."""
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    with override_settings(STORAGES={"default": backend}, MEDIA_ROOT=media_root):
        assert [error.id for error in check_location()] == ids


def test_location_of_a_storage_that_cannot_be_made() -> None:
    """The check of locations leaves a storage that cannot be made to other checks."""
    with override_settings(STORAGES={"default": {"BACKEND": "no.such.Storage"}}):
        assert check_location() == []


@pytest.mark.parametrize("name", ["InMemoryStorage", "kvstore.KeyValueStorage"])
def test_kvstore_is_imported_when_it_is_used(name: str, tmp_path: Path) -> None:
    """Django imports kvstore at its start only if STORAGES names its storage."""
    options = {"uri": "locmem://"} if "kvstore" in name else {}
    backend = {"BACKEND": f"inmemorystorage.{name}", "OPTIONS": options}
    project = make_project(tmp_path, settings=f"STORAGES = {{'default': {backend}}}\n")
    loaded = """
        import sys
        from django.core.checks import run_checks
        from django.core.files.storage import default_storage
        assert not run_checks() and not default_storage.exists("a")
        print("inmemorystorage.kvstore" in sys.modules)
    """
    assert project.python(loaded) == str("kvstore" in name)
