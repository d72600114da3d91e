"""Stores on Redis, Valkey and clusters, which the tests run."""

from __future__ import annotations

import errno
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from engines.processes import find_program, free_port, wait_until
from engines.redis import REDIS, VALKEY, Server, redis_cluster, redis_server
from engines.wire import Wire, recorded
from kvstore.using import all_texts, closing, failing, is_lost, set_and_get, use

from inmemorystorage.kvstore import Backend
from inmemorystorage.kvstore.backends import Entry, Inserted
from inmemorystorage.kvstore.conformance import StoreConformance
from inmemorystorage.kvstore.connections import make_backend

pytest.importorskip("redis")
pytestmark = pytest.mark.slow

ENTRY = Entry(b"meta", b"body")


@pytest.fixture(scope="session", params=[REDIS, VALKEY])
def program(request: pytest.FixtureRequest) -> str:
    """Return the program of the server."""
    return str(request.param)


@pytest.fixture(scope="session")
def server(program: str) -> Iterator[Server]:
    """Run a server."""
    with redis_server(program=program) as server:
        yield server


@pytest.fixture(scope="session")
def cluster(program: str) -> Iterator[list[Server]]:
    """Run a cluster."""
    with redis_cluster(program=program) as servers:
        yield servers


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    with closing():
        yield


class RedisConformance(StoreConformance):
    """Tests that a server and a cluster share."""

    def test_long_bodies(self) -> None:
        """A long body is stored and removed together with its entry."""
        backend, place = self.backend, self.key()
        entries = [Entry(b"%d" % number, b"%d" % number * 2**17) for number in range(3)]
        put = partial(backend.insert_entry, place, "a")
        assert put(entries[0], marker=".") is Inserted.NO_DIRECTORY
        assert put(entries[0], marker=None) is Inserted.DONE
        assert put(entries[1], marker=None) is Inserted.TAKEN
        assert backend.replace_entry(place, "a", b"other", entries[1]) is False
        assert backend.read_entries([(place, "a")]) == [entries[0]]
        assert backend.replace_entry(place, "a", b"0", entries[1]) is True
        assert backend.read_entries([(place, "a")]) == [entries[1]]
        assert self.stored(place) == {":m", ":e:a", ":b:a"}
        assert self.lifetimes(place) == {-1}
        assert backend.replace_entry(place, "a", b"1", Entry(b"short", b"body")) is True
        assert backend.read_entries([(place, "a")]) == [Entry(b"short", b"body")]
        assert backend.replace_entry(place, "a", b"short", entries[2]) is True
        assert backend.remove_entry(place, "a", b"2") is True
        assert self.stored(place) == set()

    def stored(self, place: str) -> set[str]:
        """Return a directory's keys on the server, without its hash tag."""
        return {key.rpartition("}")[2] for key in self._keys(place)}

    def lifetimes(self, place: str) -> set[int]:
        """Return the times to live of these keys, -1 for those that never expire."""
        return {self.backend._client.pttl(key) for key in self._keys(place)}

    def _keys(self, place: str) -> list[str]:
        found = self.backend._client.scan_iter(match=f"{{.{place}}}*", count=1000)
        return [key.decode() for key in found]


class TestRedis(RedisConformance):
    """One server."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, server: Server) -> None:
        cls.uri = server.uri


class TestCluster(RedisConformance):
    """Three masters."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, cluster: list[Server]) -> None:
        cls.uri = f"{cluster[0].uri}?cluster=1"


def insert(backend: Backend) -> Inserted:
    """Insert an entry after removing it."""
    backend.remove_entry("directory", "name", ENTRY.meta)
    return backend.insert_entry("directory", "name", ENTRY, marker=None)


@pytest.mark.parametrize("userinfo", [":se%20cret", "default:se%20cret"])
def test_a_password_in_the_uri(userinfo: str) -> None:
    """A URI may contain the server's password, percent-encoded."""
    with redis_server("--requirepass", "se cret") as server:
        assert use(f"redis://{userinfo}@127.0.0.1:{server.port}", set_and_get) == b"value"


