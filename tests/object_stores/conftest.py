"""What the tests of buckets share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def files_closed() -> Iterator[None]:
    """Close what django-storages leaves open in the module whose marks ignore its warnings."""
    yield
    gc.collect()
