"""The benchmark's own Redis server, and a count of round trips to it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.connection import Connection
from redis.exceptions import ConnectionError

SECONDS = 30.0


@contextmanager
def redis_server() -> Iterator[int]:
    """Run a server without persistence on a free port of 127.0.0.1, and yield the port."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed: apt-get install redis-server")
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory]
        with subprocess.Popen(
            [*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL
        ) as process:
            try:
                _wait(process, port)
                yield port
            finally:
                process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + SECONDS
    with Redis(port=port) as client:
        while process.poll() is None and time.monotonic() < end:
            try:
                client.ping()
                return
            except ConnectionError:
                time.sleep(0.01)
    raise SystemExit(f"redis-server does not answer at port {port}")


class RoundTrips:
    """Count how often a send follows a receive."""

    def __init__(self) -> None:
        self.count = 0
        self._waits = False

    def sent(self) -> None:
        """Note a send; the first one, or the first after a response, starts a round trip."""
        self.count += not self._waits
        self._waits = True

    def received(self) -> None:
        """Note that a response was read."""
        self._waits = False


@contextmanager
def counted_round_trips() -> Iterator[RoundTrips]:
    """Count on every connection of redis-py during a block, in its send and read methods."""
    trips = RoundTrips()
    send, read = Connection.send_packed_command, Connection.read_response

    def counted_send(self: Any, *args: Any, **options: Any) -> Any:
        trips.sent()
        return send(self, *args, **options)

    def counted_read(self: Any, *args: Any, **options: Any) -> Any:
        answer = read(self, *args, **options)
        trips.received()
        return answer

    Connection.send_packed_command, Connection.read_response = counted_send, counted_read
    try:
        yield trips
    finally:
        Connection.send_packed_command, Connection.read_response = send, read
