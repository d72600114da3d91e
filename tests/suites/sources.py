"""Fetch the source distributions, which carry the tests, and unpack them in a cache directory."""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
FROM_SOURCE = ("--no-deps", "--no-binary", ":all:")


def fetch(requirement: str, cache: Path) -> Path:
    """Return the directory of the unpacked distribution; download it if it is not in the cache."""
    home = cache / requirement
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            unpack(download(requirement, Path(work)), Path(work) / "unpacked").rename(home)
    return home


def download(requirement: str, target: Path) -> Path:
    """Download the distribution with pip to `target` and return its path."""
    command = (*PIP, *FROM_SOURCE, "--dest", str(target), requirement)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"pip could not download {requirement}:\n{done.stderr}")
    [archive] = target.glob("*.tar.gz")
    return archive


def unpack(archive: Path, target: Path) -> Path:
    """Unpack the archive below `target` and return its one directory."""
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    [folder] = target.iterdir()
    return folder
