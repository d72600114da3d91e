"""The stores that tests share, each started once, by the first test that uses it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.db import connections

from inmemorystorage.kvstore.connections import close_connections
from inmemorystorage.kvstore.uri import with_namespace

from . import aws, mariadb, postgresql
from .databases import database
from .memcached import memcached_server
from .redis import redis_cluster, redis_server


@contextmanager
def _redis() -> Iterator[str]:
    pytest.importorskip("redis")
    with redis_server() as server:
        yield server.uri


@contextmanager
def _cluster() -> Iterator[str]:
    pytest.importorskip("redis")
    with redis_cluster() as servers:
        yield f"{servers[0].uri}?cluster=1"


@contextmanager
def _memcached() -> Iterator[str]:
    pytest.importorskip("pymemcache")
    with memcached_server() as server:
        yield f"memcached://{server.address}"


@contextmanager
def _sqlite() -> Iterator[str]:
    with TemporaryDirectory(prefix="sqlite-") as directory:
        path = Path(directory) / "db.sqlite3"
        settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": path}
        with database("sqlite-files", settings | {"OPTIONS": {"timeout": 60}}):
            yield "db://store?alias=sqlite-files"


@contextmanager
def _postgresql() -> Iterator[str]:
    postgresql.skip_without()
    with postgresql.cluster() as settings, database("postgresql-files", settings):
        yield "db://store?alias=postgresql-files"


@contextmanager
def _mariadb() -> Iterator[str]:
    mariadb.skip_without()
    with mariadb.server() as settings, database("mariadb-files", settings):
        yield "db://store?alias=mariadb-files"


@contextmanager
def _dynamodb() -> Iterator[Callable[[str], str]]:
    if not aws.INSTALLED:
        pytest.skip("boto3 and moto[server,dynamodb] are not installed")
    # A table for each test, because moto copies the whole table for each transaction in it.
    with aws.dynamodb_tables() as make:
        yield make


# Each yields a store's URI, or a function that returns one for a namespace.
STARTED: dict[str, Callable[[], AbstractContextManager[str | Callable[[str], str]]]] = {
    "redis": _redis,
    "cluster": _cluster,
    "memcached": _memcached,
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "dynamodb": _dynamodb,
}


@dataclass
class Stores:
    """
    The tests' stores.

    :param stack: stops the servers when it is closed.
    :param unblock: gives access to the databases.
    """

    stack: ExitStack
    unblock: Callable[[], AbstractContextManager[Any]]
    spaces: dict[str, Callable[[str], str]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def uri(self, name: str) -> str:
        """Return the URI of a store, in an unused namespace."""
        with self.unblock():
            if name not in self.spaces:
                started = self.stack.enter_context(STARTED[name]())
                self.spaces[name] = (
                    started if callable(started) else partial(with_namespace, started)
                )
            return self.spaces[name](f"n{next(self.numbers)}")


def leave_thread() -> None:
    """Close the connections of this thread, as the end of a request does."""
    close_connections()
    connections.close_all()
