"""Writing: in a local file, of which the store gets the whole each time."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from ...behaviors import Behavior
from ...exceptions import os_error
from ..limits import crc32
from .contents import Contents
from .engine import Found
from .names import Name
from .records import Kind, Record
from .tree import Tree

# What open(2) does to a name, and has been done in the store.
_TO_NAMES = os.O_CREAT | os.O_EXCL | os.O_TRUNC
_PIECE = 1024 * 1024


class Draft:
    """
    A file that is open for change, on a copy in a local file.

    Modes, positions and newlines are those of Python's own file. `commit` puts the copy into the
    store; what others have put there in the meantime is replaced, or where this appends, kept.

    :param tree: the store's names, and ``contents`` its contents.
    :param behavior: what happens where storages disagree.
    :param resolve: returns the name of the file.
    """

    def __init__(
        self,
        tree: Tree,
        contents: Contents,
        behavior: Behavior,
        resolve: Callable[[], Name],
    ) -> None:
        self._tree = tree
        self._contents = contents
        self._behavior = behavior
        self._resolve = resolve
        self._copy = -1

    def open(self, mode: str, shown: str) -> IO[Any]:
        """
        Return the file, in a mode of ``open()``.

        :param shown: the ``name`` that it shows.

        Who has the file closes it, and then the draft; when nobody has it any more, what was
        written is put into the store too, as Python's own files are flushed then. Raises what
        ``open()`` raises, for the mode first.
        """
        encoding = None if "b" in mode else "utf-8"
        try:
            stream = open(  # noqa: SIM115 (for who has asked)
                shown, mode, encoding=encoding, opener=self._open
            )
        except BaseException:
            self._forget()
            raise
        # Of the file, and not of what wraps it: open(…).write(…) outlives its wrapper.
        self._finalizer = weakref.finalize(stream, self._end)
        self._finalizer.atexit = False
        return stream

    def _open(self, shown: str, flags: int) -> int:
        """Open the file as open(2) does, and return a descriptor of its copy."""
        self._name, self._flags = self._resolve(), flags
        self._copy, path = tempfile.mkstemp()  # before anything is done to the name
        try:
            self._take_current(self._begin)
            return os.open(path, flags & ~_TO_NAMES)
        finally:
            # Both descriptors go on; nothing stays on the disk, however this process ends.
            os.unlink(path)

    def _take_current(
        self, find: Callable[[], Found | None], tail: IO[bytes] | None = None
    ) -> None:
        """Have what is found at the name in the copy, which somebody may replace meanwhile."""
        while (found := find()) is not None:
            try:
                self._take(found, tail)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
            else:
                return

    def _begin(self) -> Found:
        """Do to the name what the flags say, and return what is there then."""
        found = self._tree.find(self._name, body=True)
        there = found if found is not None and found.record.is_there else None
        if there is not None and there.record.kind is Kind.DIRECTORY:
            raise os_error(errno.EISDIR, self._name.text)
        if self._flags & os.O_EXCL and there is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._name.text)
        if there is not None and not self._flags & os.O_TRUNC:
            return there
        if there is None:
            self._check_creation()
        return self._empty()

    def _check_creation(self) -> None:
        """Raise what open(2) raises where no file can be made."""
        missing = self._tree.missing(self._name)
        if not self._flags & os.O_CREAT or missing.errno == errno.ENOTDIR:
            raise missing
        above = self._name.above()
        if above and not self._behavior.creates_parents and self._tree.find(above[-1]) is None:
            raise missing

    def _empty(self) -> Found:
        """Put an empty file there."""
        record = self._contents.record()

        def change(found: Found | None) -> tuple[Record, bytes]:
            nonlocal record
            if found is not None and found.record.is_there:
                record = found.record.changed(record)
            return record, b""

        self._tree.put(self._name, change)
        return Found(record, b"", b"")

    def _take(self, found: Found, tail: IO[bytes] | None = None) -> None:
        """Have what is in the store in the copy, and behind it what is only here."""
        self._record = found.record
        with self._tree.content(self._name, found, self._name.text) as stored:
            os.ftruncate(self._copy, 0)
            self._write(stored, os.SEEK_SET)
        self._committed = self._state()
        if tail is not None:
            tail.seek(0)
            self._write(tail, os.SEEK_END)

    def _write(self, source: Any, whence: int) -> None:
        os.lseek(self._copy, 0, whence)
        with open(self._copy, "wb", closefd=False) as copy:
            shutil.copyfileobj(source, copy, _PIECE)

    def commit(self) -> None:
        """
        Put what was written into the store, if it is another content than before.

        Silent where the file is not there any more, as writing to a deleted file is; but raises
        ``OSError`` where its directory is not either: the store may have forgotten both.
        """
        state = self._state()
        while state != self._committed:
            try:
                self._store()
            except _Behind:
                self._follow()
                state = self._state()
                continue
            except _Gone:
                self._check_directory()
            self._committed = state

    def _check_directory(self) -> None:
        if self._tree.find(self._name.parent) is None:
            text = "the file and its directory are not there any more; nothing was stored"
            raise OSError(errno.ESTALE, text, self._name.text)

    def _store(self) -> None:
        upload = self._contents.begin(self._pieces())
        record = self._contents.record(upload.body)
        if upload.chunks is None:
            self._put(record, upload.body)
            return
        place = self._tree.place(self._name)
        with self._contents.storing(self._name.text, place, record.content) as storing:
            stored = storing.store(upload.chunks)
            with storing.changing(_Gone, _Behind):
                self._put(*stored)

    def _put(self, record: Record, body: bytes = b"") -> None:
        def change(found: Found | None) -> tuple[Record, bytes]:
            if found is None and self._record.is_expired:
                return record, body  # it went by itself, and what was written begins anew
            if found is None or found.record.inode != self._record.inode:
                raise _Gone
            if self._flags & os.O_APPEND and found.record.content != self._record.content:
                raise _Behind
            return found.record.changed(record), body

        self._tree.put(self._name, change)
        self._record = self._record.changed(record)

    def _follow(self) -> None:
        """Have what others have put there in the copy, before what is appended to it."""
        with tempfile.TemporaryFile() as tail:
            for piece in self._pieces(self._committed.size):
                tail.write(piece)
            self._take_current(lambda: self._tree.find(self._name, body=True), tail)

    def _pieces(self, start: int = 0) -> Iterator[bytes]:
        os.lseek(self._copy, start, os.SEEK_SET)
        while piece := os.read(self._copy, _PIECE):
            yield piece

    def _state(self) -> State:
        size = checksum = 0
        for piece in self._pieces():
            size, checksum = size + len(piece), crc32(piece, checksum)
        return State(size, checksum)

    @property
    def size(self) -> int:
        """Return the number of bytes of the copy."""
        return os.fstat(self._copy).st_size

    def close(self) -> None:
        """Put what was written into the store, once the file is closed; again does nothing."""
        if self._finalizer.detach() is not None:
            self._end()

    def _end(self) -> None:
        try:
            self.commit()
        finally:
            self._forget()

    def _forget(self) -> None:
        if self._copy >= 0:
            os.close(self._copy)


class State(NamedTuple):
    """What tells one content from another."""

    size: int
    checksum: int


class _Gone(Exception):
    """The file is not there any more, or another one is."""


class _Behind(Exception):
    """Somebody else has changed the file that is appended to."""
