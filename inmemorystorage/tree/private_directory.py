"""A private directory, in shared memory if possible, for the files whose paths are lent."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from multiprocessing.util import Finalize

MODE = 0o700
SHARED_MEMORY = "/dev/shm"
PREFIX = "inmemorystorage-"
# Nothing waits for the other end of a pipe, and no file is made at a link.
NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
NEW: int = os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)

# By a signature an entry is known to be unchanged: a directory by its inode; a file by its inode,
# size, modification time and change time.
Signature = tuple[int, ...]
GONE: Signature = ()


class PrivateDirectory:
    """
    A directory that belongs to this process, and that only this user can enter.

    Names are relative, with slashes; the empty name is the directory itself. Symbolic links that
    other programs make in it are followed, as on any disk. ``remove()`` removes the directory, and
    those that forked processes made in it, except those of processes that still run.
    """

    def __init__(self) -> None:
        self._make()

    def _make(self, *parents: str) -> None:
        self._pid = os.getpid()
        self._outer = os.path.realpath(_make_temporary_directory(*parents, SHARED_MEMORY))
        self._identity = _identity(self._outer)
        self._inner = join(self._outer, "files")
        os.mkdir(self._inner, MODE)
        # Not atexit: a worker process of multiprocessing ends without the interpreter's clean-up.
        # A negative priority is that of what runs after the worker processes have ended.
        self.remove = Finalize(None, _remove, (self._outer, self._identity), exitpriority=-1)

    @property
    def is_of_this_process(self) -> bool:
        """Return whether this process made the directory, rather than the one that forked it."""
        return self._pid == os.getpid()

    @property
    def is_usable(self) -> bool:
        """Return whether this process made the directory that is there, with its owner and mode."""
        return self.is_of_this_process and _identity(self._outer) == self._identity

    def replace(self) -> None:
        """Make a new, empty directory, if possible inside that of the parent process."""
        is_safe = _identity(self._outer) == self._identity
        self._make(*[self._outer] if is_safe else [])

    def path(self, name: str) -> str:
        """Return the real path of a name; raise ``ValueError`` if the name leads outside."""
        if ".." in name.split("/"):
            raise ValueError(f"{name!r} leads out of the private directory.")
        return join(self._inner, name) if name else self._inner

    def named_path(self, path: str) -> str:
        """Return the name of a real path as an absolute path; return any other path as it is."""
        name = os.path.relpath(path, self._inner)
        return path if name.split(os.sep)[0] == os.pardir else os.path.normpath(os.sep + name)

    def status(self, name: str) -> os.stat_result | None:
        """Return what stat(2) says of a file or directory, or ``None`` if neither is there."""
        try:
            status = os.stat(self.path(name))
        except (OSError, ValueError):  # ValueError: the name has a NUL or a surrogate
            return None
        return status if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) else None

    def entries(self, name: str) -> list[str]:
        """Return the names of a directory's entries; none if it no longer exists."""
        try:
            return [join(name, entry) for entry in os.listdir(self.path(name))]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def is_link(self, name: str) -> bool:
        """Return whether a symbolic link is at a name."""
        return os.path.islink(self.path(name))

    def make_directory(self, name: str) -> bool:
        """
        Make a directory below an existing one, and remove a file of its name.

        Return false if the directory exists already.
        """
        path = self.path(name)
        if os.path.isdir(path):
            return False
        self.clear(name)
        with contextlib.suppress(FileExistsError):  # another process makes it concurrently
            os.mkdir(path, MODE)
        return True

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with open(self.path(name), "rb", opener=_open_at_once) as file:
            return file.read()

    def write(self, name: str, content: bytes, mode: int | None = None) -> None:
        """
        Write a file; write an existing one in place, so that programs that have it open see it.

        :param mode: the permission bits of a new file; by default those that the umask leaves.
        """
        path = self.path(name)
        descriptor = None
        while descriptor is None and not os.path.isfile(path):
            self.clear(name)
            with contextlib.suppress(FileExistsError):  # another process makes it concurrently
                descriptor = os.open(path, os.O_WRONLY | NEW, 0o666)
        is_new = descriptor is not None
        with open(_open_for_writing(path) if descriptor is None else descriptor, "wb") as file:
            file.write(content)
            file.truncate()
        if is_new and mode is not None:
            os.chmod(path, mode)

    def write_at(self, name: str, position: int, data: bytes | memoryview) -> None:
        """Write a part of an existing file."""
        with open(_open_for_writing(self.path(name)), "wb") as file:
            file.seek(position)
            file.write(data)

    def clear(self, name: str) -> None:
        """Remove the file or the directory at a name, if there is one."""
        _clear(self.path(name))

    def sign(self, name: str, modified_ns: int) -> Signature:
        """
        Give a file a modification time that no clock gives; return its signature.

        A linked file, and a file of another user, keep their time.

        :param modified_ns: nanoseconds since the epoch; the file gets a time one off that.
        """
        path = self.path(name)
        if os.path.realpath(path) == path:
            with contextlib.suppress(PermissionError):
                os.utime(path, ns=(os.stat(path).st_atime_ns, modified_ns ^ 1))
        return _signature(os.stat(path))


def signature(status: os.stat_result | None) -> Signature | None:
    """Return the signature of a file or directory; ``None`` if it does not exist."""
    return None if status is None else _signature(status)


def is_of_directory(signature: Signature) -> bool:
    """Return whether a signature is that of a directory."""
    return len(signature) == 1


def _signature(status: os.stat_result) -> Signature:
    if stat.S_ISDIR(status.st_mode):
        return (status.st_ino,)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def join(name: str, entry: str) -> str:
    """Return the name of an entry of a directory."""
    return f"{name}/{entry}" if name else entry


def _identity(path: str) -> tuple[int, ...] | None:
    """Return the inode, owner and mode of a directory that is not a link to one, or ``None``."""
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        return status.st_dev, status.st_ino, status.st_uid, status.st_mode
    return None


def _make_temporary_directory(*parents: str) -> str:
    """Make a directory in the first parent that allows it, or in the usual one."""
    prefix = f"{PREFIX}{os.getpid()}-"
    for parent in parents:
        with contextlib.suppress(OSError):
            return tempfile.mkdtemp(prefix=prefix, dir=parent)
    return tempfile.mkdtemp(prefix=prefix)


_process_of = re.compile(rf"{PREFIX}(\d+)-").match


def _remove(outer: str, identity: tuple[int, ...] | None) -> None:
    """Remove a directory and those of ended child processes in it, and empty ones above it."""
    if identity is None or _identity(outer) != identity:
        return  # it was removed before, and another user may have taken its name
    for path in (join(outer, entry) for entry in os.listdir(outer)):
        process = _process_of(os.path.basename(path))
        if process is None:
            _clear(path)
        elif not _is_running(int(process[1])):
            _remove(path, _identity(path))
    with contextlib.suppress(OSError):  # a process has its directory there
        while _process_of(os.path.basename(outer)):
            os.rmdir(outer)
            outer = os.path.dirname(outer)


def _is_running(pid: int) -> bool:
    with contextlib.suppress(PermissionError):  # it has another user
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


def _clear(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | NONBLOCK)


def _open_for_writing(path: str) -> int:
    """Open a file, even against its permission bits, which are meant for other programs."""
    flags = os.O_WRONLY | NONBLOCK
    try:
        return os.open(path, flags)
    except PermissionError:
        mode = os.stat(path).st_mode
        os.chmod(path, mode | stat.S_IWUSR)
        try:
            return os.open(path, flags)
        finally:
            os.chmod(path, stat.S_IMODE(mode))
