"""What a store does beside, if it declares it."""

from __future__ import annotations

import unittest
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..backends import Entry, Inserted
from ..connections import backend_for, reporting
from ..limits import fit
from .inputs import KEYS
from .values import ValueTests

# What directories begin with: "{}" mean something in a key of Redis.
_STARTS = ["}", "{}", "{a}", "{", "a}b{", "é\n"]
_EIGHT = [b"%d" % number for number in range(8)]


class StoreConformance(ValueTests):
    """
    Tests that every store passes.

    :cvar uri: the store's.
    """

    def needs(self, capability: str) -> None:
        """Skip the test where the backend does not declare a capability."""
        if not getattr(self.backend, capability):
            raise unittest.SkipTest(f"{self.uri.partition(':')[0]} has not {capability}")

    def test_add_stores_where_nothing_is(self) -> None:
        """add() is true for the first, and leaves a value that is there alone."""
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

    def test_one_of_many_adds(self) -> None:
        """Of threads that add one key at once, one succeeds."""
        self.needs("adds")
        for turn in range(5):
            key = f"{self.prefix}race-{turn}"
            with ThreadPoolExecutor(8) as threads:
                added = threads.map(partial(self._with_backend, "add", key), _EIGHT)
                assert sorted(added) == [False] * 7 + [True]
            self.backend.delete(key)

    def _with_backend(self, operation: str, *args: Any, **options: Any) -> Any:
        """Use this thread's backend, and leave no connection behind."""
        try:
            return getattr(backend_for(self.uri), operation)(*args, **options)
        finally:
            self.leave_thread()

    def test_views_are_stored_as_bytes(self) -> None:
        """A part of longer bytes is stored as that part alone."""
        self.needs("takes_views")
        key, whole = self.prefix + "view", memoryview(b"before, value, behind")
        self.backend.set_many([(key, whole[8:13])])  # type: ignore[list-item]
        assert self.backend.get_many([key]) == [b"value"]
        self.backend.delete(key)

    def test_entries(self) -> None:
        """An entry is inserted once, replaced and removed by who knows it."""
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

    def test_entries_where_a_marker_is(self) -> None:
        """An entry can be made to depend on another in its directory."""
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
        """A directory and a name may have any character that a file's can, as they are fitted."""
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

    def test_one_of_many_inserts(self) -> None:
        """Of threads that insert or replace one entry at once, one succeeds."""
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

    def test_entries_are_listed(self) -> None:
        """A listing has each name of its directory with its meta, and of no other."""
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
