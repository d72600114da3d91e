"""Processes whose clocks differ: what they think has expired."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import time_machine
from kvstore.helpers import LONG, Content, make, notes, read, save

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import locmem
from inmemorystorage.kvstore.connections import backend_for

QUARTER = 15 * 60
TTL = 600
CLOCKS = ["redis", "cluster", "postgresql", "mariadb"]


@contextmanager
def clock_of(seconds: float) -> Iterator[None]:
    """Set this process's clock to a later time for a block."""
    with time_machine.travel(time.time() + seconds):
        yield


@pytest.mark.once
@pytest.mark.parametrize("engine", [*CLOCKS, "dynamodb", "memcached"])
@pytest.mark.parametrize("content", [b"content", LONG], ids=len)
def test_clocks_that_differ_by_a_quarter(
    store_uri: Callable[[str], str], engine: str, content: bytes
) -> None:
    """A process whose clock is 15 minutes ahead sees and keeps the files of all others."""
    uri = store_uri(engine)
    storage, other = (KeyValueStorage(uri, ttl=TTL, chunk_size=10) for _ in range(2))
    save(storage, "d/a", content)
    with clock_of(QUARTER):
        assert read(other, "d/a") == content
        assert save(other, "d/a", content) != "d/a"
        save(other, "d/b", content)
        assert other.sweep() == 0
        if engine != "memcached":
            assert "d/a" in {f"d/{name}" for name in other.listdir("d")[1]}
        with other.open("d/b", "ab") as file:
            file.write(b"end")
    assert read(storage, "d/a") == content
    assert read(storage, "d/b") == content + b"end"


@pytest.mark.once
@pytest.mark.parametrize("engine", CLOCKS)
def test_the_clock_of_the_engine(store_uri: Callable[[str], str], engine: str) -> None:
    """Files expire, and uploads lose their leases, by the clock that all processes share."""
    uri = store_uri(engine)
    storage, other = (KeyValueStorage(uri, ttl=TTL, chunk_size=10) for _ in range(2))
    backend = backend_for(uri)
    with clock_of(7200):
        other_time = backend.now()
        assert save(other, "d/a") == "d/a"
    assert abs(other_time - backend.now()) < 1800
    found = storage._tree.find(storage._resolve("d/a"))
    assert found is not None and found.record.expires is not None
    assert abs(found.record.expires - backend.now() - TTL) < 1800

    def sweep() -> None:
        with clock_of(7200):
            assert other.sweep() == 0
            assert storage.exists("d/a")

    assert storage.save("d/long", Content(LONG, sweep, LONG)) == "d/long"
    assert read(storage, "d/long") == LONG * 2


@pytest.mark.once
@pytest.mark.parametrize("engine", CLOCKS)
def test_expired_by_the_clock_of_the_engine(
    store_uri: Callable[[str], str], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file expires for every process when the engine's clock says so."""
    uri = store_uri(engine)
    storage = KeyValueStorage(uri, ttl=TTL)
    save(storage, "d/a", b"content")
    backend = backend_for(uri)
    later = backend.now() + TTL + 1
    monkeypatch.setattr(type(backend), "now", lambda self: later)
    assert (storage.exists("d/a"), storage.listdir("d")) == (False, ([], []))
    storage.sweep()
    monkeypatch.undo()
    assert not storage.exists("d/a")


def test_a_margin_without_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file expires later by the margin of a backend without a clock."""
    monkeypatch.setattr(locmem.LocmemBackend, "clock_margin", QUARTER)
    storage = make(ttl=TTL)
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        save(storage, "a")
        clock.shift(TTL + QUARTER - 1)
        storage.sweep()
        assert read(storage, "a") == LONG
        clock.shift(1)
        assert not storage.exists("a")
        storage.sweep()
        assert notes(storage) == []
        assert save(storage, "a") == "a"


def test_a_listing_asks_the_clock_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """listdir() asks the engine's clock once, and only if files expire."""
    asked: list[int] = []
    monkeypatch.setattr(locmem.LocmemBackend, "now", lambda self: asked.append(1) or time.time())
    for ttl, number in [(None, 0), (TTL, 1)]:
        storage = make(ttl=ttl)
        for name in range(5):
            save(storage, f"d/{name}", b"content")
        asked.clear()
        assert len(storage.listdir("d")[1]) == 5
        assert len(asked) == number
        assert storage.exists("d/1")
        assert len(asked) == 2 * number


def test_a_ttl_of_ages() -> None:
    """A file whose ttl ends after the year 9999 is there, and is listed."""
    storage = make(ttl=1e300)
    save(storage, "d/a")
    assert (read(storage, "d/a"), storage.listdir("d")) == (LONG, ([], ["a"]))
