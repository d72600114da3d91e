"""What other programs do at a path that is lent is seen by the next operation on the storage."""

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
    """Return what a storage has that was pickled and made anew."""
    return read(pickle.loads(pickle.dumps(storage)), "d/a")


# Each operation, and what it answers when "d/a" has just been written outside.
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
def test_write_is_seen_by(storage, tmp_path, operation, is_there):
    """Each operation sees what was written last, in a file that was there or was not."""
    path = lend(storage, "d/a") if is_there else Path(storage.path("d/a"))
    path.write_bytes(b"outside")
    answer, expected = OPERATIONS[operation]
    assert answer(storage, tmp_path) == expected


@pytest.mark.parametrize("writer", WRITERS)
def test_written_by(storage, writer):
    """However a program writes a file, its content is seen."""
    path = lend(storage, "d/a")
    for content in [b"outside", b"OUTSIDE", b"longer content", b""]:
        writer(path, content)
        assert read(storage, "d/a") == content
    assert on_disk(storage)["d/a"] == b""


@pytest.mark.parametrize("writer", QUICK_WRITERS)
def test_written_within_a_tick(storage, writer):
    """Writes are seen that are too quick for any clock, and leave the size as it was."""
    path = lend(storage, "d/a")
    for turn in range(100):
        writer(path, b"%03d" % turn)
        assert read(storage, "d/a") == b"%03d" % turn


def test_written_by_turns(storage):
    """So are those that follow a write through the storage at once."""
    path = lend(storage, "a", b"000")
    for turn in range(0, 200, 2):
        with storage.open("a", "r+b") as file:
            file.write(b"%03d" % turn)
        path.write_bytes(b"%03d" % (turn + 1))
        assert read(storage, "a") == b"%03d" % (turn + 1)


@pytest.mark.parametrize("remove", REMOVERS)
@pytest.mark.parametrize("is_written", [False, True])
def test_removed_by(storage, remove, is_written):
    """However a file is taken away, it is gone, and its name is free."""
    path = lend(storage, "d/a")
    if is_written:
        path.write_bytes(b"outside")
    remove(path)
    with pytest.raises(FileNotFoundError):
        storage.size("d/a")
    storage.delete("d/a")
    assert not storage.exists("d/a") and storage.save("d/a", b"") == "d/a"


def test_delete_of_what_was_written(storage):
    """What came from outside is deleted through the storage."""
    path = Path(storage.path("d/a"))
    path.write_bytes(b"outside")
    storage.delete("d/a")
    assert not path.exists() and not storage.exists("d/a")


def test_picture(storage):
    """A picture that Pillow saves at its path is the storage's."""
    Image.new("RGB", (3, 2)).save(storage.path("pictures/p.png"))
    with storage.open("pictures/p.png") as file, Image.open(file) as picture:
        assert picture.size == (3, 2)


def test_times(storage):
    """The modified time is that of the file at the path."""
    path = lend(storage, "a")
    os.utime(path, (1, 1_000_000_000))
    assert storage.get_modified_time("a").timestamp() == 1_000_000_000
    path.write_bytes(b"outside")
    assert storage.get_modified_time("a").timestamp() == pytest.approx(time.time(), abs=60)


def test_frozen_clock(storage):
    """A clock that stands still for the storage hides no write."""
    with time_machine.travel(THEN, tick=False):
        path = lend(storage, "a", b"000")
        for turn in range(1, 50):
            path.write_bytes(b"%03d" % turn)
            assert read(storage, "a") == b"%03d" % turn
            with storage.open("a", "wb") as file:
                file.write(b"xxx")
            assert storage.get_modified_time("a") == THEN


def test_handle_that_was_open_before(storage):
    """A handle opened before the path was asked for sees what is written into the file."""
    storage.save("a", b"content")
    with storage.open("a") as file:
        Path(storage.path("a")).write_bytes(b"outside content")
        assert (file.size, file.seek(0, os.SEEK_END)) == (15, 15)
        file.seek(0)
        assert file.read() == b"outside content"


def test_handle_on_what_is_replaced(storage):
    """A handle keeps the file that it was opened on when another one takes its place."""
    path = lend(storage, "a")
    other = path.with_name("other")
    other.write_bytes(b"outside")
    with storage.open("a") as file:
        os.replace(other, path)
        assert (file.read(), read(storage, "a")) == (b"content", b"outside")


def test_handle_that_appends(storage):
    """A handle that appends does so after what came from outside."""
    path = lend(storage, "a", b"a")
    with storage.open("a", "ab") as file:
        path.write_bytes(b"a, b")
        file.write(b", c")
    assert path.read_bytes() == read(storage, "a") == b"a, b, c"


def test_growth_past_max_size(tmp_path):
    """What grows outside counts; then the storage takes no more until there is room."""
    with lending(tmp_path / "media", max_size=10) as storage:
        path = lend(storage, "a")
        path.write_bytes(b"much more content")
        assert storage.size("a") == 17
        with pytest.raises(OSError, match="No space left"):
            storage.save("b", b"b")
        path.unlink()
        assert not storage.exists("a")
        assert storage.save("b", b"0123456789") == "b"
