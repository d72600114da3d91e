"""A check that no test writes to the disk: MEDIA_ROOT must never exist."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


def fail_if_written(media_root: Path) -> None:
    """Fail the current test if `media_root` exists, and remove it for the next one."""
    if media_root.exists():
        written = sorted(str(path.relative_to(media_root)) for path in media_root.rglob("*"))
        shutil.rmtree(media_root)
        pytest.fail(f"MEDIA_ROOT was written: {written}", pytrace=False)
