"""The File that open() returns: Django's, with a stack that is built when it is needed."""

import pickle

import pytest
from django.core.files.base import File

from inmemorystorage import InMemoryStorage


@pytest.fixture(params=["memory", "filesystem"])
def storage(request, tmp_path):
    """Return a storage of either behavior with ``d/f`` in it."""
    storage = InMemoryStorage(location=tmp_path, behaves_like=request.param)
    storage.save("d/f", b"one\ntwo\n")
    return storage


def test_it_is_a_django_file(storage):
    """What open() returns is a django.core.files.File."""
    assert isinstance(storage.open("d/f"), File)


def test_a_closed_file_says_so_and_refuses(storage):
    """closed is true after close(), whether or not anything was read."""
    for prepare in (lambda file: None, lambda file: file.read(), lambda file: file.read(1)):
        file = storage.open("d/f")
        prepare(file)
        assert not file.closed
        file.close()
        assert file.closed
        with pytest.raises(ValueError, match="closed file"):
            file.read()


def test_a_whole_read_goes_on_where_it_ended(storage):
    """Reading after a whole read gives nothing, in any mix of calls."""
    file = storage.open("d/f")
    assert (file.read(), file.read(), file.read(3), file.tell()) == (b"one\ntwo\n", b"", b"", 8)
    file.seek(4)
    assert (file.read(2), file.read()) == (b"tw", b"o\n")


def test_a_whole_read_sees_what_was_appended_since(storage):
    """A handle sees what others write while it is open."""
    file = storage.open("d/f")
    file.read()
    with storage.open("d/f", "ab") as other:
        other.write(b"three")
    assert file.read() == b"three"


def test_a_file_is_opened_again(storage):
    """open() rewinds an open file, and reopens a closed one, also in another mode."""
    file = storage.open("d/f")
    file.read()
    assert file.open().read() == b"one\ntwo\n"
    file.close()
    assert file.open().readline() == b"one\n"
    file.close()
    with file.open("ab") as again:
        again.write(b"three\n")
    assert storage.open("d/f").read() == b"one\ntwo\nthree\n"


def test_a_deleted_file_cannot_be_opened_again(storage):
    """Where the file is gone, open() says so."""
    file = storage.open("d/f")
    file.close()
    storage.delete("d/f")
    with pytest.raises(ValueError, match="cannot be reopened"):
        file.open()


def test_a_deleted_file_lives_on_for_who_has_it_open(storage):
    """As on a POSIX disk, an open handle keeps a deleted file."""
    file = storage.open("d/f")
    storage.delete("d/f")
    assert (file.read(), file.size) == (b"one\ntwo\n", 8)


def test_size_follows_what_is_written_in_memory(tmp_path):
    """In memory size counts what this handle has written, flushed or not."""
    with InMemoryStorage().open("f", "wb") as file:
        assert file.size == 0
        file.write(b"123")
        assert (file.size, len(file)) == (3, 3)


def test_an_open_file_cannot_be_pickled(storage):
    """An open file is no value; the error says what to pickle instead."""
    with pytest.raises(TypeError, match="Pickle its name"):
        pickle.dumps(storage.open("d/f"))


def test_size_can_be_set(storage):
    """Code that sets a file's size gets it back, as from Django's File."""
    file = storage.open("d/f")
    file.size = 3
    assert file.size == 3


def test_name_and_stack_can_be_set(storage):
    """Code that sets a file's name or its stream gets them back."""
    file, other = storage.open("d/f"), storage.open("d/f")
    file.name, file.file = "other", other.file
    assert (file.name, file.file, str(file)) == ("other", other.file, "other")


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 300_000])
def test_chunks_are_all_of_it(storage, content):
    """chunks() yields the whole content from the start, wherever the handle stands."""
    storage.save("c", content)
    with storage.open("c") as file:
        file.read(1)
        assert b"".join(file.chunks()) == content
        assert file.multiple_chunks() is (len(content) > File.DEFAULT_CHUNK_SIZE)


def test_lines(storage):
    """A file is iterated by lines, bytes or text."""
    assert list(storage.open("d/f")) == [b"one\n", b"two\n"]
    with storage.open("d/f", "r") as file:
        assert list(file) == ["one\n", "two\n"]
