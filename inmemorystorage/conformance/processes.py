"""Calls of a storage in other processes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from django.core.files.storage import Storage

from .workspace import Workspace

WORKER = "from inmemorystorage.conformance.processes import work; work()"


def start_process(
    storage: Storage, directory: str, run: Callable[..., Any], *arguments: Any
) -> Callable[[], Any]:
    """
    Call a function with a pickled storage in another process; return a function to wait for it.

    The process has this one's settings module, if it has one.
    """
    call = pickle.dumps((storage, directory, run, arguments))
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    def wait() -> Any:
        with process:
            try:
                output, errors = process.communicate(call)
            except BaseException:  # it would save files after the check has cleaned up
                process.kill()
                raise
        if process.returncode:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            raise ChildProcessError(f"another process failed: {last}")
        return pickle.loads(output)

    return wait


def work() -> None:
    """Do what a process is started for: read a call, and write its result."""
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        import django

        django.setup()
    storage, directory, run, arguments = pickle.load(sys.stdin.buffer)
    result = run(Workspace(storage, directory=directory), *arguments)
    sys.stdout.buffer.write(pickle.dumps(result))
