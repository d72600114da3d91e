"""Private directories of processes that were killed, which the next run removes."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat

from ..tree.private_directory import PREFIX

LOCK = "lock"


def hold(directory: str) -> int:
    """
    Lock a private directory until this process, and those that it forks, end.

    Return the descriptor of its lock file; ``os.close()`` gives the lock up.
    """
    new = os.path.join(directory, f"{LOCK}.new")
    descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    _lock(descriptor)
    # Another process that sees the file finds it locked.
    os.rename(new, os.path.join(directory, LOCK))
    return descriptor


def remove_abandoned(parent: str) -> None:
    """Remove the private directories of this user in a directory that no process holds."""
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        with contextlib.suppress(OSError):  # another process removes it, for instance
            status = os.lstat(path)
            is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            if is_ours and name.startswith(PREFIX):
                _remove_unless_held(path)


def _remove_unless_held(path: str) -> None:
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(os.path.join(path, LOCK), flags)
    try:
        if _lock(descriptor):
            shutil.rmtree(path)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Return whether this process has the lock now."""
    with contextlib.suppress(ImportError, BlockingIOError):  # Windows has no fcntl
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
