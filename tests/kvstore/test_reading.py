"""Reading: returns the saved content or raises, and fetches only the chunks it needs."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from kvstore.helpers import CHUNK, LONG, chunks, make, memory, read, save

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import Entry, locmem


def lose(values: dict[str, bytes]) -> None:
    """Delete a chunk."""
    del values[max(values)]


def damage(values: dict[str, bytes]) -> None:
    """Change a byte of a chunk."""
    values[max(values)] = values[max(values)][:-1] + b"!"


def shorten(values: dict[str, bytes]) -> None:
    """Remove the last byte of a chunk."""
    values[max(values)] = values[max(values)][:-1]


def lengthen(values: dict[str, bytes]) -> None:
    """Append a byte to a chunk."""
    values[max(values)] += b"!"


@pytest.mark.parametrize("harm", [lose, damage, shorten, lengthen])
def test_a_damaged_chunk(harm: Callable[[dict[str, bytes]], None]) -> None:
    """Reading a lost or damaged chunk raises an error with the file's name."""
    storage = make()
    save(storage, "d/a")
    harm(chunks(storage))
    with storage.open("d/a") as file:
        assert file.read(CHUNK) == LONG[:CHUNK]
        with pytest.raises(OSError, match=r"lost a part of this file.*'d/a'") as info:
            file.read()
    assert info.value.errno == errno.EIO


def test_lost_checksums() -> None:
    """Reading a chunk without its checksum raises an error."""
    storage = make()
    save(storage, "a")
    for entries in memory(storage).directories.values():
        entries["a"] = Entry(entries["a"].meta, entries["a"].body[:-1])
    with storage.open("a") as file:
        assert file.read(CHUNK) == LONG[:CHUNK]
        with pytest.raises(OSError, match=r"lost a part of this file.*'a'"):
            file.read()


@pytest.mark.parametrize("body", [b"", b"0123456788", b"01234567890"])
def test_a_damaged_entry(body: bytes) -> None:
    """open() checks content that is in its entry."""
    storage = make()
    save(storage, "a", LONG[:CHUNK])
    for entries in memory(storage).directories.values():
        entries["a"] = Entry(entries["a"].meta, body)
    with pytest.raises(OSError, match=r"lost a part of this file.*'a'"):
        storage.open("a")


@pytest.mark.parametrize("change", [KeyValueStorage.delete, lambda s, n: save(s, n, LONG[::-1])])
def test_a_file_replaced_while_it_is_read(change: Callable[[Any, str], Any]) -> None:
    """Reading a deleted or replaced content raises ESTALE, and never mixes two."""
    storage = make(allow_overwrite=True)
    save(storage, "a", LONG * 20)
    with storage.open("a") as file:
        assert file.read(CHUNK + 1) == LONG[: CHUNK + 1]
        change(storage, "a")
        assert file.read(CHUNK - 1) == LONG[CHUNK + 1 : 2 * CHUNK]
        with pytest.raises(OSError, match=r"deleted or replaced while it was read.*'a'") as info:
            file.read()
    assert info.value.errno == errno.ESTALE


