"""Run one suite on one storage, in a new process and in a copy of the sources."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .catalogue import Row, Suite

INSIDE = Path(__file__).parent / "inside"
SECONDS = 900


@dataclass(frozen=True)
class Outcome:
    """A test's outcome: the error's first line, its built-in class, and the test's line."""

    state: str
    message: str = ""
    kind: str = ""
    line: int = 0


Outcomes = dict[str, Outcome]
ByRow = Mapping[Row, Outcomes]


def run(suite: Suite, row: Row, source: Path) -> Outcomes:
    """Run the suite, whose distribution is at `source`, on the storage; return each outcome.

    If the suite stops early, print its output and count no test.
    """
    with tempfile.TemporaryDirectory(prefix="suite-") as work:
        home, temp, report = (Path(work, name) for name in ("home", "temp", "outcomes.json"))
        without = shutil.ignore_patterns(*suite.without)
        shutil.copytree(source / suite.folder, home, ignore=without)
        temp.mkdir()
        places = {"TMPDIR": str(temp), "SUITE_OUTCOMES": str(report)}
        printed = execute(suite.command, home, environment(suite, row, home) | places)
        if report.exists():
            return {test: Outcome(*end) for test, end in json.loads(report.read_text()).items()}
    print(f"{suite.title} on {row.title} stopped early:\n{printed[-4000:]}")
    return {}


def execute(command: tuple[str, ...], home: Path, environ: dict[str, str]) -> str:
    """Run the interpreter in `home` and return its output."""
    done = subprocess.run(
        (sys.executable, *command),
        cwd=home,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return done.stdout


def environment(suite: Suite, row: Row, home: Path) -> dict[str, str]:
    """Return the variables for the settings module and the test runner of the subprocess."""
    paths = [str(INSIDE), *(str(home / path) for path in suite.paths)]
    inherited = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [*paths, inherited])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "suite_settings",
        "SUITE_SETTINGS": suite.settings,
        "SUITE_STORAGE": json.dumps(row.setting),
        "SUITE_RUNNER": row.runner or suite.runner,
        "SUITE_SWAP": suite.swap,
    }
