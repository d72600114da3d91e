"""Report: the results of the checks of one storage, as data and as text."""

from __future__ import annotations

import unittest
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import indent

from .catalog import Check

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# How many names that could not be deleted a text shows.
SHOWN = 10


@dataclass(frozen=True)
class Result:
    """
    The result of a check.

    :param outcome: ``"passed"``, ``"failed"`` or ``"skipped"``.
    :param message: why it failed, or was skipped.
    :param error: the error with which it failed.
    """

    check: Check
    outcome: str
    message: str = ""
    error: Exception | None = field(default=None, repr=False, compare=False)

    def raise_for_outcome(self) -> None:
        """Raise ``AssertionError`` if the check failed, and ``SkipTest`` if it was skipped."""
        if self.outcome == FAILED:
            raise AssertionError(str(self)) from self.error
        if self.outcome == SKIPPED:
            raise unittest.SkipTest(self.message)

    def __str__(self) -> str:
        name = self.check.name
        if self.outcome != FAILED:
            return f"{self.outcome} {name}{self.message and ': '}{self.message}"
        source = self.check.source
        lines = self.check.sentence, self.message, f'Django: "{source.line}"', source.url
        return f"{self.outcome} {name}\n" + indent("\n".join(lines), "    ")


@dataclass(frozen=True)
class Report:
    """
    The results of all checks of a storage.

    ``str()`` shows the failures and the capabilities; ``list()`` gives every result.

    :param storage: the name of the storage's class.
    :param results: one for each check, in order.
    :param capabilities: those that the probes found, and those that they did not find.
    :param left: the names of files and directories that could not be deleted.
    """

    storage: str
    results: tuple[Result, ...]
    capabilities: Mapping[str, bool]
    left: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @property
    def passed(self) -> list[Result]:
        """Return the results of the checks that passed."""
        return self._having(PASSED)

    @property
    def failures(self) -> list[Result]:
        """Return the results of the checks that failed."""
        return self._having(FAILED)

    @property
    def skipped(self) -> list[Result]:
        """Return the results of the checks that were skipped."""
        return self._having(SKIPPED)

    @property
    def ok(self) -> bool:
        """Return whether no check failed."""
        return not self.failures

    def _having(self, outcome: str) -> list[Result]:
        return [result for result in self.results if result.outcome == outcome]

    def __str__(self) -> str:
        counts = f"{len(self.passed)} passed, {len(self.failures)} failed"
        lines = [f"{self.storage}: {counts}, {len(self.skipped)} skipped"]
        for label, has in (("has", True), ("lacks", False)):
            names = [name for name, value in self.capabilities.items() if value is has]
            lines += [f"It {label}: {', '.join(names)}"] * bool(names)
        lines += [str(result) for result in self.failures]
        lines += [describe_left(self.left)] * bool(self.left)
        return "\n".join(lines)


def describe_left(names: Collection[str]) -> str:
    """Return a line about names that could not be deleted, without those below another one."""
    tops = [name for name in names if not any(name.startswith(f"{each}/") for each in names)]
    others = f", and {len(tops) - SHOWN:,} more" * (len(tops) > SHOWN)
    return f"These names could not be deleted: {', '.join(tops[:SHOWN])}{others}"
