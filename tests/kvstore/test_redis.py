"""Redis, Valkey and their clusters, each run by the tests themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines.redis import Server, redis_cluster, redis_server

from inmemorystorage.kvstore.conformance import StoreConformance

pytest.importorskip("redis")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Run a server."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[list[Server]]:
    """Run a cluster."""
    with redis_cluster() as servers:
        yield servers


class TestRedis(StoreConformance):
    """One server."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, server: Server) -> None:
        cls.uri = server.uri


class TestCluster(StoreConformance):
    """Three masters."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, cluster: list[Server]) -> None:
        cls.uri = f"{cluster[0].uri}?cluster=1"
