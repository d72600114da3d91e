"""Where storages keep their files, and which of them share files."""

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
FILESYSTEM = {"behaves_like": "filesystem"}


def like_filesystem(location: Path | str, **options: Any) -> InMemoryStorage:
    """Make a storage that shares its files by location."""
    return InMemoryStorage(location=location, **FILESYSTEM, **options)


def persistent(location: Path | str, **options: Any) -> InMemoryStorage:
    """Make a storage that shares its files by location with INMEMORYSTORAGE_PERSIST."""
    return InMemoryStorage(location=location, **options)


def on_disk(location: Path | str, **options: Any) -> FileSystemStorage:
    """Make a FileSystemStorage."""
    return FileSystemStorage(location=location, **options)


@pytest.fixture(params=[on_disk, like_filesystem, persistent])
def make(request: pytest.FixtureRequest, settings) -> Make:
    """Return each function whose storages share files by location, FileSystemStorage's first."""
    settings.INMEMORYSTORAGE_PERSIST = request.param is persistent
    return request.param


def test_storages_share_nothing_by_default() -> None:
    """Each storage has its own files by default."""
    storage, other = InMemoryStorage(), InMemoryStorage()
    put(storage, "a")
    assert (names(storage), names(other)) == (["a"], [])


def test_one_location_is_shared(make: Make, tmp_path: Path) -> None:
    """Storages with one location have the same files, whatever their other options are."""
    storage, other = make(tmp_path), make(tmp_path, base_url="/other/")
    put(storage, "d/a", b"content")
    assert get(other, "d/a") == b"content"
    other.delete("d/a")
    assert not storage.exists("d/a")


@pytest.mark.parametrize("spelling", ["{}/", "{}/.", "{}/d/..", "{}//"])
def test_location_is_normalized(make: Make, tmp_path: Path, spelling: str) -> None:
    """Storages share a location however its path is spelt."""
    put(make(str(tmp_path)), "a", b"content")
    assert get(make(spelling.format(tmp_path)), "a") == b"content"


def test_other_locations_are_not_shared(make: Make, tmp_path: Path) -> None:
    """Storages with other locations have other files, even if one name begins another."""
    put(make(tmp_path / "media"), "a")
    assert not make(tmp_path / "media2").exists("a")
    assert not make(tmp_path / "med").exists("a")


def test_location_inside_another_is_shared(make: Make, tmp_path: Path) -> None:
    """A storage sees files of a location inside its own, and the reverse."""
    media, private = make(tmp_path / "media"), make(tmp_path / "media" / "private")
    put(private, "d/a", b"from below")
    put(media, "private/b", b"from above")
    assert names(media) == ["private/b", "private/d/a"]
    assert names(private) == ["b", "d/a"]
    assert (get(media, "private/d/a"), get(private, "b")) == (b"from below", b"from above")


def test_name_outside_of_an_inner_location_raises(make: Make, tmp_path: Path) -> None:
    """A storage refuses a name outside of its location even if the file is shared."""
    put(make(tmp_path / "media"), "secret")
    with pytest.raises(SuspiciousFileOperation):
        make(tmp_path / "media" / "private").open("../secret")


def test_handle_reads_the_writes_of_another_storage(make: Make, tmp_path: Path) -> None:
    """A handle reads what a handle of another storage writes."""
    put(make(tmp_path), "a")
    with make(tmp_path).open("a", "wb") as writer, make(tmp_path).open("a") as reader:
        writer.write(b"content")
        writer.flush()
        assert reader.read() == b"content"


def test_storage_from_deconstruct_has_the_files(make: Make, tmp_path: Path) -> None:
    """A storage made again from deconstruct() finds its files."""
    storage = make(tmp_path)
    put(storage, "a", b"content")
    path, arguments, options = storage.deconstruct()
    assert get(import_string(path)(*arguments, **options), "a") == b"content"


def test_storage_of_a_new_handler_has_the_files(make: Make, tmp_path: Path) -> None:
    """A storage of a new StorageHandler has the files of the former one's."""
    path, _, options = make(tmp_path).deconstruct()
    backends = {"default": {"BACKEND": path, "OPTIONS": options}}
    put(StorageHandler(backends)["default"], "a", b"content")
    assert get(StorageHandler(backends)["default"], "a") == b"content"


