"""A PostgreSQL cluster for the tests, on a socket in a temporary directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .processes import Process, find_program, running

# Debian installs the programs by release, outside of PATH; the newest comes first.
DIRECTORIES = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
# A server is fast if its data need not survive a power failure.
SETTINGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60"]


def skip_without() -> None:
    """Skip without a client; without a server too, unless CI=true requires it."""
    pytest.importorskip("psycopg")
    find_program("postgres", *DIRECTORIES)


class Server(Process):
    """A server that stops without waiting for its clients."""

    def stop(self) -> None:
        """Stop the server at once, and roll back its transactions (\"fast\" in its manual)."""
        if self._handle is not None:
            self._handle.send_signal(signal.SIGINT)
        super().stop()


@contextmanager
def cluster() -> Iterator[dict[str, Any]]:
    """Run a server that listens on a Unix socket only; yield its entry for DATABASES."""
    # Not below pytest's directory: the path of a socket may have 107 bytes at most, and the
    # server's user needs access.
    directory = Path(tempfile.mkdtemp(prefix="kvstore-pg-"))
    try:
        user = _user(directory)
        command = [find_program("initdb", *DIRECTORIES), "-D", "data", "-U", "tests", "-A", "trust"]
        subprocess.run([*command, "-N"], **user, check=True, stdout=subprocess.DEVNULL)
        with running(_server(directory, user)):
            yield {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "HOST": str(directory),
                "USER": "tests",
            }
    finally:
        shutil.rmtree(directory)


def _server(directory: Path, user: dict[str, Any]) -> Server:
    options = [argument for each in SETTINGS for argument in ("-c", each)]
    place = ["-D", "data", "-k", str(directory), "-h", ""]
    return Server(
        [find_program("postgres", *DIRECTORIES), *place, *options],
        lambda: _answers(directory),
        directory / "log",
        user,
    )


def _answers(directory: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(host=str(directory), user="tests", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _user(directory: Path) -> dict[str, Any]:
    """Return the user that runs the server, and give it access: PostgreSQL refuses root."""
    if os.geteuid():
        return {"cwd": directory}
    shutil.chown(directory, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": directory}
