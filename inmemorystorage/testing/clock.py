"""Move the clock of a test, or wait; let clients send requests again without waiting."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from .bucket_floor import BucketFloor
from .imports import after_import
from .tools import Overlapping, attribute


def wait(seconds: float) -> None:
    """Wait, or advance a stopped clock."""
    if not _advance(seconds):
        time.sleep(seconds)


def _advance(seconds: float) -> bool:
    """Advance the clock that time-machine or freezegun has stopped; return whether one has."""
    time_machine = sys.modules.get("time_machine")
    travellers = getattr(time_machine, "traveller_stack", None)
    freezegun = sys.modules.get("freezegun.api")
    if travellers:
        travellers[-1].shift(seconds)
    elif freezegun is not None and freezegun.freeze_factories:
        freezegun.freeze_factories[-1].tick(seconds)
    else:
        return False
    return True


class RetryClock:
    """
    The module ``time`` as a client sees it while its requests fail: waiting takes no time.

    The time that it did not wait has passed for it, so that it gives up when it would have.
    """

    def __init__(self) -> None:
        self._skipped = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Advance a stopped clock, and this one."""
        self._skipped += seconds
        _advance(seconds)

    def monotonic(self) -> float:
        """Return the seconds of a clock that runs ahead by what was skipped."""
        return time.monotonic() + self._skipped


@contextlib.contextmanager
def _retrying_at_once() -> Iterator[None]:
    clock = RetryClock()
    with contextlib.ExitStack() as stack:
        for floor in BucketFloor.active:
            for name in floor.waiting:

                def patch(name: str = name) -> None:
                    stack.enter_context(attribute(sys.modules[name], "time", clock))

                stack.enter_context(after_import(name, patch))
        yield


# For blocks in which clients do not wait before they send a request again.
retrying_at_once = Overlapping(_retrying_at_once)
