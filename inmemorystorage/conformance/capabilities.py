"""Capabilities: where storages may differ, and the probes that find them out."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields
from functools import partial
from typing import Any
from unittest.mock import patch

from django.core.files.base import ContentFile

from .processes import start_process
from .workspace import Workspace

# What a storage raises for an operation that it does not offer. Any other error is a fault, which
# the checks of the operation report.
REFUSALS = (NotImplementedError, io.UnsupportedOperation, ValueError, TypeError, AttributeError)
# How long a save waits for another that it may block: seconds, and times of a save alone.
BLOCKED, SLOWER = 0.5, 10


@dataclass(frozen=True)
class Capabilities:
    """
    Declare where a storage differs from others; a probe must find what is not ``None``.

    :param overwrites: ``save()`` replaces the file under a taken name.
    :param deletes: ``delete()`` is supported.
    :param sizes: ``size()`` is supported.
    :param lists: ``listdir()`` is supported.
    :param directories: a directory exists by itself, with and without files.
    :param urls: ``url()`` is supported.
    :param paths: ``path()`` is supported.
    :param modified_time: ``get_modified_time()`` is supported.
    :param created_time: ``get_created_time()`` is supported.
    :param accessed_time: ``get_accessed_time()`` is supported.
    :param writes: ``open(name, "wb")`` returns a handle to write with.
    :param modes: ``open()`` takes all modes of Python's, also those that append and update.
    :param text: ``save()`` takes text, and ``open(name, "r")`` returns it.
    :param ranges: a handle can seek.
    :param atomic_names: saves that run at once under one name get different names.
    :param concurrency: threads may share a storage.
    :param processes: other processes see the files; found out in thorough mode alone.
    """

    overwrites: bool | None = None
    deletes: bool | None = None
    sizes: bool | None = None
    lists: bool | None = None
    directories: bool | None = None
    urls: bool | None = None
    paths: bool | None = None
    modified_time: bool | None = None
    created_time: bool | None = None
    accessed_time: bool | None = None
    writes: bool | None = None
    modes: bool | None = None
    text: bool | None = None
    ranges: bool | None = None
    atomic_names: bool | None = None
    concurrency: bool | None = None
    processes: bool | None = None

    @property
    def given(self) -> dict[str, bool]:
        """Return those that are declared."""
        every = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in every.items() if value is not None}


NAMES = tuple(each.name for each in fields(Capabilities))
# The operations that a probe calls with the name of a file.
_OPERATIONS = {
    "sizes": "size",
    "urls": "url",
    "paths": "path",
    "modified_time": "get_modified_time",
    "created_time": "get_created_time",
    "accessed_time": "get_accessed_time",
}


def _offers_for_a_file(operation: str, space: Workspace) -> bool:
    return offers(getattr(space.storage, operation), space.name(space.save("a")))


PROBES: dict[str, Callable[[Workspace], bool]] = {
    name: partial(_offers_for_a_file, operation) for name, operation in _OPERATIONS.items()
}


def probe(found: Callable[[Workspace], bool]) -> Callable[[Workspace], bool]:
    """Register the function that finds out the capability of its name."""
    PROBES[found.__name__] = found
    return found


def offers(operation: Callable[..., object], *arguments: Any) -> bool:
    """Return whether a storage offers an operation, even if it then fails."""
    try:
        operation(*arguments)
    except REFUSALS:
        return False
    except Exception:
        return True
    return True


@probe
def overwrites(space: Workspace) -> bool:
    """Save twice under one name."""
    name = space.save("a", b"first")
    space.save("a", b"second")
    return space.read(name) == b"second"


@probe
def deletes(space: Workspace) -> bool:
    """Delete a file."""
    return offers(space.delete, space.save("a"))


@probe
def lists(space: Workspace) -> bool:
    """List a directory."""
    space.save("a")
    return offers(space.storage.listdir, space.name(""))


@probe
def directories(space: Workspace) -> bool:
    """Ask for the directory of a file that was deleted."""
    space.delete(space.save("d/a"))
    return space.exists("d")


@probe
def writes(space: Workspace) -> bool:
    """Write through a handle."""
    space.save("d/other")
    return offers(space.write, "d/a", b"content")


@probe
def modes(space: Workspace) -> bool:
    """Write over a file, append to it, and update it, without an error."""
    name = space.save("a", b"content")
    for mode in ("wb", "ab", "rb+"):
        space.write(name, b"more", mode)
    return True


@probe
def text(space: Workspace) -> bool:
    """Read text."""

    def read() -> None:
        with space.open(name, "r") as file:
            if not isinstance(file.read(), str):
                raise TypeError

    name = space.save("a", b"content")
    return offers(read)


@probe
def ranges(space: Workspace) -> bool:
    """Seek in a handle."""
    with space.open(space.save("a", b"content")) as file:
        return offers(file.seek, 1)


@probe
def atomic_names(space: Workspace) -> bool:
    """Save a file while another save under its name chooses its name, or reads its content."""
    return all(
        len(set(names)) == len(names) and [space.read(name) for name in names] == contents
        for names, contents in saves_at_once(space)
    )


@probe
def concurrency(space: Workspace) -> bool:
    """Save, read and delete files in four threads."""

    def work(number: int) -> bool:
        try:
            name = space.save(f"d{number % 2}/{number}", b"%d" % number)
            return space.read(name) == b"%d" % number
        finally:
            space.leave_thread()

    with ThreadPoolExecutor(4) as threads:
        return all(threads.map(work, range(16)))


@probe
def processes(space: Workspace) -> bool:
    """Read a file that another process saved."""
    name = start_process(space.storage, space.directory, Workspace.save, "a", b"content")()
    return space.read(name) == b"content"


class Interrupted(ContentFile):  # type: ignore[type-arg]  # not generic when it runs
    """
    Content that calls a function when it is read.

    :param interrupt: the function.
    """

    def __init__(self, content: bytes, interrupt: Callable[[], object]) -> None:
        super().__init__(content)
        self._interrupt = interrupt

    def read(self, *arguments: Any) -> bytes:
        """Call the function, and read."""
        self._interrupt()
        content: bytes = self.file.read(*arguments)
        return content


class Interruption:
    """
    A save in another thread, which starts in the middle of a save in this one.

    A storage that locks the name makes the other thread wait until the first save returns.

    :param patience: the seconds that the first save waits for the other.
    """

    def __init__(self, space: Workspace, name: str, patience: float = BLOCKED) -> None:
        self._space = space
        self._name = name
        self._patience = patience
        self._thread = ThreadPoolExecutor(1)
        self._saved: Future[str] = Future()
        self._is_started = False

    def _save(self) -> str:
        try:
            return self._space.save(self._name, b"inner")
        finally:
            self._space.leave_thread()

    def __call__(self) -> None:
        """Start the other save at the first call, and give it time to finish."""
        if not self._is_started:
            self._is_started = True
            self._saved = self._thread.submit(self._save)
            wait([self._saved], self._patience)

    def finish(self) -> str:
        """Wait for the other save; return the name that it returned, or raise its error."""
        self()
        return self._saved.result()

    def __enter__(self) -> Interruption:
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for the other save, which would leave a file if it ran on after an error."""
        self._thread.shutdown()


def seconds_in_a_thread(space: Workspace) -> float:
    """Return how long a save takes in another thread, which may have to connect first."""
    start = time.monotonic()
    with Interruption(space, "alone") as alone:
        alone.finish()
    return time.monotonic() - start


def saves_at_once(space: Workspace) -> Iterator[tuple[list[str], list[bytes]]]:
    """Yield the names and the contents of two saves, of which one runs during the other."""
    contents = [b"outer", b"inner"]
    storage, choose = space.storage, space.storage.get_available_name
    patience = max(BLOCKED, SLOWER * seconds_in_a_thread(space))

    with Interruption(space, "chosen", patience) as interrupt:

        def choose_name(*arguments: Any, **options: Any) -> str:
            name = choose(*arguments, **options)
            interrupt()
            return name

        with patch.object(storage, "get_available_name", choose_name):
            outer = space.save("chosen", contents[0])
        yield [outer, interrupt.finish()], contents
    with Interruption(space, "read", patience) as interrupt:
        outer = space.save("read", Interrupted(contents[0], interrupt))
        yield [outer, interrupt.finish()], contents
