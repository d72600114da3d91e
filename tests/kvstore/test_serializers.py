"""Values as bytes, and back."""

from __future__ import annotations

import json
import math
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

# To the second: of finer offsets, not even isoformat() and fromisoformat() agree.
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
    """Any value, in any depth, is read as it was written."""
    assert typed(JSON.loads(JSON.dumps(value))) == typed(value)


@given(st.datetimes(timezones=ZONES))
def test_offsets_come_back(value):
    """Of a time zone the offset is kept, and of a naive datetime that it has none."""
    assert JSON.loads(JSON.dumps(value)).utcoffset() == value.utcoffset()


def test_no_number():
    """What Python's JSON says beyond the standard comes back too."""
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
    """A tuple is read as a list, and what is a kind of text or number as that."""
    assert typed(JSON.loads(JSON.dumps(value))) == typed(read)


def test_json_is_json():
    """Another program may read what is stored; text in it stays readable."""
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
def test_json_has_no_word_for(value, message):
    """What JSON cannot say is a TypeError."""
    with pytest.raises(TypeError, match=message):
        JSON.dumps(value)


def test_pickles():
    """Pickles keep what JSON has no word for."""
    value = {1: (2, {3}), None: 1j}
    assert PICKLE.loads(PICKLE.dumps(value)) == value
    store = get_kvstore(new_uri(query="?serializer=pickle"))
    store.set("a", value)
    assert store.get("a") == value


def test_pickles_are_never_read_by_a_store_of_json():
    """A store that reads JSON runs no code that somebody has put there."""
    uri = new_uri()
    get_kvstore(f"{uri}?serializer=pickle").set("a", datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="decode"):
        get_kvstore(uri).get("a")
