"""A store in a table of PostgreSQL."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction
from engines.databases import ServerConformance, database
from engines.postgresql import cluster, skip_without
from engines.stores import leave_thread
from kvstore.helpers import save

from inmemorystorage.kvstore import KeyValueStorage

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _postgresql(django_db_blocker: Any) -> Iterator[None]:
    """Run a cluster with a database, and make the table of a store."""
    skip_without()
    with cluster() as settings, django_db_blocker.unblock(), database("postgresql", settings):
        yield


class TestPostgreSQL(ServerConformance):
    """A table in PostgreSQL."""

    uri, alias = "db://store?alias=postgresql", "postgresql"
    number = "SELECT pg_backend_pid()"
    end = "SELECT pg_terminate_backend(%s, 5000)"
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def test_a_name_that_a_transaction_never_sees() -> None:
    """save() raises EDEADLK if a snapshot hides the file that took the name."""
    import psycopg

    settings = connections.settings["postgresql"]
    options = {"OPTIONS": {"isolation_level": psycopg.IsolationLevel.REPEATABLE_READ}}

    def save_elsewhere() -> None:
        save(storage, "a")
        leave_thread()

    with database("snapshots", settings | options):
        storage = KeyValueStorage("db://store?alias=snapshots&namespace=snapshots")
        with transaction.atomic("snapshots"):
            assert not storage.exists("a")
            with ThreadPoolExecutor(1) as thread:
                thread.submit(save_elsewhere).result()
            with pytest.raises(OSError, match=r"'a'$") as raised:
                save(storage, "a")
        assert raised.value.errno == errno.EDEADLK
        storage.delete("a")
