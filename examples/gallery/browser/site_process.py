"""The gallery, started in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MANAGE = Path(__file__).parent.parent / "manage.py"


@contextmanager
def running_site(*options: str, log: Path, **environment: str) -> Iterator[str]:
    """
    Yield the address of a gallery that is started for the block.

    What it writes into the log must be no traceback, whatever the browser has done to it.
    """
    command = [sys.executable, str(MANAGE), "gallery", "--port", "0", *options]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            address = re.fullmatch(r"Gallery: (http://\S+)/\n", process.stdout.readline())
            assert address, log.read_text()
            yield address[1]
        finally:
            process.terminate()
    assert "Traceback" not in log.read_text(), log.read_text()
