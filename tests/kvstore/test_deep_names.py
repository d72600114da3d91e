"""Names of many directories: what they cost, and that they can be deleted."""

from __future__ import annotations

import errno
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from engines.redis import Server
from kvstore.helpers import make, memory, read, save

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import locmem

# The deepest directory of a name that PATH_MAX allows, with its slash.
DEEPEST = "d/" * 2047


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of entries of each request that reads entries."""
    numbers: list[int] = []
    read_entries = locmem.LocmemBackend.read_entries

    def counted(self: Any, places: Any, **options: Any) -> Any:
        numbers.append(len(places))
        return read_entries(self, places, **options)

    monkeypatch.setattr(locmem.LocmemBackend, "read_entries", counted)
    return numbers


@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
@pytest.mark.parametrize("name", ["a/" * 4096 + "a", DEEPEST + "dd", "x" * 8192], ids=len)
def test_a_name_that_is_too_long_costs_no_request(
    reads: list[int], behaves_like: str, name: str
) -> None:
    """Names past PATH_MAX raise ENAMETOOLONG before the store is asked."""
    storage = make(behaves_like=behaves_like)
    for use in [storage.open, storage.size, storage.listdir, lambda name: save(storage, name)]:
        with pytest.raises(OSError, match="too long") as info:
            use(name)
        assert info.value.errno == errno.ENAMETOOLONG
    assert not storage.exists(name)
    assert (reads, memory(storage).directories) == ([], {})


@pytest.mark.parametrize(("levels", "requests"), [(1, 1), (32, 1), (33, 2), (1056, 2), (2047, 3)])
def test_a_missing_name_costs_few_requests(reads: list[int], levels: int, requests: int) -> None:
    """open() of a missing name reads its directories in one request, the deepest in three."""
    storage = make()
    with pytest.raises(FileNotFoundError):
        storage.open("d/" * levels + "a")
    assert len(reads) == 1 + requests
    assert sum(reads) <= 1 + 32 * requests


def test_a_missing_name_costs_little_memory() -> None:
    """open() of the deepest missing name needs less than a mebibyte."""
    storage = make()
    with pytest.raises(FileNotFoundError):
        storage.open("a")
    tracemalloc.start()
    try:
        with pytest.raises(FileNotFoundError):
            storage.open(DEEPEST + "a")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_missing_below_a_file_at_any_depth(reads: list[int]) -> None:
    """open() raises NotADirectoryError below a file and else FileNotFoundError, at any depth."""
    storage = make()
    for depth in range(70):
        save(storage, f"{'d/' * depth}file", b"content")
    for depth in range(70):
        above = f"{'d/' * depth}"
        for below in [1, 2, 30, 31, 32, 33, 70, 1000, 1900]:
            with pytest.raises(NotADirectoryError):
                storage.open(f"{above}file/{'d/' * below}a")
            with pytest.raises(FileNotFoundError):
                storage.open(f"{above}e/{'d/' * below}a")


def commands(server: Server) -> int:
    """Return how many commands a server ran since this was asked last."""
    stats = server.ask("INFO", "commandstats").decode().splitlines()
    calls = {
        line.partition(":")[0].partition("_")[2]: int(line.partition("calls=")[2].partition(",")[0])
        for line in stats
        if line.startswith("cmdstat_")
    }
    server.ask("CONFIG", "RESETSTAT")
    # The commands of a script are counted, too.
    uncounted = "config", "eval", "info"
    return sum(number for name, number in calls.items() if not name.startswith(uncounted))


@pytest.mark.once
def test_commands_of_redis(server: Server) -> None:
    """open() of a missing name costs Redis a command for a usual chain of directories."""
    storage = KeyValueStorage(server.uri)
    save(storage, "d/a")
    for name, number in [
        *(("a" * 8192, 0), ("a/" * 4096, 0), ("d/b", 3), ("e/" * 32 + "a", 3)),
        *(("d/" * 500 + "a", 4), (DEEPEST + "a", 5)),
    ]:
        commands(server)
        with pytest.raises(OSError, match=name[:1]):
            storage.open(name)
        assert commands(server) == number, name[:9]


@pytest.mark.once
@pytest.mark.parametrize("engine", ["cluster", "memcached", "sqlite", "postgresql", "mariadb"])
def test_missing_below_a_file_on_engines(store_uri: Callable[[str], str], engine: str) -> None:
    """open() raises NotADirectoryError below a file and else FileNotFoundError, on each engine."""
    storage = KeyValueStorage(store_uri(engine))
    save(storage, "d/e/file", b"content")
    for below in [1, 40, 1500]:
        with pytest.raises(NotADirectoryError):
            storage.open(f"d/e/file/{'d/' * below}a")
        with pytest.raises(FileNotFoundError):
            storage.open(f"d/e/{'d/' * below}a")


DEEP = ["locmem", pytest.param("redis", marks=pytest.mark.once)]


@pytest.mark.parametrize("engine", DEEP)
def test_a_deep_directory_can_be_deleted(request: pytest.FixtureRequest, engine: str) -> None:
    """delete() removes a directory of 1,200 levels."""
    storage = deep(request, engine, None)
    names = [f"{'d/' * 1200}a", f"{'d/' * 600}b", "d/c", "other"]
    for name in names:
        assert save(storage, name, b"content") == name
    storage.delete("d")
    assert not any(map(storage.exists, ["d", "d/d", *names[:-1]]))
    assert storage.listdir("") == ([], ["other"])
    assert save(storage, "d/d/a", b"new") == "d/d/a"
    assert read(storage, "d/d/a") == b"new"


@pytest.mark.parametrize("engine", DEEP)
def test_a_deep_directory_can_be_swept(request: pytest.FixtureRequest, engine: str) -> None:
    """sweep() removes the expired files of a directory of 1,200 levels."""
    storage = deep(request, engine, 600)
    name = f"{'d/' * 1200}a"
    save(storage, name, b"content")
    storage.sweep()
    assert storage.exists(name)
    resolved = storage._resolve(name)
    found = storage._tree.find(resolved)
    assert found is not None
    record = found.record
    object.__setattr__(record, "expires", 1)
    assert storage._tree.replace(resolved, found, record, b"content")
    storage.sweep()
    assert storage._tree.find(resolved) is None


def deep(request: pytest.FixtureRequest, engine: str, ttl: float | None) -> KeyValueStorage:
    """Return an empty storage on an engine."""
    if engine == "locmem":
        return make(ttl=ttl)
    return KeyValueStorage(request.getfixturevalue("store_uri")(engine), ttl=ttl)
