"""The base of the state machine: run each operation on two sides, and compare their trees."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage
from hypothesis.stateful import RuleBasedStateMachine, invariant
from state_machine.outcomes import Outcome, outcome
from state_machine.sides import DiskSide, Side

# A disk in memory if the system has one, since the temporary directory may be slow.
FAST_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None


class Comparison(RuleBasedStateMachine):
    """Run each operation on a disk and on the storages that `make` returns, and compare them."""

    make: Callable[..., Storage]
    overwrites: bool

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp(dir=FAST_DISK)
        location = os.path.join(self.directory, "media")
        self.disk = DiskSide(FileSystemStorage, location, self.overwrites)
        self.memory = Side(self.make, location, self.overwrites)
        self.differs = False

    def teardown(self) -> None:
        """Compare the sides a last time, and clean them."""
        try:
            if not self.differs:
                self.finish()
        finally:
            self.memory.empty()
            self.disk.empty()
            shutil.rmtree(self.directory)

    def finish(self) -> None:
        """Close all handles, and delete all files."""
        for number in range(len(self.disk.handles)):
            self.on_handle(number, lambda handle: handle.close())
        self.same_tree()
        for name in sorted(self.disk.modified, reverse=True):
            self.on_name("outer", name or ".", lambda storage, name: storage.delete(name))
        self.same_tree()

    def both(self, operation: Callable[[Side], Any]) -> Outcome:
        """Run an operation on both sides, and require the same outcome."""
        on_disk, in_memory = outcome(operation, self.disk), outcome(operation, self.memory)
        self.differs = in_memory != on_disk
        if self.differs:
            raise AssertionError(f"disk: {on_disk}\nmemory: {in_memory}") from in_memory.error
        return on_disk

    @invariant()
    def same_tree(self) -> None:
        """Require the same names, contents and changes on both sides."""
        self.both(lambda side: side.tree())

    def on_name(self, storage: str, name: Any, operation: Callable[[Storage, Any], Any]) -> None:
        """Run an operation on a name in one storage of each side."""
        self.both(lambda side: operation(side.storages[storage], side.name(name)))

    def on_handle(self, number: int, operation: Callable[[Any], Any]) -> None:
        """Run an operation on one handle of each side."""
        self.both(lambda side: operation(side.handles[number]))
