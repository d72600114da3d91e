"""Fixtures of the tests of buckets."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from inmemorystorage.buckets.bucket import Buckets
from inmemorystorage.tree.journal import Savepoint


@pytest.fixture
def unchanged(buckets: Buckets) -> Iterator[None]:
    """Check that the test changes nothing in its buckets."""
    savepoint = Savepoint()
    yield
    assert savepoint.noted() == {}
    savepoint.release()


@pytest.fixture(autouse=True, scope="module")
def files_closed() -> Iterator[None]:
    """Close what django-storages leaves open in the module whose marks ignore its warnings."""
    yield
    gc.collect()
