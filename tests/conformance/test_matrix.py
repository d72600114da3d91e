"""The matrix in docs/conformance.md, for the storages that need no server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conformance import matrix
from conformance.matrix import Outcome
from conformance.rows import ROWS, Row

DJANGOS = [row for row in ROWS if row.title.startswith("Django ")]
OURS = [row for row in ROWS if row.is_quick and row not in DJANGOS]
GOOD = Outcome(passed=2, failed=(), skipped=1, lacks=("paths",))
BAD = replace(GOOD, failed=("size_is_in_bytes",))
NAMES = ("a", "a"), ("a", "b"), ("b", "a")
WORSE = replace(GOOD, failed=("size_is_in_bytes", "size_follows_writes"))


def read(row: Row) -> tuple[list[str], set[str]]:
    """Return what the page says: a storage's cells, and the names of the checks that it fails."""
    (_, *storages), (head, *checks) = [
        [line[2:-2].split(" | ") for line in table.splitlines() if "---" not in line]
        for table in matrix.published().split("\n\n")
    ]
    [cells] = [
        cells
        for title, *cells in storages
        if title.startswith(f"{row.title}: ") and row.place in title.split(": ")[1].split(", ")
    ]
    signs = [dict(zip(head, each, strict=True)) for each in checks]
    failed = {
        each["failed checks"].split("`")[1] for each in signs if each.get(row.short) == matrix.CROSS
    }
    return cells, failed


def expect_as_published(row: Row) -> None:
    """Raise ``AssertionError`` unless a storage has the results that the page says."""
    outcome = matrix.check(row)
    # After a change of a check: tox run -e conformance -- --write
    assert (list(outcome.cells), {*outcome.failed}) == read(row)


@pytest.mark.parametrize("row", DJANGOS, ids=lambda row: row.title)
def test_djangos_storages_are_as_published(row: Row) -> None:
    """FileSystemStorage passes all checks; Django's InMemoryStorage fails those of the page."""
    expect_as_published(row)


@pytest.mark.once
@pytest.mark.parametrize("row", OURS, ids=lambda row: f"{row.title} in {row.place}")
def test_our_storages_are_as_published(row: Row) -> None:
    """The storages of this package have the results that the page says."""
    expect_as_published(row)


def test_every_row_is_published() -> None:
    """The page has each storage of the matrix, with as many failures as it names."""
    for row in ROWS:
        cells, failed = read(row)
        assert int(cells[1]) == len(failed)


def test_equal_outcomes_share_a_line() -> None:
    """Places where a storage has the same outcome share a line."""
    one, two, three = (Row("one", "one", place, ROWS[0].start) for place in "abc")
    lines = matrix.merged({one: GOOD, two: BAD, three: GOOD})
    assert [*matrix.storages(lines)] == [
        ("one: a, c", "2", "0", "1", "`paths`"),
        ("one: b", "2", "1", "1", "`paths`"),
    ]


def test_failed_checks_have_crosses() -> None:
    """A failed check follows its line of the documentation, with a cross for each storage."""
    one, two, other = (Row(title, title, place, ROWS[0].start) for title, place in NAMES)
    lines = matrix.merged({one: GOOD, two: BAD, other: WORSE})
    assert matrix.failed_head(lines) == ("failed checks", "a in b", "b")
    rows = [*matrix.failures(lines)]
    assert [cells[1:] for cells in rows] == [("", ""), ("✗", "✗"), ("", "✗")]
    assert rows[0][0].startswith("[“Returns the total size, in bytes, of the file referenced by")
    assert rows[1][0] == "`size_is_in_bytes`: size() returns the number of bytes of a file."
