"""Interference at every step: files are whole or missing, and every file is listed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.utils.functional import SimpleLazyObject
from kvstore.helpers import CHUNK, LONG, Content, chunks, make, memory, notes, read, save
from kvstore.interference import Steps, at_each_step, at_step

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import locmem
from inmemorystorage.kvstore.files.chunks import ChunkedUpload

START = 1_800_000_000
OTHER = b"other" * 12


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    """Stop the clock, and send two chunks at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inmemorystorage.kvstore.files.chunks._BATCH", 2 * CHUNK)
        with time_machine.travel(START, tick=False) as clock:
            yield clock


def lose_connection() -> None:
    """Raise the error of a lost connection."""
    raise ConnectionResetError(errno.ECONNRESET, "lost")


def interrupt() -> None:
    """Raise KeyboardInterrupt."""
    raise KeyboardInterrupt


def write(storage: KeyValueStorage, name: str, content: bytes) -> None:
    """Write a file through a handle."""
    with storage.open(name, "r+b") as file:
        file.write(content)
        file.truncate()


def try_to(use: Callable[[], Any]) -> bool:
    """Call a function; return False if it was interrupted."""
    try:
        use()
    except (OSError, KeyboardInterrupt):
        return False
    return True


def settle(storage: KeyValueStorage, clock: Any) -> None:
    """Sweep after every lease has expired, and assert that only files' chunks remain."""
    clock.shift(timedelta(hours=3))
    storage.sweep()
    assert notes(storage) == []
    directories, files = storage.listdir("d") if storage.exists("d") else ([], [])
    assert directories == []
    contents = [read(storage, f"d/{name}") for name in files]
    assert len(chunks(storage)) == sum(len(each) // CHUNK for each in contents if len(each) > CHUNK)


@pytest.mark.parametrize("fails", [lose_connection, interrupt])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_save_that_fails_at_any_step(clock: Any, when: str, fails: Callable[[], None]) -> None:
    """A failed save leaves a whole file or none, an available name, and no orphan."""

    def does(number: int) -> Steps:
        storage = make()
        save(storage, "d/other", b"short")
        with at_step(number, **{when: fails}) as steps:
            is_saved = try_to(lambda: save(storage, "d/a"))
        assert storage.exists("d/a") or not is_saved
        if storage.exists("d/a"):
            assert read(storage, "d/a") == LONG
        settle(storage, clock)
        assert storage.is_name_available("d/a") != storage.exists("d/a")
        return steps

    at_each_step(does)


def test_a_name_that_becomes_free() -> None:
    """save() takes a name whose file is deleted between two steps."""
    storage = make()
    save(storage, "a", b"old")
    with at_step(2, before=lambda: storage.delete("a")):
        assert save(storage, "a", b"new") == "a"
    assert read(storage, "a") == b"new"


@pytest.mark.parametrize("fails", [lose_connection, interrupt])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("changes", [save, write])
@pytest.mark.parametrize("content", [OTHER, b"short"])
def test_a_change_that_fails_at_any_step(
    clock: Any, changes: Any, content: bytes, when: str, fails: Callable[[], None]
) -> None:
    """A failed change leaves the old content or the new one."""

    def does(number: int) -> Steps:
        storage = make(allow_overwrite=True)
        save(storage, "d/a")
        with at_step(number, **{when: fails}) as steps:
            is_changed = try_to(lambda: changes(storage, "d/a", content))
        assert read(storage, "d/a") in ([content] if is_changed else [LONG, content])
        settle(storage, clock)
        return steps

    at_each_step(does)


@pytest.mark.parametrize("fails", [lose_connection, interrupt])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deletion_that_fails_at_any_step(
    clock: Any, when: str, fails: Callable[[], None]
) -> None:
    """A failed deletion leaves the whole file or none."""

    def does(number: int) -> Steps:
        storage = make()
        save(storage, "d/a")
        with at_step(number, **{when: fails}) as steps:
            is_deleted = try_to(lambda: storage.delete("d/a"))
        assert not (is_deleted and storage.exists("d/a"))
        if storage.exists("d/a"):
            assert read(storage, "d/a") == LONG
        settle(storage, clock)
        return steps

    at_each_step(does)


@pytest.mark.parametrize("name", ["d/a", "d/e/a"])
@pytest.mark.parametrize("content", [b"short", LONG])
@pytest.mark.parametrize("deleted", ["d", "d/e", "."])
@pytest.mark.parametrize("before", ["d/e/b", "elsewhere"])
def test_a_directory_is_deleted_at_any_step_of_a_save(
    name: str, content: bytes, deleted: str, before: str
) -> None:
    """A saved file is listed from the top, or was deleted."""

    def does(number: int) -> Steps:
        storage = make()
        save(storage, before, b"short")
        with at_step(number, before=lambda: storage.delete(deleted)) as steps:
            save(storage, name, content)
        assert_all_is_listed(storage)
        return steps

    at_each_step(does)


@pytest.mark.parametrize("name", ["d/a", "d/e/a", "d"])
@pytest.mark.parametrize("deleted", ["d", "d/e"])
def test_a_file_is_saved_at_any_step_of_a_deletion(name: str, deleted: str) -> None:
    """A file saved while its directory is deleted is listed from the top, or was deleted."""

    def does(number: int) -> Steps:
        storage = make()
        for each in ["d/e/b", "d/c"]:
            save(storage, each, b"short")
        with at_step(number, before=lambda: save(storage, name)) as steps:
            storage.delete(deleted)
        assert_all_is_listed(storage)
        return steps

    at_each_step(does)


def assert_all_is_listed(storage: KeyValueStorage) -> None:
    """Assert that every stored entry is listed from the top."""
    listed, pending = set(), [""]
    while pending:
        directory = pending.pop()
        directories, files = storage.listdir(directory)
        prefix = f"{directory}/" if directory else ""
        pending += [prefix + name for name in directories]
        listed |= {prefix + name for name in [*directories, *files]}
    stored = set()
    for key, entries in memory(storage).directories.items():
        if ":d:" in key:
            path = key.partition(":d:")[2]
            stored |= {f"{path}/{name}".lstrip("/") for name in entries if name != "."}
    assert stored == listed
    assert all(storage.exists(name) for name in listed)


@pytest.mark.parametrize("name", ["d/a", "d/e/a"])
def test_a_process_is_killed_at_any_step_of_making_directories(name: str) -> None:
    """A later save into unfinished directories is listed."""

    def does(number: int) -> Steps:
        storage = make()
        with at_step(number, before=interrupt) as steps:
            try_to(lambda: save(storage, name, b"short"))
        saved = save(storage, "d/e/b", b"short")
        assert read(storage, saved) == b"short"
        assert_all_is_listed(storage)
        return steps

    at_each_step(does)


@pytest.mark.parametrize("step", ["store", "put"])
def test_a_sweep_during_an_overwrite(clock: Any, step: str) -> None:
    """An overwrite raises if its lease expired; the old content remains, or no file does."""
    storage = make(allow_overwrite=True)
    save(storage, "a", b"old")

    def sweep() -> None:
        clock.shift(timedelta(hours=2))
        assert KeyValueStorage(storage.uri).sweep() == 1

    content = Content(LONG, sweep) if step == "store" else Content(LONG)
    method = "insert_entry" if step == "store" else "replace_entry"
    original = getattr(locmem.LocmemBackend, method)

    def late(self: Any, directory: str, name: str, *args: Any, **options: Any) -> Any:
        if step == "put" and name == "a":
            sweep()
        return original(self, directory, name, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locmem.LocmemBackend, method, late)
        with pytest.raises(OSError, match="save the file again"):
            storage.save("a", content)
    assert not storage.exists("a") or read(storage, "a") == b"old"
    settle(storage, clock)


def test_a_store_that_loses_everything_during_a_save() -> None:
    """save() raises if the store loses the first chunks with everything else."""
    storage = make()

    def forget() -> None:
        memory(storage).values.clear()
        memory(storage).directories.clear()

    with pytest.raises(OSError, match="'a'"):
        storage.save("a", Content(LONG, forget, LONG))
    assert not storage.exists("a")


def test_two_concurrent_sweeps() -> None:
    """sweep() skips what another process has swept concurrently."""
    storage = make()
    place = storage._tree.place(storage._resolve("a"))
    ChunkedUpload(storage._contents, "a", place, "content").__enter__()
    with at_step(2, before=lambda: storage.sweep(older_than=0)):
        assert storage.sweep(older_than=0) == 0
    assert notes(storage) == []


def test_an_upload_longer_than_its_chunks_ttl(clock: Any) -> None:
    """save() raises if the first chunks may have expired."""
    storage = make(ttl=1)

    def wait() -> None:
        clock.shift(timedelta(hours=2))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", lambda: __import__("time").time())
        with pytest.raises(OSError, match="save the file again"):
            storage.save("a", Content(LONG, wait, LONG))
    assert not storage.exists("a")


def test_reading_again_after_an_error() -> None:
    """read() after an error continues at the same position."""
    storage = make()
    save(storage, "a")
    with storage.open("a") as file:
        with at_step(1, before=lose_connection), pytest.raises(ConnectionResetError):
            file.read()
        assert file.read() == LONG


@pytest.mark.parametrize("is_cleared", [True, False])
def test_a_file_that_expires_while_it_is_written(clock: Any, is_cleared: bool) -> None:
    """close() stores an expired file with a new ttl."""
    storage = make(ttl=60)
    file = storage.open("a", "wb")
    file.write(LONG)
    clock.shift(61)
    if is_cleared:
        storage.sweep()
    file.close()
    assert read(storage, "a") == LONG


def test_expired_files_block_no_name(clock: Any) -> None:
    """An expired file keeps no directory from being deleted, and no name from being used."""
    storage = make(ttl=60)
    for name in ["d/a", "p"]:
        save(storage, name)
    clock.shift(61)
    storage.delete("d")
    assert not storage.exists("d")
    assert save(storage, "p/q") == "p/q"
    save(storage, "e/f/g")
    clock.shift(61)
    storage.sweep()
    assert chunks(storage) == {}


def test_concurrent_appends(clock: Any) -> None:
    """Concurrent appends keep all lines, without an error."""
    storage = make()
    save(storage, "log", b"")

    def append(number: int) -> None:
        with storage.open("log", "ab") as file:
            file.write(b"%08d\n" % number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(append, range(60)))
    assert sorted(read(storage, "log").split()) == [b"%08d" % number for number in range(60)]


def test_opening_a_file_replaced_concurrently() -> None:
    """open() for writing copies one whole content."""
    storage = make(allow_overwrite=True)
    save(storage, "a", LONG)
    with at_step(2, before=lambda: save(storage, "a", OTHER)), storage.open("a", "r+b") as file:
        assert file.read() == OTHER


@pytest.mark.parametrize("flush", [True, False])
def test_opening_a_file_with_lost_chunks(flush: bool) -> None:
    """A lost chunk raises when the file is opened for writing, and when it is appended to."""
    storage = make()
    save(storage, "a")
    file = storage.open("a", "ab")
    if flush:
        with storage.open("a", "ab") as other:
            other.write(LONG)
    chunks(storage).clear()
    with pytest.raises(OSError, match="lost a part"):
        storage.open("a", "r+b")
    file.write(b"end")
    if flush:
        with pytest.raises(OSError, match="lost a part"):
            file.close()
    else:
        file.close()
        assert read(storage, "a") == LONG + b"end"


def test_appending_to_a_file_that_keeps_changing() -> None:
    """close() appends after all that other handles appended."""
    storage = make(allow_overwrite=True)
    save(storage, "a", LONG)
    file = storage.open("a", "ab")
    file.write(b"end")

    def append(more: bytes) -> None:
        with storage.open("a", "ab") as other:
            other.write(more)

    append(OTHER)
    # Between the requests for the entry and for its chunks.
    with at_step(5, before=lambda: append(LONG)):
        file.close()
    assert read(storage, "a") == LONG + OTHER + LONG + b"end"


def test_a_full_local_disk_leaves_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """open() changes no file if the local copy cannot be made."""
    storage = make()
    save(storage, "a")

    def full(*args: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(OSError, match="No space left"):
        storage.open("a", "wb")
    assert read(storage, "a") == LONG


def test_deleting_from_a_full_store() -> None:
    """delete() works if the store has no room for a note, and raises other errors."""
    storage = make()
    save(storage, "a")

    def full() -> None:
        raise OSError(errno.ENOSPC, "full")

    with at_step(2, before=lose_connection), pytest.raises(ConnectionResetError):
        storage.delete("a")
    assert read(storage, "a") == LONG
    with at_step(2, before=full):
        storage.delete("a")
    assert (storage.exists("a"), chunks(storage)) == (False, {})


def test_lazy_and_slotted_contents() -> None:
    """save() takes a lazy content, and one without a __dict__."""

    class Slotted:
        __slots__ = ()

        def chunks(self) -> Iterator[bytes]:
            yield LONG

    storage = make()
    names = [
        storage.save("a", SimpleLazyObject(lambda: ContentFile(LONG))),
        storage.save("b", Slotted()),
    ]
    assert [read(storage, name) for name in names] == [LONG, LONG]


def test_swept_directories_are_forgotten() -> None:
    """A storage with a ttl remembers the last sweep of a limited number of directories."""
    storage = make(ttl=60)
    for number in range(1100):
        save(storage, f"d{number}/a", b"")
    assert len(storage._swept) < 1100


def test_an_overwrite_at_any_step_of_a_save_that_fails(clock: Any) -> None:
    """A concurrent overwrite of a failed save leaves one whole content."""

    def fail() -> None:
        raise ConnectionResetError

    def does(number: int) -> Steps:
        storage = make()
        taking = KeyValueStorage(storage.uri, chunk_size=CHUNK, allow_overwrite=True)
        with at_step(number, before=lambda: save(taking, "d/a", OTHER)) as steps:
            try_to(lambda: storage.save("d/a", Content(LONG, fail)))
        assert not storage.exists("d/a") or read(storage, "d/a") == OTHER
        settle(storage, clock)
        return steps

    at_each_step(does)


@pytest.mark.parametrize("other", [OTHER, b"short", None])
@pytest.mark.parametrize("content", [LONG, b"brief"])
def test_a_change_at_any_step_of_an_overwrite(
    clock: Any, content: bytes, other: bytes | None
) -> None:
    """The last of two concurrent changes wins; a deletion may leave no file."""

    def change(storage: KeyValueStorage) -> None:
        if other is None:
            storage.delete("d/a")
        else:
            save(storage, "d/a", other)

    def does(number: int) -> Steps:
        storage = make(allow_overwrite=True)
        save(storage, "d/a", LONG * 2)
        with at_step(number, before=lambda: change(storage)) as steps:
            save(storage, "d/a", content)
        assert not storage.exists("d/a") or read(storage, "d/a") in (content, other)
        settle(storage, clock)
        return steps

    at_each_step(does)


@pytest.mark.parametrize("name", ["d", "d/e"])
def test_a_file_takes_a_directory_name_at_any_step(name: str) -> None:
    """A name is a file or a directory, never both."""

    def does(number: int) -> Steps:
        storage = make()
        with at_step(number, before=lambda: save(storage, name)) as steps:
            try_to(lambda: save(storage, "d/e/f", b"short"))
        assert_all_is_listed(storage)
        return steps

    at_each_step(does)


@pytest.mark.parametrize("fails", [lose_connection, interrupt])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_save_under_another_name_fails_at_any_step(
    clock: Any, when: str, fails: Callable[[], None]
) -> None:
    """A failed save under another name leaves whole files and no orphan."""

    def does(number: int) -> Steps:
        storage = make()
        taking = KeyValueStorage(storage.uri, chunk_size=CHUNK, allow_overwrite=True)
        with at_step(number, **{when: fails}) as steps:
            taken = Content(LONG, lambda: save(taking, "d/a", OTHER), LONG)
            is_saved = try_to(lambda: storage.save("d/a", taken))
        files = storage.listdir("d")[1] if storage.exists("d") else []
        found = {read(storage, f"d/{name}") for name in files}
        assert found <= {OTHER, 2 * LONG} and (2 * LONG in found or not is_saved)
        settle(storage, clock)
        return steps

    at_each_step(does)


def test_a_content_swept_before_its_file_exists() -> None:
    """An upload raises if its note is gone, and stores nothing."""
    storage = make()
    place = storage._tree.place(storage._resolve("a"))
    upload = ChunkedUpload(storage._contents, "a", place, "content")
    with ExitStack() as stack:
        stack.enter_context(upload)
        upload.store(iter([LONG[:CHUNK]]))
        assert storage.sweep(older_than=0) == 1
        with pytest.raises(OSError, match="save the file again"):
            stack.close()
    assert (chunks(storage), notes(storage)) == ({}, [])
