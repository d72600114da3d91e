"""How long lent paths are there, and in which processes and threads."""

import copy
import gc
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tree.lent import ROWS, lend, lending, made_for, read, run

from inmemorystorage import InMemoryDir, InMemoryStorage
from inmemorystorage.tree.nodes import State
from inmemorystorage.tree.private_directory import PREFIX

FORK = """
path = Path(storage.path("d/a"))
path.write_bytes(b"before")
child = os.fork()
if not child:
{child}
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def forked(child, parent):
    """Run a child's script in a forked process, then the parent's; return what both printed."""
    return run(FORK.format(child=f"    {child}") + parent).split()


@pytest.fixture
def two():
    """Return two storages on one tree."""
    tree = InMemoryDir()
    return [InMemoryStorage(tree, lend_paths=True) for _ in range(2)]


def test_directory_goes_with_the_storage(tmp_path):
    """Nothing is left on the disk when the storage dies."""
    gc.collect()  # storages of other tests are not counted when they go
    with lending(tmp_path / "media") as storage:
        mirrors = State.mirrors
        lend(storage, "d/a")
        directory = made_for(storage)[0]
        del storage
        assert not directory.exists() and State.mirrors == mirrors


def test_directory_goes_with_the_last_storage(two):
    """Of several storages on one tree the last takes the directory with it."""
    path = lend(two[0], "a")
    assert two[1].path("a") == str(path)
    del two[0]
    assert path.exists()
    del two[0]
    assert not path.exists()


def test_changes_outlive_the_directory(tmp_path):
    """What was written at a path last is in the tree when nobody lends it any more."""
    tree = InMemoryDir()
    with lending(tmp_path / "media", filesystem=tree) as storage:
        Path(storage.path("d/a")).write_bytes(b"outside")
        del storage
    assert tree.resolve("d/a").content == b"outside"


@pytest.mark.parametrize("row", ROWS)
def test_directory_goes_with_the_interpreter(row):
    """Nothing is left on the disk at the end of the process."""
    script = f"storage = InMemoryStorage(behaves_like={row!r}, lend_paths=True)\n"
    path = Path(run(script + "print(storage.save('a', b''), storage.path('a'))").split()[1])
    assert path.is_absolute() and PREFIX in str(path)
    assert not any(above.exists() for above in path.parents if PREFIX in str(above))


def test_child_has_what_was_written_before():
    """A forked process has what was done at the paths until then."""
    assert forked("print(storage.open('d/a').read())", "") == ["b'before'"]


def test_child_has_a_directory_of_its_own():
    """What a forked process does at its paths, or the parent at its own, the other does not see."""
    child = "own = Path(storage.path('d/a')); own.write_bytes(b'child'); storage.delete('d/a')"
    parent = "print(storage.open('d/a').read(), path.read_bytes())"
    assert forked(child, parent) == ["b'before'", "b'before'"]


def test_child_takes_nothing_with_it():
    """A forked process that ends leaves the parent's directory, and nothing of its own."""
    child = "print(storage.path('d/a')); sys.stdout.flush(); sys.exit()"
    own, left, path = forked(child, "print(path.exists(), path)")
    assert left == "True" and own != path and not Path(own).exists()


def test_directory_of_another_process(tmp_path):
    """A storage that dies in a forked process leaves alone what it has never used there."""
    with lending(tmp_path / "media") as storage:
        path = lend(storage, "a")
        mirror = storage._mount.borrow()
        mirror._private._pid = -1
        del storage
        assert path.exists()
        mirror._private.remove()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copy(tmp_path, duplicate):
    """A copy has the same paths, and they last as long as it does."""
    with lending(tmp_path / "media") as storage:
        path = lend(storage, "a")
        other = duplicate(storage)
        assert other.path("a") == str(path)
        del storage
        assert path.exists() and other.path("a") == str(path)


def test_pickle(tmp_path):
    """What is unpickled has the files, and paths of its own."""
    with lending(tmp_path / "media") as storage:
        path = lend(storage, "a")
        other = pickle.loads(pickle.dumps(storage))
        Path(other.path("a")).write_bytes(b"other")
        assert (read(storage, "a"), path.read_bytes()) == (b"content", b"content")


def test_threads(tmp_path):
    """Threads that save, write at paths and read at once lose nothing."""
    with lending(tmp_path / "media") as storage, ThreadPoolExecutor(8) as pool:

        def work(number):
            path = lend(storage, f"d/{number}", b"%d" % number)
            path.write_bytes(path.read_bytes() + b" outside")
            with storage.open(f"d/{number}", "ab") as file:
                file.write(b" inside")
            return read(storage, f"d/{number}"), path.read_bytes()

        expected = [(b"%d outside inside" % number,) * 2 for number in range(100)]
        assert list(pool.map(work, range(100))) == expected
        assert len(storage.listdir("d")[1]) == 100
