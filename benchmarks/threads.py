"""Count faults between threads, by storage: lost saves, torn reads, half-saved files.

Run `python benchmarks/threads.py`. Counts vary from run to run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from harness.contestants import CONTESTANTS
from harness.driver import Contender
from harness.report import table

COLUMNS = {
    "lost": "8 threads save under one new name: contents lost",
    "torn": "reads torn by other readers and writers",
    "half": "files visible before they were whole",
}
ROUNDS = {"lost": 150, "torn": 300, "half": 100}
STORAGES = ("ours", "django", "tmpfs", "predecessor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every race for every storage and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=STORAGES)
    options = parser.parse_args(arguments)
    rows = [[CONTESTANTS[key].label, *counts(key)] for key in options.contestants]
    print(table(["storage", *COLUMNS.values()], rows))
    return 0


def counts(key: str) -> list[str]:
    """Run each race on a new storage of one contestant."""
    with Contender(key) as contender:
        outcomes = [contender.ask("race", race=race, rounds=ROUNDS[race]) for race in COLUMNS]
    return [f"{outcome['failed']:,} of {outcome['of']:,}" for outcome in outcomes]


if __name__ == "__main__":
    raise SystemExit(main())
