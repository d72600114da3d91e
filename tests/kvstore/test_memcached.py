"""Stores on one and two memcached servers, which the tests run."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from engines.memcached import Server, memcached_server
from engines.processes import wait_until
from engines.wire import Wire, recorded
from kvstore.using import closing, failing, is_lost, set_and_get, use

from inmemorystorage.kvstore import Backend, get_kvstore
from inmemorystorage.kvstore.backends import Entry, Inserted
from inmemorystorage.kvstore.conformance import StoreConformance
from inmemorystorage.kvstore.connections import close_connections, make_backend

pytest.importorskip("pymemcache")
pytestmark = pytest.mark.slow

ENTRY = Entry(b"meta", b"body")
MONTH = 30 * 24 * 60 * 60


@pytest.fixture(scope="session")
def servers() -> Iterator[list[Server]]:
    """Run two servers."""
    with memcached_server() as one, memcached_server() as two:
        yield [one, two]


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    with closing():
        yield


@pytest.fixture
def wire(servers: list[Server]) -> Iterator[Wire]:
    """Record the traffic of the first server."""
    with recorded(servers[0].port) as wire:
        yield wire
        close_connections()


class TestMemcached(StoreConformance):
    """One server."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, servers: list[Server]) -> None:
        cls.uri = f"memcached://{servers[0].address}"


class TestTwoServers(StoreConformance):
    """Two servers that share the keys."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, servers: list[Server]) -> None:
        cls.uri = f"memcached://{servers[0].address};{servers[1].address}"


def uri_of(wire: Wire, query: str = "") -> str:
    """Return the URI of the recorded server."""
    return f"memcached://127.0.0.1:{wire.port}{query}"


def test_a_lost_server_is_an_error() -> None:
    """Keys of a lost server raise an error, and are never read from or stored on another one."""
    keys = [f"key{number}" for number in range(40)]
    with memcached_server() as one, memcached_server() as two:
        uri = f"memcached://{one.address};{two.address}"
        use(uri, lambda backend: backend.set_many((key, b"value") for key in keys))
        two.process.kill()
        for _ in range(3):
            lost = [key for key in keys if is_lost(uri, key)]
            assert 0 < len(lost) < len(keys)
        for many in ("get_many", "delete_many"):
            assert isinstance(failing(uri, lambda b, m=many: getattr(b, m)(keys)), ConnectionError)
        error = failing(uri, lambda backend: backend.set(lost[0], b"elsewhere"))
        assert error.errno == errno.ECONNREFUSED
        two.process.start()
        assert use(uri, lambda backend: backend.get_many(lost)) == [None] * len(lost)
        use(uri, lambda backend: backend.set(lost[0], b"again"))
        assert use(uri, lambda backend: backend.get(lost[0])) == b"again"


def test_a_server_that_is_restarted_between_requests() -> None:
    """The first request after a restart opens a new connection."""
    with memcached_server() as server:
        uri = f"memcached://{server.address}"
        assert use(uri, set_and_get) == b"value"
        server.process.stop()
        server.process.start()
        assert use(uri, lambda backend: backend.get("key")) is None
        close_connections()


def test_a_connection_that_breaks(wire: Wire) -> None:
    """A connection that breaks before the answer raises ConnectionResetError, without a retry."""
    assert use(uri_of(wire), set_and_get) == b"value"
    wire.requests()
    wire.cuts = True
    error = failing(uri_of(wire), set_and_get)
    assert isinstance(error, ConnectionResetError)
    assert str(error).count("Close") == 1  # the client's error has no text
    assert len(wire.requests()) == 1
    wire.cuts = False
    assert use(uri_of(wire), set_and_get) == b"value"


def test_a_server_that_never_answers(wire: Wire) -> None:
    """?timeout= limits the wait for an answer."""
    wire.swallows = True
    assert isinstance(failing(uri_of(wire, "?timeout=0.2"), set_and_get), TimeoutError)


def test_the_answer_to_an_interrupted_request(
    servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interrupted request, the next one does not read its answer."""
    from pymemcache.client import base

    uri = f"memcached://{servers[0].address}"
    use(uri, lambda backend: backend.set_many([("one", b"1"), ("two", b"2")]))

    def interrupted(*args: Any) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(base, "_recv", interrupted)
        with pytest.raises(KeyboardInterrupt):
            use(uri, lambda backend: backend.get("one"))
    assert use(uri, lambda backend: backend.get("two")) == b"2"


@pytest.mark.parametrize(
    "write",
    [
        lambda backend: backend.set("key", b"value"),
        lambda backend: backend.set_many([("key", b"value")]),
    ],
)
def test_a_refused_value_is_an_error(wire: Wire, write: Callable[[Backend], object]) -> None:
    """NOT_STORED without a reason raises an error."""
    wire.answer = b"NOT_STORED\r\n"
    assert "did not store key" in str(failing(uri_of(wire), write))


