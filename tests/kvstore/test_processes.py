"""Several processes on one store: each gets its own name; a killed one leaves no partial file."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from engines.processes import wait_until
from kvstore.helpers import read

import inmemorystorage
from inmemorystorage.kvstore import KeyValueStorage

pytestmark = pytest.mark.once

WORKER = Path(__file__).with_name("workers.py")
PACKAGE = Path(inmemorystorage.__file__).parents[1]
STORES = ["redis", "postgresql", "mariadb", "sqlite"]
# Queries that count the connections that the server is busy with.
BUSY = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE state = 'active' AND pid <> pg_backend_pid()",
    "mysql": "SELECT count(*) FROM information_schema.processlist"
    " WHERE user = 'root' AND id <> CONNECTION_ID()",
    "sqlite": "SELECT 0",
}
PROCESSES = 8
ROUNDS = 150
KILLS = 50


def databases(uri: str) -> str:
    """Return DATABASES for a store, as JSON."""
    alias = uri.partition("alias=")[2].partition("&")[0]
    if not alias:
        return "{}"
    return json.dumps({"default": {}, alias: connections.settings[alias]}, default=str)


def environment() -> dict[str, str]:
    """Return a worker's environment, without coverage: a killed worker leaves unreadable data."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return kept | {"PYTHONPATH": str(PACKAGE)}


@contextmanager
def worker(task: str, uri: str, *arguments: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a worker for a block, and kill it at the end."""
    command = [sys.executable, str(WORKER), task, uri, databases(uri), *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def write_line(process: subprocess.Popen[str], line: str) -> None:
    """Write a worker's next line of input."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def answers(process: subprocess.Popen[str]) -> Any:
    """Return a worker's next line."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the process ended with {process.wait()}"
    return json.loads(line)


@pytest.mark.parametrize("name", STORES)
def test_processes_save_under_one_name(store_uri: Callable[[str], str], name: str) -> None:
    """Each process gets its own name, and its content is saved."""
    uri = store_uri(name)
    rounds = ROUNDS if name == "redis" else 20
    with worker("race", uri, PROCESSES, rounds) as process:
        saved = [answers(process) for _ in range(PROCESSES * rounds)]
    storage = KeyValueStorage(uri)
    assert len({each for each, _ in saved}) == PROCESSES * rounds
    assert sorted(storage.listdir("race")[1]) == sorted(each.split("/")[1] for each, _ in saved)
    assert [read(storage, each).decode() for each, _ in saved] == [text for _, text in saved]


@pytest.mark.parametrize("name", STORES)
def test_processes_killed_while_saving(store_uri: Callable[[str], str], name: str) -> None:
    """Every visible file is whole after many kills, and sweep() drops the rest."""
    uri = store_uri(name)
    kills, chance = (KILLS if name == "redis" else 5), random.Random(6)
    storage = KeyValueStorage(uri)
    told = []
    with worker("save_in_forks", uri) as process:
        for turn in range(kills):
            write_line(process, str(turn))
            saver, saved = answers(process)
            told.append(saved)
            time.sleep(chance.uniform(0, 0.02))
            os.kill(saver, signal.SIGKILL)
    # The server may still be at work for a killed process.
    wait_until(lambda: others(storage) == 0, "the server")
    names = [f"kept/{each}" for each in storage.listdir("kept")[1]]
    assert set(told) <= set(names)
    for each in names:
        content = read(storage, each)
        assert hashlib.sha256(content[64:]).hexdigest().encode() == content[:64], each
    swept = storage.sweep(older_than=0)
    assert swept > 0 or name != "redis"  # a few kills may hit no upload
    assert storage.sweep(older_than=0) == 0
    assert {f"kept/{each}" for each in storage.listdir("kept")[1]} == {*names}
    for each in names:
        storage.delete(each)
    assert left(storage) == []


def others(storage: KeyValueStorage) -> int:
    """Return how many connections of other processes the server is busy with."""
    backend = storage._contents.entries.backend
    if hasattr(backend, "_client"):
        # This connection itself is at "client list".
        clients = backend._client.client_list()
        return sum(each["cmd"] != "client|list" and each["idle"] == "0" for each in clients)
    connection = connections[backend._using]
    with connection.cursor() as cursor:
        cursor.execute(BUSY[connection.vendor])
        return int(cursor.fetchone()[0])


def left(storage: KeyValueStorage) -> list[Any]:
    """Return the chunks and the notes in a store."""
    engine = storage._contents.entries
    notes = engine.list("", engine.key("s", ""))
    return [*notes, *chunks_of(storage)]


def chunks_of(storage: KeyValueStorage) -> list[Any]:
    """Return the keys of all chunks, from the engine itself."""
    backend, prefix = storage._contents.entries.backend, storage._contents.entries.key("c", "")
    if hasattr(backend, "_client"):
        return [*backend._client.scan_iter(match=f"{prefix}*", count=1000)]
    return [*backend._rows.filter(key__startswith=prefix).values_list("key", flat=True)]
