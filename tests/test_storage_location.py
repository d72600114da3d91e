"""Where storages keep their files, and which of them share them."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from contract.helpers import get, names, put
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage.handler import StorageHandler
from django.utils.functional import cached_property
from django.utils.module_loading import import_string

from inmemorystorage import InMemoryDir, InMemoryStorage

Make = Callable[..., Storage]
LIKE_DISK = {"behaves_like": "filesystem"}


def like_disk(location: Path | str, **options: Any) -> InMemoryStorage:
    """Make a storage that shares its files by location."""
    return InMemoryStorage(location=location, **LIKE_DISK, **options)


def persistent(location: Path | str, **options: Any) -> InMemoryStorage:
    """Make a storage that shares its files by location under INMEMORYSTORAGE_PERSIST."""
    return InMemoryStorage(location=location, **options)


def on_disk(location: Path | str, **options: Any) -> FileSystemStorage:
    """Make Django's storage on the disk."""
    return FileSystemStorage(location=location, **options)


@pytest.fixture(params=[on_disk, like_disk, persistent])
def make(request: pytest.FixtureRequest, settings) -> Make:
    """Each way to have storages share files by their location; that of the disk comes first."""
    settings.INMEMORYSTORAGE_PERSIST = request.param is persistent
    return request.param


def test_default_is_a_tree_of_its_own() -> None:
    """Each storage has its own files, unless it is told otherwise."""
    storage, other = InMemoryStorage(), InMemoryStorage()
    put(storage, "a")
    assert (names(storage), names(other)) == (["a"], [])


def test_one_location(make: Make, tmp_path: Path) -> None:
    """Storages with one location have the same files, whatever else they were given."""
    storage, other = make(tmp_path), make(tmp_path, base_url="/other/")
    put(storage, "d/a", b"content")
    assert get(other, "d/a") == b"content"
    other.delete("d/a")
    assert not storage.exists("d/a")


@pytest.mark.parametrize("spelling", ["{}/", "{}/.", "{}/d/..", "{}//"])
def test_one_location_spelt_otherwise(make: Make, tmp_path: Path, spelling: str) -> None:
    """A location is the same however its path is written."""
    put(make(str(tmp_path)), "a", b"content")
    assert get(make(spelling.format(tmp_path)), "a") == b"content"


def test_locations_beside_each_other(make: Make, tmp_path: Path) -> None:
    """Storages with other locations have other files, also where one name begins another."""
    put(make(tmp_path / "media"), "a")
    assert not make(tmp_path / "media2").exists("a")
    assert not make(tmp_path / "med").exists("a")


def test_location_inside_another(make: Make, tmp_path: Path) -> None:
    """What is saved below `/media/private` is seen from `/media`, and the reverse."""
    media, private = make(tmp_path / "media"), make(tmp_path / "media" / "private")
    put(private, "d/a", b"from below")
    put(media, "private/b", b"from above")
    assert names(media) == ["private/b", "private/d/a"]
    assert names(private) == ["b", "d/a"]
    assert (get(media, "private/d/a"), get(private, "b")) == (b"from below", b"from above")


def test_name_outside_of_an_inner_location(make: Make, tmp_path: Path) -> None:
    """Sharing lets no name out of a storage's location."""
    put(make(tmp_path / "media"), "secret")
    with pytest.raises(SuspiciousFileOperation):
        make(tmp_path / "media" / "private").open("../secret")


def test_handles_are_shared(make: Make, tmp_path: Path) -> None:
    """What one storage writes through a handle, a handle of another reads."""
    put(make(tmp_path), "a")
    with make(tmp_path).open("a", "wb") as writer, make(tmp_path).open("a") as reader:
        writer.write(b"content")
        writer.flush()
        assert reader.read() == b"content"


def test_rebuilt_from_deconstruct(make: Make, tmp_path: Path) -> None:
    """A background task that makes a storage again from its deconstruction finds its files."""
    storage = make(tmp_path)
    put(storage, "a", b"content")
    path, arguments, options = storage.deconstruct()
    assert get(import_string(path)(*arguments, **options), "a") == b"content"


