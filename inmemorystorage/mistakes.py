"""Mistaken options that storages of this library have in common, and what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .behaviors import BEHAVIORS, DEFAULT_BEHAVIOR, Behavior


def hint(name: Any, valid: Iterable[str]) -> str:
    """Return a question for what was meant, or nothing."""
    close = difflib.get_close_matches(str(name), list(valid), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def find_behavior(behaves_like: str | None, storage: str) -> Behavior:
    """
    Return the row of `BEHAVIORS`, or raise ``ImproperlyConfigured`` with the names of all.

    :param storage: the name of the storage's class.
    """
    name = DEFAULT_BEHAVIOR if behaves_like is None else behaves_like
    if name not in list(BEHAVIORS):  # which, unlike the dict, can look for what has no hash
        raise ImproperlyConfigured(
            f"{storage} cannot have behaves_like={name!r}.{hint(name, BEHAVIORS)} "
            f"It is one of {', '.join(map(repr, BEHAVIORS))}."
        )
    return BEHAVIORS[name]


def check_querystring_expire(querystring_expire: Any, storage: str) -> None:
    """Raise ``ImproperlyConfigured`` unless ``querystring_expire`` is a number of seconds."""
    if type(querystring_expire) is not int or querystring_expire < 1:
        raise ImproperlyConfigured(
            f"{storage} cannot have querystring_expire={querystring_expire!r}: it is a whole "
            "number of seconds, at least 1."
        )
