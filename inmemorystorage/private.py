"""A private directory on a disk, best one in memory, for the files whose paths are lent out."""

from __future__ import annotations

import os
import shutil
import tempfile

MODE = 0o700
SHARED_MEMORY = "/dev/shm"

# Inode, size, modification time and change time: what tells that a file is as it was left.
Signature = tuple[int, int, int, int]


class PrivateDirectory:
    """
    A directory that only this user can enter, of this process alone.

    Names are relative, with slashes; the empty name is the directory itself.
    """

    def __init__(self) -> None:
        self._make(SHARED_MEMORY if os.path.isdir(SHARED_MEMORY) else None)

    def _make(self, parent: str | None) -> None:
        self._pid = os.getpid()
        self._outer = tempfile.mkdtemp(prefix="inmemorystorage-", dir=parent)
        self._inner = os.path.join(self._outer, "files")
        os.mkdir(self._inner, MODE)

    @property
    def is_of_this_process(self) -> bool:
        """Return whether this process made the directory, and not one that it was forked from."""
        return self._pid == os.getpid()

    def move_to_this_process(self) -> None:
        """Begin anew, empty, inside the directory of the process that this one was forked from."""
        self._make(self._outer if os.path.isdir(self._outer) else None)

    def remove(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self._outer, ignore_errors=True)

    def path(self, name: str) -> str:
        """Return the real path of a name."""
        return os.path.join(self._inner, name) if name else self._inner

    def status(self, name: str) -> os.stat_result | None:
        """Return what stat(2) says, or ``None`` where nothing is."""
        try:
            return os.stat(self.path(name))
        except (OSError, ValueError):  # a ValueError is a NUL, or a surrogate
            return None

    def make_directory(self, name: str) -> None:
        """Make a directory below one that is there; a file at its name goes."""
        path = self.path(name)
        if not os.path.isdir(path):
            self.clear(name)
            os.mkdir(path, MODE)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name: str, content: bytes) -> None:
        """Write a file: into the one that is there, so that who has it open sees it."""
        path = self.path(name)
        if os.path.isdir(path):
            self.clear(name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), "wb") as file:
            file.write(content)
            file.truncate()

    def write_at(self, name: str, position: int, data: bytes | memoryview) -> None:
        """Write a part of a file that is there."""
        with open(self.path(name), "r+b") as file:
            file.seek(position)
            file.write(data)

    def clear(self, name: str) -> None:
        """Remove what is at a name, if anything is."""
        path = self.path(name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            os.unlink(path)

    def sign(self, name: str, modified_ns: int) -> Signature:
        """Set the modification time (nanoseconds) of a file; return how it is left."""
        path = self.path(name)
        os.utime(path, ns=(os.stat(path).st_atime_ns, modified_ns))
        return signature(os.stat(path))


def signature(status: os.stat_result) -> Signature:
    """Return what tells one state of a file from another."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
