"""A store in App Engine's datastore, on the client's test bed in this process."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.conformance import StoreConformance
from inmemorystorage.kvstore.connections import close_connections, make_backend

with warnings.catch_warnings():
    # The client uses deprecated features of Python and PyYAML.
    for category in [DeprecationWarning, PendingDeprecationWarning, FutureWarning, SyntaxWarning]:
        warnings.simplefilter("ignore", category)
    pytest.importorskip("google.appengine", reason="appengine-python-standard is not installed")
    from google.appengine.api import datastore_errors
    from google.appengine.ext import ndb, testbed
    from google.appengine.runtime import apiproxy_errors

    from inmemorystorage.kvstore.backends import appengine


@pytest.fixture(scope="module", autouse=True)
def _testbed() -> Iterator[None]:
    """Run a datastore and a memcache in this process."""
    bed = testbed.Testbed()
    bed.activate()
    bed.init_datastore_v3_stub()
    bed.init_memcache_stub()
    yield
    bed.deactivate()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_connections()


class TestAppEngine(StoreConformance):
    """Entities of one kind."""

    uri = "googleappengine://Conformance"

    def test_caches_of_ndb_are_bypassed(self) -> None:
        """get() bypasses ndb's caches, which may be stale."""
        backend, key = self.backend, self.key()
        backend.set(key, b"old")
        entity_key = backend._key(key)
        entity_key.get(use_cache=True, use_memcache=True)
        new = type(entity_key.get())(key=entity_key, body=b"new")
        ndb.make_context().put(new, use_cache=False, use_memcache=False).get_result()
        assert backend.get(key) == b"new"
        assert backend.get_many([key]) == [b"new"]
        assert backend.add(key, b"other") is False
        backend.delete(key)

    def test_reserved_keys_and_large_batches(self) -> None:
        """A key may look like a reserved one; a batch may exceed a request."""
        keys = [f"__{self.prefix}{number}__" for number in range(5)]
        self.backend.set_many((key, b"x" * 3 * 2**18) for key in keys * 3)
        assert self.backend.get_many(keys) == [b"x" * 3 * 2**18] * 5
        self.backend.delete_many(keys)
        assert self.backend.get_many(keys) == [None] * 5

    def test_transaction(self) -> None:
        """A rollback of an open transaction undoes add()."""

        def work() -> None:
            assert self.backend.add(self.key(), b"value") is True
            raise ndb.Rollback

        ndb.transaction(work)
        assert self.backend.get(self.key()) is None


@pytest.mark.parametrize("store", ["me:secret@Kind", "a b", "1a", "__a__"])
def test_kinds(store: str) -> None:
    """An invalid kind raises ImproperlyConfigured without credentials."""
    with pytest.raises(ImproperlyConfigured, match="must name a kind") as raised:
        make_backend(f"appengine://{store}")
    assert "secret" not in str(raised.value)


def test_default_kind() -> None:
    """A URI without a kind uses the default kind."""
    store = get_kvstore("appengine://")
    store.set("key", "value")
    assert ndb.Key("KeyValueStore", "=kvstore:v:key").get() is not None
    store.delete("key")


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (datastore_errors.Timeout, errno.ETIMEDOUT),
        (apiproxy_errors.OverQuotaError, errno.ENOSPC),
        (datastore_errors.BadRequestError, errno.EIO),
    ],
)
def test_errors(error: type[Exception], number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the datastore becomes an OSError with the key."""

    def fail(self: Any, key: str) -> None:
        raise error("failed on request")

    monkeypatch.setattr(appengine.AppEngineBackend, "_key", fail)
    with pytest.raises(OSError, match="failed on request") as raised:
        get_kvstore("appengine://").get("key")
    assert (raised.value.errno, raised.value.filename) == (number, "key")


def test_an_entity_without_a_body() -> None:
    """An entity that has lost its body raises EIO with its key."""
    store = get_kvstore("googleappengine://Conformance")
    backend: Any = make_backend(store.uri)
    backend._entity("kvstore:v:a", None).put(**appengine._UNCACHED)
    for use in [lambda: store.get("a"), lambda: store.get_many(["a"])]:
        with pytest.raises(OSError, match=r"damaged.*'a'") as info:
            use()
        assert info.value.errno == errno.EIO
    store.delete("a")
