"""Debian's Chromium: its path, its options and its installation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

EXECUTABLE = Path("/usr/bin/chromium")
# It fetches only what the tests ask for, and needs neither a sandbox nor a graphics card.
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
    """Install Chromium unless it exists; exit with the cure if that is impossible."""
    if EXECUTABLE.exists():
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(f"{EXECUTABLE} is missing. As root on Debian: apt-get install {EXECUTABLE.name}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in COMMANDS:
        subprocess.run(command, check=True, env=environment)
    if not EXECUTABLE.exists():
        sys.exit(f"apt-get did not install {EXECUTABLE}, which only Debian's package contains.")


if __name__ == "__main__":
    install()
