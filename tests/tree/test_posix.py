"""The system calls of the tree, compared with the kernel's."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from inmemorystorage import InMemoryDir
from inmemorystorage.behaviors import BEHAVIORS
from inmemorystorage.tree.posix import (
    Place,
    find_target,
    look_up,
    make_directories,
    open_file,
    remove,
    store,
)

DISK, MEMORY = BEHAVIORS["filesystem"], BEHAVIORS["memory"]
LONG = "x" * 256
PATHS = [
    *("f", "f/a", "f/a/b", f"f/{LONG}", "d", "d/a", "d/e/a", "no/a", "no/b/c"),
    *(LONG, f"d/{LONG}", f"no/{LONG}", f"no/{LONG}/a", "/".join(["y" * 200] * 25)),
    *("a\0b", "d/a\0b/c", "no/a\0b/c", "\ud800", "no/\ud800/a"),
]


@pytest.fixture
def root(tmp_path: Path) -> InMemoryDir:
    """Return a tree with a file and a directory, as they are on the disk too."""
    root = InMemoryDir()
    directory = root.make_directories(tmp_path.parts[1:])
    directory.save("f", b"content")
    directory.save("d/g", b"")
    (tmp_path / "f").write_bytes(b"content")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/g").write_bytes(b"")
    return root


def place(root: InMemoryDir, path: str) -> Place:
    """Return the place at an absolute path."""
    return Place(root, path[1:].split("/"), path)


def answer(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the class, errno and filename of the error of a call, or ``None``."""
    try:
        call(*arguments)
    except (OSError, ValueError) as error:
        kind = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return kind, getattr(error, "errno", None), getattr(error, "filename", None)
    return None


def entries(path: Path) -> list[str]:
    """Return the paths below a directory of the disk."""
    return sorted(str(below.relative_to(path)) for below in path.rglob("*"))


def entries_in(directory: Any, above: str = "") -> list[str]:
    """Return the paths below a directory of a tree."""
    found: list[str] = []
    for name, node in directory.children.items():
        found += [above + name, *entries_in(node, f"{above}{name}/")]
    return sorted(found)


@pytest.mark.parametrize("path", PATHS, ids=ascii)
def test_look_up_raises_what_stat_raises(root: InMemoryDir, tmp_path: Path, path: str) -> None:
    """look_up() finds what stat(2) finds, and raises its error for all else."""
    whole = f"{tmp_path}/{path}"
    assert answer(look_up, place(root, whole), DISK) == answer(os.stat, whole)


def test_look_up_raises_for_a_file_that_appears_later() -> None:
    """look_up() raises FileNotFoundError for a file that another thread makes after the lookup."""

    class Late(InMemoryDir):
        __slots__ = ()

        def find(self, parts: Sequence[str]) -> None:
            """Find nothing, as if the file were not there yet."""

    late = Late()
    late.save("f", b"")
    with pytest.raises(FileNotFoundError):
        look_up(place(late, "/f"), DISK)


@pytest.mark.parametrize("path", [path for path in PATHS if path != "f"], ids=ascii)
def test_make_directories_makes_what_makedirs_makes(
    root: InMemoryDir, tmp_path: Path, path: str
) -> None:
    """make_directories() raises the error of os.makedirs(), and leaves as many directories."""
    whole = f"{tmp_path}/{path}"
    expected = answer(lambda: os.makedirs(whole, exist_ok=True))
    assert answer(make_directories, place(root, whole), DISK) == expected
    assert entries_in(root.resolve(str(tmp_path))) == entries(tmp_path)


def test_make_directories_of_a_file_is_djangos_error(root: InMemoryDir, tmp_path: Path) -> None:
    """make_directories() names the file that is there in Django's words."""
    with pytest.raises(FileExistsError, match=r"f exists and is not a directory\.$"):
        make_directories(place(root, f"{tmp_path}/f"), DISK)


