"""Which names a backend is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_literal_start = re.compile(r"[^*?\[]*").match


@dataclass(frozen=True)
class Route:
    """
    The names that a backend is asked for, by patterns as those of `fnmatch`; ``*`` crosses slashes.

    :param only: names that it is asked for; none: all.
    :param skip: names that it is not asked for, even so.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def admits(self, name: str) -> bool:
        """Return whether a backend is asked for a name, in its normal form; for the top it is."""
        return not name or (self._wants(name) and not self._skips(name))

    def admits_below(self, directory: str) -> bool:
        """Return whether a directory can have files that a backend is asked for."""
        if not directory or self._skips(directory):
            return not directory
        return self._wants(directory) or any(
            _start(pattern) != pattern and f"{directory}/".startswith(_start(pattern))
            for pattern in self.only
        )

    def _wants(self, name: str) -> bool:
        return not self.only or any(
            _covers(pattern, name) or _leads_to(pattern, name) for pattern in self.only
        )

    def _skips(self, name: str) -> bool:
        return any(_covers(pattern, name) for pattern in self.skip)


def _covers(pattern: str, name: str) -> bool:
    """Return whether a pattern is that of a file, or of all in a directory."""
    return fnmatchcase(name, pattern) or fnmatchcase(f"{name}/", pattern)


def _leads_to(pattern: str, directory: str) -> bool:
    return _start(pattern).startswith(f"{directory}/")


def _start(pattern: str) -> str:
    match = _literal_start(pattern)
    assert match is not None  # of the empty start, at least
    return match[0]
