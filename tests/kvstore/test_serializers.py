"""Serializing values, and reading them back."""

from __future__ import annotations

import json
import math
import sys
from datetime import datetime, timedelta, timezone
from enum import IntEnum

import pytest
from django.utils.functional import lazy
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st
from kvstores import new_uri

from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.conformance import typed
from inmemorystorage.kvstore.serializers import SERIALIZERS

JSON, PICKLE = SERIALIZERS["json"], SERIALIZERS["pickle"]

# Whole seconds: isoformat() and fromisoformat() disagree about finer offsets.
SECONDS = st.integers(-86_399, 86_399)
ZONES = st.none() | SECONDS.map(lambda seconds: timezone(timedelta(seconds=seconds)))
PLAIN = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    *(st.binary(), st.dates(), st.times(), st.timedeltas(), st.uuids()),
    st.datetimes(timezones=ZONES),
    st.decimals(allow_nan=False),
    st.text(st.characters()),  # with lone surrogates
)
KEYS = st.text() | st.sampled_from(["__type__", "value"])
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8
)


class Number(IntEnum):
    """A number with a name."""

    ONE = 1


@given(VALUES)
def test_values_come_back_with_their_types(value):
    """JSON restores any value, at any depth, with its types."""
    assert typed(JSON.loads(JSON.dumps(value))) == typed(value)


@given(st.datetimes(timezones=ZONES))
def test_offsets_come_back(value):
    """JSON keeps a datetime's offset, and naive datetimes naive."""
    assert JSON.loads(JSON.dumps(value)).utcoffset() == value.utcoffset()


def test_no_number():
    """JSON restores nan and the infinities, as Python's json does."""
    assert math.isnan(JSON.loads(JSON.dumps(math.nan)))
    assert JSON.loads(JSON.dumps([math.inf, -math.inf])) == [math.inf, -math.inf]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ((1, (2,)), [1, [2]]),
        (mark_safe("text"), "text"),
        (lazy(lambda: "text", str)(), "text"),
        (Number.ONE, 1),
        ({"a": ({"__type__": 1},)}, {"a": [{"__type__": 1}]}),
    ],
)
def test_values_of_other_types(value, read):
    """A tuple is read as a list, and a subclass of str or int as its base."""
    assert typed(JSON.loads(JSON.dumps(value))) == typed(read)


def test_json_is_json():
    """Other programs can read the JSON, and its text stays readable."""
    assert json.loads(JSON.dumps({"é": [1, None, "日本"]})) == {"é": [1, None, "日本"]}
    assert JSON.dumps({"é": 1}) == '{"é":1}'.encode()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: 2}, r"keys of type str, not int \(1\): JSON has no others. Use str keys, or \?serial"),
        ({"a": [{None: 1}]}, "not NoneType"),
        ([{b"a": 1}], "not bytes"),
        ({1, 2}, "Object of type set is not JSON serializable"),
        (1j, "complex"),
        (bytearray(), "bytearray"),
    ],
)
def test_json_refuses(value, message):
    """A value that JSON cannot represent raises TypeError."""
    with pytest.raises(TypeError, match=message):
        JSON.dumps(value)


def test_pickles():
    """Pickles store values that JSON cannot represent."""
    value = {1: (2, {3}), None: 1j}
    assert PICKLE.loads(PICKLE.dumps(value)) == value
    store = get_kvstore(new_uri(query="?serializer=pickle"))
    store.set("a", value)
    assert store.get("a") == value


def test_a_json_store_reads_no_pickles():
    """A store with JSON never loads a pickle, whose code could run."""
    uri = new_uri()
    get_kvstore(f"{uri}?serializer=pickle").set("a", datetime(2026, 1, 1))
    with pytest.raises(OSError, match=r"damaged.*'a'"):
        get_kvstore(uri).get("a")


def circular(kind):
    """Return a list or a dict that contains itself."""
    value = kind()
    value.append(value) if kind is list else value.update(a=value)
    return value


def nested(kind, levels=100_000):
    """Return lists or dicts in each other."""
    value = 1
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        *(circular(list), circular(dict), [circular(list)], {"a": circular(dict)}),
        *(nested(list), nested(dict), 10**5000, [-(10**5000)], {"a": 10**5000}),
    ],
    ids=range(9),
)
def test_json_refuses_circular_deep_and_huge_values(value):
    """set() raises TypeError for a value that JSON cannot hold, and stores nothing."""
    store = get_kvstore(new_uri())
    store.set("a", "before")
    with pytest.raises(TypeError, match=r"nested too deeply|cannot be serialized"):
        store.set("a", value)
    assert store.get("a") == "before"


def test_pickle_refuses_what_it_cannot_hold():
    """set() raises TypeError for a value that cannot be pickled, and stores nothing."""
    store = get_kvstore(new_uri(query="?serializer=pickle"))
    for value in [lambda: 1, nested(list), sys]:
        with pytest.raises(TypeError):
            store.set("a", value)
    store.set("a", circular(list))
    assert store.get("a")[0][0] is not None
    assert "a" in store


@pytest.mark.parametrize("kind", [list, dict])
def test_a_value_that_is_stored_can_be_read(kind):
    """JSON reads each value that it accepts, however deeply nested."""
    accepted = [levels for levels in range(0, 1200, 50) if accepts(nested(kind, levels))]
    assert accepted[-1] >= 200
    for levels in accepted:
        assert JSON.loads(JSON.dumps(nested(kind, levels))) == nested(kind, levels)


def accepts(value):
    """Return whether JSON accepts a value."""
    try:
        JSON.dumps(value)
    except TypeError:
        return False
    return True
