"""The gallery, started in subprocesses."""

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
    """Yield the URL of a gallery that the command `gallery` serves during the block."""
    command = ["gallery", "--port", "0", *options]
    with _running(command, r"Gallery: (http://\S+)/\n", log, environment) as address:
        yield address


@contextmanager
def running_server(*, log: Path, **environment: str) -> Iterator[str]:
    """Yield the URL of a gallery that Django's `runserver` serves during the block."""
    command = ["runserver", "--noreload", "0"]
    announced = r"Starting .*development server at (http://\S+)/\n"
    with _running(command, announced, log, environment) as address:
        yield address


@contextmanager
def running_test_server(fixture: Path, *, log: Path, **environment: str) -> Iterator[str]:
    """Yield the URL of a gallery that `testserver` serves, on files and buckets in memory."""
    command = ["testserver", str(fixture), "--noinput", "--addrport", "127.0.0.1:0"]
    announced = r"Starting .*development server at (http://\S+)/\n"
    with _running(command, announced, log, environment) as address:
        yield address


def migrate(**environment: str) -> None:
    """Create the database, which `runserver` does not do."""
    command = [sys.executable, str(MANAGE), "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**os.environ, **environment}, check=True)


@contextmanager
def _running(
    command: list[str], announced: str, log: Path, environment: dict[str, str]
) -> Iterator[str]:
    """
    Yield the URL that a process announces, and stop it afterwards.

    Its log must not have a traceback, whatever the browser did.
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
