"""Tokyo Tyrant's dialect, for which memcached stands in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines.memcached import Server, memcached_server

from inmemorystorage.kvstore.conformance import StoreConformance

pytest.importorskip("pymemcache")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Run a server."""
    with memcached_server() as server:
        yield server


class TestTokyoTyrant(StoreConformance):
    """A memcached in the place of a Tokyo Tyrant."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, server: Server) -> None:
        cls.uri = f"tokyotyrant://{server.address}"
