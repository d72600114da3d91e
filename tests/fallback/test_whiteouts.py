"""Whiteouts: what is deleted stays deleted."""

from __future__ import annotations

import logging
import pickle
from contextlib import suppress
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from fallback.layers import ARGUMENTS, Failing, Only, Recording, get, over, put, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage

FILES = ["a.txt", "d/a.txt", "d/b.txt", "d/e/a.txt"]


def test_a_deleted_file_is_gone() -> None:
    """A deleted file does not exist, is not listed and cannot be opened; its neighbors can."""
    storage, _, lower = over(*FILES)
    storage.delete("d/a.txt")
    assert not storage.exists("d/a.txt") and storage.which("d/a.txt") is None
    assert storage.listdir("d") == (["e"], ["b.txt"])
    for use in (storage.open, storage.size, storage.get_modified_time):
        with pytest.raises(FileNotFoundError):
            use("./d//a.txt")
    assert get(storage, "d/b.txt") == b"d/b.txt"
    assert lower.exists("d/a.txt")


def test_saving_a_deleted_name() -> None:
    """save() brings a deleted name back with new content, and delete() removes it again."""
    storage, *_ = over("a.txt")
    for content in (b"one", b"two"):
        storage.delete("a.txt")
        assert put(storage, "a.txt", content) == "a.txt"
        assert get(storage, "a.txt") == content and storage.listdir("") == ([], ["a.txt"])
    storage.delete("a.txt")
    assert storage.listdir("") == ([], [])


def test_a_file_in_both_layers() -> None:
    """delete() deletes the upper layer's file, and hides the lower layer's."""
    storage, upper, _ = over("a.txt")
    storage.open("a.txt", "ab").close()
    storage.delete("a.txt")
    assert not storage.exists("a.txt") and not upper.exists("a.txt")


def test_the_url_of_a_deleted_file() -> None:
    """url() of a deleted file is not that of the lower layer."""
    upper, lower = InMemoryStorage(base_url="/upper/"), InMemoryStorage(base_url="/lower/")
    put(lower, "a.txt")
    storage = FallbackStorage([upper, lower])
    storage.delete("a.txt")
    assert storage.url("a.txt") == "/upper/a.txt"


def test_a_directory_with_files() -> None:
    """delete() of a directory hides its files, if the upper layer deletes such directories."""
    storage, _, lower = over(*FILES)
    put(storage, "d/new.txt")
    storage.delete("d")
    assert storage.listdir("") == ([], ["a.txt"])
    assert not storage.exists("d/e/a.txt")
    put(storage, "d/again.txt")
    assert storage.listdir("d") == ([], ["again.txt"])
    assert len(lower.listdir("d")[1]) == 2


def test_a_directory_that_must_be_empty(tmp_path: Any) -> None:
    """delete() of a directory with files fails, if the upper layer deletes only empty ones."""
    storage = FallbackStorage([FileSystemStorage(tmp_path), stocked(*FILES)])
    with pytest.raises(OSError, match="not empty"):
        storage.delete("d/e")
    assert storage.listdir("d/e") == ([], ["a.txt"])
    storage.delete("d/e/a.txt")
    assert storage.exists("d/e")
    storage.delete("d/e")
    assert not storage.exists("d/e") and storage.listdir("d") == ([], ["a.txt", "b.txt"])


class Bucket(Storage):
    """A storage with objects and no directories, which lists a missing directory as empty."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def _open(self, name: str, mode: str = "rb") -> ContentFile[bytes]:
        return ContentFile(self.objects[name], name)

    def _save(self, name: str, content: Any) -> str:
        self.objects[name] = content.read()
        return name

    def exists(self, name: str) -> bool:
        """Return whether an object exists."""
        return name in self.objects

    def delete(self, name: str) -> None:
        """Delete an object, if it exists."""
        self.objects.pop(name, None)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the next parts of the names that begin with a prefix."""
        prefix = f"{path}/" if path else ""
        rest = [name[len(prefix) :] for name in self.objects if name.startswith(prefix)]
        directories = {name.partition("/")[0] for name in rest if "/" in name}
        return sorted(directories), sorted(name for name in rest if "/" not in name)


def test_directories_of_buckets() -> None:
    """delete() hides a bucket's directory, if the upper layer deletes directories."""
    bucket = stocked(*FILES, kind=Bucket)
    assert bucket.listdir("nowhere") == ([], []) and not bucket.exists("d")
    storage = FallbackStorage([InMemoryStorage(), bucket])
    with pytest.raises(FileNotFoundError):
        storage.listdir("nowhere")
    storage.delete("d")
    assert storage.listdir("") == ([], ["a.txt"])
    over_bucket = FallbackStorage([Bucket(), bucket])
    over_bucket.delete("d")
    assert over_bucket.listdir("") == (["d"], ["a.txt"])
    over_bucket.delete("a.txt")
    assert over_bucket.listdir("") == (["d"], [])


def test_a_name_in_a_deleted_one(tmp_path: Any) -> None:
    """A file and a directory of one name, in two layers, are both hidden."""
    storage = FallbackStorage([InMemoryStorage(), stocked("a"), stocked("a/b.txt")])
    storage.delete("a")
    assert not storage.exists("a") and not storage.exists("a/b.txt")
    put(storage, "a/c.txt")
    assert storage.listdir("a") == ([], ["c.txt"])


