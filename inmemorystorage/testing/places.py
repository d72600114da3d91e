"""Find the project's line that called an operation, and the label of a storage."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage, storages

from ..project import labelled_fields, labelled_storages

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_OURS = (os.path.dirname(django.__file__) + os.sep, _PACKAGE + os.sep, "<frozen")
_INSTALLED = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platlib", "purelib")})
# In a directory that another environment, or a file with the suffix .pth, adds to the path.
_PACKAGES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


class Line(NamedTuple):
    """A line of code, written ``path:number in function``."""

    path: str
    number: int
    function: str

    def __str__(self) -> str:
        return f"{os.path.relpath(self.path)}:{self.number} in {self.function}"


def project_line(otherwise: Line | None = None) -> Line:
    """
    Return the line that called the running operation.

    It is the innermost line of the project. If there is none it is ``otherwise``, or the innermost
    line of an installed package other than Django and this library.
    """
    frame: FrameType | None = sys._getframe(1)
    installed: FrameType | None = None
    while frame is not None:
        owner = owner_of(frame.f_code.co_filename)
        if owner == "project":
            break
        if owner == "installed":
            installed = installed or frame
        frame = frame.f_back
    if frame is None and otherwise is not None:
        return otherwise
    frame = frame or installed
    assert frame is not None  # some code called it
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


@functools.cache
def owner_of(path: str) -> str:
    """Return whether the code of a file is of the ``framework``, ``installed``, or ``project``."""
    if path.startswith(_OURS):
        return "framework"
    is_library = path.startswith(_INSTALLED) or any(name in path for name in _PACKAGES)
    return "installed" if is_library else "project"


def is_installed(cls: type) -> bool:
    """Return whether a class is of an installed package, this library or the standard library."""
    module = sys.modules.get(cls.__module__)
    path = getattr(module, "__file__", None) or ""
    return path.startswith(_PACKAGE) or owner_of(path) == "installed"


def storage_label(storage: Storage) -> str:
    """Return the alias of a storage, or ``app.Model.field``, or else its class."""
    return next(_labels(storage), type(storage).__name__)


def is_called(storage: Storage, label: str | None) -> bool:
    """Return whether an alias or a field of that name has the storage; ``None``: always."""
    return label is None or label in _labels(storage)


def check_name(name: str) -> None:
    """Raise ``ImproperlyConfigured`` unless a name is an alias or a file field."""
    known = {*storages.backends, *(label for label, _ in labelled_fields())}
    if name not in known:
        raise ImproperlyConfigured(
            f"{name!r} is neither an alias of STORAGES nor a file field. Known names are: "
            f"{', '.join(sorted(known))}."
        )


def _labels(storage: Storage) -> Iterator[str]:
    return (label for label, known in labelled_storages() if known is storage)
