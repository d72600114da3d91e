"""Names whose text looks like a part of a key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kvstore.helpers import read, save

from inmemorystorage.kvstore import KeyValueStorage

# Each pair of names had one key on Redis: of two entries, then of an entry and a listing.
PAIRS = [("a}:e:b/c", "a/b}:e:c"), ("a}:b:b/c", "a/b}:b:c"), ("a/b}:m", "a}:e:b/c")]
TEXTS = st.text("a{}.:%/ebms7D", max_size=8)


@pytest.mark.once
@pytest.mark.parametrize(
    "engine", ["redis", "cluster", "memcached", "sqlite", "postgresql", "mariadb", "dynamodb"]
)
def test_names_have_keys_of_their_own(store_uri: Callable[[str], str], engine: str) -> None:
    """A storage keeps the contents and listings of names that imitate keys apart."""
    storage = KeyValueStorage(store_uri(engine))
    names = sorted({name for pair in PAIRS for name in pair} | {"a%7D:e:b/c", "a/b%7D:e:c"})
    for name in names:
        assert save(storage, name, name.encode()) == name
    assert [read(storage, name) for name in names] == [name.encode() for name in names]
    if engine != "memcached":
        found = {top: storage.listdir(top)[1] for top in storage.listdir("")[0]}
        assert sorted(f"{top}/{last}" for top in found for last in found[top]) == names


@given(st.lists(st.tuples(TEXTS, TEXTS), unique=True, max_size=20))
def test_places_share_no_key_on_redis(places: list[tuple[str, str]]) -> None:
    """Places share no key on Redis, and the keys of a directory share a slot."""
    redis = pytest.importorskip("inmemorystorage.kvstore.backends.redis")
    keys = [key for place in places for key in redis._entry_keys(*place)]
    metas = {redis._metas(directory) for directory, _ in places}
    assert len({*keys, *metas}) == 2 * len(places) + len({each for each, _ in places})
    for directory, name in places:
        tags = [key[: key.index(b"}")] for key in redis._entry_keys(directory, name)]
        assert {*tags} == {redis._metas(directory)[: -len(b"}:m")]}
