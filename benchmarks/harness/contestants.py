"""The measured storages, as data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .stores import DictStore, Store

TMPFS = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path(tempfile.gettempdir())
TEMPLATE_SAVE = "save-1k-template"
IN_PROCESS = ("traced", "resident") if os.path.exists("/proc/self/statm") else ("traced",)


def _ours(_: Path) -> Store:
    from inmemorystorage import InMemoryStorage

    return InMemoryStorage()


def _ours_filesystem(_: Path) -> Store:
    from inmemorystorage import InMemoryStorage

    return InMemoryStorage(behaves_like="filesystem")


def _django(_: Path) -> Store:
    from django.core.files.storage import InMemoryStorage

    return InMemoryStorage()


def _disk(directory: Path) -> Store:
    from django.core.files.storage import FileSystemStorage

    return FileSystemStorage(location=str(directory))


def _dict(_: Path) -> Store:
    return DictStore()


@dataclass(frozen=True)
class Contestant:
    """Describe how to create a contestant, inside its own process.

    `make` takes an empty directory on tmpfs and imports only when it is called: this package and
    its predecessor share one import name. `leaves_out` names the operations that would measure
    nothing new: a storage that inherits `save()` is the template already. `memory` names the ways
    to count its memory. The predecessor runs in its own environment.
    """

    key: str
    label: str
    make: Callable[[Path], Store]
    leaves_out: frozenset[str] = frozenset({TEMPLATE_SAVE})
    memory: tuple[str, ...] = IN_PROCESS
    predecessor: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables that differ from the driver's."""
        return {"PYTHONPATH": ""} if self.predecessor else {}


CONTESTANTS = {
    contestant.key: contestant
    for contestant in (
        Contestant("ours", "this storage", _ours, frozenset()),
        Contestant("filesystem-row", 'this, `"filesystem"`', _ours_filesystem, frozenset()),
        Contestant("django", "Django's InMemoryStorage", _django),
        Contestant("tmpfs", f"FileSystemStorage on {TMPFS}", _disk, memory=("occupied",)),
        Contestant("predecessor", "dj-inmemorystorage 2.1.0", _ours, predecessor=True),
        Contestant("dict", "bare dict", _dict, frozenset({TEMPLATE_SAVE, "listdir"})),
    )
}
