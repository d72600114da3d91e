"""The options of `InMemoryStorage`: which there are, and what is wrong with a mistaken one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .mistakes import hint
from .nodes import InMemoryDir

OPTIONS = (
    "filesystem",
    "base_url",
    "location",
    "file_permissions_mode",
    "directory_permissions_mode",
    "allow_overwrite",
    "behaves_like",
    "max_size",
    "lend_paths",
    "querystring_auth",
    "querystring_expire",
)


def check_known(unknown: Iterable[str]) -> None:
    """Raise ``ImproperlyConfigured`` for names that are no options, with those that are."""
    for name in unknown:
        raise ImproperlyConfigured(
            f"InMemoryStorage has no option {name!r}.{hint(name, OPTIONS)} "
            f"Its options are {', '.join(OPTIONS)}."
        )


def check_max_size(max_size: Any) -> None:
    """Raise ``ImproperlyConfigured`` unless ``max_size`` is ``None`` or a number of bytes."""
    if max_size is not None and (type(max_size) is not int or max_size < 0):
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have max_size={max_size!r}: it is a whole number of bytes, "
            "or None for no limit."
        )


def check_filesystem(filesystem: Any) -> None:
    """Raise ``ImproperlyConfigured`` unless ``filesystem`` is ``None`` or a directory node."""
    if filesystem is not None and not isinstance(filesystem, InMemoryDir):
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have filesystem={filesystem!r}: it is an InMemoryDir. "
            "A path is given as location=…."
        )
