"""What a forked process makes again: locks may belong to threads that it does not have."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")


class PerProcess(Generic[T]):
    """
    Hold a value, such as a lock, that a forked process makes again.

    ``value`` is the value of this process. Read it once to acquire and to release a lock.

    :param make: returns a new value.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self.value = make()
        _all.add(self)

    def renew(self) -> None:
        """Make the value again."""
        self.value = self._make()


_all: WeakSet[PerProcess[Any]] = WeakSet()


def _renew_all() -> None:
    for each in _all:
        each.renew()


getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_renew_all)
