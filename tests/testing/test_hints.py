"""Hints in the reports of tests that failed because their files are in a private directory."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.test import override_settings
from django.utils.functional import SimpleLazyObject

from inmemorystorage.testing import hints as module
from inmemorystorage.testing import override_storages
from inmemorystorage.testing.hints import add_hints, hinting, hints


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the real MEDIA_ROOT of a project whose storages are moved, with a file."""
    monkeypatch.chdir(tmp_path)
    media = tmp_path / "media"
    media.mkdir()
    (media / "kept.txt").write_text("")
    with override_settings(MEDIA_ROOT=media), override_storages(load="none"):
        yield media


def error_of(function: Callable[..., Any], *args: Any) -> BaseException:
    """Return the error that a function raises."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        function(*args)
    return caught.value


def test_a_file_that_was_not_loaded(media: Path) -> None:
    """A missing file that the real directory has gets a hint that names the option."""
    storage = FileSystemStorage()
    error = error_of(storage.open, "kept.txt")
    (hint,) = hints(error)
    assert hint.startswith(f"{media}/kept.txt exists, but tests run on a private directory")
    assert "inmemorystorage_load" in hint
    assert not hints(error_of(storage.open, "missing.txt"))


def test_an_error_that_another_one_hides(media: Path) -> None:
    """A missing file gets a hint too if the project raised another error instead."""

    def wrap() -> None:
        try:
            FileSystemStorage().open("kept.txt")
        except OSError as error:
            raise ValueError("no upload") from error

    assert "kept.txt exists" in hints(error_of(wrap))[0]


def test_a_path_by_hand(media: Path) -> None:
    """An error about a real path of a moved directory gets a hint with the cure."""
    FileSystemStorage().save("new.txt", ContentFile(b""))
    error = error_of(os.stat, media / "new.txt")
    assert hints(error) == [module.BY_HAND.format(path=media / "new.txt")]
    assert hints(AssertionError(f"'{media}/a' is not a file")) == [
        module.BY_HAND.format(path=media / "a")
    ]
    assert not hints(AssertionError(f"{settings.MEDIA_ROOT}/a, {media}-other and {media}s"))


def test_a_path_in_a_variable(media: Path) -> None:
    """A failed assertion about a path in a local variable gets a hint."""

    class Test:
        path = None

        def look(self) -> None:
            assert not self.found

        @property
        def found(self) -> bool:
            return True

    test: Any = Test()
    test.path = str(media / "a.txt")
    assert hints(error_of(test.look)) == [module.BY_HAND.format(path=media / "a.txt")]


def test_a_lazy_object_in_a_variable(media: Path) -> None:
    """A report does not resolve a lazy object, which could run a query."""
    resolve = mock.Mock(return_value=str(media))

    def fail(lazy: object) -> None:
        raise AssertionError

    assert not hints(error_of(fail, SimpleLazyObject(resolve)))
    resolve.assert_not_called()


def test_an_error_without_text(media: Path) -> None:
    """An error whose str() raises gets the hint for a path in a variable."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail(path: str) -> None:
        raise Odd

    error = error_of(fail, str(media))
    add_hints(error)
    assert len(hints(error)) == 1


def test_without_a_floor(tmp_path: Path) -> None:
    """Without a floor no error has a hint."""
    assert not hints(error_of(os.stat, tmp_path / "missing"))


def test_results_receive_hints(media: Path) -> None:
    """A unittest result receives errors, failures and failures of subtests with their hints."""

    class Tests(unittest.TestCase):
        def test_error(self) -> None:
            FileSystemStorage().open("kept.txt")

        def test_failure(self) -> None:
            self.fail(f"no {media}/new.txt")

        def test_subtests(self) -> None:
            with self.subTest():
                pass
            with self.subTest():
                self.fail(f"no {media}/new.txt")

    result = unittest.TestResult()
    with hinting(result):
        unittest.defaultTestLoader.loadTestsFromTestCase(Tests)(result)
    (_, error), *_ = result.errors
    assert "tests run on a private directory" in error
    failures = [text for _, text in result.failures]
    assert len(failures) == 2
    assert all("settings.MEDIA_ROOT or storage.path()" in text for text in failures)


@pytest.mark.parametrize("error", [AssertionError("no /x"), FileNotFoundError(2, "not there")])
def test_errors_without_notes(
    media: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Python 3.10, whose errors have no notes, the hints are in the text of an error."""
    monkeypatch.setattr(module, "hints", lambda error: ["A hint."])
    monkeypatch.setattr(module, "_HAS_NOTES", False)
    add_hints(error)
    assert str(error).endswith("A hint.")
    if sys.version_info >= (3, 11):
        monkeypatch.setattr(module, "_HAS_NOTES", True)
        add_hints(error)
        assert error.__notes__ == ["A hint."]