@pytest.mark.parametrize(
    "answer", [b"VALUE other 0 1\r\nx\r\nEND\r\n", b"VALUE key\r\n", b"-NOAUTH\r\n", b"ERROR\r\n"]
)
def test_invalid_answers(wire: Wire, answer: bytes) -> None:
    """An invalid answer raises an error, and the next request works."""
    wire.answer = answer
    assert failing(uri_of(wire), lambda backend: backend.get("key")).errno == errno.EIO
    wire.answer = b""
    assert use(uri_of(wire), set_and_get) == b"value"


def test_the_longest_value(servers: list[Server]) -> None:
    """A value up to the declared limit fits with the longest key; a longer one raises EFBIG."""
    uri, key = f"memcached://{servers[0].address}", "k" * 250
    limit = use(uri, lambda backend: backend.value_max) or 0
    use(uri, lambda backend: backend.set(key, b"x" * limit))
    assert use(uri, lambda backend: backend.get(key)) == b"x" * limit
    assert failing(uri, lambda backend: backend.set(key, b"x" * 2**20)).errno == errno.EFBIG
    use(uri, lambda backend: backend.delete(key))


def test_the_longest_entry(servers: list[Server]) -> None:
    """A body up to the declared limit fits with its meta."""
    backend = make_backend(f"memcached://{servers[0].address}")
    entry = Entry(b"meta" * 500, b"x" * backend.body_max)
    assert backend.insert_entry("directory", "long", entry, marker=None) is Inserted.DONE
    assert backend.read_entries([("directory", "long")]) == [entry]
    assert backend.remove_entry("directory", "long", entry.meta) is True
    backend.close()


def test_a_full_server() -> None:
    """A full server that does not evict raises ENOSPC, and keeps its values."""
    with memcached_server("-M", "-m", "3") as server:
        uri, value = f"memcached://{server.address}", b"x" * 100_000

        def fill(backend: Backend) -> None:
            backend.set_many((f"key{number}", value) for number in range(100))

        error = failing(uri, fill)
        assert (error.errno, "out of memory" in str(error)) == (errno.ENOSPC, True)
        assert "b'" not in str(error)
        insert = failing(
            uri, lambda b: b.insert_entry("directory", "a", Entry(b"meta", value), marker=None)
        )
        assert insert.errno == errno.ENOSPC
        assert use(uri, lambda backend: backend.get("key0")) == value
        use(uri, lambda backend: backend.delete_many(f"key{number}" for number in range(100)))
        # The server frees its pages gradually.
        wait_until(lambda: use(uri, lambda b: b.set("key1", value)) is None, "room")


@pytest.mark.parametrize("answer", [b"out of memory storing object", b"Out of memory during read"])
def test_answers_of_a_full_server(wire: Wire, answer: bytes) -> None:
    """Each answer of a server without memory raises ENOSPC."""
    wire.answer = b"SERVER_ERROR " + answer + b"\r\n"
    error = failing(uri_of(wire), lambda backend: backend.set("key", b"value"))
    assert (error.errno, answer.decode() in str(error)) == (errno.ENOSPC, True)


def test_time_to_live(servers: list[Server]) -> None:
    """A value expires after its ttl; without one, or with more than 30 days, it stays."""
    backend = make_backend(f"memcached://{servers[0].address}")
    backend.set("short", b"value", ttl=0.1)
    backend.set_many([("shorter", b"value")], ttl=0.1)
    backend.set("long", b"value", ttl=MONTH + 1)
    backend.set("forever", b"value")
    wait_until(lambda: backend.get_many(["short", "shorter"]) == [None, None], "the end")
    assert backend.get_many(["long", "forever"]) == [b"value", b"value"]
    backend.close()


@pytest.mark.parametrize(
    ("ttl", "sent"),
    [(0.1, 1), (1.5, 2), (MONTH, MONTH), (MONTH + 1, 2_000_000_000 + MONTH + 1)],
)
def test_how_a_time_is_sent(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, ttl: float, sent: int
) -> None:
    """The ttl is sent in whole seconds, and as a date if it exceeds 30 days."""
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.7)
    use(uri_of(wire), lambda backend: backend.set("key", b"value", ttl=ttl))
    assert wire.requests()[0].split()[:5] == [b"set", b"key", b"0", b"%d" % sent, b"5"]


def test_one_concurrent_remove_succeeds(servers: list[Server]) -> None:
    """One of several threads that remove an entry succeeds, and readers see all of it or none."""
    backend = make_backend(f"memcached://{servers[0].address}")
    place = "directory", "removed"

    def remove(number: int) -> bool:
        other = make_backend(f"memcached://{servers[0].address}")
        try:
            assert other.read_entries([place])[0] in (ENTRY, None)
            return other.remove_entry(*place, ENTRY.meta)
        finally:
            other.close()

    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            assert backend.insert_entry(*place, ENTRY, marker=None) is Inserted.DONE
            assert sorted(threads.map(remove, range(8))) == [False] * 7 + [True]
            assert backend.read_entries([place]) == [None]
    backend.close()