def test_default_location_is_shared(make: Make, settings, tmp_path: Path) -> None:
    """Storages without a location share the files of MEDIA_ROOT."""
    settings.MEDIA_ROOT = tmp_path
    put(make(None), "a", b"content")
    assert get(make(None), "a") == get(make(tmp_path), "a") == b"content"


def test_deleted_location_is_made_again(make: Make, tmp_path: Path) -> None:
    """save() makes a location again that another storage deleted."""
    media, private = make(tmp_path), make(tmp_path / "private")
    private.delete(put(private, "a"))
    media.delete("private")
    assert not private.exists("a")
    put(private, "b", b"content")
    assert get(media, "private/b") == b"content"


def test_replaced_location_is_used(make: Make, tmp_path: Path) -> None:
    """A storage uses a directory that replaced its location."""
    media, private = make(tmp_path), make(tmp_path / "private")
    private.delete(put(private, "a"))
    media.delete("private")
    put(media, "private/b", b"content")
    assert names(private) == ["b"]


def test_save_below_a_file_raises(tmp_path: Path) -> None:
    """save() raises the disk's error if a file is at the location."""
    errors = []
    for make in [on_disk, like_filesystem]:
        put(make(tmp_path), "a", b"a file")
        with pytest.raises(FileExistsError) as caught:
            put(make(tmp_path / "a"), "b")
        errors.append(str(caught.value))
        assert get(make(tmp_path), "a") == b"a file"
    assert errors[0] == errors[1]


def test_save_raises_when_the_location_becomes_a_file(make: Make, tmp_path: Path) -> None:
    """save() raises if a file replaces the location later."""
    media, private = make(tmp_path), make(tmp_path / "private")
    private.delete(put(private, "a"))
    media.delete("private")
    put(media, "private", b"a file")
    with pytest.raises(FileExistsError):
        put(private, "b")
    assert get(media, "private") == b"a file"


@pytest.mark.parametrize("location", ["{}/" + "d" * 256, "{}" + f"/{'d' * 200}" * 25])
def test_too_long_location_raises(tmp_path: Path, location: str) -> None:
    """save() raises the disk's error for a location that no disk can have."""
    errors = []
    for make in [on_disk, like_filesystem]:
        storage = make(location.format(tmp_path))
        assert not storage.exists("a")
        with pytest.raises(OSError, match="File name too long") as caught:
            put(storage, "a")
        errors.append((caught.value.errno, caught.value.filename))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
@pytest.mark.parametrize("name", ["d/" * 16_000 + "a", "d/" * 2047 + "ab"], ids=len)
def test_too_deep_name_raises(behaves_like: str, name: str) -> None:
    """save() and open() raise ENAMETOOLONG for a name longer than PATH_MAX, in every row."""
    storage = InMemoryStorage(behaves_like=behaves_like, location="/")
    with pytest.raises(OSError, match="File name too long"):
        storage.save(name, b"")
    for mode in ["rb", "wb"]:
        with pytest.raises(OSError, match="File name too long"):
            storage.open(name, mode)
    assert not storage.exists(name)


@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
def test_longest_name_is_stored(behaves_like: str) -> None:
    """save() stores a file as deep as PATH_MAX allows."""
    storage = InMemoryStorage(behaves_like=behaves_like, location="/")
    name = "d/" * 2046 + "ab"
    assert storage.save(name, b"content") == name
    assert get(storage, name) == b"content"


def test_name_has_the_room_that_the_location_leaves(tmp_path: Path) -> None:
    """save() refuses a short name below a long location, as the disk does."""
    location = str(tmp_path)
    while len(location) < 3900:
        location += "/" + "d" * min(200, 3999 - len(location))
    room = 4095 - len(location) - 1
    for make in [on_disk, like_filesystem]:
        storage = make(location)
        put(storage, "a" * room)
        with pytest.raises(OSError, match="File name too long"):
            put(storage, "a" * (room + 1))


def test_behaviors_do_not_share_without_persist(tmp_path: Path) -> None:
    """A storage of the memory row does not see the files of the filesystem row."""
    put(like_filesystem(tmp_path), "a")
    assert not InMemoryStorage(location=tmp_path).exists("a")


def test_behaviors_share_with_persist(settings, tmp_path: Path) -> None:
    """Storages of both rows share one tree with INMEMORYSTORAGE_PERSIST."""
    settings.INMEMORYSTORAGE_PERSIST = True
    put(like_filesystem(tmp_path), "a", b"content")
    assert get(InMemoryStorage(location=tmp_path), "a") == b"content"


