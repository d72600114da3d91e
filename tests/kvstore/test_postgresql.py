"""A store in a table of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction
from engines.databases import DatabaseConformance, database
from engines.postgresql import cluster, skip_without
from engines.processes import wait_until

from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.backends import Entry, Inserted

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _postgresql(django_db_blocker: Any) -> Iterator[None]:
    """Run a cluster with a database that has a table for a store."""
    skip_without()
    with cluster() as settings, django_db_blocker.unblock(), database("postgresql", settings):
        yield


class TestPostgreSQL(DatabaseConformance):
    """A table in PostgreSQL."""

    uri, alias = "db://store?alias=postgresql", "postgresql"

    def test_missing_table_has_its_cure(self) -> None:
        """A table that nobody made is an OSError that says how it is made."""
        with pytest.raises(
            OSError, match=r"createkvstoretable 'db://missing\?alias=postgresql': 'key'$"
        ):
            get_kvstore("db://missing?alias=postgresql").get("key")

    def test_lost_connection(self) -> None:
        """A connection that the server ended is an OSError; the next request has another."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._end, pid).result()
        with pytest.raises(ConnectionResetError):
            self.store.get("key")
        connections[self.alias].close_if_unusable_or_obsolete()
        assert self.store.get("key") is None

    def _end(self, pid: int) -> None:
        with connections[self.alias].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        self.leave_thread()

    def test_a_marker_stays_while_an_entry_is_inserted(self) -> None:
        """Who removes a marker waits for those who insert where it is."""
        place, order = self.key(), []
        self.backend.insert_entry(place, ".", Entry(b"."), marker=None)

        def remove() -> None:
            assert self._with_backend("remove_entry", place, ".", b".") is True
            order.append("removed")

        with ThreadPoolExecutor(1) as thread:
            with transaction.atomic(self.alias):
                self.backend.insert_entry(place, "a", Entry(b"a"), marker=".")
                removing = thread.submit(remove)
                self._wait_for_lock()
                order.append("inserted")
            removing.result()
        assert order == ["inserted", "removed"]
        done = self.backend.insert_entry(place, "b", Entry(b"b"), marker=".")
        assert done is Inserted.NO_DIRECTORY
        self.backend.remove_entry(place, "a", b"a")

    def _wait_for_lock(self) -> None:
        def waits() -> bool:
            with connections[self.alias].cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return bool(cursor.fetchone()[0])

        wait_until(waits, "who waits for a lock", seconds=30)
