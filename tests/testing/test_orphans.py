"""assertNoOrphans(), and runs in which orphans fail tests."""

from __future__ import annotations

import re
import unittest
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection, transaction
from django.test import TestCase
from django.test.testcases import DatabaseOperationForbidden
from projects import Project, make_project
from shelf.models import Book, Note, make_box
from stocked import Unlisted, stock

from inmemorystorage.testing import InMemoryStorageTestMixin, assertNoOrphans
from inmemorystorage.testing.orphans import watch_orphans
from inmemorystorage.testing.session import Options
from inmemorystorage.testing.watch import Watch

pytestmark = pytest.mark.django_db


def test_an_orphan_is_reported_with_its_line() -> None:
    """A file without a row fails, with the line that saved it; others do not."""
    with pytest.raises(AssertionError) as raised:
        with assertNoOrphans():
            Book.objects.create(text=ContentFile(b"", "kept"))
            storages["default"].save("a", ContentFile(b""))
            with make_box().open("b", "w") as file:
                file.write("b")
    lines = str(raised.value).splitlines()
    assert lines[0] == "No row refers to files that were saved:"
    assert re.fullmatch(
        r"default:a, saved at .*test_orphans\.py:\d+ in test_an_orphan_is_reported.*", lines[1]
    )
    assert re.match(r"shelf\.\w+\.\w+:b, saved at", lines[2])
    assert lines[3].startswith("Delete files with their rows")


def test_ways_to_leave_an_orphan() -> None:
    """A deleted row, a replaced file and a rolled-back transaction leave orphans."""

    def delete() -> None:
        Note.objects.create(scan=ContentFile(b"", "a")).delete()

    def replace() -> None:
        note = Note.objects.create(scan=ContentFile(b"", "a"))
        note.scan.save("b", ContentFile(b""))

    def roll_back() -> None:
        with transaction.atomic():
            Note.objects.create(scan=ContentFile(b"", "a"))
            transaction.set_rollback(True)

    for way in (delete, replace, roll_back):
        with pytest.raises(AssertionError, match="saved at .* in " + way.__name__):
            with assertNoOrphans():
                way()


def test_what_is_no_orphan(tmp_path: Path, settings: Any) -> None:
    """Deleted files, other storages, ignored names and names spelled differently do not fail."""
    stock(storages["default"], "before")
    settings.INMEMORYSTORAGE_IGNORED_ORPHANS = ["thumbs/*"]
    with assertNoOrphans():
        stock(storages["default"], "deleted", "thumbs/a", "blank.png", "respelled")
        storages["default"].delete("deleted")
        FileSystemStorage(tmp_path).save("a", ContentFile(b""))
        Book.objects.create(text="./respelled")
    with assertNoOrphans(ignore=["*"]):
        stock(storages["default"], "b")


def test_files_in_a_removed_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that fails at the end of a block has no orphans."""

    def fail(name: str) -> bool:
        raise RuntimeError(name)

    with assertNoOrphans():
        stock(storages["default"], "a")
        monkeypatch.setattr(storages["default"], "exists", fail)


def test_storages_that_cannot_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orphans of a storage that cannot list its files are found."""
    storage = Unlisted()
    monkeypatch.setattr(Note._meta.get_field("scan"), "storage", storage)
    stock(storage, "before")
    Note.objects.create(scan="before")
    with pytest.raises(AssertionError, match=r"Note\.scan:a"):
        with assertNoOrphans():
            stock(storage, "a")


def test_an_error_is_not_hidden() -> None:
    """An error of the block is raised as it is."""
    with pytest.raises(ZeroDivisionError):
        with assertNoOrphans():
            stock(storages["default"], "a")
            raise ZeroDivisionError


def test_a_failed_transaction_is_not_read() -> None:
    """Nothing is checked in a transaction that must be rolled back."""
    with transaction.atomic():
        with assertNoOrphans():
            stock(storages["default"], "a")
            transaction.set_rollback(True)


