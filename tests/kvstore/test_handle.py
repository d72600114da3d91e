"""`kvstore` and `get_kvstore`: the handles of a store."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from kvstores import Memory, Tight, new_uri

from inmemorystorage import kvstore as package
from inmemorystorage.kvstore import KeyValueStore, get_kvstore, kvstore
from inmemorystorage.kvstore.backends import locmem

IMPORT = """
import sys
from inmemorystorage.kvstore import get_kvstore, kvstore, models
get_kvstore()
assert not {"redis", "boto3", "pymemcache", "google.appengine"} & {*sys.modules}
"""
SET = {"KEY_VALUE_STORE_BACKEND": "locmem://handle"}


def test_a_missing_setting_raises_on_first_use():
    """Using the handle without its setting raises an error with an example."""
    for value in [None, "", {"BACKEND": "redis"}]:
        with override_settings(KEY_VALUE_STORE_BACKEND=value):
            store = get_kvstore()
            with pytest.raises(ImproperlyConfigured, match="KEY_VALUE_STORE_BACKEND is missing or"):
                store.get("a")


def test_importing_needs_no_settings():
    """Importing the handle reads no setting and imports no client."""
    command = [sys.executable, "-W", "error", "-c", IMPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_setting_is_followed():
    """override_settings() switches the store, and restores it."""
    one, two = new_uri(), new_uri()
    with override_settings(KEY_VALUE_STORE_BACKEND=one):
        kvstore.set("a", 1)
        with override_settings(KEY_VALUE_STORE_BACKEND=two):
            assert kvstore.get("a") is None
            kvstore.set("a", 2)
        assert kvstore.get("a") == 1
    assert get_kvstore(two).get("a") == 2
    assert (get_kvstore(one).uri, get_kvstore()) == (one, kvstore)


@override_settings(**SET)
def test_the_handle_has_the_methods_of_a_store():
    """The handle has get(), set(), delete(), has_key() and in."""
    kvstore.set("a", {"b": [1]})
    assert kvstore.get("a") == {"b": [1]} and kvstore.has_key("a") and "a" in kvstore
    kvstore.delete("a")
    assert kvstore.get("a") is None and not kvstore.has_key("a") and "a" not in kvstore
    kvstore.delete("a")
    assert kvstore.get("a", 0) == 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("serializer=yaml", r"locmem://x has no serializer 'yaml'. It has json, pickle"),
        ("serializer=pikle", r"Did you mean 'pickle'\?"),
        ("namespace=a:b", r"cannot have the namespace 'a:b': it must be 1 to 64 ASCII letters"),
        ("namespace=", "cannot have the namespace ''"),
        ("namespace=a b", "cannot have the namespace 'a b'"),
        ("namespace=%C3%A9", "cannot have the namespace 'é'"),
        (f"namespace={65 * 'a'}", "cannot have the namespace"),
    ],
)
def test_mistaken_uris_raise(query, message):
    """get_kvstore() raises for a mistaken URI, and the default store on first use."""
    uri = f"locmem://x?{query}"
    with pytest.raises(ImproperlyConfigured, match=message):
        get_kvstore(uri)
    with override_settings(KEY_VALUE_STORE_BACKEND=uri), pytest.raises(ImproperlyConfigured):
        kvstore.set("a", 1)


def test_keys_are_text():
    """A key that is not text is converted to it."""
    store = get_kvstore(new_uri())
    store.set(1, "one")
    assert store.get("1") == "one"
    assert store.get_many([1, "1"]) == {1: "one", "1": "one"}


def test_unknown_names_of_the_package():
    """An unknown name of the package raises AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def test_locmem_is_shared_by_name():
    """locmem:// stores of the same name share their values."""
    name = new_uri().rpartition("/")[2]
    get_kvstore(f"locmem://{name}").set("a", 1)
    assert get_kvstore(f"locmem://{name}").get("a") == 1
    assert get_kvstore(f"locmem://{name}2").get("a") is None
    assert name in locmem.stores


KEYS = st.sampled_from(["a", "b", "a b", "é", "x" * 300])
VALUES = st.none() | st.integers() | st.text(max_size=200) | st.binary(max_size=400)
STEPS = st.lists(
    st.tuples(st.just("set"), KEYS, VALUES) | st.tuples(st.sampled_from(["delete", "get"]), KEYS)
)


class Model(dict):
    """A dict with the methods of a store."""

    def set(self, key, value):
        """Store a value."""
        self[key] = value

    def delete(self, key):
        """Delete a key, if it exists."""
        self.pop(key, None)


@pytest.mark.parametrize("cls", [Memory, Tight])
@given(steps=STEPS)
def test_a_store_is_like_a_dict(cls, steps):
    """A store returns what a dict returns after the same operations, and keeps no orphans."""
    uri = new_uri(cls.__name__)
    store, model = KeyValueStore(uri), Model()
    for operation, *arguments in steps:
        assert getattr(store, operation)(*arguments) == getattr(model, operation)(*arguments)
    assert store.get_many(model) == model
    for key in model:
        assert key in store
        store.delete(key)
    assert locmem.stores[uri.partition("://")[2]].values == {}
