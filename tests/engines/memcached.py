"""memcached servers for the tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import Process, accepts, at_a_free_port, find_program


@dataclass
class Server:
    """
    A running server.

    :param process: its process, which can be stopped and started.
    :param port: its port.
    """

    process: Process
    port: int

    @property
    def address(self) -> str:
        """Return the host and the port, as in a URI."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def memcached_server(*options: str) -> Iterator[Server]:
    """Run a server for a block, with these command-line options."""
    program = find_program("memcached")
    with tempfile.TemporaryDirectory(prefix="memcached-") as directory:

        def make(port: int) -> Process:
            # memcached refuses to run as root without -u, and ignores it for other users.
            command = [program, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"]
            return Process([*command, *options], lambda: accepts(port), Path(directory, "log"))

        with at_a_free_port(make) as (process, port):
            yield Server(process, port)
