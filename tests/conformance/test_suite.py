"""StorageConformance and check_storage(), on storages that pass and storages that fail."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.test import SimpleTestCase

from inmemorystorage import InMemoryStorage
from inmemorystorage.conformance import (
    CHECKS,
    Capabilities,
    Examination,
    Report,
    StorageConformance,
    check_storage,
)


class TestFileSystemStorage(StorageConformance):
    """Django's storage on a disk passes every check, the thorough ones too."""

    thorough = True

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Any) -> None:
        self.directory = tmp_path

    def make_storage(self) -> Storage:
        """Return a storage in the test's directory."""
        return FileSystemStorage(self.directory)


class TestInMemoryStorage(StorageConformance):
    """The storage in memory passes every check, as it is declared."""

    capabilities = Capabilities(overwrites=False, paths=False, modes=True, atomic_names=True)

    def make_storage(self) -> Storage:
        """Return an empty storage."""
        return InMemoryStorage()


def run(storage: Callable[[], Storage], *bases: type, **attributes: Any) -> unittest.TestResult:
    """Run the suite on a class of storages, as unittest does."""
    members = {"make_storage": lambda self: storage(), **attributes}
    case = type("Suite", (StorageConformance, *bases), members)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def failed(report: Report) -> list[str]:
    """Return the names of the checks that failed."""
    return [result.check.name for result in report.failures]


class Forgetful(InMemoryStorage):
    """A storage whose delete() does nothing."""

    def delete(self, name: str) -> None:
        """Delete nothing."""


@pytest.mark.parametrize("base", [unittest.TestCase, SimpleTestCase])
def test_unittest_runs_the_suite(base: type) -> None:
    """The suite runs on unittest's and Django's classes."""
    result = run(InMemoryStorage, base)
    assert result.wasSuccessful(), result.failures + result.errors
    assert result.testsRun > len(CHECKS)


def test_a_failing_test_shows_the_documentation() -> None:
    """A test that fails shows its sentence, what happened, and the line of the documentation."""
    (failure, *_) = run(Forgetful, unittest.TestCase).failures
    assert "exists() returns False for a file that was deleted." in failure[1]
    assert "it still exists" in failure[1]
    assert "https://docs.djangoproject.com/en/stable/topics/files/#storage-objects" in failure[1]


def test_a_suite_without_a_storage_says_so() -> None:
    """A subclass that does not define make_storage() fails with its name."""

    class Incomplete(StorageConformance):
        pass

    with pytest.raises(NotImplementedError, match="Incomplete must define make_storage"):
        Incomplete().make_storage()


def test_a_report_counts_and_lists() -> None:
    """A report counts the results, lists failures with their reasons, and names capabilities."""
    report = check_storage(Forgetful)
    assert not report.ok
    assert {each.outcome for each in report} == {"passed", "failed", "skipped"}
    assert len([*report]) == len(report.passed) + len(report.failures) + len(report.skipped)
    text = str(report)
    assert text.startswith(f"Forgetful: {len(report.passed)} passed, {len(report.failures)} failed")
    assert "failed deleted_name_is_free\n    save() takes the name of a deleted file" in text
    assert "It has: deletes, sizes, lists" in text
    assert "It lacks: overwrites, paths" in text
    assert f"These names could not be deleted: {report.left[0]}" in text
    skipped = next(each for each in report.skipped if each.check.name == "file_is_at_its_path")
    assert str(skipped) == "skipped file_is_at_its_path: the storage lacks paths"
    assert str(report.passed[0]) == "passed saved_content_reads_back"


def test_nothing_is_left() -> None:
    """A storage is as empty after the checks as before."""
    storage = InMemoryStorage()
    report = check_storage(lambda: storage)
    assert report.ok, report
    assert (storage.listdir(""), report.left) == (([], []), ())


def test_other_files_stay() -> None:
    """The checks change no file that was in the storage."""
    storage = InMemoryStorage()
    storage.save("conformance", b"mine")
    storage.save("d/a", b"mine")
    before = storage.tree()
    assert check_storage(lambda: storage).ok
    assert storage.tree() == before


class Unlisted(FileSystemStorage):
    """A storage on a disk that cannot list its files."""

    listdir = Storage.listdir


class KeepsDirectories(FileSystemStorage):
    """A storage on a disk that deletes files alone."""

    def delete(self, name: str) -> None:
        """Delete a file."""
        with suppress(FileNotFoundError):
            os.remove(self.path(name))


class UnlistedKeepsDirectories(KeepsDirectories):
    """A storage on a disk that neither lists files nor deletes directories."""

    listdir = Storage.listdir


