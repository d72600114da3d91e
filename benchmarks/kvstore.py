"""Measure a storage on Redis beside redis-py alone, which sets and gets the same bytes.

Run `python benchmarks/kvstore.py`. It starts a redis-server. Figures are medians of
rounds in which all contestants take turns; a quotient is the median of the rounds' quotients.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import truediv
from statistics import median
from time import perf_counter_ns
from typing import Any

import django
from django.conf import settings
from django.core.files.base import ContentFile, File
from harness.contestants import TMPFS
from harness.redis_server import counted_round_trips, redis_server
from harness.report import table, three_digits
from harness.stores import KIB, MIB
from redis import Redis

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends.redis import READ_SIZE
from inmemorystorage.kvstore.connections import close_connections
from inmemorystorage.kvstore.limits import crc32

OURS = "KeyValueStorage"
BARE = "redis-py"
READS_AS_WE_DO = f"redis-py, socket_read_size={READ_SIZE // KIB} KiB"


@dataclass(frozen=True)
class Size:
    """
    Hold the size of the files, and the target.

    :param calls: the number of calls in a round.
    :param target: the share of redis-py's speed.
    """

    label: str
    size: int
    calls: int
    target: float


SIZES = (
    Size("1 KiB", KIB, 300, 1 / 3),
    Size("1 MiB", MIB, 20, 0.7),
    Size("64 MiB", 64 * MIB, 1, 0.7),
)
Found = dict[str, list[float]]  # by contestant, round by round


class Storing:
    """The storage under measurement."""

    def __init__(self, port: int) -> None:
        self.storage = KeyValueStorage(f"redis://127.0.0.1:{port}?namespace=benchmark")

    def given(self, content: bytes) -> Any:
        """Return content in the form in which this contestant stores it."""
        return ContentFile(content)

    def store(self, name: str, given: Any) -> None:
        """Save a file."""
        self.storage.save(name, given)

    def fetch(self, name: str) -> bytes:
        """Open and read a file."""
        with self.storage.open(name) as file:
            content: bytes = file.read()
        return content

    def drop(self, name: str) -> None:
        """Delete a file."""
        self.storage.delete(name)


class Bare:
    """A client of redis-py, without a layer above it."""

    def __init__(self, port: int, **options: Any) -> None:
        self.client = Redis(port=port, **options)

    def given(self, content: bytes) -> bytes:
        """Return content in the form in which this contestant stores it."""
        return content

    def store(self, name: str, given: bytes) -> None:
        """SET."""
        self.client.set(name, given)

    def fetch(self, name: str) -> bytes:
        """GET."""
        content: bytes = self.client.get(name)
        return content

    def drop(self, name: str) -> None:
        """Call UNLINK, as the storage does."""
        self.client.unlink(name)


Contestants = Mapping[str, Storing | Bare]
_numbers = itertools.count()


def timed(call: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Return the mean microseconds of a call, over calls with all items in a row."""
    gc.collect()
    start = perf_counter_ns()
    for item in items:
        call(item)
    return (perf_counter_ns() - start) / len(items) / 1000


def one_round(contestant: Storing | Bare, size: Size, content: bytes) -> tuple[float, float]:
    """Return the microseconds of storing and of fetching under a new name."""
    names = [f"{next(_numbers)}.bin" for _ in range(size.calls)]
    items = [(name, contestant.given(content)) for name in names]
    stored = timed(lambda item: contestant.store(*item), items)
    fetched = timed(contestant.fetch, names)
    if contestant.fetch(names[0]) != content:
        raise SystemExit(f"{contestant} returned other content than it stored")
    for name in names:
        contestant.drop(name)
    return stored, fetched


