"""Stored data that is damaged, or that claims to be longer than it is."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connections
from kvstore.helpers import LONG, chunks, make, memory, read, save
from kvstores import Memory, new_uri

from inmemorystorage.kvstore import KeyValueStorage, get_kvstore
from inmemorystorage.kvstore.backends import Damaged, Entry, decoded
from inmemorystorage.kvstore.backends.servers import unpack
from inmemorystorage.kvstore.connections import backend_for
from inmemorystorage.kvstore.files.entries import Record

GARBAGE = [
    *(b"", b"\x00", b"\xff\xff\xff\xff", b"{", b'{"__type__":"date","value":"x"}'),
    *(b'{"__type__":"unknown","value":1}', b'{"__type__":1}', b"[" * 100_000, b"9" * 5000),
    *(b"\x01", b"\x01[]", b'\x01["x"]', b'\x01["x","y",0]', b'\x01["x",-1,0]', b'\x01{"a":1}'),
    *(b'\x01["x",0.5,0]', b'\x01["x",true,0]', b'\x01["x",1e400,0]', b"\x01" + b"[" * 100_000),
    *(b'\x01["x",100000000,0]', b'\x01["x",%d,0]' % 10**18, b'\x01["x",%d,0]' % 10**30),
]


def check(error: OSError, name: str) -> None:
    """Assert that an error is the documented one, with a name."""
    assert (error.errno, error.filename) == (errno.EIO, name)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the keys that are read, looked for or deleted, one by one."""
    keys: list[str] = []

    def counting(operation: str) -> Callable[..., Any]:
        method = getattr(Memory, operation)

        def call(self: Any, key: str) -> Any:
            keys.append(key)
            return method(self, key)

        return call

    for operation in ["get", "has_key", "delete"]:
        monkeypatch.setattr(Memory, operation, counting(operation))
    return keys


@pytest.mark.parametrize("query", ["", "?serializer=pickle"])
@pytest.mark.parametrize("stored", GARBAGE, ids=range(len(GARBAGE)))
def test_damaged_values(counted: list[str], stored: bytes, query: str) -> None:
    """Reading a damaged value raises EIO with its key, which can be set again and deleted."""
    for cls in ["Memory", "Tight"]:
        store = get_kvstore(new_uri(cls, query))
        store.set("b", 2)
        for change in [
            lambda store=store: store.set("a", 1),
            lambda store=store: store.delete("a"),
        ]:
            backend_for(store.uri).values["kvstore:v:a"] = stored
            for use in [partial(store.get, "a"), partial(store.get_many, ["b", "a"])]:
                with pytest.raises(OSError, match=r"damaged|lost a part") as info:
                    use()
                check(info.value, "a")
            change()
        assert store.get_many(["a", "b"]) == {"b": 2}
    assert len(counted) < 1000


def test_fields_of_a_later_version() -> None:
    """A value is read whose head has a field of a later version."""
    store = get_kvstore(new_uri("Tight"))
    store.set("a", "long" * 100)
    values = backend_for(store.uri).values
    head = json.loads(values["kvstore:v:a"][1:])
    values["kvstore:v:a"] = b"\x01" + json.dumps([*head, "later"]).encode()
    assert store.get("a") == "long" * 100


def test_many_pieces() -> None:
    """A value of more pieces than are read at once is read, replaced and deleted whole."""
    store = get_kvstore(new_uri("Tight"))
    values = backend_for(store.uri).values
    for length in [64 * 80, 64 * 80 + 1, 300 * 80]:
        store.set("a", b"x" * length)
        assert store.get("a") == b"x" * length
    store.delete("a")
    assert values == {}


