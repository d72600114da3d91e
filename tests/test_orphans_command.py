"""`manage.py storage orphans` and `manage.py storage dangling`."""

from __future__ import annotations

import io
import itertools
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.utils.functional import SimpleLazyObject
from projects import Project, make_project
from shelf.models import Book, Note
from stocked import stock
from test_storage_command import Terminal

from inmemorystorage.management.commands.storage import FOUND, Command

pytestmark = pytest.mark.django_db
AT_ONCE = "--older-than=0"


@pytest.fixture(autouse=True)
def _shelf(settings: Any) -> None:
    """Leave the models of the shelf alone in the project."""
    settings.INSTALLED_APPS = ["inmemorystorage", "shelf"]


class Run:
    """
    A run of the command.

    ``printed`` is the standard output, ``error`` the message and ``code`` the exit code of an
    error.
    """

    def __init__(self, *arguments: str, stderr: io.StringIO | None = None) -> None:
        out, err = io.StringIO(), stderr or io.StringIO()
        self.error, self.code = "", 0
        try:
            call_command(Command(), *arguments, stdout=out, stderr=err)
        except CommandError as error:
            self.error, self.code = str(error), error.returncode
        self.printed, self.said = out.getvalue(), err.getvalue()


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Answer questions on the standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))


@pytest.mark.parametrize("command", ["orphans", "dangling"])
def test_a_storage_that_cannot_be_created(settings: Any, command: str) -> None:
    """An error of the default storage names its alias."""
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "nowhere.Storage"}}
    assert Run(command).error.startswith(
        "The storage of the alias 'default' could not be created: InvalidStorageError: Could not "
        "find backend 'nowhere.Storage'"
    )


@pytest.mark.parametrize("command", ["orphans", "dangling"])
def test_the_storage_of_a_field_that_cannot_be_created(command: str) -> None:
    """An error of another storage names its field."""
    broken = SimpleLazyObject(lambda: storages["nowhere"])
    with mock.patch.object(Note._meta.get_field("scan"), "storage", broken):
        assert "The storage of shelf.Note.scan could not be created: " in Run(command).error


def test_orphans_are_listed() -> None:
    """The command lists orphans, and exits with 3; without any it exits with 0."""
    assert (Run("orphans").printed, Run("orphans").code) == ("", 0)
    stock(storages["default"], "a", "\x1b")
    run = Run("orphans", AT_ONCE)
    assert run.printed == "default:\\x1b\ndefault:a\n"
    assert (run.error, run.code) == ("2 orphans found.", FOUND)
    assert Run("orphans", AT_ONCE, "--ignore", "[!a]").error == "1 orphan found."


def test_orphans_as_json() -> None:
    """--format=json prints one array of orphans, also without any."""
    stock(storages["default"], "a", "é")
    assert json.loads(Run("orphans", "--format=json", "shelf.Book.cover").printed) == []
    found = json.loads(Run("orphans", AT_ONCE, "--format=json", "default").printed)
    assert found == [
        {"storage": "default", "name": "a", "modified": None},
        {"storage": "default", "name": "é", "modified": None},
    ]


def test_orphans_as_json_have_times(time_machine: Any) -> None:
    """--format=json prints when an orphan was modified."""
    time_machine.move_to("2026-01-02T03:04:05Z", tick=False)
    stock(storages["default"], "a")
    time_machine.move_to("2026-01-02T03:04:15Z", tick=False)
    (found,) = json.loads(Run("orphans", "--older-than=10s", "--format=json").printed)
    assert found["modified"] == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize(("age", "is_found"), [("89m", True), ("1d", False), ("2h", False)])
def test_ages(age: str, is_found: bool, time_machine: Any) -> None:
    """--older-than takes seconds, minutes, hours and days."""
    time_machine.move_to("2026-01-02T00:00:00Z", tick=False)
    stock(storages["default"], "a")
    time_machine.move_to("2026-01-02T01:30:00Z", tick=False)
    assert bool(Run("orphans", f"--older-than={age}").printed) is is_found


@pytest.mark.parametrize("age", ["1w", "99999999999d", "9" * 5_000])
def test_an_age_must_have_a_unit(age: str) -> None:
    """An age that is no age, or too long, is an error."""
    assert Run("orphans", f"--older-than={age}").error == (
        f"Error: argument --older-than: '{age}' is not an age. Write 90s, 15m, 1h or 2d."
    )


