"""Writing: a byte device on a local copy, which replaces the whole content of the file."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from ...exceptions import os_error
from ..limits import crc32
from .chunks import ChunkedUpload
from .entries import Found, Kind, Record
from .tree import Name, Tree

_PIECE = 1024 * 1024


class WriteBuffer(io.FileIO):
    """
    Write to a copy of a file, which is a local temporary file.

    ``flush()``, and so ``close()``, stores the whole copy if it has changed. This overwrites data
    that other processes have written since, unless the mode appends.

    :param tree: of the store.
    :param name: of the file.
    :param shown: the ``name`` of the device.
    :param mode: of ``open()``.

    Raises what ``open()`` raises.
    """

    def __init__(self, tree: Tree, name: Name, shown: str, mode: str) -> None:
        self._tree = tree
        self._contents = tree.contents
        self._name = name
        super().__init__(shown, mode.replace("t", ""), opener=self._open)

    def _open(self, shown: str, flags: int) -> int:
        """Open the file as open(2) does; return a descriptor of its copy."""
        self._flags = flags
        temporary, path = tempfile.mkstemp()  # before the file is changed
        try:
            self._copy = os.open(path, os.O_RDWR | flags & os.O_APPEND)
        finally:
            os.close(temporary)
            os.unlink(path)  # nothing stays on the disk, however this process ends
        try:
            self._copy_current(self._begin)
            os.lseek(self._copy, 0, os.SEEK_SET)
        except BaseException:
            os.close(self._copy)
            raise
        return self._copy

    def _copy_current(
        self, find: Callable[[], Found | None], tail: IO[bytes] | None = None
    ) -> None:
        """Copy the file's content; retry if another process replaces it concurrently."""
        while (found := find()) is not None:
            try:
                self._copy_content(found, tail)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
            else:
                return

    def _begin(self) -> Found:
        """Create or truncate the file as the flags say, and return its entry."""
        found = self._tree.find(self._name, body=True)
        there = found if found is not None and found.is_there else None
        if there is not None and there.record.kind is Kind.DIRECTORY:
            raise os_error(errno.EISDIR, self._name.text)
        if self._flags & os.O_EXCL and there is not None:
            raise os_error(errno.EEXIST, self._name.text)
        if there is not None and not self._flags & os.O_TRUNC:
            return there
        if there is None:
            self._check_creation()
        return self._put_empty()

    def _check_creation(self) -> None:
        """Raise what open(2) raises if the file cannot be created."""
        missing = self._tree.missing(self._name)
        if not self._flags & os.O_CREAT or missing.errno == errno.ENOTDIR:
            raise missing
        creates_parents = self._tree.behavior.creates_parents
        if not creates_parents and self._tree.find(self._name.parent) is None:
            raise missing

    def _put_empty(self) -> Found:
        record = self._contents.record(self._name.text)

        def change(found: Found | None) -> tuple[Record, bytes]:
            nonlocal record
            if found is not None and found.is_there:
                record = found.record.changed(record)
            return record, b""

        self._tree.put(self._name, change)
        return Found(record, b"")

    def _copy_content(self, found: Found, tail: IO[bytes] | None) -> None:
        """Replace the copy with the stored content, and append ``tail``."""
        self._record = found.record
        with self._tree.content(self._name, found, self._name.text) as stored:
            os.ftruncate(self._copy, 0)
            self._append(stored)
        self._committed = self._digest()
        if tail is not None:
            tail.seek(0)
            self._append(tail)

    def _append(self, source: Any) -> None:
        os.lseek(self._copy, 0, os.SEEK_END)
        with open(self._copy, "wb", closefd=False) as copy:
            shutil.copyfileobj(source, copy, _PIECE)

    def flush(self) -> None:
        """
        Replace the file's content in the store, if the copy has changed.

        Does nothing if the file was deleted, as on a disk; but raises ``OSError`` if its directory
        was, too: the store may have lost both.
        """
        super().flush()
        digest = self._digest()
        while digest != self._committed:
            try:
                self._store()
            except _Behind:
                self._follow()
                digest = self._digest()
                continue
            except _Gone:
                self._check_directory()
            self._committed = digest

    def _check_directory(self) -> None:
        if self._tree.find(self._name.parent) is None:
            text = "the file and its directory do not exist; nothing was stored"
            raise OSError(errno.ESTALE, text, self._name.text)

    def _store(self) -> None:
        body, chunks = self._contents.split(self._pieces())
        record = self._contents.record(self._name.text, body)
        if chunks is None:
            self._put(record, body)
            return
        place = self._tree.place(self._name)
        with ChunkedUpload(self._contents, self._name.text, place, record.content) as upload:
            stored = upload.store(chunks)
            with upload.changing(_Gone, _Behind):
                self._put(*stored)

    def _put(self, record: Record, body: bytes) -> None:
        def change(found: Found | None) -> tuple[Record, bytes]:
            clock = self._contents.entries.clock(self._name.text)
            if found is None and self._record.is_expired(clock):
                return record, body  # the file expired, and is created again
            if found is None or found.record.inode != self._record.inode:
                raise _Gone
            if self._flags & os.O_APPEND and found.record.content != self._record.content:
                raise _Behind
            return found.record.changed(record), body

        self._tree.put(self._name, change)
        self._record = self._record.changed(record)

    def _follow(self) -> None:
        """Insert the data that other processes appended before the data that this appends."""
        with tempfile.TemporaryFile() as tail:
            for piece in self._pieces(self._committed[0]):
                tail.write(piece)
            self._copy_current(lambda: self._tree.find(self._name, body=True), tail)

    def _pieces(self, start: int = 0) -> Iterator[bytes]:
        while piece := os.pread(self._copy, _PIECE, start):
            yield piece
            start += len(piece)

    def _digest(self) -> tuple[int, int]:
        """Return the copy's size and checksum."""
        size = checksum = 0
        for piece in self._pieces():
            size, checksum = size + len(piece), crc32(piece, checksum)
        return size, checksum

    @property
    def size(self) -> int:
        """Return the number of bytes in the copy."""
        return os.fstat(self._copy).st_size


class _Gone(Exception):
    """The file was deleted, or replaced by another file."""


class _Behind(Exception):
    """Another process has changed the file that this appends to."""
