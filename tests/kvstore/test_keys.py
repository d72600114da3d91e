"""Keys as an engine takes them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kvstores import Memory, Tight

from inmemorystorage.kvstore.keys import fit

PREFIX = "kvstore:v:"
MEMORY, TIGHT = Memory("keys", {}), Tight("keys", {})


@pytest.mark.parametrize("key", ["a", "a/b:c", "{a}", "~", "x" * 150])
def test_keys_that_fit_stay(key):
    """A key that the engine takes is stored as it is, behind its prefix."""
    assert fit(TIGHT, PREFIX, key) == PREFIX + key


@pytest.mark.parametrize(
    "key", ["x" * 151, "a b", "é", "\n", "\x7f", "\ud800", "sha256-" + "0" * 64]
)
def test_other_keys_are_hashed(key):
    """One that it does not take, or that looks as if it was hashed, is hashed."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    assert fit(TIGHT, PREFIX, key) == f"{PREFIX}sha256-{digest}"


def test_length_is_that_of_bytes():
    """Engines count the bytes of UTF-8."""
    engine = Memory("keys", {})
    engine.key_max = 100
    assert fit(engine, "p:", "é" * 49) == "p:" + "é" * 49
    assert fit(engine, "p:", "é" * 50).startswith("p:sha256-")


def test_an_engine_without_limits_takes_all_but_surrogates():
    """Text of any length and with any character is a key; half a character is hashed."""
    assert fit(MEMORY, "p:", "é \n" * 1000) == "p:" + "é \n" * 1000
    assert fit(MEMORY, "p:", "\udc00").startswith("p:sha256-")


@given(st.lists(st.text(st.characters()) | st.text(max_size=3), unique=True))
def test_each_key_is_another_and_fits(keys):
    """No two keys become one, also not with what others have become, and the engine takes all."""
    for engine in [MEMORY, TIGHT]:
        become = [fit(engine, PREFIX, key).removeprefix(PREFIX) for key in keys]
        fitted = {fit(engine, PREFIX, key) for key in [*keys, *become]}
        assert len(fitted) == len({*keys, *become})
    for key in fitted:
        assert len(key) <= 160 and key.isascii() and key.isprintable() and " " not in key
