"""
The exceptions of this library.

::

    OSError
     └── FileNotFoundError
          └── PathDoesNotExist

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


def os_error(code: int, path: str) -> OSError:
    """Return the ``OSError`` that the kernel's answer ``code`` for ``path`` becomes in Python."""
    if code == errno.ENOENT:
        return PathDoesNotExist(path)
    return OSError(code, os.strerror(code), path)