def test_an_entry_that_changes_to_the_same_meta(servers: list[Server]) -> None:
    """replace_entry() retries if a concurrent change left the same meta."""
    uri = f"memcached://{servers[0].address}"
    backend, other = make_backend(uri), make_backend(uri)
    backend.insert_entry("directory", "overtaken", ENTRY, marker=None)
    call, calls = backend.servers.call, []

    def overtaken(command: str, *args: Any, **options: Any) -> Any:
        calls.append(command)
        if calls == ["gets", "cas"]:
            same = Entry(b"meta", b"other body")
            assert other.replace_entry("directory", "overtaken", b"meta", same)
        return call(command, *args, **options)

    backend.servers.call = overtaken
    assert backend.replace_entry("directory", "overtaken", b"meta", Entry(b"last")) is True
    assert calls == ["gets", "cas"] * 2
    assert other.read_entries([("directory", "overtaken")]) == [Entry(b"last")]
    assert other.remove_entry("directory", "overtaken", b"last") is True
    backend.close()
    other.close()


def test_a_server_without_cas() -> None:
    """A server without cas (-C) raises an error, since two writers could replace one entry."""
    with memcached_server("-C") as server:
        uri = f"memcached://{server.address}"
        use(uri, lambda backend: backend.insert_entry("directory", "a", ENTRY, marker=None))
        error = failing(uri, lambda backend: backend.remove_entry("directory", "a", b"meta"))
        assert "-C" in str(error)
        assert use(uri, lambda backend: backend.read_entries([("directory", "a")])) == [ENTRY]


def test_many_long_keys(servers: list[Server]) -> None:
    """Many long keys are split into requests that a server accepts."""
    uri = f"memcached://{servers[0].address}"
    values = {f"{number:0250}": b"%d" % number for number in range(1200)}
    use(uri, lambda backend: backend.set_many(values.items()))
    keys = [*values, "missing", *reversed(values)]
    found = use(uri, lambda backend: backend.get_many(keys))
    assert found == [values.get(key) for key in keys]
    use(uri, lambda backend: backend.delete_many(keys))
    assert use(uri, lambda backend: backend.get_many(keys)) == [None] * len(keys)


OPERATIONS = {
    "set": (1, lambda backend: backend.set("key", b"value")),
    "get": (1, lambda backend: backend.get("key")),
    "has_key": (1, lambda backend: backend.has_key("key")),
    "add": (1, lambda backend: backend.add("key", b"value")),
    "delete": (1, lambda backend: backend.delete("key")),
    "set_many": (1, lambda backend: backend.set_many((f"key{n}", b"value") for n in range(9))),
    "get_many": (1, lambda backend: backend.get_many([f"key{n}" for n in range(9)])),
    "delete_many": (1, lambda backend: backend.delete_many(f"key{n}" for n in range(9))),
    "insert": (1, lambda backend: backend.insert_entry("d", "a", ENTRY, marker=None)),
    "insert beside": (2, lambda backend: backend.insert_entry("d", "b", ENTRY, marker="a")),
    "replace": (2, lambda backend: backend.replace_entry("d", "a", b"meta", ENTRY)),
    "read": (1, lambda backend: backend.read_entries([("d", "a"), ("elsewhere", "b")])),
    "remove": (2, lambda backend: backend.remove_entry("d", "a", b"meta")),
    "remove other": (2, lambda backend: backend.remove_entry("d", "b", b"meta")),
}


def test_round_trips(wire: Wire) -> None:
    """Each operation is one round trip, or two if it reads before it writes."""
    backend = make_backend(uri_of(wire))
    counted = {}
    for name, (_, operation) in OPERATIONS.items():
        operation(backend)
        counted[name] = len(wire.requests())
    backend.close()
    assert counted == {name: expected for name, (expected, _) in OPERATIONS.items()}


@pytest.mark.parametrize("scheme", ["memcached", "tokyotyrant"])
@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("", "names no host"),
        ("host:first", "the port of 'host' must be a number"),
        ("host;other:0", "the port of 'other' must be a number"),
        ("user:secret@host", "has more than hosts and ports"),
        ("host/0", "has more than hosts and ports"),
        ("host?timeout=0", "timeout='0'"),
        ("host?time_out=1", "Did you mean 'timeout'?"),
    ],
)
def test_mistakes(scheme: str, rest: str, words: str) -> None:
    """The error for an invalid URI names the mistake, and hides the password."""
    with pytest.raises(ImproperlyConfigured) as info:
        get_kvstore(f"{scheme}://{rest}")
    assert words in str(info.value)
    assert "secret" not in str(info.value)
