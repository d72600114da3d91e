"""A store in a table of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from engines.databases import ServerConformance, database
from engines.postgresql import cluster, skip_without

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _postgresql(django_db_blocker: Any) -> Iterator[None]:
    """Run a cluster with a database that has a table for a store."""
    skip_without()
    with cluster() as settings, django_db_blocker.unblock(), database("postgresql", settings):
        yield


class TestPostgreSQL(ServerConformance):
    """A table in PostgreSQL."""

    uri, alias = "db://store?alias=postgresql", "postgresql"
    who = "SELECT pg_backend_pid()"
    end = "SELECT pg_terminate_backend(%s, 5000)"
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
