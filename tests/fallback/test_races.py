"""Other processes: a deletion is not undone, and a save is not lost, while a file is copied up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from buckets import needs_s3
from django.core.files.storage import FileSystemStorage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.utils.module_loading import import_string
from fallback.layers import get, put, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage

Act = Callable[..., object]


class Watched(InMemoryStorage):
    """A storage in which another process acts while a file is read."""

    act: Act | None = None

    def _open(self, name: str, mode: str = "rb") -> Any:
        file: Any = super()._open(name, mode)
        read = file.read

        def act_and_read(*size: int) -> Any:
            act, self.act = self.act, None
            if act is not None:
                act()
            return read(*size)

        file.read = act_and_read
        return file


def act_after_saving(upper: Any, act: Act) -> None:
    """Let another process act as soon as the upper layer has stored one of the files."""
    save = upper._save

    def save_and_act(name: str, content: Any) -> str:
        saved: str = save(name, content)
        if not name.startswith(".fallback"):
            upper._save = save
            act()
        return saved

    upper._save = save_and_act


def make_disk(request: pytest.FixtureRequest) -> Any:
    """Return a storage on a disk."""
    return FileSystemStorage(request.getfixturevalue("tmp_path"))


def make_bucket(request: pytest.FixtureRequest) -> Any:
    """Return a storage in a bucket, which overwrites files."""
    options = request.getfixturevalue("server").make_bucket().options
    return import_string("storages.backends.s3.S3Storage")(**options)


UPPER = {
    "disk": make_disk,
    "memory": lambda _: InMemoryStorage(),
    "overwriting": lambda _: InMemoryStorage(allow_overwrite=True),
    "Django's memory": lambda _: DjangoInMemoryStorage(),
    "bucket": make_bucket,
}


@pytest.fixture(
    params=[pytest.param(kind, marks=[needs_s3] * (kind == "bucket")) for kind in UPPER]
)
def upper(request: pytest.FixtureRequest) -> Any:
    """Return each kind of upper layer in turn."""
    return UPPER[request.param](request)


@pytest.fixture(params=["read", "stored"])
def race(request: pytest.FixtureRequest, upper: Any) -> Callable[[Any], tuple[Any, Any]]:
    """Return a function that lets another process act while a.txt is read, or once it is stored."""
    lower = stocked("a.txt", "d/a.txt", kind=Watched)

    def make(act: Act) -> tuple[Any, Any]:
        options = {"cache_reads": True, "cache_size": 10}
        storage, other = (FallbackStorage([upper, lower], **options) for _ in range(2))
        if request.param == "read":
            lower.act = lambda: act(other)
        else:
            act_after_saving(upper, lambda: act(other))
        return storage, other

    return make


def use(storage: Any, mode: str) -> None:
    """Copy a file up by opening it; a file that no longer exists cannot be opened."""
    with suppress(FileNotFoundError, ValueError, AttributeError):
        storage.open("a.txt", mode).close()


@pytest.mark.parametrize("mode", ["rb", "r", "r+b"])
def test_a_deletion_is_not_undone(race: Any, mode: str) -> None:
    """A file that another process deletes while it is copied up stays deleted."""
    storage, other = race(lambda other: other.delete("a.txt"))
    use(storage, mode)
    for each in (storage, other):
        assert not each.exists("a.txt") and each.listdir("") == (["d"], [])
        with pytest.raises(FileNotFoundError):
            each.open("a.txt")


def test_appending_to_a_deleted_file() -> None:
    """A file that another process deletes is appended to as one that does not exist."""
    upper, lower = InMemoryStorage(), stocked("a.txt", kind=Watched)
    storage = FallbackStorage([upper, lower])
    lower.act = lambda: FallbackStorage([upper, lower]).delete("a.txt")
    with storage.open("a.txt", "ab") as file:
        file.write(b"new")
    assert get(storage, "a.txt") == b"new"


@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_a_save_is_not_lost(race: Any, mode: str) -> None:
    """A file that another process deletes and saves again is neither deleted nor overwritten."""

    def replace(other: Any) -> None:
        other.delete("a.txt")
        assert put(other, "a.txt", b"theirs") == "a.txt"

    storage, other = race(replace)
    use(storage, mode)
    assert get(storage, "a.txt") == get(other, "a.txt") == b"theirs"
    get(storage, "d/a.txt")  # makes room for a copy
    assert get(storage, "a.txt") == get(other, "a.txt") == b"theirs"


@pytest.mark.parametrize("moment", ["read", "stored"])
def test_a_directory_that_is_deleted(moment: str) -> None:
    """A file whose directory another process deletes while it is copied up is deleted, too."""
    upper, lower = InMemoryStorage(), stocked("d/a.txt", kind=Watched)
    storage, other = (FallbackStorage([upper, lower], cache_reads=True) for _ in range(2))
    if moment == "read":
        lower.act = lambda: other.delete("d")
    else:
        act_after_saving(upper, lambda: other.delete("d"))
    get(storage, "d/a.txt")
    assert not storage.exists("d/a.txt") and not other.exists("d/a.txt")
    assert upper.listdir("d") == ([], []) if upper.exists("d") else moment == "stored"


def test_a_copy_made_while_its_directory_is_deleted() -> None:
    """A copy that is made just before its directory is hidden is deleted with the directory."""
    upper, lower = InMemoryStorage(), stocked("d/a.txt")
    storage, other = (FallbackStorage([upper, lower], cache_reads=True) for _ in range(2))
    delete = upper.delete

    def delete_and_copy(name: str) -> None:
        delete(name)
        if name == "d":
            upper.delete = delete  # type: ignore[method-assign]
            get(other, "d/a.txt")

    upper.delete = delete_and_copy  # type: ignore[method-assign]
    storage.delete("d")
    assert not storage.exists("d/a.txt") and storage.listdir("") == ([], [])
