"""`Mount`: what its fast paths find, create and remove, and when its cache is stale."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from inmemorystorage.behaviors import BEHAVIORS
from inmemorystorage.tree.journal import Savepoint
from inmemorystorage.tree.lending import Lease
from inmemorystorage.tree.mount import Mount, NotCached, is_lent, is_plain
from inmemorystorage.tree.nodes import InMemoryDir, InMemoryFile
from inmemorystorage.tree.posix import Place

LOCATION = ["srv", "media"]


@pytest.fixture
def root() -> InMemoryDir:
    """Return a tree with a file at ``/srv/media/d/f``."""
    root = InMemoryDir()
    root.save("srv/media/d/f", b"content")
    return root


@pytest.fixture(params=BEHAVIORS.values(), ids=BEHAVIORS)
def mount(request: pytest.FixtureRequest, root: InMemoryDir) -> Mount:
    """Return a mount of either behavior that stands at ``/srv/media``."""
    mount = Mount(request.param, None, lambda: root)
    assert stand(mount) is root.resolve("srv/media")
    return mount


def place(root: InMemoryDir, parts: list[str]) -> Place:
    """Return a place by its absolute path."""
    return Place(root, parts, "/" + "/".join(parts))


def stand(mount: Mount, parts: list[str] = LOCATION) -> InMemoryDir | None:
    """Stand at a fixed location."""
    return mount.stand(place(mount.root(), parts), mount.turn)


def read(source: str) -> bytes:
    """Return a content, as create() reads it."""
    return source.encode()


def refuse(source: str) -> bytes:
    """Fail if create() reads a content that it cannot store."""
    raise AssertionError(source)


def is_stale(mount: Mount, name: Any = "d/f") -> bool:
    """Return whether find() leaves a name to the slow path."""
    try:
        mount.find(name)
    except NotCached:
        return True
    return False


@pytest.mark.parametrize("name", ["d/f", "d", "d/g", "x/y"])
def test_find_returns_the_node_or_none(mount: Mount, root: InMemoryDir, name: str) -> None:
    """find() returns what the tree has below the location, the first time and from the cache."""
    expected = root.find([*LOCATION, *name.split("/")])
    assert mount.find(name) is mount.find(name) is expected


@pytest.mark.parametrize("name", ["", ".", "..", "/d/f", "d//f", "./d/f", "d/../d/f", "d/"])
def test_find_leaves_names_that_are_not_normalized(mount: Mount, name: str) -> None:
    """find() raises NotCached for any name that it cannot take as it stands."""
    mount.find("d/f")
    assert is_stale(mount, name) and is_stale(mount, name)
    assert not is_plain(name)


def test_find_leaves_what_is_not_a_name(mount: Mount) -> None:
    """find() raises NotCached for an object that is not a string."""
    assert is_stale(mount, None)


def test_a_new_mount_has_no_cache(root: InMemoryDir) -> None:
    """Every fast path refuses before the mount stands somewhere."""
    mount = Mount(BEHAVIORS["memory"], None, lambda: root)
    assert is_stale(mount) and mount.place is None
    assert not mount.create("g", refuse, "") and not mount.unlink("d/f")


def test_forget_makes_the_cache_stale(mount: Mount) -> None:
    """forget() makes every fast path refuse until the mount stands again."""
    mount.forget()
    assert is_stale(mount) and mount.place is None
    assert not mount.create("g", refuse, "") and not mount.unlink("d/f")
    stand(mount)
    assert isinstance(mount.find("d/f"), InMemoryFile)


def change_by_hand(root: InMemoryDir) -> None:
    """Remove an entry by the dict that has it."""
    del root.children["srv"]


def remove_directory(root: InMemoryDir) -> None:
    """Remove the directory at the location."""
    root.delete("srv/media")


def replace_directory(root: InMemoryDir) -> None:
    """Replace a directory below the location."""
    root.resolve("srv/media").add_child("d", InMemoryDir())  # type: ignore[attr-defined]


@pytest.mark.parametrize("change", [change_by_hand, remove_directory, replace_directory])
def test_a_directory_that_leaves_its_tree_makes_the_cache_stale(
    mount: Mount, root: InMemoryDir, change: Callable[[InMemoryDir], None]
) -> None:
    """find() forgets the directories that it has found when any directory leaves its tree."""
    mount.find("d/f")
    change(root)
    assert is_stale(mount)
    assert stand(mount) is root.find(LOCATION)


def test_changed_files_keep_the_cache(mount: Mount, root: InMemoryDir) -> None:
    """find() sees a file that is made, replaced or removed without standing again."""
    directory = root.resolve("srv/media/d")
    assert isinstance(directory, InMemoryDir)
    mount.find("d/f")
    directory.unlink("f")
    assert mount.find("d/f") is None
    directory.link("f", file := InMemoryFile())
    assert mount.find("d/f") is file and mount.place is not None


def test_stand_makes_the_location_once(root: InMemoryDir) -> None:
    """stand() makes the directory at first, but not after another storage has deleted it."""
    mount = Mount(BEHAVIORS["filesystem"], None, lambda: root)
    made = stand(mount, ["srv", "new"])
    assert made is root.resolve("srv/new")
    root.delete("srv/new")
    assert stand(mount, ["srv", "new"]) is None and mount.place is None


def test_stand_makes_the_location_again_after_a_rollback(root: InMemoryDir) -> None:
    """stand() makes a directory again that a rollback removed."""
    mount = Mount(BEHAVIORS["filesystem"], None, lambda: root)
    savepoint = Savepoint()
    stand(mount, ["srv", "new"])
    savepoint.rollback()
    assert not root.exists("srv/new")
    assert stand(mount, ["srv", "new"]) is root.resolve("srv/new")


def test_stand_at_a_file_finds_no_directory(mount: Mount) -> None:
    """stand() returns None for a file, and caches nothing."""
    assert stand(mount, [*LOCATION, "d", "f"]) is None
    assert mount.place is None


def test_stand_for_one_operation_caches_nothing(mount: Mount, root: InMemoryDir) -> None:
    """stand() without a turn returns the directory, and leaves the cache stale."""
    assert mount.stand(place(root, LOCATION), None) is root.resolve("srv/media")
    assert is_stale(mount)


def test_stand_after_a_concurrent_forget_caches_nothing(mount: Mount, root: InMemoryDir) -> None:
    """stand() does not cache a location that was forgotten after it was found out."""
    turn = mount.turn
    mount.forget()
    assert mount.stand(place(root, LOCATION), turn) is root.resolve("srv/media")
    assert mount.place is None


def test_create_makes_the_directories_above(mount: Mount, root: InMemoryDir) -> None:
    """create() stores a file, and makes each directory that is missing."""
    assert mount.create("a/b/c", read, "new") and mount.create("top", read, "more")
    assert root.open("srv/media/a/b/c").read() == b"new"
    assert root.open("srv/media/top").read() == b"more"


@pytest.mark.parametrize("name", ["d/f", "d", "d/f/g"])
def test_create_refuses_a_taken_name(mount: Mount, name: str) -> None:
    """create() returns false, without reading the content, for a name that it cannot have."""
    assert not mount.create(name, refuse, "")


def test_create_caches_the_directory(mount: Mount) -> None:
    """create() caches the directory of the new file, for the next file and for unlink()."""
    assert mount.create("a/b/c", read, "") and mount.create("a/b/d", read, "")
    assert mount.unlink("a/b/c") and mount.find("a/b/c") is None


def test_create_names_the_path_that_is_in_the_way(mount: Mount) -> None:
    """create() raises for a file above the directory of the new file."""
    with pytest.raises(NotADirectoryError):
        mount.create("d/f/x/y", refuse, "")


def test_unlink_needs_a_cached_directory(mount: Mount, root: InMemoryDir) -> None:
    """unlink() removes a file whose directory find() has cached, and nothing else."""
    assert not mount.unlink("d/f")
    mount.find("d/f")
    assert mount.unlink("d/f") and not mount.unlink("d/f")
    assert not root.exists("srv/media/d/f")


def test_unlink_leaves_directories(mount: Mount, root: InMemoryDir) -> None:
    """unlink() does not remove a directory."""
    root.save("srv/media/d/e/g", b"")
    mount.find("d/e")
    assert not mount.unlink("d/e") and root.exists("srv/media/d/e")


# Quotas.


def limited(root: InMemoryDir, size: int) -> Mount:
    """Return a mount with a quota, standing at ``/srv/media``."""
    mount = Mount(BEHAVIORS["memory"], size, lambda: root)
    stand(mount)
    return mount


def test_quota_counts_the_files_below_the_location(root: InMemoryDir) -> None:
    """A mount with a quota counts what is there, and each file that is created."""
    mount = limited(root, len(b"content") + 3)
    with pytest.raises(OSError, match="No space left"):
        mount.create("g", read, "1234")
    assert mount.find("g") is None and mount.create("g", read, "123")
    root.save("elsewhere", b"more than there is room for")


def test_quota_is_made_once(root: InMemoryDir) -> None:
    """A mount that stands again at one directory keeps its quota."""
    mount = limited(root, 10)
    directory = root.resolve("srv/media")
    assert isinstance(directory, InMemoryDir) and directory.quotas is not None
    (quota,) = directory.quotas
    stand(mount)
    assert [*directory.quotas] == [quota]


def test_quota_ends_with_its_mount(root: InMemoryDir) -> None:
    """A quota does not limit the tree after its mount has forgotten it."""
    mount = limited(root, 8)
    mount.forget()
    gc.collect()
    root.save("srv/media/g", b"0123456789")


# Lending.


@pytest.fixture
def lease(root: InMemoryDir) -> Lease:
    """Lend paths of the tree."""
    return Lease(root)


def test_a_mount_caches_nothing_while_paths_are_lent(mount: Mount, lease: Lease) -> None:
    """A mount asks its storage for every name while other programs may change the tree."""
    assert mount.mirror is lease.mirror
    assert stand(mount) is not None and is_stale(mount)


def test_borrow_keeps_one_lease(mount: Mount) -> None:
    """borrow() returns one mirror until the mount ends, and then the tree has none."""
    assert mount.mirror is None
    mirror = mount.borrow()
    assert mount.borrow() is mount.mirror is mirror


def test_names_are_lent_from_the_top_of_the_tree(root: InMemoryDir) -> None:
    """A mount on a part of a tree shares the mirror of the whole."""
    part = root.resolve("srv")
    assert isinstance(part, InMemoryDir)
    mount = Mount(BEHAVIORS["memory"], None, lambda: part)
    assert mount.top is root
    assert mount.from_top(["media", "d"]) == ["srv", "media", "d"]


def test_no_other_path_is_lent() -> None:
    """is_lent() is false for a path outside of the private directory."""
    assert not is_lent("/srv/media/f")
