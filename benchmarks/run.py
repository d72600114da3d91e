"""Measure this storage beside its peers, in one run on one machine.

Run `python benchmarks/run.py`; `benchmarks/README.md` says how to read what it prints.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.contestants import CONTESTANTS
from harness.measuring import Results, run
from harness.plan import FULL, QUICK, SMOKE, Plan
from harness.report import as_json, markdown
from harness.targets import verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    options = parser().parse_args(arguments)
    results = run(plan_of(options))
    print(markdown(results))
    if options.json:
        options.json.write_text(json.dumps(as_json(results), indent=1) + "\n")
    return exit_code(results, options.check)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick",
        dest="plan",
        action="store_const",
        const=QUICK,
        default=FULL,
        help="a minute: 1,000 and 10,000 files, fewer rounds",
    )
    size.add_argument(
        "--smoke",
        dest="plan",
        action="store_const",
        const=SMOKE,
        help="seconds, and without the predecessor: shows that all of it runs, measures nothing",
    )
    parser.add_argument("--files", type=int, nargs="+", help="numbers of stored files")
    parser.add_argument("--rounds", type=int, help="batches of each operation")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, help="storages to measure")
    parser.add_argument(
        "--cold",
        dest="passes",
        action="store_const",
        const=1,
        help="time the first pass over the names, the processor's caches cold",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE, too")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    return parser


def plan_of(options: argparse.Namespace) -> Plan:
    """Return one of the three plans, changed as the command line says."""
    chosen = {name: getattr(options, name) for name in ("files", "rounds", "contestants", "passes")}
    plan: Plan = options.plan
    return replace(plan, **{name: value for name, value in chosen.items() if value is not None})


def exit_code(results: Results, check: bool) -> int:
    """Return 1 for a missed target, only if asked to."""
    return int(check and not all(verdict.reached for verdict in verdicts(results)))


if __name__ == "__main__":
    raise SystemExit(main())
