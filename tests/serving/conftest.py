"""Fixtures of the tests of serving."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    """Allow the database, whose connections Django closes after a request."""
