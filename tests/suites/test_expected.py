"""The list in `expected.py`, and its documentation."""

import re
from pathlib import Path

import pytest

from suites.expected import AS_DJANGO_IN_MEMORY

pytestmark = pytest.mark.once

COMPARISON = Path(__file__).parents[2] / "docs" / "comparison.md"


def test_documented() -> None:
    """docs/comparison.md names the tests of Django's storage that FileSystemStorage fails."""
    listed = {".".join(name.split(".")[-2:]) for name in AS_DJANGO_IN_MEMORY["Django"]}
    assert set(re.findall(r"MemoryStorage\w+Tests\.test_\w+", COMPARISON.read_text())) == listed
