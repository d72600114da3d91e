"""
The exceptions of this library.

::

    OSError
     ├── FileNotFoundError
     │    └── PathDoesNotExist
     └── ReadOnlyStorageError

Everything else that a storage raises is the standard library's (``OSError`` with its errno, as a
disk raises it) or Django's (``SuspiciousFileOperation``, ``ImproperlyConfigured``).
"""

from __future__ import annotations

import errno
import os


class PathDoesNotExist(FileNotFoundError):
    """
    Say that there is no file or directory at a path.

    :param path: what was asked for; kept as ``path`` and as ``filename``.
    """

    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOENT, os.strerror(errno.ENOENT), path)

    @property
    def path(self) -> str:
        """Return the path that was asked for."""
        return str(self.filename)

    def __reduce__(self) -> tuple[type[PathDoesNotExist], tuple[str]]:
        return type(self), (self.path,)


class ReadOnlyStorageError(OSError):
    """
    Say that a storage is not to be written; nothing was.

    Its errno is ``EROFS``, as that of a read-only file system.

    :param message: what was asked, and what would allow it.
    :param name: of the file; kept as ``filename``.
    """

    def __init__(self, message: str, name: str) -> None:
        super().__init__(errno.EROFS, message, name)

    def __reduce__(self) -> tuple[type[ReadOnlyStorageError], tuple[str, str]]:
        return type(self), (str(self.strerror), str(self.filename))


def os_error(code: int, path: str) -> OSError:
    """Return the ``OSError`` that the kernel's answer ``code`` for ``path`` becomes in Python."""
    if code == errno.ENOENT:
        return PathDoesNotExist(path)
    return OSError(code, os.strerror(code), path)
