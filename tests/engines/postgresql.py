"""A cluster of PostgreSQL of the tests' own, on a socket in a directory of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
CLIENT = find_spec("psycopg") is not None
# What makes a server slow is what keeps its data when the power fails.
SETTINGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60"]


def skip_without() -> None:
    """Skip without a client; without a server too, but where all of them have to be there."""
    if not CLIENT:
        pytest.skip("psycopg is not installed")
    if not PROGRAMS:
        reason = "there is no PostgreSQL in /usr/lib/postgresql"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@contextmanager
def cluster() -> Iterator[dict[str, Any]]:
    """Run a server that listens on a Unix socket alone; yield what DATABASES has for it."""
    # Not below pytest's directory: the path of a socket has 107 bytes at most, and the server's
    # user has to be let in.
    directory = Path(tempfile.mkdtemp(prefix="kvstore-pg-"))
    user = _user(directory)
    programs = PROGRAMS[-1].parent
    try:
        subprocess.run(
            [programs / "initdb", "-D", directory / "data", "-U", "tests", "-A", "trust", "-N"],
            **user,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        yield from _serving(programs / "postgres", directory, user)
    finally:
        shutil.rmtree(directory)


def _serving(program: Path, directory: Path, user: dict[str, Any]) -> Iterator[dict[str, Any]]:
    options = [argument for each in SETTINGS for argument in ("-c", each)]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "-D", directory / "data", "-k", directory, "-h", "", *options],
            **user,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(server, directory)
        yield {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "HOST": str(directory),
            "USER": "tests",
        }
    finally:
        server.send_signal(signal.SIGINT)  # "fast": it does not wait for its clients
        server.wait()


def _wait(server: subprocess.Popen[bytes], directory: Path) -> None:
    """Wait until the server answers; fail with its log when it has ended."""
    import psycopg

    while server.poll() is None:
        try:
            psycopg.connect(host=str(directory), user="tests", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail((directory / "log").read_text(encoding="utf-8"))


def _user(directory: Path) -> dict[str, Any]:
    """Return who runs the server, and let him in: PostgreSQL refuses to be run by root."""
    if os.geteuid():
        return {"cwd": directory}
    shutil.chown(directory, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": directory}
