"""Holes: what was never written takes no memory, and reads as zeros."""

from __future__ import annotations

import io
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from inmemorystorage import InMemoryStorage
from inmemorystorage.tree.journal import Savepoint
from inmemorystorage.tree.nodes import InMemoryFile
from inmemorystorage.tree.sparse import MIN_HOLE, PAGE, SparseIO

GIB = 1 << 30
OFFSETS = st.sampled_from([0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 5 * PAGE + 7])
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["write", "read", "truncate"]), OFFSETS, OFFSETS), max_size=12
)


@contextmanager
def little_memory() -> Iterator[None]:
    """Fail if the block takes a MiB at any moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


@hypothesis.given(OPERATIONS)
def test_sparse_io_is_like_bytes_io(operations: list[tuple[str, int, int]]) -> None:
    """A SparseIO returns what a BytesIO returns, and so does a copy of it."""
    sparse, plain = SparseIO(b"start"), io.BytesIO(b"start")
    for operation, position, size in operations:
        before = sparse.copy(), plain.getvalue()
        for stream in (sparse, plain):
            stream.seek(position)
        if operation == "write":
            data = bytes(range(1, 256)) * 100
            sparse.write(data[:size])
            plain.write(data[:size])
        elif operation == "read":
            assert sparse.read(size) == plain.read(size)
        elif position < len(sparse):
            sparse.truncate(position)
            plain.truncate(position)
        assert (bytes(sparse), len(sparse)) == (plain.getvalue(), len(plain.getvalue()))
        assert bytes(before[0]) == before[1]


def seek_and_write(file: Any) -> None:
    """Write a byte beyond a hole of a GiB."""
    file.seek(GIB)
    file.write(b"x")


def truncate(file: Any) -> None:
    """Grow a file to a GiB and a byte."""
    file.truncate(GIB + 1)


@pytest.fixture(params=[seek_and_write, truncate])
def storage(request: pytest.FixtureRequest) -> Iterator[InMemoryStorage]:
    """Return a storage with a file of a GiB and a byte, for a test that needs little memory."""
    storage = InMemoryStorage()
    with little_memory():
        with storage.open("hole", "wb") as file:
            file.write(b"start")
            request.param(file)
        yield storage


def is_whole(storage: InMemoryStorage, name: str = "hole") -> bool:
    """Return whether a file has its size, its start, and zeros after it."""
    with storage.open(name) as file:
        read = file.read(7), file.seek(GIB - 1), file.read(1)
    return storage.size(name) == GIB + 1 and read == (b"start\0\0", GIB - 1, b"\0")


def test_hole_takes_no_memory(storage: InMemoryStorage) -> None:
    """A hole counts in the size, takes no memory, and reads as zeros."""
    assert is_whole(storage)


def test_reading_the_end_leaves_the_hole(storage: InMemoryStorage) -> None:
    """read() without a size takes the memory of what is left to read."""
    with storage.open("hole", "r+b") as file:
        file.seek(GIB)
        file.write(b"x")
        for position, content in [(GIB - 1, b"\0x"), (GIB + 1, b""), (GIB + 9, b"")]:
            file.seek(position)
            assert file.read() == content


def test_rollback_keeps_the_hole(storage: InMemoryStorage) -> None:
    """A rollback restores a hole that was written to, cut, or replaced."""
    changes: list[Callable[[], Any]] = [
        lambda: storage.open("hole", "r+b").truncate(3),
        lambda: storage.delete("hole"),
        lambda: storage.filesystem.resolve("hole").replace(b"new"),
        lambda: storage.filesystem.resolve("hole").write_at(4096, b"y" * 10_000),
        lambda: storage.filesystem.resolve("hole").write_at(2 * GIB, b"y"),
    ]
    for change in changes * 2:
        savepoint = Savepoint()
        change()
        savepoint.rollback()
        assert is_whole(storage)


def test_copies_keep_the_hole(storage: InMemoryStorage, tmp_path: Path) -> None:
    """A saved copy, a pickled one and one on a disk have the hole too."""
    with storage.open("hole") as file:
        storage.save("copy", file)
    assert is_whole(storage, "copy")
    storage.open("copy", "r+b").write(b"other")
    assert is_whole(storage)
    assert is_whole(pickle.loads(pickle.dumps(storage)))
    storage.dump(tmp_path)
    status = (tmp_path / "hole").stat()
    assert status.st_size == GIB + 1 and status.st_blocks * 512 < 1 << 20


def test_file_whose_holes_are_filled_is_whole_again() -> None:
    """A file is read by reference again when its last hole is filled."""
    file = InMemoryFile()
    file.truncate(MIN_HOLE + 1)
    assert file.content == bytes(MIN_HOLE + 1)
    assert file.content is not file.content
    file.write_at(0, b"x" * MIN_HOLE)
    assert file.content == b"x" * MIN_HOLE + b"\0"
    assert file.content is file.content


def test_small_gap_is_filled() -> None:
    """A gap too small to save memory is filled with zeros."""
    file = InMemoryFile(b"start")
    file.truncate(MIN_HOLE)
    assert file.content is file.content


def test_quota_counts_holes() -> None:
    """A hole counts towards max_size, as a part of the size."""
    storage = InMemoryStorage(max_size=GIB)
    with pytest.raises(OSError, match="No space left"), storage.open("a", "wb") as file:
        file.truncate(GIB + 1)
    with storage.open("a", "wb") as file:
        file.truncate(GIB)
    storage.delete("a")
    storage.save("b", b"free again")
