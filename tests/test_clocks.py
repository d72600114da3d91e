"""Times: kept as a disk keeps them, and frozen where the clock is."""

import datetime as dt

import pytest
import time_machine

from inmemorystorage import InMemoryStorage

THEN = dt.datetime(2020, 2, 29, 12, 30, tzinfo=dt.timezone.utc)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def clock():
    """Freeze the clock, and hand it out."""
    with time_machine.travel(THEN, tick=False) as clock:
        yield clock


@pytest.fixture(params=["memory", "filesystem"])
def storage(request, tmp_path, clock):
    """Return a storage of either behavior with ``f`` in it, made at the frozen time."""
    storage = InMemoryStorage(location=tmp_path, behaves_like=request.param)
    storage.save("f", b"content")
    return storage


def times(storage, name="f"):
    """Return the accessed, created and modified time."""
    return (
        storage.get_accessed_time(name),
        storage.get_created_time(name),
        storage.get_modified_time(name),
    )


def test_a_frozen_clock_is_respected(storage):
    """All times of a file are the frozen one."""
    assert times(storage) == (THEN, THEN, THEN)


def test_reading_changes_the_accessed_time_alone(storage, clock):
    """Reading is accessing."""
    clock.shift(HOUR)
    storage.open("f").read()
    assert times(storage) == (THEN + HOUR, THEN, THEN)


def test_writing_changes_the_modified_time(storage, clock):
    """Writing is modifying; the created time is the change time on a disk, and stays in memory."""
    clock.shift(HOUR)
    with storage.open("f", "ab") as file:
        file.write(b"+")
    is_disk = storage.behavior.created_is_changed
    assert storage.get_modified_time("f") == THEN + HOUR
    assert storage.get_created_time("f") == (THEN + HOUR if is_disk else THEN)


def test_a_directory_is_modified_by_its_entries(storage, clock):
    """Making and deleting an entry modifies the directory, as POSIX has it."""
    storage.save("d/x", b"")
    clock.shift(HOUR)
    storage.delete("d/x")
    assert storage.get_modified_time("d") == THEN + HOUR


def test_times_are_naive_without_time_zones(storage, settings):
    """Without USE_TZ times are naive and local."""
    settings.USE_TZ = False
    local = dt.datetime.fromtimestamp(THEN.timestamp())
    assert times(storage) == (local, local, local)
