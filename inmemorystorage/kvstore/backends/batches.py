"""Many at once, in requests as large as an engine takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# What a request to a server of memory has at most: bytes, unless a single value has more, and keys.
# Four values of 1 MiB have room, with some bytes more than that each.
BATCH_BYTES = 4 * (2**20 + 2**10)
BATCH_KEYS = 512


def batches(
    items: Iterable[T], count: int, *, size: int = 0, measure: Callable[[T], int] = lambda item: 0
) -> Iterator[list[T]]:
    """
    Yield items in lists; one that is larger than ``size`` is alone in its list.

    :param count: how many there are in a list at most.
    :param size: what those of a list measure together at most.
    :param measure: tells the size of an item.
    """
    batch: list[T] = []
    total = 0
    for item in items:
        total += measure(item)
        if batch and (len(batch) == count or total > size):
            yield batch
            batch, total = [], measure(item)
        batch.append(item)
    if batch:
        yield batch


def batches_of_values(values: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Yield keys and values in lists for a request each."""
    return batches(values, BATCH_KEYS, size=BATCH_BYTES, measure=lambda pair: len(pair[1]))
