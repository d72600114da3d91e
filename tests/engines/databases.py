"""Databases besides the default one, and the tests of a store in a table of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

import inmemorystorage
from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.backends import Entry, Inserted
from inmemorystorage.kvstore.backends.db import DatabaseBackend
from inmemorystorage.kvstore.conformance import StoreConformance

from .processes import wait_until

# A process that adds keys, and prints how many of them it added.
ADDS = """
import json, sys
from django.conf import settings
settings.configure(DATABASES={"default": {}, "other": json.loads(sys.argv[1])})
import django
django.setup()
from inmemorystorage.kvstore.connections import backend_for
backend = backend_for(sys.argv[2])
print(sum(backend.add(f"{sys.argv[3]}{number}", b"value") for number in range(40)))
"""
PATHS = [Path(inmemorystorage.__file__).parents[1], Path(__file__).parents[1]]


@contextmanager
def database(alias: str, settings: dict[str, Any]) -> Iterator[None]:
    """Add a database to DATABASES, with a table for a store in it."""
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: settings})[
        alias
    ]
    try:
        call_command("createkvstoretable", f"db://store?alias={alias}", verbosity=0)
        yield
    finally:
        connections[alias].close()
        del connections[alias], connections.settings[alias]


class DatabaseConformance(StoreConformance):
    """
    Test a store in a table.

    :cvar alias: the alias of the database.
    """

    alias: str
    backend: DatabaseBackend

    def leave_thread(self) -> None:
        """Close the thread's connections, as Django does at the end of a request."""
        super().leave_thread()
        connections.close_all()

    def test_adding_twice_keeps_the_transaction_usable(self) -> None:
        """add() of a taken key does not break the transaction: later changes are committed."""
        with transaction.atomic(self.alias):
            assert self.backend.add(self.key("a"), b"one") is True
            assert self.backend.add(self.key("a"), b"two") is False
            self.backend.set(self.key("b"), b"three")
        assert self.backend.get_many([self.key("a"), self.key("b")]) == [b"one", b"three"]
        self.backend.delete_many([self.key("a"), self.key("b")])

    def test_many_keys_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store splits keys that are too many for one statement."""
        monkeypatch.setattr("inmemorystorage.kvstore.backends.db._ROWS", 10)
        self.test_set_many_and_delete_many()
        places = [(self.key(), str(number)) for number in range(25)]
        for place in places:
            self.backend.insert_entry(*place, Entry(place[1].encode()), marker=None)
        found = self.backend.read_entries([*places, ("", "")])
        assert found == [*(Entry(name.encode()) for _, name in places), None]

    def test_large_values_at_once(self) -> None:
        """A store splits values that are too large for one statement."""
        values = {self.key(str(number)): b"%d" % number * 2**21 for number in range(4)}
        self.backend.set_many(values.items())
        assert self.backend.get_many([*values]) == [*values.values()]
        self.backend.delete_many(values)

    def test_rollback_undoes(self) -> None:
        """A rollback undoes the transaction's set(), delete() and insert_entry()."""
        backend, old, new = self.backend, self.key("old"), self.key("new")
        backend.set(old, b"old")
        with transaction.atomic(self.alias):
            backend.set(new, b"new")
            backend.delete(old)
            assert backend.insert_entry(new, "a", Entry(b"a"), marker=None) is Inserted.DONE
            transaction.set_rollback(True, self.alias)
        assert backend.get_many([old, new]) == [b"old", None]
        assert backend.read_entries([(new, "a")]) == [None]
        backend.delete(old)

    def test_without_autocommit(self) -> None:
        """Without autocommit, a rollback undoes changes and a commit keeps them."""
        connection, key = connections[self.alias], self.key()
        connection.set_autocommit(False)
        try:
            self.backend.set(key, b"undone")
            assert self.backend.add(key, b"other") is False
            connection.rollback()
            assert self.backend.add(key, b"done") is True
            assert self.backend.insert_entry(key, ".", Entry(b"."), marker=None) is Inserted.DONE
            assert self.backend.insert_entry(key, "a", Entry(b"a"), marker=".") is Inserted.DONE
            connection.commit()
        finally:
            connection.set_autocommit(True)
        assert self.backend.get(key) == b"done"
        self.backend.delete(key)
        for name in ["a", "."]:
            assert self.backend.remove_entry(key, name, name.encode()) is True

    def test_a_listing_comes_in_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """list_entries() reads a large directory in pages, and a caller may remove its entries."""
        monkeypatch.setattr("inmemorystorage.kvstore.backends.db._PAGE", 10)
        place, names = self.key(), [f"n{number}" for number in range(30)]
        for name in names:
            self.backend.insert_entry(place, name, Entry(b"meta", b"body"), marker=None)
        with CaptureQueriesContext(connections[self.alias]) as queries:
            assert [name for name, _ in self.backend.list_entries(place)] == sorted(names)
        assert len(queries) == 4
        assert not [each for each in queries if "body" in each["sql"]]
        for name, meta in self.backend.list_entries(place):
            assert self.backend.remove_entry(place, name, meta) is True
        assert [*self.backend.list_entries(place)] == []

    def test_queries(self) -> None:
        """Each operation on a key, an entry or a listing takes one statement."""
        backend, place, entry = self.backend, self.key(), Entry(b"meta", b"body")
        with CaptureQueriesContext(connections[self.alias]) as queries:
            backend.get(place)
            backend.has_key(place)
            backend.read_entries([(place, "a"), (place, "b")])
            backend.replace_entry(place, "a", b"", entry)
            backend.remove_entry(place, "a", b"")
            list(backend.list_entries(place))
        statements = [each["sql"].partition(" ")[0] for each in queries]
        begin_and_commit = {"BEGIN", "COMMIT"}
        assert [each for each in statements if each not in begin_and_commit] == [
            *("SELECT", "SELECT", "SELECT", "UPDATE", "DELETE", "SELECT")
        ]

    def test_processes_add_once(self) -> None:
        """One of several processes that add a key at once succeeds."""
        settings = json.dumps(connections.settings[self.alias], default=str)
        command = [sys.executable, "-c", ADDS, settings, self.uri.replace(self.alias, "other")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, PATHS))}

        def add(number: int) -> int:
            arguments = [*command, self.prefix]
            return int(
                subprocess.run(arguments, env=environment, capture_output=True, check=True).stdout
            )

        with ThreadPoolExecutor(3) as threads:
            assert sum(threads.map(add, range(3))) == 40
        self.backend.delete_many([f"{self.prefix}{number}" for number in range(40)])


