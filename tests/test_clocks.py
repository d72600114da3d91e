"""Times: those of a disk, and those of a frozen clock."""

import datetime as dt

import pytest
import time_machine

from inmemorystorage import InMemoryStorage

THEN = dt.datetime(2020, 2, 29, 12, 30, tzinfo=dt.timezone.utc)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def clock():
    """Freeze the clock, and return it."""
    with time_machine.travel(THEN, tick=False) as clock:
        yield clock


@pytest.fixture(params=["memory", "filesystem"])
def storage(request, tmp_path, clock):
    """Return a storage of either behavior with ``f`` in it, saved at the frozen time."""
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


def test_new_file_has_the_frozen_time(storage):
    """A new file has the frozen time in all its times."""
    assert times(storage) == (THEN, THEN, THEN)


def test_reading_changes_the_accessed_time(storage, clock):
    """Reading a file changes its accessed time only."""
    clock.shift(HOUR)
    storage.open("f").read()
    assert times(storage) == (THEN + HOUR, THEN, THEN)


def test_writing_changes_the_modified_time(storage, clock):
    """Writing changes the modified time, and the created time as on a disk only."""
    clock.shift(HOUR)
    with storage.open("f", "ab") as file:
        file.write(b"+")
    is_disk = storage.behavior.created_is_changed
    assert storage.get_modified_time("f") == THEN + HOUR
    assert storage.get_created_time("f") == (THEN + HOUR if is_disk else THEN)


def test_entries_change_the_modified_time_of_their_directory(storage, clock):
    """Making and deleting an entry modifies the directory, as POSIX specifies."""
    storage.save("d/x", b"")
    clock.shift(HOUR)
    storage.delete("d/x")
    assert storage.get_modified_time("d") == THEN + HOUR


def test_times_are_naive_without_time_zones(storage, settings):
    """Times are naive and local without USE_TZ."""
    settings.USE_TZ = False
    local = dt.datetime.fromtimestamp(THEN.timestamp())
    assert times(storage) == (local, local, local)
