"""Measure django-storages' storages on buckets in memory, beside moto and emulators.

Run `python benchmarks/buckets.py`. It starts the emulators. Figures are medians of rounds in which
all contestants take turns; a quotient is the median of the rounds' quotients.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from harness.bucket_storages import CLIENT, OPERATIONS, OURS, S3, SERVICES, Worker
from harness.report import table, three_digits
from harness.suites import PACKAGE, RUNNERS, empty_suite
from kit import row_of

# The quotients by the second are what those by the first can reach at most.
BASES = [OURS, CLIENT]
# A project as Django makes it is set up for its tests; boto3 is imported, and has made a client.
APPS = [f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "sessions")]
BEFORE = f"""
from time import perf_counter
from django.conf import settings
settings.configure(INSTALLED_APPS={APPS!r})
import django
django.setup()
import boto3, django.test, storages.backends.s3
given = {{"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}}
boto3.client("s3", **given)
start = perf_counter()
"""
STARTS = {
    "S3's floor": "from inmemorystorage.testing.s3_floor import S3Floor as tool",
    "the whole kit": "from inmemorystorage.testing import override_storages as tool",
    "moto in the process": "from moto import mock_aws as tool",
}
STARTED = ["S3's floor", "the whole kit"]
BEGUN = """
tool().start() if "moto" in tool.__module__ else tool().enable()
begun = perf_counter()
boto3.client("s3", **given).create_bucket(Bucket="media")
print(begun - start, perf_counter() - start)
"""


def times(service: str, options: argparse.Namespace) -> str:
    """Measure every operation on every storage of a service."""
    contestants = SERVICES[service]
    with ExitStack() as stack:
        workers = {}
        for label, contestant in contestants.items():
            endpoint = stack.enter_context(contestant.emulator()) or ""
            worker = ProcessPoolExecutor(
                1,
                multiprocessing.get_context("spawn"),
                Worker.start,
                (service, label, endpoint, options.listed),
            )
            workers[label] = stack.enter_context(worker)
        rows = [
            [operation, *measured(workers, service, operation, options)]
            for operation in OPERATIONS[service]
        ]
    return table([f"{service}: µs per call", *heads(contestants, BASES)], rows)


def measured(
    workers: dict[str, ProcessPoolExecutor],
    service: str,
    operation: str,
    options: argparse.Namespace,
) -> list[str]:
    """Write the medians of an operation, and how many times longer the peers take than others."""
    found: dict[str, list[float]] = {label: [] for label in workers}
    labels = [*workers]
    for number in range(options.rounds + 1):
        labels.append(labels.pop(0))
        for label in labels:
            measure = partial(Worker.measure, service, operation, options.calls)
            taken = workers[label].submit(measure).result()
            if number:  # the first round warms up
                found[label].append(taken)
    return cells(found, BASES)


def heads(labels: Iterable[str], bases: Sequence[str]) -> list[str]:
    """Write the labels of all, and those of the quotients of others by the bases."""
    return [*labels, *(f"{peer} ÷ {base}" for base, peer in pairs(labels, bases))]


def cells(found: dict[str, list[float]], bases: Sequence[str]) -> list[str]:
    """Write the medians of all, and those of the rounds' quotients of others by the bases."""
    quotients = [
        median(theirs / own for theirs, own in zip(found[peer], found[base], strict=True))
        for base, peer in pairs(found, bases)
    ]
    return [three_digits(figure) for figure in [*map(median, found.values()), *quotients]]


def pairs(labels: Iterable[str], bases: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each base with each label that is none."""
    peers = [label for label in labels if label not in bases]
    return itertools.product(bases, peers)


def starts(rounds: int) -> str:
    """Measure the start of the kit, and of moto, in new processes."""
    begun: dict[str, list[float]] = {label: [] for label in STARTS}
    answered: dict[str, list[float]] = {label: [] for label in STARTS}
    for number in range(rounds + 1):
        for label, line in STARTS.items():
            code = "\n".join([BEFORE, line, BEGUN])
            run = subprocess.run(
                [sys.executable, "-c", code],
                cwd=PACKAGE,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
                stdout=subprocess.PIPE,
                check=True,
            )
            if number:  # the first run compiles modules
                until_begun, until_answered = map(float, run.stdout.split())
                begun[label].append(until_begun * 1000)
                answered[label].append(until_answered * 1000)
    rows = [
        ["imported and begun", *cells(begun, STARTED)],
        ["and a bucket created by a new client", *cells(answered, STARTED)],
    ]
    return table(["ms, after importing boto3", *heads(STARTS, STARTED)], rows)


def empty_tests(count: int, rounds: int) -> str:
    """Measure tests that do nothing in a project on S3, without the kit's line and with it."""
    with tempfile.TemporaryDirectory() as work:
        suite = empty_suite(Path(work, "empty"), count, f"STORAGES = {{'default': {S3!r}}}\n")
        rows = [row_of(suite, runner, rounds) for runner in RUNNERS]
    heads = ["tests", "without, s", "with the line, s", "with ÷ without", "µs a test"]
    return table(heads, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", nargs="*", choices=[*SERVICES], default=[*SERVICES])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=10, help="how many calls in a round")
    parser.add_argument("--listed", type=int, default=1000, help="files in the listed directory")
    parser.add_argument("--start-rounds", type=int, default=7)
    parser.add_argument("--empty", type=int, default=6000, help="tests that do nothing; 0: none")
    parser.add_argument("--suite-rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    for service in options.services:
        print(times(service, options), end="\n\n", flush=True)
    print(starts(options.start_rounds), end="\n\n", flush=True)
    if options.empty:
        print(empty_tests(options.empty, options.suite_rounds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
