"""Run other projects' own tests, unmodified, on four storages, and print them side by side.

`python tests/suites/run.py` fetches the source distributions into a cache directory, runs each in
a temporary copy, and exits with 1 if one of our storages fails unexpectedly.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suites import expected
from suites.catalogue import (
    BUCKET_TESTS,
    IN_MEMORY_ROWS,
    IN_MEMORY_TESTS,
    KIT,
    KIT_INSTEAD_OF_MOTO,
    KIT_ROWS,
    LENT,
    MOTO_ROWS,
    PLAIN,
    PREDECESSOR_ROWS,
    PREDECESSOR_TESTS,
    SUITE_ROWS,
    SUITES,
    SWAPPED_SUITES,
    Row,
    Suite,
)
from suites.report import LEGEND, differences, table
from suites.sources import fetch
from suites.trial import ByRow, Outcomes, run
from suites.verdict import (
    ListedByRow,
    judge_in_memory_tests,
    judge_kit,
    judge_predecessor_tests,
    judge_suite,
)

WORKERS = 2
Runs = Mapping[tuple[Suite, Row], Future[Outcomes]]


@dataclass(frozen=True)
class Section:
    """Suites that run on the same storages and are judged by the same rule."""

    heading: str
    suites: tuple[Suite, ...]
    rows: tuple[Row, ...]
    judge: Callable[[Suite, ByRow, ListedByRow], list[str]]
    listed: Mapping[Row, expected.Listed]


SECTIONS = (
    Section(
        "Each storage as the default storage",
        SUITES,
        SUITE_ROWS,
        judge_suite,
        {PLAIN: expected.AS_DEFAULT, LENT: expected.AS_DEFAULT_LENT},
    ),
    Section(
        "Each storage instead of FileSystemStorage",
        SWAPPED_SUITES,
        SUITE_ROWS,
        judge_suite,
        {PLAIN: expected.AS_FILE_SYSTEM_STORAGE, LENT: expected.AS_FILE_SYSTEM_STORAGE_LENT},
    ),
    Section(
        "The library's test runner added, and nothing else",
        SUITES,
        KIT_ROWS,
        judge_kit,
        {KIT: expected.WITH_RUNNER},
    ),
    Section(
        "The library's test runner instead of moto",
        (BUCKET_TESTS,),
        MOTO_ROWS,
        judge_kit,
        {KIT_INSTEAD_OF_MOTO: expected.INSTEAD_OF_MOTO},
    ),
    Section(
        "Each storage instead of Django's in-memory storage",
        (IN_MEMORY_TESTS,),
        IN_MEMORY_ROWS,
        judge_in_memory_tests,
        {PLAIN: expected.AS_DJANGO_IN_MEMORY},
    ),
    Section(
        "The predecessor's own tests",
        (PREDECESSOR_TESTS,),
        PREDECESSOR_ROWS,
        judge_predecessor_tests,
        {PLAIN: expected.AS_PREDECESSOR},
    ),
)


def main() -> int:
    """Run all, print each section, then its faults, and return the exit code."""
    asked = arguments()
    sections = [part for section in SECTIONS if (part := only(section, asked.project)).suites]
    with ThreadPoolExecutor(WORKERS) as workers:
        runs = start_all(workers, sections, asked.cache)
        faults = [fault for section in sections for fault in faults_of(section, runs)]
    print(*(f"FAULT {fault}" for fault in faults), f"{len(faults)} faults", sep="\n")
    return int(bool(faults))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    home = os.environ.get("TOX_ENV_DIR", tempfile.gettempdir())
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--project",
        action="append",
        choices=sorted({suite.project for section in SECTIONS for suite in section.suites}),
        help="a project whose tests run (default: all)",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(home, "dj-inmemorystorage-suites"),
        help="where the source distributions are kept (default: %(default)s)",
    )
    return parser.parse_args()


def only(section: Section, projects: list[str] | None) -> Section:
    """Return the section with the suites of these projects only, or with all."""
    suites = (suite for suite in section.suites if projects is None or suite.project in projects)
    return replace(section, suites=tuple(suites))


def start_all(workers: Executor, sections: list[Section], cache: Path) -> Runs:
    """Start each suite once on each storage, however many sections use it."""
    wanted = [
        (suite, row) for section in sections for suite in section.suites for row in section.rows
    ]
    sources = {suite: fetch(suite.requirement, cache) for suite, row in wanted}
    return {
        (suite, row): workers.submit(run_and_report, suite, row, sources[suite])
        for suite, row in dict.fromkeys(wanted)
    }


def faults_of(section: Section, runs: Runs) -> list[str]:
    """Wait for the section's suites, print the outcomes, and return the faults."""
    results: dict[Suite, ByRow] = {
        suite: {row: runs[suite, row].result() for row in section.rows} for suite in section.suites
    }
    print(f"\n{section.heading}\n\n{table(results)}\n")
    print(f"Tests that end differently, a sign per column: {LEGEND}")
    print(*(differences(suite, by_row) for suite, by_row in results.items()), sep="\n", flush=True)
    return [
        fault
        for suite, by_row in results.items()
        for fault in section.judge(suite, by_row, listed(section, suite))
    ]


def listed(section: Section, suite: Suite) -> ListedByRow:
    """Return the suite's tests that our storages may fail."""
    return {row: projects.get(suite.project, {}) for row, projects in section.listed.items()}


def run_and_report(suite: Suite, row: Row, source: Path) -> Outcomes:
    """Run one suite on one storage, and print how long it took."""
    start = monotonic()
    outcomes = run(suite, row, source)
    place = f" instead of {suite.swap}" if suite.swap else ""
    print(f"  {suite.title} on {row.title}{place}: {monotonic() - start:.0f} s", flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
