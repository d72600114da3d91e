"""What every store does with keys and values."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..backends import Backend
from ..connections import backend_for, close_connections
from ..store import KeyValueStore, get_kvstore
from ..uri import with_namespace
from .inputs import KEYS, VALUES, typed


class ValueTests:
    """
    Tests that every store passes.

    :cvar uri: the store's.
    """

    uri: str

    def setup_method(self, method: Any = None) -> None:
        """Begin with no key of this test; pytest calls it, and `setUp` does."""
        self.store: KeyValueStore = get_kvstore(self.uri)
        self.prefix = f"conformance-{uuid.uuid4().hex}-"
        self._used: set[str] = set()

    def teardown_method(self, method: Any = None) -> None:
        """Delete the keys of this test."""
        for key in self._used:
            self.store.delete(key)
        close_connections()

    def setUp(self) -> None:
        """Do for unittest what `setup_method` does for pytest."""
        self.setup_method()

    def tearDown(self) -> None:
        """Do for unittest what `teardown_method` does for pytest."""
        self.teardown_method()

    def leave_thread(self) -> None:
        """Leave no connection behind in a thread that ends; a backend may have others to close."""
        close_connections()

    def key(self, key: str = "key") -> str:
        """Return a key of the test's own."""
        self._used.add(self.prefix + key)
        return self.prefix + key

    def test_every_value_is_read_as_it_was_set(self) -> None:
        """Anything that JSON can say, and the types beside it, come back with their types."""
        for value in VALUES:
            self.store.set(self.key(), value)
            assert typed(self.store.get(self.key())) == typed(value), value

    def test_every_key_is_a_key_of_its_own(self) -> None:
        """A key may have any length and any character."""
        for number, key in enumerate(KEYS):
            self.store.set(self.key(key), number)
        assert [self.store.get(self.key(key)) for key in KEYS] == [*range(len(KEYS))]

    def test_missing_key_reads_none(self) -> None:
        """What is not there is None, or the default, and is not in the store."""
        key = self.key()
        assert self.store.get(key) is None
        assert self.store.get(key, "default") == "default"
        assert not self.store.has_key(key)
        assert key not in self.store

    def test_none_is_a_value(self) -> None:
        """A key that has None is there."""
        self.store.set(self.key(), None)
        assert self.store.get(self.key(), "default") is None
        assert self.store.has_key(self.key())
        assert self.key() in self.store

    def test_set_replaces(self) -> None:
        """The last value is the one that is read, whatever was there."""
        for value in ["a longer text", 1, {"a": b"b"}, ""]:
            self.store.set(self.key(), value)
            assert self.store.get(self.key()) == value

    def test_deleted_key_is_gone(self) -> None:
        """A deleted key reads as one that never was, and can be set again."""
        self.store.set(self.key(), "value")
        self.store.delete(self.key())
        assert self.store.get(self.key()) is None
        assert self.key() not in self.store
        self.store.set(self.key(), "again")
        assert self.store.get(self.key()) == "again"

    def test_deleting_a_missing_key_is_silent(self) -> None:
        """Nothing happens where there is nothing."""
        self.store.delete(self.key())
        assert self.key() not in self.store

    def test_get_many_gives_what_is_there(self) -> None:
        """Several keys are read at once; those that are not there are left out."""
        keys = [self.key(str(number)) for number in range(12)]
        for number, key in enumerate(keys[::2]):
            self.store.set(key, number)
        assert self.store.get_many(keys) == {key: n for n, key in enumerate(keys[::2])}
        assert self.store.get_many([]) == {}
        assert self.store.get_many([keys[0], keys[0], keys[1]]) == {keys[0]: 0}

    def test_many_are_stored_and_deleted_at_once(self) -> None:
        """Of several values for one key the last is stored; values come in the order of keys."""
        backend = self.backend
        keys = [f"{self.prefix}{number}" for number in range(110)]
        values = {key: b"\x00\xff" + key.encode() for key in keys[::2]}
        backend.set_many(
            (key, value)
            for each in [dict.fromkeys(values, b"old"), values]
            for key, value in each.items()
        )
        expected = [values.get(key) for key in keys]
        assert backend.get_many([*keys, self.prefix]) == [*expected, None]
        assert backend.get_many(keys[::-1]) == expected[::-1]
        backend.delete_many(iter([*keys[2:], keys[2], self.prefix]))
        assert backend.get_many(keys) == expected[:1] + [None] * 109
        backend.delete_many(keys[:1])
        assert backend.get(keys[0]) is None
        backend.set_many([])
        backend.delete_many([])
        assert backend.get_many([]) == []

    def test_values_longer_than_the_engine_takes(self) -> None:
        """A value may be longer than the engine's own limit; what it leaves is cleared away."""
        limit = self.backend.value_max or 100_000
        for length in [limit - 20, limit, limit + 1, 2 * limit + 10, 3, 2 * limit]:
            value = (b"%d." % length) * (length // 5)
            self.store.set(self.key(), value)
            # Not compared in the assertion: pytest may take minutes to explain a long difference.
            is_whole = self.store.get(self.key()) == value
            assert is_whole, f"{length} bytes are read as something else"
        is_whole = self.store.get_many([self.key()])[self.key()] == value
        assert is_whole, f"{length} bytes are read as something else among several values"
        self.store.delete(self.key())
        assert self.key() not in self.store

    def test_bytes_are_kept_as_they_are(self) -> None:
        """The engine keeps any bytes, and none of them, and tells them from a missing key."""
        backend, key = self.backend, f"{self.prefix}bytes"
        every = [bytes(range(start, start + 64)) for start in range(0, 256, 64)]
        for value in [b"", *every, b"\n", b" ", b"0"]:
            backend.set(key, value)
            assert backend.get(key) == value
            assert backend.has_key(key)
        backend.delete(key)
        assert backend.get(key) is None

    def test_what_cannot_be_said_is_refused(self) -> None:
        """A value that the serializer has no word for is a TypeError, and nothing is stored."""
        self.store.set(self.key(), "before")
        for value in [object(), {1: "one"}, {"a": {None: 1}}, [{"a": {1, 2}}]]:
            _assert_raises(TypeError, partial(self.store.set, self.key(), value))
        assert self.store.get(self.key()) == "before"

    def test_works_after_its_connections_were_closed(self) -> None:
        """The end of a request closes connections, and the next one opens them again."""
        self.store.set(self.key(), "value")
        close_connections()
        close_connections()
        assert self.store.get(self.key()) == "value"

    def test_threads_share_a_store(self) -> None:
        """What threads set at once is all there, through one handle."""
        keys = [self.key(str(number)) for number in range(40)]

        def work(key: str) -> Any:
            self.store.set(key, key)
            value = self.store.get(key)
            self.leave_thread()
            return value

        with ThreadPoolExecutor(4) as threads:
            assert [*threads.map(work, keys)] == keys
        assert self.store.get_many(keys) == {key: key for key in keys}

    def test_namespaces_never_meet(self) -> None:
        """A key of one namespace is none of another."""
        other = get_kvstore(with_namespace(self.uri, uuid.uuid4().hex))
        self.store.set(self.key(), "here")
        assert self.key() not in other
        other.set(self.key(), "there")
        assert (self.store.get(self.key()), other.get(self.key())) == ("here", "there")
        other.delete(self.key())
        assert self.store.get(self.key()) == "here"

    @property
    def backend(self) -> Backend:
        """Return the backend."""
        return backend_for(self.uri)


def _assert_raises(error: type[Exception], call: Callable[[], object]) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")