def test_patterns_are_added_to_the_settings(settings: Any) -> None:
    """--ignore leaves out more names than INMEMORYSTORAGE_IGNORED_ORPHANS, not others."""
    settings.INMEMORYSTORAGE_IGNORED_ORPHANS = ["thumbs/*"]
    stock(storages["default"], "thumbs/a", "b", "c")
    Run("orphans", AT_ONCE, "--ignore=b", "--delete", "--noinput")
    assert storages["default"].listdir("") == (["thumbs"], ["b"])


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_orphans_are_deleted(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """--delete lists orphans, asks, and deletes them."""
    answering(monkeypatch, answer)
    stock(storages["default"], "a", "b", "c")
    Note.objects.create(scan="b")
    run = Run("orphans", AT_ONCE, "--delete")
    assert run.printed == "default:a\ndefault:c\n"
    assert run.said == "2 orphans found. Delete them? [y/N] 2 files deleted.\n"
    assert (run.code, storages["default"].listdir("")[1]) == (0, ["b"])


@pytest.mark.parametrize("answer", ["", "\n", "n\n"])
def test_orphans_are_kept(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """--delete keeps orphans unless the answer is yes."""
    answering(monkeypatch, answer)
    stock(storages["default"], "a")
    run = Run("orphans", AT_ONCE, "--delete")
    assert (run.error, run.code) == ("Nothing was deleted.", FOUND)
    assert run.said == "1 orphan found. Delete it? [y/N] "
    assert storages["default"].exists("a")


def test_orphans_are_deleted_without_a_question() -> None:
    """--noinput deletes without a question, and lists the deleted files."""
    stock(storages["default"], "a")
    run = Run("orphans", AT_ONCE, "--delete", "--noinput", "--format=json")
    assert json.loads(run.printed)[0]["name"] == "a"
    assert (run.said, run.code) == ("1 file deleted.\n", 0)
    stock(storages["default"], "b")
    assert Run("orphans", AT_ONCE, "--delete", "--noinput", "--verbosity=0").said == ""
    assert not storages["default"].exists("a")
    assert Run("orphans", "--delete").printed == ""


def test_dangling_rows_are_listed() -> None:
    """The command lists dangling rows, and exits with 3; without any it exits with 0."""
    assert Run("dangling").code == 0
    stock(storages["default"], "b")
    book = Book.objects.create(text="a")
    Book.objects.create(text="b")
    run = Run("dangling")
    assert run.printed == f"shelf.Book {book.pk} text: default:a\n"
    assert (run.error, run.code) == ("1 dangling row found.", FOUND)


def test_dangling_rows_as_json() -> None:
    """--format=json prints one array of dangling rows."""
    note = Note.objects.create(scan="a")
    assert json.loads(Run("dangling", "--format=json", "shelf.Book.cover").printed) == []
    assert json.loads(Run("dangling", "--format=json", "default").printed) == [
        {
            "model": "shelf.Note",
            "pk": str(note.pk),
            "field": "scan",
            "database": "default",
            "storage": "default",
            "name": "a",
        }
    ]


def test_an_unknown_label_is_an_error() -> None:
    """A label that no file field uses is an error, which exits with 1."""
    run = Run("dangling", "staticfiles")
    assert run.error.startswith("No file field uses 'staticfiles'. Fields use: default, shelf.")
    assert run.code == 1


def test_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command counts files and rows with tqdm on a terminal, and clears them at the end."""
    seconds = itertools.count()
    monkeypatch.setattr("tqdm.std.time", lambda: next(seconds))
    stock(storages["default"], "a", "b")
    Note.objects.create(scan="a")
    err = Terminal()
    Run("orphans", AT_ONCE, stderr=err)
    assert "files of default: 2" in err.getvalue() and "rows: 1" in err.getvalue()
    monkeypatch.setitem(sys.modules, "tqdm", None)
    err = Terminal()
    Run("orphans", AT_ONCE, stderr=err)
    assert err.getvalue() == ""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with a model."""
    return make_project(
        tmp_path, models="class Upload(models.Model):\n    file = models.FileField()\n"
    )


def test_errors_of_the_database_are_reported(project: Project) -> None:
    """The command reports a missing table without a traceback."""
    printed = project.manage("storage", "orphans", fails=True)
    assert printed == (
        "CommandError: uploads.Upload cannot be read in the database 'default': "
        "no such table: uploads_upload. Run migrate, if its table is missing.\n"
    )
