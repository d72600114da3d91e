"""One run: every contestant at every size, round by round."""

from __future__ import annotations

import platform
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from .contestants import CONTESTANTS
from .driver import Contender
from .operations import OPERATIONS
from .plan import Plan


class Place(NamedTuple):
    """Identify a batch."""

    files: int
    operation: str
    contestant: str = "ours"


@dataclass(frozen=True)
class Results:
    """Hold every batch's nanoseconds per call, and the bytes per file, of one run."""

    plan: Plan
    versions: dict[str, str]
    batches: dict[Place, list[float]]
    memory: dict[tuple[str, str], float]  # method, contestant

    def time(self, place: Place) -> float | None:
        """Return the median batch in nanoseconds per call, or None if it was not measured."""
        return median(self.batches[place]) if place in self.batches else None

    def ratio(self, dividend: Place, divisor: Place) -> float | None:
        """Return the median of the rounds' quotients, or None if either was not measured.

        Two batches of one round follow each other closely, so that other load slows both:
        their quotient varies less than either.
        """
        pairs = zip(self.batches.get(dividend, ()), self.batches.get(divisor, ()), strict=False)
        quotients = [first / second for first, second in pairs]
        return median(quotients) if quotients else None


def run(plan: Plan) -> Results:
    """Measure everything that a plan asks for."""
    batches, versions = _times(plan)
    return Results(plan, versions, batches, _memory(plan))


def _times(plan: Plan) -> tuple[dict[Place, list[float]], dict[str, str]]:
    with ExitStack() as stack:
        contenders = _filled(plan, stack)
        versions = contenders[0][1].ask("versions")
        batches: dict[Place, list[float]] = {}
        for number in range(plan.rounds):
            _progress(f"round {number + 1} of {plan.rounds}")
            _round(plan, contenders, batches)
            # The first contestant changes from round to round, so that noise affects all alike.
            contenders.append(contenders.pop(0))
    return batches, {**versions, "machine": f"{platform.system()} {platform.machine()}"}


def _filled(plan: Plan, stack: ExitStack) -> list[tuple[int, Contender]]:
    contenders = []
    for key in plan.contestants:
        for files in plan.files:
            _progress(f"{key}: {files:,} files")
            contender = stack.enter_context(Contender(key))
            contender.ask("fill", files=files, large=plan.large)
            contenders.append((files, contender))
    return contenders


def _round(
    plan: Plan, contenders: list[tuple[int, Contender]], batches: dict[Place, list[float]]
) -> None:
    for operation in OPERATIONS.values():
        calls = max(round(operation.calls * plan.share), 1)
        for files, contender in contenders:
            if operation.key in CONTESTANTS[contender.key].leaves_out:
                continue
            taken = contender.ask(
                "measure", operation=operation.key, calls=calls, passes=plan.passes
            )
            batches.setdefault(Place(files, operation.key, contender.key), []).append(taken)


def _memory(plan: Plan) -> dict[tuple[str, str], float]:
    """Fill a new process for each way of counting."""
    memory = {}
    for key in plan.contestants:
        for method in CONTESTANTS[key].memory:
            _progress(f"{key}: memory, {method}")
            with Contender(key) as contender:
                memory[method, key] = contender.ask("memory", files=plan.files[-1], method=method)
    return memory


def _progress(text: str) -> None:
    print(text, file=sys.stderr)