def test_shared_files_outlive_their_storages(make: Make, tmp_path: Path) -> None:
    """Shared files exist when no storage is left at their location."""
    put(make(tmp_path), "a", b"content")
    assert get(make(tmp_path), "a") == b"content"


def test_nothing_is_written_at_the_location(tmp_path: Path, settings) -> None:
    """No storage in memory writes at its location."""
    settings.INMEMORYSTORAGE_PERSIST = True
    for make, lend in itertools.product([like_filesystem, persistent], [False, True]):
        storage = make(tmp_path, lend_paths=lend)
        put(storage, f"{make.__name__}/{lend}", b"content")
        assert storage.listdir(make.__name__)[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", ["memory", "filesystem"])
def test_given_filesystem_is_shared(row: str, tmp_path: Path) -> None:
    """Storages with one given tree share it, and share it with no location."""
    tree = InMemoryDir()
    storage = InMemoryStorage(tree, location=tmp_path, behaves_like=row)
    put(storage, "d/a", b"content")
    assert storage.filesystem is tree
    assert get(InMemoryStorage(tree, behaves_like=row), "d/a") == b"content"
    assert not like_filesystem(tmp_path).exists("d/a")


@pytest.mark.parametrize("row", ["memory", "filesystem"])
def test_filesystem_may_be_a_part_of_another(row: str) -> None:
    """A storage may have a directory of another storage's tree as its tree."""
    whole = InMemoryStorage(InMemoryDir(), behaves_like=row)
    put(whole, "d/a", b"content")
    part = InMemoryStorage(whole.filesystem.resolve("d"), behaves_like=row)
    put(part, "e/b")
    assert names(part) == ["a", "e/b"]
    assert names(whole) == ["d/a", "d/e/b"]


def test_deleted_part_keeps_its_files() -> None:
    """A storage keeps its tree when another one deletes that directory."""
    whole = InMemoryStorage()
    put(whole, "d/a", b"content")
    part = InMemoryStorage(whole.filesystem.resolve("d"))
    whole.delete("d")
    put(part, "b")
    assert (names(part), names(whole)) == (["a", "b"], [])


def test_filesystem_is_the_directory_at_the_location(tmp_path: Path) -> None:
    """filesystem is the directory at the location if files are shared."""
    media, private = like_filesystem(tmp_path), like_filesystem(tmp_path / "private")
    put(private, "a")
    assert media.filesystem.resolve("private") is private.filesystem
    assert private.filesystem.ls() == ["a"]


def test_max_size_counts_files_of_other_storages(tmp_path: Path) -> None:
    """max_size counts the files of other storages at the location and below it."""
    put(like_filesystem(tmp_path), "a", b"12345")
    limited = like_filesystem(tmp_path, max_size=10)
    put(like_filesystem(tmp_path / "d"), "b", b"123")
    with pytest.raises(OSError, match="No space left"):
        put(limited, "c", b"123")
    assert put(limited, "c", b"12") == "c"


def dynamic(base: type[Storage], override: str) -> type[Any]:
    """Derive a storage for tenants, in one of the ways of projects."""

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


# A way to derive an InMemoryStorage for tenants, and the way that does the same with Django's
# storage, which reads `base_location` only once unless `location` is overridden too.
WAYS = {
    "BaseLocation": "Both",
    "CachedBaseLocation": "CachedBaseLocation",
    "Location": "Location",
    "Both": "Both",
    "Path_": "Path_",
}


def story(storage: Any) -> list[str]:
    """Run the usual operations for two tenants in turn; return all results."""
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
def test_overridden_location_may_change(tmp_path: Path, way: str, djangos: str) -> None:
    """A subclass may return another location, or path, from call to call."""
    on_disk = dynamic(FileSystemStorage, djangos)(location=tmp_path)
    in_memory = dynamic(InMemoryStorage, way)(location=tmp_path, behaves_like="filesystem")
    assert story(in_memory) == story(on_disk)


@pytest.mark.parametrize("way", ["BaseLocation", "Location", "Both"])
def test_overridden_location_may_change_with_persist(settings, tmp_path: Path, way: str) -> None:
    """A subclass of the memory row may, with INMEMORYSTORAGE_PERSIST."""
    settings.INMEMORYSTORAGE_PERSIST = True
    storage = dynamic(InMemoryStorage, way)(location=tmp_path)
    for storage.tenant in ["one", "two"]:
        put(storage, "a", storage.tenant)
    assert get(persistent(tmp_path / "one"), "a") == b"one"
    assert names(persistent(tmp_path)) == ["one/a", "two/a"]


@pytest.mark.parametrize("way", ["BaseLocation", "Location", "Both"])
def test_overridden_location_may_change_with_lent_paths(tmp_path: Path, way: str) -> None:
    """A subclass that lends its paths may, and each tenant has its own paths."""
    storage = dynamic(InMemoryStorage, way)(
        location=tmp_path, behaves_like="filesystem", lend_paths=True
    )
    for storage.tenant in ["one", "two"]:
        put(storage, "a", storage.tenant)
    contents = []
    for storage.tenant in ["one", "two"]:
        contents += [get(storage, "a"), Path(storage.path("a")).read_bytes()]
    assert contents == [b"one", b"one", b"two", b"two"]


@pytest.mark.parametrize("way", ["BaseLocation", "Location"])
@pytest.mark.parametrize(
    ("row", "is_lent"), [("memory", False), ("filesystem", False), ("filesystem", True)]
)
def test_overridden_location_is_lent_once(
    settings: Any, tmp_path: Path, way: str, row: str, is_lent: bool
) -> None:
    """A subclass has each directory of its location once in a lent path."""
    options: dict[str, Any] = {"behaves_like": row, "lend_paths": True}
    outer = InMemoryStorage(location=tmp_path, **(options | FILESYSTEM))
    settings.MEDIA_ROOT = outer.location if is_lent else tmp_path
    storage = dynamic(InMemoryStorage, way)(**options)
    for storage.tenant in ["one", "two"]:
        put(storage, "d/a", storage.tenant)
        path = storage.path("d/a")
        assert path.count(tmp_path.name) == path.count(storage.tenant) == 1
        assert path == os.path.join(storage.location, "d/a")
        named = str(tmp_path / storage.tenant / "d" / "a")
        assert storage.path(named) == storage.path(path) == path
        assert get(storage, named) == storage.tenant.encode()


@pytest.mark.parametrize("value", ["media", Path("media")])
@pytest.mark.parametrize("attribute", ["location", "base_location"])
def test_location_may_be_a_class_attribute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, attribute: str, value: Any
) -> None:
    """A subclass may have its location as an attribute, relative to the current directory."""
    monkeypatch.chdir(tmp_path)
    stored = []
    for base, options in [(FileSystemStorage, {}), (InMemoryStorage, FILESYSTEM)]:
        storage = type("Media", (base,), {attribute: value})(**options)
        stored += [put(storage, "d/a", b"content"), storage.path("d/a"), get(storage, "d/a")]
    assert stored[:3] == stored[3:]
    assert names(like_filesystem(tmp_path)) == ["media/d/a"]


