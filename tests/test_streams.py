"""Handles of in-memory files, compared with those of real files."""

import errno
import io
import itertools
import os
import sys

import pytest

from inmemorystorage.streams import BUFFER_SIZE, MemoryIO, open_stream, parse_mode
from inmemorystorage.tree.nodes import InMemoryFile

LETTERS = "rwxabt+U"
MODES = [
    "".join(letters)
    for count in range(5)
    for letters in itertools.product(LETTERS, repeat=count)
    if count < 4 or letters[0] in "rw"
]
VALID_MODES = ["r", "rb", "r+", "rb+", "w", "wb", "w+", "w+b", "a", "ab", "a+", "ab+"]


def answer(operation, *args):
    """Return the result of an operation, or the type and text of its error."""
    try:
        return operation(*args)
    except Exception as error:
        return type(error), str(error)


def flags_of(mode):
    """Return the flags that open() passes to its opener, or raise its error."""
    seen = []
    try:
        open(os.devnull, mode, opener=lambda path, flags: seen.append(flags) or 1 // 0)  # noqa: SIM115
    except ZeroDivisionError:
        return seen[0]
    raise AssertionError("open() did not ask its opener")


def test_mode_strings_are_parsed_as_by_open():
    """Each string of up to four letters parses, or raises, as in open()."""
    for mode in MODES:
        expected = answer(flags_of, mode)
        found = answer(lambda mode: parse_mode(mode).flags, mode)
        assert found == expected, mode


@pytest.mark.parametrize("mode", [None, 3, b"rb"])
def test_mode_of_another_type_raises_as_open(mode):
    """A mode that is not a string raises open()'s TypeError."""
    assert answer(parse_mode, mode) == answer(flags_of, mode)


def test_mode_without_b_is_text():
    """A mode is text unless it contains a b."""
    assert parse_mode("r+").is_text
    assert not parse_mode("br").is_text


@pytest.fixture
def pair(tmp_path):
    """Return a function that opens a real file and one in memory with the same content."""

    def open_pair(mode, content=b"one\r\ntwo\nthree"):
        path = tmp_path / "file"
        path.write_bytes(content)
        file = InMemoryFile(content)
        if "w" in mode:
            file.truncate(0)
        opened = open(path, mode, encoding=None if "b" in mode else "UTF-8")  # noqa: SIM115
        return opened, open_stream(file, str(path), mode)

    return open_pair


FACTS = ["name", "mode", "closed", "encoding", "newlines", "line_buffering"]
QUESTIONS = ["readable", "writable", "seekable", "tell", "isatty"]


@pytest.mark.parametrize("mode", VALID_MODES)
def test_handle_has_the_attributes_of_a_real_one(pair, mode):
    """A handle has the class, attributes and answers of a real file's handle."""
    real, memory = pair(mode)
    with real, memory:
        assert type(memory) is type(real)
        for fact in FACTS:
            assert getattr(memory, fact, None) == getattr(real, fact, None), fact
        for question in QUESTIONS:
            assert answer(getattr(memory, question)) == answer(getattr(real, question)), question


OPERATIONS = {
    "read": lambda file: file.read(),
    "read 4": lambda file: file.read(4),
    "readline": lambda file: file.readline(),
    "readlines": lambda file: file.readlines(),
    "write": lambda file: file.write(b"xy" if "b" in file.mode else "xy"),
    "truncate": lambda file: file.truncate(),
    "truncate 2": lambda file: file.truncate(2),
    "truncate 20": lambda file: file.truncate(20),
    "truncate 2**63": lambda file: file.truncate(2**63),
    "truncate -1": lambda file: file.truncate(-1),
    "seek -1": lambda file: file.seek(-1),
    "seek 0, 2": lambda file: file.seek(0, 2),
    "seek 0, 9": lambda file: file.seek(0, 9),
    "seek 30": lambda file: file.seek(30),
    "flush": lambda file: file.flush(),
    "next": lambda file: next(file),
    "raw readall": lambda file: file.raw.readall(),
    "raw write": lambda file: file.raw.write(b"z"),
    "raw readinto": lambda file: file.raw.readinto(bytearray(3)),
    "raw seek 0, 9": lambda file: file.raw.seek(0, 9),
}


@pytest.mark.parametrize("first", OPERATIONS)
@pytest.mark.parametrize("mode", VALID_MODES)
def test_two_operations_return_as_on_a_real_file(pair, mode, first):
    """Any two operations in any mode return, or raise, the same as on a real file."""
    for second in OPERATIONS:
        real, memory = pair(mode)
        with real, memory:
            for name in (first, second, "flush"):
                expected, found = answer(OPERATIONS[name], real), answer(OPERATIONS[name], memory)
                assert found == expected, name


@pytest.mark.parametrize("name", [name for name in OPERATIONS if not name.startswith("raw")])
@pytest.mark.parametrize("mode", ["rb", "r", "wb+", "ab"])
def test_closed_handle_raises_as_a_real_one(pair, mode, name):
    """Every operation on a closed handle raises the same error as on a real file."""
    real, memory = pair(mode)
    real.close()
    memory.close()
    assert answer(OPERATIONS[name], memory) == answer(OPERATIONS[name], real)


def device(mode, content=b"0123456789"):
    """Return a device on a new file, and the file."""
    file = InMemoryFile(content)
    return MemoryIO(file, "name", parse_mode(mode)), file


@pytest.mark.parametrize(("mode", "shown"), [("x", "xb"), ("x+", "xb+"), ("ab", "ab")])
def test_device_spells_its_mode_as_fileio(mode, shown):
    """A device spells its mode as FileIO does."""
    assert device(mode)[0].mode == shown


@pytest.mark.parametrize("operation", ["readable", "writable", "seekable", "tell", "readall"])
def test_closed_device_raises(operation):
    """A closed device raises FileIO's ValueError."""
    raw, _ = device("rb+")
    raw.close()
    with pytest.raises(ValueError, match="I/O operation on closed file"):
        getattr(raw, operation)()


def test_appending_device_writes_at_the_end():
    """A device in append mode writes at the current end, at any position."""
    raw, file = device("ab")
    raw.seek(0)
    file.write_at(None, b"+")
    raw.write(b"!")
    assert file.content == b"0123456789+!"
    assert raw.tell() == 12


def test_gap_is_filled_with_zeros():
    """Writing beyond the end fills the gap with zeros, as POSIX specifies."""
    raw, file = device("rb+", b"ab")
    raw.seek(4)
    raw.write(b"c")
    assert file.content == b"ab\0\0c"


def test_device_takes_any_buffer():
    """write() takes any object with the buffer protocol."""
    import array

    raw, file = device("wb", b"")
    assert raw.write(array.array("H", [0x4142])) == 2
    assert file.content == b"BA" if sys.byteorder == "little" else b"AB"


def test_seek_before_the_start_raises():
    """seek() to a negative position raises EINVAL."""
    raw, _ = device("rb")
    with pytest.raises(OSError, match="Invalid argument") as caught:
        raw.seek(-11, io.SEEK_END)
    assert caught.value.errno == errno.EINVAL


def test_buffer_is_as_large_as_a_real_one(tmp_path):
    """A handle buffers as many bytes before it writes as a real file's."""
    file = InMemoryFile()
    with open_stream(file, "name", "wb") as memory, open(tmp_path / "f", "wb") as real:
        for handle in (memory, real):
            for _ in range(3):
                handle.write(b"x" * (BUFFER_SIZE // 2))
        assert file.size == os.path.getsize(tmp_path / "f")


def test_whole_read_returns_the_stored_object():
    """read() of a whole file returns the bytes object that the file holds."""
    content = b"x" * 100_000
    with open_stream(InMemoryFile(content), "name", "rb") as handle:
        assert handle.read() is content
