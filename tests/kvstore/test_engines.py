"""Files on engines that fail: lost connections, full servers, eviction."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connections, transaction
from engines.memcached import memcached_server
from engines.redis import Server
from engines.stores import leave_thread
from kvstore.helpers import read, save

from inmemorystorage.kvstore import KeyValueStorage

pytestmark = pytest.mark.once

MEBIBYTE = 2**20
CHUNKS = 5 * MEBIBYTE


@cache
def content(size: int) -> bytes:
    """Return bytes that do not repeat."""
    return b"".join(b"%07d\n" % number for number in range(size // 8))


def test_a_server_that_is_stopped_and_started(server: Server) -> None:
    """Operations raise an error with the file's name while the server is down, then work again."""
    storage = KeyValueStorage(server.uri)
    save(storage, "d/a")
    server.process.stop()
    uses: list[Callable[[], Any]] = [
        lambda: save(storage, "d/b"),
        lambda: storage.open("d/a"),
        lambda: storage.open("d/a", "wb"),
        lambda: storage.exists("d/a"),
        lambda: storage.size("d/a"),
        lambda: storage.delete("d/a"),
        lambda: storage.listdir("d"),
        lambda: storage.get_modified_time("d/a"),
    ]
    for use in uses:
        with pytest.raises(ConnectionError, match=r"redis://127.0.0.1:\d+: .*'d"):
            use()
    server.process.start()
    assert save(storage, "d/b") == "d/b"
    assert storage.listdir("d") == ([], ["b"])


def test_a_server_that_stops_during_a_save(server: Server) -> None:
    """save() raises an error if the server stops, and leaves no visible file behind."""
    storage = KeyValueStorage(server.uri)
    save(storage, "d/other")

    class Content:
        def chunks(self) -> Iterator[bytes]:
            yield content(CHUNKS * 2)
            server.process.stop()
            yield content(CHUNKS * 2)

    with pytest.raises(ConnectionError, match=r"'d/a'"):
        storage.save("d/a", Content())
    server.process.start()
    assert not storage.exists("d/a")
    assert save(storage, "d/a") == "d/a"


def test_a_server_that_stops_during_a_read(server: Server) -> None:
    """read() raises an error if the server stops, and returns no partial content."""
    storage = KeyValueStorage(server.uri)
    save(storage, "a", content(CHUNKS))
    with storage.open("a") as file:
        assert len(file.read(100)) == 100
        server.process.stop()
        with pytest.raises(ConnectionError, match="'a'"):
            file.read()


