"""
A process that uses a storage, run by the tests of several processes::

    python workers.py TASK URI ARGUMENT...

It writes what it did to standard output, a line each, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile


def race(storage: Any, number: str, rounds: str) -> None:
    """Save under one name for each round, which others save under too."""
    for turn in range(int(rounds)):
        # All begin a round together.
        sys.stdin.readline()
        content = f"{turn} of {number}"
        report([storage.save(f"race/{turn}.txt", ContentFile(content)), content])


def save_for_ever(storage: Any, seed: str) -> None:
    """Save contents of some chunks, each telling its checksum, until the process is killed."""
    turn = 0
    while True:
        body = hashlib.sha256(f"{seed} {turn}".encode()).digest() * 6000
        whole = hashlib.sha256(body).hexdigest().encode() + body
        report(storage.save("kept/file.bin", ContentFile(whole)))
        turn += 1


def report(done: Any) -> None:
    """Tell the test what was done."""
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    settings.configure(DATABASES=json.loads(sys.argv[3]), USE_TZ=True)
    import django

    django.setup()
    from inmemorystorage.kvstore import KeyValueStorage

    task = {"race": race, "save_for_ever": save_for_ever}[sys.argv[1]]
    task(KeyValueStorage(sys.argv[2], chunk_size=2**16), *sys.argv[4:])