def test_new_handler_for_each_call(make: Make, tmp_path: Path) -> None:
    """A storage from a new StorageHandler has the files of that from the last one."""
    path, _, options = make(tmp_path).deconstruct()
    backends = {"default": {"BACKEND": path, "OPTIONS": options}}
    put(StorageHandler(backends)["default"], "a", b"content")
    assert get(StorageHandler(backends)["default"], "a") == b"content"


def test_default_location_is_shared(make: Make, settings, tmp_path: Path) -> None:
    """Storages without a location share the files of MEDIA_ROOT, also with one that names it."""
    settings.MEDIA_ROOT = tmp_path
    put(make(None), "a", b"content")
    assert get(make(None), "a") == get(make(tmp_path), "a") == b"content"


def test_location_deleted_and_made_again(make: Make, tmp_path: Path) -> None:
    """A location that was removed from above is made again by the next save."""
    media, private = make(tmp_path), make(tmp_path / "private")
    private.delete(put(private, "a"))
    media.delete("private")
    assert not private.exists("a")
    put(private, "b", b"content")
    assert get(media, "private/b") == b"content"


def test_location_replaced(make: Make, tmp_path: Path) -> None:
    """A directory made at the location in place of the one that was there is what is used."""
    media, private = make(tmp_path), make(tmp_path / "private")
    private.delete(put(private, "a"))
    media.delete("private")
    put(media, "private/b", b"content")
    assert names(private) == ["b"]


def test_location_that_is_a_file(tmp_path: Path) -> None:
    """A location at which a file is takes no files, as on the disk."""
    errors = []
    for make in [on_disk, like_disk]:
        put(make(tmp_path), "a", b"a file")
        with pytest.raises(FileExistsError) as caught:
            put(make(tmp_path / "a"), "b")
        errors.append(str(caught.value))
        assert get(make(tmp_path), "a") == b"a file"
    assert errors[0] == errors[1]


def test_location_that_is_a_file_while_a_storage_lives(make: Make, tmp_path: Path) -> None:
    """Nor does one at which a file comes to be."""
    media, private = make(tmp_path), make(tmp_path / "private")
    private.delete(put(private, "a"))
    media.delete("private")
    put(media, "private", b"a file")
    with pytest.raises(FileExistsError):
        put(private, "b")
    assert get(media, "private") == b"a file"


@pytest.mark.parametrize("location", ["{}/" + "d" * 256, "{}" + f"/{'d' * 200}" * 25])
def test_location_that_is_too_long(tmp_path: Path, location: str) -> None:
    """A location that no disk can have is the disk's error, and no file is anywhere."""
    errors = []
    for make in [on_disk, like_disk]:
        storage = make(location.format(tmp_path))
        assert not storage.exists("a")
        with pytest.raises(OSError, match="File name too long") as caught:
            put(storage, "a")
        errors.append((caught.value.errno, caught.value.filename))
    assert errors[0] == errors[1]


def test_rows_do_not_share_without_persist(tmp_path: Path) -> None:
    """The memory row's own files are not those that the filesystem row shares."""
    put(like_disk(tmp_path), "a")
    assert not InMemoryStorage(location=tmp_path).exists("a")


def test_rows_share_with_persist(settings, tmp_path: Path) -> None:
    """With INMEMORYSTORAGE_PERSIST the rows share one tree too."""
    settings.INMEMORYSTORAGE_PERSIST = True
    put(like_disk(tmp_path), "a", b"content")
    assert get(InMemoryStorage(location=tmp_path), "a") == b"content"


def test_shared_files_outlive_their_storages(make: Make, tmp_path: Path) -> None:
    """Files are at their location also when no storage is left that is there."""
    put(make(tmp_path), "a", b"content")
    assert get(make(tmp_path), "a") == b"content"


