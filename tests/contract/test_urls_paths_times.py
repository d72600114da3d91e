"""URLs, paths and times of files."""

import time
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from contract.helpers import get, put, write
from contract.storages import Traits
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage
from django.utils import timezone as django_timezone

from inmemorystorage.conformance import CHECKS, Workspace

# Longer than a tick of any clock for file times.
TICK = 0.02
ASKING = ["get_accessed_time", "get_created_time", "get_modified_time"]


@pytest.mark.needs("has_media_urls")
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("d/a.txt", "/media/d/a.txt"),
        ("/a", "/media/a"),
        ("//a", "/media/a"),
        ("d\\a", "/media/d/a"),
        ("é #?%.txt", "/media/%C3%A9%20%23%3F%25.txt"),
        ("~-_.!*'()", "/media/~-_.!*'()"),
        ("d/../a", "/media/a"),
        ("", "/media/"),
        (None, "/media/"),
    ],
)
def test_url(storage: Storage, name: str | None, url: str) -> None:
    """url() returns the quoted name below the base URL, whether the file exists or not."""
    assert storage.url(name) == url


@pytest.mark.needs("has_media_urls")
def test_url_of_a_name_that_looks_like_one(storage: Storage) -> None:
    """url() quotes the colon of a name."""
    assert storage.url("http:a/b") == "/media/http%3Aa/b"


def test_path(storage: Storage, can: Traits) -> None:
    """path() returns a path below the location, or raises if the storage has no paths."""
    if can.paths:
        assert storage.path("d//e/../a") == str(Path(storage.location) / "d" / "a")
    elif can.has_paths_below:
        assert Path(storage.path("d//e/../a")).parts[-3:] == ("lower", "d", "a")
    else:
        with pytest.raises(NotImplementedError):
            storage.path("d/a")


def test_path_outside_of_the_storage(storage: Storage, can: Traits) -> None:
    """path() refuses a name outside of the storage."""
    refuses = can.paths or can.looks_before_paths
    for name in ["../a", "/a", "d/../../a"]:
        with pytest.raises(SuspiciousFileOperation if refuses else NotImplementedError):
            storage.path(name)


def test_file_at_its_path(storage: Storage, can: Traits) -> None:
    """The storage sees a change made at path(), if its files are on the disk."""
    put(storage, "d/a", b"content")
    path = Path(storage.path("d/a") if can.paths else "missing")
    assert path.exists() == (can.paths and can.has_files_at_paths)
    if path.exists():
        path.write_bytes(b"changed")
        assert get(storage, "d/a") == b"changed"


@pytest.mark.needs("created_time")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_times_are_naive(storage: Storage, settings, zone: str) -> None:
    """Times are naive and local without USE_TZ."""
    settings.USE_TZ = False
    settings.TIME_ZONE = zone
    checks = [each for each in CHECKS if each.name.endswith("time_is_the_present")]
    assert len(checks) == 3
    for check in checks:
        check.run(Workspace(storage))


@pytest.mark.needs("created_time")
def test_times_of_a_directory(storage: Storage) -> None:
    """A directory has times too, in UTC."""
    put(storage, "d/a")
    for ask in ASKING:
        answer = getattr(storage, ask)("d")
        assert answer.tzinfo is timezone.utc
        assert abs(django_timezone.now() - answer) < timedelta(minutes=1)


@pytest.mark.needs("created_time")
def test_times_of_a_missing_file(storage: Storage) -> None:
    """The methods for times raise for a file that does not exist."""
    for ask in ASKING:
        with pytest.raises(FileNotFoundError):
            getattr(storage, ask)("missing")


@pytest.mark.needs("created_time")
@pytest.mark.parametrize("mode", ["ab", "rb+"])
def test_writing_moves_the_modified_time(storage: Storage, mode: str) -> None:
    """A write makes the modified time later."""
    put(storage, "a", b"content")
    before = storage.get_modified_time("a")
    time.sleep(TICK)
    write(storage, "a", b"changed", mode)
    assert storage.get_modified_time("a") > before


@pytest.mark.needs("created_time")
def test_reading_leaves_the_modified_time(storage: Storage) -> None:
    """Reading, listing and opening do not change the modified time."""
    put(storage, "a", b"content")
    before = storage.get_modified_time("a"), storage.get_created_time("a")
    time.sleep(TICK)
    storage.size("a")
    storage.listdir("")
    storage.open("a", "rb+").close()
    assert (storage.get_modified_time("a"), storage.get_created_time("a")) == before
