"""Private directories of processes that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from inmemorystorage.testing.abandoned import hold, remove_abandoned
from inmemorystorage.tree.private_directory import PREFIX

HOLD = """
import sys
from inmemorystorage.testing.abandoned import hold
hold(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def directory(parent: Path, name: str) -> Path:
    """Return a new private directory with a file."""
    made = parent / f"{PREFIX}{name}"
    (made / "files").mkdir(parents=True)
    (made / "files" / "a.txt").write_text("")
    return made


def test_the_directory_of_a_killed_process(tmp_path: Path) -> None:
    """A directory stays as long as its process runs, and is removed after a kill."""
    held = directory(tmp_path, "held")
    command = [sys.executable, "-c", HOLD, str(held)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        remove_abandoned(str(tmp_path))
        assert (held / "files" / "a.txt").exists()
        process.send_signal(signal.SIGKILL)
    remove_abandoned(str(tmp_path))
    assert not held.exists()


def test_other_directories_stay(tmp_path: Path) -> None:
    """Directories without a lock, with another name, and links to directories stay."""
    directory(tmp_path, "without-a-lock")
    other = tmp_path / "other"
    other.mkdir()
    os.close(hold(str(other)))
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    before = sorted(os.listdir(tmp_path))
    remove_abandoned(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == before and (other / "lock").exists()