def test_no_directory_is_left(tmp_path: Path) -> None:
    """The checks delete their directories on a disk whose storage cannot list them."""
    report = check_storage(lambda: Unlisted(tmp_path))
    assert (failed(report), report.left, [*tmp_path.iterdir()]) == ([], (), [])


@pytest.mark.parametrize("cls", [KeepsDirectories, UnlistedKeepsDirectories])
def test_directories_that_stay_are_named(cls: type[Storage], tmp_path: Path) -> None:
    """A report names directories that the storage cannot delete."""
    report = check_storage(lambda: cls(tmp_path))
    assert failed(report) == []
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert {*report.left} == left


def test_a_text_names_what_is_left_once() -> None:
    """A report's text names no file below a directory that it names, and ten names at most."""
    report = replace(check_storage(Opaque), left=("d", "d/e", "d/e/a", "da", *"0123456789"))
    assert str(report).endswith(
        "\nThese names could not be deleted: d, da, 0, 1, 2, 3, 4, 5, 6, 7, and 2 more"
    )


class SlowInThreads(InMemoryStorage):
    """A storage that takes long to save a file, except in the main thread."""

    def _save(self, name: str, content: Any) -> str:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.2)
        return super()._save(name, content)


def test_an_interrupted_save_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during two saves waits for the other thread, whose file is deleted too."""
    storage = SlowInThreads()
    interrupted = Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr("inmemorystorage.conformance.capabilities.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Examination(lambda: storage, Capabilities()).has("atomic_names")
    time.sleep(0.3)
    assert storage.listdir("") == ([], [])


class Shortening(InMemoryStorage):
    """A storage whose save() returns the last component of the name."""

    def save(self, *arguments: Any, **options: Any) -> str:
        """Save, and return a wrong name."""
        return super().save(*arguments, **options).rpartition("/")[2]


def test_files_of_wrong_names_stay() -> None:
    """The checks delete no file in another directory, even if save() returns its name."""
    storage = Shortening()
    storage.save("a.txt", b"mine")
    report = check_storage(lambda: storage)
    assert failed(report) == ["free_name_is_kept", "file_has_the_returned_name"]
    assert (storage.listdir(""), report.left) == (([], ["a.txt"]), ("a.txt",))


class Mute(InMemoryStorage):
    """A storage whose methods return nothing."""

    def save(self, *arguments: Any, **options: Any) -> Any:
        """Save, and return nothing."""
        super().save(*arguments, **options)


class ListsNothing(InMemoryStorage):
    """A storage whose listdir() returns nothing, and whose other errors have no message."""

    def listdir(self, path: str) -> Any:
        """Return nothing."""

    def size(self, name: str) -> int:
        """Raise an error."""
        raise Unexplained


class Unexplained(Exception):
    """An error whose message raises another one."""

    def __str__(self) -> str:
        raise RuntimeError


def test_wrong_types_are_faults() -> None:
    """A method that returns nothing is a failure that says so, not a missing capability."""
    report = check_storage(Mute)
    assert "save() returned None, which is no text" in {each.message for each in report.failures}
    report = check_storage(ListsNothing)
    assert report.capabilities["lists"] is True
    assert {"listdir_returns_two_lists", "listdir_lists_the_root"} <= {*failed(report)}


def test_an_error_without_a_message_is_reported() -> None:
    """A failure names the class of an error whose message raises another error."""
    (failure, *_) = (r for r in check_storage(ListsNothing) if r.check.name == "size_is_in_bytes")
    assert failure.message == "Unexplained: (its message cannot be shown)"


def fail_to_make() -> Storage:
    """Raise an error instead of returning a storage."""
    raise ConnectionRefusedError("no server")


@pytest.mark.parametrize(
    ("factory", "error"),
    [
        (lambda: None, "None is not a storage. Return an instance of a storage class."),
        (lambda: InMemoryStorage, "<class .*InMemoryStorage'> is not a storage."),
        (InMemoryStorage(), "<InMemoryStorage .* is not a function. Pass one that returns a "),
    ],
)
def test_a_factory_must_return_a_storage(factory: Any, error: str) -> None:
    """A factory that is none, or that returns no storage, is an error that names its value."""
    with pytest.raises(TypeError, match=error):
        check_storage(factory)


def test_errors_of_a_factory_are_raised() -> None:
    """An error of make_storage() is no failure of a check, and is raised as it is."""
    with pytest.raises(ConnectionRefusedError, match="no server"):
        check_storage(fail_to_make)
    result = run(fail_to_make, unittest.TestCase)
    assert len(result.errors) > 50 and result.failures == []


def test_make_storage_may_skip() -> None:
    """A test is skipped if make_storage() raises SkipTest, as without a server."""

    def skip() -> Storage:
        raise unittest.SkipTest("no server")

    result = run(skip, unittest.TestCase)
    assert (result.failures, result.errors) == ([], [])
    assert "no server" in {reason for _, reason in result.skipped}


def test_a_wrong_declaration_fails() -> None:
    """A capability that is declared and not found fails, and so does the reverse."""
    wrong = Capabilities(overwrites=True, sizes=False, lists=True)
    report = check_storage(InMemoryStorage, wrong)
    assert {"declared_overwrites", "declared_sizes"} <= {*failed(report)}
    assert "declared_lists" not in failed(report)
    assert report.capabilities["overwrites"] is False
    message = next(each for each in report.failures if each.check.name == "declared_sizes").message
    assert message == "sizes, which its probe finds out: True, expected False"


def test_an_undeclared_capability_is_skipped() -> None:
    """A test of a declaration is skipped if the capability is not declared."""
    result = run(InMemoryStorage, unittest.TestCase)
    assert "overwrites is not declared" in [reason for _, reason in result.skipped]


class Opaque(InMemoryStorage):
    """A storage that only saves and opens files."""

    def _refuse(self, *arguments: Any) -> Any:
        raise NotImplementedError

    delete = size = listdir = url = get_modified_time = _refuse
    get_created_time = get_accessed_time = _refuse

    def open(self, name: str, mode: str = "rb") -> Any:
        """Open for reading bytes, in text mode too."""
        if "r" not in mode or "+" in mode:
            raise ValueError("it only reads")
        return super().open(name)


class Deaf(InMemoryStorage):
    """A storage that refuses to write over a file, and drops what is appended to it."""

    def open(self, name: str, mode: str = "rb") -> Any:
        """Open a copy for appending."""
        if "w" in mode:
            raise NotImplementedError
        return ContentFile(b"") if "a" in mode else super().open(name, mode)


class BrokenSave(InMemoryStorage):
    """A storage that loses its connection in save()."""

    def save(self, *arguments: Any, **options: Any) -> str:
        """Raise an error."""
        raise ConnectionResetError


class BrokenSize(InMemoryStorage):
    """A storage that loses its connection in size()."""

    def size(self, name: str) -> int:
        """Raise an error."""
        raise ConnectionResetError


def test_a_storage_may_lack_methods() -> None:
    """A storage without delete(), size(), listdir() and others passes the rest."""
    report = check_storage(Opaque)
    assert failed(report) == []
    assert [name for name, has in report.capabilities.items() if has] == [
        "ranges",
        "atomic_names",
        "concurrency",
    ]
    assert len(report.passed) > 30


def test_a_mode_that_drops_writes_is_no_capability() -> None:
    """A storage that takes a mode and drops the writes lacks modes, and fails for it."""
    report = check_storage(Deaf)
    assert report.capabilities["modes"] is False
    assert failed(report) == ["unsupported_mode_is_refused"]


def test_errors_of_a_probe_are_no_capability() -> None:
    """A probe that fails with an unexpected error finds no capability."""
    report = check_storage(BrokenSave)
    assert not any(report.capabilities.values())
    assert "ConnectionResetError: " in {each.message for each in report.failures}


def test_errors_of_an_operation_are_a_capability() -> None:
    """An operation that fails otherwise than with a refusal is checked, and fails."""
    report = check_storage(BrokenSize)
    assert report.capabilities["sizes"] is True
    assert failed(report) == ["size_is_in_bytes", "size_follows_writes"]


def test_thorough_checks_are_skipped() -> None:
    """A thorough check is skipped unless it is asked for."""
    check = replace(CHECKS[0], thorough=True)
    results = [
        Examination(InMemoryStorage, Capabilities(), thorough=thorough).result(check)
        for thorough in (False, True)
    ]
    assert [each.outcome for each in results] == ["skipped", "passed"]


@pytest.mark.once
def test_the_package_imports_no_tool_for_tests() -> None:
    """Importing the package imports neither pytest nor Hypothesis."""
    code = (
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "import inmemorystorage.conformance"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.once
def test_settings_are_needed() -> None:
    """Checks without Django's settings raise an error that names the cure, instead of failing."""
    code = (
        "import os; os.environ.pop('DJANGO_SETTINGS_MODULE', None)\n"
        "from inmemorystorage.conformance import check_storage\n"
        "check_storage(object)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "ImproperlyConfigured" in last and "call settings.configure()" in last


def test_check_names_are_unique() -> None:
    """No two checks have one name, and each has a sentence that ends with a full stop."""
    assert len({each.name for each in CHECKS}) == len(CHECKS)
    assert not [each.name for each in CHECKS if not each.sentence.endswith(".")]