def test_a_password_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password defaults to the variables of redis-cli."""
    monkeypatch.setenv("REDISCLI_AUTH", "secret")
    with redis_server("--requirepass", "secret") as server:
        assert use(f"valkey://127.0.0.1:{server.port}", set_and_get) == b"value"


@pytest.mark.parametrize("query", ["", "?cluster=1"])
def test_errors_hide_wrong_passwords(query: str) -> None:
    """The error for a wrong or missing password contains no password."""
    with redis_server("--requirepass", "secret") as server:
        for userinfo in (":wrong-word@", ""):
            error = failing(f"redis://{userinfo}127.0.0.1:{server.port}{query}", set_and_get)
            assert error.errno == errno.EACCES
            assert "wrong-word" not in all_texts(error)
            assert "secret" not in all_texts(error)


def test_a_unix_socket() -> None:
    """unix:// connects to a database by the server's socket."""
    with redis_server("--unixsocket", "of redis.sock") as server:
        uri = f"unix://{server.directory}/of%20redis.sock"
        use(f"{uri}?db=3", lambda backend: backend.set("key", b"third"))
        assert use(uri, lambda backend: backend.get("key")) is None
        assert b"db3:keys=1" in server.ask("INFO", "keyspace")
        server.process.stop()
        # Not a FileNotFoundError, which would report a missing file of a storage.
        assert failing(uri, set_and_get).errno in (errno.ECONNRESET, errno.ECONNREFUSED)
        assert failing(uri, set_and_get).errno == errno.ECONNREFUSED


def test_databases(server: Server) -> None:
    """The path or ?db= is the number of the database; an invalid one is an error."""
    use(f"{server.uri}/5", lambda backend: backend.set("only", b"fifth"))
    read = [use(server.uri + rest, lambda b: b.get("only")) for rest in ("/5", "?db=5", "/", "")]
    assert read == [b"fifth", b"fifth", None, None]
    assert "out of range" in str(failing(f"{server.uri}/99", set_and_get))


def test_a_cluster_without_its_parameter(cluster: list[Server]) -> None:
    """The error for a key on another server of a cluster names ?cluster=1."""
    assert "add ?cluster=1" in str(failing(cluster[0].uri, set_and_get))


