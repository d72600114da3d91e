"""Azurite, the emulator of Azure's Blob service, on loopback; run this module to install it."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VERSION = "3.35.0"
# Beside the other packages of the environment; npm needs its own directory.
DIRECTORY = Path(sys.prefix, "azurite")
PROGRAM = DIRECTORY / "node_modules/.bin/azurite-blob"
ACCOUNT, KEY = "inmemory", base64.b64encode(b"in-memory").decode()
OTHER = "other"
LIFETIME = 300
numbers = itertools.count(1)


def has_client() -> bool:
    """Return whether django-storages and its client of Azure are installed."""
    return find_spec("storages") is not None and _finds("azure.storage.blob")


def _finds(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its package is missing
        return False


@dataclass
class Azurite:
    """
    A running Azurite with two accounts.

    :param endpoint: its URL, without an account.
    :param process: is restarted for a new container after some minutes: it stalls after ten.
    """

    endpoint: str
    process: Any
    started: float

    @cached_property
    def service(self) -> Any:
        """Return a client of the first account."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(f"{self.endpoint}/{ACCOUNT}", credential=KEY)

    def make_container(self) -> str:
        """Create an empty container; return its name."""
        if time.monotonic() > self.started + LIFETIME:
            self.process.stop()
            self.process.start()
            self.started = time.monotonic()
        name = f"media-{next(numbers)}"
        self.service.create_container(name)
        return name


@contextlib.contextmanager
def run_azurite() -> Iterator[Azurite]:
    """Run Azurite."""
    from engines.processes import Process, accepts, find_program, free_port

    program = find_program("azurite-blob", str(PROGRAM.parent))
    port = free_port()
    command = [program, "--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck"]
    with tempfile.TemporaryDirectory() as directory:
        accounts = f"{ACCOUNT}:{KEY};{OTHER}:{KEY}"
        process = Process(
            [*command, "--silent", "--disableTelemetry"],
            lambda: accepts(port),
            Path(directory, "log"),
            {"cwd": directory, "env": {**os.environ, "AZURITE_ACCOUNTS": accounts}},
        )
        process.start()
        try:
            yield Azurite(f"http://127.0.0.1:{port}", process, time.monotonic())
        finally:
            process.stop()


def install() -> None:
    """Install Azurite with npm; exit with an error if CI=true requires it and that fails."""
    npm = shutil.which("npm")
    command = [npm or "npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    command += ["--prefix", str(DIRECTORY), f"azurite@{VERSION}"]
    if PROGRAM.exists() or (npm is not None and any(succeeds(command) for _ in range(3))):
        return
    if os.environ.get("CI") == "true":
        sys.exit("Azurite was not installed: .ci/servers installs npm.")
    print("Without Azurite the tests that compare with it are skipped.", file=sys.stderr)


def succeeds(command: list[str]) -> bool:
    """Run a command, which may hang; return whether it succeeds in 200 seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.call(command, timeout=200) == 0
    return False


if __name__ == "__main__":
    install()
