"""Saving: a name is claimed before a byte is stored, and what is stored is seen as a whole."""

from __future__ import annotations

import errno
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import InMemoryUploadedFile
from kvstore.deeds import CHUNK, LONG, Content, chunks, make, memory, notes, numbers, read, save

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.connections import backend_for


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have two chunks sent at once, so that some are stored while others are still to come."""
    monkeypatch.setattr("inmemorystorage.kvstore.files.chunks._BATCH", 2 * CHUNK)


class Insisting(KeyValueStorage):
    """A storage whose names are always those that were asked for."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name, whether it is free or not."""
        return name


def test_nothing_is_seen_before_all_is_stored() -> None:
    """While a content is being stored its name is taken, and nothing is there."""
    storage = make()
    seen: list[Any] = []

    def look() -> None:
        seen.append((storage.exists("a"), storage.listdir(""), storage.is_name_available("a")))
        with pytest.raises(FileNotFoundError):
            storage.open("a")
        with pytest.raises(FileNotFoundError):
            storage.size("a")
        storage.delete("a")

    assert storage.save("a", Content(LONG, look, b"end")) == "a"
    assert seen == [(False, ([], []), False)]
    assert read(storage, "a") == LONG + b"end"


def test_a_second_saver_gets_another_name() -> None:
    """A name that somebody is saving to is no other's."""
    storage = make()
    others: list[str] = []
    storage.save("a", Content(LONG, lambda: others.append(save(storage, "a")), LONG))
    assert others != ["a"]
    assert read(storage, others[0]) == LONG
    assert read(storage, "a") == LONG * 2


def test_a_name_that_is_taken_in_between() -> None:
    """Who finds the name taken that was free a moment ago takes another."""
    storage = make()
    for content in [b"short", LONG]:
        name = storage.save("d/b", Content(lambda: save(storage, "d/b", b"first"), content))
        assert name != "d/b"
        assert (read(storage, "d/b"), read(storage, name)) == (b"first", content)
        storage.delete("d")
    assert (chunks(storage), notes(storage)) == ({}, [])


@pytest.mark.parametrize("before", [b"", b"short", LONG, LONG * 2])
def test_a_content_that_breaks_leaves_nothing(before: bytes) -> None:
    """Where reading a content fails, its name is free again and no chunk is left."""
    storage = make()

    def fail() -> None:
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError, match="the client is gone"):
        storage.save("a", Content(before, fail))
    assert (chunks(storage), notes(storage)) == ({}, [])
    assert storage.is_name_available("a")
    assert save(storage, "a") == "a"


def overwrite(uri: str) -> None:
    """Save over a file."""
    save(KeyValueStorage(uri, allow_overwrite=True), "a", b"other")


def write(uri: str) -> None:
    """Write a file through a handle."""
    with KeyValueStorage(uri).open("a", "wb") as file:
        file.write(b"other")


@pytest.mark.parametrize("take", [overwrite, write])
def test_a_claim_that_is_lost(take: Callable[[str], None]) -> None:
    """Who finds his name in other hands at the end takes another, and both contents are kept."""
    storage = make()
    name = storage.save("a", Content(LONG, lambda: take(storage.uri), LONG))
    assert name != "a"
    assert (read(storage, "a"), read(storage, name), notes(storage)) == (b"other", 2 * LONG, [])
    storage.delete(name)
    assert chunks(storage) == {}


def test_a_claim_that_is_lost_where_the_same_name_is_wanted() -> None:
    """A subclass that insists on a name has it, with the content that came last."""
    storage = Insisting(make().uri, chunk_size=CHUNK)
    assert storage.save("a", Content(LONG, lambda: write(storage.uri), LONG)) == "a"
    assert (read(storage, "a"), notes(storage)) == (2 * LONG, [])


def test_a_claim_that_is_lost_where_chunks_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store without notes may have forgotten the claim with all else: nothing is saved."""
    storage = make()
    monkeypatch.setattr(backend_for(storage.uri), "lists_entries", False)
    with pytest.raises(OSError, match=r"took the name.*'a'") as info:
        storage.save("a", Content(LONG, lambda: write(storage.uri), LONG))
    assert info.value.errno == errno.ESTALE
    assert (read(storage, "a"), chunks(storage)) == (b"other", {})


def test_overwriting_drops_what_was_there() -> None:
    """The chunks of a content that is replaced are gone, and those of one that is deleted."""
    storage = make(allow_overwrite=True)
    for content in [LONG, LONG * 3, b"short", LONG, b""]:
        assert save(storage, "a", content) == "a"
        assert read(storage, "a") == content
    save(storage, "a")
    assert len(chunks(storage)) == 5
    storage.delete("a")
    assert (chunks(storage), notes(storage)) == ({}, [])


def test_overwriting_in_place_keeps_the_file() -> None:
    """With the filesystem's behavior it is the same file, made when it was made."""
    storage = make(allow_overwrite=True, behaves_like="filesystem")
    save(storage, "a")
    with storage.open("a", "ab") as file:
        save(storage, "a", b"new")
        file.write(b" end")
    assert read(storage, "a") == b"new end"