def test_nothing_is_written_at_the_location(tmp_path: Path, settings) -> None:
    """No storage in memory makes anything at the location that it was given."""
    settings.INMEMORYSTORAGE_PERSIST = True
    for make, lend in itertools.product([like_disk, persistent], [False, True]):
        storage = make(tmp_path, lend_paths=lend)
        put(storage, f"{make.__name__}/{lend}", b"content")
        assert storage.listdir(make.__name__)[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", ["memory", "filesystem"])
def test_explicit_filesystem(row: str, tmp_path: Path) -> None:
    """Storages that were given one tree share it, and share it with no location."""
    tree = InMemoryDir()
    storage = InMemoryStorage(tree, location=tmp_path, behaves_like=row)
    put(storage, "d/a", b"content")
    assert storage.filesystem is tree
    assert get(InMemoryStorage(tree, behaves_like=row), "d/a") == b"content"
    assert not like_disk(tmp_path).exists("d/a")


@pytest.mark.parametrize("row", ["memory", "filesystem"])
def test_explicit_filesystem_that_is_a_part_of_another(row: str) -> None:
    """A directory of one storage's tree can be the whole of another's."""
    whole = InMemoryStorage(InMemoryDir(), behaves_like=row)
    put(whole, "d/a", b"content")
    part = InMemoryStorage(whole.filesystem.resolve("d"), behaves_like=row)
    put(part, "e/b")
    assert names(part) == ["a", "e/b"]
    assert names(whole) == ["d/a", "d/e/b"]


def test_part_that_is_deleted() -> None:
    """A part that the whole deletes stays with the storage that stands on it."""
    whole = InMemoryStorage()
    put(whole, "d/a", b"content")
    part = InMemoryStorage(whole.filesystem.resolve("d"))
    whole.delete("d")
    put(part, "b")
    assert (names(part), names(whole)) == (["a", "b"], [])


def test_filesystem_is_the_directory_at_the_location(tmp_path: Path) -> None:
    """`filesystem` of a storage that shares its files is the directory at its own location."""
    media, private = like_disk(tmp_path), like_disk(tmp_path / "private")
    put(private, "a")
    assert media.filesystem.resolve("private") is private.filesystem
    assert private.filesystem.ls() == ["a"]


def test_limit_counts_what_the_location_has(tmp_path: Path) -> None:
    """A limit counts what other storages put at the location and below it."""
    put(like_disk(tmp_path), "a", b"12345")
    limited = like_disk(tmp_path, max_size=10)
    put(like_disk(tmp_path / "d"), "b", b"123")
    with pytest.raises(OSError, match="No space left"):
        put(limited, "c", b"123")
    assert put(limited, "c", b"12") == "c"


def dynamic(base: type[Storage], override: str) -> type[Any]:
    """Derive a storage for tenants, in one of the ways that projects do it."""

    class Attribute(base):
        tenant = "one"

    class BaseLocation(Attribute):
        @property
        def base_location(self) -> str:
            return os.path.join(super().base_location, self.tenant)

    class CachedBaseLocation(Attribute):
        @cached_property
        def base_location(self) -> str:
            return os.path.join(super().base_location, self.tenant)

    class Location(Attribute):
        @property
        def location(self) -> str:
            return os.path.join(super().location, self.tenant)

    class Both(BaseLocation):
        @property
        def location(self) -> str:
            return os.path.abspath(self.base_location)

    class Path_(Attribute):
        def path(self, name: str) -> str:
            return super().path(os.path.join(self.tenant, name))

    ways = [BaseLocation, CachedBaseLocation, Location, Both, Path_]
    return {way.__name__: way for way in ways}[override]


# A way to derive a storage for tenants, and that in which Django's own does the same: it asks for
# `base_location` but once, where it is not told to ask for `location` again.
WAYS = {
    "BaseLocation": "Both",
    "CachedBaseLocation": "CachedBaseLocation",
    "Location": "Location",
    "Both": "Both",
    "Path_": "Path_",
}


def story(storage: Any) -> list[str]:
    """Do the everyday things for two tenants in turn; return all that was answered."""
    told: list[Any] = []
    for storage.tenant in ["one", "two", "one"]:
        told += [storage.location, storage.path("d/a"), storage.exists("d/a")]
        told += [put(storage, "d/a", storage.tenant), put(storage, "d/b"), storage.exists("d/b")]
        told += [storage.listdir("")[0], storage.size("d/b"), get(storage, "d/a")]
        with storage.open("d/a", "ab") as file:
            file.write(b"more")
        told += [storage.delete("d/b"), storage.exists("d/b"), get(storage, "d/a"), file.name]
    return [re.sub(r"_\w{7}$", "_random", str(each)) for each in told]


@pytest.mark.parametrize(("way", "djangos"), WAYS.items())
def test_location_that_changes(tmp_path: Path, way: str, djangos: str) -> None:
    """A subclass may answer with another location, or path, from call to call."""
    on_disk = dynamic(FileSystemStorage, djangos)(location=tmp_path)
    in_memory = dynamic(InMemoryStorage, way)(location=tmp_path, behaves_like="filesystem")
    assert story(in_memory) == story(on_disk)


@pytest.mark.parametrize("way", ["BaseLocation", "Location", "Both"])
def test_location_that_changes_with_persist(settings, tmp_path: Path, way: str) -> None:
    """So may one of the memory row, with INMEMORYSTORAGE_PERSIST."""
    settings.INMEMORYSTORAGE_PERSIST = True
    storage = dynamic(InMemoryStorage, way)(location=tmp_path)
    for storage.tenant in ["one", "two"]:
        put(storage, "a", storage.tenant)
    assert get(persistent(tmp_path / "one"), "a") == b"one"
    assert names(persistent(tmp_path)) == ["one/a", "two/a"]


@pytest.mark.parametrize("way", ["BaseLocation", "Location", "Both"])
def test_location_that_changes_with_lent_paths(tmp_path: Path, way: str) -> None:
    """So may one that lends its paths, and each tenant's path is a real one of its own."""
    storage = dynamic(InMemoryStorage, way)(
        location=tmp_path, behaves_like="filesystem", lend_paths=True
    )
    for storage.tenant in ["one", "two"]:
        put(storage, "a", storage.tenant)
    contents = []
    for storage.tenant in ["one", "two"]:
        contents += [get(storage, "a"), Path(storage.path("a")).read_bytes()]
    assert contents == [b"one", b"one", b"two", b"two"]


@pytest.mark.parametrize("value", ["media", Path("media")])
@pytest.mark.parametrize("attribute", ["location", "base_location"])
def test_location_as_an_attribute_of_a_class(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, attribute: str, value: Any
) -> None:
    """A subclass may name its location by an attribute, relative to the current directory."""
    monkeypatch.chdir(tmp_path)
    stored = []
    for base, options in [(FileSystemStorage, {}), (InMemoryStorage, LIKE_DISK)]:
        storage = type("Media", (base,), {attribute: value})(**options)
        stored += [put(storage, "d/a", b"content"), storage.path("d/a"), get(storage, "d/a")]
    assert stored[:3] == stored[3:]
    assert names(like_disk(tmp_path)) == ["media/d/a"]


@pytest.mark.parametrize("make", [on_disk, like_disk, InMemoryStorage])
def test_location_that_is_set(make: Make, tmp_path: Path) -> None:
    """The location of an instance may be set, as a test of a project does."""
    storage = make(location=tmp_path / "first")
    storage.location = str(tmp_path / "second")
    assert storage.location == str(tmp_path / "second")
    put(storage, "a", b"content")
    assert get(storage, "a") == b"content"


def test_location_that_is_set_for_a_while(make: Make, tmp_path: Path) -> None:
    """So may one that is put back, as `mock.patch.object` does by deleting what it set."""
    storage = make(tmp_path / "first")
    put(storage, "a", b"first")
    with mock.patch.object(storage, "location", str(tmp_path / "second")):
        put(storage, "a", b"second")
    assert (storage.location, get(storage, "a")) == (str(tmp_path / "first"), b"first")
    assert get(make(tmp_path / "second"), "a") == b"second"


def test_filesystem_that_is_set() -> None:
    """The tree of an instance may be set, as 2.1 allowed; a new one empties the storage."""
    storage, tree = InMemoryStorage(), InMemoryDir()
    put(storage, "a")
    storage.filesystem = tree
    assert (storage.filesystem, storage.exists("a")) == (tree, False)
    put(storage, "b")
    assert tree.ls() == ["b"]
