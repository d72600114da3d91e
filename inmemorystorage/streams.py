"""
The handles that ``open()`` returns: a raw byte device under the standard library's io stack.

``open()`` in Python builds ``FileIO``, then ``BufferedReader``, ``BufferedWriter`` or
``BufferedRandom``, then ``TextIOWrapper``. Here `MemoryIO` stands where ``FileIO`` stands, so
modes, buffering, newlines and the errors of closed and wrong-way handles are the standard
library's own.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import sys
from typing import IO, Any, NamedTuple, NoReturn, Protocol, cast

# As for open() on a disk: the block size that a Linux file system reports, and since Python 3.14
# at least the io module's default.
BUFFER_SIZE = 4096 if sys.version_info < (3, 14) else io.DEFAULT_BUFFER_SIZE


# The most that fits into the off_t of ftruncate(2).
_MAX_OFFSET = 2**63 - 1


class ByteStore(Protocol):
    """The file under a device."""

    @property
    def size(self) -> int: ...

    def read_at(self, position: int, size: int | None) -> bytes: ...

    def write_at(self, position: int | None, data: bytes | memoryview) -> int: ...

    def truncate(self, size: int) -> None: ...


class OpenMode(NamedTuple):
    """How a file is opened: the flags of open(2), and whether as text."""

    flags: int
    is_text: bool

    @property
    def reads(self) -> bool:
        return self.flags & os.O_ACCMODE in (os.O_RDONLY, os.O_RDWR)

    @property
    def writes(self) -> bool:
        return self.flags & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)

    @property
    def raw(self) -> str:
        """Return the mode that ``FileIO`` would name for these flags."""
        plus = "+" if self.reads and self.writes else ""
        if self.flags & os.O_EXCL:
            return "xb" + plus
        if self.flags & os.O_APPEND:
            return "ab" + plus
        return "rb" + plus if self.reads else "wb"


class _Flags(Exception):
    """Carry the flags out of ``open()``."""


def parse_mode(mode: str, path: str = os.devnull, *args: Any, **kwargs: Any) -> OpenMode:
    """
    Return what ``mode`` means, read by ``open()`` itself.

    Raises what ``open()`` raises before it opens ``path``: for a mode that it does not know, or for
    its other arguments.
    """
    if not args and not kwargs:
        with contextlib.suppress(TypeError, ValueError):
            return _known_mode(mode)
    return _ask_open(mode, path, *args, **kwargs)


def _ask_open(mode: str, path: str, *args: Any, **kwargs: Any) -> OpenMode:
    def opener(path: str, flags: int) -> NoReturn:
        raise _Flags(flags)

    ask: Any = open  # whose overloads have no *args
    try:
        ask(path, mode, *args, opener=opener, **kwargs)
    except _Flags as answer:
        return OpenMode(answer.args[0], is_text="b" not in mode)
    raise AssertionError("open() returned without asking its opener")  # pragma: no cover


@functools.lru_cache(maxsize=64)
def _known_mode(mode: str) -> OpenMode:
    return _ask_open(mode, os.devnull)


class MemoryIO(io.RawIOBase):
    """
    A ``FileIO`` over the bytes of an in-memory file.

    :param file: the file; it stays readable by this device when it is deleted or replaced.
    :param name: the value of ``name``.
    :param mode: how the file is opened.
    """

    def __init__(self, file: ByteStore, name: str, mode: OpenMode) -> None:
        self.name = name
        self._file = file
        self._mode = mode
        self._reads = mode.reads
        self._writes = mode.writes
        self._appends = bool(mode.flags & os.O_APPEND)
        self._position = file.size if self._appends else 0

    @property
    def mode(self) -> str:
        return self._mode.raw

    @property
    def size(self) -> int:
        return self._file.size

    def readable(self) -> bool:
        self._check_open()
        return self._reads

    def writable(self) -> bool:
        self._check_open()
        return self._writes

    def seekable(self) -> bool:
        self._check_open()
        return True

    def readinto(self, buffer: Any) -> int:
        self._check_reads()
        view = memoryview(buffer).cast("B")
        data = self._file.read_at(self._position, len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def readall(self) -> bytes:
        self._check_open()
        if not self._reads:  # FileIO does not check, and read(2) raises this
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        data = self._file.read_at(self._position, None)
        self._position += len(data)
        return data

    def write(self, data: Any) -> int:
        self._check_writes()
        view = memoryview(data).cast("B")
        position = None if self._appends else self._position
        self._position = self._file.write_at(position, view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check_open()
        position = offset + self._origin(whence)
        if position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = position
        return position

    def _origin(self, whence: int) -> int:
        if whence == os.SEEK_SET:
            return 0
        if whence == os.SEEK_CUR:
            return self._position
        if whence == os.SEEK_END:
            return self._file.size
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def tell(self) -> int:
        self._check_open()
        return self._position

    def truncate(self, size: int | None = None) -> int:
        self._check_writes()
        size = self._position if size is None else size
        if size > _MAX_OFFSET:
            raise OverflowError("Python int too large to convert to C long")
        if size < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._file.truncate(size)
        return size

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _check_reads(self) -> None:
        self._check_open()
        if not self._reads:
            raise io.UnsupportedOperation("File not open for reading")

    def _check_writes(self) -> None:
        self._check_open()
        if not self._writes:
            raise io.UnsupportedOperation("File not open for writing")


def open_stream(file: ByteStore, name: str, mode: str, *args: Any, **kwargs: Any) -> IO[Any]:
    """
    Return a new handle on ``file``, as ``open(name, mode, ...)`` does; text is UTF-8 by default.

    The caller must have applied the flags create, exclusive and truncate, and must have checked the
    arguments by `parse_mode`.
    """
    return stack(MemoryIO(file, name, parse_mode(mode)), mode, BUFFER_SIZE, *args, **kwargs)


def stack(
    device: io.RawIOBase,
    mode: str,
    buffer_size: int,
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,  # open() refuses any other value for a path
) -> IO[Any]:
    """
    Return the handle that ``open()`` puts on a raw device; text is UTF-8 by default.

    The caller must have checked that ``open()`` accepts the arguments.

    :param buffer_size: bytes of the buffer, unless ``buffering`` is a number of bytes.
    """
    is_text = "b" not in mode
    if buffering == 0:
        if is_text:
            raise ValueError("can't have unbuffered text I/O")
        return cast("IO[Any]", device)
    kind: Any = io.BufferedReader
    if "+" in mode:
        kind = io.BufferedRandom
    elif "w" in mode or "a" in mode or "x" in mode:
        kind = io.BufferedWriter
    buffered = kind(device, buffering if buffering > 1 else buffer_size)
    if not is_text:
        return cast("IO[Any]", buffered)
    text: Any = io.TextIOWrapper(buffered, encoding or "UTF-8", errors, newline, buffering == 1)
    text.mode = mode
    return cast("IO[Any]", text)
