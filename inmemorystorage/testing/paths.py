"""Recognize and compare paths."""

from __future__ import annotations

from pathlib import Path
from typing import TypeGuard


def is_path(value: object) -> TypeGuard[str | Path]:
    """Return whether a value is a string or a ``Path``, without resolving one that is lazy."""
    return issubclass(type(value), (str, Path))
