"""sweep(): drops what killed processes left, and files that have expired."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from kvstore.helpers import CHUNK, LONG, Content, chunks, make, memory, notes, read, save

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import locmem

START = 1_800_000_000


class Killed(BaseException):
    """Ends a save like a killed process: no code catches it."""


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    """Stop the clock, and send two chunks at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inmemorystorage.kvstore.files.chunks._BATCH", 2 * CHUNK)
        patch.setattr("time.monotonic", lambda: time.time())
        with time_machine.travel(START, tick=False) as clock:
            yield clock


def kill_while_saving(storage: KeyValueStorage, after: str, **content: Any) -> None:
    """Save a file, and end after a method of the backend without any cleanup."""
    with pytest.MonkeyPatch.context() as patch:
        method = getattr(locmem.LocmemBackend, after)

        def last(self: Any, *args: Any, **options: Any) -> Any:
            method(self, *args, **options)
            for name in OPERATIONS:
                patch.setattr(locmem.LocmemBackend, name, stopped)
            raise Killed

        def stopped(self: Any, *args: Any, **options: Any) -> Any:
            raise Killed

        patch.setattr(locmem.LocmemBackend, after, last)
        with pytest.raises(Killed):
            save(storage, "d/a", **content)


OPERATIONS = [
    *("insert_entry", "replace_entry", "remove_entry", "read_entries", "list_entries"),
    *("set_many", "get_many", "delete_many", "has_key"),
]


@pytest.mark.parametrize("after", ["insert_entry", "set_many"])
def test_a_killed_save_is_invisible(clock: Any, after: str) -> None:
    """A killed save shows no file, and is swept after an hour, not before."""
    storage = make()
    kill_while_saving(storage, after)
    assert not storage.exists("d/a")
    clock.shift(timedelta(minutes=59))
    assert storage.sweep() == 0
    assert notes(storage) != []
    clock.shift(timedelta(minutes=2))
    assert storage.sweep() == 1
    assert (chunks(storage), notes(storage)) == ({}, [])
    assert save(storage, "d/a") == "d/a"
    assert storage.sweep() == 0