@pytest.mark.parametrize("size", [MEBIBYTE // 2, CHUNKS])
def test_a_full_server(server: Server, size: int) -> None:
    """save() on a full server raises ENOSPC with the file's name, and keeps whole files only."""
    storage = KeyValueStorage(server.uri)
    save(storage, "d/a")
    server.ask("CONFIG", "SET", "maxmemory", f"{size // MEBIBYTE + 1}mb")
    with pytest.raises(OSError, match=r"OOM command not allowed.*'d/b\d+'") as info:
        [save(storage, f"d/b{number}", content(size)) for number in range(8)]
    assert info.value.errno == errno.ENOSPC
    server.ask("CONFIG", "SET", "maxmemory", "0")
    for name in storage.listdir("d")[1][1:]:
        assert read(storage, f"d/{name}") == content(size)


def test_a_server_that_evicts(server: Server) -> None:
    """
    Reading a file with evicted parts raises an error.

    A save whose claim was evicted succeeds under another name.
    """
    storage, body = KeyValueStorage(server.uri), content(CHUNKS // 2)
    server.ask("CONFIG", "SET", "maxmemory", "8mb")
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    names = [f"d{number}/a" for number in range(12)]
    saved = [outcome(partial(save, storage, name, body), name) for name in names]
    assert all(
        each == "lost" or str(each).startswith(name)
        for each, name in zip(saved, names, strict=True)
    )
    names += [each for each in saved if each != "lost"]
    outcomes = [outcome(partial(read, storage, name), name) for name in names]
    assert {*outcomes} - {body} == {"lost"}


def outcome(use: Callable[[], Any], name: str) -> Any:
    """Return the result of an operation, "lost" for an error that names the file."""
    try:
        return use()
    except OSError as error:
        return "lost" if name in str(error) else error


@pytest.fixture
def memcached() -> Iterator[KeyValueStorage]:
    """Return a storage on its own, small memcached."""
    pytest.importorskip("pymemcache")
    with memcached_server("-m", "16") as server:
        yield KeyValueStorage(f"memcached://{server.address}")
        leave_thread()


def test_files_on_memcached(memcached: KeyValueStorage) -> None:
    """Files of any length can be saved, read, written and deleted."""
    for name, size in [("d/short", 10), ("d/long", 3 * MEBIBYTE)]:
        assert save(memcached, name, content(size)) == name
        assert save(memcached, name, b"other") != name
        assert (memcached.exists(name), memcached.size(name)) == (True, size // 8 * 8)
        with memcached.open(name, "ab") as file:
            file.write(b"end")
        assert read(memcached, name) == content(size) + b"end"
        memcached.delete(name)
        assert not memcached.exists(name)
    assert memcached.exists("d")


def test_memcached_cannot_list(memcached: KeyValueStorage) -> None:
    """Operations that need a listing raise NotImplementedError, and change nothing."""
    save(memcached, "d/a")
    for use in [memcached.listdir, memcached.delete]:
        with pytest.raises(NotImplementedError, match=r"cannot list a directory.*redis://"):
            use("d")
    assert memcached.exists("d/a")
    assert memcached.sweep() == 0


def test_times_on_memcached(memcached: KeyValueStorage) -> None:
    """A storage with a ttl works without listings."""
    storage = KeyValueStorage(memcached.uri, ttl=60)
    storage.save("d/a", ContentFile(content(3 * MEBIBYTE)))
    assert read(storage, "d/a") == content(3 * MEBIBYTE)


def test_chunks_that_memcached_evicts(memcached: KeyValueStorage) -> None:
    """Reading a file raises an error if memcached evicted one of its chunks."""
    names = [save(memcached, f"a{number}", content(3 * MEBIBYTE)) for number in range(12)]
    outcomes = [outcome(partial(read, memcached, name), name) for name in names]
    assert {*outcomes} - {content(3 * MEBIBYTE)} == {"lost"}
    with pytest.raises(OSError, match="'a0'"):
        read(memcached, "a0")


def test_a_file_with_an_evicted_part(server: Server) -> None:
    """Opening a listed file with an evicted part raises EIO, as the file is not missing."""
    storage = KeyValueStorage(server.uri)
    for size in [10, MEBIBYTE]:
        save(storage, "d/a", content(size))
        for key in storage._contents.entries.backend._client.scan_iter(match="*:[eb]:a"):
            storage._contents.entries.backend._client.delete(key)
        with pytest.raises(OSError, match=r"evicted a part|lost a part") as info:
            storage.open("d/a")
        assert info.value.errno == errno.EIO
        storage.delete("d/a")


def test_long_files_of_a_full_server_can_be_deleted(server: Server) -> None:
    """delete() needs no memory on a full server."""
    storage = KeyValueStorage(server.uri)
    save(storage, "d/a", content(CHUNKS))
    server.ask("CONFIG", "SET", "maxmemory", "1")
    storage.delete("d/a")
    assert not storage.exists("d/a")


def test_concurrent_saves_and_deletes_of_a_directory(server: Server) -> None:
    """A file that is saved while its directory is deleted is listed, or does not exist."""
    storage = KeyValueStorage(server.uri)
    for turn in range(10):
        name = f"d{turn}/e/f"

        def work(deletes: bool, name: str = name) -> None:
            for _ in range(30):
                storage.delete(name.partition("/")[0]) if deletes else save(storage, name, b"")
            leave_thread()

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(work, [True, False]))
        top, middle, _ = name.split("/")
        is_listed = top in storage.listdir("")[0] and middle in storage.listdir(top)[0]
        assert storage.exists(name) <= is_listed
        assert is_listed <= storage.exists(f"{top}/{middle}")


def test_an_error_after_a_save_keeps_the_transaction(
    store_uri: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed cleanup after a save leaves the open transaction usable."""
    storage = KeyValueStorage(store_uri("postgresql"))
    alias = storage.uri.partition("alias=")[2].partition("&")[0]
    list_entries = "inmemorystorage.kvstore.backends.db.DatabaseBackend.list_entries"

    def fail(self: Any, directory: str) -> Any:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    with transaction.atomic(alias):
        with monkeypatch.context() as patch:
            patch.setattr(list_entries, fail)
            assert save(storage, "a", content(CHUNKS)) == "a"
        assert save(storage, "b", content(CHUNKS)) == "b"
    assert read(storage, "a") == read(storage, "b") == content(CHUNKS)
