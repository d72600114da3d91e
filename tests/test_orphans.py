"""find_orphans(), find_dangling() and delete_orphans()."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.db import DatabaseError, connection, router
from django.db.models import QuerySet
from projects import make_project
from shelf.models import Atlas, Book, Note, make_box
from stocked import Bucket, Unlisted, stock

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.fallback.readonly import ReadOnlyStorage
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.orphans import delete_orphans, find_dangling, find_orphans

pytestmark = pytest.mark.django_db

AT_ONCE = timedelta(0)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _shelf(settings: Any) -> Iterator[None]:
    """Leave the models of the shelf alone in the project."""
    settings.INSTALLED_APPS = ["shelf"]
    yield
    box = make_box()
    for name in box.filesystem.children.copy():
        box.filesystem.children.pop(name)


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives file fields another storage."""

    def put(storage: Storage, *fields: str) -> Any:
        for name in fields:
            model, _, field = name.partition(".")
            found = {"Book": Book, "Atlas": Atlas, "Note": Note}[model]._meta.get_field(field)
            monkeypatch.setattr(found, "storage", storage)
        return storage

    return put


def orphans(*labels: str, **options: Any) -> list[str]:
    """Return the orphans as text, also those that were just saved."""
    return sorted(str(each) for each in find_orphans(labels, **{"older_than": AT_ONCE, **options}))


def dangling(*labels: str) -> list[str]:
    """Return the fields and the names of dangling rows."""
    return [f"{each.field}:{each.name}" for each in find_dangling(labels)]


# Rows and files.


def test_files_without_a_row_are_orphans() -> None:
    """A file to which no row refers is an orphan, on each storage that a field uses."""
    book = Book(cover=ContentFile(b"", "cover"), text=ContentFile(b"", "text"))
    book.save()
    atlas = Atlas.objects.create(maps=ContentFile(b"", "a.png"))
    note = Note.objects.create(scan=ContentFile(b"", "scan"))
    assert orphans() == dangling() == []
    stock(storages["default"], "a/orphan", "blank.png")
    stock(make_box(), "orphan", "maps/Atlas/other")
    assert orphans() == [
        "default:a/orphan",
        "shelf.Book.cover:maps/Atlas/other",
        "shelf.Book.cover:orphan",
    ]
    for each in (book, atlas, note):
        each.delete()
    assert len(orphans()) == 7


def test_rows_without_a_file_dangle() -> None:
    """A row whose file does not exist dangles: missing, a directory, or a refused name."""
    stock(storages["default"], "d/e")
    stock(make_box(), "a")
    missing = Book.objects.create(text="missing", cover="a")
    Book.objects.create(text="d")
    Book.objects.create(text="d/e/f")
    Book.objects.create(cover="../a")
    Book.objects.create(cover="\0")
    Note.objects.create(scan="scan")
    assert dangling() == [
        *("text:missing", "text:d", "text:d/e/f", "cover:../a", "cover:\0", "scan:scan"),
    ]
    first, *_ = find_dangling()
    assert str(first) == f"shelf.Book {missing.pk} text: default:missing"
    assert (first.model, first.pk, first.alias) == (Book, missing.pk, "default")
    assert dangling("shelf.Book.cover") == ["cover:../a", "cover:\0"]


def test_many_rows_are_read_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and files are read page by page, whatever the order of primary keys."""
    monkeypatch.setattr("inmemorystorage.orphans.PAGE", 7)
    monkeypatch.setattr("inmemorystorage.orphans.DELETED_AT_ONCE", 7)
    names = [f"{number % 3}/{number:02}" for number in range(40)]
    stock(storages["default"], *names)
    Note.objects.bulk_create(Note(scan=name) for name in [*names[:20], *map(str, range(20))])
    assert orphans() == [f"default:{name}" for name in sorted(names[20:])]
    assert sorted(dangling()) == sorted(f"scan:{number}" for number in range(20))
    assert len([*delete_orphans(older_than=AT_ONCE)]) == 20
    assert orphans() == []


def test_a_missing_table_is_an_error() -> None:
    """A model whose table does not exist raises an error that names it."""
    stock(storages["default"], "a")
    rename_table("shelf_note", "other")
    with pytest.raises(
        DatabaseError,
        match=r"shelf\.Note cannot be read in the database 'default': no such table: shelf_note\.",
    ):
        orphans()


def test_an_unmanaged_table_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unmanaged model without a table has no rows; one whose table has a quoted name has."""
    stock(storages["default"], "a", "b")
    Note.objects.create(scan="b")
    monkeypatch.setattr(Note._meta, "managed", False)
    monkeypatch.setattr(Note._meta, "db_table", '"shelf_note"')
    assert orphans() == ["default:a"]
    rename_table("shelf_note", "other")
    assert orphans() == ["default:a", "default:b"]


