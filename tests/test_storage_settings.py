"""The settings that a storage follows while they change."""

from __future__ import annotations

import gc
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from contract.helpers import get, put
from django.core.signals import setting_changed
from django.test import override_settings

from inmemorystorage import InMemoryDir, InMemoryStorage

ROWS = ["memory", "filesystem"]
TIMES = ["accessed", "created", "modified"]
# A setting, a value for it, and the attribute that has that value.
SETTINGS: list[tuple[str, Any, str]] = [
    ("MEDIA_ROOT", "/other", "base_location"),
    ("MEDIA_ROOT", "/other", "location"),
    ("MEDIA_URL", "https://cdn.test/other/", "base_url"),
    ("FILE_UPLOAD_PERMISSIONS", 0o604, "file_permissions_mode"),
    ("FILE_UPLOAD_DIRECTORY_PERMISSIONS", 0o705, "directory_permissions_mode"),
]


class BucketStorage(InMemoryStorage):
    """A storage configured by attributes of its class, as those of buckets are."""

    location = "/bucket"
    base_url = "https://cdn.test/"
    file_permissions_mode = 0o600
    directory_permissions_mode = 0o700


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("setting", "value", "attribute"), SETTINGS)
def test_storage_follows_an_overridden_setting(
    row: str, setting: str, value: Any, attribute: str
) -> None:
    """A storage uses a setting while it is overridden, and then the former value."""
    storage = InMemoryStorage(behaves_like=row)
    before = getattr(storage, attribute)
    with override_settings(**{setting: value}):
        assert getattr(storage, attribute) == value
        with override_settings(**{setting: before}):
            assert getattr(storage, attribute) == before
        assert getattr(storage, attribute) == value
    assert getattr(storage, attribute) == before


@pytest.mark.parametrize(("setting", "value", "attribute"), SETTINGS)
def test_attribute_of_a_subclass(setting: str, value: Any, attribute: str) -> None:
    """An attribute of a subclass takes precedence over the setting."""
    storage = BucketStorage(behaves_like="filesystem")
    before = storage.location, storage.url("a"), storage.path("a"), storage.file_permissions_mode
    with override_settings(**{setting: value}):
        after = storage.location, storage.url("a"), storage.path("a"), storage.file_permissions_mode
    assert before == after == ("/bucket", "https://cdn.test/a", "/bucket/a", 0o600)


@pytest.mark.parametrize("attribute", ["base_location", "base_url", "file_permissions_mode"])
def test_attribute_that_is_set(attribute: str) -> None:
    """An attribute may be set on an instance, as on FileSystemStorage."""
    storage = InMemoryStorage()
    setattr(storage, attribute, "/set/")
    assert getattr(storage, attribute) == "/set/"
    assert getattr(InMemoryStorage(), attribute) != "/set/"


def test_shared_files_follow_media_root(tmp_path: Path) -> None:
    """A storage has other files with another MEDIA_ROOT, and the first ones again after."""
    storage = InMemoryStorage(behaves_like="filesystem")
    with override_settings(MEDIA_ROOT=tmp_path / "first"):
        put(storage, "a", b"first")
        with override_settings(MEDIA_ROOT=tmp_path / "second"):
            assert not storage.exists("a")
            put(storage, "a", b"second")
        assert get(storage, "a") == b"first"
    assert not storage.exists("a")


def test_own_files_stay_under_another_media_root(tmp_path: Path) -> None:
    """A storage with its own tree keeps it with another MEDIA_ROOT."""
    storage = InMemoryStorage()
    put(storage, "a", b"content")
    with override_settings(MEDIA_ROOT=tmp_path):
        assert get(storage, "a") == b"content"


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("what", TIMES)
def test_times_follow_use_tz(row: str, what: str, tmp_path: Path) -> None:
    """Times are in UTC with USE_TZ, and naive and local without it."""
    storage = InMemoryStorage(behaves_like=row, location=tmp_path)
    put(storage, "a")
    ask = getattr(storage, f"get_{what}_time")
    with override_settings(USE_TZ=True):
        aware = ask("a")
    with override_settings(USE_TZ=False):
        naive = ask("a")
    assert (aware.tzinfo, naive.tzinfo) == (timezone.utc, None)
    assert naive.astimezone(timezone.utc) == aware


@pytest.mark.parametrize("what", TIMES)
def test_times_are_now(what: str) -> None:
    """A new file's times are now, by the names of 2.1 too."""
    storage = InMemoryStorage()
    put(storage, "a")
    time = getattr(storage, f"{what}_time")("a")
    assert time == getattr(storage, f"get_{what}_time")("a")
    assert abs(datetime.now(timezone.utc) - time) < timedelta(minutes=5)


def test_relative_location(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative location is below the current directory, as for FileSystemStorage."""
    monkeypatch.chdir(tmp_path)
    storage = InMemoryStorage(location=Path("media"), behaves_like="filesystem")
    assert (storage.base_location, storage.location) == (Path("media"), str(tmp_path / "media"))
    assert storage.path("a") == os.path.join(tmp_path, "media", "a")


def test_url_without_a_base_url_raises() -> None:
    """url() raises without a base URL and with MEDIA_URL None."""
    with override_settings(MEDIA_URL=None):
        storage = InMemoryStorage()
        assert storage.base_url is None
        with pytest.raises(ValueError, match="not accessible via a URL"):
            storage.url("a")


def test_persist_may_be_set_later(settings, tmp_path: Path) -> None:
    """A storage shares its files only while INMEMORYSTORAGE_PERSIST is set."""
    storage, other = (InMemoryStorage(location=tmp_path) for _ in range(2))
    put(storage, "own")
    settings.INMEMORYSTORAGE_PERSIST = True
    assert storage.listdir("") == ([], [])
    put(storage, "shared")
    assert (other.exists("own"), other.exists("shared")) == (False, True)
    settings.INMEMORYSTORAGE_PERSIST = False
    assert (storage.exists("own"), storage.exists("shared")) == (True, False)
    assert other.listdir("") == ([], [])


def test_given_filesystem_is_kept_with_persist(settings, tmp_path: Path) -> None:
    """A storage keeps a given tree with INMEMORYSTORAGE_PERSIST."""
    tree = InMemoryDir()
    storage = InMemoryStorage(tree, location=tmp_path)
    settings.INMEMORYSTORAGE_PERSIST = True
    put(storage, "a")
    assert storage.filesystem is tree
    assert not InMemoryStorage(location=tmp_path).exists("a")


def test_settings_keep_no_storage_alive() -> None:
    """A storage that follows the settings is collected with its last reference."""
    storage = InMemoryStorage()
    identity = id(storage)
    assert identity in followers()
    del storage
    gc.collect()
    assert identity not in followers()


def followers() -> set[int]:
    """Return the identities of the receivers of setting_changed."""
    live = setting_changed._live_receivers(None)
    receivers = live[0] if isinstance(live, tuple) else live
    return {id(getattr(each, "__self__", None)) for each in receivers}
