"""Find, start, await and stop the programs that tests need."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

_WAIT = 60.0


def find_program(name: str, *directories: str) -> str:
    """
    Return the path of a program; skip the test without it, or fail if CI=true.

    :param directories: other places than PATH, such as Debian's for PostgreSQL.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *directories])
    if found := shutil.which(name, path=path):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed: .ci/run installs it.")
    pytest.skip(f"{name} is not installed")


def free_port() -> int:
    """Return a free port of 127.0.0.1; another process may take it before it is used."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def wait_until(answers: Callable[[], object], what: str, seconds: float = _WAIT) -> None:
    """
    Wait until ``answers()`` is true; an ``OSError`` means: not yet.

    :param what: what to name in the ``TimeoutError`` after ``seconds``.
    """
    end = time.monotonic() + seconds
    while not _succeeds(answers):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not answer in {seconds:g} seconds")
        time.sleep(0.01)


def _succeeds(answers: Callable[[], object]) -> bool:
    try:
        return bool(answers())
    except OSError:
        return False


def accepts(port: int) -> bool:
    """Return whether a program listens at a port; raise ``OSError`` if none does."""
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    return True


@dataclass
class Process:
    """
    A program that a test can stop and start again.

    :param command: the program and its arguments.
    :param answers: whether it answers; an ``OSError`` means "not yet".
    :param log: the file for its output.
    :param options: options of `subprocess.Popen`.
    """

    command: Sequence[str]
    answers: Callable[[], object]
    log: Path
    options: dict[str, Any] = field(default_factory=dict)
    _handle: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; raise `ChildProcessExit` if it ends first."""
        with self.log.open("ab") as output:
            self._handle = self._open(output)
        try:
            wait_until(self._lives_and_answers, self.command[0])
            self._lives()  # another program may answer at its port
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it as a service manager does, and wait until it has ended."""
        if self._handle is not None:
            self._handle.terminate()
            try:
                self._handle.wait(_WAIT)
            except subprocess.TimeoutExpired:
                self._handle.kill()
                self._handle.wait()
            self._handle = None

    def kill(self) -> None:
        """Kill it, as a failing machine does."""
        if self._handle is not None:
            self._handle.kill()
        self.stop()

    def _open(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **self.options
        )

    def _lives(self) -> None:
        if self._handle is None or self._handle.poll() is not None:
            text = self.log.read_text(errors="replace")[-2000:]
            raise ChildProcessExit(f"{self.command[0]} ended before it answered:\n{text}")

    def _lives_and_answers(self) -> object:
        self._lives()
        return self.answers()


class ChildProcessExit(Exception):
    """Raised when a program ends before it answers."""


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """Start a program for a block."""
    process.start()
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def at_a_free_port(make: Callable[[int], Process]) -> Iterator[tuple[Process, int]]:
    """Run what ``make(port)`` describes for a block; yield it and its port."""
    process, port = started(make)
    try:
        yield process, port
    finally:
        process.stop()


def started(make: Callable[[int], Process], tries: int = 5) -> tuple[Process, int]:
    """
    Start the process that ``make(port)`` describes at a free port; return it and the port.

    If another process takes the port first, try another port.
    """
    port = free_port()
    process = make(port)
    try:
        process.start()
    except ChildProcessExit:
        if tries == 1:
            raise
        return started(make, tries - 1)
    return process, port
