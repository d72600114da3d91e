"""
Tests that every backend of key-value stores must pass.

A subclass names the store::

    class TestMine(StoreConformance):
        uri = "mine.StorageClass://somewhere"

pytest runs it as is; with ``django.test.SimpleTestCase`` as a second base, Django's own runner
does. Each test uses its own keys and deletes them, so that several runs may share a store. Tests of
capabilities that a backend does not declare are skipped.
"""

from __future__ import annotations

import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any

from .backends import Backend, Entry, Inserted
from .connections import backend_for, close_connections, reporting
from .limits import fit
from .store import KeyValueStore, get_kvstore
from .uri import with_namespace

__all__ = ["StoreConformance"]

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**63, 0.1, 1e300, "", "text", "é日本\U0001f600", "\0\n\r\t\x7f"),
    *([], {}, [1, [2, {"three": None}]], {"": "", "é": [{}]}, {"__type__": "bytes", "value": "!"}),
    *(b"", b"\0\xff" * 100, b"\x01{}", date(2026, 2, 28), time(1, 2, 3, 4)),
    *(datetime(2026, 1, 2, 3, 4, 5, 678901), datetime(2026, 1, 2, tzinfo=timezone.utc)),
    datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    *(timedelta(days=-1, microseconds=1), Decimal("1.10"), Decimal("-0E+3"), uuid.UUID(int=7)),
    {"deep": [{"bytes": b"x", "when": date(2026, 1, 1)}]},
]
KEYS = [
    *("a", "a b", "a\nb", "a\r\nset x 0 0 1\r\ny", "a\0b", "é日本\U0001f600", "\ud800", "\x7f"),
    *("x" * 251, "x" * 2000, "é" * 200, "a/b", "a?b=c&d", "{a}b", "%2e", "'\"", "*", "a:b"),
    *("A", "__a__", "sha256-" + "0" * 64),
]
# Prefixes of directories: Redis reads "{}" in a key as a hash tag.
_STARTS = ["}", "{}", "{a}", "{", "a}b{", "é\n"]
_EIGHT = [b"%d" % number for number in range(8)]


