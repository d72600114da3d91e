"""memcached, one server and two, run by the tests themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines.memcached import Server, memcached_server

from inmemorystorage.kvstore.conformance import StoreConformance

pytest.importorskip("pymemcache")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def servers() -> Iterator[list[Server]]:
    """Run two servers."""
    with memcached_server() as one, memcached_server() as two:
        yield [one, two]


class TestMemcached(StoreConformance):
    """One server."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, servers: list[Server]) -> None:
        cls.uri = f"memcached://{servers[0].address}"


class TestTwoServers(StoreConformance):
    """Two that share the keys."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, servers: list[Server]) -> None:
        cls.uri = f"memcached://{servers[0].address};{servers[1].address}"