class ServerConformance(DatabaseConformance):
    """
    Test a store in a table of a server.

    :cvar number: the query for the connection's number.
    :cvar end: the query that ends the connection of a number.
    :cvar waiting: the query for the number of connections that wait for a lock.
    """

    number: str
    end: str
    waiting: str

    def ask(self, sql: str, *values: Any) -> Any:
        """Return the first value of a query's result, if there is one."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchone()[0] if cursor.description else None

    def wait_for_lock(self) -> None:
        """Wait until another connection waits for a lock of this one."""
        wait_until(lambda: self.ask(self.waiting), "a connection that waits for a lock", seconds=30)

    def test_missing_table_has_its_cure(self) -> None:
        """A missing table raises an OSError that says how to create it."""
        with pytest.raises(
            OSError, match=rf"createkvstoretable 'db://missing\?alias={self.alias}': 'key'$"
        ):
            get_kvstore(f"db://missing?alias={self.alias}").get("key")

    def test_lost_connection(self) -> None:
        """A connection that the server ended raises an OSError; the next request reconnects."""
        number = self.ask(self.number)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._end, number).result()
        with pytest.raises(ConnectionResetError):
            self.store.get("key")
        connections[self.alias].close_if_unusable_or_obsolete()
        assert self.store.get("key") is None

    def _end(self, number: int) -> None:
        self.ask(self.end, number)
        self.leave_thread()

    def test_a_marker_stays_while_an_entry_is_inserted(self) -> None:
        """The removal of a marker waits for insertions at its place."""
        place, order = self.key(), []
        self.backend.insert_entry(place, ".", Entry(b"."), marker=None)

        def remove() -> None:
            assert self._with_backend("remove_entry", place, ".", b".") is True
            order.append("removed")

        with ThreadPoolExecutor(1) as thread:
            with transaction.atomic(self.alias):
                self.backend.insert_entry(place, "a", Entry(b"a"), marker=".")
                removing = thread.submit(remove)
                self.wait_for_lock()
                order.append("inserted")
            removing.result()
        assert order == ["inserted", "removed"]
        done = self.backend.insert_entry(place, "b", Entry(b"b"), marker=".")
        assert done is Inserted.NO_DIRECTORY
        self.backend.remove_entry(place, "a", b"a")
