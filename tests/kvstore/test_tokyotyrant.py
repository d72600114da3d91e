"""Tokyo Tyrant's dialect, with memcached as its stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines.memcached import Server, memcached_server
from engines.wire import Wire, recorded

from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.conformance import StoreConformance
from inmemorystorage.kvstore.connections import backend_for, close_connections

pytest.importorskip("pymemcache")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Run a server."""
    with memcached_server() as server:
        yield server


class TestTokyoTyrant(StoreConformance):
    """memcached as a stand-in for Tokyo Tyrant."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, server: Server) -> None:
        cls.uri = f"tokyotyrant://{server.address}"


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """Record the server's traffic."""
    with recorded(server.port) as wire:
        yield wire
        close_connections()


def test_the_dialect(wire: Wire) -> None:
    """The backend sends get, set, add and delete of one key only, without flags and expiry."""
    uri = f"tokyotyrant://127.0.0.1:{wire.port}"
    store, backend = get_kvstore(uri), backend_for(uri)
    for key, value in [("short", 1), ("é" * 300, b"x" * 3_000_000), ("text", "text")]:
        store.set(key, value)
    store.set("short", 2)
    assert store.get_many(["short", "text", "missing"]) == {"short": 2, "text": "text"}
    assert store.get("é" * 300) == b"x" * 3_000_000
    assert ("short" in store, "missing" in store) == (True, False)
    backend.set("with-a-time", b"value", ttl=60)
    backend.set_many([("one", b"1"), ("two", b"2")], ttl=60)
    assert [backend.add("added", b"value"), backend.add("added", b"other")] == [True, False]
    backend.delete_many(["one", "two", "with-a-time", "added"])
    for key in ["short", "é" * 300, "text"]:
        store.delete(key)
    lines = [request.partition(b"\r\n")[0].split(b" ") for request in wire.requests()]
    assert {line[0] for line in lines} == {b"get", b"set", b"add", b"delete"}
    assert {len(line) for line in lines if line[0] in (b"get", b"delete")} == {2}
    stored = [line for line in lines if line[0] in (b"set", b"add")]
    assert {(len(line), line[2], line[3]) for line in stored} == {(5, b"0", b"0")}
    assert len(stored) > 8


def test_what_is_declared() -> None:
    """The backend declares add, but nothing that needs cas, and Tokyo Tyrant's port."""
    backend = backend_for("tokyotyrant://localhost")
    assert (backend.adds, backend.has_entries, backend.lists_entries) == (True, False, False)
    assert type(backend).default_port == 1978
