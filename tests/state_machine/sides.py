"""The two sides that are compared: storages on a disk and in memory, at the same location."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from state_machine.inputs import LOCATION, Known, Long

Tree = dict[str, tuple[bytes | None, bool, bool | None]]

PAST = datetime(2001, 1, 1, tzinfo=timezone.utc)


def is_directory(storage: Storage, name: Any) -> bool:
    """Return whether a name is that of a directory."""
    try:
        storage.listdir(name)
    except Exception:
        return False
    return True


def walk(storage: Storage, directory: str) -> Iterator[tuple[str, bytes | None]]:
    """Yield each name below a directory, with its content, or ``None`` for a directory."""
    directories, files = storage.listdir(directory)
    for name in (os.path.join(directory, name) for name in sorted(directories)):
        yield name, None
        yield from walk(storage, name)
    for name in (os.path.join(directory, name) for name in sorted(files)):
        yield name, read(storage, name)


def read(storage: Storage, name: str) -> bytes:
    """Return the content of a file."""
    with storage.open(name) as file:
        return file.read()


class Side:
    """Three storages of one kind with one tree, and the handles that they opened."""

    def __init__(self, make: Callable[..., Storage], location: str, overwrites: bool) -> None:
        self.location = location
        self.storages = {
            "outer": make(location=location, base_url="/media/"),
            "nested": make(location=os.path.join(location, "d"), base_url="/nested"),
        }
        if overwrites:
            self.storages["overwriting"] = make(location=location, allow_overwrite=True)
        # Make the location: a new storage in memory has it, and one on a disk does not.
        for storage in self.storages.values():
            storage.delete(storage.save("a", ContentFile(b"")))
        self.handles: list[File] = []
        # Set by the last call of `tree`.
        self.files: list[str] = []
        self.modified: dict[str, datetime] = {}
        self.created: dict[str, datetime] = {}

    def name(self, name: Any) -> Any:
        """Translate a name of the inputs to this side."""
        if isinstance(name, Known):
            return self.files[name.number % len(self.files)] if self.files else "a"
        if isinstance(name, Long):
            length = name.size - len(self.location) - 1
            return ("/".join(["y" * 199] * 21))[:length].rstrip("/")
        return name.replace(LOCATION, self.location) if isinstance(name, str) else name

    def keep(self, handle: File) -> File:
        """Keep a handle for later operations."""
        self.handles.append(handle)
        return handle

    def contents(self) -> dict[str, bytes | None]:
        """Return the content of each name; the location may be missing, or be a file."""
        storage = self.storages["outer"]
        if not storage.exists(""):
            return {}
        if not is_directory(storage, ""):
            return {"": read(storage, "")}
        return {"": None, **dict(walk(storage, ""))}

    def tree(self) -> Tree:
        """Return each name's content, and whether its modified and created times changed."""
        contents = self.contents()
        get_modified_time = self.storages["outer"].get_modified_time
        modified = {name: get_modified_time(name) for name in contents}
        touched = {name for name in contents if self.modified.get(name) != modified[name]}
        tree = {
            name: (content, name in touched, self._is_new(name, name in touched))
            for name, content in contents.items()
        }
        self.modified = {name: self.age(name, time) for name, time in modified.items()}
        self.files = sorted(name for name, content in contents.items() if content is not None)
        return tree

    def _is_new(self, name: str, is_touched: bool) -> bool | None:
        known = self.created.get(name)
        # A change of the modified time changes this one too, even within one tick of the clock.
        return known and (is_touched or known != self.storages["outer"].get_created_time(name))

    def remember_created(self) -> None:
        """Note the created times, so that `tree` reports which of them change."""
        created = self.storages["outer"].get_created_time
        self.created = {name: created(name) for name in self.modified}

    def empty(self) -> None:
        """Close all handles and delete all files, ignoring errors."""
        for handle in self.handles:
            with suppress(Exception):
                handle.close()
        for name in sorted(self.contents(), reverse=True):
            with suppress(Exception):
                self.storages["outer"].delete(name or ".")

    def age(self, name: str, modified: datetime) -> datetime:
        """Make the next change of a name visible in its modified time; return that time."""
        return modified


class DiskSide(Side):
    """A side whose clock is too slow to separate two changes."""

    def age(self, name: str, modified: datetime) -> datetime:
        """Set the modified time back to the past."""
        if modified != PAST:
            stamp = PAST.timestamp()
            os.utime(self.storages["outer"].path(name), (stamp, stamp))
        return PAST


def wait_for_tick() -> None:
    """Wait until the kernel's clock for file times changes."""
    clock = getattr(time, "CLOCK_REALTIME_COARSE", time.CLOCK_REALTIME)
    start = time.clock_gettime(clock)
    while time.clock_gettime(clock) == start:
        time.sleep(0.0005)
