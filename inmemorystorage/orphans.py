"""
Find orphans, which are files without a row, and dangling rows, whose file does not exist.

The names that storages list and the names in rows are joined in a temporary SQLite database, so
that only the names of one directory, and some thousand rows, are in memory at a time.

A name is turned into a *key*, which is the same for all names of one file: the real path on a disk,
the place of a directory in memory, or the bucket and the key in it. A row whose key is not listed
is tried: its storage decides whether it opens, and then which listed file that is.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeVar

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.storage import Storage, default_storage
from django.db import DatabaseError, connections, router, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from .fallback.readonly import ReadOnlyStorage
from .file_keys import StorageKeys, decode, encode, keys_of, layers_of, leaves
from .project import field_label, file_fields, labelled_storages, unwrap
from .walk import NO_DIRECTORY, file_names, find_listed

HOUR = timedelta(hours=1)
PAGE = 1_000
# Rows are read again before so many files are deleted.
DELETED_AT_ONCE = 10_000
# What exists() or open() of a storage raises for a name that it refuses, or that is no file's.
_NO_FILE = (*NO_DIRECTORY, IsADirectoryError, SuspiciousOperation, ValueError)

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8192;
CREATE TABLE files (key BLOB PRIMARY KEY, storage INT, name BLOB) WITHOUT ROWID;
CREATE TABLE file_keys (key BLOB, other BLOB, PRIMARY KEY (key, other)) WITHOUT ROWID;
CREATE TABLE rows (id INTEGER PRIMARY KEY, key BLOB, use INT, alias TEXT, pk BLOB, name BLOB);
CREATE INDEX file_keys_by_other ON file_keys (other);
CREATE TABLE used (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_FORGET_ROWS = "DROP INDEX IF EXISTS rows_by_key; DELETE FROM rows; DELETE FROM used"
_IS_UNUSED = """
NOT EXISTS (SELECT 1 FROM rows WHERE rows.key = files.key)
AND NOT EXISTS (SELECT 1 FROM used WHERE used.key = files.key)
AND NOT EXISTS (
    SELECT 1 FROM file_keys WHERE file_keys.key = files.key AND (
        EXISTS (SELECT 1 FROM rows WHERE rows.key = file_keys.other)
        OR EXISTS (SELECT 1 FROM used WHERE used.key = file_keys.other)
    )
)
"""
_UNUSED = f"""
SELECT key, storage, name FROM files WHERE key > ? AND storage IN ({{storages}}) AND {_IS_UNUSED}
ORDER BY key LIMIT ?
"""
# The rows of some uses that no listed file has, and all rows of others.
_UNLISTED = """
SELECT id, use, alias, pk, name FROM rows WHERE id > ? AND (
    use IN ({joined}) AND NOT EXISTS (SELECT 1 FROM files WHERE files.key = rows.key)
    AND NOT EXISTS (SELECT 1 FROM file_keys WHERE file_keys.other = rows.key) OR use IN ({others})
) ORDER BY id LIMIT ?
"""

T = TypeVar("T")
# Passes items on, with a label, and shows how many there were.
Progress = Callable[[Iterable[T], str], Iterable[T]]


@dataclass(frozen=True)
class OrphanFile:
    """
    A file to which no row refers.

    :param label: the alias of the storage, or ``app.Model.field``.
    :param name: the name in the storage.
    :param modified: when it was last modified; ``None`` if its age was not asked for.
    """

    storage: Storage = field(repr=False, compare=False)
    label: str
    name: str
    modified: datetime | None = None

    def __str__(self) -> str:
        return f"{self.label}:{self.name}"


@dataclass(frozen=True)
class DanglingRow:
    """
    A row whose file does not exist.

    :param model: the model, and ``field`` the name of its file field.
    :param pk: the primary key of the row, and ``alias`` that of its database.
    :param label: the alias of the storage, or ``app.Model.field``.
    :param name: the name that the row has.
    """

    model: type[Model]
    field: str
    pk: Any
    alias: str
    label: str
    name: str

    def __str__(self) -> str:
        return f"{self.model._meta.label} {self.pk} {self.field}: {self.label}:{self.name}"


def find_orphans(
    labels: Iterable[str] = (),
    *,
    older_than: timedelta = HOUR,
    ignore: Iterable[str] | None = None,
) -> Iterator[OrphanFile]:
    """
    Yield the files to which no row refers, in all storages that file fields use.

    :param labels: the only storages to look into: aliases, or ``app.Model.field``.
    :param older_than: younger files are left out, since a transaction that is not committed yet may
        refer to them. ``timedelta(0)`` asks no file for its time.
    :param ignore: patterns for names that are left out, as ``fnmatch`` compares them; by default
        those in the setting INMEMORYSTORAGE_IGNORED_ORPHANS.

    Raises ``NotImplementedError`` for a storage that cannot list its files, and
    ``ImproperlyConfigured`` for a label that no file field uses, and for a storage that cannot be
    created.
    """
    with contextlib.closing(Survey(labels)) as survey:
        survey.list_files()
        survey.read_rows()
        yield from survey.orphans(older_than=older_than, ignore=ignore)


def delete_orphans(
    labels: Iterable[str] = (),
    *,
    older_than: timedelta = HOUR,
    ignore: Iterable[str] | None = None,
) -> Iterator[OrphanFile]:
    """
    Delete what `find_orphans` finds, and yield it.

    Rows are read once more before files are deleted.
    """
    with contextlib.closing(Survey(labels)) as survey:
        survey.list_files()
        yield from survey.delete(older_than=older_than, ignore=ignore)


def find_dangling(labels: Iterable[str] = ()) -> Iterator[DanglingRow]:
    """
    Yield the rows whose file does not exist.

    :param labels: the only storages whose rows are checked: aliases, or ``app.Model.field``.

    Raises ``ImproperlyConfigured`` for a label that no file field uses, and for a storage that
    cannot be created.
    """
    with contextlib.closing(Survey(labels)) as survey:
        survey.list_files(skips_unlistable=True)
        survey.read_rows()
        yield from survey.dangling()


class FieldUse(NamedTuple):
    """A file field, on the model that defines it, and its storage."""

    model: type[Model]
    field: Any
    storage: Storage


def field_uses() -> list[FieldUse]:
    """Return the file fields of all models that have a table."""
    return [
        FieldUse(model, each, _storage_of(model, each))
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
        for each in file_fields(model)
    ]


def _storage_of(model: type[Model], field: Any) -> Storage:
    try:
        return unwrap(field.storage)
    except Exception as error:
        is_default = field.storage is default_storage
        label = "the alias 'default'" if is_default else field_label(model, field)
        raise ImproperlyConfigured(
            f"The storage of {label} could not be created: {type(error).__name__}: {error}"
        ) from error


class Survey:
    """
    The names that storages list, and the names in rows, in a temporary database.

    :param labels: the only storages to look into; rows of all storages are read.
    :param aliases: the only databases to read; ``None``: all.
    :param progress: passes files and rows on, and shows how many there were.
    :param is_strict: whether to raise if a storage opens a name that it does not list, or if a
        table that migrate creates does not exist.
    """

    def __init__(
        self,
        labels: Iterable[str] = (),
        *,
        aliases: Collection[str] | None = None,
        progress: Progress[Any] = lambda items, label: items,
        is_strict: bool = True,
    ) -> None:
        self._uses = field_uses()
        self._aliases = [each for each in connections if aliases is None or each in aliases]
        self._progress = progress
        self._is_strict = is_strict
        self._storages = [*{id(each.storage): each.storage for each in self._uses}.values()]
        self._labels = self._label_storages()
        self._keys = keys_of(self._storages)
        self._of_use = [self._index(each.storage) for each in self._uses]
        labels = [*labels]
        self._listable = self._choose([])
        self._chosen = self._choose(labels)
        self._checked = {*self._chosen} if labels else {*range(len(self._storages))}
        self._listed: set[int] = set()
        self._is_attributed = False
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary file
        self._db.executescript(_SCHEMA)

    def _index(self, storage: Storage) -> int:
        return next(at for at, each in enumerate(self._storages) if each is storage)

    def _label_storages(self) -> list[str]:
        labels: dict[int, str] = {}
        for label, storage in labelled_storages():
            labels.setdefault(id(storage), label)
        return [labels[id(each)] for each in self._storages]

    def _choose(self, labels: list[str]) -> list[int]:
        """
        Return the storages of some labels.

        Layers of another storage are left out, which lists them, and storages that delete nothing.
        """
        layers = {id(layer) for each in self._storages for layer in layers_of(each)}
        choices = {
            at: self._labels[at]
            for at, each in enumerate(self._storages)
            if id(each) not in layers and not isinstance(each, ReadOnlyStorage)
        }
        of_fields = {
            f"{use.model._meta.label}.{use.field.name}": self._labels[at]
            for use, at in zip(self._uses, self._of_use, strict=True)
        }
        chosen = [of_fields.get(label, label) for label in labels]
        for label in chosen:
            if label not in choices.values():
                known = ", ".join(sorted({*choices.values()}))
                raise ImproperlyConfigured(f"No file field uses {label!r}. Fields use: {known}.")
        return [at for at, label in choices.items() if not labels or label in chosen]

    def _related(self) -> list[int]:
        """Return the storages that may have files of the chosen ones, these first."""
        tops = [top for at in self._chosen for top in self._keys[at].tops]
        related = [at for at, keys in enumerate(self._keys) if keys.overlap(tops)]
        return [*dict.fromkeys(self._chosen + related)]

    def label_of(self, storage: Storage) -> str | None:
        """Return the label of the listed storage that has the same files, or ``None``."""
        tops = StorageKeys([*leaves(storage)]).tops
        labels = (self._labels[at] for at in self._listable if self._keys[at].tops == tops)
        return next(labels, None)

    def close(self) -> None:
        """Delete the temporary database."""
        self._db.close()

    # Reading.

    def list_files(self, *, skips_unlistable: bool = False) -> None:
        """
        Read the names of all files.

        Files are listed before rows are read, so that a file with a new row is not an orphan.
        """
        for at in self._related():
            if at in self._listable:
                names = file_names(self._storages[at], self._keys[at].enters)
                try:
                    self._add_files(at, self._progress(names, f"files of {self._labels[at]}"))
                except NotImplementedError:
                    if not skips_unlistable:
                        raise
                else:
                    self._listed.add(at)

    def add_files(self, label: str, names: Iterable[str]) -> None:
        """Add names of existing files of a storage, in place of all that it lists."""
        self._add_files(self._labels.index(label), names)

    def _add_files(self, at: int, names: Iterable[str]) -> None:
        keys = self._keys[at]
        for page in _pages(names):
            found = [(keys.of(name), name) for name in page]
            self._db.executemany(
                "INSERT OR IGNORE INTO files VALUES (?, ?, ?)",
                ((first, at, encode(name)) for (first, *_), name in found),
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO file_keys VALUES (?, ?)",
                ((first, other) for (first, *others), _ in found for other in others),
            )

    def read_rows(self) -> None:
        """Read the names in all rows, and forget those that were read before."""
        self._is_attributed = False
        self._db.executescript(_FORGET_ROWS)
        for page in _pages(self._progress(self._rows(), "rows")):
            self._db.executemany("INSERT INTO rows VALUES (NULL, ?, ?, ?, ?, ?)", page)
        self._db.execute("CREATE INDEX rows_by_key ON rows (key)")
        for use, at in zip(self._uses, self._of_use, strict=True):
            if isinstance(use.field.default, str):
                self._use(self._keys[at].of(use.field.default))

    def _rows(self) -> Iterator[tuple[bytes, int, str, bytes, bytes]]:
        tables = {alias: _tables(alias) for alias in self._aliases}
        numbered = itertools.groupby(enumerate(self._uses), key=lambda each: each[1].model)
        for model, group in numbered:
            uses = [(number, use.field.attname) for number, use in group]
            for alias in self._aliases_of(model, tables):
                for pk, *names in _values(model, alias, [attname for _, attname in uses]):
                    pickled = pickle.dumps(pk)
                    for (number, _), name in zip(uses, names, strict=True):
                        if name:
                            first, *others = self._keys[self._of_use[number]].of(str(name))
                            if others:
                                self._use(others)
                            yield first, number, alias, pickled, encode(str(name))

    def _aliases_of(self, model: type[Model], tables: dict[str, set[str]]) -> list[str]:
        """Return the databases that have rows of a model."""
        allowed = [alias for alias in tables if router.allow_migrate_model(alias, model)]
        aliases = allowed or [each for each in [router.db_for_read(model)] if each in tables]
        name = model._meta.db_table
        found = [
            alias
            for alias in aliases
            if connections[alias].introspection.identifier_converter(name) in tables[alias]
        ]
        # A quoted name is in no list. A table that migrate creates must exist, except in tests.
        if found or (self._is_strict and model._meta.managed):
            return found or aliases
        return [alias for alias in aliases if _can_read(model, alias)]

    def _use(self, keys: Iterable[bytes]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO used VALUES (?)", ((key,) for key in keys))

    # Orphans.

    def orphans(
        self, *, older_than: timedelta, ignore: Iterable[str] | None = None
    ) -> Iterator[OrphanFile]:
        """Yield the files to which no row refers."""
        check = self._check(older_than, ignore)
        for page in self._candidates(PAGE):
            yield from filter(None, itertools.starmap(check, page))

    def delete(
        self, *, older_than: timedelta, ignore: Iterable[str] | None = None
    ) -> Iterator[OrphanFile]:
        """Delete the files to which no row refers, after the rows are read again; yield them."""
        check = self._check(older_than, ignore)
        self.read_rows()
        for page in self._candidates(DELETED_AT_ONCE):
            for orphan in filter(None, itertools.starmap(check, page)):
                orphan.storage.delete(orphan.name)
                yield orphan
            self.read_rows()

    def _candidates(self, size: int) -> Iterator[list[tuple[int, str]]]:
        """Yield pages of files to which no row refers: their storages and names."""
        sql = _UNUSED.format(storages=_numbers(self._chosen))
        key = b""
        while True:
            found = self._db.execute(sql, (key, size)).fetchall()
            if not found:
                return
            if not self._is_attributed:
                self._attribute_rows()
                continue
            yield [(at, decode(name)) for _, at, name in found]
            key = found[-1][0]

    def _attribute_rows(self) -> None:
        """Find the listed files that rows open under other names."""
        self._is_attributed = True
        for use, _, _, name in self._unlisted([*self._related()], []):
            storage = use.storage
            if opens(storage, name):
                at = self._index(storage)
                listed = self._find_listed(storage, name)
                if listed is not None:
                    self._use(self._keys[at].of(listed))
                elif self._is_strict:
                    raise NotImplementedError(
                        f"{self._labels[at]} opens {name!r} but does not list it, so its orphans "
                        "cannot be found."
                    )

    def _find_listed(self, storage: Storage, name: str) -> str | None:
        ignored = () if self._is_strict else (NotImplementedError,)
        with contextlib.suppress(*ignored):
            return find_listed(storage, name)
        return None

    def _unlisted(
        self, joined: Collection[int], others: Collection[int]
    ) -> Iterator[tuple[FieldUse, str, Any, str]]:
        """Yield the rows of some storages whose file is not listed, and all rows of others."""
        sql = _UNLISTED.format(
            joined=_numbers(number for number, at in enumerate(self._of_use) if at in joined),
            others=_numbers(number for number, at in enumerate(self._of_use) if at in others),
        )
        last = 0
        while found := self._db.execute(sql, (last, PAGE)).fetchall():
            for last, number, alias, pk, name in found:  # noqa: B007
                yield self._uses[number], alias, pickle.loads(pk), decode(name)

    def _check(
        self, older_than: timedelta, ignore: Iterable[str] | None
    ) -> Callable[[int, str], OrphanFile | None]:
        patterns = ignored_orphans() if ignore is None else [*ignore]

        def check(at: int, name: str) -> OrphanFile | None:
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                return None
            storage, modified = self._storages[at], None
            if older_than:
                modified = _modified(storage, name)
                if modified is None or _now(modified) - modified < older_than:
                    return None
            return OrphanFile(storage, self._labels[at], name, modified)

        return check

    # Dangling rows.

    def dangling(self) -> Iterator[DanglingRow]:
        """Yield the rows whose file does not exist."""
        listed, others = self._checked & self._listed, self._checked - self._listed
        for use, alias, pk, name in self._unlisted(listed, others):
            if not opens(use.storage, name) and _has_row(use, alias, pk, name):
                label = self._labels[self._index(use.storage)]
                yield DanglingRow(use.model, use.field.name, pk, alias, label, name)


def ignored_orphans() -> list[str]:
    """Return the patterns in the setting INMEMORYSTORAGE_IGNORED_ORPHANS."""
    return [*getattr(settings, "INMEMORYSTORAGE_IGNORED_ORPHANS", ())]


def opens(storage: Storage, name: str) -> bool:
    """Return whether a storage opens a file under a name."""
    try:
        if storage.exists(name):
            storage.open(name).close()
            return True
    except PermissionError:
        return True
    except _NO_FILE:
        return False
    try:  # some storages deny that a file exists, so that save() overwrites it
        with storage.open(name) as file:
            file.read(1)
    except Exception:
        return False
    return True


def _modified(storage: Storage, name: str) -> datetime | None:
    """Return when a file was last modified; ``None`` if it no longer exists."""
    try:
        return storage.get_modified_time(name)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"{type(storage).__name__} does not know the age of its files. Pass an age of 0 if no "
            "file is being saved."
        ) from error
    except FileNotFoundError:
        return None
    except Exception:  # each bucket has its own error
        if storage.exists(name):
            raise
        return None


def _now(like: datetime) -> datetime:
    return timezone.now() if timezone.is_aware(like) else datetime.now()


# Rows.


def _tables(alias: str) -> set[str]:
    with connections[alias].cursor() as cursor:
        return {*connections[alias].introspection.table_names(cursor, include_views=True)}


def _can_read(model: type[Model], alias: str) -> bool:
    try:
        with transaction.atomic(using=alias):
            QuerySet(model).using(alias).exists()
    except DatabaseError:
        return False
    return True


def _values(model: type[Model], alias: str, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the primary keys and some values of all rows, whatever the managers of the model do."""
    rows: Any = QuerySet(model).using(alias).order_by("pk").values_list("pk", *names)
    try:
        page = [*rows[:PAGE]]
    except DatabaseError as error:
        raise DatabaseError(
            f"{model._meta.label} cannot be read in the database {alias!r}: {error}. Run migrate, "
            "if its table is missing."
        ) from error
    while page:
        yield from page
        page = [*rows.filter(pk__gt=page[-1][0])[:PAGE]]


def _has_row(use: FieldUse, alias: str, pk: Any, name: str) -> bool:
    rows: QuerySet[Any] = QuerySet(use.model).using(alias)
    return rows.filter(**{"pk": pk, use.field.attname: name}).exists()


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _pages(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    return iter(lambda: [*itertools.islice(iterator, PAGE)], [])
