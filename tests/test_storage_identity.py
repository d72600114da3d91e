"""When storages are equal, and what their copies and pickles have."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from contract.helpers import get, names, put
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.core.files.storage import InMemoryStorage as DjangosStorage
from django.test import override_settings

from inmemorystorage import InMemoryDir, InMemoryStorage

Duplicate = Callable[[Any], Any]
Make = Callable[..., InMemoryStorage]
FILESYSTEM = {"behaves_like": "filesystem"}
TREE = InMemoryDir()
OTHER_TREE = InMemoryDir()


class DerivedStorage(InMemoryStorage):
    """A storage of a project."""


def pickled(storage: Any) -> Any:
    """Return an object after a round trip through pickle."""
    return pickle.loads(pickle.dumps(storage))


duplicates = pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
copies = pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])

kinds = pytest.mark.parametrize(
    "make",
    [
        InMemoryStorage,
        lambda **options: InMemoryStorage(InMemoryDir(), **options),
        partial(InMemoryStorage, behaves_like="filesystem"),
    ],
    ids=["own", "given", "shared"],
)

# The arguments of two storages, and whether the storages are equal.
EQUALITY: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    # Two trees, also if they were made by the same call.
    ({}, {}, False),
    ({"base_url": "/a/"}, {"base_url": "/a/"}, False),
    ({"location": "/a"}, {"location": "/a"}, False),
    ({}, FILESYSTEM, False),
    ({"location": "/a", **FILESYSTEM}, {"location": "/a"}, False),
    # One tree.
    (FILESYSTEM, FILESYSTEM, True),
    ({"location": "/a", **FILESYSTEM}, {"location": Path("/a/"), **FILESYSTEM}, True),
    ({"location": "/a", **FILESYSTEM}, {"location": "/a", "max_size": 1, **FILESYSTEM}, True),
    ({"base_url": "/media/", **FILESYSTEM}, FILESYSTEM, True),
    ({"location": "/a", **FILESYSTEM}, {"location": "/a/b", **FILESYSTEM}, False),
    ({"base_url": "/a/", **FILESYSTEM}, FILESYSTEM, False),
    # A given tree.
    ({"filesystem": TREE}, {"filesystem": TREE}, True),
    ({"filesystem": TREE}, {"filesystem": TREE, "max_size": 1}, True),
    ({"filesystem": TREE}, {"filesystem": TREE, "base_url": "/a/"}, False),
    ({"filesystem": TREE}, {"filesystem": OTHER_TREE}, False),
    ({"filesystem": TREE}, {}, False),
    ({"filesystem": TREE, **FILESYSTEM}, FILESYSTEM, False),
]


@pytest.mark.parametrize(("options", "others", "equal"), EQUALITY)
def test_equal_storages(options: dict[str, Any], others: dict[str, Any], equal: bool) -> None:
    """Storages are equal if they have one tree and one base URL."""
    storage, other = InMemoryStorage(**options), InMemoryStorage(**others)
    assert (storage == other, other == storage, storage != other) == (equal, equal, not equal)
    assert len({storage, other}) == (1 if equal else 2)
    assert storage == storage and len({storage, storage}) == 1


@pytest.mark.parametrize(("options", "others", "equal"), EQUALITY)
def test_equal_storages_with_persist(
    settings, options: dict[str, Any], others: dict[str, Any], equal: bool
) -> None:
    """Storages with one location are equal with INMEMORYSTORAGE_PERSIST."""
    settings.INMEMORYSTORAGE_PERSIST = True
    storage, other = InMemoryStorage(**options), InMemoryStorage(**others)
    shared = "filesystem" not in {**options, **others} and storage.location == other.location
    assert (storage == other) == (equal or (shared and storage.base_url == other.base_url))


def test_cache_by_storage() -> None:
    """A dict by storage has an entry for each storage that has its own files."""
    pair = [InMemoryStorage(), InMemoryStorage()]
    put(pair[0], "a")
    assert {storage: names(storage) for storage in pair} == {pair[0]: ["a"], pair[1]: []}


def test_equality_follows_the_settings() -> None:
    """Storages with different arguments are equal if the settings make them the same."""
    storage, other = InMemoryStorage(**FILESYSTEM), InMemoryStorage(location="/a", **FILESYSTEM)
    before = hash(storage)
    with override_settings(MEDIA_ROOT="/a"):
        assert storage == other
        assert hash(storage) == hash(other) == before
    assert storage != other


@pytest.mark.parametrize("other", [DjangosStorage(), FileSystemStorage(), None, "memory", TREE])
def test_other_objects_are_not_equal(other: Any) -> None:
    """A storage does not equal an object of another class."""
    assert InMemoryStorage() != other
    assert other != InMemoryStorage()


def test_storages_of_a_subclass() -> None:
    """A storage of a subclass equals one of the same tree, and no storage of the base class."""
    assert DerivedStorage(TREE) == DerivedStorage(TREE) != DerivedStorage()
    assert DerivedStorage(TREE) != InMemoryStorage(TREE)


def test_default_storage() -> None:
    """default_storage equals the storage that it wraps, on either side."""
    assert storages["default"] == default_storage
    assert default_storage == storages["default"]


@duplicates
@kinds
def test_duplicates_have_files_and_options(
    duplicate: Duplicate, make: Make, tmp_path: Path
) -> None:
    """A copy and an unpickled storage have the files and the options."""
    storage = make(base_url="/own/", location=tmp_path, allow_overwrite=True)
    put(storage, "d/a", b"content")
    other = duplicate(storage)
    assert (get(other, "d/a"), other.url("a")) == (b"content", "/own/a")
    assert (other.location, put(other, "d/a")) == (str(tmp_path), "d/a")
    assert other.deconstruct()[2].keys() == storage.deconstruct()[2].keys()


@duplicates
def test_duplicates_of_a_subclass(duplicate: Duplicate) -> None:
    """A copy has the storage's class."""
    storage = DerivedStorage()
    other = duplicate(storage)
    assert type(other) is DerivedStorage and other is not storage


