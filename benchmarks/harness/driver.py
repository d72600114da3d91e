"""The worker processes, seen from the driver."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from .contestants import CONTESTANTS, TMPFS
from .environment import interpreter_for

BENCHMARKS = Path(__file__).resolve().parents[1]


class WorkerFailed(RuntimeError):
    """A worker raised, or ended before it answered."""


class Contender:
    """A contestant running in its own process, with an empty directory on tmpfs."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._directory = tempfile.TemporaryDirectory(prefix="benchmark-", dir=TMPFS)
        self._process = subprocess.Popen(
            [interpreter_for(CONTESTANTS[key]), "-m", "harness.worker", key, self._directory.name],
            # In the caller's directory, `-m` would import this package instead of the
            # predecessor.
            cwd=BENCHMARKS,
            env={**os.environ, "PYTHONHASHSEED": "0", **CONTESTANTS[key].environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send one command and return its value."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        reply = json.loads(line) if line else {"error": "the process ended"}
        if "error" in reply:
            raise WorkerFailed(f"{self.key}, asked to {do} {arguments}: {reply['error']}")
        return reply["value"]

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._directory.cleanup()
