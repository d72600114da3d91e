"""A store in a table of SQLite, and the command that makes the table."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections, models, transaction
from django.db.models.signals import post_delete, post_save
from django.db.utils import DataError, InterfaceError, OperationalError
from django.test.utils import CaptureQueriesContext
from engines.databases import DatabaseConformance, database
from overrides import use_storage

from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.backends import Entry, Inserted, db
from inmemorystorage.kvstore.connections import backend_for, close_connections, make_backend


@pytest.fixture(scope="module", autouse=True)
def _sqlite(tmp_path_factory: Any, django_db_blocker: Any) -> Iterator[None]:
    """Add a database in a file, which threads and processes can share."""
    path = tmp_path_factory.mktemp("sqlite") / "db.sqlite3"
    settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": {"timeout": 60}}
    with django_db_blocker.unblock(), database("sqlite", settings):
        yield


class TestSQLite(DatabaseConformance):
    """A table in SQLite."""

    uri, alias = "db://store?alias=sqlite", "sqlite"

    def test_no_signals(self) -> None:
        """Storing and deleting values send no model signals."""
        senders: list[Any] = []

        def receive(sender: type[models.Model], **kwargs: Any) -> None:
            senders.append(sender)

        for signal in [post_save, post_delete]:
            signal.connect(receive)
        try:
            self.backend.set(self.key(), b"value")
            self.backend.delete(self.key())
        finally:
            for signal in [post_save, post_delete]:
                signal.disconnect(receive)
        assert senders == []

    @pytest.fixture
    def deadlocks(self, monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
        """Return a list of errors, which inserts raise one by one."""
        errors: list[Exception] = []
        insert = self.backend._insert

        def fail_first(row: Any) -> bool:
            if errors:
                raise errors.pop()
            return insert(row)

        monkeypatch.setattr(self.backend, "_insert", fail_first)
        return errors

    def test_the_victim_of_a_deadlock(self, deadlocks: list[Exception]) -> None:
        """A statement is retried after deadlocks, but not in a transaction, and not forever."""
        deadlocks += [OperationalError(1213)] * 3
        assert self.backend.add(self.key(), b"value") is True
        assert deadlocks == []
        deadlocks += [OperationalError(1213)] * 2
        with pytest.raises(OperationalError), transaction.atomic(self.alias):
            self.backend.add(self.key(), b"value")
        deadlocks += [OperationalError(1213)] * 100
        with pytest.raises(OperationalError):
            self.backend.add(self.key(), b"value")
        deadlocks[:] = [OperationalError("else")]
        with pytest.raises(OperationalError):
            self.backend.add(self.key(), b"value")
        self.backend.delete(self.key())

    @pytest.mark.parametrize(("level", "locks"), [("repeatable read", 2), ("read committed", 0)])
    def test_a_transaction_with_a_stale_snapshot(
        self, level: str, locks: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A transaction with a stale snapshot locks the rows it reads until it ends."""
        connection, backend, place = connections[self.alias], self.backend, self.key()
        monkeypatch.setattr(backend, "_vendor", db.VENDORS["mysql"]._replace(lock=" "))
        monkeypatch.setattr(connection, "isolation_level", level, raising=False)

        def read() -> int:
            with CaptureQueriesContext(connection) as queries:
                backend.get(place)
                backend.read_entries([(place, "a")])
            return sum(each["sql"].endswith(" ") for each in queries)

        with transaction.atomic(self.alias):
            assert read() == 0
            assert backend.replace_entry(place, "a", b"", Entry(b"meta")) is False
            assert read() == locks
        with transaction.atomic(self.alias):
            assert read() == 0
        connection.set_autocommit(False)
        try:
            assert backend.replace_entry(place, "a", b"", Entry(b"meta")) is False
            assert read() == locks
        finally:
            connection.set_autocommit(True)
        assert read() == 0
        backend.close()

    def test_an_entry_that_a_transaction_cannot_see(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """insert_entry() raises if an entry exists that even a locking read does not show."""
        monkeypatch.setattr(self.backend, "_vendor", db.VENDORS["mysql"]._replace(lock=" "))
        monkeypatch.setattr(connections[self.alias], "isolation_level", None, raising=False)
        place, entry = (self.key(), "a"), Entry(b"meta")
        with transaction.atomic(self.alias):
            self.backend.insert_entry(*place, entry, marker=None)
            assert self.backend.insert_entry(*place, entry, marker=None) is Inserted.TAKEN
            monkeypatch.setattr(self.backend, "_locked", lambda rows: [])
            with pytest.raises(OperationalError, match="cannot see it"):
                self.backend.insert_entry(*place, entry, marker=None)
        assert self.backend.remove_entry(*place, b"meta") is True


class TestWithoutUpsert(DatabaseConformance):
    """A database whose Django backend lacks upserts, such as Oracle's."""

    uri, alias = "db://store?alias=sqlite", "sqlite"
    # They insert without upserts on every database.
    test_processes_add_once: Any = None
    test_entries_of_any_name: Any = None

    @pytest.fixture(autouse=True)
    def _no_upsert(self, monkeypatch: pytest.MonkeyPatch) -> None:
        features = type(connections["sqlite"].features)
        monkeypatch.setattr(features, "supports_update_conflicts", False)

    def test_set_during_a_concurrent_insert(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """set() replaces a row that was inserted between its update and its insert."""

        def insert(row: Any) -> bool:
            monkeypatch.undo()
            assert self.backend.add(row.key, b"other") is True
            return False

        monkeypatch.setattr(self.backend, "_insert", insert)
        monkeypatch.setattr(
            type(connections["sqlite"].features), "supports_update_conflicts", False
        )
        rows = [self.backend._row(self.key(), body=b"value")]
        self.backend._upsert(rows)
        assert self.backend.get(self.key()) == b"value"


@pytest.fixture
def missing() -> str:
    """Return the URI of a store whose table is missing."""
    return "db://missing?alias=sqlite"


def test_missing_table_has_its_cure(missing: str) -> None:
    """A missing table raises OSError with the command that makes it."""
    with pytest.raises(
        OSError, match=r"createkvstoretable 'db://missing\?alias=sqlite': 'key'$"
    ) as raised:
        get_kvstore(missing).get("key")
    assert (raised.value.errno, raised.value.filename) == (errno.EIO, "key")


def run(*uris: str, **options: Any) -> str:
    """Run the command; return its output."""
    said = StringIO()
    call_command("createkvstoretable", *uris, stdout=said, **options)
    return said.getvalue()


def test_command_makes_the_table_once() -> None:
    """The command makes a usable table, and reports a table that exists."""
    uri = "db://once?alias=sqlite"
    made = "db://once: made the table once in the database sqlite.\n"
    assert run(uri) == made
    get_kvstore(uri).set("key", "value")
    assert run(uri) == "db://once: exists already.\n"
    assert get_kvstore(uri).get("key") == "value"


@pytest.mark.django_db
def test_command_makes_the_table_of_the_setting(settings: Any) -> None:
    """The command without a URI makes the table of the setting, even in a transaction."""
    settings.KEY_VALUE_STORE_BACKEND = "db://of_the_setting"
    assert "the table of_the_setting in the database default" in run()
    assert backend_for("db://of_the_setting").add("key", b"value") is True
    with pytest.raises(OSError, match=r"createkvstoretable 'db://missing': 'key'$"):
        get_kvstore("db://missing").get("key")


@pytest.mark.django_db
def test_command_makes_the_tables_of_storages(settings: Any) -> None:
    """The command without a URI makes the tables of storages too, with or without the setting."""
    backend = "inmemorystorage.kvstore.KeyValueStorage"
    use_storage(settings, "files", backend, uri="db://of_files")
    use_storage(settings, "more", backend, uri="db://of_files", location="more")
    assert run() == "db://of_files: made the table of_files in the database default.\n"
    settings.KEY_VALUE_STORE_BACKEND = "locmem://"
    assert [line.split()[0] for line in run().splitlines()] == ["locmem://:", "db://of_files:"]


@pytest.mark.parametrize(
    ("uris", "message"),
    [([], "KEY_VALUE_STORE_BACKEND is missing"), (["table"], "written scheme://store")],
)
def test_command_with_a_mistake(uris: list[str], message: str) -> None:
    """A missing setting or an invalid URI raises CommandError."""
    with pytest.raises(CommandError, match=message):
        run(*uris)


def test_command_reports_stores_that_need_nothing() -> None:
    """The command reports each store that needs nothing."""
    assert run("locmem://", "locmem://a") == (
        "locmem://: needs nothing.\nlocmem://a: needs nothing.\n"
    )
    assert run("locmem://", verbosity=0) == ""


def test_command_fails_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database error becomes a CommandError."""

    def refuse(self: object) -> None:
        raise OperationalError("no rights")

    monkeypatch.setattr(db.DatabaseBackend, "create", refuse)
    with pytest.raises(CommandError, match="no rights"):
        run("db://refused?alias=sqlite")


@pytest.mark.parametrize("table", ["", "a.b", 'a"b', "a b", "1a", "é", "x" * 64, "a%20b", "a;b"])
def test_names_of_tables(table: str) -> None:
    """A table's name must have no quotes, and must not exceed a database's limit."""
    with pytest.raises(ImproperlyConfigured, match="must name a table"):
        make_backend(f"db://{table}")


def test_unknown_alias() -> None:
    """The error for an unknown alias names the closest one."""
    with pytest.raises(ImproperlyConfigured, match="Did you mean 'sqlite'"):
        make_backend("db://store?alias=sqlit")


class Stub:
    """A stand-in for a connection to another database."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor


@pytest.mark.parametrize(
    ("vendor", "entries", "value_max"),
    [("mysql", True, 2**22), ("oracle", False, 2**22), ("postgresql", True, None)],
)
def test_other_databases(
    vendor: str, entries: bool, value_max: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other databases declare their limits and capabilities."""
    monkeypatch.setattr(db, "connections", {"default": Stub(vendor)})
    backend = db.DatabaseBackend("store", {})
    assert (backend.has_entries, backend.value_max, backend.plain_keys) == (
        entries,
        value_max,
        True,
    )


class DriverError(Exception):
    """An error of a driver."""

    def __init__(self, *args: Any, **state: Any) -> None:
        super().__init__(*args)
        self.__dict__.update(state)


@pytest.mark.parametrize(
    ("error", "cause", "number"),
    [
        (InterfaceError, DriverError("closed"), errno.ECONNRESET),
        (OperationalError, DriverError("lost", sqlstate=None), errno.ECONNRESET),
        (OperationalError, DriverError("stopped", pgcode="57P01"), errno.ECONNRESET),
        (OperationalError, DriverError("full", sqlstate="53100"), errno.ENOSPC),
        (OperationalError, DriverError("database or disk is full"), errno.ENOSPC),
        (OperationalError, DriverError("database is locked"), errno.ETIMEDOUT),
        (OperationalError, DriverError(2003, "Can't connect"), errno.ECONNREFUSED),
        (OperationalError, DriverError("slow", sqlstate="57014"), errno.ETIMEDOUT),
        (OperationalError, DriverError("deadlock", sqlstate="40P01"), errno.EDEADLK),
        (OperationalError, DriverError(1213, "Deadlock found"), errno.EDEADLK),
        (OperationalError, DriverError(1205, "Lock wait timeout"), errno.ETIMEDOUT),
        (OperationalError, DriverError("serialization", sqlstate="40001"), errno.EDEADLK),
        (OperationalError, DriverError("else", sqlstate="42601"), errno.EIO),
        (DataError, DriverError("NUL", sqlstate=None), errno.EIO),
    ],
)
def test_error_numbers(error: type[Exception], cause: Exception, number: int) -> None:
    """A driver's error is mapped to the errno of a disk or a socket."""
    raised = error(*cause.args)
    raised.__cause__ = cause
    assert make_backend("db://store").error_number(raised) == number


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the backends of the removed database."""
    yield
    close_connections()
