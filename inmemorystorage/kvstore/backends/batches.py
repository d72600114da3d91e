"""Values that are sent in one request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# A request has not many more bytes than this, and not more keys.
BATCH_BYTES = 4 * 2**20
BATCH_KEYS = 512


def batches(values: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Yield keys and values in lists that are bounded in number and in bytes."""
    batch: list[tuple[str, bytes]] = []
    size = 0
    for pair in values:
        batch.append(pair)
        size += len(pair[1])
        if size >= BATCH_BYTES or len(batch) == BATCH_KEYS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
