"""The virtual environment in which the predecessor runs.

dj-inmemorystorage 2.1.0 has this package's import name, so it cannot be installed beside it. It
gets its own environment, with the interpreter and the Django that run the benchmark: 2.1.0 asks for
Django 1.11 or later and works with all Djangos that this package supports.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import venv
from pathlib import Path

import django

from .contestants import Contestant

PREDECESSOR = "dj-inmemorystorage==2.1.0"
ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".tox" / "predecessor"


def interpreter_for(contestant: Contestant) -> str:
    """Return a contestant's interpreter, creating its environment if needed."""
    return str(predecessor_interpreter()) if contestant.predecessor else sys.executable


def predecessor_interpreter() -> Path:
    """Return the predecessor's interpreter, installing it once from the package index."""
    versions = f"python{platform.python_version()}-django{django.get_version()}"
    home = ENVIRONMENTS / versions
    complete = home / "complete"
    interpreter = home / "bin" / "python"
    if not complete.exists():
        _make(home, interpreter)
        complete.touch()
    return interpreter


def _make(home: Path, interpreter: Path) -> None:
    print(f"installing {PREDECESSOR} into {home}", file=sys.stderr)
    venv.create(home, clear=True, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    packages = [PREDECESSOR, f"Django=={django.get_version()}"]
    subprocess.run([interpreter, *install, *packages], check=True, stdout=sys.stderr)
