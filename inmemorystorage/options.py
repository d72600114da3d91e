"""Check the options of storages, and name the option that was probably meant."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .behaviors import BEHAVIORS, DEFAULT_BEHAVIOR, Behavior
from .tree.nodes import InMemoryDir


def hint(name: Any, valid: Iterable[str]) -> str:
    """Return a sentence that asks for the closest valid name, or nothing if none is close."""
    close = difflib.get_close_matches(str(name), list(valid), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def refuse_unknown(cls: type[Any], unknown: Iterable[str]) -> None:
    """
    Raise ``ImproperlyConfigured`` for keyword arguments that are not options of ``cls``.

    :param cls: a class whose constructor takes its options by name, and collects all others.
    """
    for name in unknown:
        _self, *options, _unknown = inspect.signature(cls.__init__).parameters
        raise ImproperlyConfigured(
            f"{cls.__name__} has no option {name!r}.{hint(name, options)} "
            f"Its options are {', '.join(options)}."
        )


def find_behavior(behaves_like: str | None, storage: str) -> Behavior:
    """
    Return the row of `BEHAVIORS`, or raise ``ImproperlyConfigured`` with the names of all.

    :param storage: the name of the storage's class.
    """
    name = DEFAULT_BEHAVIOR if behaves_like is None else behaves_like
    if name not in list(BEHAVIORS):  # a list, since the name may be unhashable
        raise ImproperlyConfigured(
            f"{storage} cannot have behaves_like={name!r}.{hint(name, BEHAVIORS)} "
            f"It is one of {', '.join(map(repr, BEHAVIORS))}."
        )
    return BEHAVIORS[name]


def check_querystring_expire(querystring_expire: Any, storage: str) -> None:
    """Raise ``ImproperlyConfigured`` unless ``querystring_expire`` is a number of seconds."""
    if type(querystring_expire) is not int or querystring_expire < 1:
        raise ImproperlyConfigured(
            f"{storage} cannot have querystring_expire={querystring_expire!r}: it must be a whole "
            "number of seconds, at least 1."
        )


def check_max_size(max_size: Any) -> None:
    """Raise ``ImproperlyConfigured`` unless ``max_size`` is ``None`` or a number of bytes."""
    if max_size is not None and (type(max_size) is not int or max_size < 0):
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have max_size={max_size!r}: it must be a whole number of "
            "bytes, or None for no limit."
        )


def check_filesystem(filesystem: Any) -> None:
    """Raise ``ImproperlyConfigured`` unless ``filesystem`` is ``None`` or a directory node."""
    if filesystem is not None and not isinstance(filesystem, InMemoryDir):
        raise ImproperlyConfigured(
            f"InMemoryStorage cannot have filesystem={filesystem!r}: it must be an InMemoryDir. "
            "Pass a path as location=…."
        )
