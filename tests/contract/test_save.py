"""save(): the content that it takes, the name that it returns, and existing files."""

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from contract.helpers import get, names, put, write
from contract.storages import Capabilities
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import (
    InMemoryUploadedFile,
    SimpleUploadedFile,
    TemporaryUploadedFile,
)
from engines.stores import leave_thread

SUFFIX = "_[A-Za-z0-9]{7}"
LONG = b"0123456789\r\n" * 6_000


def temporary(content: bytes) -> TemporaryUploadedFile:
    """Return an upload in a temporary file on the disk."""
    upload = TemporaryUploadedFile("upload.txt", "text/plain", len(content), None)
    upload.write(content)
    upload.flush()
    return upload


def uploaded(content: bytes) -> InMemoryUploadedFile:
    """Return an upload that Django keeps in memory."""
    stream = io.BytesIO(content)
    return InMemoryUploadedFile(stream, "field", "up.txt", "text/plain", len(content), None)


BINARY: list[Callable[[bytes], Any]] = [
    ContentFile,
    lambda content: File(io.BytesIO(content)),
    uploaded,
    lambda content: SimpleUploadedFile("simple.txt", content),
    temporary,
    io.BytesIO,
    lambda content: io.BufferedReader(io.BytesIO(content)),
]
TEXTUAL: list[Callable[[bytes], Any]] = [
    lambda content: ContentFile(content.decode()),
    lambda content: File(io.StringIO(content.decode(), newline="")),
    lambda content: io.StringIO(content.decode(), newline=""),
]


@pytest.fixture
def makers(can: Capabilities) -> dict[str, Callable[[bytes], Any]]:
    """Return a function for each kind of content, by a name to save it under."""
    kinds = [*BINARY, *TEXTUAL * can.takes_every_content]
    return {f"d/{number}.txt": make for number, make in enumerate(kinds)}


class Broken:
    """Content that raises after its first chunk."""

    def chunks(self) -> Any:
        """Yield one chunk, and raise."""
        yield b"half"
        raise ConnectionResetError


@pytest.mark.parametrize("content", [b"", b"\xc3\xa9 one\r\ntwo\n", LONG], ids=len)
def test_every_content_is_saved(
    storage: Storage, makers: dict[str, Callable[[bytes], Any]], content: bytes
) -> None:
    """save() stores every kind of content byte for byte, and text as UTF-8."""
    for name, make in makers.items():
        with make(content) as source:
            assert storage.save(name, source) == name
        assert (get(storage, name), storage.size(name)) == (content, len(content))


def test_content_is_saved_from_its_start(
    storage: Storage, makers: dict[str, Callable[[bytes], Any]]
) -> None:
    """save() stores content from its start, even if it was read before."""
    for name, make in makers.items():
        with make(b"content") as source:
            source.read(4)
            storage.save(name, File(source, "a") if not isinstance(source, File) else source)
        assert get(storage, name) == b"content"


@pytest.mark.parametrize("make", [ContentFile, io.BytesIO, uploaded])
def test_changing_content_after_saving_it(storage: Storage, make: Callable[[bytes], Any]) -> None:
    """A change of the content after save() does not change the stored file."""
    content = make(b"content")
    storage.save("a", content)
    content.seek(0)
    content.write(b"CHANGED AND LONGER")
    assert get(storage, "a") == b"content"


def test_saving_a_handle_of_the_storage(storage: Storage) -> None:
    """save() copies a file from a handle on it."""
    put(storage, "a", b"content")
    with storage.open("a") as file:
        assert storage.save("b", file) == "b"
    assert (get(storage, "a"), get(storage, "b")) == (b"content", b"content")


@pytest.mark.needs("takes_every_content")
def test_saving_a_stream_that_cannot_seek(storage: Storage) -> None:
    """save() stores a stream that cannot seek from its position on."""

    class Stream:
        read = io.BytesIO(b"content").read

    storage.save("a", Stream())
    assert get(storage, "a") == b"content"


@pytest.mark.needs("takes_every_content")
def test_temporary_upload_is_consumed(storage: Storage) -> None:
    """save() removes the temporary file of a large upload, and closing the upload is harmless."""
    upload = temporary(b"content")
    storage.save("a", upload)
    assert not Path(upload.temporary_file_path()).exists()
    upload.close()
    assert get(storage, "a") == b"content"


def test_saving_without_a_name(storage: Storage) -> None:
    """save() without a name takes the content's name."""
    assert storage.save(None, ContentFile(b"content", name="d/own.txt")) == "d/own.txt"


def test_saving_makes_directories(storage: Storage) -> None:
    """save() creates the missing directories above its file."""
    assert [put(storage, name) for name in ["a/b/c/1", "a/b/2"]] == ["a/b/c/1", "a/b/2"]
    assert storage.listdir("a/b") == (["c"], ["2"])


