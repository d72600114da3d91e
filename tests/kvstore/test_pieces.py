"""Values that are longer than an engine takes."""

from __future__ import annotations

import errno

import pytest
from kvstores import Interfered, Lost, Tight, failing, new_uri

from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.connections import backend_for

LONG, OTHER = b"long" * 200, b"other" * 200


@pytest.fixture
def store(request):
    """Return a store whose engine takes short values."""
    return get_kvstore(new_uri(getattr(request, "param", "Tight")))


def engine(store):
    """Return what the engine has."""
    return backend_for(store.uri).values


def pieces(store):
    """Return the keys of the pieces."""
    return [key for key in engine(store) if key.startswith("kvstore:p:")]


def test_a_long_value_is_in_pieces(store):
    """None is longer than the engine takes, and the key has what tells of them."""
    store.set("a", LONG)
    assert len(pieces(store)) > 10
    assert max(map(len, engine(store).values())) <= Tight.value_max
    assert store.get("a") == LONG and store.get_many(["a"]) == {"a": LONG}


@pytest.mark.parametrize("length", [77, 78, 79, 80, 157, 158, 159])
def test_lengths_about_the_limit(store, length):
    """A value that just fits is in one piece; with its quotes one of two characters less."""
    store.set("a", "x" * length)
    assert store.get("a") == "x" * length
    assert len(pieces(store)) == (0 if length <= 78 else 2 if length <= 158 else 3)


def test_no_piece_is_left(store):
    """What replaces a value, or deletes it, takes its pieces away."""
    store.set("a", LONG)
    before = {*pieces(store)}
    store.set("a", OTHER)
    assert pieces(store) and not before & {*pieces(store)}
    store.set("a", 1)
    assert [*engine(store)] == ["kvstore:v:a"]
    store.set("a", LONG)
    store.delete("a")
    assert engine(store) == {}


def test_two_that_set_one_value_at_once(store, monkeypatch):
    """Of the one whose value is replaced while the other's pieces are stored, none is left."""
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
    """Deleting a key leaves the others whole."""
    store.set("a", LONG)
    store.set("b", LONG)
    store.delete("a")
    assert store.get("b") == LONG


@pytest.mark.parametrize(
    "spoil", [lambda has, key: has.pop(key), lambda has, key: has.update({key: b""})]
)
def test_a_lost_piece_is_an_error(store, spoil):
    """A part that is missing, or is another, is an OSError that names the key."""
    store.set("a key", LONG)
    spoil(engine(store), pieces(store)[3])
    for read in [lambda: store.get("a key"), lambda: store.get_many(["b", "a key"])]:
        with pytest.raises(OSError, match="lost a part of this value") as caught:
            read()
        assert (caught.value.errno, caught.value.filename) == (errno.EIO, "a key")


@pytest.mark.parametrize("store", ["Socketed"], indirect=True)
def test_a_lost_piece_is_told_once(store):
    """Also where the errors of the client are those of sockets."""
    store.set("a key", LONG)
    engine(store).pop(pieces(store)[0])
    with pytest.raises(OSError, match="lost a part of this value") as caught:
        store.get_many(["a key", "b"])
    assert caught.value.filename == "a key" and "Errno" not in caught.value.strerror


def test_a_lost_piece_can_be_replaced(store):
    """A key whose value is lost can be set again, and deleted."""
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
    """Its pieces are gone when it asks for them: it reads what is there now, whole."""
    store.set("a", LONG)
    if after is None:
        Interfered.between.append(lambda: store.delete("a"))
    else:
        Interfered.between.append(lambda: store.set("a", after))
    assert store.get("a") == after


@pytest.mark.parametrize("store", ["Interfered"], indirect=True)
def test_a_reader_that_writers_overtake_again(store):
    """Nor does it give up, or mix contents, when that happens several times."""
    store.set("a", LONG)
    writes = [bytes([number]) * 500 for number in range(5)]
    Interfered.between.extend(lambda each=each: store.set("a", each) for each in writes)
    assert store.get("a") == writes[0]  # the last one that was popped
    assert not Interfered.between


@pytest.mark.parametrize("store", ["Failing"], indirect=True)
def test_an_engine_that_is_full_in_the_middle(store):
    """The value before stays, and of the new one no piece."""
    store.set("a", LONG)
    before = dict(engine(store))
    with failing(set=5), pytest.raises(OSError, match="no set"):
        store.set("a", OTHER)
    assert engine(store) == before and store.get("a") == LONG


@pytest.mark.parametrize("store", ["Failing"], indirect=True)
def test_an_engine_that_is_lost_in_the_middle(store, monkeypatch):
    """Where the pieces cannot be taken away either, the error is that of the first failure."""

    def delete_many(keys):
        raise Lost("no delete")

    monkeypatch.setattr(backend_for(store.uri), "delete_many", delete_many)
    with failing(set=2), pytest.raises(OSError, match="no set"):
        store.set("a", LONG)


def test_an_engine_whose_limit_was_lifted():
    """A value in pieces is read by an engine that has no limit any more."""
    uri = new_uri("Tight")
    get_kvstore(uri).set("a", LONG)
    assert get_kvstore(uri.replace("Tight", "Memory")).get("a") == LONG
