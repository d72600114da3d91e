"""Emulators of object stores, each in its own process on a free port of 127.0.0.1."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

# The tests run the same emulators.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
from engines.processes import Process, accepts, at_a_free_port
from object_stores import azurite
from object_stores.gcs_server import gcs_server

in_process = nullcontext


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto's server, and yield its URL."""
    with tempfile.TemporaryDirectory() as directory:

        def make(port: int) -> Process:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            return Process(command, lambda: accepts(port), Path(directory, "log"))

        with at_a_free_port(make) as (_, port):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def fake_gcs_server() -> Iterator[str]:
    """Run fake-gcs-server, and yield its URL."""
    with gcs_server() as url:
        yield url


@contextmanager
def azurite_server() -> Iterator[str]:
    """Run Azurite, and yield its URL."""
    if not azurite.PROGRAM.exists():
        raise SystemExit("Azurite is not installed: python tests/object_stores/azurite.py")
    with azurite.run_azurite() as running:
        yield running.endpoint
