"""Forks: run a check in a forked process, beside a thread that holds a lock or without one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
may_fork = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def succeeds_in_child(check: Callable[[], object]) -> bool:
    """Return whether a forked process ends, and ``check`` returns a true result there."""
    child = os.fork()
    if not child:
        signal.alarm(30)  # ends a child that hangs
        os._exit(0 if check() else 1)
    return os.waitpid(child, 0)[1] == 0


def succeeds_beside(lock: AbstractContextManager[Any], check: Callable[[], object]) -> bool:
    """Return whether ``check`` succeeds in a child while a thread of its parent holds a lock."""
    results: list[bool] = []
    with lock:
        thread = threading.Thread(target=lambda: results.append(succeeds_in_child(check)))
        thread.start()
        thread.join()
    return results == [True]
