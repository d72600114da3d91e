"""What the tests of serving have in common."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    """Have a database, at whose connections Django looks when a request ends."""
