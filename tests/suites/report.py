"""Print outcomes side by side."""

from collections import Counter
from collections.abc import Iterable, Mapping

from .catalogue import Suite
from .trial import ByRow, Outcomes
from .verdict import ABSENT

SIGNS = {"passed": ".", "skipped": "s", "failed": "F", "error": "E", ABSENT.state: "-"}
LEGEND = ", ".join(f"{sign} {state}" for state, sign in SIGNS.items())


def table(results: Mapping[Suite, ByRow]) -> str:
    """Return run / failures / errors, a line per suite and a column per storage."""
    rows = list(next(iter(results.values())))
    lines = [["ran / failed / errors", *(row.title for row in rows)]]
    lines += [[suite.title, *map(counts, by_row.values())] for suite, by_row in results.items()]
    return aligned(lines)


def counts(outcomes: Outcomes) -> str:
    """Return how many tests ran, failed and ended in an error."""
    found = Counter(outcome.state for outcome in outcomes.values())
    return f"{len(outcomes)} / {found['failed']} / {found['error']}"


def aligned(lines: list[list[str]]) -> str:
    """Return the cells as columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("   ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(padded)


def differences(suite: Suite, by_row: ByRow) -> str:
    """Return the tests whose outcomes differ, each with a sign per storage.

    A storage on which nothing ran does not make every test differ.
    """
    runs = [outcomes for outcomes in by_row.values() if outcomes]
    differ = [test for test in sorted(set().union(*runs)) if len(set(signs_of(test, runs))) > 1]
    lines = [f"  {signs_of(test, by_row.values())}  {test}" for test in differ]
    return "\n".join([f"{suite.title}: {len(lines)} tests end differently", *lines])


def signs_of(test: str, runs: Iterable[Outcomes]) -> str:
    """Return one sign per run for the test's outcome."""
    return "".join(SIGNS[outcomes.get(test, ABSENT).state] for outcomes in runs)
