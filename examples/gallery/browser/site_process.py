"""The gallery, started in processes of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MANAGE = Path(__file__).parent.parent / "manage.py"


@contextmanager
def running_site(*options: str, log: Path, **environment: str) -> Iterator[str]:
    """Yield the address of a gallery that is started for the block by the command `gallery`."""
    command = ["gallery", "--port", "0", *options]
    with _running(command, r"Gallery: (http://\S+)/\n", log, environment) as address:
        yield address


@contextmanager
def running_server(*, log: Path, **environment: str) -> Iterator[str]:
    """Yield the address of a gallery that is started for the block by Django's `runserver`."""
    command = ["runserver", "--noreload", "0"]
    announced = r"Starting .*development server at (http://\S+)/\n"
    with _running(command, announced, log, environment) as address:
        yield address


def migrate(**environment: str) -> None:
    """Make the database, which `runserver` leaves to others."""
    command = [sys.executable, str(MANAGE), "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**os.environ, **environment}, check=True)


@contextmanager
def _running(
    command: list[str], announced: str, log: Path, environment: dict[str, str]
) -> Iterator[str]:
    """
    Yield the address that a process announces, and stop it in the end.

    What it writes into the log must be no traceback, whatever the browser has done to it.
    """
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-u", str(MANAGE), *command],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            found = (re.fullmatch(announced, line) for line in process.stdout)
            address = next(filter(None, found), None)
            assert address, log.read_text()
            yield address[1]
        finally:
            process.terminate()
    assert "Traceback" not in log.read_text(), log.read_text()
