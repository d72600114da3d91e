"""S3Storage on buckets in memory, against the same on SeaweedFS: a second opinion."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buckets import Server, needs_s3
from hypothesis import given
from object_stores.deviations import SEAWEEDFS, Deviation, shown
from object_stores.programs import Operation, programs, storage_api, weekly
from object_stores.seaweedfs import seaweedfs
from object_stores.test_s3_floor import CLIENT, assert_deviates, compare

pytestmark = [
    needs_s3,
    weekly,
    # S3File closes no file of a failed read, and not the one below a GzipFile.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def weed() -> Iterator[Server]:
    """Yield a running SeaweedFS."""
    with seaweedfs() as server:
        yield server


@given(programs(storage_api()))
def test_storage_as_on_seaweedfs(weed: Server, steps: list[Operation]) -> None:
    """The storage API returns, raises and requests the same as on SeaweedFS."""
    compare(weed, steps, SEAWEEDFS)


@given(programs(CLIENT))
def test_client_as_on_seaweedfs(weed: Server, steps: list[Operation]) -> None:
    """Calls through the client return, raise and request the same as on SeaweedFS."""
    compare(weed, steps, SEAWEEDFS)


@pytest.mark.parametrize("deviation", shown(SEAWEEDFS))
def test_seaweedfs_deviates(weed: Server, deviation: Deviation) -> None:
    """SeaweedFS contradicts the reference, as its list says."""
    assert_deviates(weed, deviation, SEAWEEDFS)
