"""Record or disturb the traffic between a client and a server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby


@dataclass
class Wire:
    """
    A port that forwards everything to another port, and records it.

    :param port: the port that clients connect to.
    :param cuts: whether to close a connection when a request comes, without forwarding it.
    :param swallows: whether to forward nothing.
    :param answer: a response to send to each request, instead of the server's.
    """

    port: int = 0
    cuts: bool = False
    swallows: bool = False
    answer: bytes = b""
    _chunks: list[tuple[bool, bytes]] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)

    def requests(self) -> list[bytes]:
        """
        Return the data sent since the last call, between one response and the next.

        Their number is that of the round trips.
        """
        chunks, self._chunks[:] = [*self._chunks], []
        groups = groupby(chunks, key=lambda chunk: chunk[0])
        return [b"".join(data for _, data in group) for is_request, group in groups if is_request]

    def serve(self, listening: socket.socket, port: int) -> None:
        """Forward what each connection sends and receives."""
        with suppress(OSError):  # the port is closed
            while True:
                client = listening.accept()[0]
                server = socket.create_connection(("127.0.0.1", port))
                for each in client, server:
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += client, server
                for args in (client, server, True), (server, client, False):
                    threading.Thread(target=self._hand_on, args=args, daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket, is_request: bool) -> None:
        with suppress(OSError):  # the connection is closed
            while data := source.recv(2**16):
                self._chunks.append((is_request, data))
                if self.cuts:
                    break
                if self.answer and is_request:
                    source.sendall(self.answer)
                elif not self.swallows:
                    target.sendall(data)
            for each in source, target:
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections."""
        for each in self._sockets:
            each.close()


@contextmanager
def recorded(port: int) -> Iterator[Wire]:
    """Record the traffic between clients and a port of 127.0.0.1 for a block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire = Wire(listening.getsockname()[1])
        thread = threading.Thread(target=wire.serve, args=(listening, port))
        thread.start()
        try:
            yield wire
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            wire.close()
