"""Count faults of one storage between threads: lost saves, torn reads, visible half-saved files.

The interpreter switches threads often, so that a race shows within seconds. A zero proves nothing;
any other number proves a fault.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.core.files.base import ContentFile

from .stores import KIB, MIB, Store

THREADS = 8
READERS = 4
PIECES = 16
PIECE = 4 * KIB
PATTERN = b"".join(bytes([number]) * PIECE for number in range(PIECES))


@contextmanager
def frequent_switches() -> Iterator[None]:
    """Let threads take turns every 10 microseconds instead of every 5 milliseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def lost_saves(store: Store, rounds: int) -> dict[str, int]:
    """Save under one new name from eight threads at once; count the lost contents."""
    lost = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(rounds):
            lost += _lost_in_round(store, pool, f"round-{number}")
    return {"of": rounds * THREADS, "failed": lost}


def _lost_in_round(store: Store, pool: ThreadPoolExecutor, folder: str) -> int:
    barrier = threading.Barrier(THREADS)
    contents = [bytes([65 + number]) * KIB for number in range(THREADS)]

    def save(content: bytes) -> None:
        upload = ContentFile(content)
        barrier.wait()
        store.save(f"{folder}/upload.bin", upload)

    # A save that raises loses its content too, so count the contents that can be read.
    for future in [pool.submit(save, content) for content in contents]:
        future.exception()
    _, names = store.listdir(folder)
    return len(set(contents) - {_read(store, f"{folder}/{name}") for name in names})


def torn_reads(store: Store, rounds: int) -> dict[str, int]:
    """Read one file piece by piece in four threads while two others use the storage."""
    store.save("shared/photo.bin", ContentFile(PATTERN))
    barrier = threading.Barrier(READERS)
    done = threading.Event()

    def torn_of(count: int) -> int:
        barrier.wait()
        return sum(_read_pieces(store) != PATTERN for _ in range(count))

    with ThreadPoolExecutor(READERS + 2) as pool:
        for number in range(2):
            pool.submit(_keep_busy, store, done, f"busy-{number}")
        readers = [pool.submit(torn_of, rounds // READERS) for _ in range(READERS)]
        torn = sum(reader.result() for reader in readers)
        done.set()
    return {"of": rounds // READERS * READERS, "failed": torn}


def _read_pieces(store: Store) -> bytes:
    """Read the shared file in pieces; a read that raises is torn, too."""
    try:
        with store.open("shared/photo.bin") as handle:
            return b"".join(_pieces(handle))
    except Exception as error:
        return repr(error).encode()


def _pieces(handle: Any) -> Iterator[bytes]:
    for _ in range(PIECES):
        yield handle.read(PIECE)
        time.sleep(0)  # let another thread run, as a response does when it sends a piece


def _keep_busy(store: Store, done: threading.Event, folder: str) -> None:
    """Save, size, list and delete until the event is set."""
    while not done.is_set():
        name = store.save(f"{folder}/fresh.bin", ContentFile(PATTERN))
        store.size("shared/photo.bin")
        store.listdir(folder)
        store.delete(name)


class SlowUpload(ContentFile):  # type: ignore[type-arg]
    """Content of 1 MiB in 16 chunks, a millisecond apart."""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the chunks as they come."""
        for chunk in super().chunks(chunk_size):
            time.sleep(0.001)
            yield chunk


def half_saved(store: Store, rounds: int) -> dict[str, int]:
    """Read a file as soon as it exists, while another thread saves its slow content."""
    content = b"x" * MIB
    seen = 0
    with ThreadPoolExecutor(1) as pool:
        for number in range(rounds):
            name = f"growing/film-{number}.bin"
            saving = pool.submit(store.save, name, SlowUpload(content))
            seen += _first_sight(store, name) != content
            saving.exception()
            store.delete(name)
    return {"of": rounds, "failed": seen}


def _first_sight(store: Store, name: str) -> bytes:
    while not store.exists(name):
        pass
    return _read(store, name)


def _read(store: Store, name: str) -> bytes:
    with store.open(name) as handle:
        content: bytes = handle.read()
    return content


def _with_frequent_switches(
    race: Callable[[Store, int], dict[str, int]],
) -> Callable[[Store, int], dict[str, int]]:
    def run(store: Store, rounds: int) -> dict[str, int]:
        with frequent_switches():
            return race(store, rounds)

    return run


RACES = {
    "lost": _with_frequent_switches(lost_saves),
    "torn": _with_frequent_switches(torn_reads),
    "half": _with_frequent_switches(half_saved),
}
