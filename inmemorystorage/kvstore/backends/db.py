"""``db://table?alias=``: a table in one of the project's databases, by Django's connection."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial, reduce
from operator import or_
from typing import Any, ClassVar, NamedTuple, TypeVar

from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    models,
)
from django.db.models import Q, QuerySet
from django.db.transaction import Atomic

from ...options import hint
from .base import Backend, Entry, Inserted, batches, decoded

# Django quotes a name without escaping quotes in it. PostgreSQL truncates longer names.
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}").fullmatch

# The name in the row of a value; rows of entries have other names.
_VALUE = ""

# Rows in one statement: old releases of SQLite allow 999 variables.
_ROWS = 200
_PAGE = 2000
# How often to retry a statement after a deadlock.
_TRIES = 20

# Bytes of values in one statement: escaped, they still fit into MySQL's packet.
_LONGEST = 2**22

_T = TypeVar("_T")


class Vendor(NamedTuple):
    """
    The limits of a database, and how it keeps rows consistent.

    :param lock: SQL that prevents deleting the rows of a query until the transaction ends.
    :param clock: SQL of the server's time; SQLite has this machine's.
    :param collation: compares keys where the database's default may treat different ones as equal.
    """

    key_max: int = 250
    plain_keys: bool = True
    value_max: int | None = None
    has_entries: bool = True
    lock: str = ""
    clock: str = ""
    collation: str | None = None


VENDORS = {
    "sqlite": Vendor(plain_keys=False),  # a writer locks the whole database
    # Its text cannot contain NUL. Its now() is when the transaction began.
    "postgresql": Vendor(lock=" FOR KEY SHARE", clock="EXTRACT(EPOCH FROM clock_timestamp())"),
    # MySQL's default collations ignore case, and all of them ignore trailing blanks.
    "mysql": Vendor(
        value_max=_LONGEST,
        lock=" LOCK IN SHARE MODE",
        clock="UNIX_TIMESTAMP(NOW(6))",
        collation="utf8mb4_bin",
    ),
}
_OTHERS = Vendor(key_max=0, value_max=_LONGEST, has_entries=False)

# Our own message where the database reports nothing.
_BEHIND = "another transaction inserted this row after the current one began, which cannot see it"

# SQLSTATE codes and classes (two characters) of PostgreSQL; numbers of MySQL; texts of SQLite.
_MISSING_TABLE = {"42P01", 1146}
_NUMBERS: dict[Any, int] = {
    **dict.fromkeys(["08", "57", 2006, 2013], errno.ECONNRESET),
    **dict.fromkeys([2002, 2003], errno.ECONNREFUSED),
    **dict.fromkeys(["53100", 1021, 1114, "database or disk is full"], errno.ENOSPC),
    **dict.fromkeys(["40001", "40P01", 1020, 1213, _BEHIND], errno.EDEADLK),
    **dict.fromkeys(["55P03", "57014", 1205, "database is locked"], errno.ETIMEDOUT),
}


def _alias(text: str) -> str:
    """Read the alias of a database; raise ``ValueError`` if DATABASES does not contain it."""
    if text not in connections.settings:
        raise ValueError(f"DATABASES has no {text!r}.{hint(text, connections.settings)}")
    return text


class DatabaseBackend(Backend):
    """
    A store in a table, which ``manage.py createkvstoretable`` makes.

    Takes part in an open transaction: a rollback undoes changes. Ignores routers: the database is
    that of ``?alias=``, or ``default``.
    """

    parameters: ClassVar[Mapping[str, Callable[[str], Any]]] = {"alias": _alias}
    client_errors = (DatabaseError, InterfaceError)
    adds = True
    clock_margin = 0

    def __init__(self, store: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(store, parameters)
        if not _TABLE(store):
            raise ImproperlyConfigured(
                f"db://{store.rpartition('@')[2]} must name a table: write db://table, with at "
                "most 63 ASCII letters, digits and underscores."
            )
        self._using: str = parameters.get("alias", "default")
        vendor = self._vendor = VENDORS.get(connections[self._using].vendor, _OTHERS)
        self._model = _row_model(store, vendor.collation)
        self.key_max, self.plain_keys = vendor.key_max, vendor.plain_keys
        self.value_max = vendor.value_max
        self.has_entries = self.lists_entries = vendor.has_entries
        # Whether the snapshot of the open transaction is known to be stale.
        self._is_behind = False

    def get(self, key: str) -> bytes | None:
        return self.get_many([key])[0]

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for batch in batches(keys, _ROWS):
            rows = self._rows.filter(key__in=batch, name=_VALUE).values_list("key", "body")
            found.update((key, decoded(bytes, body)) for key, body in self._read(rows))
        return [found.get(key) for key in keys]

    def has_key(self, key: str) -> bool:
        return self._rows.filter(key=key, name=_VALUE).exists()

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self.set_many([(key, value)])

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        for batch in batches(values, _ROWS, size=_LONGEST, measure=lambda each: len(each[1])):
            # PostgreSQL requires each key once; one order in all transactions avoids deadlocks.
            rows = [self._row(key, body=value) for key, value in sorted({**dict(batch)}.items())]
            self._repeat(self._upsert, rows)

    def add(self, key: str, value: bytes) -> bool:
        return self._repeat(self._insert, self._row(key, body=value))

    def delete(self, key: str) -> None:
        self.delete_many([key])

    def delete_many(self, keys: Iterable[str]) -> None:
        for batch in batches(keys, _ROWS):
            self._repeat(self._rows.filter(key__in=batch, name=_VALUE).delete)

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        columns = ["meta", "body"] if bodies else ["meta"]
        found: dict[tuple[str, str], Entry] = {}
        for batch in batches(places, _ROWS):
            wanted = reduce(or_, (Q(key=directory, name=name) for directory, name in batch))
            rows = self._rows.filter(wanted).values_list("key", "name", *columns)
            for key, name, *rest in self._read(rows):
                found[key, name] = Entry(*map(partial(decoded, bytes), rest))
        return [found.get(place) for place in places]

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        """Store an entry unless it exists; lock the marker until the transaction ends."""
        row = self._row(directory, name, *entry)
        insert = self._insert if marker is None else partial(self._insert_beside, marker)
        try:
            done = self._repeat(insert, row)
        except LookupError:  # the savepoint has undone the insert
            return Inserted.NO_DIRECTORY
        if self._done(done):
            return Inserted.DONE
        if self._is_behind and not self._is_there(directory, name):
            raise OperationalError(_BEHIND)  # otherwise a caller would retry forever
        return Inserted.TAKEN

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        old = self._rows.filter(key=directory, name=name, meta=meta)
        return self._done(self._repeat(partial(old.update, meta=entry.meta, body=entry.body)))

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        old = self._rows.filter(key=directory, name=name, meta=meta)
        return bool(self._repeat(old.delete)[0])

    def list_entries(self, directory: str) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the ``meta`` of each entry of a directory, along the index."""
        # In pages: no cursor stays open, and the reader may write in between, or stop.
        rows = self._rows.filter(key=directory).order_by("name").values_list("name", "meta")
        last = _VALUE
        more = True
        while more:
            page = [
                (name, decoded(bytes, meta)) for name, meta in rows.filter(name__gt=last)[:_PAGE]
            ]
            yield from page
            if more := len(page) == _PAGE:
                last = page[-1][0]

    def now(self) -> float:
        if not self._vendor.clock:
            return super().now()
        with connections[self._using].cursor() as cursor:
            cursor.execute(f"SELECT {self._vendor.clock}")
            return float(cursor.fetchone()[0])

    def create(self) -> str | None:
        connection = connections[self._using]
        if self.store in connection.introspection.table_names():
            return None
        # SQLite refuses the editor as a context manager in a transaction.
        editor = connection.schema_editor(collect_sql=True)
        editor.deferred_sql = []
        editor.create_model(self._model)
        with Atomic(self._using, savepoint=True, durable=False), connection.cursor() as cursor:
            for statement in [*editor.collected_sql, *map(str, editor.deferred_sql)]:
                cursor.execute(statement)
        return f"the table {self.store} in the database {self._using}"

    def close(self) -> None:
        """Reset what is known of the transaction; Django closes the connection."""
        self._is_behind = False

    def error_number(self, error: Exception) -> int:
        return _number_of(error)

    def error_text(self, error: Exception) -> str:
        """Return the database's message, with the cure for a missing table."""
        text = str(error).strip()
        if _is_missing_table(error):
            text += f" - make the table with: manage.py createkvstoretable 'db://{self.store}"
            text += "'" if self._using == "default" else f"?alias={self._using}'"
        return text

    @property
    def _rows(self) -> QuerySet[Any]:
        return self._model._base_manager.using(self._using)

    def _row(self, key: str, name: str = _VALUE, meta: bytes = b"", body: bytes = b"") -> Any:
        return self._model(key=key, name=name, meta=meta, body=body)

    def _upsert(self, rows: list[Any]) -> None:
        """Insert rows; update those that exist."""
        features = connections[self._using].features
        if features.supports_update_conflicts:
            target = ["key", "name"] if features.supports_update_conflicts_with_target else None
            self._rows.bulk_create(
                rows, update_conflicts=True, unique_fields=target, update_fields=["meta", "body"]
            )
            return
        for row in rows:
            old = self._rows.filter(key=row.key, name=row.name)
            done = False
            while not done:  # retry if another process inserted or deleted it in between
                done = bool(old.update(meta=row.meta, body=row.body)) or self._insert(row)

    def _insert(self, row: Any) -> bool:
        """Insert a row unless it exists; return whether it was inserted; keep the transaction."""
        try:
            with self.attempt():
                self._rows.bulk_create([row])
        except IntegrityError:
            return False
        return True

    def attempt(self) -> AbstractContextManager[Any]:
        """Return a savepoint in a transaction; in autocommit, a statement needs none."""
        if connections[self._using].get_autocommit():
            return nullcontext()
        return Atomic(self._using, savepoint=True, durable=False)

    def _insert_beside(self, marker: str, row: Any) -> bool:
        """Insert a row as `_insert` does; raise ``LookupError`` if the marker is missing."""
        with Atomic(self._using, savepoint=True, durable=False):
            # Write first: in SQLite, a transaction that begins with a read may fail to write.
            done = self._insert(row)
            if not self._is_there(row.key, marker):
                raise LookupError(marker)
            return done

    def _repeat(self, change: Callable[..., _T], *args: Any) -> _T:
        """Return the result of a change; retry it after a deadlock."""
        for _ in range(_TRIES):
            try:
                return change(*args)
            except DatabaseError as error:
                # A deadlock undoes all of a project's transaction, so that retrying is up to it.
                if (
                    _number_of(error) != errno.EDEADLK
                    or not connections[self._using].get_autocommit()
                ):
                    raise
        return change(*args)

    def _done(self, count: int) -> bool:
        """Return whether a row was changed; if not, note whether the snapshot is stale."""
        connection, lock = connections[self._using], self._vendor.lock
        if not count:
            has_begun = bool(lock) and not connection.get_autocommit()
            self._is_behind = has_begun and _sees_snapshots(connection)
            if self._is_behind and connection.in_atomic_block:
                connection.on_commit(self.close)
        return bool(count)

    def _is_there(self, key: str, name: str) -> bool:
        """Return whether a row exists, and lock it until the transaction ends."""
        return bool(self._locked(self._rows.filter(key=key, name=name).values_list("id")))

    def _read(self, rows: QuerySet[Any]) -> Iterable[Any]:
        """Return rows; if the snapshot is stale, read their current state."""
        if self._is_behind and not connections[self._using].get_autocommit():
            return self._locked(rows)
        return rows

    def _locked(self, rows: QuerySet[Any]) -> list[Any]:
        """Return rows in their current state, and lock them until the transaction ends."""
        sql, values = rows.order_by().query.get_compiler(self._using).as_sql()
        with connections[self._using].cursor() as cursor:
            cursor.execute(sql + self._vendor.lock, values)
            return list(cursor.fetchall())


