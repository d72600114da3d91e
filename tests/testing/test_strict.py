"""forbid_real_storages() fails operations on real storages."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from archive.models import Document
from archive.storages import RemoteStorage
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.testing import (
    RealStorageError,
    allow_real_storages,
    forbid_real_storages,
    override_storages,
)
from inmemorystorage.testing.operations import OPERATIONS


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileSystemStorage:
    """Return a real storage with a file, in a directory that is not a temporary one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    storage = FileSystemStorage(location=tmp_path / "disk")
    storage.save("a", ContentFile(b"real"))
    return storage


@pytest.mark.parametrize("mode", ["w", "ab", "r+", "xb"])
def test_opening_for_writing(disk: FileSystemStorage, mode: str) -> None:
    """Opening a real file in a mode that can write fails, before anything happens."""
    with pytest.raises(RealStorageError, match=r"open\('b'\)"), forbid_real_storages():
        disk.open("b", mode)
    assert not disk.exists("b")


def test_saving_and_deleting(disk: FileSystemStorage) -> None:
    """save() and delete() on a real storage fail."""
    with pytest.raises(RealStorageError, match=r"save\('b'\)"), forbid_real_storages():
        disk.save("b", ContentFile(b""))
    with pytest.raises(RealStorageError, match=r"delete\('a'\)"), forbid_real_storages():
        disk.delete("a")
    assert disk.listdir("") == ([], ["a"])


def test_reading(disk: FileSystemStorage) -> None:
    """Real files can be read without reads=True."""
    with forbid_real_storages(), disk.open("a") as file:
        assert file.read() == b"real"


@pytest.mark.parametrize("op", sorted({*OPERATIONS} - {"save", "listdir"}))
def test_strict_reads(disk: FileSystemStorage, op: str) -> None:
    """With reads=True every operation on a real storage fails."""
    with pytest.raises(RealStorageError, match=rf"{op}\('a'\)"), forbid_real_storages(reads=True):
        getattr(disk, op)("a")


@pytest.mark.parametrize(("method", "op"), [("_open", "open"), ("_save", "save")])
def test_methods_of_subclasses(disk: FileSystemStorage, method: str, op: str) -> None:
    """A call of _open() or _save() fails as open() and save() do."""
    call = {"_open": ("b", "wb"), "_save": ("b", ContentFile(b""))}[method]
    with pytest.raises(RealStorageError, match=rf"{op}\('b'\)"), forbid_real_storages():
        getattr(disk, method)(*call)
    assert not disk.exists("b")


def test_static_files_can_be_read(disk: FileSystemStorage) -> None:
    """Static files can be read even with reads=True, and not written."""
    static = StaticFilesStorage(location=disk.location, base_url="/static/")
    with forbid_real_storages(reads=True):
        assert static.exists("a") and static.url("a") == "/static/a"
    with pytest.raises(RealStorageError), forbid_real_storages():
        static.delete("a")


def test_temporary_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary directory may be used, unless the project is in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with forbid_real_storages(reads=True):
        FileSystemStorage(location=tmp_path / "a").save("a", ContentFile(b""))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    with pytest.raises(RealStorageError), forbid_real_storages():
        FileSystemStorage(location="media").save("a", ContentFile(b""))


def test_memory() -> None:
    """Storages in memory and on the private MEDIA_ROOT can be written."""
    with override_storages(), forbid_real_storages():
        for storage in (InMemoryStorage(), FileSystemStorage(), DjangoInMemoryStorage()):
            storage.delete(storage.save("a", ContentFile(b"")))


def test_layers(disk: FileSystemStorage) -> None:
    """A FallbackStorage is real if one of its written layers is."""
    with forbid_real_storages(tells_of_swallowed=False):
        FallbackStorage(backends=[InMemoryStorage(), disk]).save("b", ContentFile(b""))
        with pytest.raises(RealStorageError):
            FallbackStorage(backends=[disk, InMemoryStorage()]).save("b", ContentFile(b""))


def test_the_message_of_the_error() -> None:
    """The error names the class, the file, the field or alias, and the cure."""
    storage = Document._meta.get_field("remote").storage
    with pytest.raises(RealStorageError) as raised, forbid_real_storages():
        storage.save("letter.pdf", ContentFile(b""))
    assert str(raised.value) == (
        "save('letter.pdf') on the RemoteStorage of 'archive.Document.remote', which is a real "
        "storage. Move or replace it with override_storages(), or allow it in this test with "
        "allow_real_storages() (with pytest @pytest.mark.real_storages)."
    )
    with (
        pytest.raises(RealStorageError, match="on the RemoteStorage, which"),
        forbid_real_storages(),
    ):
        RemoteStorage().save("a", ContentFile(b""))


def test_the_directory_in_the_error(disk: FileSystemStorage) -> None:
    """The error names the directory of a storage on a disk."""
    with pytest.raises(RealStorageError) as raised, forbid_real_storages():
        disk.save("b", ContentFile(b""))
    assert f"on the FileSystemStorage in {disk.location!r}, which" in str(raised.value)


def test_an_error_that_is_swallowed(disk: FileSystemStorage) -> None:
    """An error that the project catches is raised again at the end."""
    with pytest.raises(RealStorageError), forbid_real_storages(), suppress(Exception):
        disk.delete("a")


def test_another_error_is_raised_instead(disk: FileSystemStorage) -> None:
    """Another error that fails the test is raised instead."""
    with pytest.raises(KeyError), forbid_real_storages():
        with suppress(RealStorageError):
            disk.delete("a")
        raise KeyError


def test_one_test_is_let_through(disk: FileSystemStorage) -> None:
    """allow_real_storages() allows real storages in a function, and not after it."""

    @allow_real_storages()
    def delete() -> None:
        disk.delete("a")

    with forbid_real_storages():
        delete()
    with pytest.raises(RealStorageError), forbid_real_storages():
        disk.save("b", ContentFile(b""))
    assert disk.listdir("") == ([], [])
