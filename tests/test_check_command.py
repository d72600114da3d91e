"""`manage.py storage check`, on storages that pass, fail, break and refuse."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from buckets import needs_s3
from django.core.files.storage import Storage, storages
from projects import make_project
from stocked import Bucket, stock
from test_orphans_command import Run, answering

from inmemorystorage import InMemoryStorage
from inmemorystorage.management.commands.storage import FOUND
from inmemorystorage.testing import override_storages

MEMORY = "inmemorystorage.InMemoryStorage"
DISK = "django.core.files.storage.FileSystemStorage"
S3 = "storages.backends.s3.S3Storage"


class Faulty(InMemoryStorage):
    """A storage whose size() is wrong."""

    def size(self, name: str) -> int:
        """Return a wrong size."""
        return -1


class Interrupted(Bucket):
    """A storage whose user presses Ctrl-C during size(), and which never deletes."""

    def size(self, name: str) -> int:
        """Raise KeyboardInterrupt."""
        raise KeyboardInterrupt

    def delete(self, name: str) -> None:
        """Delete nothing."""


class DeletesLate(Interrupted):
    """A storage that deletes at the second attempt, and cannot list."""

    listdir = Storage.listdir

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()

    def delete(self, name: str) -> None:
        """Delete a file, unless this is the first attempt."""
        if name in self.refused:
            super(Interrupted, self).delete(name)
        self.refused.add(name)


class ReadOnly(Bucket):
    """A storage whose user may only read."""

    def _save(self, name: str, content: Any) -> str:
        raise PermissionError(13, "Permission denied", name)


class Unreliable(Bucket):
    """A storage that loses its connection after the first save."""

    listdir = Storage.listdir

    is_lost = False

    def _save(self, name: str, content: Any) -> str:
        self.is_lost = True
        return super()._save(name, content)

    def exists(self, name: str) -> bool:
        """Raise an error once a file was saved."""
        if self.is_lost:
            raise ConnectionResetError
        return super().exists(name)


class Refuses:
    """A storage that cannot be made, and whose error has no message."""

    def __init__(self) -> None:
        raise Unexplained


class Unexplained(Exception):
    """An error whose message raises another one."""

    def __str__(self) -> str:
        raise RuntimeError


class Unprintable(Bucket):
    """A storage whose repr and location cannot be shown, and which cannot delete directories."""

    bucket_name = "media"

    def __repr__(self) -> str:
        raise RuntimeError

    @property
    def location(self) -> str:
        """Raise an error."""
        raise RuntimeError


def make_none() -> None:
    """Forget to return a storage."""


def make_class() -> type[Storage]:
    """Return a class, and forget to call it."""
    return InMemoryStorage


@pytest.fixture(autouse=True)
def _aliases(settings: Any, tmp_path: Path) -> None:
    """Set an alias for each kind of storage."""
    on_disk = {"location": str(tmp_path / "disk")}
    layers = [{"BACKEND": DISK, "OPTIONS": on_disk}, {"BACKEND": MEMORY}]
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "default": (MEMORY, {}),
        "disk": (DISK, on_disk),
        "over": (MEMORY, {"allow_overwrite": True}),
        "fallback": ("inmemorystorage.FallbackStorage", {"backends": layers}),
        "store": (
            "inmemorystorage.kvstore.KeyValueStorage",
            {"uri": "locmem://secret:word@check"},
        ),
        "read_only": ("test_check_command.ReadOnly", {}),
        "faulty": ("test_check_command.Faulty", {}),
        "interrupted": ("test_check_command.Interrupted", {}),
        "late": ("test_check_command.DeletesLate", {}),
        "unreliable": ("test_check_command.Unreliable", {}),
        "unprintable": ("test_check_command.Unprintable", {}),
        "refuses": ("test_check_command.Refuses", {}),
        "options": (DISK, {"unknown": 1}),
        "missing": ("test_check_command.Missing", {}),
        "nothing": ("test_check_command.make_none", {}),
        "class": ("test_check_command.make_class", {}),
    }
    settings.STORAGES = {
        alias: {"BACKEND": backend, "OPTIONS": options}
        for alias, (backend, options) in kinds.items()
    }


@pytest.mark.parametrize("alias", ["default", "disk", "over", "fallback", "store"])
def test_a_storage_passes(alias: str) -> None:
    """The command reports on a storage of any class, exits with 0, and leaves other files alone."""
    stock(storages[alias], "conformance", "d/a")
    run = Run("check", alias, "--noinput")
    assert (run.error, run.code) == ("", 0)
    assert run.printed.startswith(f"{type(storages[alias]).__name__}: ")
    assert " passed, 0 failed, " in run.printed
    directories, files = storages[alias].listdir("")
    assert ([*directories], [*files]) == (["d"], ["conformance"])


@needs_s3
@pytest.mark.once
def test_a_storage_on_s3_is_checked(settings: Any) -> None:
    """The command names the bucket of a storage on S3, checks it, and leaves the bucket empty."""
    options = {"bucket_name": "media", "location": "files", "file_overwrite": False}
    settings.STORAGES = {"default": {"BACKEND": S3, "OPTIONS": options}}
    with override_storages():
        run = Run("check", "default", "--noinput", "--lacks=overwrites", "--format=json")
        assert "default is <S3Storage bucket_name='media' location='files'>." in run.said
        assert [*storages["default"].bucket.objects.all()] == []  # type: ignore[attr-defined]
    report = json.loads(run.printed)
    failed = [each["name"] for each in report["results"] if each["outcome"] == "failed"]
    assert (failed, report["left"], run.code) == (["text_is_saved"], [], FOUND)


class Recorder:
    """Record the names that a storage saves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        monkeypatch.setattr(InMemoryStorage, "_save", self._recorded(InMemoryStorage._save))

    def _recorded(self, save: Callable[..., str]) -> Callable[..., str]:
        def record(storage: Any, name: str, content: Any) -> str:
            self.names.append(name)
            return save(storage, name, content)

        return record


