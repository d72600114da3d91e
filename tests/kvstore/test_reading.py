"""Reading: what is read is what was saved, or an error; and only what is read is fetched."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from kvstore.deeds import CHUNK, LONG, chunks, make, memory, read, save

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import Entry, locmem


def lose(values: dict[str, bytes]) -> None:
    """Drop a chunk."""
    del values[max(values)]


def damage(values: dict[str, bytes]) -> None:
    """Change a byte of a chunk."""
    values[max(values)] = values[max(values)][:-1] + b"!"


def shorten(values: dict[str, bytes]) -> None:
    """Cut a byte off a chunk."""
    values[max(values)] = values[max(values)][:-1]


def lengthen(values: dict[str, bytes]) -> None:
    """Put a chunk that begins with the same bytes in the place of the last."""
    values[max(values)] += b"!"


@pytest.mark.parametrize("harm", [lose, damage, shorten, lengthen])
def test_a_chunk_that_the_store_has_lost(harm: Callable[[dict[str, bytes]], None]) -> None:
    """Where a chunk is not as it was stored, reading is an error that names the file."""
    storage = make()
    save(storage, "d/a")
    harm(chunks(storage))
    with storage.open("d/a") as file:
        assert file.read(CHUNK) == LONG[:CHUNK]
        with pytest.raises(OSError, match=r"lost a part of this file.*'d/a'") as info:
            file.read()
    assert info.value.errno == errno.EIO


def test_an_entry_whose_checksums_are_lost() -> None:
    """What cannot be checked any more is not read."""
    storage = make()
    save(storage, "a")
    for entries in memory(storage).directories.values():
        entries["a"] = Entry(entries["a"].meta, entries["a"].body[:-1])
    with storage.open("a") as file:
        assert file.read(CHUNK) == LONG[:CHUNK]
        with pytest.raises(OSError, match=r"lost a part of this file.*'a'"):
            file.read()


@pytest.mark.parametrize("body", [b"", b"0123456788", b"01234567890"])
def test_an_entry_whose_content_is_lost(body: bytes) -> None:
    """A short content is checked too."""
    storage = make()
    save(storage, "a", LONG[:CHUNK])
    for entries in memory(storage).directories.values():
        entries["a"] = Entry(entries["a"].meta, body)
    with pytest.raises(OSError, match=r"lost a part of this file.*'a'"):
        storage.open("a")


@pytest.mark.parametrize("change", [KeyValueStorage.delete, lambda s, n: save(s, n, LONG[::-1])])
def test_a_file_that_is_gone_while_it_is_read(change: Callable[[Any, str], Any]) -> None:
    """Who reads a content that is deleted or replaced gets an error, and no mixture."""
    storage = make(allow_overwrite=True)
    save(storage, "a", LONG * 20)
    with storage.open("a") as file:
        assert file.read(CHUNK + 1) == LONG[: CHUNK + 1]
        change(storage, "a")
        assert file.read(CHUNK - 1) == LONG[CHUNK + 1 : 2 * CHUNK]
        with pytest.raises(OSError, match=r"deleted or replaced while it was read.*'a'") as info:
            file.read()
    assert info.value.errno == errno.ESTALE


def test_a_short_file_that_is_replaced_while_it_is_read() -> None:
    """A content that was opened whole is read to its end."""
    storage = make(allow_overwrite=True)
    save(storage, "a", b"0123456789")
    with storage.open("a") as file:
        assert file.read(4) == b"0123"
        save(storage, "a", b"other")
        assert file.read() == b"456789"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many chunks are fetched at once."""
    numbers: list[int] = []
    get_many = locmem.LocmemBackend.get_many

    def counted(self: Any, keys: Any) -> Any:
        numbers.append(len(keys))
        return get_many(self, keys)

    monkeypatch.setattr(locmem.LocmemBackend, "get_many", counted)
    return numbers


def test_only_what_is_read_is_fetched(monkeypatch: pytest.MonkeyPatch, fetched: list[int]) -> None:
    """Opening fetches no chunk, and seeking to one fetches that alone."""
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


def test_a_whole_read_fetches_some_at_once(fetched: list[int]) -> None:
    """Reading all of a file asks for several chunks with each request."""
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


def test_reading_in_pieces() -> None:
    """chunks(), lines and text go over the borders of chunks."""
    storage = make()
    text = "one é\nzwei ü\ndrei 日本\n" * 5
    storage.save("a", text)
    with storage.open("a") as file:
        assert b"".join(file.chunks(7)) == text.encode()
    with storage.open("a", "r") as file:
        assert (file.readlines(), file.mode) == (text.splitlines(keepends=True), "r")


def test_a_handle_has_a_size_that_can_be_set() -> None:
    """Django's own code sets it."""
    storage = make()
    save(storage, "a")
    with storage.open("a") as file:
        file.size = 3
        assert file.size == 3


def test_a_handle_of_which_a_method_is_used_alone() -> None:
    """Who keeps a method, and not the handle, reads and writes with it."""
    storage = make()
    save(storage, "a")
    assert storage.open("a").read() == LONG
    assert storage.open("a", "r").read() == LONG.decode()


@pytest.mark.parametrize("mode", ["wb", "ab", "xb"])
def test_a_handle_that_nobody_closes(mode: str) -> None:
    """What was written is stored when the file is gone, as with Python's own files."""
    storage = make()
    with pytest.warns(ResourceWarning, match="unclosed file"):
        storage.open("a", mode).write(LONG)
    assert read(storage, "a") == LONG


def test_a_handle_that_cannot_be_opened_is_none() -> None:
    """What fails to open leaves nothing behind that could be closed."""
    storage = make()
    with pytest.raises(FileNotFoundError):
        storage.open("a", "rb+")
    with pytest.raises(FileNotFoundError):
        storage.open("a")


def test_seeking_to_where_nothing_is() -> None:
    """Before the start there is nothing that could be read."""
    storage = make()
    save(storage, "a")
    with storage.open("a") as file:
        for offset, whence in [(-1, os.SEEK_SET), (-51, os.SEEK_END)]:
            with pytest.raises(OSError, match="Invalid argument"):
                file.seek(offset, whence)
        assert file.seek(-2, os.SEEK_END) == 48
        assert file.seek(1, os.SEEK_CUR) == 49
        assert file.read() == b"9"


def test_reading_a_chunk_by_and_by(fetched: list[int]) -> None:
    """A chunk that is longer than the buffer is fetched once."""
    storage = KeyValueStorage(make().uri, chunk_size=200_000)
    content = bytes(range(250)) * 1000
    save(storage, "a", content)
    with storage.open("a") as file:
        assert b"".join(iter(lambda: file.read(1000), b"")) == content
    assert fetched == [1, 1]


def test_a_closed_content() -> None:
    """What is closed cannot be asked for anything, past the buffer either."""
    storage = make()
    save(storage, "a")
    file = storage.open("a")
    file.flush()
    raw = file.file.raw
    file.close()
    for use in [raw.readable, raw.seekable, raw.tell, raw.readall]:
        with pytest.raises(ValueError, match="closed file"):
            use()


def test_a_directory_has_no_size() -> None:
    """What is no file has no bytes, and cannot be read."""
    storage = make()
    save(storage, "d/a")
    for use in [storage.size, storage.open]:
        with pytest.raises(IsADirectoryError):
            use("d")
