"""
A private directory on a disk, best one in memory, for the files whose paths are lent out, and the
account of what is lent there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from multiprocessing.util import Finalize

MODE = 0o700
SHARED_MEMORY = "/dev/shm"
PREFIX = "inmemorystorage-"

# What tells that something is as it was left: of a directory its inode; of a file its inode, size,
# modification time and change time.
Signature = tuple[int, ...]
GONE: Signature = ()


class Loans(dict[str, Signature | None]):
    """
    How each lent name was left on the disk; ``None``: it is not there.

    ``asked`` has the names that were asked for with all that is in them, now or later, ``places``
    the directories that were asked for without. What else is in here only holds those.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.places: set[str] = set()

    def is_asked(self, name: str) -> bool:
        """Return whether a name, or a directory above it, was asked for."""
        while name and name not in self.asked:
            name = os.path.dirname(name)
        return name in self.asked

    def below(self, name: str) -> list[str]:
        """Return the lent names below a name, each after those above it."""
        above = join(name, "")
        return sorted(lent for lent in self if lent.startswith(above) and lent != name)

    def right_below(self, name: str) -> list[str]:
        """Return the lent names that are entries of a directory."""
        return [lent for lent in self.below(name) if os.path.dirname(lent) == name]


class PrivateDirectory:
    """
    A directory that only this user can enter, of this process alone; ``remove()`` removes it.

    Names are relative, with slashes; the empty name is the directory itself. Symbolic links that
    others make in it are followed, as on any disk.
    """

    def __init__(self) -> None:
        self._make()

    def _make(self, *parents: str) -> None:
        self._pid = os.getpid()
        self._outer = os.path.realpath(_make_temporary_directory(*parents, SHARED_MEMORY))
        self._inner = join(self._outer, "files")
        os.mkdir(self._inner, MODE)
        # A worker process of multiprocessing ends without the interpreter's own clean-up.
        options = {"ignore_errors": True}
        self.remove = Finalize(None, shutil.rmtree, (self._outer,), options, exitpriority=0)

    @property
    def is_of_this_process(self) -> bool:
        """Return whether this process made the directory, and not one that it was forked from."""
        return self._pid == os.getpid()

    @property
    def is_usable(self) -> bool:
        """Return whether the directory is of this process, and nobody has cleaned it away."""
        return self.is_of_this_process and os.path.isdir(self._outer)

    def begin_anew(self) -> None:
        """Begin anew, empty, best inside the directory of the process that forked this one."""
        self._make(self._outer)

    def path(self, name: str) -> str:
        """Return the real path of a name; raise ``ValueError`` for one that leads outside."""
        if ".." in name.split("/"):
            raise ValueError(f"{name!r} leads out of the private directory.")
        return join(self._inner, name) if name else self._inner

    def named_path(self, path: str) -> str:
        """Return the absolute path that a name has, of the real one; any other path as it is."""
        name = os.path.relpath(path, self._inner)
        return path if name.split(os.sep)[0] == os.pardir else os.path.normpath(os.sep + name)

    def status(self, name: str) -> os.stat_result | None:
        """Return what stat(2) says, or ``None`` where neither a file nor a directory is."""
        try:
            status = os.stat(self.path(name))
        except (OSError, ValueError):  # a ValueError is a NUL, or a surrogate
            return None
        return status if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) else None

    def entries(self, name: str) -> list[str]:
        """Return the names of what is in a directory; none where it is gone meanwhile."""
        try:
            return [join(name, entry) for entry in os.listdir(self.path(name))]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def make_directory(self, name: str) -> bool:
        """
        Make a directory below one that is there; what else is at its name goes.

        Return false where it is there already.
        """
        path = self.path(name)
        if os.path.isdir(path):
            return False
        self.clear(name)
        with contextlib.suppress(FileExistsError):  # somebody makes it meanwhile
            os.mkdir(path, MODE)
        return True

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name: str, content: bytes, mode: int | None = None) -> None:
        """
        Write a file: into the one that is there, so that who has it open sees it.

        :param mode: the permission bits of a new file; by default those that the umask leaves.
        """
        path = self.path(name)
        is_new = not os.path.isfile(path)
        if is_new:
            self.clear(name)
        with open(_open_for_writing(path, os.O_CREAT), "wb") as file:
            file.write(content)
            file.truncate()
        if is_new and mode is not None:
            os.chmod(path, mode)

    def write_at(self, name: str, position: int, data: bytes | memoryview) -> None:
        """Write a part of a file that is there."""
        with open(_open_for_writing(self.path(name)), "wb") as file:
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
        """
        Give a file a modification time that no clock gives; return how it is left.

        A file that is only linked to here, or that another user made, keeps its own.

        :param modified_ns: nanoseconds since the epoch; what the file gets is one off that.
        """
        path = self.path(name)
        if os.path.realpath(path) == path:
            with contextlib.suppress(PermissionError):
                os.utime(path, ns=(os.stat(path).st_atime_ns, modified_ns ^ 1))
        return _signature(os.stat(path))


def signature(status: os.stat_result | None) -> Signature | None:
    """Return what tells one state of a file or directory from another; ``None`` for nothing."""
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


def _make_temporary_directory(*parents: str) -> str:
    """Make a directory in the first of some in which that is possible, or where all do."""
    for parent in parents:
        with contextlib.suppress(OSError):
            return tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    return tempfile.mkdtemp(prefix=PREFIX)


def _open_for_writing(path: str, flags: int = 0) -> int:
    """Open a file, one whose permission bits forbid it too: they are for other programs."""
    flags |= os.O_WRONLY
    try:
        return os.open(path, flags, 0o666)
    except PermissionError:
        mode = os.stat(path).st_mode
        os.chmod(path, mode | stat.S_IWUSR)
        try:
            return os.open(path, flags)
        finally:
            os.chmod(path, stat.S_IMODE(mode))
