"""Helpers of the tests of lent paths: storages that lend, and changes at their paths."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inmemorystorage
from inmemorystorage import InMemoryStorage
from inmemorystorage.tree.private_directory import PREFIX

ROWS = ["memory", "filesystem"]
FILESYSTEM = {"behaves_like": "filesystem"}
NOBODY = 65534


@contextlib.contextmanager
def lending(location: Path, **options: Any) -> Iterator[InMemoryStorage]:
    """Yield a storage that lends its paths; require that its location is never made."""
    yield InMemoryStorage(location=location, lend_paths=True, **options)
    assert not location.exists()


def lend(storage: InMemoryStorage, name: str, content: bytes = b"content") -> Path:
    """Save a file, and return the path that is lent for it."""
    assert storage.save(name, content) == name
    return Path(storage.path(name))


def read(storage: InMemoryStorage, name: str) -> bytes:
    """Return the content that a storage has under a name."""
    with storage.open(name) as file:
        return file.read()


def on_disk(storage: InMemoryStorage) -> dict[str, bytes]:
    """Return all files at a storage's real location."""
    location = Path(storage.location)
    files = (path for path in sorted(location.rglob("*")) if path.is_file())
    return {str(path.relative_to(location)): path.read_bytes() for path in files}


def made_for(storage: InMemoryStorage) -> list[Path]:
    """Return the directories that were made for a storage, the outermost one first."""
    location = Path(storage.location)
    directories = [*reversed(location.parents), location]
    first = next(n for n, path in enumerate(directories) if path.name.startswith(PREFIX))
    return directories[first:]


def run(script: str) -> str:
    """Run a script in a new process; return its output."""
    package = Path(inmemorystorage.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), *sys.path])}
    command = [sys.executable, "-W", "error", "-c", SET_UP + script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


SET_UP = """
import os, sys
from pathlib import Path
import django
from django.conf import settings
settings.configure(MEDIA_ROOT="/nowhere/media")
django.setup()
from inmemorystorage import InMemoryStorage
storage = InMemoryStorage(lend_paths=True)
"""


@contextlib.contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let the system refuse to write more than ``room`` bytes into any file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Run a block as a user to whom permission bits apply."""
    gc.collect()  # leases of earlier tests, whose directories are another user's
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


# Ways in which programs change the content of a file.


def write(path: Path, content: bytes) -> None:
    """Overwrite the file."""
    path.write_bytes(content)


def append(path: Path, content: bytes) -> None:
    """Empty the file, and append to it."""
    os.truncate(path, 0)
    with path.open("ab") as file:
        file.write(content)


def write_in_place(path: Path, content: bytes) -> None:
    """Overwrite the first bytes, and truncate the rest."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def write_by_map(path: Path, content: bytes) -> None:
    """Write through a memory map."""
    os.truncate(path, len(content) or 1)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[: len(content)] = content
    os.truncate(path, len(content))


def replace(path: Path, content: bytes) -> None:
    """Write another file, and rename it to the path."""
    other = path.with_name("other~")
    other.write_bytes(content)
    os.replace(other, path)


def remove_and_write(path: Path, content: bytes) -> None:
    """Remove the file, and write a new one."""
    path.unlink()
    path.write_bytes(content)


def copy_with_times(path: Path, content: bytes) -> None:
    """Copy a file with its times, which are the same for all such files."""
    other = path.with_name("other~")
    other.write_bytes(content)
    os.utime(other, (1_000_000_000, 1_000_000_000))
    shutil.copy2(other, path)


def keep_times(path: Path, content: bytes) -> None:
    """Write, and set the file's time back to a whole second."""
    path.write_bytes(content)
    os.utime(path, (1_000_000_000, 1_000_000_000))


def copy_by_program(path: Path, content: bytes) -> None:
    """Copy a file by another program."""
    other = path.with_name("other~")
    other.write_bytes(content)
    subprocess.run(["cp", other, path], check=True)


QUICK_WRITERS = [
    write,
    append,
    write_in_place,
    write_by_map,
    replace,
    remove_and_write,
    copy_with_times,
    keep_times,
]
WRITERS = [*QUICK_WRITERS, copy_by_program]


# Ways in which programs remove a file.


def move_away(path: Path) -> None:
    """Move the file out of the storage."""
    path.rename(path.parents[1] / "elsewhere~")


def remove_directory(path: Path) -> None:
    """Remove the file's directory."""
    shutil.rmtree(path.parent)


REMOVERS = [os.remove, move_away, remove_directory]
