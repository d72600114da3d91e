"""The three sizes of a run."""

from __future__ import annotations

from dataclasses import dataclass

from .stores import MIB

PEERS = ("ours", "django", "tmpfs", "predecessor", "dict")


@dataclass(frozen=True)
class Plan:
    """Describe the files, rounds, bytes and contestants of a run.

    `share` is the part of an operation's usual number of calls that one batch times. Each batch
    passes over its names `passes` times, and the last pass counts: the ones before it warm the
    processor's caches, which the other contestants' turns have cooled.
    """

    files: tuple[int, ...]
    rounds: int
    large: int
    share: float = 1.0
    passes: int = 4
    contestants: tuple[str, ...] = PEERS


FULL = Plan(files=(10_000, 100_000), rounds=41, large=100 * MIB)
QUICK = Plan(files=(1_000, 10_000), rounds=21, large=100 * MIB)
# Without the predecessor, whose environment needs the package index.
SMOKE = Plan(
    files=(300, 600),
    rounds=2,
    large=MIB,
    share=0.1,
    contestants=("ours", "django", "tmpfs", "dict"),
)
