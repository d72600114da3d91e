"""The targets of this storage: ratios within one run, and bytes per file."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from .measuring import Place, Results
from .operations import OPERATIONS

Found = list[tuple[float, str]]  # the figure, and where it was measured


@dataclass(frozen=True)
class Verdict:
    """Hold a target, and the worst measured figure."""

    target: str
    wanted: str
    measured: float
    where: str
    reached: bool


@dataclass(frozen=True)
class Target:
    """Compare figures with a bound: a lower one if `least`, else an upper one."""

    label: str
    bound: float
    figures: Callable[[Results], Found]
    least: bool = True

    def verdict(self, results: Results) -> Verdict | None:
        """Judge the worst figure of a run; return None if the run has none."""
        found = self.figures(results)
        if not found:
            return None
        measured, where = min(found) if self.least else max(found)
        reached = measured >= self.bound if self.least else measured <= self.bound
        sign = "≥" if self.least else "≤"
        return Verdict(self.label, f"{sign} {self.bound:.4g}", measured, where, reached)


def verdicts(results: Results) -> list[Verdict]:
    """Judge one run's results by every target."""
    judged = (target.verdict(results) for target in TARGETS)
    return [verdict for verdict in judged if verdict]


def _at_every_size(figure: Callable[[Results, int], float | None]) -> Callable[[Results], Found]:
    def figures(results: Results) -> Found:
        found = ((figure(results, files), f"{files:,} files") for files in results.plan.files)
        return [(value, where) for value, where in found if value is not None]

    return figures


def _faster_than_django(operation: str, factor: float) -> Target:
    def figure(results: Results, files: int) -> float | None:
        return results.ratio(Place(files, operation, "django"), Place(files, operation))

    label = f"{OPERATIONS[operation].label}: Django's time ÷ ours"
    return Target(label, factor, _at_every_size(figure))


def _times_as_long(operation: str, than: str, bound: float) -> Target:
    def figure(results: Results, files: int) -> float | None:
        return results.ratio(Place(files, operation), Place(files, than))

    label = f"{OPERATIONS[operation].label} ÷ {OPERATIONS[than].label}"
    return Target(label, bound, _at_every_size(figure), least=False)


def _against_tmpfs(results: Results) -> Found:
    places = itertools.product(results.plan.files, OPERATIONS)
    found = (
        (results.ratio(Place(*place, "tmpfs"), Place(*place)), _where(*place)) for place in places
    )
    return [(quotient, where) for quotient, where in found if quotient is not None]


def _where(files: int, operation: str) -> str:
    return f"{OPERATIONS[operation].label}, {files:,} files"


def _growth(results: Results) -> Found:
    few, many = min(results.plan.files), max(results.plan.files)
    found = (
        (results.ratio(Place(many, operation), Place(few, operation)), OPERATIONS[operation].label)
        for operation in OPERATIONS
    )
    return [(quotient, where) for quotient, where in found if quotient is not None]


def _memory(results: Results) -> Found:
    figure = results.memory.get(("traced", "ours"))
    return [] if figure is None else [(figure, f"{max(results.plan.files):,} files, traced")]


TARGETS = (
    _faster_than_django("exists-hit", 15),
    _faster_than_django("exists-miss", 15),
    _faster_than_django("size", 15),
    _faster_than_django("delete", 15),
    _faster_than_django("save-1k", 10),
    _faster_than_django("read-1k", 5),
    _faster_than_django("save-1m", 100),
    _times_as_long("save-1m", "save-1k", 1.5),
    # Allow for noise: two batches of the same operation differ by a tenth.
    _times_as_long("open-100m", "open-1k", 1.1),
    Target("every row: time on tmpfs ÷ ours", 1, _against_tmpfs),
    Target("bytes per file beyond its content", 350, _memory, least=False),
    Target("every row: time at the most files ÷ at the fewest", 4 / 3, _growth, least=False),
)