def test_a_killed_save_on_a_store_that_cannot_list(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claimed name is available after a day if the backend cannot list."""
    storage = make()
    monkeypatch.setattr(locmem.LocmemBackend, "lists_entries", False)
    kill_while_saving(storage, "set_many")
    clock.shift(timedelta(hours=23))
    assert save(storage, "d/a") != "d/a"
    clock.shift(timedelta(hours=2))
    assert not storage.exists("d/a")
    assert save(storage, "d/a") == "d/a"
    assert read(storage, "d/a") == LONG


def test_a_save_killed_at_its_end(clock: Any) -> None:
    """sweep() keeps a complete file whose note was not removed."""
    storage = make()
    kill_while_saving(storage, "replace_entry")
    assert read(storage, "d/a") == LONG
    clock.shift(timedelta(hours=2))
    assert storage.sweep() == 0
    assert notes(storage) == []
    assert read(storage, "d/a") == LONG


@pytest.mark.parametrize("after", ["replace_entry", "remove_entry"])
def test_an_old_content_is_swept(clock: Any, after: str) -> None:
    """sweep() drops a replaced or deleted content that its process did not drop."""
    storage = make(allow_overwrite=True)
    save(storage, "d/a")
    if after == "replace_entry":
        kill_while_saving(storage, after, content=b"short")
        assert read(storage, "d/a") == b"short"
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(locmem.LocmemBackend, "delete_many", lambda self, keys: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                storage.delete("d/a")
    assert len(chunks(storage)) == 5
    clock.shift(timedelta(hours=2))
    assert storage.sweep() == 1
    assert (chunks(storage), notes(storage)) == ({}, [])


def test_many_chunks_are_swept(clock: Any) -> None:
    """sweep() finds all chunks of an upload, however many."""
    storage = make()
    patch = pytest.MonkeyPatch()
    patch.setattr("inmemorystorage.kvstore.files.chunks._BATCH", 2000)
    kill_while_saving(storage, "set_many", content=LONG * 30)
    patch.undo()
    assert len(chunks(storage)) == 150
    clock.shift(timedelta(hours=2))
    storage.sweep()
    assert chunks(storage) == {}


def test_saving_sweeps_from_time_to_time(clock: Any) -> None:
    """A save in chunks sweeps, but not each time."""
    storage = make()
    kill_while_saving(storage, "set_many")
    clock.shift(timedelta(hours=2))
    save(storage, "short", b"short")
    assert len(notes(storage)) == 1
    save(storage, "long")
    assert notes(storage) == []
    kill_while_saving(storage, "set_many", content=LONG)
    clock.shift(timedelta(hours=2))
    assert notes(storage) != []
    save(storage, "long")
    assert notes(storage) == []


def test_a_slow_upload_renews_its_lease(clock: Any) -> None:
    """A slow upload keeps its chunks as long as some arrive."""
    storage = make()
    other = KeyValueStorage(storage.uri)

    def wait() -> None:
        clock.shift(timedelta(minutes=40))
        assert other.sweep() == 0

    assert storage.save("a", Content(LONG, wait, LONG, wait, LONG, wait, LONG)) == "a"
    assert read(storage, "a") == LONG * 4


def test_an_upload_whose_lease_expired(clock: Any) -> None:
    """save() raises if a sweep has dropped its content."""
    storage = make()

    def wait() -> None:
        clock.shift(timedelta(hours=2))
        assert KeyValueStorage(storage.uri).sweep() == 1

    with pytest.raises(OSError, match=r"save the file again.*'a'"):
        storage.save("a", Content(LONG, wait, LONG))
    assert (chunks(storage), notes(storage)) == ({}, [])
    assert not storage.exists("a")


def test_save_suppresses_errors_of_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """save() succeeds if its sweep fails."""
    storage = make()

    def fail(self: Any, older_than: float) -> int:
        raise ConnectionResetError

    monkeypatch.setattr("inmemorystorage.kvstore.files.orphans.Orphans.sweep", fail)
    assert save(storage, "a") == "a"


@pytest.mark.parametrize("content", [b"short", LONG])
def test_files_expire(clock: Any, content: bytes) -> None:
    """An expired file does not exist."""
    storage = make(ttl=60)
    save(storage, "d/a", content)
    clock.shift(59)
    assert (read(storage, "d/a"), storage.listdir("d")) == (content, ([], ["a"]))
    clock.shift(2)
    assert (storage.exists("d/a"), storage.listdir("d")) == (False, ([], []))
    for use in [storage.open, storage.size, storage.get_modified_time]:
        with pytest.raises(FileNotFoundError):
            use("d/a")
    storage.delete("d/a")
    assert save(storage, "d/a", b"new") == "d/a"
    assert read(storage, "d/a") == b"new"


def test_saving_deletes_expired_files(clock: Any) -> None:
    """save() deletes expired files in its directory, with their chunks."""
    storage = make(ttl=60)
    for name in ["d/a", "d/b", "e/a"]:
        save(storage, name)
    clock.shift(61)
    save(storage, "d/c", b"short")
    assert len(chunks(storage)) == 5
    names = [name for each in memory(storage).directories.values() for name in each]
    assert sorted(names) == [".", ".", "a", "c", "d", "e"]


def test_writing_restarts_the_ttl(clock: Any) -> None:
    """A file that is written to expires a whole ttl later."""
    storage = make(ttl=60)
    save(storage, "a", b"one")
    clock.shift(50)
    with storage.open("a", "ab") as file:
        file.write(b"two")
    clock.shift(50)
    assert read(storage, "a") == b"onetwo"
    clock.shift(11)
    with storage.open("a", "ab") as file:
        file.write(b"three")
    assert read(storage, "a") == b"three"
    clock.shift(61)
    with storage.open("a", "xb") as file:
        file.write(b"four")
    assert read(storage, "a") == b"four"
