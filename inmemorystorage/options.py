"""The options of `InMemoryStorage`: which there are, and what is wrong with a mistaken one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .behaviors import BEHAVIORS, DEFAULT_BEHAVIOR, Behavior
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
            f"InMemoryStorage has no option {name!r}.{_hint(name, OPTIONS)} "
            f"Its options are {', '.join(OPTIONS)}."
        )


def find_behavior(behaves_like: str | None) -> Behavior:
    """Return the row of `BEHAVIORS`, or raise ``ImproperlyConfigured`` with the names of all."""
    name = DEFAULT_BEHAVIOR if behaves_like is None else behaves_like
    if name not in list(BEHAVIORS):  # which, unlike the dict, can look for what has no hash
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have behaves_like={name!r}.{_hint(name, BEHAVIORS)} "
            f"It is one of {', '.join(map(repr, BEHAVIORS))}."
        )
    return BEHAVIORS[name]


def check_max_size(max_size: Any) -> None:
    """Raise ``ImproperlyConfigured`` unless ``max_size`` is ``None`` or a number of bytes."""
    if max_size is not None and (type(max_size) is not int or max_size < 0):
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have max_size={max_size!r}: it is a whole number of bytes, "
            "or None for no limit."
        )


def check_querystring_expire(querystring_expire: Any) -> None:
    """Raise ``ImproperlyConfigured`` unless ``querystring_expire`` is a number of seconds."""
    if type(querystring_expire) is not int or querystring_expire < 1:
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have querystring_expire={querystring_expire!r}: it is a whole "
            "number of seconds, at least 1."
        )


def check_filesystem(filesystem: Any) -> None:
    """Raise ``ImproperlyConfigured`` unless ``filesystem`` is ``None`` or a directory node."""
    if filesystem is not None and not isinstance(filesystem, InMemoryDir):
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have filesystem={filesystem!r}: it is an InMemoryDir. "
            "A path is given as location=…."
        )


def _hint(name: Any, valid: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(valid), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
