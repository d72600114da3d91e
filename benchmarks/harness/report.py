"""One run as Markdown tables for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from .contestants import CONTESTANTS
from .measuring import Place, Results
from .operations import OPERATIONS
from .targets import verdicts

NOTHING = "-"
QUOTIENTS = {"django": "Django's ÷ ours", "tmpfs": "tmpfs ÷ ours"}
METHODS = {
    "traced": "traced by tracemalloc",
    "resident": "growth of the resident set",
    "occupied": "blocks occupied on tmpfs",
}


def markdown(results: Results) -> str:
    """Write the tables of a run, one for each number of files, and the targets."""
    tables = [_times(results, files) for files in results.plan.files]
    return "\n\n".join(
        [_about(results), *tables, _growth(results), _memory(results), _targets(results)]
    )


def as_json(results: Results) -> dict[str, Any]:
    """Return a run's figures: nanoseconds per call, every batch of them, and bytes per file."""
    return {
        "versions": results.versions,
        "plan": asdict(results.plan),
        "times": [
            {
                **place._asdict(),
                "median": results.time(place),
                "batches": batches,
            }
            for place, batches in results.batches.items()
        ],
        "memory": [
            {"method": method, "contestant": contestant, "bytes": figure}
            for (method, contestant), figure in results.memory.items()
        ],
        "targets": [asdict(verdict) for verdict in verdicts(results)],
    }


def three_digits(value: float | None) -> str:
    """Write a figure with three significant digits, never as a power of ten."""
    if value is None:
        return NOTHING
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}" if abs(value) >= 1 else f"{value:.3f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a Markdown table: the first column is text, all others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _about(results: Results) -> str:
    versions = results.versions
    return (
        f"Python {versions['python']}, Django {versions['django']}, {versions['machine']}; "
        f"medians of {results.plan.rounds} rounds with all contestants in turn."
    )


def _times(results: Results, files: int) -> str:
    labels = [CONTESTANTS[key].label for key in results.plan.contestants]
    rows = [_time_row(results, files, operation) for operation in OPERATIONS]
    return table([f"µs per call, {files:,} files", *labels, *QUOTIENTS.values()], rows)


def _time_row(results: Results, files: int, operation: str) -> list[str]:
    places = [Place(files, operation, key) for key in results.plan.contestants]
    times = [results.time(place) for place in places]
    peers = [Place(files, operation, key) for key in QUOTIENTS]
    quotients = [results.ratio(peer, Place(files, operation)) for peer in peers]
    return [
        OPERATIONS[operation].label,
        *[three_digits(time and time / 1000) for time in times],
        *[three_digits(quotient) for quotient in quotients],
    ]


def _growth(results: Results) -> str:
    few, many = min(results.plan.files), max(results.plan.files)
    labels = [CONTESTANTS[key].label for key in results.plan.contestants]
    rows = [_growth_row(results, operation, few, many) for operation in OPERATIONS]
    return table([f"time at {many:,} files ÷ at {few:,}", *labels], rows)


def _growth_row(results: Results, operation: str, few: int, many: int) -> list[str]:
    quotients = [
        results.ratio(Place(many, operation, key), Place(few, operation, key))
        for key in results.plan.contestants
    ]
    return [OPERATIONS[operation].label, *map(three_digits, quotients)]


def _memory(results: Results) -> str:
    keys = results.plan.contestants
    rows = [
        [label, *[three_digits(results.memory.get((method, key))) for key in keys]]
        for method, label in METHODS.items()
    ]
    labels = [CONTESTANTS[key].label for key in keys]
    return table(
        [f"bytes per file beyond its content, {max(results.plan.files):,} files", *labels], rows
    )


def _targets(results: Results) -> str:
    rows = [
        [
            verdict.target,
            verdict.wanted,
            three_digits(verdict.measured),
            verdict.where,
            "reached" if verdict.reached else "**missed**",
        ]
        for verdict in verdicts(results)
    ]
    return table(["figure", "target", "measured", "worst at", ""], rows)