def rename_table(old: str, new: str) -> None:
    """Rename a table, until the test's transaction is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_rows_of_all_databases(tmp_path: Path) -> None:
    """Rows of each database that has the table are read, once by a router's choice."""
    project = make_project(
        tmp_path,
        settings="""
        DATABASES["other"] = DATABASES["default"] | {"NAME": BASE_DIR / "other.sqlite3"}
        DATABASES["empty"] = DATABASES["default"] | {"NAME": BASE_DIR / "empty.sqlite3"}
        """,
        models="class Upload(models.Model):\n    file = models.FileField()\n",
    )
    for alias in ("default", "other"):
        project.manage("migrate", "--run-syncdb", "--database", alias)
    printed = project.python(
        """
        from django.core.files.base import ContentFile
        from uploads.models import Upload
        from datetime import timedelta
        from inmemorystorage.orphans import find_dangling, find_orphans
        for alias in ("default", "other"):
            Upload(file=ContentFile(b"", alias)).save(using=alias)
            Upload(file=f"no-{alias}").save(using=alias)
        assert not [*find_orphans(older_than=timedelta(0))]
        print(*((each.alias, each.name) for each in find_dangling()))
        Upload.objects.using("other").all().delete()
        print(*find_orphans(older_than=timedelta(0)))
        """
    )
    assert printed.splitlines() == [
        *("('default', 'no-default') ('other', 'no-other')", "default:other"),
    ]


def test_a_router_without_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database that a router reads is read if it allows no migrations."""
    stock(storages["default"], "a", "b")
    Note.objects.create(scan="a")
    monkeypatch.setattr(router, "allow_migrate_model", lambda alias, model: False)
    assert orphans() == ["default:b"]


# Names.


@pytest.mark.parametrize("name", ["./a/b", "a//b", "x/../a/b", "{}/a/b", "{}/./a/b", "a/../a/b"])
def test_names_on_a_disk(name: str, tmp_path: Path, put: Any) -> None:
    """A file on a disk is no orphan if a row opens it under another name."""
    put(stock(FileSystemStorage(tmp_path), "a/b", "a/c"), "Book.text")
    Book.objects.create(text=name.format(tmp_path))
    assert orphans() == ["shelf.Book.text:a/c"]
    assert dangling() == []


def test_refused_names_on_a_disk(tmp_path: Path, put: Any) -> None:
    """A row dangles if its name leads out of the directory, or the directory does not exist."""
    put(stock(FileSystemStorage(tmp_path / "media"), "a"), "Book.text")
    put(FileSystemStorage(tmp_path / "missing"), "Note.scan")
    Book.objects.create(text="../a")
    Note.objects.create(scan="a/b")
    assert orphans() == ["shelf.Book.text:a"]
    assert dangling() == ["text:../a", "scan:a/b"]


def test_links_on_a_disk(tmp_path: Path, put: Any) -> None:
    """A file is no orphan if a row opens it by a link; links in a circle are not followed."""
    disk = put(FileSystemStorage(tmp_path / "media"), "Book.text")
    stock(disk, "real/a", "real/b", "c")
    (tmp_path / "media/link").symlink_to(tmp_path / "media/real")
    (tmp_path / "media/real/circle").symlink_to(tmp_path / "media")
    (tmp_path / "media/d").symlink_to(tmp_path / "media/c")
    (tmp_path / "media/broken").symlink_to(tmp_path / "nothing")
    stock(FileSystemStorage(tmp_path / "outside"), "e")
    (tmp_path / "media/outside").symlink_to(tmp_path / "outside")
    for name in ("link/a", "real/circle/real/circle/d"):
        Book.objects.create(text=name)
    assert orphans(older_than=timedelta(microseconds=1)) == [
        "shelf.Book.text:outside/e",
        "shelf.Book.text:real/b",
    ]
    assert dangling() == []


def test_names_that_are_no_text(tmp_path: Path, put: Any) -> None:
    """A name on a disk that is not UTF-8 is found as any other."""
    put(FileSystemStorage(tmp_path), "Book.text")
    (tmp_path / os.fsdecode(b"\xff")).write_bytes(b"")
    assert orphans() == ["shelf.Book.text:\udcff"]


@pytest.mark.parametrize("name", ["./a/b", "a\\b", "/box/a/b", "/box/x/../a/b"])
def test_names_in_memory(name: str) -> None:
    """A file in memory is no orphan if a row opens it under another name."""
    stock(make_box(), "a/b", "a/c")
    Book.objects.create(cover=name)
    is_opened = make_box().exists(name)
    assert orphans() == ["shelf.Book.cover:a/b"] * (not is_opened) + ["shelf.Book.cover:a/c"]
    assert dangling() == ([] if is_opened else [f"cover:{name}"])


class Folding(Bucket):
    """A bucket that ignores the case of letters."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        return super()._open({key.casefold(): key for key in self.files}[name.casefold()], mode)

    def exists(self, name: str) -> bool:
        """Return whether there is a file."""
        return name.casefold() in map(str.casefold, self.files)