class StoreConformance:
    """
    Tests that every store passes.

    :cvar uri: the store's.
    """

    uri: str

    def setup_method(self, method: Any = None) -> None:
        """Start without keys; called by pytest, and by `setUp`."""
        self.store: KeyValueStore = get_kvstore(self.uri)
        self.prefix = f"conformance-{uuid.uuid4().hex}-"
        self._used: set[str] = set()

    def teardown_method(self, method: Any = None) -> None:
        """Delete the test's keys."""
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
        """Close the thread's connections before it ends; override it to close more."""
        close_connections()

    def key(self, key: str = "key") -> str:
        """Return one of the test's own keys, which it deletes."""
        self._used.add(self.prefix + key)
        return self.prefix + key

    @property
    def backend(self) -> Backend:
        """Return this thread's backend."""
        return backend_for(self.uri)

    def needs(self, capability: str) -> None:
        """Skip the test if the backend does not declare a capability."""
        if not getattr(self.backend, capability):
            raise unittest.SkipTest(f"{self.uri.partition(':')[0]} does not declare {capability}")

    def test_values_keep_their_types(self) -> None:
        """get() returns each value with the type that set() stored."""
        for value in VALUES:
            self.store.set(self.key(), value)
            assert typed(self.store.get(self.key())) == typed(value), value

    def test_keys_are_distinct(self) -> None:
        """Keys of any length, with any characters, are distinct."""
        for number, key in enumerate(KEYS):
            self.store.set(self.key(key), number)
        assert [self.store.get(self.key(key)) for key in KEYS] == [*range(len(KEYS))]

    def test_missing_key_reads_none(self) -> None:
        """get() returns None or the default for a missing key."""
        key = self.key()
        assert self.store.get(key) is None
        assert self.store.get(key, "default") == "default"
        assert not self.store.has_key(key)
        assert key not in self.store

    def test_none_is_a_value(self) -> None:
        """A key whose value is None exists."""
        self.store.set(self.key(), None)
        assert self.store.get(self.key(), "default") is None
        assert self.store.has_key(self.key())
        assert self.key() in self.store

    def test_set_replaces(self) -> None:
        """set() replaces a value of any type."""
        for value in ["a longer text", 1, {"a": b"b"}, ""]:
            self.store.set(self.key(), value)
            assert self.store.get(self.key()) == value

    def test_deleted_key_is_gone(self) -> None:
        """A deleted key is missing, and can be set again."""
        self.store.set(self.key(), "value")
        self.store.delete(self.key())
        assert self.store.get(self.key()) is None
        assert self.key() not in self.store
        self.store.set(self.key(), "again")
        assert self.store.get(self.key()) == "again"

    def test_deleting_a_missing_key_is_silent(self) -> None:
        """delete() of a missing key does nothing."""
        self.store.delete(self.key())
        assert self.key() not in self.store

    def test_get_many_omits_missing_keys(self) -> None:
        """get_many() returns the keys that exist, and omits the others."""
        keys = [self.key(str(number)) for number in range(12)]
        for number, key in enumerate(keys[::2]):
            self.store.set(key, number)
        assert self.store.get_many(keys) == {key: n for n, key in enumerate(keys[::2])}
        assert self.store.get_many([]) == {}
        assert self.store.get_many([keys[0], keys[0], keys[1]]) == {keys[0]: 0}

    def test_set_many_and_delete_many(self) -> None:
        """set_many() keeps the last value of a key; get_many() returns values in keys' order."""
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

    def test_values_longer_than_the_limit(self) -> None:
        """A value may be longer than the engine's limit, and is replaced and deleted whole."""
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

    def test_backend_stores_any_bytes(self) -> None:
        """The backend stores any bytes, and distinguishes an empty value from a missing key."""
        backend, key = self.backend, f"{self.prefix}bytes"
        every = [bytes(range(start, start + 64)) for start in range(0, 256, 64)]
        for value in [b"", *every, b"\n", b" ", b"0"]:
            backend.set(key, value)
            assert backend.get(key) == value
            assert backend.has_key(key)
        backend.delete(key)
        assert backend.get(key) is None

    def test_unserializable_values_are_refused(self) -> None:
        """set() raises TypeError for a value that cannot be serialized, and stores nothing."""
        self.store.set(self.key(), "before")
        for value in [object(), {1: "one"}, {"a": {None: 1}}, [{"a": {1, 2}}]]:
            with unittest.TestCase().assertRaises(TypeError):  # noqa: PT027 (both runners)
                self.store.set(self.key(), value)
        assert self.store.get(self.key()) == "before"

    def test_store_reopens_connections(self) -> None:
        """A store opens new connections after close_connections()."""
        self.store.set(self.key(), "value")
        close_connections()
        close_connections()
        assert self.store.get(self.key()) == "value"

    def test_threads_share_a_store(self) -> None:
        """Threads that share a store lose no value."""
        keys = [self.key(str(number)) for number in range(40)]

        def work(key: str) -> Any:
            self.store.set(key, key)
            value = self.store.get(key)
            self.leave_thread()
            return value

        with ThreadPoolExecutor(4) as threads:
            assert [*threads.map(work, keys)] == keys
        assert self.store.get_many(keys) == {key: key for key in keys}

    def test_namespaces_are_separate(self) -> None:
        """A key of one namespace does not exist in another."""
        other = get_kvstore(with_namespace(self.uri, uuid.uuid4().hex))
        self.store.set(self.key(), "here")
        assert self.key() not in other
        other.set(self.key(), "there")
        assert (self.store.get(self.key()), other.get(self.key())) == ("here", "there")
        other.delete(self.key())
        assert self.store.get(self.key()) == "here"

    def test_add_stores_missing_keys_only(self) -> None:
        """add() returns True for a missing key, and keeps a value that exists."""
        self.needs("adds")
        key = self.prefix + "add"
        with reporting(self.uri, key) as backend:
            try:
                assert backend.add(key, b"first") is True
                assert backend.add(key, b"second") is False
                assert backend.get(key) == b"first"
            finally:
                backend.delete(key)
            assert backend.add(key, b"third") is True
            backend.delete(key)

    def test_one_concurrent_add_succeeds(self) -> None:
        """One of several threads that add a key concurrently succeeds."""
        self.needs("adds")
        for turn in range(5):
            key = f"{self.prefix}race-{turn}"
            with ThreadPoolExecutor(8) as threads:
                added = threads.map(partial(self._with_backend, "add", key), _EIGHT)
                assert sorted(added) == [False] * 7 + [True]
            self.backend.delete(key)

    def test_views_are_stored_as_bytes(self) -> None:
        """set_many() stores a memoryview's bytes alone."""
        self.needs("takes_views")
        key, whole = self.prefix + "view", memoryview(b"before, value, behind")
        self.backend.set_many([(key, whole[8:13])])  # type: ignore[list-item]
        assert self.backend.get_many([key]) == [b"value"]
        self.backend.delete(key)

    def test_entries(self) -> None:
        """An entry is inserted once, and replaced or removed by its current meta only."""
        self.needs("has_entries")
        backend, place = self.backend, self.prefix + "directory"
        one, two = Entry(b"\x00one\xff", b"body"), Entry(b"two", b"")
        assert backend.read_entries([(place, "a")]) == [None]
        assert backend.insert_entry(place, "a", one, marker=None) is Inserted.DONE
        assert backend.insert_entry(place, "a", two, marker=None) is Inserted.TAKEN
        assert backend.read_entries([(place, "a"), (place, "b")]) == [one, None]
        found = backend.read_entries([(place, "a")], bodies=False)[0]
        assert found is not None and found.meta == one.meta
        assert backend.replace_entry(place, "a", b"other", two) is False
        assert backend.replace_entry(place, "b", b"other", two) is False
        assert backend.replace_entry(place, "a", one.meta, two) is True
        assert backend.read_entries([(place, "a")]) == [two]
        assert backend.remove_entry(place, "a", one.meta) is False
        assert backend.remove_entry(place, "a", two.meta) is True
        assert backend.remove_entry(place, "a", two.meta) is False
        assert backend.read_entries([(place, "a")]) == [None]

    def test_insert_requires_the_marker(self) -> None:
        """insert_entry() requires the marker in the directory."""
        self.needs("has_entries")
        backend, place, entry = self.backend, self.prefix + "directory", Entry(b"meta", b"body")
        assert backend.insert_entry(place, "a", entry, marker=".") is Inserted.NO_DIRECTORY
        assert backend.read_entries([(place, "a")]) == [None]
        assert backend.insert_entry(place, ".", entry, marker=None) is Inserted.DONE
        assert backend.insert_entry(place, "a", entry, marker=".") is Inserted.DONE
        assert backend.insert_entry(place, "a", entry, marker=".") is Inserted.TAKEN
        for name in [".", "a"]:
            assert backend.remove_entry(place, name, entry.meta) is True

    def test_entries_of_any_name(self) -> None:
        """Directories and names may contain any character of a file's name, once fitted."""
        self.needs("has_entries")
        backend = self.backend
        names = [fit(backend, "", key) for key in KEYS if "\0" not in key]
        starts = [fit(backend, "", start + self.prefix) for start in _STARTS]
        places = [(start, name) for start in starts for name in names]
        for place in places:
            entry = Entry(repr(place).encode(), b"body")
            assert backend.insert_entry(*place, entry, marker=None) is Inserted.DONE, place
        found = backend.read_entries(places)
        assert [each and each.meta for each in found] == [repr(each).encode() for each in places]
        for place in places:
            assert backend.remove_entry(*place, repr(place).encode()) is True, place
        assert backend.read_entries(places) == [None] * len(places)

    def test_one_concurrent_insert_succeeds(self) -> None:
        """One of several threads that insert or replace an entry concurrently succeeds."""
        self.needs("has_entries")
        place, many = self.prefix + "directory", [Entry(value, b"body") for value in _EIGHT]

        def insert(entry: Entry) -> Inserted:
            result: Inserted = self._with_backend("insert_entry", place, "a", entry, marker=None)
            return result

        with ThreadPoolExecutor(8) as threads:
            done = [*threads.map(insert, many)]
        assert done.count(Inserted.DONE) == 1
        found = many[done.index(Inserted.DONE)]
        assert self.backend.read_entries([(place, "a")]) == [found]
        others = [Entry(b"new" + value) for value in _EIGHT]

        def replace(entry: Entry) -> bool:
            return bool(self._with_backend("replace_entry", place, "a", found.meta, entry))

        with ThreadPoolExecutor(8) as threads:
            replaced = [*threads.map(replace, others)]
        assert replaced.count(True) == 1
        last = others[replaced.index(True)]
        assert self.backend.remove_entry(place, "a", last.meta) is True

    def test_list_entries(self) -> None:
        """list_entries() yields each name of its directory alone, with its meta."""
        self.needs("lists_entries")
        backend = self.backend
        here, there = self.prefix + "here", self.prefix + "there"
        names = {f"n{number}": b"%d" % number for number in range(30)} | {"é": b"\xff", ".": b"dot"}
        for name, meta in names.items():
            backend.insert_entry(here, name, Entry(meta, b"body" * 100), marker=None)
        backend.insert_entry(there, "a", Entry(b"meta"), marker=None)
        assert dict(backend.list_entries(here)) == names
        assert dict(backend.list_entries(self.prefix + "nowhere")) == {}
        for name, meta in names.items():
            backend.remove_entry(here, name, meta)
        assert dict(backend.list_entries(here)) == {}
        assert dict(backend.list_entries(there)) == {"a": b"meta"}
        backend.remove_entry(there, "a", b"meta")

    def _with_backend(self, operation: str, *args: Any, **options: Any) -> Any:
        """Call this thread's backend, and close its connections."""
        try:
            return getattr(backend_for(self.uri), operation)(*args, **options)
        finally:
            self.leave_thread()


def typed(value: Any) -> Any:
    """Return a value with its types, which == ignores."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return type(value), value
