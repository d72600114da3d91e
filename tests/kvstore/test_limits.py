"""Keys and values beyond an engine's limits."""

from __future__ import annotations

import errno
import hashlib
import sys
import zlib
from importlib.util import find_spec, module_from_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kvstores import Interfered, Lost, Memory, Tight, failing, new_uri

from inmemorystorage.kvstore import get_kvstore, limits
from inmemorystorage.kvstore.connections import backend_for
from inmemorystorage.kvstore.limits import crc32, fit

PREFIX = "kvstore:v:"
MEMORY, TIGHT = Memory("keys", {}), Tight("keys", {})
LONG, OTHER = b"long" * 200, b"other" * 200


@pytest.mark.parametrize("key", ["a", "a/b:c", "{a}", "~", "x" * 150])
def test_keys_that_fit_stay(key):
    """A key that the engine accepts is stored unchanged after its prefix."""
    assert fit(TIGHT, PREFIX, key) == PREFIX + key


@pytest.mark.parametrize(
    "key", ["x" * 151, "a b", "é", "\n", "\x7f", "\ud800", "sha256-" + "0" * 64]
)
def test_other_keys_are_hashed(key):
    """A key that the engine does not accept, or that looks hashed, is hashed."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    assert fit(TIGHT, PREFIX, key) == f"{PREFIX}sha256-{digest}"


def test_length_is_that_of_bytes():
    """The limit of a key counts bytes in UTF-8."""
    engine = Memory("keys", {})
    engine.key_max = 100
    assert fit(engine, "p:", "é" * 49) == "p:" + "é" * 49
    assert fit(engine, "p:", "é" * 50).startswith("p:sha256-")


def test_an_engine_without_limits_takes_all_but_surrogates():
    """An engine without limits gets all keys unchanged, except lone surrogates."""
    assert fit(MEMORY, "p:", "é \n" * 1000) == "p:" + "é \n" * 1000
    assert fit(MEMORY, "p:", "\udc00").startswith("p:sha256-")


@given(st.lists(st.text(st.characters()) | st.text(max_size=3), unique=True))
def test_keys_stay_distinct_and_fit(keys):
    """Distinct keys, and their hashes as keys, stay distinct and fit the engine's limits."""
    for engine in [MEMORY, TIGHT]:
        become = [fit(engine, PREFIX, key).removeprefix(PREFIX) for key in keys]
        fitted = {fit(engine, PREFIX, key) for key in [*keys, *become]}
        assert len(fitted) == len({*keys, *become})
    for key in fitted:
        assert len(key) <= 160 and key.isascii() and key.isprintable() and " " not in key


@pytest.fixture
def store(request):
    """Return a store whose engine takes short values."""
    return get_kvstore(new_uri(getattr(request, "param", "Tight")))


def engine(store):
    """Return the values in the engine."""
    return backend_for(store.uri).values


def pieces(store):
    """Return the keys of the pieces."""
    return [key for key in engine(store) if key.startswith("kvstore:p:")]


def test_a_long_value_is_in_pieces(store):
    """A long value is cut into pieces within the limit, and read whole."""
    store.set("a", LONG)
    assert len(pieces(store)) > 10
    assert max(map(len, engine(store).values())) <= Tight.value_max
    assert store.get("a") == LONG and store.get_many(["a"]) == {"a": LONG}


@pytest.mark.parametrize("length", [77, 78, 79, 80, 157, 158, 159])
def test_lengths_about_the_limit(store, length):
    """A value up to the limit, including its JSON quotes, is stored whole."""
    store.set("a", "x" * length)
    assert store.get("a") == "x" * length
    assert len(pieces(store)) == (0 if length <= 78 else 2 if length <= 158 else 3)


def test_no_piece_is_left(store):
    """set() and delete() delete the pieces of the old value."""
    store.set("a", LONG)
    before = {*pieces(store)}
    store.set("a", OTHER)
    assert pieces(store) and not before & {*pieces(store)}
    store.set("a", 1)
    assert [*engine(store)] == ["kvstore:v:a"]
    store.set("a", LONG)
    store.delete("a")
    assert engine(store) == {}


def test_concurrent_writers_leave_no_pieces(store, monkeypatch):
    """A write during another one's storing of pieces leaves no pieces behind."""
    store.set("a", OTHER)
    number, backend = len(pieces(store)), backend_for(store.uri)
    set_many = backend.set_many

    def overtaken(values):
        monkeypatch.undo()
        set_many(values)
        store.set("a", OTHER)

    monkeypatch.setattr(backend, "set_many", overtaken)
    store.set("a", OTHER[::-1])
    assert (store.get("a"), len(pieces(store))) == (OTHER[::-1], number)


