"""
The exceptions of this library.

::

    OSError
     ├── FileNotFoundError
     │    └── PathDoesNotExist
     └── ReadOnlyStorageError
    NotImplementedError
     └── UnsupportedRequest

Everything else that a storage raises is the standard library's (``OSError`` with its errno, as a
disk raises it) or Django's (``SuspiciousFileOperation``, ``ImproperlyConfigured``).
"""

from __future__ import annotations

import errno
import os


class PathDoesNotExist(FileNotFoundError):
    """
    Raised if no file or directory is at a path.

    :param path: the path; kept as ``path`` and as ``filename``.
    """

    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOENT, os.strerror(errno.ENOENT), path)

    @property
    def path(self) -> str:
        """Return the path at which nothing is."""
        return str(self.filename)

    def __reduce__(self) -> tuple[type[PathDoesNotExist], tuple[str]]:
        return type(self), (self.path,)


class ReadOnlyStorageError(OSError):
    """
    Raised if a read-only storage is asked to write; nothing was written.

    Its errno is ``EROFS``, as for a read-only file system.

    :param message: the operation, and how to allow it.
    :param name: the file's name; kept as ``filename``.
    """

    def __init__(self, message: str, name: str) -> None:
        super().__init__(errno.EROFS, message, name)

    def __reduce__(self) -> tuple[type[ReadOnlyStorageError], tuple[str, str]]:
        return type(self), (str(self.strerror), str(self.filename))


class UnsupportedRequest(NotImplementedError):
    """Raised for a request to an object store that buckets in memory do not answer."""


def os_error(code: int, path: str) -> OSError:
    """Return the ``OSError`` that Python raises when the kernel returns ``code`` for ``path``."""
    if code == errno.ENOENT:
        return PathDoesNotExist(path)
    return OSError(code, os.strerror(code), path)
