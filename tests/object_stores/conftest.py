"""What the tests of buckets share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

EMULATORS = {"azurite", "ceph_server", "emulator", "server", "weed"}


@pytest.fixture(autouse=True)
def files_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what django-storages leaves open in the test that opened it."""
    yield
    if EMULATORS & set(request.fixturenames):
        gc.collect()