def test_saving_under_a_taken_name(storage: Storage) -> None:
    """save() keeps an existing file, and adds seven random characters to the new name."""
    put(storage, "d/a.txt", b"first")
    second, third = put(storage, "d/a.txt", b"second"), put(storage, "d/a.txt", b"third")
    assert re.fullmatch(rf"d/a{SUFFIX}\.txt", second)
    assert len({"d/a.txt", second, third}) == 3
    assert [get(storage, name) for name in ["d/a.txt", second]] == [b"first", b"second"]


@pytest.mark.needs("has_directories")
def test_saving_under_the_name_of_a_directory(storage: Storage) -> None:
    """save() does not take the name of a directory."""
    put(storage, "d/a")
    assert re.fullmatch(f"d{SUFFIX}", put(storage, "d"))


@pytest.mark.needs("has_directories")
def test_saving_below_a_file(storage: Storage) -> None:
    """save() refuses a name below a file, and stores nothing."""
    put(storage, "a", b"content")
    with pytest.raises(FileExistsError):
        put(storage, "a/b")
    with pytest.raises(NotADirectoryError):
        put(storage, "a/b/c")
    assert names(storage) == ["a"]


@pytest.mark.needs("gives_each_a_name")
def test_saving_many_at_once(storage: Storage) -> None:
    """Threads that save under one name get different names, and no content is lost."""
    contents = [b"%d" % number for number in range(40)]

    def save(content: bytes) -> str:
        try:
            return put(storage, "a", content)
        finally:
            leave_thread()

    with ThreadPoolExecutor(8) as threads:
        saved = list(threads.map(save, contents))
    assert [get(storage, name) for name in saved] == contents


def test_backslashes_become_slashes(storage: Storage) -> None:
    """save() turns backslashes into slashes."""
    for name in ["a\\b.txt", "a\\\\b.txt"]:
        assert put(storage, name) == "a/b.txt"
        assert storage.exists("a/b.txt")
        storage.delete("a/b.txt")


def test_saved_name_is_normal(storage: Storage) -> None:
    """save() returns the normalized name."""
    for name in ["a/./b", "a//b", "./a/b", "a/b"]:
        assert put(storage, name) == "a/b"
        storage.delete("a/b")


def test_max_length(storage: Storage) -> None:
    """save() shortens a name that is too long, and keeps its directory and extension."""
    name = "d/abcdefghijklmnop.t"
    assert storage.save(name, ContentFile(b""), max_length=20) == name
    assert re.fullmatch(rf"d/abc{SUFFIX}\.t", storage.save(name, ContentFile(b""), max_length=15))


def test_max_length_under_a_taken_name(storage: Storage) -> None:
    """save() counts the random characters of an alternative name."""
    saved = [storage.save("abcdefghijk.t", ContentFile(b""), max_length=13) for _ in range(2)]
    assert saved[0] == "abcdefghijk.t"
    assert re.fullmatch(rf"abc{SUFFIX}\.t", saved[1])


def test_max_length_that_is_too_short(storage: Storage) -> None:
    """save() stores nothing if max_length leaves no room for a name."""
    put(storage, "abc.txt")
    with pytest.raises(SuspiciousFileOperation, match="max_length"):
        storage.save("abc.txt", ContentFile(b""), max_length=11)
    assert names(storage) == ["abc.txt"]


@pytest.mark.needs("takes_every_content")
def test_broken_content(storage: Storage, can: Capabilities) -> None:
    """save() raises the content's own error; some storages keep the chunks before it."""
    with pytest.raises(ConnectionResetError):
        storage.save("a", Broken())
    assert names(storage) == ["a"] * can.keeps_partial_saves


@pytest.fixture
def overwriting(make_storage: Callable[..., Storage], can: Capabilities) -> Storage:
    """Return a storage that overwrites."""
    if not can.overwrites:
        pytest.skip("this storage has no allow_overwrite")
    return make_storage(allow_overwrite=True)


def test_overwriting(overwriting: Storage, makers: dict[str, Callable[[bytes], Any]]) -> None:
    """save() with allow_overwrite replaces a file, whatever its size."""
    for make in makers.values():
        put(overwriting, "d/a", b"a much longer content")
        with make(b"new") as content:
            assert overwriting.save("d/a", content) == "d/a"
        assert (names(overwriting), get(overwriting, "d/a")) == (["d/a"], b"new")


def test_overwriting_names(overwriting: Storage) -> None:
    """A taken name is available with allow_overwrite."""
    put(overwriting, "a.txt")
    assert overwriting.get_available_name("a.txt") == "a.txt"
    assert overwriting.get_alternative_name("a", ".txt") == "a.txt"
    assert overwriting.is_name_available("a.txt")
    assert not overwriting.is_name_available("a.txt", max_length=3)


def test_overwriting_a_directory(overwriting: Storage) -> None:
    """save() with allow_overwrite still refuses the name of a directory."""
    put(overwriting, "d/a")
    with pytest.raises(IsADirectoryError):
        put(overwriting, "d", b"content")
    assert names(overwriting) == ["d/a"]


def test_saving_under_a_name_that_a_handle_created(storage: Storage) -> None:
    """save() does not take a name that a handle created."""
    write(storage, "a", b"written")
    assert put(storage, "a", b"saved") != "a"
    assert get(storage, "a") == b"written"
