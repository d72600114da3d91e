"""What is deleted stays deleted: the marks, and what they hide."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from fallback.layers import Failing, Only, get, over, put, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage

FILES = ["a.txt", "d/a.txt", "d/b.txt", "d/e/a.txt"]


def test_a_deleted_file_is_gone() -> None:
    """What was deleted is not there, not listed and not opened; its neighbours are."""
    storage, _, below = over(*FILES)
    storage.delete("d/a.txt")
    assert not storage.exists("d/a.txt") and storage.which("d/a.txt") is None
    assert storage.listdir("d") == (["e"], ["b.txt"])
    for use in (storage.open, storage.size, storage.get_modified_time):
        with pytest.raises(FileNotFoundError):
            use("./d//a.txt")
    assert get(storage, "d/b.txt") == b"d/b.txt"
    assert below.exists("d/a.txt")


def test_its_name_can_be_had_again() -> None:
    """A later save brings the name back, with its own content, and it can be deleted again."""
    storage, *_ = over("a.txt")
    for content in (b"one", b"two"):
        storage.delete("a.txt")
        assert put(storage, "a.txt", content) == "a.txt"
        assert get(storage, "a.txt") == content and storage.listdir("") == ([], ["a.txt"])
    storage.delete("a.txt")
    assert storage.listdir("") == ([], [])


def test_a_file_that_is_in_both() -> None:
    """Deleting a file that is above and below deletes the one and hides the other."""
    storage, above, _ = over("a.txt")
    storage.open("a.txt", "ab").close()
    storage.delete("a.txt")
    assert not storage.exists("a.txt") and not above.exists("a.txt")


def test_what_is_deleted_has_no_address_below() -> None:
    """The URL of a deleted file is not that of the file below."""
    above, below = InMemoryStorage(base_url="/above/"), InMemoryStorage(base_url="/below/")
    put(below, "a.txt")
    storage = FallbackStorage([above, below])
    storage.delete("a.txt")
    assert storage.url("a.txt") == "/above/a.txt"


def test_a_directory_goes_with_what_is_in_it() -> None:
    """Where the first backend deletes directories with their files, those below go too."""
    storage, _, below = over(*FILES)
    put(storage, "d/new.txt")
    storage.delete("d")
    assert storage.listdir("") == ([], ["a.txt"])
    assert not storage.exists("d/e/a.txt")
    put(storage, "d/again.txt")
    assert storage.listdir("d") == ([], ["again.txt"])
    assert len(below.listdir("d")[1]) == 2


def test_a_directory_that_must_be_empty(tmp_path: Any) -> None:
    """Where the first backend deletes empty directories alone, so it is with those below."""
    storage = FallbackStorage([FileSystemStorage(tmp_path), stocked(*FILES)])
    with pytest.raises(OSError, match="not empty"):
        storage.delete("d/e")
    assert storage.listdir("d/e") == ([], ["a.txt"])
    storage.delete("d/e/a.txt")
    assert storage.exists("d/e")
    storage.delete("d/e")
    assert not storage.exists("d/e") and storage.listdir("d") == ([], ["a.txt", "b.txt"])


class Bucket(Storage):
    """A storage that has objects and no directories: it lists what is not there as empty."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def _open(self, name: str, mode: str = "rb") -> ContentFile[bytes]:
        return ContentFile(self.objects[name], name)

    def _save(self, name: str, content: Any) -> str:
        self.objects[name] = content.read()
        return name

    def exists(self, name: str) -> bool:
        """Return whether there is an object."""
        return name in self.objects

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""
        self.objects.pop(name, None)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return what the names of objects go on with after a prefix."""
        prefix = f"{path}/" if path else ""
        rest = [name[len(prefix) :] for name in self.objects if name.startswith(prefix)]
        directories = {name.partition("/")[0] for name in rest if "/" in name}
        return sorted(directories), sorted(name for name in rest if "/" not in name)


def test_directories_of_buckets() -> None:
    """A directory of a bucket is deleted where the first backend deletes directories."""
    bucket = stocked(*FILES, kind=Bucket)
    assert bucket.listdir("nowhere") == ([], []) and not bucket.exists("d")
    storage = FallbackStorage([InMemoryStorage(), bucket])
    with pytest.raises(FileNotFoundError):
        storage.listdir("nowhere")
    storage.delete("d")
    assert storage.listdir("") == ([], ["a.txt"])
    above = FallbackStorage([Bucket(), bucket])
    above.delete("d")
    assert above.listdir("") == (["d"], ["a.txt"])
    above.delete("a.txt")
    assert above.listdir("") == (["d"], [])


def test_a_name_below_a_deleted_one(tmp_path: Any) -> None:
    """A file and a directory that had its name before can both be deleted."""
    storage = FallbackStorage([InMemoryStorage(), stocked("a"), stocked("a/b.txt")])
    storage.delete("a")
    assert not storage.exists("a") and not storage.exists("a/b.txt")
    put(storage, "a/c.txt")
    assert storage.listdir("a") == ([], ["c.txt"])


def test_marks_survive(tmp_path: Any) -> None:
    """Marks are files of the first backend: a storage made later honours them."""
    below = stocked(*FILES)
    FallbackStorage([FileSystemStorage(tmp_path), below]).delete("d/a.txt")
    later = FallbackStorage([FileSystemStorage(tmp_path), below])
    assert not later.exists("d/a.txt") and later.exists("d/b.txt")
    memory = FallbackStorage([InMemoryStorage(), below])
    memory.delete("a.txt")
    assert not pickle.loads(pickle.dumps(memory)).exists("a.txt")
    assert later.exists("a.txt")


def test_without_whiteouts() -> None:
    """With ``whiteouts=False`` a file below shows again when the one above is deleted."""
    storage, above, _ = over("a.txt", whiteouts=False)
    put(above, "a.txt", b"above")
    storage.delete("a.txt")
    assert get(storage, "a.txt") == b"a.txt"
    storage.delete("a.txt")
    assert storage.exists("a.txt") and above.listdir("") == ([], [])


def test_deleting_nothing() -> None:
    """delete() needs a name, and is silent about one that there is not."""
    storage, above, _ = over("a.txt")
    storage.delete("missing.txt")
    with pytest.raises(ValueError, match="name must be given"):
        storage.delete("")
    assert above.listdir("") == ([], [])


def test_marks_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """Where the first backend cannot tell, a file counts as there, and the log says so."""
    storage = FallbackStorage([Failing(PermissionError("closed")), stocked("d/a.txt")])
    with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
        assert storage.exists("d/a.txt")
        assert storage.listdir("d") == ([], ["a.txt"])
    assert "cannot tell" in caplog.text and "closed" in caplog.text


def test_a_storage_over_others_as_a_backend() -> None:
    """A FallbackStorage can be the first backend of another, which keeps marks of its own."""
    inner, above, _ = over("inner.txt")
    storage = FallbackStorage([inner, stocked("outer.txt")])
    storage.delete("outer.txt")
    storage.delete("inner.txt")
    assert storage.listdir("") == ([], []) and inner.listdir("") == ([".fallback-"], [])
    assert sorted(above.listdir("")[0]) == [".fallback", ".fallback-"]
    assert put(storage, "outer.txt") == "outer.txt"


def test_backends_that_are_no_storages_of_django() -> None:
    """What has a method or two can be read from."""
    storage = FallbackStorage([InMemoryStorage(), Only(exists=True, size=3)])
    assert storage.size("a.txt") == 3
    storage.delete("a.txt")
    assert not storage.exists("a.txt")
