"""Names of entries: how a path splits, which names can be, and lists of them."""

from __future__ import annotations

import os


class Listing(tuple[list[str], list[str]]):
    """The directories and the files of a directory: a pair that equals a pair of any kind."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


def split_path(path: str) -> list[str]:
    """Return the components of a path, normalised as ``os.path.normpath`` does."""
    normal = os.path.normpath(path).strip("/")
    return [] if normal in ("", ".") else normal.split("/")


def check_entry_name(name: str) -> None:
    """Raise ``ValueError`` for a name that no entry of a directory can have."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(
            f"{name!r} is no name for an entry of a directory: it must be one component, "
            "without '/' and NUL, and not '.' or '..'."
        )