def test_names_in_another_case(put: Any) -> None:
    """A file is no orphan if its storage opens it under a name in another case."""
    put(stock(Folding(), "Pictures/A", "Pictures/b"), "Book.text")
    Book.objects.create(text="pictures/a")
    assert orphans() == ["shelf.Book.text:Pictures/b"]


class Denying(Unlisted):
    """A bucket that denies that files exist, so that it overwrites them."""

    def exists(self, name: str) -> bool:
        """Return false."""
        return False


class Mapping(Bucket):
    """A bucket that lists other names than those that it opens."""

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List hashed names."""
        return [] if path else ["d"], [f"{hash(name):x}" for name in self.files]


def test_files_whose_existence_is_denied(put: Any) -> None:
    """A row does not dangle if its storage opens the file, though exists() returns false."""
    put(stock(Denying(), "a"), "Book.text")
    put(DjangoInMemoryStorage(), "Book.cover")
    Book.objects.create(text="a")
    Book.objects.create(text="./a", cover="a")
    assert dangling() == ["cover:a", "text:./a"]


def test_a_storage_that_maps_names(put: Any) -> None:
    """No file is an orphan on a storage that opens names which it does not list."""
    put(stock(Mapping(), "a", "d/a"), "Book.text")
    for name in ("a", "d/a"):
        Book.objects.create(text=name)
        with pytest.raises(NotImplementedError, match=f"opens '{name}' but does not list it"):
            orphans()
        Book.objects.all().delete()
    assert len(orphans()) == 4


def test_a_file_that_may_not_be_read(put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row does not dangle if this user may not read its file."""
    bucket = put(stock(Bucket(), "a"), "Book.text")

    def refuse(name: str, mode: str) -> None:
        raise PermissionError(name)

    monkeypatch.setattr(bucket, "_open", refuse)
    Book.objects.create(text="a")
    monkeypatch.setattr(bucket, "listdir", lambda path: ([], []))
    assert dangling() == []


# Storages.


def test_labels_choose_storages(put: Any) -> None:
    """Labels choose the storages that are listed; an unknown label is an error."""
    put(Unlisted(), "Note.scan")
    stock(storages["default"], "a")
    stock(make_box(), "a", "b")
    Book.objects.create(cover="b")
    assert orphans("default") == ["default:a"]
    assert orphans("shelf.Book.cover") == ["shelf.Book.cover:a"]
    assert orphans("shelf.Book.text") == ["default:a"]  # the storage has an alias
    assert orphans("shelf.Book.cover", "default") == ["default:a", "shelf.Book.cover:a"]
    with pytest.raises(ImproperlyConfigured, match=r"uses 'x'\. Fields use: default, shelf"):
        orphans("default", "x")


