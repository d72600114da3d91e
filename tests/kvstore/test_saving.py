"""save(): claims a name before it stores chunks, and shows a file as a whole."""

from __future__ import annotations

import errno
import os
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from kvstore.helpers import CHUNK, LONG, Content, chunks, make, memory, notes, numbers, read, save

from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.connections import backend_for


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send two chunks at once, so that others follow while some are stored."""
    monkeypatch.setattr("inmemorystorage.kvstore.files.chunks._BATCH", 2 * CHUNK)


class Insisting(KeyValueStorage):
    """A storage that never chooses another name."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name, even if it is taken."""
        return name


def test_a_file_appears_when_it_is_complete() -> None:
    """During an upload its name is taken, but no file is visible."""
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


def test_a_claimed_name_is_taken() -> None:
    """save() chooses another name than one that is being saved to."""
    storage = make()
    others: list[str] = []
    storage.save("a", Content(LONG, lambda: others.append(save(storage, "a")), LONG))
    assert others != ["a"]
    assert read(storage, others[0]) == LONG
    assert read(storage, "a") == LONG * 2


def test_a_name_taken_during_save() -> None:
    """save() retries under another name when its name is taken."""
    storage = make()
    for content in [b"short", LONG]:
        name = storage.save("d/b", Content(lambda: save(storage, "d/b", b"first"), content))
        assert name != "d/b"
        assert (read(storage, "d/b"), read(storage, name)) == (b"first", content)
        storage.delete("d")
    assert (chunks(storage), notes(storage)) == ({}, [])


@pytest.mark.parametrize("content", [b"short", LONG])
def test_an_upload_is_moved(content: bytes) -> None:
    """save() moves an upload that is in a temporary file; saving it again stores nothing."""
    storage = make()
    with TemporaryUploadedFile("a", "text/plain", len(content), None) as upload:
        upload.write(content)
        upload.seek(0)
        assert storage.save("a", upload) == "a"
        assert not os.path.exists(upload.temporary_file_path())
        with pytest.raises(FileNotFoundError):
            storage.save("b", upload)
    assert read(storage, "a") == content
    assert storage.listdir("") == ([], ["a"])


@pytest.mark.parametrize("before", [b"", b"short", LONG, LONG * 2])
def test_a_failing_content_leaves_nothing(before: bytes) -> None:
    """Content that raises leaves no chunk, and its name is available."""
    storage = make()

    def fail() -> None:
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError, match="the client is gone"):
        storage.save("a", Content(before, fail))
    assert (chunks(storage), notes(storage)) == ({}, [])
    assert storage.is_name_available("a")
    assert save(storage, "a") == "a"


def overwrite(uri: str) -> None:
    """Overwrite the file with save()."""
    save(KeyValueStorage(uri, allow_overwrite=True), "a", b"other")


def write(uri: str) -> None:
    """Write a file through a handle."""
    with KeyValueStorage(uri).open("a", "wb") as file:
        file.write(b"other")


@pytest.mark.parametrize("take", [overwrite, write])
def test_a_lost_claim(take: Callable[[str], None]) -> None:
    """save() keeps both contents if another writer takes its claimed name."""
    storage = make()
    name = storage.save("a", Content(LONG, lambda: take(storage.uri), LONG))
    assert name != "a"
    assert (read(storage, "a"), read(storage, name), notes(storage)) == (b"other", 2 * LONG, [])
    storage.delete(name)
    assert chunks(storage) == {}


def test_a_lost_claim_of_a_subclass_that_keeps_names() -> None:
    """A subclass that keeps its name overwrites the writer that took it."""
    storage = Insisting(make().uri, chunk_size=CHUNK)
    assert storage.save("a", Content(LONG, lambda: write(storage.uri), LONG)) == "a"
    assert (read(storage, "a"), notes(storage)) == (2 * LONG, [])


def test_a_lost_claim_without_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """save() raises ESTALE if the store may have lost the claim with everything else."""
    storage = make()
    monkeypatch.setattr(backend_for(storage.uri), "lists_entries", False)
    with pytest.raises(OSError, match=r"took the name.*'a'") as info:
        storage.save("a", Content(LONG, lambda: write(storage.uri), LONG))
    assert info.value.errno == errno.ESTALE
    assert (read(storage, "a"), chunks(storage)) == (b"other", {})


