"""Run code before or after a numbered operation of a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from inmemorystorage.kvstore.backends import locmem

OPERATIONS = [
    *("insert_entry", "replace_entry", "remove_entry", "read_entries", "list_entries"),
    *("set_many", "get_many", "delete_many"),
]
CHANGES = ["insert_entry", "replace_entry", "remove_entry", "set_many", "delete_many"]


class Steps:
    """Counts the operations of a backend."""

    def __init__(self) -> None:
        self.count = 0
        self.is_inside = False


@contextmanager
def at_step(
    number: int, before: Callable[[], Any] | None = None, after: Callable[[], Any] | None = None
) -> Iterator[Steps]:
    """Call a function before or after the operation of this number; yield the count."""
    steps = Steps()

    def watched(operation: str) -> Any:
        method = getattr(locmem.LocmemBackend, operation)

        def call(self: Any, *args: Any, **options: Any) -> Any:
            if steps.is_inside:
                return method(self, *args, **options)
            steps.count += 1
            is_it = steps.count == number
            steps.is_inside = True
            try:
                if is_it and before is not None:
                    before()
                answer = method(self, *args, **options)
                if is_it and after is not None:
                    after()
                return answer
            finally:
                steps.is_inside = False

        return call

    with pytest.MonkeyPatch.context() as patch:
        for operation in OPERATIONS:
            patch.setattr(locmem.LocmemBackend, operation, watched(operation))
        yield steps


def at_each_step(does: Callable[[int], Steps]) -> None:
    """Call a function with each step number, until it takes fewer steps."""
    number = 1
    while does(number).count >= number:
        number += 1
    assert number > 1