def measure(contestants: Contestants, size: Size, rounds: int) -> tuple[Found, Found]:
    """Return the times of storing and fetching, with all contestants taking turns."""
    stored: Found = {key: [] for key in contestants}
    fetched: Found = {key: [] for key in contestants}
    content = bytes(range(256)) * (size.size // 256)
    keys = [*contestants]
    for _ in range(rounds):
        keys.append(keys.pop(0))
        for key in keys:
            times = one_round(contestants[key], size, content)
            stored[key].append(times[0])
            fetched[key].append(times[1])
    return stored, fetched


def cells(found: Found) -> list[str]:
    """Write the medians, and this storage's speed as a share of each peer's."""
    shares = [
        median(theirs / ours for theirs, ours in zip(found[key], found[OURS], strict=True))
        for key in (BARE, READS_AS_WE_DO)
    ]
    return [three_digits(figure) for figure in [*map(median, found.values()), *shares]]


def times(contestants: Contestants, sizes: Sequence[Size], rounds: int) -> str:
    """Measure every size."""
    rows = []
    for size in sizes:
        stored, fetched = measure(contestants, size, rounds)
        wanted = three_digits(size.target)
        rows.append([f"save, SET: {size.label}", *cells(stored), wanted])
        rows.append([f"open and read, GET: {size.label}", *cells(fetched), wanted])
    shares = ["speed ÷ redis-py's", "speed ÷ that with the same read size", "target"]
    return table(["µs per call", *contestants, *shares], rows)


def trips(ours: Storing, sizes: Sequence[Size]) -> str:
    """Count the round trips of each operation, on an open connection."""
    storage = ours.storage
    storage.save("there/warm.bin", ContentFile(b"warm"))
    rows = []
    for size in sizes:
        name, content = f"there/{size.label}.bin", ContentFile(bytes(size.size))
        rows += [
            [f"save {size.label}", *turns(partial(storage.save, name, content))],
            [f"open and read {size.label}", *turns(partial(ours.fetch, name))],
            [f"size of {size.label}", *turns(partial(storage.size, name))],
            [f"delete {size.label}", *turns(partial(storage.delete, name))],
        ]
    body = ContentFile(b"small")
    rows += [
        ["exists", *turns(partial(storage.exists, "there/warm.bin"))],
        ["exists, miss", *turns(partial(storage.exists, "there/nothing"))],
        ["save under a taken name", *turns(partial(storage.save, "there/warm.bin", body))],
        ["save into a new directory", *turns(partial(storage.save, "new/warm.bin", body))],
    ]
    return table(["an operation", "round trips"], rows)


def turns(call: Callable[[], object]) -> Iterator[str]:
    """Yield the number of round trips of a call."""
    with counted_round_trips() as counted:
        call()
    yield str(counted.count)


def listings(ours: Storing, bare: Bare, files: Sequence[int], rounds: int) -> str:
    """Measure listings of these numbers of names, beside hashes of the same names and metadata."""
    rows = []
    for before, number in itertools.pairwise([0, *files]):
        for each in range(before, number):
            ours.storage.save(f"listed/{each:06}.bin", ContentFile(b"x"))
        key = next(key for key in bare.client.scan_iter(count=1000) if b"listed}:m" in key)
        calls = {
            OURS: partial(ours.storage.listdir, "listed"),
            BARE: partial(bare.client.hgetall, key),
        }
        found: Found = {label: [] for label in calls}
        for _, (label, call) in itertools.product(range(rounds), calls.items()):
            found[label].append(timed(lambda call: call(), [call]) / 1000)
        share = median(map(truediv, found[BARE], found[OURS]))
        figures = [*map(median, found.values()), share]
        rows.append([f"{number:,} names", *map(three_digits, figures), *turns(calls[OURS])])
    head = ["ms per listing", "listdir", "HGETALL of redis-py", "speed ÷ redis-py's", "round trips"]
    return table(head, rows)


def memory(ours: Storing, mib: int) -> str:
    """Measure Python's peak memory while a huge file is saved and read."""
    with tempfile.NamedTemporaryFile(dir=TMPFS) as empty:
        empty.truncate(mib * MIB)
        saving = peak(lambda: ours.storage.save("huge.bin", File(empty)))
    with ours.storage.open("huge.bin") as file:
        reading = peak(lambda: [None for _ in file.chunks(MIB)])
    ours.storage.delete("huge.bin")
    rows = [["save", three_digits(saving / KIB)], ["read in chunks", three_digits(reading / KIB)]]
    return table([f"KiB at most, {mib:,} MiB", OURS], rows)


def peak(call: Callable[[], object]) -> int:
    """Return the peak of Python's allocations during a call, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many sizes, from 1 KiB")
    parser.add_argument("--files", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--huge", type=int, default=1024, help="MiB to store to measure memory")
    options = parser.parse_args(arguments)
    if not settings.configured:
        settings.configure()
        django.setup()
    with redis_server() as port:
        ours, bare, sizes = Storing(port), Bare(port), SIZES[: options.sizes]
        as_we_do = Bare(port, socket_read_size=READ_SIZE)
        contestants: Contestants = {OURS: ours, BARE: bare, READS_AS_WE_DO: as_we_do}
        print(f"Checksums by {crc32.__module__}.", end="\n\n")
        print(trips(ours, sizes), end="\n\n")
        # After a large read, a connection's buffer may lie in memory that the system takes back
        # after each response, so each contestant starts with a new connection.
        close_connections()
        print(times(contestants, sizes, options.rounds), end="\n\n")
        print(listings(ours, bare, options.files, options.rounds), end="\n\n")
        print(memory(ours, options.huge))
        close_connections()
        bare.client.close()
        as_we_do.client.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
