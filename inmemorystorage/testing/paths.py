"""Recognize and compare paths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard


def is_path(value: object) -> TypeGuard[str | Path]:
    """Return whether a value is a string or a ``Path``, without resolving one that is lazy."""
    return issubclass(type(value), (str, Path))


def is_below(path: str, directory: str) -> bool:
    """Return whether a path is a directory, or is below it."""
    return path.startswith(directory) and path[len(directory) :][:1] in ("", os.sep)


def is_inside(path: str, directory: str) -> bool:
    """Return whether a path is below a directory, and is not that itself, with links resolved."""
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(directory), ""))


def directories_above(path: str) -> Iterator[str]:
    """Yield the directories above a path, the deepest first."""
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        yield path
