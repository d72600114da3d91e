"""Forked processes: a child does not wait for a lock that a thread of its parent holds."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from fallback.layers import get, put, stocked
from forking import may_fork, needs_fork, succeeds_beside, succeeds_in_child

from inmemorystorage import FallbackStorage, InMemoryStorage

pytestmark = [needs_fork, may_fork]

NAMES = [f"{number}.txt" for number in range(300)]


class Stopping(InMemoryStorage):
    """A storage whose first file that is read stops until the storage is released."""

    def __init__(self) -> None:
        super().__init__()
        self.being_read = threading.Event()
        self.released = threading.Event()

    def _open(self, name: str, mode: str = "rb") -> Any:
        if self.being_read.is_set():
            return super()._open(name, mode)
        self.being_read.set()
        return StoppingFile(self.released)


class StoppingFile(ContentFile):  # type: ignore[type-arg]
    """A file that can be read when it is released."""

    def __init__(self, released: threading.Event) -> None:
        super().__init__(b"content")
        self._released = released

    def read(self, *size: int) -> Any:  # type: ignore[override]
        """Return content, after the release."""
        self._released.wait(30)
        return self.file.read(*size)


@contextlib.contextmanager
def copying(storage: Any, mode: str) -> Iterator[None]:
    """Run a block while another thread copies a file up."""
    lower = storage.layers[1]
    thread = threading.Thread(target=lambda: storage.open("0.txt", mode).close())
    thread.start()
    try:
        assert lower.being_read.wait(10)
        yield
    finally:
        lower.released.set()
        thread.join()


@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_fork_beside_a_copy(mode: str) -> None:
    """A child reads and changes any file while a thread of its parent copies one up."""
    lower = stocked(*NAMES, kind=Stopping)
    storage = FallbackStorage([InMemoryStorage(), lower], cache_reads=True)

    def use() -> bool:
        for name in NAMES[::-1]:
            put(storage, f"new-{name}")
        storage.delete("0.txt")
        return get(storage, "1.txt") == b"1.txt" and not storage.exists("0.txt")

    with copying(storage, mode):
        assert succeeds_in_child(use)
    assert get(storage, "0.txt") == b"content"


def test_fork_beside_room_being_made() -> None:
    """A child copies files up while a thread of its parent deletes copies to make room."""
    storage = FallbackStorage([InMemoryStorage(), stocked(*NAMES[:3])], cache_reads=True)
    lock = storage._layers.cache._lock.value
    assert succeeds_beside(lock, lambda: get(storage, "1.txt") == b"1.txt")
