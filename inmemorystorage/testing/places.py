"""Find the project's line that called an operation, and the label of a storage."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage, storages
from django.template.base import UNKNOWN_SOURCE, Node

from ..project import labelled_fields, labelled_storages

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_OURS = (os.path.dirname(django.__file__) + os.sep, _PACKAGE + os.sep, "<frozen", UNKNOWN_SOURCE)
_INSTALLED = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platlib", "purelib")})
# In a directory that another environment, or a file with the suffix .pth, adds to the path.
_PACKAGES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))

_TOOLBAR = f"{os.sep}debug_toolbar{os.sep}"
_RENDERING = Node.render_annotated.__code__


class Line(NamedTuple):
    """A line of code or of a template, written ``path:number in function``."""

    path: str
    number: int
    function: str

    @property
    def relative_path(self) -> str:
        """Return the path from the working directory, or the whole one where there is none."""
        try:
            return os.path.relpath(self.path)
        except (OSError, ValueError):  # the directory was removed, or is on another drive
            return self.path

    def __str__(self) -> str:
        return f"{self.relative_path}:{self.number} in {self.function}"


def project_line(otherwise: Line | None = None) -> Line:
    """
    Return the line that called the running operation.

    It is the innermost line of the project, which may be one of a template of Django. If there is
    none it is ``otherwise``, or the innermost line of an installed package other than Django, its
    debug toolbar and this library.
    """
    frame: FrameType | None = sys._getframe(1)
    installed: FrameType | None = None
    while frame is not None:
        code = frame.f_code
        owner = owner_of(code.co_filename if code is not _RENDERING else _template_of(frame))
        if owner == "project":
            return _line_of(frame)
        if owner == "installed" and installed is None:
            installed = frame
        frame = frame.f_back
    if otherwise is not None:
        return otherwise
    assert installed is not None  # some code called it
    return _line_of(installed)


def _line_of(frame: FrameType) -> Line:
    if frame.f_code is _RENDERING:
        return Line(_template_of(frame), frame.f_locals["self"].token.lineno, "template")
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _template_of(frame: FrameType) -> str:
    """Return the file of the template whose node a frame renders, or else Django's file."""
    node: Any = frame.f_locals["self"]
    # A node that no parser made has no token, and one of a parser without an origin has none.
    origin = getattr(node, "token", None) and getattr(node, "origin", None)
    return str(origin.name) if origin else frame.f_code.co_filename


@functools.cache
def owner_of(path: str) -> str:
    """Return whether the code of a file is of the ``framework``, ``installed``, or ``project``."""
    if path.startswith(_OURS) or _TOOLBAR in path:
        return "framework"
    is_library = path.startswith(_INSTALLED) or is_in_package(path)
    return "installed" if is_library else "project"


def is_in_package(path: str) -> bool:
    """Return whether a file is in a directory of installed packages."""
    return any(name in path for name in _PACKAGES)


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
    return (label for label, each in labelled_storages() if each is storage)
