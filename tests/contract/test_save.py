"""save(): the content that it takes, the name that it returns, and existing files."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract.helpers import get, names, put
from contract.storages import Traits
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import (
    TemporaryUploadedFile,
)

SUFFIX = "_[A-Za-z0-9]{7}"


def temporary(content: bytes) -> TemporaryUploadedFile:
    """Return an upload in a temporary file on the disk."""
    upload = TemporaryUploadedFile("upload.txt", "text/plain", len(content), None)
    upload.write(content)
    upload.flush()
    return upload


TEXTUAL: list[Callable[[str], Any]] = [
    ContentFile,
    lambda content: File(io.StringIO(content, newline="")),
    lambda content: io.StringIO(content, newline=""),
]


class Broken:
    """Content that raises after its first chunk."""

    def chunks(self) -> Any:
        """Yield one chunk, and raise."""
        yield b"half"
        raise ConnectionResetError


@pytest.mark.needs("takes_every_content")
@pytest.mark.parametrize("content", ["", "é one\r\ntwo\n", "é23456789\r\n" * 6_000], ids=len)
def test_text_is_saved_as_utf_8(storage: Storage, content: str) -> None:
    """save() stores every kind of text as UTF-8, with its newlines."""
    for number, make in enumerate(TEXTUAL):
        with make(content) as source:
            name = storage.save(f"d/{number}.txt", source)
        stored = content.encode()
        assert (get(storage, name), storage.size(name)) == (stored, len(stored))


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


@pytest.mark.needs("directories")
def test_saving_under_the_name_of_a_directory(storage: Storage) -> None:
    """save() does not take the name of a directory."""
    put(storage, "d/a")
    assert re.fullmatch(f"d{SUFFIX}", put(storage, "d"))


@pytest.mark.needs("directories")
def test_saving_below_a_file(storage: Storage) -> None:
    """save() refuses a name below a file, and stores nothing."""
    put(storage, "a", b"content")
    with pytest.raises(FileExistsError):
        put(storage, "a/b")
    with pytest.raises(NotADirectoryError):
        put(storage, "a/b/c")
    assert names(storage) == ["a"]


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


@pytest.mark.needs("takes_every_content")
def test_broken_content(storage: Storage, can: Traits) -> None:
    """save() raises the content's own error; some storages keep the chunks before it."""
    with pytest.raises(ConnectionResetError):
        storage.save("a", Broken())
    assert names(storage) == ["a"] * can.keeps_partial_saves


@pytest.fixture
def overwriting(make_storage: Callable[..., Storage], can: Traits) -> Storage:
    """Return a storage that overwrites."""
    if not can.allows_overwrite:
        pytest.skip("this storage has no allow_overwrite")
    return make_storage(allow_overwrite=True)


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