def test_a_missing_table_has_no_rows() -> None:
    """A model without a table, as an unmanaged one in a test database, does not break a test."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shelf_note RENAME TO other")
    with assertNoOrphans():
        Book.objects.create(text=ContentFile(b"", "a"))
    with pytest.raises(AssertionError, match="default:b, saved at"), assertNoOrphans():
        stock(storages["default"], "b")


def test_a_database_that_the_test_may_not_use_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that Django forbids to the test has no rows of the test."""
    forbidden = mock.Mock(side_effect=DatabaseOperationForbidden("not allowed"))
    monkeypatch.setattr(connection, "cursor", forbidden)
    with pytest.raises(AssertionError, match="default:a, saved at"), assertNoOrphans():
        stock(storages["default"], "a")


def test_callbacks_that_did_not_run() -> None:
    """The error counts callbacks of on_commit(), which may delete files."""
    with pytest.raises(AssertionError, match=r"on_commit\(\) that did not run: 1\."):
        with assertNoOrphans():
            stock(storages["default"], "a")
            transaction.on_commit(lambda: storages["default"].delete("a"))


def test_the_fixture(assert_no_orphans: Callable[..., Any]) -> None:
    """The fixture is the context manager."""
    with pytest.raises(AssertionError):
        with assert_no_orphans():
            stock(storages["default"], "a")


class MixinTests(InMemoryStorageTestMixin, TestCase):
    """Test cases with the mixin."""

    def test_method(self) -> None:
        """The mixin has the context manager as a method."""
        with pytest.raises(AssertionError):
            with self.assertNoOrphans():
                stock(storages["default"], "a")


@assertNoOrphans()
def test_the_decorator() -> None:
    """A decorated test may not leave orphans."""
    Note.objects.create(scan=ContentFile(b"", "a"))


def test_each_test_of_a_class_is_checked() -> None:
    """Each test of a decorated test case may not leave orphans."""

    @assertNoOrphans()
    class Tests(TestCase):
        def test_a(self) -> None:
            stock(storages["default"], "a")

        def test_b(self) -> None:
            Note.objects.create(scan=ContentFile(b"", "b"))

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(result)
    ((failed, message),) = result.failures
    assert failed.id().endswith("test_a") and "default:a, saved at" in message


def test_a_watch_checks_each_test() -> None:
    """A watch checks a test before its rows are rolled back, and forgets what is not a test's."""
    watch = Watch(orphans=True)

    class Case(TestCase):
        def runTest(self) -> None:
            pass

    case = Case()
    with watch:
        stock(storages["default"], "before")
        watch.begin_test(lambda: "test")
        with watch.paused():
            stock(storages["default"], "of a fixture")
        stock(storages["default"], "a")
        with pytest.raises(AssertionError, match="default:a") as raised:
            _end(case)
        assert str(raised.value).count("saved at") == 1
        _end(case)


@pytest.mark.parametrize(
    ("module", "names", "cleaned"),
    [
        ("pytest_django.fixtures", ["a"], True),
        ("pytest_django.fixtures", [], False),
        ("x", ["a"], False),
    ],
)
def test_the_class_of_a_failed_test_is_cleaned_up(
    module: str, names: list[str], cleaned: bool
) -> None:
    """A watch cleans up the class that pytest-django made for a test, if the test failed."""

    class Case(TestCase):
        def runTest(self) -> None:
            pass

    Case.__module__ = module
    Case.tearDownClass = mock.Mock()  # type: ignore[method-assign]
    clean_up = mock.Mock()
    Case.addClassCleanup(clean_up)
    with watch_orphans():
        stock(storages["default"], *names)
        with pytest.raises(AssertionError) if names else nullcontext():
            _end(Case())
    assert (clean_up.called, Case.tearDownClass.called) == (cleaned, cleaned)


def _end(case: Any) -> None:
    """End a test case, without its own rollback."""
    case._fixture_teardown = lambda: None
    case._post_teardown()


def test_the_patch_is_removed() -> None:
    """A watch restores Django's method."""
    before = TestCase._post_teardown  # type: ignore[attr-defined]
    with watch_orphans():
        assert TestCase._post_teardown is not before  # type: ignore[attr-defined]
    assert TestCase._post_teardown is before  # type: ignore[attr-defined]