@pytest.mark.parametrize("options", [[], ["--thorough"]])
def test_all_files_are_in_one_directory(
    options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says in which directory it saves files, and saves no other file."""
    recorder = Recorder(monkeypatch)
    run = Run("check", "default", "--noinput", "--format=json", *options)
    directory = json.loads(run.printed)["directory"]
    assert f" checks save files in the new directory {directory}/, and delete them." in run.said
    assert {name.partition("/")[0] for name in recorder.names} == {directory}
    assert directory.startswith("conformance-")


@pytest.mark.parametrize("answer", ["", "\n", "n\n"])
def test_nothing_is_written_without_a_yes(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says what it would write, asks, and writes nothing unless the answer is yes."""
    answering(monkeypatch, answer)
    recorder = Recorder(monkeypatch)
    run = Run("check", "default")
    assert (run.error, run.code) == ("Nothing was written.", 1)
    assert run.said.startswith("default is <InMemoryStorage behaves_like='memory' ")
    assert run.said.endswith("Check default? [y/N] ")
    assert recorder.names == []


def test_a_yes_starts_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command checks the storage if the answer is yes."""
    answering(monkeypatch, "y\n")
    assert Run("check", "default").printed.startswith("InMemoryStorage: ")


def test_credentials_are_not_shown() -> None:
    """The command names a key-value store without its password."""
    assert "word" not in Run("check", "store", "--noinput").said


def test_a_failure_is_reported() -> None:
    """The command reports failed checks with the documentation, and exits with 3."""
    run = Run("check", "faulty", "--noinput")
    assert (run.error, run.code) == ("2 checks failed.", FOUND)
    assert "failed size_is_in_bytes\n" in run.printed
    assert "\n    https://docs.djangoproject.com/en/stable/ref/files/storage/#" in run.printed


def test_a_report_as_json() -> None:
    """--format=json prints one object with the capabilities and each result."""
    report = json.loads(Run("check", "faulty", "--noinput", "--format=json").printed)
    results = {each["name"]: each for each in report.pop("results")}
    capabilities = report.pop("capabilities")
    assert report.pop("directory")
    assert report == {"alias": "faulty", "storage": "Faulty", "ok": False, "left": []}
    assert (capabilities["sizes"], capabilities["paths"]) == (True, False)
    assert results["saved_content_reads_back"]["outcome"] == "passed"
    assert results["names_outside_are_refused"]["outcome"] == "skipped"
    failed = results["size_is_in_bytes"]
    assert failed.pop("url").startswith("https://docs.djangoproject.com/")
    assert failed == {
        "name": "size_is_in_bytes",
        "outcome": "failed",
        "message": "size() of 0 bytes: -1, expected 0",
        "sentence": "size() returns the number of bytes of a file.",
        "documentation": "Returns the total size, in bytes, of the file referenced by name.",
    }


def test_capabilities_are_declared() -> None:
    """--has and --lacks declare capabilities, and a wrong declaration fails."""
    run = Run(
        "check", "default", "--noinput", "--has", "lists", "--lacks=paths", "--has=overwrites"
    )
    assert (run.error, run.code) == ("1 check failed.", FOUND)
    assert "failed declared_overwrites\n" in run.printed
    assert "argument --has: invalid choice: 'speed'" in Run("check", "default", "--has=speed").error


def test_a_capability_is_declared_once() -> None:
    """--has and --lacks of one capability are an error that names it, and nothing is written."""
    run = Run("check", "read_only", "--noinput", "--has=lists", "--has=urls", "--lacks=urls")
    assert (run.error, run.code) == ("--has and --lacks both declare urls. Keep one.", 1)


@pytest.mark.parametrize(
    ("alias", "error"),
    [
        ("refuses", "Unexplained: (its message cannot be shown)"),
        ("options", "TypeError: FileSystemStorage.__init__() got an unexpected keyword argument"),
        ("missing", "InvalidStorageError: Could not find backend 'test_check_command.Missing'"),
        ("nothing", "TypeError: None is not a storage. Return an instance of a storage class."),
        ("class", "TypeError: <class 'inmemorystorage.storage.InMemoryStorage'> is not a storage."),
    ],
)
def test_a_storage_that_cannot_be_created_is_reported(alias: str, error: str) -> None:
    """The command names the alias whose storage cannot be created, and the reason."""
    run = Run("check", alias, "--noinput")
    expected = f"Correct STORAGES['{alias}'], whose storage could not be created: {error}"
    assert (run.error[: len(expected)], run.code) == (expected, 1)


def test_a_storage_that_cannot_be_shown_is_checked() -> None:
    """The command checks a storage whose repr and location raise, and shows what it can."""
    run = Run("check", "unprintable", "--noinput")
    assert run.said.startswith("unprintable is <Unprintable bucket_name='media'>.\n")
    assert run.printed.startswith("Unprintable: ")


def test_a_storage_that_cannot_write_is_not_checked() -> None:
    """The command explains that it cannot check a read-only storage, and exits with 1."""
    run = Run("check", "read_only", "--noinput")
    assert run.code == 1
    assert run.error.startswith(
        "read_only was not checked, since it cannot save a file: PermissionError: [Errno 13]"
    )


def interrupt(alias: str) -> str:
    """Run the command until Ctrl-C stops it; return its standard error."""
    err = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        Run("check", alias, "--noinput", stderr=err)
    return err.getvalue()


def test_an_interrupted_check_says_what_is_left() -> None:
    """Ctrl-C stops the command, which names the files that it could not delete."""
    said = interrupt("interrupted")
    (name, *_) = sorted(storages["interrupted"].files)  # type: ignore[attr-defined]
    assert f"These names could not be deleted: {name}" in said


def test_an_interrupted_check_cleans_up() -> None:
    """Ctrl-C stops the command, which tries again to delete its files."""
    said = interrupt("late")
    assert storages["late"].files == {}  # type: ignore[attr-defined]
    assert "could not be deleted" not in said


def test_a_storage_that_breaks_is_reported() -> None:
    """The command reports a storage that loses its connection during the checks."""
    run = Run("check", "unreliable", "--noinput")
    assert (run.error.endswith(" checks failed."), run.code) == (True, FOUND)


def test_an_unknown_alias_is_an_error(tmp_path: Path) -> None:
    """An alias that STORAGES lacks is an error, without a traceback."""
    message = "STORAGES has no 'nowhere', only "
    assert message in Run("check", "nowhere", "--noinput").error
    printed = make_project(tmp_path).manage("storage", "check", "nowhere", fails=True)
    assert message in printed and "Traceback" not in printed