def test_a_short_file_replaced_while_it_is_read() -> None:
    """Open handles keep reading a short old content."""
    storage = make(allow_overwrite=True)
    save(storage, "a", b"0123456789")
    with storage.open("a") as file:
        assert file.read(4) == b"0123"
        save(storage, "a", b"other")
        assert file.read() == b"456789"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record how many chunks each request fetches."""
    numbers: list[int] = []
    get_many = locmem.LocmemBackend.get_many

    def counted(self: Any, keys: Any) -> Any:
        numbers.append(len(keys))
        return get_many(self, keys)

    monkeypatch.setattr(locmem.LocmemBackend, "get_many", counted)
    return numbers


def test_only_needed_chunks_are_fetched(
    monkeypatch: pytest.MonkeyPatch, fetched: list[int]
) -> None:
    """open() fetches no chunk, and a read after seek() fetches one."""
    monkeypatch.setattr("inmemorystorage.kvstore.storage._BUFFER", 4)
    storage = make()
    save(storage, "a", LONG * 20)
    with storage.open("a") as file:
        assert file.size == 1000
        assert fetched == []
        file.seek(-3, io.SEEK_END)
        assert (file.read(), fetched) == (b"789", [1])
        file.seek(505)
        assert (file.read(2), fetched) == (b"56", [1, 1])


def test_read_fetches_several_chunks_at_once(fetched: list[int]) -> None:
    """read() of the whole file fetches several chunks in a request."""
    storage = make()
    save(storage, "a", LONG * 20)
    with storage.open("a") as file:
        assert file.read() == LONG * 20
        assert (file.read(), file.tell()) == (b"", 1000)
        file.seek(995)
        assert file.read() == b"56789"
        file.seek(2000)
        assert (file.read(), file.tell()) == (b"", 2000)
    assert max(fetched) > 1
    assert sum(fetched) < 110


def test_reading_across_chunks() -> None:
    """chunks(), lines and text cross the borders of chunks."""
    storage = make()
    text = "one é\nzwei ü\ndrei 日本\n" * 5
    storage.save("a", text)
    with storage.open("a") as file:
        assert b"".join(file.chunks(7)) == text.encode()
    with storage.open("a", "r") as file:
        assert (file.readlines(), file.mode) == (text.splitlines(keepends=True), "r")


def test_size_can_be_set() -> None:
    """A handle's size can be set, as Django does."""
    storage = make()
    save(storage, "a")
    with storage.open("a") as file:
        file.size = 3
        assert file.size == 3


def test_a_method_outlives_its_handle() -> None:
    """A handle's bound method works after the handle is dropped."""
    storage = make()
    save(storage, "a")
    assert storage.open("a").read() == LONG
    assert storage.open("a", "r").read() == LONG.decode()


@pytest.mark.parametrize("mode", ["wb", "ab", "xb"])
def test_a_handle_that_is_not_closed(mode: str) -> None:
    """A dropped handle stores the written data, and warns, as Python's own files do."""
    storage = make()
    with pytest.warns(ResourceWarning, match="unclosed file"):
        storage.open("a", mode).write(LONG)
    assert read(storage, "a") == LONG


def test_opening_a_missing_file() -> None:
    """open() of a missing file raises, and warns of no unclosed file."""
    storage = make()
    with pytest.raises(FileNotFoundError):
        storage.open("a", "rb+")
    with pytest.raises(FileNotFoundError):
        storage.open("a")


def test_seeking_before_the_start() -> None:
    """seek() before the start raises OSError."""
    storage = make()
    save(storage, "a")
    with storage.open("a") as file:
        for offset, whence in [(-1, os.SEEK_SET), (-51, os.SEEK_END)]:
            with pytest.raises(OSError, match="Invalid argument"):
                file.seek(offset, whence)
        assert file.seek(-2, os.SEEK_END) == 48
        assert file.seek(1, os.SEEK_CUR) == 49
        assert file.read() == b"9"


def test_a_chunk_is_fetched_once(fetched: list[int]) -> None:
    """Small reads fetch a long chunk once."""
    storage = KeyValueStorage(make().uri, chunk_size=200_000)
    content = bytes(range(250)) * 1000
    save(storage, "a", content)
    with storage.open("a") as file:
        assert b"".join(iter(lambda: file.read(1000), b"")) == content
    assert fetched == [1, 1]


def test_a_closed_handle() -> None:
    """A closed handle, and its raw device, raise ValueError."""
    storage = make()
    save(storage, "a")
    file = storage.open("a")
    file.flush()
    raw = file.file.raw
    file.close()
    for use in [raw.readable, raw.seekable, raw.tell, raw.readall]:
        with pytest.raises(ValueError, match="closed file"):
            use()


def test_a_directory_is_not_a_file() -> None:
    """size() and open() of a directory raise IsADirectoryError."""
    storage = make()
    save(storage, "d/a")
    for use in [storage.size, storage.open]:
        with pytest.raises(IsADirectoryError):
            use("d")