@pytest.mark.parametrize("content", [b"new", LONG])
def test_a_subclass_that_insists_on_a_name(content: bytes) -> None:
    """Its file is written over, or with the filesystem's behavior it is refused."""
    storage = Insisting(make().uri, chunk_size=10)
    save(storage, "a", b"old")
    assert save(storage, "a", content) == "a"
    assert read(storage, "a") == content
    strict = Insisting(storage.uri, behaves_like="filesystem")
    with pytest.raises(FileExistsError, match="allow_overwrite"):
        save(strict, "a", content)


def test_one_storage_that_insists_on_a_name() -> None:
    """An instance may have a method of its own too."""
    storage = make()
    storage.get_available_name = lambda name, max_length=None: name  # type: ignore[method-assign]
    assert [save(storage, "a", content) for content in [b"old", b"new"]] == ["a", "a"]
    assert read(storage, "a") == b"new"


def test_content_of_its_own_pieces() -> None:
    """What an upload gives as its pieces is taken as it is, and File's are asked for in chunks."""
    storage = make()
    content = ContentFile(LONG)
    asked: list[Any] = []
    content.chunks = lambda *size: asked.append(size) or iter([LONG, LONG])  # type: ignore
    storage.save("a", content)
    assert (read(storage, "a"), asked) == (LONG * 2, [()])


def test_text_and_bytes_are_not_mixed() -> None:
    """A content that gives text after bytes is refused, and nothing is stored."""
    storage = make()
    with pytest.raises(TypeError, match="str after bytes"):
        storage.save("a", Content(b"bytes", "text"))
    assert storage.listdir("") == ([], [])


def test_bytes_and_text_can_be_saved() -> None:
    """save() takes them without a file around."""
    storage = make()
    names = [storage.save("a", b"bytes"), storage.save("b", "text é")]
    assert [read(storage, name) for name in names] == [b"bytes", "text é".encode()]


def test_saving_takes_little_memory() -> None:
    """However long a content is, a few chunks of it are in memory at once."""
    storage = KeyValueStorage("kvstore.forgetful://", chunk_size=2**16)
    piece = bytes(2**16)

    def pieces() -> Iterator[bytes]:
        yield from [piece] * 1024

    class Upload(InMemoryUploadedFile):
        def __init__(self) -> None:
            self.name = "a"

        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            return pieces()

    save(storage, "warm", bytes(2**17))
    tracemalloc.start()
    try:
        storage.save("a", Upload())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert storage.size("a") == 2**26
    assert peak < 2**25


def test_names_of_a_directory_that_is_deleted_meanwhile() -> None:
    """What is saved into a directory that somebody deletes at once is there in the end."""
    storage = make()
    save(storage, "d/a")
    storage.save("d/b", Content(LONG, lambda: storage.delete("d"), LONG))
    assert storage.listdir("d") == ([], ["b"])
    assert storage.listdir("") == (["d"], [])
    assert save(storage, "d/c") == "d/c"
    assert memory(storage).directories


def test_save_in_a_directory_that_was_deleted() -> None:
    """A directory that is gone is made again."""
    storage = make()
    save(storage, "d/e/a")
    storage.delete("d")
    assert save(storage, "d/e/b") == "d/e/b"
    assert storage.listdir("d") == (["e"], [])


class Numbering(KeyValueStorage):
    """A storage with other names of its own."""

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return a name with a number, which may be taken too."""
        return f"{file_root}-{next(numbers)}{file_ext}"


def test_a_subclass_that_makes_other_names() -> None:
    """Where the name is taken meanwhile, its own way to make another is asked."""
    storage = Numbering(make().uri, chunk_size=CHUNK)
    name = storage.save("d/b.txt", Content(lambda: save(storage, "d/b.txt", b"first"), LONG))
    assert name.startswith("d/b-") and name.endswith(".txt")
    assert (read(storage, "d/b.txt"), read(storage, name)) == (b"first", LONG)