class Tls(NamedTuple):
    """A self-signed certificate, and the server's options for it."""

    certificate: Path
    options: list[str]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """Make a certificate for 127.0.0.1."""
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = [find_program("openssl"), "req", "-x509", "-nodes", "-days", "2", "-newkey"]
    command += ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=tests", "-addext"]
    command += ["subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    options = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    options += ["--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no"]
    return Tls(certificate, options)


@pytest.mark.parametrize("rest", ["?ssl_ca_certs={}", "?ssl_cert_reqs=none"])
def test_tls(tls: Tls, rest: str) -> None:
    """rediss:// accepts a known certificate, or any with ?ssl_cert_reqs=none."""
    port = str(free_port())
    with redis_server("--tls-port", port, *tls.options):
        uri = f"rediss://127.0.0.1:{port}{rest.format(tls.certificate)}"
        assert use(uri, set_and_get) == b"value"


def test_tls_of_a_cluster(tls: Tls) -> None:
    """rediss:// connects to all nodes of a cluster over TLS."""
    port = str(free_port())
    options = ["--tls-port", port, "--tls-cluster", "yes", *tls.options]
    with redis_cluster(*options, number=1):
        uri = f"rediss://127.0.0.1:{port}?cluster=1&ssl_ca_certs={tls.certificate}"
        assert use(uri, set_and_get) == b"value"


def test_tls_with_an_unknown_certificate(tls: Tls) -> None:
    """rediss:// verifies certificates by default."""
    port = str(free_port())
    with redis_server("--tls-port", port, *tls.options):
        error = failing(f"rediss://127.0.0.1:{port}", set_and_get)
    assert error.errno == errno.EPROTO
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


def test_a_full_server() -> None:
    """Writes to a full server raise ENOSPC, and work again after deleting."""
    with redis_server("--maxmemory", "8mb", "--maxmemory-policy", "noeviction") as server:
        many = [(f"key{number}", b"secret content" * 700) for number in range(1000)]
        error = failing(server.uri, lambda backend: backend.set_many(many))
        assert (error.errno, "OOM command not allowed" in str(error)) == (errno.ENOSPC, True)
        assert "secret content" not in all_texts(error)
        server.ask("CONFIG", "SET", "maxmemory", "4mb")  # no small value fits either
        for write in (set_and_get, insert, lambda backend: backend.add("other", b"value")):
            assert failing(server.uri, write).errno == errno.ENOSPC
        place = "directory", "name"
        assert use(server.uri, lambda backend: backend.read_entries([place])) == [None]
        use(server.uri, lambda backend: backend.delete_many(key for key, _ in many))
        # The server frees memory in the background.
        wait_until(lambda: use(server.uri, set_and_get) == b"value", "room")
        assert use(server.uri, insert) is Inserted.DONE


def test_a_server_that_is_stopped_and_started() -> None:
    """Operations fail while the server is down, and work again after its restart."""
    with redis_server() as server:
        assert use(server.uri, set_and_get) == b"value"
        server.process.kill()
        for operation in (set_and_get, insert):
            assert isinstance(failing(server.uri, operation), ConnectionError)
            assert failing(server.uri, operation).errno == errno.ECONNREFUSED
        server.process.start()
        assert use(server.uri, set_and_get) == b"value"
        assert use(server.uri, insert) is Inserted.DONE


def test_an_entry_that_others_insert_and_remove(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that comes and goes between a reader's requests is missing, not evicted."""
    backend, other = make_backend(server.uri), make_backend(server.uri)
    changes = [
        lambda: other.insert_entry("comes", "and goes", ENTRY, marker=None),
        lambda: other.remove_entry("comes", "and goes", ENTRY.meta),
    ]
    send = backend._sent

    def interfered(commands: Any) -> Any:
        answer = send(commands)
        if changes:
            changes.pop(0)()
        return answer

    monkeypatch.setattr(backend, "_sent", interfered)
    assert backend.read_entries([("comes", "and goes")]) == [None]
    other.remove_entry("comes", "and goes", ENTRY.meta)
    backend.close()
    other.close()


def test_a_server_that_is_lost_in_the_middle_of_an_answer(server: Server) -> None:
    """A connection that breaks before the answer raises ConnectionResetError, without a retry."""
    with recorded(server.port) as wire:
        uri = f"redis://127.0.0.1:{wire.port}"
        assert use(uri, set_and_get) == b"value"
        try:
            raise FileNotFoundError("an error that the caller handles")
        except FileNotFoundError:
            wire.requests()
            wire.cuts = True
            error = failing(uri, set_and_get)
            wire.cuts = False
        assert isinstance(error, ConnectionResetError)
        assert len(wire.requests()) == 1  # no retry
        assert use(uri, set_and_get) == b"value"


def test_a_server_that_never_answers(server: Server) -> None:
    """?timeout= limits the wait for an answer."""
    with recorded(server.port) as wire:
        wire.swallows = True
        error = failing(f"redis://127.0.0.1:{wire.port}?timeout=0.2", set_and_get)
        assert isinstance(error, TimeoutError)


@pytest.mark.parametrize("query", ["", "?cluster=1"])
def test_scripts_that_a_server_forgets(server: Server, cluster: list[Server], query: str) -> None:
    """Entries are inserted, replaced and removed after SCRIPT FLUSH."""
    servers = cluster if query else [server]

    def forget() -> None:
        assert [each.ask("SCRIPT", "FLUSH") for each in servers] == [b"+OK\r\n"] * len(servers)

    backend = make_backend(servers[0].uri + query)
    forget()
    assert insert(backend) is Inserted.DONE
    forget()
    assert backend.replace_entry("directory", "name", b"meta", ENTRY) is True
    forget()
    assert backend.remove_entry("directory", "name", b"meta") is True
    backend.close()


def test_a_node_that_is_stopped_and_started() -> None:
    """Only the keys of a lost node fail, and work again after its restart."""
    with redis_cluster() as servers:
        uri = f"{servers[0].uri}?cluster=1"
        keys = [f"key{number}" for number in range(30)]
        use(uri, lambda backend: backend.set_many((key, b"value") for key in keys))
        servers[2].process.kill()
        left = [key for key in keys if not is_lost(uri, key)]
        assert 0 < len(left) < len(keys)
        error = failing(uri, lambda backend: backend.get_many(keys))
        assert isinstance(error, ConnectionError)
        servers[2].process.start()
        wait_until(lambda: use(uri, lambda backend: backend.get_many(keys)), "the node")
        found = use(uri, lambda backend: backend.get_many(keys))
        assert {key for key, value in zip(keys, found, strict=True) if value} == {*left}


@pytest.mark.parametrize("query", ["", "?cluster=1"])
def test_time_to_live(server: Server, cluster: list[Server], query: str) -> None:
    """A value expires after its ttl; without one, it never does."""
    backend = make_backend((cluster[0] if query else server).uri + query)
    backend.set("short", b"value", ttl=0.0001)
    backend.set_many([("shorter", b"value"), ("shortest", b"value")], ttl=0.05)
    backend.set("long", b"value", ttl=60)
    backend.set("forever", b"value")
    wait_until(lambda: backend.get_many(["short", "shorter", "shortest"]) == [None] * 3, "the end")
    assert backend.get_many(["long", "forever"]) == [b"value"] * 2
    backend.delete_many(["long", "forever"])
    backend.close()


def test_how_long_a_value_lives(server: Server) -> None:
    """The ttl is sent in milliseconds."""
    use(server.uri, lambda backend: backend.set("milliseconds", b"value", ttl=12.3456))
    assert 12_000 < int(server.ask("PTTL", "milliseconds")[1:]) <= 12_346


def test_many_values(server: Server) -> None:
    """Many and long values are split into several requests."""
    values = {f"many{number}": b"%d" % number for number in range(1500)}
    values |= {f"long{number}": b"%d" % number * 2**20 for number in range(6)}
    use(server.uri, lambda backend: backend.set_many(values.items()))
    keys = [*reversed(values), "missing", *values]
    found = use(server.uri, lambda backend: backend.get_many(keys))
    assert found == [values.get(key) for key in keys]
    use(server.uri, lambda backend: backend.delete_many(keys))
    assert use(server.uri, lambda backend: backend.get_many(keys)) == [None] * len(keys)
    assert use(server.uri, lambda backend: backend.get_many([])) == []


def test_an_entry_is_read_whole(server: Server) -> None:
    """A reader never mixes meta and body of an entry that another thread replaces."""
    backend, over = make_backend(server.uri), threading.Event()
    backend.insert_entry("directory", "changing", Entry(b"0", b"0" * 5000), marker=None)

    def change() -> None:
        other, number = make_backend(server.uri), 0
        while not over.is_set():
            entry = Entry(b"%d" % (number + 1), b"%d" % (number + 1) * 5000)
            assert other.replace_entry("directory", "changing", b"%d" % number, entry)
            number += 1
        other.close()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        found = [backend.read_entries([("directory", "changing")])[0] for _ in range(300)]
    finally:
        over.set()
        thread.join()
    assert all(entry and entry.body == entry.meta * 5000 for entry in found)
    assert len({entry.meta for entry in found if entry}) > 1
    last = backend.read_entries([("directory", "changing")])[0]
    assert last and backend.remove_entry("directory", "changing", last.meta)
    backend.close()


OPERATIONS = {
    "set": lambda backend: backend.set("key", b"value"),
    "set with a time": lambda backend: backend.set("key", b"value", ttl=60),
    "get": lambda backend: backend.get("key"),
    "has_key": lambda backend: backend.has_key("key"),
    "add": lambda backend: backend.add("key", b"value"),
    "delete": lambda backend: backend.delete("key"),
    "set_many": lambda backend: backend.set_many((f"key{n}", b"value") for n in range(100)),
    "get_many": lambda backend: backend.get_many([f"key{number}" for number in range(8)]),
    "delete_many": lambda backend: backend.delete_many(f"key{number}" for number in range(100)),
    "insert": lambda backend: backend.insert_entry("directory", "a", ENTRY, marker=None),
    "insert beside": lambda backend: backend.insert_entry("directory", "b", ENTRY, marker="a"),
    "replace": lambda backend: backend.replace_entry("directory", "a", b"meta", ENTRY),
    "list": lambda backend: [*backend.list_entries("directory")],
    "read": lambda backend: backend.read_entries([("directory", "a"), ("directory", "b")]),
    "read metas": lambda backend: backend.read_entries([("directory", "a")], bodies=False),
    "remove": lambda backend: backend.remove_entry("directory", "a", b"meta"),
    "remove other": lambda backend: backend.remove_entry("directory", "b", b"meta"),
}


def test_round_trips(server: Server) -> None:
    """Each operation is one round trip if the server knows the scripts; connecting adds none."""
    with recorded(server.port) as wire:
        backend = make_backend(f"redis://127.0.0.1:{wire.port}")
        assert count(wire, backend, "set") == 1
        for operation in OPERATIONS.values():
            operation(backend)
        wire.requests()
        counted = {name: count(wire, backend, name) for name in OPERATIONS}
        counted["read missing entries"] = count(wire, backend, "read")
        backend.close()
    # A second request finds out whether a part of the entry was evicted.
    assert counted == dict.fromkeys(OPERATIONS, 1) | {"read missing entries": 2}


def count(wire: Wire, backend: Backend, name: str) -> int:
    """Return the number of round trips of an operation."""
    OPERATIONS[name](backend)
    return len(wire.requests())