def test_storages_that_cannot_list(put: Any) -> None:
    """Orphans of a storage that cannot list files raise; its rows are tried one by one."""
    put(stock(Unlisted(), "a", "b"), "Note.scan")
    for name in ("a", "c"):
        Note.objects.create(scan=name)
    with pytest.raises(NotImplementedError, match="Unlisted cannot list its files"):
        orphans()
    assert dangling() == ["scan:c"]


def test_directories_in_each_other(tmp_path: Path, put: Any) -> None:
    """Files on one disk belong to all storages whose directory holds them."""
    media = put(FileSystemStorage(tmp_path), "Book.text")
    private = put(FileSystemStorage(tmp_path / "private"), "Book.cover")
    put(FileSystemStorage(f"{tmp_path}/private/../private"), "Note.scan")
    stock(media, "a", "private/b", "private/c", "private/d")
    Book.objects.create(text="private/b", cover="c")
    assert orphans() == ["shelf.Book.cover:d", "shelf.Book.text:a"]
    assert orphans("shelf.Book.cover") == ["shelf.Book.cover:d"]
    Note.objects.create(scan="d")
    assert orphans("shelf.Book.text") == ["shelf.Book.text:a"]
    assert private.exists("d") and dangling() == []


def test_layers(put: Any) -> None:
    """Rows on a FallbackStorage, on its layers and on a read-only storage share their files."""
    upper, lower = InMemoryStorage(), InMemoryStorage()
    fallback = put(FallbackStorage(backends=[upper, lower]), "Book.text")
    put(upper, "Book.cover")
    put(ReadOnlyStorage(lambda: lower, "lower"), "Note.scan")
    stock(lower, "a", "b", "gone", "lower", "scan")
    stock(fallback, "upper", "c")
    fallback.delete("gone")
    Book.objects.create(text="a", cover="c")
    Note.objects.create(scan="scan")
    assert orphans() == ["shelf.Book.text:b", "shelf.Book.text:lower", "shelf.Book.text:upper"]
    Book.objects.create(text="b", cover="b")
    Book.objects.create(cover="upper")
    assert orphans() == ["shelf.Book.text:lower"]
    assert dangling() == ["cover:b"]
    assert [str(each) for each in delete_orphans(older_than=AT_ONCE)] == ["shelf.Book.text:lower"]
    assert lower.exists("lower") and orphans() == []


class Wrapping(Storage):
    """A storage that keeps its files in another one."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.listdir, self.open = storage.listdir, storage.open  # type: ignore[method-assign]
        self.exists = storage.exists  # type: ignore[method-assign]


def test_storages_in_storages(put: Any) -> None:
    """Files with equal names are no orphans if an unknown storage may keep its files in another."""
    bucket = put(stock(InMemoryStorage(), "a", "b", "c"), "Book.text")
    put(Wrapping(bucket), "Book.cover")
    Book.objects.create(text="b", cover="a")
    assert orphans("shelf.Book.text") == ["shelf.Book.text:c"]
    assert orphans("shelf.Book.cover") == ["shelf.Book.cover:c"]


class Service(Bucket):
    """A storage on a bucket of a service."""

    __module__ = "storages.backends.service"


def test_buckets(put: Any) -> None:
    """Storages on one bucket share its files; those on two buckets share none."""
    put(stock(Service(bucket_name="one", location="/media/"), "a", "b"), "Book.text")
    put(stock(Service(bucket_name="one", location="media"), "a", "b"), "Book.cover")
    put(stock(Service(azure_container="two"), "a", "b"), "Note.scan")
    Book.objects.create(text="a")
    assert orphans() == ["shelf.Book.cover:b", "shelf.Note.scan:a", "shelf.Note.scan:b"]


def test_storages_of_one_class(put: Any) -> None:
    """Storages of one class whose buckets are unknown may share their files."""
    put(stock(Service(), "a", "b"), "Book.text")
    put(stock(Service(), "a", "b"), "Book.cover")
    put(stock(DjangoInMemoryStorage(), "a"), "Note.scan")
    Book.objects.create(text="a", cover="b")
    assert orphans() == ["shelf.Note.scan:a"]


def test_key_value_storages(put: Any) -> None:
    """Files of a KeyValueStorage are found."""
    storage = put(stock(KeyValueStorage(f"locmem://{uuid.uuid4()}"), "a", "b"), "Book.text")
    Book.objects.create(text="a")
    assert orphans() == ["shelf.Book.text:b"]
    assert storage.exists("b")


# Ages and patterns.


def test_young_files_are_left_out(time_machine: Any) -> None:
    """A file is an orphan only once it is old enough; an hour by default."""
    time_machine.move_to("2026-01-01T12:00:00Z", tick=False)
    stock(storages["default"], "a")
    assert [*find_orphans()] == []
    time_machine.move_to("2026-01-01T13:00:01Z", tick=False)
    stock(storages["default"], "b")
    (found,) = find_orphans()
    assert str(found) == "default:a"
    assert found.modified == storages["default"].get_modified_time("a")


def test_naive_ages(settings: Any, time_machine: Any) -> None:
    """Times of a project without USE_TZ are compared."""
    settings.USE_TZ = False
    stock(storages["default"], "a")
    assert orphans(older_than=HOUR) == []
    time_machine.move_to(datetime.now(timezone.utc) + timedelta(hours=2))
    assert orphans(older_than=HOUR) == ["default:a"]


def test_unknown_ages(put: Any) -> None:
    """A storage without times raises unless no age is asked for."""
    put(stock(Bucket(), "a"), "Book.text")
    with pytest.raises(NotImplementedError, match="Bucket does not know the age of its files"):
        orphans(older_than=HOUR)
    assert orphans() == ["shelf.Book.text:a"]


def test_files_that_are_deleted_during_the_search(
    put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that no longer exists is no orphan; another error is raised."""
    bucket = put(stock(Bucket(), "a"), "Book.text")

    def fail(name: str) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr(bucket, "get_modified_time", fail)
    with pytest.raises(RuntimeError):
        orphans(older_than=HOUR)
    monkeypatch.setattr(bucket, "exists", lambda name: False)
    assert orphans(older_than=HOUR) == []