def test_decoded_raises_damaged() -> None:
    """decoded() raises Damaged, whatever its function raises."""
    with pytest.raises(Damaged, match="damaged this data"):
        decoded(lambda stored: 1 // stored, 0)
    assert decoded(str, 0) == "0"


METAS = [
    *(b"", b"f", b"f{", b"f[]", b"f{}", b'z{"i":"x"}', b'\xff{"i":"x"}', b'f{"i":5}', b"f5"),
    *(b'f{"i":"x","s":-5}', b'f{"i":"x","s":1.5}', b'f{"i":"x","s":true}', b'f{"i":"x","s":"5"}'),
    *(b'f{"i":"x","s":%d}' % 2**70, b'f{"i":"x","s":1,"k":-1}', b'f{"i":"x","c":[]}'),
    *(
        b'f{"i":"x","h":null}',
        b'f{"i":"x","t":NaN}',
        b'f{"i":"x","m":1e400}',
        b'f{"i":"x","m":1e13}',
    ),
    *(b'f{"i":"x","x":"soon"}', b'f{"i":"x","x":-1}', b'f{"i":"x","n":1}'),
    *(b"f" + b"[" * 1000, b"f" + b"9" * 4400),
]
ENGINES = [
    "locmem",
    *(
        pytest.param(engine, marks=pytest.mark.once)
        for engine in [
            *("redis", "cluster", "memcached", "sqlite", "postgresql", "mariadb", "dynamodb")
        ]
    ),
]


@pytest.fixture
def storage(request: pytest.FixtureRequest, engine: str) -> KeyValueStorage:
    """Return an empty storage on an engine, which overwrites."""
    if engine == "locmem":
        return make(allow_overwrite=True)
    return KeyValueStorage(request.getfixturevalue("store_uri")(engine), allow_overwrite=True)


def spoil(storage: KeyValueStorage, name: str, meta: bytes) -> None:
    """Replace the meta of a file's entry."""
    resolved = storage._resolve(name)
    entries, place = storage._contents.entries, storage._tree.place(resolved)
    found = backend_for(storage.uri).read_entries([place])[0]
    assert found is not None
    assert entries.replace(name, place, found.meta, Entry(meta, found.body))


USES: list[Callable[[KeyValueStorage, str], Any]] = [
    *(KeyValueStorage.open, KeyValueStorage.size, KeyValueStorage.exists, KeyValueStorage.delete),
    *(KeyValueStorage.get_created_time, KeyValueStorage.get_modified_time),
    lambda storage, name: storage.open(name, "ab"),
    lambda storage, name: storage.open(name, "wb"),
    lambda storage, name: save(storage, name),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_damaged_entries(storage: KeyValueStorage) -> None:
    """Each operation on a file whose entry is damaged raises EIO with its name."""
    for number, meta in enumerate(METAS):
        name = f"d{number}/a"
        save(storage, name, b"content")
        spoil(storage, name, meta)
        for use in USES:
            with pytest.raises(OSError, match="damaged") as info:
                use(storage, name)
            check(info.value, name)


@pytest.mark.parametrize("engine", [each for each in ENGINES if "memcached" not in str(each)])
def test_damaged_entries_are_listed_or_raise(storage: KeyValueStorage) -> None:
    """A listing or a deletion of a directory names a damaged entry that it must read."""
    for number, meta in enumerate([b"", b'z{"i":"x"}', b'f{"i":"x","x":[]}', b'd"x":']):
        name = f"d{number}/a"
        save(storage, name, b"content")
        spoil(storage, name, meta)
        for use in [KeyValueStorage.listdir, KeyValueStorage.delete]:
            with pytest.raises(OSError, match="damaged") as info:
                use(storage, f"d{number}")
            check(info.value, name)


@pytest.mark.parametrize("engine", ENGINES)
def test_fields_of_a_later_version_of_an_entry(storage: KeyValueStorage) -> None:
    """A file is read, listed and deleted whose entry has a field of a later version."""
    save(storage, "d/a", b"content")
    entry = backend_for(storage.uri).read_entries([storage._tree.place(storage._resolve("d/a"))])
    spoil(storage, "d/a", entry[0].meta[:-1] + b',"z":{"later":[1]}}')
    assert (read(storage, "d/a"), storage.size("d/a")) == (b"content", 7)
    storage.delete("d/a")
    assert not storage.exists("d/a")


def test_packed_entries_of_any_length() -> None:
    """unpack() returns an entry for any bytes, whose meta is refused."""
    for stored in [b"", b"\0", b"\0\0\0\x09f{}", b"\xff\xff\xff\xff", b"\0\0\0\0f{}"]:
        with pytest.raises(Damaged):
            decoded(Record.load, unpack(stored).meta)


@pytest.mark.once
@pytest.mark.parametrize("engine", ["redis"])
def test_damaged_values_of_redis(storage: KeyValueStorage) -> None:
    """Damage of the keys of Redis raises EIO with a name."""
    save(storage, "d/a", b"content")
    backend: Any = backend_for(storage.uri)
    directory, name = storage._tree.place(storage._resolve("d/a"))
    redis = pytest.importorskip("inmemorystorage.kvstore.backends.redis")
    metas, (entry, _) = redis._metas(directory), redis._entry_keys(directory, name)
    for stored in [b"", b"\0\0", b"\0\0\0\xff{}"]:
        backend._client.set(entry, stored)
        with pytest.raises(OSError, match="damaged") as info:
            storage.open("d/a")
        check(info.value, "d/a")
    backend._client.hset(metas, b"\xff", b"f{}")
    with pytest.raises(OSError, match="damaged") as info:
        storage.listdir("d")
    check(info.value, "d")
    backend._client.set(metas, b"no hash")
    with pytest.raises(OSError, match="WRONGTYPE") as info:
        storage.listdir("d")
    check(info.value, "d")


@pytest.mark.once
@pytest.mark.parametrize("engine", ["sqlite"])
def test_text_in_a_table(storage: KeyValueStorage) -> None:
    """A row with text instead of bytes raises EIO with a name."""
    save(storage, "d/a", b"content")
    store = get_kvstore(storage.uri)
    store.set("a", 1)
    rows = backend_for(storage.uri)._rows  # type: ignore[attr-defined]
    with connections[rows.db].cursor() as cursor:
        cursor.execute("UPDATE store SET meta = 'text', body = 'text'")
    for use, name in [
        *((partial(storage.open, "d/a"), "d/a"), (partial(storage.listdir, "d"), "d")),
        *((partial(storage.size, "d/a"), "d/a"), (partial(store.get, "a"), "a")),
    ]:
        with pytest.raises(OSError, match="damaged") as info:
            use()
        check(info.value, name)


def test_damaged_notes() -> None:
    """sweep() raises EIO for a damaged note, and drops what a note of a later version names."""
    storage = make()
    place = storage._contents.entries.key("s", "")
    notes = memory(storage).directories.setdefault(place, {})
    whole = ["d", "a", 0]
    for note in [b"", b"{}", b"5", b"[]", b"[1]", *map(dumps, bad_notes(whole))]:
        notes["id"] = Entry(note)
        with pytest.raises(OSError, match="damaged") as info:
            storage.sweep()
        check(info.value, "id")
    notes["id"] = Entry(dumps([1, *whole, "later"]))
    assert storage.sweep() == 1


def dumps(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


def bad_notes(whole: list[Any]) -> Iterator[list[Any]]:
    """Yield notes of which one field is damaged."""
    yield from ([due, *whole] for due in ["1", None, float("nan"), -1])
    yield from ([1, *whole[:at], {}, *whole[at + 1 :]] for at in range(3))
    yield [1, *whole[:2], -1]


def test_a_bomb_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and a note that claim a billion chunks are dropped at the cost of what is there."""
    storage = make()
    asked: list[str] = []
    monkeypatch.setattr(
        "inmemorystorage.kvstore.backends.locmem.LocmemBackend.has_key",
        lambda self, key: bool(asked.append(key)) or key in self.data.values,
    )
    save(storage, "d/a", LONG * 30)
    record = storage._tree.look_up(storage._resolve("d/a")).record
    spoil(storage, "d/a", replace(record, size=10**18, chunk_size=1).dump())
    with storage.open("d/a") as file, pytest.raises(OSError, match="lost a part") as info:
        file.read()
    check(info.value, "d/a")
    storage.delete("d/a")
    assert chunks(storage) == {}
    place = storage._contents.entries.key("s", "")
    memory(storage).directories[place] = {"id": Entry(dumps([1, "d", "a", 10**18]))}
    assert storage.sweep() == 1
    assert len(asked) < 300
