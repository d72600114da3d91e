"""Orphans and dangling rows after generated histories of rows and files."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from shelf.models import Atlas, Book, Note, make_box

from inmemorystorage.orphans import delete_orphans, find_dangling, find_orphans
from inmemorystorage.testing import isolate_storages

# Where the files of each field are.
PLACES = {"cover": "box", "maps": "box", "text": "default", "scan": "default"}
MODELS: dict[str, Any] = {"Book": Book, "Atlas": Atlas, "Note": Note}
AT_ONCE = timedelta(0)

Key = tuple[str, Any]


def storage_of(place: str) -> Storage:
    """Return the storage of a place."""
    return make_box() if place == "box" else storages[place]


@dataclass
class Row:
    """A row: the places and names of its files by field, and the book that it belongs to."""

    names: dict[str, str]
    book: Any = None


@dataclass
class History:
    """
    Do each step on the database and the storages, and on a model of them.

    :param rows: the rows by model and primary key; ``files`` has places and names.
    """

    rows: dict[Key, Row] = field(default_factory=dict)
    files: set[tuple[str, str]] = field(default_factory=set)
    savepoints: list[tuple[Any, dict[Key, Row]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def pick(self, number: int, kinds: tuple[str, ...] = ("Book", "Atlas", "Note")) -> Key | None:
        """Return the key of some row."""
        keys = [key for key in self.rows if key[0] in kinds]
        return keys[number % len(keys)] if keys else None

    def content(self) -> ContentFile:
        """Return a file with a new name."""
        return ContentFile(b"content", f"{next(self.numbers)}.txt")

    def add(self, key: Key, made: Any, fields: tuple[str, ...], book: Any = None) -> None:
        """Add a row to the model, with the files that it saved."""
        names = {each: getattr(made, each).name for each in fields}
        self.rows[key] = Row(names, book)
        self.files |= {(PLACES[each], name) for each, name in names.items()}

    # Steps.

    def create_book(self, number: int) -> None:
        """Create a row with two files."""
        made = Book.objects.create(cover=self.content(), text=self.content())
        self.add(("Book", made.pk), made, ("cover", "text"))

    def create_atlas(self, number: int) -> None:
        """Create rows in two tables."""
        made = Atlas(cover=self.content(), text=self.content(), maps=self.content())
        made.save(force_insert=True)
        self.add(("Book", made.pk), made, ("cover", "text"))
        self.add(("Atlas", made.pk), made, ("maps",))

    def create_note(self, number: int) -> None:
        """Create a row that may belong to a book."""
        book = self.pick(number, ("Book",))
        made = Note.objects.create(scan=self.content(), book_id=book and book[1])
        self.add(("Note", made.pk), made, ("scan",), book and book[1])

    def change(self, number: int, value: Callable[[str, str], str]) -> None:
        """Change the name in a field of a row."""
        key = self.pick(number)
        if key is not None:
            names = self.rows[key].names
            name = sorted(names)[number % len(names)]
            names[name] = value(name, names[name])
            MODELS[key[0]].objects.filter(pk=key[1]).update(**{name: names[name]})

    def replace(self, number: int) -> None:
        """Replace a file of a row."""
        self.change(number, lambda name, before: self.save(PLACES[name]))

    def clear(self, number: int) -> None:
        """Clear a field of a row."""
        self.change(number, lambda name, before: "")

    def respell(self, number: int) -> None:
        """Spell the name in a row differently."""
        self.change(number, lambda name, before: before and f"./{before}")

    def share(self, number: int) -> None:
        """Refer to the file of another row."""

        def value(name: str, before: str) -> str:
            names = [
                each
                for row in self.rows.values()
                for other, each in row.names.items()
                if PLACES[other] == PLACES[name]
            ]
            return names[number % len(names)]

        self.change(number, value)

    def save(self, place: str) -> str:
        """Save a file, as a form does that fails afterwards."""
        content = self.content()
        name = storage_of(place).save(str(content.name), content)
        self.files.add((place, name))
        return name

    def save_only(self, number: int) -> None:
        """Save a file without a row."""
        self.save(["box", "default"][number % 2])

    def delete_file(self, number: int) -> None:
        """Delete a file, and keep its rows."""
        if self.files:
            place, name = sorted(self.files)[number % len(self.files)]
            storage_of(place).delete(name)
            self.files.remove((place, name))

    def delete_row(self, number: int) -> None:
        """Delete a row, with those that belong to it, and keep their files."""
        key = self.pick(number)
        if key is not None:
            kind, pk = key
            if kind == "Book" and ("Atlas", pk) in self.rows:
                kind = "Atlas"
            MODELS[kind].objects.get(pk=pk).delete()
            gone = {(kind, pk), *([("Book", pk)] if kind == "Atlas" else [])}
            is_book = kind != "Note"
            gone |= {each for each, row in self.rows.items() if is_book and row.book == pk}
            for each in gone:
                del self.rows[each]

    def begin(self, number: int) -> None:
        """Begin a nested savepoint."""
        block = transaction.atomic()
        block.__enter__()
        self.savepoints.append((block, copy.deepcopy(self.rows)))

    def commit(self, number: int) -> None:
        """Release the last savepoint."""
        if self.savepoints:
            self.savepoints.pop()[0].__exit__(None, None, None)

    def rollback(self, number: int) -> None:
        """Roll the rows back to the last savepoint."""
        if self.savepoints:
            block, self.rows = self.savepoints.pop()
            transaction.set_rollback(True)
            block.__exit__(None, None, None)

    def delete_orphans(self, number: int) -> None:
        """Delete the files to which no row refers."""
        deleted = {(place_of(each), each.name) for each in delete_orphans(older_than=AT_ONCE)}
        assert deleted == self.files - self.used()
        self.files -= deleted

    def check(self, number: int) -> None:
        """Compare with the model."""
        found = [*find_orphans(older_than=AT_ONCE)]
        assert len(found) == len({*found})
        assert {(place_of(each), each.name) for each in found} == self.files - self.used()
        dangling = sorted(
            (each.model.__name__, str(each.pk), each.field, each.name) for each in find_dangling()
        )
        assert dangling == sorted(
            (key[0], str(key[1]), each, name)
            for key, row in self.rows.items()
            for each, name in row.names.items()
            if name and (PLACES[each], spelled(name)) not in self.files
        )

    def used(self) -> set[tuple[str, str]]:
        """Return the files to which rows refer."""
        return {
            (PLACES[each], spelled(name))
            for row in self.rows.values()
            for each, name in row.names.items()
        }


def spelled(name: str) -> str:
    """Return a name as its storage lists it."""
    while name.startswith("./"):
        name = name[2:]
    return name


def place_of(orphan: Any) -> str:
    """Return the place of an orphan."""
    return "default" if orphan.label == "default" else "box"


STEPS = [
    *(History.create_book, History.create_atlas, History.create_note, History.create_note),
    *(History.replace, History.clear, History.respell, History.share, History.save_only),
    *(History.delete_file, History.delete_row, History.begin, History.begin, History.commit),
    *(History.rollback, History.rollback, History.delete_orphans, History.check),
]
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 50)), max_size=40)


@override_settings(INSTALLED_APPS=["shelf"])
class HistoryTests(TestCase):
    """Histories of rows and files."""

    @given(steps)
    def test_history(self, done: list[tuple[Callable[[History, int], None], int]]) -> None:
        """Orphans and dangling rows are those of the model after any history."""
        history = History()
        with isolate_storages():
            for step, number in [*done, (History.check, 0)]:
                step(history, number)
            while history.savepoints:
                history.commit(0)
