"""A storage's options, their defaults from the settings, and copies of storages."""

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from contract.helpers import get, put, repickled
from contract.storages import Traits
from django.core.files.storage import Storage
from django.utils.module_loading import import_string

MODES = {
    "file_permissions_mode": "FILE_UPLOAD_PERMISSIONS",
    "directory_permissions_mode": "FILE_UPLOAD_DIRECTORY_PERMISSIONS",
}


def deeply(duplicate: Callable[[Storage], Storage]) -> Any:
    """Return each way to copy a storage."""
    return pytest.param(duplicate, marks=pytest.mark.needs("copies_deeply"))


@pytest.mark.needs("has_base_url")
@pytest.mark.needs("has_media_urls")
@pytest.mark.parametrize(
    ("base_url", "url"),
    [("/m/", "/m/a"), ("/m", "/m/a"), ("https://cdn.test/m", "https://cdn.test/m/a"), ("", "/a")],
)
def test_base_url(make_storage: Callable[..., Storage], base_url: str, url: str) -> None:
    """A base URL ends with a slash, whether it was passed with one or not."""
    assert make_storage(base_url=base_url).url("a") == url


@pytest.mark.needs("has_base_url")
@pytest.mark.needs("has_media_urls")
def test_base_url_follows_the_setting(make_storage: Callable[..., Storage], settings) -> None:
    """A storage without a base URL follows MEDIA_URL."""
    storage, own = make_storage(), make_storage(base_url="/own/")
    for media_url in ["/first/", "/second/"]:
        settings.MEDIA_URL = media_url
        assert (storage.base_url, storage.url("a")) == (media_url, f"{media_url}a")
        assert own.url("a") == "/own/a"


@pytest.mark.needs("has_disk_options")
def test_location_follows_the_setting(
    make_storage: Callable[..., Storage], can: Traits, settings, tmp_path: Path
) -> None:
    """A storage without a location follows MEDIA_ROOT."""
    storage = make_storage(location=None)
    for media_root in [tmp_path / "first", str(tmp_path / "second")]:
        settings.MEDIA_ROOT = media_root
        assert storage.base_location == settings.MEDIA_ROOT
        assert (storage.location == str(media_root)) == can.follows_media_root


@pytest.mark.needs("has_disk_options")
def test_location_that_was_passed(make_storage: Callable[..., Storage], tmp_path: Path) -> None:
    """base_location is the location that was passed, unchanged, whatever MEDIA_ROOT is."""
    location = str(tmp_path / "media" / ".." / "media")
    assert make_storage(location=location).base_location == location


@pytest.mark.needs("has_disk_options")
@pytest.mark.parametrize("attribute", MODES)
def test_permission_modes(make_storage: Callable[..., Storage], settings, attribute: str) -> None:
    """A permission mode that was passed is kept; otherwise it follows its setting."""
    storage, own = make_storage(), make_storage(**{attribute: 0o700})
    for mode in [0o640, None]:
        setattr(settings, MODES[attribute], mode)
        assert (getattr(storage, attribute), getattr(own, attribute)) == (mode, 0o700)


@pytest.mark.needs("has_disk_options")
def test_deconstruct(make_storage: Callable[..., Storage]) -> None:
    """The arguments from deconstruct() make a storage of the same class with the same options."""
    storage = make_storage(base_url="/own/")
    path, arguments, options = storage.deconstruct()
    again = import_string(path)(*arguments, **options)
    assert type(again) is type(storage)
    assert (again.base_url, again.base_location) == ("/own/", storage.base_location)


@pytest.mark.parametrize("duplicate", [copy.copy, *map(deeply, [copy.deepcopy, repickled])])
def test_copies(storage: Storage, duplicate: Callable[[Storage], Storage]) -> None:
    """A copy, a deep copy and an unpickled storage have the files and the options."""
    put(storage, "d/a", b"content")
    other = duplicate(storage)
    assert (get(other, "d/a"), other.exists("b")) == (b"content", False)
    with time_machine.travel(time.time(), tick=False):  # a bucket's URL contains its expiry
        assert other.url("a") == storage.url("a")
    put(other, "b", b"more")
    assert get(other, "b") == b"more"