FLAGS = {
    "O_RDONLY": os.O_RDONLY,
    "O_CREAT": os.O_RDWR | os.O_CREAT,
    "O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "O_TRUNC": os.O_RDWR | os.O_TRUNC,
}


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("path", PATHS, ids=ascii)
def test_open_file_raises_what_open_raises(
    root: InMemoryDir, tmp_path: Path, path: str, flags: str
) -> None:
    """open_file() makes, truncates and refuses files as open(2) does."""
    if path == "d" and flags == "O_RDONLY":
        pytest.skip("open(2) opens a directory for reading, open() does not")
    whole = f"{tmp_path}/{path}"

    def open_on_disk() -> None:
        os.close(os.open(whole, FLAGS[flags]))

    assert answer(open_file, place(root, whole), FLAGS[flags], DISK) == answer(open_on_disk)
    assert entries_in(root.resolve(str(tmp_path))) == entries(tmp_path)
    assert root.size(f"{tmp_path}/f") == (tmp_path / "f").stat().st_size


@pytest.mark.parametrize("path", PATHS, ids=ascii)
def test_remove_raises_what_unlink_and_rmdir_raise(
    root: InMemoryDir, tmp_path: Path, path: str
) -> None:
    """remove() removes a file as unlink(2), and refuses a directory as rmdir(2)."""
    whole = f"{tmp_path}/{path}"
    is_directory = path == "d"
    call = os.rmdir if is_directory else os.unlink
    assert answer(remove, place(root, whole), DISK) == answer(call, whole)
    assert entries_in(root.resolve(str(tmp_path))) == entries(tmp_path)


def test_remove_takes_a_whole_tree_in_memory(root: InMemoryDir, tmp_path: Path) -> None:
    """remove() removes a directory with its entries where the behavior says so."""
    remove(place(root, f"{tmp_path}/d"), MEMORY)
    assert entries_in(root.resolve(str(tmp_path))) == ["f"]


def test_the_root_cannot_be_removed(root: InMemoryDir) -> None:
    """remove() raises EBUSY for the directory at which the tree begins."""
    with pytest.raises(OSError, match="busy") as caught:
        remove(Place(root, [], "/"), MEMORY)
    assert caught.value.errno == errno.EBUSY


def test_find_target_tells_new_files_from_old(root: InMemoryDir, tmp_path: Path) -> None:
    """find_target() returns the file that would be overwritten, and refuses what it may not."""
    new, old, directory = (place(root, f"{tmp_path}/{name}") for name in ("new", "f", "d"))
    assert find_target(new, DISK, overwrite=False) is None
    assert find_target(old, DISK, overwrite=True) is look_up(old, DISK)
    with pytest.raises(FileExistsError):
        find_target(old, DISK, overwrite=False)
    with pytest.raises(IsADirectoryError):
        find_target(directory, DISK, overwrite=True)


@pytest.mark.parametrize("in_place", [False, True])
def test_store_in_place_keeps_the_node(root: InMemoryDir, tmp_path: Path, in_place: bool) -> None:
    """store() writes into the node that is there with in_place, and replaces it without."""
    old = place(root, f"{tmp_path}/f")
    node = look_up(old, DISK)
    store(old, b"new", DISK, overwrite=True, in_place=in_place)
    assert (look_up(old, DISK) is node) is in_place
    assert root.open(f"{tmp_path}/f").read() == b"new"


def test_store_makes_the_directories_above_in_memory(root: InMemoryDir, tmp_path: Path) -> None:
    """store() makes missing directories only where the behavior says so."""
    new = place(root, f"{tmp_path}/x/y")
    with pytest.raises(FileNotFoundError):
        store(new, b"", DISK, overwrite=False, in_place=False)
    store(new, b"", MEMORY, overwrite=False, in_place=False)
    assert entries_in(root.resolve(str(tmp_path))) == ["d", "d/g", "f", "x", "x/y"]


def test_parent_is_the_directory_above(root: InMemoryDir) -> None:
    """A place's parent has one component less in its parts and in its path."""
    parent = place(root, "/a/b").parent
    assert (parent.parts, parent.path) == (["a"], "/a")


@pytest.mark.parametrize(("has_path", "path"), [(True, "/a/b/c"), (False, "b/c")])
def test_below_names_the_path_or_the_name(root: InMemoryDir, has_path: bool, path: str) -> None:
    """A place below another is called by its whole path where the storage has paths."""
    below = place(root, "/a").below("b/c", has_path=has_path)
    assert (below.parts, below.path, below.location) == (["a", "b", "c"], path, "/a")