def test_pieces_of_each_key_are_its_own(store):
    """Deleting a key keeps the pieces of other keys."""
    store.set("a", LONG)
    store.set("b", LONG)
    store.delete("a")
    assert store.get("b") == LONG


@pytest.mark.parametrize(
    "spoil", [lambda has, key: has.pop(key), lambda has, key: has.update({key: b""})]
)
def test_a_lost_piece_is_an_error(store, spoil):
    """A missing or damaged piece raises OSError with the key."""
    store.set("a key", LONG)
    spoil(engine(store), pieces(store)[3])
    for read in [lambda: store.get("a key"), lambda: store.get_many(["b", "a key"])]:
        with pytest.raises(OSError, match="lost a part of this value") as caught:
            read()
        assert (caught.value.errno, caught.value.filename) == (errno.EIO, "a key")


@pytest.mark.parametrize("store", ["Socketed"], indirect=True)
def test_a_lost_piece_is_reported_once(store):
    """The error of a lost piece is not wrapped again if the client raises OSError."""
    store.set("a key", LONG)
    engine(store).pop(pieces(store)[0])
    with pytest.raises(OSError, match="lost a part of this value") as caught:
        store.get_many(["a key", "b"])
    assert caught.value.filename == "a key" and "Errno" not in caught.value.strerror


def test_a_lost_piece_can_be_replaced(store):
    """A key with a lost piece can be set again, and deleted."""
    store.set("a", LONG)
    engine(store).pop(pieces(store)[0])
    store.set("a", OTHER)
    assert store.get("a") == OTHER
    engine(store).pop(pieces(store)[0])
    store.delete("a")
    assert engine(store) == {}


@pytest.mark.parametrize("store", ["Interfered"], indirect=True)
@pytest.mark.parametrize("after", [OTHER, "short", None])
def test_a_reader_that_a_writer_overtakes(store, after):
    """A reader whose pieces were deleted reads the new value, whole."""
    store.set("a", LONG)
    if after is None:
        Interfered.between.append(lambda: store.delete("a"))
    else:
        Interfered.between.append(lambda: store.set("a", after))
    assert store.get("a") == after


@pytest.mark.parametrize("store", ["Interfered"], indirect=True)
def test_a_reader_that_writers_overtake_again(store):
    """A reader retries until it reads a whole value."""
    store.set("a", LONG)
    writes = [bytes([number]) * 500 for number in range(5)]
    Interfered.between.extend(lambda each=each: store.set("a", each) for each in writes)
    assert store.get("a") == writes[0]  # the last one that was popped
    assert not Interfered.between


@pytest.mark.parametrize("store", ["Failing"], indirect=True)
def test_an_engine_that_is_full_in_the_middle(store):
    """A failed set() keeps the old value, and leaves no pieces behind."""
    store.set("a", LONG)
    before = dict(engine(store))
    with failing(set=5), pytest.raises(OSError, match="no set"):
        store.set("a", OTHER)
    assert engine(store) == before and store.get("a") == LONG


@pytest.mark.parametrize("store", ["Failing"], indirect=True)
def test_an_engine_that_is_lost_in_the_middle(store, monkeypatch):
    """set() raises the first error if deleting the pieces fails too."""

    def delete_many(keys):
        raise Lost("no delete")

    monkeypatch.setattr(backend_for(store.uri), "delete_many", delete_many)
    with failing(set=2), pytest.raises(OSError, match="no set"):
        store.set("a", LONG)


def test_an_engine_whose_limit_was_lifted():
    """A backend without a limit reads values in pieces."""
    uri = new_uri("Tight")
    get_kvstore(uri).set("a", LONG)
    assert get_kvstore(uri.replace("Tight", "Memory")).get("a") == LONG


@pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 5000])
def test_checksum_is_that_of_zlib(content):
    """crc32() equals zlib's, so that processes with and without isal can share a store."""
    assert crc32(content) == zlib.crc32(content)
    assert crc32(memoryview(content)[3:]) == zlib.crc32(content[3:])
    assert crc32(content, 12345) == zlib.crc32(content, 12345)


def test_checksum_by_isal():
    """crc32 is isal's if isal is installed."""
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    assert crc32 is isal_zlib.crc32


def test_checksum_without_isal(monkeypatch):
    """crc32 is zlib's if isal is not installed."""
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    spec = find_spec(limits.__name__)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.crc32 is zlib.crc32
