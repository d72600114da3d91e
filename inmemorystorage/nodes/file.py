"""Files: bytes by reference, a stream once somebody writes in place."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

import six

from ..exceptions import os_error
from ..handles import open_stream, parse_mode
from ..journal import Journal, lock, record
from .base import InMemoryNode, State

if TYPE_CHECKING:
    from .directory import InMemoryDir


# A path that goes on below a file finds nothing there.
NO_CHILDREN: Mapping[str, InMemoryNode] = MappingProxyType({})


class InMemoryFile(InMemoryNode):
    """
    A file: bytes, and the times at which they were made, read and written.

    :param content: text is kept as UTF-8; bytes are kept by reference.
    """

    # The bytes are immutable until somebody writes in place; then a BytesIO holds them, which
    # copies them at the first write and hands them back without a copy.
    __slots__ = ("_content",)

    children = NO_CHILDREN

    def __init__(
        self, content: str | bytes = b"", parent: InMemoryDir | None = None, name: str | None = None
    ) -> None:
        self.parent = parent
        self.name = name or ""
        self.created = self.accessed = self.modified = self.changed = time.time()
        self._content: bytes | io.BytesIO = (
            content if type(content) is bytes else six.ensure_binary(content)
        )

    @property
    def content(self) -> bytes:
        """Return all the bytes, without a copy."""
        content = self._content
        if type(content) is bytes:
            return content
        with lock:
            whole = self._stream().getvalue()
            self._content = whole
            return whole

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        if State.mirrors:
            self._pull()
        content = self._content
        if type(content) is bytes:
            return len(content)
        with lock:
            return self._stream().getbuffer().nbytes

    def open(self, mode: str = "rb") -> IO[Any]:
        """
        Return a new handle, as ``open(path, mode)`` does for this file at its path.

        Raises ``FileExistsError`` for a mode with ``x``, since the file is there.
        """
        flags = parse_mode(mode).flags
        if flags & os.O_EXCL:
            raise os_error(errno.EEXIST, self.name)
        if flags & os.O_TRUNC:
            self.truncate(0)
        return open_stream(self, self.name, mode)

    def read_at(self, position: int, size: int | None = None) -> bytes:
        """Return ``size`` bytes from ``position`` on, or all; fewer at the end of the file."""
        if State.mirrors:
            self._pull()
        if Journal.savepoint is not None:
            self._record()
        self.accessed = time.time()
        if size is None:
            return self.content[position:]
        content = self._content
        if type(content) is bytes:
            return content[position : position + size]
        with lock:
            stream = self._stream()
            stream.seek(position)
            return stream.read(size)

    def write_at(self, position: int | None, data: bytes | memoryview) -> int:
        """
        Write ``data`` at ``position``, or at the end for ``None``; return the position after it.

        A gap before it is filled with zeros. Raises ``OSError`` with ``ENOSPC`` past a quota.
        """
        with lock:
            if State.mirrors:
                self._pull()
            size = self.size
            start = size if position is None else position
            end = start + len(data)
            if len(data):
                self._record()
                self._put(start, data)
                self._touch()
                if State.mirrors:
                    self._push_bytes(start, data)
            return end

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes, or fill it with zeros up to there."""
        with lock:
            if State.mirrors:
                self._pull()
            self._record()
            if size > self.size:
                self._put(size - 1, b"\0")
            elif size < self.size:
                self._charge(size - self.size)
                self._content = self.content[:size]
            self._written()

    def replace(self, content: bytes, *, checks_quota: bool = True) -> None:
        """Put ``content`` in the place of all that the file holds."""
        with lock:
            self._record()
            self._charge(len(content) - self.size, checks_quota)
            self._content = content
            self._written()

    def snapshot(self) -> tuple[Any, ...]:
        """Return what `restore` takes: the times and the content, by reference."""
        return self.created, self.accessed, self.modified, self.changed, self.content

    def take_out(self, before: tuple[Any, ...]) -> None:
        """Do nothing: nothing is in a file but its content."""

    def restore(self, before: tuple[Any, ...]) -> None:
        """Take the file back to a snapshot."""
        *times, content = before
        if content is not self.content:
            self._charge(len(content) - len(self.content), checks_quota=False)
            self._content = content
            with contextlib.suppress(OSError):  # where the disk has no room, nothing is lent
                self._push()
        self.created, self.accessed, self.modified, self.changed = times

    def merge(self, older: tuple[Any, ...] | None, newer: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the older of two snapshots."""
        return older or newer

    def _record(self) -> None:
        with lock:
            if Journal.savepoint is not None:
                record(self)

    def _put(self, position: int, data: bytes | memoryview) -> None:
        growth = max(0, position + len(data) - self.size)
        self._charge(growth)
        try:
            stream = self._stream()
            stream.seek(position)
            stream.write(data)
        except (MemoryError, OverflowError, SystemError) as error:
            self._charge(-growth)
            raise os_error(errno.ENOSPC, self.name) from error

    def _stream(self) -> io.BytesIO:
        if not isinstance(self._content, io.BytesIO):
            self._content = io.BytesIO(self._content)
        return self._content

    def _charge(self, amount: int, checks_quota: bool = True) -> None:
        if State.quotas and self.parent is not None:
            self.parent.charge(amount, self.name, checks_quota)

    def _written(self) -> None:
        self._touch()
        if State.mirrors:
            self._push()

    def _push(self) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.push(parts)

    def _push_bytes(self, position: int, data: bytes | memoryview) -> None:
        mirror, parts = self._mirror()
        if mirror is not None:
            mirror.push_bytes(parts, position, data)
