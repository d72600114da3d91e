"""Changes of other programs at lent paths, seen by the next operation of the storage."""

import datetime as dt
import os
import pickle
import time
from pathlib import Path

import pytest
import time_machine
from PIL import Image
from tree.lent import QUICK_WRITERS, REMOVERS, ROWS, WRITERS, lend, lending, on_disk, read

THEN = dt.datetime(2020, 2, 29, 12, 30, tzinfo=dt.timezone.utc)


@pytest.fixture(params=ROWS)
def storage(request, tmp_path):
    """Return a storage of either behavior that lends its paths."""
    with lending(tmp_path / "media", behaves_like=request.param) as storage:
        yield storage


def dumped(storage, directory):
    """Return the names and contents that dump() writes into a directory."""
    return {name: (directory / name).read_bytes() for name in storage.dump(directory)}


def loaded(storage):
    """Return the files of a storage that was pickled and loaded."""
    return read(pickle.loads(pickle.dumps(storage)), "d/a")


# Each operation, and its result after another program has written "d/a".
OPERATIONS = {
    "open": (lambda storage, _: read(storage, "d/a"), b"outside"),
    "exists": (lambda storage, _: storage.exists("d/a"), True),
    "size": (lambda storage, _: storage.size("d/a"), 7),
    "listdir": (lambda storage, _: storage.listdir("d"), ([], ["a"])),
    "listdir above": (lambda storage, _: storage.listdir(""), (["d"], [])),
    "save": (lambda storage, _: storage.save("d/a", b"") == "d/a", False),
    "name": (lambda storage, _: storage.get_available_name("d/a") == "d/a", False),
    "tree": (lambda storage, _: "a (7)" in storage.tree(), True),
    "repr": (lambda storage, _: "bytes=7" in repr(storage), True),
    "dump": (lambda storage, tmp_path: dumped(storage, tmp_path / "dump"), {"d/a": b"outside"}),
    "load": (lambda storage, tmp_path: storage.load(tmp_path), []),
    "pickle": (lambda storage, _: loaded(storage), b"outside"),
}


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "other"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_write_is_seen_by_each_operation(storage, tmp_path, operation, is_there):
    """Each operation sees the last write, to an existing file and to a new one."""
    path = lend(storage, "d/a") if is_there else Path(storage.path("d/a"))
    path.write_bytes(b"outside")
    answer, expected = OPERATIONS[operation]
    assert answer(storage, tmp_path) == expected


@pytest.mark.parametrize("writer", WRITERS)
def test_write_of_each_kind_is_seen(storage, writer):
    """A storage sees the content however a program writes the file."""
    path = lend(storage, "d/a")
    for content in [b"outside", b"OUTSIDE", b"longer content", b""]:
        writer(path, content)
        assert read(storage, "d/a") == content
    assert on_disk(storage)["d/a"] == b""


@pytest.mark.parametrize("writer", QUICK_WRITERS)
def test_writes_within_a_tick_are_seen(storage, writer):
    """A storage sees writes of the same size within one tick of the clock."""
    path = lend(storage, "d/a")
    for turn in range(100):
        writer(path, b"%03d" % turn)
        assert read(storage, "d/a") == b"%03d" % turn


def test_writes_by_turns_are_seen(storage):
    """A storage sees a write that follows its own write at once."""
    path = lend(storage, "a", b"000")
    for turn in range(0, 200, 2):
        with storage.open("a", "r+b") as file:
            file.write(b"%03d" % turn)
        path.write_bytes(b"%03d" % (turn + 1))
        assert read(storage, "a") == b"%03d" % (turn + 1)


@pytest.mark.parametrize("remove", REMOVERS)
@pytest.mark.parametrize("is_written", [False, True])
def test_removal_of_each_kind_is_seen(storage, remove, is_written):
    """A storage sees a removal of any kind, and its name is free."""
    path = lend(storage, "d/a")
    if is_written:
        path.write_bytes(b"outside")
    remove(path)
    with pytest.raises(FileNotFoundError):
        storage.size("d/a")
    storage.delete("d/a")
    assert not storage.exists("d/a") and storage.save("d/a", b"") == "d/a"


def test_file_of_another_program_is_deleted(storage):
    """delete() deletes a file that another program wrote."""
    path = Path(storage.path("d/a"))
    path.write_bytes(b"outside")
    storage.delete("d/a")
    assert not path.exists() and not storage.exists("d/a")


def test_pillow_saves_at_a_path(storage):
    """A picture that Pillow saves at a path is in the storage."""
    Image.new("RGB", (3, 2)).save(storage.path("pictures/p.png"))
    with storage.open("pictures/p.png") as file, Image.open(file) as picture:
        assert picture.size == (3, 2)


def test_modified_time_is_that_of_the_path(storage):
    """get_modified_time() returns the time of the file at the path."""
    path = lend(storage, "a")
    os.utime(path, (1, 1_000_000_000))
    assert storage.get_modified_time("a").timestamp() == 1_000_000_000
    path.write_bytes(b"outside")
    assert storage.get_modified_time("a").timestamp() == pytest.approx(time.time(), abs=60)


def test_frozen_clock_hides_no_write(storage):
    """A storage sees each write although the clock is frozen."""
    with time_machine.travel(THEN, tick=False):
        path = lend(storage, "a", b"000")
        for turn in range(1, 50):
            path.write_bytes(b"%03d" % turn)
            assert read(storage, "a") == b"%03d" % turn
            with storage.open("a", "wb") as file:
                file.write(b"xxx")
            assert storage.get_modified_time("a") == THEN


def test_earlier_handle_reads_the_change(storage):
    """A handle opened before the path was lent reads what is written into the file."""
    storage.save("a", b"content")
    with storage.open("a") as file:
        Path(storage.path("a")).write_bytes(b"outside content")
        assert (file.size, file.seek(0, os.SEEK_END)) == (15, 15)
        file.seek(0)
        assert file.read() == b"outside content"


def test_handle_keeps_a_replaced_file(storage):
    """A handle keeps reading its file after another file has replaced it."""
    path = lend(storage, "a")
    other = path.with_name("other")
    other.write_bytes(b"outside")
    with storage.open("a") as file:
        os.replace(other, path)
        assert (file.read(), read(storage, "a")) == (b"content", b"outside")


def test_appending_handle_writes_after_the_change(storage):
    """A handle appends after the bytes that another program appended."""
    path = lend(storage, "a", b"a")
    with storage.open("a", "ab") as file:
        path.write_bytes(b"a, b")
        file.write(b", c")
    assert path.read_bytes() == read(storage, "a") == b"a, b, c"


def test_change_is_charged_to_max_size(tmp_path):
    """A change past max_size is accepted, and the storage refuses more until there is room."""
    with lending(tmp_path / "media", max_size=10) as storage:
        path = lend(storage, "a")
        path.write_bytes(b"much more content")
        assert storage.size("a") == 17
        with pytest.raises(OSError, match="No space left"):
            storage.save("b", b"b")
        path.unlink()
        assert not storage.exists("a")
        assert storage.save("b", b"0123456789") == "b"
