"""A MariaDB server for the tests, on a socket in a temporary directory."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .processes import Process, find_program, running

# Debian has the server only in root's PATH.
DIRECTORIES = ["/usr/sbin"]
# A server is fast if its data need not survive a power failure.
SETTINGS = [
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-log-file-size=64M",
    "--max-connections=60",
]


def skip_without() -> None:
    """Skip without a client; without a server too, unless CI=true requires it."""
    pytest.importorskip("MySQLdb", reason="mysqlclient is not installed")
    find_program("mariadbd", *DIRECTORIES)


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    """Run a server that listens on a Unix socket only; yield its entry for DATABASES."""
    # Not below pytest's directory: the path of a socket may have 107 bytes at most.
    directory = Path(tempfile.mkdtemp(prefix="kvstore-my-"))
    try:
        _install(directory)
        with running(_process(directory)):
            _ask(directory, "CREATE DATABASE tests CHARACTER SET utf8mb4")
            yield {
                "ENGINE": "django.db.backends.mysql",
                "NAME": "tests",
                "HOST": str(directory / "socket"),
                "USER": "root",
            }
    finally:
        shutil.rmtree(directory)


def _place(directory: Path) -> list[str]:
    """Return the options that name the server's files; it reads no other settings."""
    return ["--no-defaults", f"--datadir={directory / 'data'}", f"--user={getpass.getuser()}"]


def _install(directory: Path) -> None:
    """Create the system tables, and a root user without a password."""
    command = [find_program("mariadb-install-db", *DIRECTORIES), *_place(directory)]
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)


def _process(directory: Path) -> Process:
    socket = [f"--socket={directory / 'socket'}", "--skip-networking"]
    files = [f"--pid-file={directory / 'pid'}", f"--tmpdir={directory}"]
    return Process(
        [find_program("mariadbd", *DIRECTORIES), *_place(directory), *socket, *files, *SETTINGS],
        lambda: _answers(directory),
        directory / "log",
    )


def _answers(directory: Path) -> bool:
    import MySQLdb

    try:
        _ask(directory, "SELECT 1")
    except MySQLdb.OperationalError:
        return False
    return True


def _ask(directory: Path, statement: str) -> None:
    import MySQLdb

    connection = MySQLdb.connect(unix_socket=str(directory / "socket"), user="root")
    try:
        connection.query(statement)
    finally:
        connection.close()
