"""Locks after a fork: a child does not wait for a thread that it does not have."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from forking import may_fork, needs_fork, succeeds_beside

import inmemorystorage
from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.backends import locmem

PACKAGE = Path(inmemorystorage.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}

# A lock that is made where it is kept; PerProcess takes the class, and makes it.
_makes_lock = re.compile(r"\b(?:Lock|RLock|Condition|Semaphore|BoundedSemaphore)\(").search
# The journal holds its lock during a fork, so that a child finds whole trees.
EXEMPT = {"tree/journal.py"}

# Both processes end as usual, so that their coverage is measured.
FORK = """
import os, threading
from inmemorystorage.forks import PerProcess

lock = PerProcess(threading.Lock)
before = lock.value
before.acquire()
child = os.fork()
if child:
    assert lock.value is before
    raise SystemExit(os.waitpid(child, 0)[1])
assert lock.value.acquire(blocking=False)
"""

pytestmark = [needs_fork, may_fork]


def test_a_child_uses_a_locmem_store() -> None:
    """A child stores values in a locmem store that another thread was changing."""
    store = get_kvstore("locmem://forks")
    store.set("a", 1)

    def use() -> bool:
        return bool(store.add("b", 2)) and store.get("a") == 1

    assert succeeds_beside(locmem.stores["forks"].lock.value, use)


def test_a_child_makes_a_client() -> None:
    """A child can make a client of Amazon's services while another thread was making one."""
    aws = pytest.importorskip("inmemorystorage.kvstore.backends.aws", exc_type=ImportError)
    assert succeeds_beside(aws._lock.value, lambda: aws._lock.value.acquire(timeout=1))


def test_the_process_that_forks_keeps_its_values() -> None:
    """A value stays in the process that forks, and is another one in the child."""
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=60)


@pytest.mark.once
@pytest.mark.parametrize("source", sorted({*SOURCES} - EXEMPT))
def test_every_lock_is_made_again(source: str) -> None:
    """No module keeps a lock that a forked child would inherit as it is."""
    assert not _makes_lock(re.sub(r"PerProcess\(.*\)", "", SOURCES[source].read_text("utf-8")))
