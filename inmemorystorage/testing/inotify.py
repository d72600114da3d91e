"""Let the kernel report changes in directories, by inotify."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
import sys
from collections.abc import Iterable, Iterator

# From the kernel's inotify.h. A write through a memory map is reported when its file is closed.
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED, _CREATE, _DELETE = 0x2, 0x4, 0x8, 0xC0, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _ONLYDIR, _DONT_FOLLOW = 0x400, 0x800, 0x1000000, 0x2000000
_CHANGES = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_HEAD = struct.Struct("iIII")
_BUFFER = 1 << 16

# The names of changed entries, by directory; "" stands for the directory itself. None: the
# directory was deleted, and must be watched again if one exists at its path.
Touched = dict[str, "set[str] | None"]


class DirectoryWatch:
    """
    Report the changed entries of directories, whichever process changed them.

    It works in the process that called `start()`, on kernels with inotify; elsewhere `touched()`
    returns ``None``, since anything may have changed.
    """

    def __init__(self) -> None:
        self._queue: InotifyQueue | None = None
        self._directories: dict[int, str] = {}
        self._pid = 0

    def start(self, directories: Iterable[str]) -> None:
        """Watch some directories, in this process."""
        self.stop()
        self._pid = os.getpid()
        with contextlib.suppress(OSError):
            self._queue = InotifyQueue()
        for directory in directories:
            self.add(directory)

    def stop(self) -> None:
        """Watch nothing."""
        if self._queue is not None:
            self._queue.close()
            self._queue = None
        self._directories = {}

    def add(self, directory: str) -> None:
        """Watch a directory too; a directory that does not exist is skipped."""
        if self._queue is not None:
            try:
                self._directories[self._queue.add(directory)] = directory
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError:  # the kernel has a limit for the number of watches
                self.stop()

    def touched(self) -> Touched | None:
        """Return the changes since the last call, or ``None`` if they are unknown."""
        if self._pid != os.getpid():  # a forked child must not take its parent's events
            self.stop()
        if self._queue is None:
            return None
        touched: Touched = {}
        for descriptor, mask, name in self._queue.events():
            if mask & _OVERFLOW:
                return None
            directory = self._directories.get(descriptor)
            if directory is not None and mask & _IGNORED:
                del self._directories[descriptor]
                touched[directory] = None
            elif directory is not None and (names := touched.setdefault(directory, {""})):
                names.add(name)
        return touched


class InotifyQueue:
    """The kernel's queue of events; raises ``OSError`` if it has no inotify."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("Only Linux has inotify.")
        self._library = ctypes.CDLL(None, use_errno=True)
        self._file = self._check(self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def _check(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def add(self, directory: str) -> int:
        """Watch a directory; return the number of its events."""
        mask = _CHANGES | _ONLYDIR | _DONT_FOLLOW
        add_watch = self._library.inotify_add_watch
        return self._check(add_watch(self._file, os.fsencode(directory), mask))

    def events(self) -> Iterator[tuple[int, int, str]]:
        """Yield the directory's number, the kind and the name of each event so far."""
        while self._poll.poll(0):
            data = os.read(self._file, _BUFFER)
            position = 0
            while position < len(data):
                descriptor, mask, _, length = _HEAD.unpack_from(data, position)
                position += _HEAD.size + length
                name = data[position - length : position].rstrip(b"\0")
                yield descriptor, mask, os.fsdecode(name)

    def close(self) -> None:
        """Close the queue."""
        os.close(self._file)