@copies
def test_copy_shares_the_tree(duplicate: Duplicate) -> None:
    """A copy shares the tree with the storage, however either changes."""
    storage = InMemoryStorage()
    other = duplicate(storage)
    put(other, "a")
    put(storage, "b")
    assert other.filesystem is storage.filesystem
    assert (names(storage), storage == other) == (["a", "b"], True)


def test_unpickled_storage_has_a_snapshot() -> None:
    """An unpickled storage has its own files, as they were."""
    storage = InMemoryStorage()
    put(storage, "a", b"content")
    other = pickled(storage)
    put(other, "b")
    storage.delete("a")
    assert (names(storage), names(other), get(other, "a")) == ([], ["a", "b"], b"content")


def test_pickled_storages_of_one_tree() -> None:
    """Storages of one tree that are pickled together have one tree again."""
    tree = InMemoryDir()
    storage, other = pickled([InMemoryStorage(tree), InMemoryStorage(tree, "/b/")])
    put(storage, "a", b"content")
    assert get(other, "a") == b"content"


def test_shared_files_are_not_pickled(tmp_path: Path) -> None:
    """A pickle of a storage that shares by location is small, and finds the files there."""
    storage = InMemoryStorage(location=tmp_path, **FILESYSTEM)
    put(storage, "a", b"." * 100_000)
    assert len(pickle.dumps(storage)) < 10_000
    assert pickled(storage).size("a") == 100_000


def test_part_of_another_tree_is_pickled() -> None:
    """A pickled storage on a part of another's tree keeps that part."""
    whole = InMemoryStorage()
    put(whole, "d/a", b"content")
    part = pickled(InMemoryStorage(whole.filesystem.resolve("d")))
    assert get(part, "a") == b"content"


def test_pickle_in_another_process() -> None:
    """An unpickled storage has its files in another process."""
    storage = InMemoryStorage(base_url="/m/")
    put(storage, "d/a", b"content")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ_PICKLE, *sys.path],
        input=pickle.dumps(storage),
        capture_output=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (b"content /m/a", b"")


READ_PICKLE = """
import pickle, sys
sys.path[:] = sys.argv[1:]
from django.conf import settings
settings.configure()
storage = pickle.load(sys.stdin.buffer)
with storage.open("d/a") as file:
    print(file.read().decode(), storage.url("a"), end="")
"""


@duplicates
def test_duplicates_follow_the_settings(duplicate: Duplicate) -> None:
    """A copy follows the settings, and keeps none of their former values."""
    storage = InMemoryStorage()
    with override_settings(MEDIA_URL="/first/", MEDIA_ROOT="/first"):
        assert (storage.base_url, storage.location) == ("/first/", "/first")
        other = duplicate(storage)
    assert (other.base_url, other.location) == (storage.base_url, storage.location)
    with override_settings(MEDIA_URL="/second/", MEDIA_ROOT="/second"):
        assert (other.base_url, other.location) == ("/second/", "/second")


def test_unpickled_storage_reads_the_settings() -> None:
    """An unpickled storage reads the settings of its process."""
    storage = InMemoryStorage()
    with override_settings(MEDIA_URL="/first/", MEDIA_ROOT="/first"):
        assert (storage.url("a"), storage.location) == ("/first/a", "/first")
        dumped = pickle.dumps(storage)
    other = pickle.loads(dumped)
    assert (other.url("a"), other.location) == (storage.url("a"), storage.location)


@duplicates
def test_duplicates_keep_added_attributes(duplicate: Duplicate) -> None:
    """A copy has the attributes that a project added to the storage."""
    storage = InMemoryStorage()
    storage.tenant = "one"
    assert duplicate(storage).tenant == "one"


@duplicates
def test_duplicates_keep_the_limit(duplicate: Duplicate) -> None:
    """A copy has the storage's max_size, and as much room."""
    storage = InMemoryStorage(max_size=10)
    put(storage, "a", b"123456")
    other = duplicate(storage)
    with pytest.raises(OSError, match="No space left"):
        put(other, "b", b"12345")
    assert put(other, "b", b"1234") == "b"


@duplicates
@kinds
def test_copy_lends_paths(duplicate: Duplicate, make: Make, tmp_path: Path) -> None:
    """A copy of a storage that lends paths lends them too, and sees changes there."""
    storage = make(lend_paths=True, location=tmp_path)
    put(storage, "d/a", b"content")
    Path(storage.path("d/a")).write_bytes(b"changed")
    other = duplicate(storage)
    assert get(other, "d/a") == b"changed"
    Path(other.path("d/a")).write_bytes(b"again")
    assert get(other, "d/a") == b"again"


@duplicates
def test_duplicates_of_several(duplicate: Duplicate) -> None:
    """A structure with one storage twice has one copy of it twice."""
    storage = InMemoryStorage()
    first, second = duplicate([storage, storage])
    assert first is second