def test_the_option_is_checked() -> None:
    """The option is error, or nothing."""
    assert Options.read(True, "", orphans="error").orphans
    assert not Options.read(True, "", orphans=False).orphans
    with pytest.raises(ValueError, match="inmemorystorage_orphans must be error or nothing"):
        Options.read(True, "", orphans="warn")


# Runs.

TESTS = """
    import pytest
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage
    from django.db import transaction
    from django.test import SimpleTestCase, TestCase, TransactionTestCase
    from uploads.models import Upload


    def upload():
        return Upload.objects.create(file=ContentFile(b"", "a"))


    class Cases:
        def test_kept(self):
            upload()

        def test_deleted(self):
            upload().delete()

        def test_file_deleted(self):
            made = upload()
            made.file.delete()
            made.delete()

        def test_rolled_back(self):
            with transaction.atomic():
                upload()
                transaction.set_rollback(True)


    class RowTests(Cases, TestCase):
        @classmethod
        def setUpTestData(cls):
            default_storage.save("of-the-class", ContentFile(b""))


    class CommittedTests(Cases, TransactionTestCase):
        pass


    class NoRowTests(SimpleTestCase):
        def test_without_database(self):
            default_storage.save("a", ContentFile(b""))
"""
FUNCTIONS = """

    @pytest.fixture(scope="module")
    def wide():
        default_storage.save("of-the-module", ContentFile(b""))


    @pytest.mark.django_db
    def test_function_kept(wide):
        upload()


    @pytest.mark.django_db
    def test_function_deleted(wide):
        upload().delete()


    @pytest.mark.django_db(transaction=True)
    def test_function_committed():
        upload().delete()


    @pytest.mark.django_db(databases=["default", "other"])
    def test_function_in_two_databases():
        Upload.objects.using("other").create(file=ContentFile(b"", "b"))
"""
FAILING = {
    *("RowTests.test_deleted", "RowTests.test_rolled_back"),
    *("CommittedTests.test_deleted", "CommittedTests.test_rolled_back"),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with a model."""
    return make_project(
        tmp_path,
        settings="""
        TEST_RUNNER = "runner.Runner"
        DATABASES["other"] = DATABASES["default"] | {"NAME": BASE_DIR / "other.sqlite3"}
        """,
        models="""
        class Upload(models.Model):
            file = models.FileField()


        class Legacy(models.Model):
            file = models.FileField()

            class Meta:
                managed = False
        """,
    )


@pytest.mark.slow
def test_a_run_of_pytest(project: Project) -> None:
    """pytest fails the tests that leave orphans, and no others."""
    project.write("pytest.ini", "[pytest]\ninmemorystorage_orphans = error\n")
    project.append("pytest.ini", "inmemorystorage_override = true\n")
    project.write("test_it.py", TESTS + FUNCTIONS)
    printed = project.run("-m", "pytest", "-rA", "-p", "no:randomly", fails=True)
    failing = {*re.findall(r"^(?:FAILED|ERROR) test_it\.py::(\S+)", printed, re.M)}
    assert {each.replace("::", ".") for each in failing} == {
        *(*FAILING, "test_function_deleted", "test_function_committed"),
    }
    assert "default:a, saved at test_it.py" in printed


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["1", "2"])
def test_a_run_of_the_runner(project: Project, parallel: str) -> None:
    """The runner fails the tests that leave orphans, and no others."""
    project.write(
        "runner.py",
        """
        from inmemorystorage.testing import InMemoryStorageRunner


        class Runner(InMemoryStorageRunner):
            inmemorystorage_orphans = "error"
        """,
    )
    project.write("tests.py", TESTS.replace("import pytest\n", "\n"))
    printed = project.manage("test", "--parallel", parallel, fails=True)
    assert "saved at tests.py" in printed
    if parallel == "1":  # a worker cannot send the traceback without tblib
        failing = {*re.findall(r"^(?:FAIL|ERROR): (\w+) \(tests\.(\w+)", printed, re.M)}
        assert {f"{case}.{test}" for test, case in failing} == FAILING
