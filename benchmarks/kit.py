"""Measure what the test kit costs: its one line in whole suites, savepoints, observed operations.

Run `python benchmarks/kit.py`. Times are medians of rounds, of processor time; all contestants of
a table take turns in each round.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time_ns

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from harness.report import table
from harness.suites import (
    RUNNERS,
    Suite,
    changing_suite,
    easy_thumbnails_suite,
    empty_suite,
    saving_suite,
)

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import capture_storage_operations, isolate_storages

CONTENT = b"x" * 1024
# With more files than this, do not measure a copy for each test.
COPIED = 10_000


def fill(storage: Storage, files: int) -> Storage:
    """Store files, a hundred in each directory."""
    for number in range(files):
        storage.save(f"{number // 100}/{number}.bin", ContentFile(CONTENT))
    return storage


def save_three(storage: Storage) -> None:
    """Do what a test does: save three files."""
    for number in range(3):
        storage.save(f"0/new-{number}.bin", ContentFile(CONTENT))


def isolated(storage: Storage) -> None:
    """Save three files, and roll them back."""
    with isolate_storages():
        save_three(storage)


def cleaned(storage: Storage) -> None:
    """Save three files, and delete them by hand."""
    save_three(storage)
    for number in range(3):
        storage.delete(f"0/new-{number}.bin")


def copied(directory: Path) -> None:
    """Give a test its own MEDIA_ROOT: a copy of the files on a disk, removed afterwards."""
    with tempfile.TemporaryDirectory(dir=directory.parent) as target:
        shutil.copytree(directory, Path(target, "media"))
        save_three(FileSystemStorage(location=Path(target, "media")))


def timed(call: Callable[[], object], calls: int) -> float:
    """Return the microseconds that one call takes."""
    start = process_time_ns()
    for _ in range(calls):
        call()
    return (process_time_ns() - start) / calls / 1000


def compare(
    contestants: Mapping[str, Callable[[], object]], rounds: int, calls: int
) -> list[float]:
    """Return each contestant's median, with all taking turns."""
    taken: dict[str, list[float]] = {label: [] for label in contestants}
    for _ in range(rounds):
        for label, call in contestants.items():
            taken[label].append(timed(call, calls))
    return [median(each) for each in taken.values()]


def levels(files: Sequence[int], rounds: int) -> str:
    """Measure a test that saves three files, for each number of stored files."""
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for count in files:
            storage = fill(InMemoryStorage(), count)
            ours = {"isolated": partial(isolated, storage), "cleaned": partial(cleaned, storage)}
            figures = compare(ours, rounds, 20)
            if count <= COPIED:
                disk = Path(work, str(count))
                fill(FileSystemStorage(location=disk), count)
                figures += compare({"copied": partial(copied, disk)}, min(rounds, 3), 1)
            cells = [f"{figure:,.0f}" for figure in figures]
            rows.append([f"{count:,}", *cells, *["-"] * (3 - len(cells))])
    heads = ["files stored", "rolled back", "deleted by hand", "a copy of MEDIA_ROOT"]
    return table(heads, rows)


def observed(rounds: int) -> str:
    """Measure an operation before, within and after an observation."""
    storage = fill(InMemoryStorage(), 1000)

    def ask() -> None:
        storage.exists("0/1.bin")

    def save() -> None:
        storage.delete(storage.save("0/new.bin", ContentFile(CONTENT)))

    rows = []
    for label, call in {"exists": ask, "save and delete 1 KiB": save}.items():
        before = compare({label: call}, rounds, 500)
        with capture_storage_operations(limit=10):
            during = compare({label: call}, rounds, 500)
        after = compare({label: call}, rounds, 500)
        rows.append([label, *(f"{figure:.2f}" for figure in [*before, *during, *after])])
    return table(["operation", "before", "within", "after"], rows)


def suites(work: Path, options: argparse.Namespace) -> Iterator[Suite]:
    """Write the suites, and the copy of easy-thumbnails' if it is wanted and installed."""
    if options.empty:
        yield empty_suite(work / "empty", options.empty)
    if options.saving:
        yield saving_suite(work / "saving", options.saving)
    if options.changing:
        yield changing_suite(work / "changing", options.changing)
    suite = easy_thumbnails_suite(work / "thumbnails") if options.easy_thumbnails else None
    if suite is not None:
        yield suite


def one_line(options: argparse.Namespace) -> str:
    """Measure each suite by each runner, without the line and with it in turns."""
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for suite in suites(Path(work), options):
            rows += [row_of(suite, runner, options.suite_rounds) for runner in RUNNERS]
    heads = ["tests", "without, s", "with the line, s", "with ÷ without", "µs a test"]
    return table(heads, rows)


def row_of(suite: Suite, runner: str, rounds: int) -> list[str]:
    """Measure a suite by a runner; its cells are medians over rounds, quotients included."""
    pairs = []
    for number in range(rounds):
        order = (False, True) if number % 2 == 0 else (True, False)
        seconds = {has_line: suite.seconds(runner, has_line=has_line) for has_line in order}
        pairs.append((seconds[False], seconds[True]))
    difference = median(with_line - without for without, with_line in pairs) / suite.count
    return [
        f"{suite.title}, {runner}",
        f"{median(without for without, _ in pairs):.2f}",
        f"{median(with_line for _, with_line in pairs):.2f}",
        f"{median(with_line / without for without, with_line in pairs):.3f}",
        f"{difference * 1_000_000:,.0f}",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[100, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=21)
    group = parser.add_argument_group("suites", "how many tests; 0 leaves a suite out")
    group.add_argument("--empty", type=int, default=6000, help="that do nothing")
    group.add_argument("--saving", type=int, default=1000, help="that save a file")
    group.add_argument("--changing", type=int, default=200, help="beside files of setUpTestData")
    group.add_argument("--no-easy-thumbnails", action="store_false", dest="easy_thumbnails")
    group.add_argument("--suite-rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    if not settings.configured:
        settings.configure()
        django.setup()
    print(f"Suites, without the kit's line and with it\n\n{one_line(options)}\n", flush=True)
    print(f"A test that saves three files, µs\n\n{levels(options.files, options.rounds)}\n")
    print(f"An operation, µs\n\n{observed(options.rounds)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
