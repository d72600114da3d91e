"""One contestant in one process: read commands from stdin, and write answers to stdout, by line.

Each line is one JSON object. A command is `{"do": name, ...arguments}`, an answer `{"value": ...}`
or `{"error": traceback}`. Started as `python -m harness.worker CONTESTANT DIRECTORY`.
"""

from __future__ import annotations

import gc
import json
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from .contestants import CONTESTANTS
from .memory import per_file
from .operations import OPERATIONS
from .races import RACES
from .site import Site

# An installed package comes first, so that a wheel can be measured; else the checkout does.
sys.path.append(str(Path(__file__).resolve().parents[2]))


class Worker:
    """Hold one contestant's storage and run the driver's commands."""

    def __init__(self, key: str, directory: Path) -> None:
        self._contestant = CONTESTANTS[key]
        self._directory = directory
        self._site = self._new_site(0)

    def versions(self) -> dict[str, str]:
        """Return the versions in use."""
        return {"python": platform.python_version(), "django": django.get_version()}

    def fill(self, files: int, large: int) -> None:
        """Create a storage with `files` files, and hide its objects from the garbage collector."""
        self._site = self._new_site(files)
        self._site.fill(large)
        gc.collect()
        gc.freeze()

    def measure(self, operation: str, calls: int, passes: int) -> float:
        """Time one batch of an operation."""
        return OPERATIONS[operation].measure(self._site, calls, passes)

    def memory(self, files: int, method: str) -> float:
        """Count the bytes per file of a new storage with `files` files."""
        return per_file(self._new_site(files), method)

    def race(self, race: str, rounds: int) -> dict[str, int]:
        """Run one race between threads."""
        return RACES[race](self._new_site(0).store, rounds)

    def _new_site(self, files: int) -> Site:
        return Site(self._contestant.make(self._directory), files)


def answer(worker: Worker, line: str) -> dict[str, Any]:
    """Run one command and wrap its outcome."""
    command = json.loads(line)
    method: Callable[..., Any] = getattr(worker, command.pop("do"))
    try:
        return {"value": method(**command)}
    except Exception:
        return {"error": traceback.format_exc()}


def main(key: str, directory: str) -> None:
    """Answer commands until stdin ends."""
    settings.configure(USE_TZ=True, MEDIA_URL="/media/", MEDIA_ROOT="/srv/site/media")
    django.setup()
    worker = Worker(key, Path(directory))
    for line in sys.stdin:
        print(json.dumps(answer(worker, line)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
