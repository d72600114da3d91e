"""The files of a project with which its private directories begin."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

# The most bytes that are copied outside of a git checkout, and the most entries that are listed.
LIMIT = 50 << 20
ENTRIES = 20_000
OPTION = "inmemorystorage_load"


class Loader:
    """
    Copy the files of a project.

    :param choice: ``"none"``; ``"all"``; patterns as in ``fnmatch``, for paths relative to the
        location; or ``""``: the files that git tracks, and outside of a git checkout all, up to
        50 MB. With ``""``, files that this process made are copied too.

    ``notes`` has a sentence for each location that had too many files, or files that could not be
    read.
    """

    def __init__(self, choice: str = "") -> None:
        self.choice = choice
        self.notes: list[str] = []

    def load(self, source: str, target: str, *, only_made: bool = False) -> None:
        """
        Copy the chosen files of a directory to another one, which may not exist yet.

        :param only_made: copy only those that this process made, since the others were copied.
        """
        os.makedirs(target, exist_ok=True)
        is_limited = only_made and self.choice != "none"
        names = files_made_by_this_process(source) if is_limited else self._chosen(source)
        failed: list[OSError] = []
        for name in names:
            try:
                _copy(source, target, name)
            except OSError as error:
                failed.append(error)
        if failed:
            self.notes.append(
                f"Files below {source} that tests begin without: {len(failed)}. "
                f"The first error is: {failed[0]}"
            )
        # Last, since a directory may be read-only.
        for path, _, _ in os.walk(target, topdown=False):
            with contextlib.suppress(OSError):
                shutil.copystat(os.path.join(source, os.path.relpath(path, target)), path)

    def _chosen(self, source: str) -> Iterable[str]:
        if self.choice == "none":
            return []
        if self.choice == "all":
            return names_below(source)
        if self.choice:
            patterns = self.choice.split()
            return (
                name
                for name in names_below(source)
                if any(fnmatchcase(name, pattern) for pattern in patterns)
            )
        tracked = tracked_files(source)
        if tracked is None:
            return self._up_to_limit(source)
        made = files_made_by_this_process(source)
        return dict.fromkeys([*tracked, *made])

    def _up_to_limit(self, source: str) -> list[str]:
        names: list[str] = []
        size = 0
        for name in names_below(source):
            names.append(name)
            with contextlib.suppress(OSError):  # reported when it is copied
                size += os.lstat(os.path.join(source, name)).st_size
            if size > LIMIT or len(names) > ENTRIES:
                self.notes.append(
                    f"{source} has too many files to load for tests. Set {OPTION} to none, all, or "
                    "the patterns of the files that tests need."
                )
                return list(files_made_by_this_process(source))
        return names


def names_below(directory: str) -> Iterator[str]:
    """Yield the relative paths of all files, links and empty directories below a directory."""
    for path, directories, files in os.walk(directory):
        links = [name for name in directories if os.path.islink(os.path.join(path, name))]
        names = [*files, *links] if files or directories else [""]
        for name in names:
            relative = os.path.relpath(os.path.join(path, name), directory)
            if relative != os.curdir:
                yield relative


def tracked_files(directory: str) -> list[str] | None:
    """Return the files that git tracks below a directory, or ``None`` outside of a checkout."""
    names = _ls_files(directory)
    # A checkout may ignore the whole project, if that is in a virtual environment, for instance.
    if names or (names is not None and _ls_files(os.getcwd())):
        return names
    return None


def _ls_files(directory: str) -> list[str] | None:
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    # A git hook runs tests with variables that name another index.
    environment = {name: each for name, each in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def files_made_by_this_process(directory: str) -> Iterator[str]:
    """Yield the files that changed after this process began, if the system knows when it did."""
    begin = process_began()
    if begin is not None:
        for name in itertools.islice(names_below(directory), ENTRIES):
            with contextlib.suppress(OSError):
                if os.lstat(os.path.join(directory, name)).st_ctime >= begin:
                    yield name


def process_began() -> float | None:
    """Return the start of this process, in seconds since the epoch, or ``None`` if unknown."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        boot = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):  # only Linux has them
        return None
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def _copy(source: str, target: str, name: str) -> None:
    """Copy a file, or an empty directory; of a link that leads out, copy the target."""
    path = os.path.join(source, name)
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) and not _leads_inside(path, source):
            status = os.stat(path)
    except FileNotFoundError:  # git tracks it, but it was deleted
        return
    copy = os.path.join(target, name)
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    if stat.S_ISLNK(status.st_mode):
        with contextlib.suppress(FileExistsError):  # the parent's copy has it
            os.symlink(os.readlink(path), copy)
    elif stat.S_ISREG(status.st_mode):
        shutil.copy2(path, copy)
    elif stat.S_ISDIR(status.st_mode) and not os.path.islink(path):
        os.makedirs(copy, exist_ok=True)


def _leads_inside(link: str, directory: str) -> bool:
    destination = os.readlink(link)
    path = os.path.normpath(os.path.join(os.path.dirname(link), destination))
    return not os.path.isabs(destination) and path.startswith(os.path.join(directory, ""))