def test_overwriting_drops_old_chunks() -> None:
    """Overwriting and deleting drop the chunks of the old content."""
    storage = make(allow_overwrite=True)
    for content in [LONG, LONG * 3, b"short", LONG, b""]:
        assert save(storage, "a", content) == "a"
        assert read(storage, "a") == content
    save(storage, "a")
    assert len(chunks(storage)) == 5
    storage.delete("a")
    assert (chunks(storage), notes(storage)) == ({}, [])


def test_overwriting_in_place_keeps_the_file() -> None:
    """With the filesystem's behavior, an open handle appends to the overwritten file."""
    storage = make(allow_overwrite=True, behaves_like="filesystem")
    save(storage, "a")
    with storage.open("a", "ab") as file:
        save(storage, "a", b"new")
        file.write(b" end")
    assert read(storage, "a") == b"new end"


@pytest.mark.parametrize("content", [b"new", LONG])
def test_a_subclass_that_keeps_names(content: bytes) -> None:
    """save() overwrites the taken name that get_available_name() returns, or refuses it."""
    storage = Insisting(make().uri, chunk_size=10)
    save(storage, "a", b"old")
    assert save(storage, "a", content) == "a"
    assert read(storage, "a") == content
    strict = Insisting(storage.uri, behaves_like="filesystem")
    with pytest.raises(FileExistsError, match="allow_overwrite"):
        save(strict, "a", content)


def test_an_instance_that_keeps_names() -> None:
    """save() respects a get_available_name() set on the instance."""
    storage = make()
    storage.get_available_name = lambda name, max_length=None: name  # type: ignore[method-assign]
    assert [save(storage, "a", content) for content in [b"old", b"new"]] == ["a", "a"]
    assert read(storage, "a") == b"new"


def test_own_chunks_are_called_without_a_size() -> None:
    """save() calls a chunks() of the content's own without a size."""
    storage = make()
    content = ContentFile(LONG)
    asked: list[Any] = []
    content.chunks = lambda *size: asked.append(size) or iter([LONG, LONG])  # type: ignore
    storage.save("a", content)
    assert (read(storage, "a"), asked) == (LONG * 2, [()])


def test_text_after_bytes_is_refused() -> None:
    """Content that returns text after bytes raises TypeError, and nothing is stored."""
    storage = make()
    with pytest.raises(TypeError, match="str after bytes"):
        storage.save("a", Content(b"bytes", "text"))
    assert storage.listdir("") == ([], [])


def test_bytes_and_text_can_be_saved() -> None:
    """save() takes bytes and text."""
    storage = make()
    names = [storage.save("a", b"bytes"), storage.save("b", "text é")]
    assert [read(storage, name) for name in names] == [b"bytes", "text é".encode()]


def test_saving_takes_little_memory() -> None:
    """save() has only a few chunks of a long content in memory."""
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


def test_saving_into_a_directory_deleted_concurrently() -> None:
    """save() makes its directory again if another process deletes it."""
    storage = make()
    save(storage, "d/a")
    storage.save("d/b", Content(LONG, lambda: storage.delete("d"), LONG))
    assert storage.listdir("d") == ([], ["b"])
    assert storage.listdir("") == (["d"], [])
    assert save(storage, "d/c") == "d/c"
    assert memory(storage).directories


def test_saving_into_a_deleted_directory() -> None:
    """save() makes a deleted directory again."""
    storage = make()
    save(storage, "d/e/a")
    storage.delete("d")
    assert save(storage, "d/e/b") == "d/e/b"
    assert storage.listdir("d") == (["e"], [])


class Numbering(KeyValueStorage):
    """A storage with its own alternative names."""

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return a name with a number, which may be taken."""
        return f"{file_root}-{next(numbers)}{file_ext}"


def test_a_subclass_with_alternative_names() -> None:
    """save() calls get_alternative_name() of a subclass when its name is taken."""
    storage = Numbering(make().uri, chunk_size=CHUNK)
    name = storage.save("d/b.txt", Content(lambda: save(storage, "d/b.txt", b"first"), LONG))
    assert name.startswith("d/b-") and name.endswith(".txt")
    assert (read(storage, "d/b.txt"), read(storage, name)) == (b"first", LONG)
