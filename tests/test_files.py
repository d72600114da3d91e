"""The File that open() returns: Django's, with an io stack that is built when it is needed."""

import io
import os
import pickle
from functools import partial

import pytest
from django.core.files.base import File

from inmemorystorage import InMemoryStorage


@pytest.fixture(params=["memory", "filesystem"])
def storage(request, tmp_path):
    """Return a storage of either behavior with ``d/f`` in it."""
    storage = InMemoryStorage(location=tmp_path, behaves_like=request.param)
    storage.save("d/f", b"one\ntwo\n")
    return storage


def test_open_returns_a_django_file(storage):
    """open() returns a django.core.files.File."""
    assert isinstance(storage.open("d/f"), File)


def test_closed_file_refuses_to_read(storage):
    """close() makes closed true and read() raise, whether or not the file was read."""
    for prepare in (lambda file: None, lambda file: file.read(), lambda file: file.read(1)):
        file = storage.open("d/f")
        prepare(file)
        assert not file.closed
        file.close()
        assert file.closed
        with pytest.raises(ValueError, match="closed file"):
            file.read()


def test_read_continues_after_a_whole_read(storage):
    """read() after a whole read returns nothing, in any mix of calls."""
    file = storage.open("d/f")
    assert (file.read(), file.read(), file.read(3), file.tell()) == (b"one\ntwo\n", b"", b"", 8)
    file.seek(4)
    assert (file.read(2), file.read()) == (b"tw", b"o\n")


def test_read_returns_what_was_appended_since(storage):
    """read() returns what another handle has appended since."""
    file = storage.open("d/f")
    file.read()
    with storage.open("d/f", "ab") as other:
        other.write(b"three")
    assert file.read() == b"three"


def test_open_rewinds_or_reopens(storage):
    """open() of a file rewinds it, or reopens it in any mode after close()."""
    file = storage.open("d/f")
    file.read()
    assert file.open().read() == b"one\ntwo\n"
    file.close()
    assert file.open().readline() == b"one\n"
    file.close()
    with file.open("ab") as again:
        again.write(b"three\n")
    assert storage.open("d/f").read() == b"one\ntwo\nthree\n"


REOPENINGS = [
    ("r", (), {"encoding": "latin-1"}),
    ("r", (), {"encoding": "ascii", "errors": "replace"}),
    ("r", (-1, "utf-8", "strict", ""), {}),
    ("r", (), {"newline": "\n"}),
    ("w", (1,), {"encoding": "utf-16", "newline": "\r\n"}),
    ("w", (0,), {}),
    ("w", (), {"encoding": "nonsense"}),
    ("w", (), {"newline": "x"}),
    ("a", (20, "utf-8"), {}),
    ("rb", (0,), {}),
    ("rb", (5,), {}),
    ("rb", (1,), {}),
    ("wb", (), {"encoding": "utf-8"}),
    ("wb", (), {"errors": "strict"}),
    ("wb", (), {"newline": ""}),
    ("wb", (), {"nonsense": 1}),
    ("wb", (), {"closefd": False}),
    ("wb", (), {"closefd": True}),
    ("wb", (-1, None, None, None, True), {}),
    ("wb", ("1",), {}),
    ("rb", (), {"nonsense": 1}),
]


CONTENT = "é\r\nline\n".encode()


def outcome(open_again, read, mode):
    """Return what opening a file again makes of it, in what class of stream, or the error."""
    try:
        with open_again() as file:
            stream = getattr(file, "file", file)
            done = file.write("é\n") if mode in ("w", "a") else file.read() if "r" in mode else None
            unbuffered = read()
    except (TypeError, ValueError, LookupError) as error:
        return type(error), str(error), read()
    kind = io.RawIOBase if isinstance(stream, io.RawIOBase) else type(stream)
    return kind, getattr(stream, "line_buffering", None), done, unbuffered, read()


@pytest.mark.parametrize(("mode", "args", "kwargs"), REOPENINGS, ids=str)
@pytest.mark.filterwarnings("ignore:line buffering")
def test_open_takes_the_arguments_of_pythons_open(storage, tmp_path, mode, args, kwargs):
    """open() of a closed file takes and refuses the arguments that open() does for a path."""
    path = tmp_path / "g"
    path.write_bytes(CONTENT)
    storage.save("g", CONTENT)
    file = storage.open("g")
    file.close()
    ours = outcome(
        partial(file.open, mode, *args, **kwargs), lambda: storage.open("g").read(), mode
    )
    assert ours == outcome(partial(open, path, mode, *args, **kwargs), path.read_bytes, mode)


def test_open_with_an_opener_raises(storage):
    """open() refuses an opener, for which there is no path on a disk."""
    file = storage.open("d/f")
    file.close()
    with pytest.raises(TypeError, match="opener"):
        file.open("rb", opener=os.open)


def test_arguments_of_an_open_file_are_ignored(storage):
    """open() of an open file rewinds it whatever its arguments are, as Django's File does."""
    assert storage.open("d/f").open("rb", nonsense=1).read() == b"one\ntwo\n"


def test_open_of_a_deleted_file_raises(storage):
    """open() of a closed file raises if the file was deleted."""
    file = storage.open("d/f")
    file.close()
    storage.delete("d/f")
    with pytest.raises(ValueError, match="cannot be reopened"):
        file.open()


def test_open_handle_keeps_a_deleted_file(storage):
    """An open handle reads a deleted file, as on a POSIX disk."""
    file = storage.open("d/f")
    storage.delete("d/f")
    assert (file.read(), file.size) == (b"one\ntwo\n", 8)


def test_size_counts_buffered_writes(tmp_path):
    """size counts the writes of this handle in memory, flushed or not."""
    with InMemoryStorage().open("f", "wb") as file:
        assert file.size == 0
        file.write(b"123")
        assert (file.size, len(file)) == (3, 3)


def test_pickle_of_an_open_file_raises(storage):
    """pickle refuses an open file; the error names the cure."""
    with pytest.raises(TypeError, match="Pickle its name"):
        pickle.dumps(storage.open("d/f"))


def test_size_can_be_set(storage):
    """size returns the value that was set, as for Django's File."""
    file = storage.open("d/f")
    file.size = 3
    assert file.size == 3


def test_name_and_stack_can_be_set(storage):
    """name and file return the values that were set."""
    file, other = storage.open("d/f"), storage.open("d/f")
    file.name, file.file = "other", other.file
    assert (file.name, file.file, str(file)) == ("other", other.file, "other")


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 300_000])
def test_chunks_yield_the_whole_content(storage, content):
    """chunks() yields the whole content from its start, at any position."""
    storage.save("c", content)
    with storage.open("c") as file:
        file.read(1)
        assert b"".join(file.chunks()) == content
        assert file.multiple_chunks() is (len(content) > File.DEFAULT_CHUNK_SIZE)


def test_iteration_yields_lines(storage):
    """Iterating a file yields lines of bytes or text."""
    assert list(storage.open("d/f")) == [b"one\n", b"two\n"]
    with storage.open("d/f", "r") as file:
        assert list(file) == ["one\n", "two\n"]
