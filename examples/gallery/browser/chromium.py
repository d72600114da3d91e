"""Debian's Chromium: where it is, how it is started, and how it gets there where it is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

EXECUTABLE = Path("/usr/bin/chromium")
# Nothing is fetched but what the tests ask for, and no sandbox or graphics card is needed.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COMMANDS = [
    ["apt-get", "update", "--quiet"],
    ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", EXECUTABLE.name],
]


def install() -> None:
    """Install Chromium unless it is there; exit with the cure where that cannot be done."""
    if EXECUTABLE.exists():
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(f"{EXECUTABLE} is missing. As root on Debian: apt-get install {EXECUTABLE.name}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in COMMANDS:
        subprocess.run(command, check=True, env=environment)
    if not EXECUTABLE.exists():
        sys.exit(f"apt-get has installed no {EXECUTABLE}, which only Debian's package brings.")


if __name__ == "__main__":
    install()