@pytest.mark.parametrize("make", [on_disk, like_filesystem, InMemoryStorage])
def test_location_may_be_set(make: Make, tmp_path: Path) -> None:
    """A test may set the location of an instance."""
    storage = make(location=tmp_path / "first")
    storage.location = str(tmp_path / "second")
    assert storage.location == str(tmp_path / "second")
    put(storage, "a", b"content")
    assert get(storage, "a") == b"content"


def test_location_may_be_set_and_deleted(make: Make, tmp_path: Path) -> None:
    """A storage restores its location when mock.patch.object() deletes the one that it set."""
    storage = make(tmp_path / "first")
    put(storage, "a", b"first")
    with mock.patch.object(storage, "location", str(tmp_path / "second")):
        put(storage, "a", b"second")
    assert (storage.location, get(storage, "a")) == (str(tmp_path / "first"), b"first")
    assert get(make(tmp_path / "second"), "a") == b"second"


def test_filesystem_may_be_set() -> None:
    """Setting filesystem replaces the files of a storage, as in 2.1."""
    storage, tree = InMemoryStorage(), InMemoryDir()
    put(storage, "a")
    storage.filesystem = tree
    assert (storage.filesystem, storage.exists("a")) == (tree, False)
    put(storage, "b")
    assert tree.ls() == ["b"]