def test_patterns_are_left_out(settings: Any) -> None:
    """Names that match a pattern are no orphans: an argument's, or the setting's."""
    stock(storages["default"], "thumbs/a", "thumbs/b/c", "d")
    assert orphans(ignore=["thumbs/*"]) == ["default:d"]
    settings.INMEMORYSTORAGE_IGNORED_ORPHANS = ["thumbs/?", "d"]
    assert orphans() == ["default:thumbs/b/c"]
    assert len(orphans(ignore=[])) == 3


# Races.


def test_rows_are_read_again_before_files_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is not deleted if a row refers to it after it was found."""
    monkeypatch.setattr("inmemorystorage.orphans.DELETED_AT_ONCE", 1)
    stock(storages["default"], "a", "b", "c")
    deleting = delete_orphans(older_than=AT_ONCE)
    assert next(deleting).name == "a"
    Book.objects.create(text="./b")
    assert [each.name for each in deleting] == ["c"]
    assert storages["default"].exists("b")


def test_rows_that_are_deleted_during_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that was deleted or changed after it was read does not dangle."""
    Book.objects.create(text="a")
    changed = Book.objects.create(text="b")
    searching = find_dangling()
    assert next(searching).name == "a"
    Book.objects.filter(pk=changed.pk).update(text="c")
    assert [*searching] == []


def test_files_that_are_saved_during_the_search(put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is saved during the search is no orphan, and its row does not dangle."""
    stock(storages["default"], "a")
    values = QuerySet.values_list

    def save_and_read(*args: Any, **kwargs: Any) -> Any:
        if not storages["default"].exists("new/b"):
            stock(storages["default"], "new/b")
            Book.objects.create(text="new/b")
        return values(*args, **kwargs)

    monkeypatch.setattr(QuerySet, "values_list", save_and_read)
    assert orphans() == ["default:a"]
    assert dangling() == []


def test_the_temporary_database_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary database is deleted when the caller stops early."""
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        "inmemorystorage.orphans.sqlite3.connect",
        lambda *args, **kwargs: made.append(connect(*args, **kwargs)) or made[-1],
    )
    stock(storages["default"], "a", "b")
    for _ in find_orphans(older_than=AT_ONCE):
        break
    with pytest.raises(sqlite3.ProgrammingError):
        made[0].execute("SELECT 1")
