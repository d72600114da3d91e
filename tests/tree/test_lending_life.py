"""How long lent paths exist, and in which processes and threads."""

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
    """Run a script in a forked process, then another in its parent; return both outputs."""
    return run(FORK.format(child=f"    {child}") + parent).split()


@pytest.fixture
def two():
    """Return two storages on one tree."""
    tree = InMemoryDir()
    return [InMemoryStorage(tree, lend_paths=True) for _ in range(2)]


def test_directory_is_removed_with_its_storage(tmp_path):
    """The private directory is removed when its storage is collected."""
    gc.collect()  # so that no storage of another test ends later
    with lending(tmp_path / "media") as storage:
        mirrors = State.mirrors
        lend(storage, "d/a")
        directory = made_for(storage)[0]
        del storage
        assert not directory.exists() and State.mirrors == mirrors


def test_directory_is_removed_with_the_last_storage(two):
    """The private directory is removed with the last storage of its tree."""
    path = lend(two[0], "a")
    assert two[1].path("a") == str(path)
    del two[0]
    assert path.exists()
    del two[0]
    assert not path.exists()


def test_last_changes_are_pulled(tmp_path):
    """The tree has the last writes at its paths when no storage lends them any more."""
    tree = InMemoryDir()
    with lending(tmp_path / "media", filesystem=tree) as storage:
        Path(storage.path("d/a")).write_bytes(b"outside")
        del storage
    assert tree.resolve("d/a").content == b"outside"


@pytest.mark.parametrize("row", ROWS)
def test_directory_is_removed_at_exit(row):
    """The private directory is removed when the process ends."""
    script = f"storage = InMemoryStorage(behaves_like={row!r}, lend_paths=True)\n"
    path = Path(run(script + "print(storage.save('a', b''), storage.path('a'))").split()[1])
    assert path.is_absolute() and PREFIX in str(path)
    assert not any(above.exists() for above in private_parents(path))


def test_forked_process_has_the_files():
    """A forked process has the files that were written at the paths before."""
    assert forked("print(storage.open('d/a').read())", "") == ["b'before'"]


def test_forked_process_has_its_own_directory():
    """A forked process and its parent do not see changes at each other's paths."""
    child = "own = Path(storage.path('d/a')); own.write_bytes(b'child'); storage.delete('d/a')"
    parent = "print(storage.open('d/a').read(), path.read_bytes())"
    assert forked(child, parent) == ["b'before'", "b'before'"]


def test_forked_process_removes_its_own_directory():
    """A forked process that ends removes its own directory, and not its parent's."""
    child = "print(storage.path('d/a')); sys.stdout.flush(); sys.exit()"
    own, left, path = forked(child, "print(path.exists(), path)")
    assert left == "True" and own != path and not Path(own).exists()


def test_forked_process_outlives_its_parent():
    """A forked process that outlives its parent keeps its paths, and removes all directories."""
    script = """
path = Path(storage.path("d/a"))
parent = os.getpid()
reader, writer = os.pipe()
if os.fork():
    os.read(reader, 1)
    sys.exit()
own = Path(storage.path("d/a"))
own.write_bytes(b"before")
os.write(writer, b".")
while os.getppid() == parent:
    time.sleep(0.01)
own.write_bytes(own.read_bytes() + b" and after")
print(storage.open("d/a").read(), storage.path("d/a") == str(own), path.exists(), path, own)
"""
    printed = run("import time\n" + script)
    answers, _, paths = printed.strip().partition("' ")
    kept, is_there, path, own = paths.split()
    assert (answers, kept, is_there) == ("b'before and after", "True", "False")
    assert not [above for each in (path, own) for above in private_parents(each) if above.exists()]


@pytest.mark.parametrize("end", ["os._exit(0)", "time.sleep(600)"], ids=["killed", "daemon"])
def test_directory_of_a_forked_process_that_was_killed(end):
    """The process removes the directories of its forked processes that could not."""
    script = f"""
import multiprocessing, time
def work(sender):
    sender.send(storage.path("d/a"))
    {end}
context = multiprocessing.get_context("fork")
receiver, sender = context.Pipe()
storage.path("b")
child = context.Process(target=work, args=[sender], daemon=True)
child.start()
print(receiver.recv())
if "exit" in {end!r}:
    child.join()
"""
    path = run(script).strip()
    assert PREFIX in path and not [above for above in private_parents(path) if above.exists()]


def private_parents(path):
    """Return the private directories that a path is in."""
    return [above for above in Path(path).parents if PREFIX in str(above)]


def test_forked_process_keeps_the_parents_directory(tmp_path):
    """A storage that is collected in a forked process keeps the parent's directory."""
    with lending(tmp_path / "media") as storage:
        path = lend(storage, "a")
        mirror = storage._mount.borrow()
        mirror._private._pid = -1
        del storage
        assert path.exists()
        mirror._private.remove()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copy_lends_the_same_paths(tmp_path, duplicate):
    """A copy has the same paths, and keeps them as long as it exists."""
    with lending(tmp_path / "media") as storage:
        path = lend(storage, "a")
        other = duplicate(storage)
        assert other.path("a") == str(path)
        del storage
        assert path.exists() and other.path("a") == str(path)


def test_unpickled_storage_lends_other_paths(tmp_path):
    """An unpickled storage has the files, and its own paths."""
    with lending(tmp_path / "media") as storage:
        path = lend(storage, "a")
        other = pickle.loads(pickle.dumps(storage))
        Path(other.path("a")).write_bytes(b"other")
        assert (read(storage, "a"), path.read_bytes()) == (b"content", b"content")


def test_threads_lose_no_content(tmp_path):
    """Threads that save, read and write at paths concurrently lose no content."""
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
