"""
Use a storage in a separate process, for the tests of several processes::

    python workers.py TASK URI ARGUMENT...

It prints a line of JSON for each result.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import os
import sys
from multiprocessing.synchronize import Barrier
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile


def race(storage: Any, processes: str, rounds: str) -> None:
    """Fork, and save in each process once in each round, under the same name as the others."""
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(int(processes))
    racers = [
        fork.Process(target=save_in_rounds, args=(storage, number, int(rounds), barrier))
        for number in range(int(processes))
    ]
    for each in racers:
        each.start()
    for each in racers:
        each.join()


def save_in_rounds(storage: Any, number: int, rounds: int, barrier: Barrier) -> None:
    """Save once in each round, which all processes begin together."""
    for turn in range(rounds):
        barrier.wait(60)
        content = f"{turn} of {number}"
        report([storage.save(f"race/{turn}.txt", ContentFile(content)), content])


def save_in_forks(storage: Any) -> None:
    """Fork for each line of input, and wait until the test has killed the forked process."""
    for line in sys.stdin:
        parent, child = os.getpid(), os.fork()
        if child == 0:
            save_until_killed(storage, line.strip(), parent)
        os.waitpid(child, 0)


def save_until_killed(storage: Any, seed: str, parent: int) -> None:
    """Save files of several chunks, each with its checksum; report this process and the first."""
    for turn in itertools.count():
        body = hashlib.sha256(f"{seed} {turn}".encode()).digest() * 6000
        whole = hashlib.sha256(body).hexdigest().encode() + body
        name = storage.save("kept/file.bin", ContentFile(whole))
        if turn == 0:
            report([os.getpid(), name])
        if os.getppid() != parent:
            os._exit(1)


def report(done: Any) -> None:
    """Print a result for the test, in one step: processes share the output."""
    os.write(sys.stdout.fileno(), f"{json.dumps(done)}\n".encode())


if __name__ == "__main__":
    settings.configure(DATABASES=json.loads(sys.argv[3]), USE_TZ=True)
    import django

    django.setup()
    from inmemorystorage.kvstore import KeyValueStorage

    task = {"race": race, "save_in_forks": save_in_forks}[sys.argv[1]]
    task(KeyValueStorage(sys.argv[2], chunk_size=2**16), *sys.argv[4:])