@lru_cache(maxsize=64)
def _row_model(table: str, collation: str | None) -> type[models.Model]:
    """Return a model for a table, unknown to apps and migrations."""
    options = {
        "apps": Apps(),
        "app_label": "inmemorystorage",
        "db_table": table,
        "constraints": [
            models.UniqueConstraint(fields=["key", "name"], name=f"{table[:48]}_key_name")
        ],
        # As for many-to-many tables: Django sends no signals for automatic models.
        "auto_created": True,
    }
    columns = {
        "id": models.BigAutoField(primary_key=True),
        "key": models.CharField(max_length=250, db_collation=collation),
        "name": models.CharField(max_length=250, db_collation=collation),
        "meta": models.BinaryField(),
        "body": models.BinaryField(),
    }
    meta = type("Meta", (), options)
    return type("Row", (models.Model,), {"__module__": __name__, "Meta": meta, **columns})


def _number_of(error: Exception) -> int:
    """Return the errno of the ``OSError`` that replaces a database error."""
    codes = _codes(error)
    unanswered = isinstance(error, OperationalError) and None in codes
    if unanswered or isinstance(error, InterfaceError):
        return errno.ECONNRESET
    return next((_NUMBERS[code] for code in codes if code in _NUMBERS), errno.EIO)


def _sees_snapshots(connection: Any) -> bool:
    """Return whether transactions of PostgreSQL or MySQL keep reading the same snapshot."""
    level = connection.isolation_level
    return getattr(level, "name", level) not in ("READ_COMMITTED", "read committed")


def _is_missing_table(error: Exception) -> bool:
    """Return whether an error reports a missing table."""
    return "no such table" in str(error) or not _MISSING_TABLE.isdisjoint(_codes(error))


def _codes(error: Exception) -> list[Any]:
    """Return the codes of the driver's error, ``None`` among them if the server sent none."""
    cause = error.__cause__ or error
    # The attributes of psycopg 3 and 2; an exact code precedes its class.
    states = [getattr(cause, name) for name in ("sqlstate", "pgcode") if hasattr(cause, name)]
    return [*states, *(state[:2] for state in states if state), *cause.args[:1]]