def test_whiteouts_last(tmp_path: Any) -> None:
    """A storage that is made later honors the whiteouts in the upper layer."""
    lower = stocked(*FILES)
    FallbackStorage([FileSystemStorage(tmp_path), lower]).delete("d/a.txt")
    later = FallbackStorage([FileSystemStorage(tmp_path), lower])
    assert not later.exists("d/a.txt") and later.exists("d/b.txt")
    memory = FallbackStorage([InMemoryStorage(), lower])
    memory.delete("a.txt")
    assert not pickle.loads(pickle.dumps(memory)).exists("a.txt")
    assert later.exists("a.txt")


def test_without_whiteouts() -> None:
    """Without whiteouts, a lower layer's file shows again when the upper layer's is deleted."""
    storage, upper, _ = over("a.txt", whiteouts=False)
    put(upper, "a.txt", b"upper")
    storage.delete("a.txt")
    assert get(storage, "a.txt") == b"a.txt"
    storage.delete("a.txt")
    assert storage.exists("a.txt") and upper.listdir("") == ([], [])


def test_deleting_a_missing_name() -> None:
    """delete() requires a name, and ignores one that does not exist."""
    storage, upper, _ = over("a.txt")
    storage.delete("missing.txt")
    with pytest.raises(ValueError, match="name must be given"):
        storage.delete("")
    assert upper.listdir("") == ([], [])


class NoListing(Recording):
    """A storage without listings."""

    def listdir(self, path: str) -> Any:
        """Refuse, as Django's base class does."""
        raise NotImplementedError


DEEP = {depth: "/".join(["d"] * depth + ["a"]) for depth in (0, 1, 7, 8, 9, 15, 16, 17, 40)}


@pytest.mark.parametrize("kind", [InMemoryStorage, Bucket, NoListing])
@pytest.mark.parametrize("depth", DEEP)
def test_whiteouts_at_any_depth(kind: Any, depth: int) -> None:
    """A deleted file stays deleted at any depth, and no other file is hidden."""
    lower = stocked(*DEEP.values(), kind=Bucket)
    storage = FallbackStorage([kind(), lower])
    storage.delete(DEEP[depth])
    assert [name for name in DEEP.values() if not storage.exists(name)] == [DEEP[depth]]


@pytest.mark.parametrize("depth", [1, 8, 9, 17])
def test_a_deleted_directory_at_any_depth(depth: int) -> None:
    """A deleted directory hides the files below it at any depth, and no other file."""
    lower = stocked(*DEEP.values())
    storage = FallbackStorage([InMemoryStorage(), lower])
    storage.delete("/".join(["d"] * depth))
    hidden = {name for name in DEEP.values() if not storage.exists(name)}
    assert hidden == {DEEP[each] for each in DEEP if each >= depth}


OPERATIONS = [*ARGUMENTS, "which", "get_available_name", "is_name_available", "delete"]


@pytest.mark.parametrize("name", ["d/" * 4000 + "a", "d/" * 2000 + "a"], ids=["8 KB", "4 KB"])
@pytest.mark.parametrize("kind", [Recording, NoListing])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_name_of_many_directories(operation: str, kind: Any, name: str) -> None:
    """A name of thousands of directories costs the upper layer a few calls, as any other."""
    upper = kind()
    storage = FallbackStorage([upper, stocked("d/e/a.txt")])
    storage.delete("d/e/a.txt")
    upper.calls.clear()
    arguments = (name, *ARGUMENTS.get(operation, ())[1:])
    with suppress(OSError, NotImplementedError):
        getattr(storage, operation)(*arguments)
    # Without listings, each directory of a name that is not too long is asked for.
    assert len(upper.calls) < (50 if kind is Recording or len(name) > 4096 else 5000)


def test_a_name_that_is_too_long_to_hide() -> None:
    """delete() raises for a lower layer's file whose name is too long for a whiteout."""
    name = "d/" * 4000 + "a"
    lower = stocked(name, kind=Bucket)
    storage = FallbackStorage([Bucket(), lower])
    with pytest.raises(OSError, match="File name too long"):
        storage.delete(name)
    assert storage.exists(name)


def test_unreadable_whiteouts(caplog: pytest.LogCaptureFixture) -> None:
    """A file counts as not deleted if its whiteout cannot be read, with a warning."""
    storage = FallbackStorage([Failing(PermissionError("closed")), stocked("d/a.txt")])
    with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
        assert storage.exists("d/a.txt")
        assert storage.listdir("d") == ([], ["a.txt"])
    assert "cannot read the whiteouts" in caplog.text and "closed" in caplog.text


def test_a_fallback_storage_as_a_layer() -> None:
    """A FallbackStorage whose upper layer is another one keeps its own whiteouts."""
    inner, upper, _ = over("inner.txt")
    storage = FallbackStorage([inner, stocked("outer.txt")])
    storage.delete("outer.txt")
    storage.delete("inner.txt")
    assert storage.listdir("") == ([], []) and inner.listdir("") == ([".fallback-"], [])
    assert sorted(upper.listdir("")[0]) == [".fallback", ".fallback-"]
    assert put(storage, "outer.txt") == "outer.txt"


def test_layers_with_few_methods() -> None:
    """An object with a method or two can be a layer."""
    storage = FallbackStorage([InMemoryStorage(), Only(exists=True, size=3)])
    assert storage.size("a.txt") == 3
    storage.delete("a.txt")
    assert not storage.exists("a.txt")
