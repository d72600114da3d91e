"""Artifacts: pytest and the runner write the files that a failed test left to a directory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from projects import make_project
from testing.ways import MANAGE

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import isolate_storages, override_storages
from inmemorystorage.testing.artifacts import directory_name, write_artifacts
from inmemorystorage.testing.levels import Level
from inmemorystorage.testing.media import Media, all_media
from inmemorystorage.testing.tools import attribute

SETTINGS = """
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "private": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""
HEAD = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages

def save(name, alias="default", content=b"content"):
    return storages[alias].save(name, ContentFile(content))
"""
PYTEST_CASES = """
import pytest

@pytest.fixture(scope="module")
def of_module():
    save("module.txt")
    save("changed.txt")

@pytest.mark.parametrize("name", ["a/b", "a-b"])
def test_left(of_module, name):
    save(f"{name}/left.txt")
    save("left.txt", "private")
    with default_storage.open("changed.txt", "w") as file:
        file.write(name)
    default_storage.delete("module.txt")
    raise KeyError

@pytest.fixture
def broken():
    save("set-up.txt")
    raise KeyError

def test_set_up(broken):
    pass

@pytest.fixture
def breaking():
    yield
    raise KeyError

def test_tear_down(breaking):
    save("tear-down.txt")

def test_asked():
    assert default_storage.exists("asked.txt")

def test_nothing():
    raise KeyError

def test_passed():
    save("passed.txt")
"""
DJANGO_CASES = """
import unittest
from django.test import SimpleTestCase, TestCase

class FirstTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        save("class.txt")

    def tearDown(self):
        default_storage.delete("torn-down.txt")

    def test_failed(self):
        save("left.txt")
        save("left.txt", "private")
        save("torn-down.txt")
        self.fail()

    def test_error(self):
        default_storage.delete("class.txt")
        raise KeyError

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                save(f"{number}.txt")
                self.assertEqual(number, 1)

    def test_passed(self):
        save("passed.txt")

    @unittest.expectedFailure
    def test_expected(self):
        save("expected.txt")
        self.fail()

    def test_twice(self):
        self.addCleanup(self.fail)
        self.addCleanup(default_storage.delete, "first.txt")
        save("first.txt")
        raise KeyError

class OtherTests(SimpleTestCase):
    def test_nothing(self):
        raise KeyError

class SetUpTests(SimpleTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        save("set-up.txt")
        raise KeyError

    def test_nothing(self):
        pass
"""
# Failures outside of every level.
MODULE_CASES = """
import unittest

def setUpModule():
    raise KeyError

class Tests(unittest.TestCase):
    def test_nothing(self):
        pass
"""
FAILING_CASE = """
from django.test import TestCase

class Tests(TestCase):
    def test_failed(self):
        save("left.txt")
        self.fail()
"""
PASSING_CASE = """
from django.test import TestCase

class Tests(TestCase):
    def test_passed(self):
        pass
"""
RUNNER = """
from inmemorystorage.testing import InMemoryStorageRunner
class Runner(InMemoryStorageRunner):
    inmemorystorage_artifacts = "artifacts"
"""
BUILT_IN, OWN = "inmemorystorage.testing.InMemoryStorageRunner", "project_runner.Runner"
# The runner, and the options of the command.
RUNS = {
    "option": (BUILT_IN, ["--storage-artifacts=artifacts"]),
    "attribute": (OWN, []),
}
# unittest reports a failure before tearDown().
TELLS_EARLY = sys.version_info >= (3, 11)


def read(directory: Path) -> dict[str, str]:
    """Return the files below a directory by name, without those of operations."""
    return {
        path.relative_to(directory).as_posix(): path.read_text()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "operations.txt"
    }


@pytest.mark.slow
def test_pytest(tmp_path: Path) -> None:
    """pytest writes what a failed test left, and its report says where."""
    project = make_project(tmp_path, settings=SETTINGS)
    project.write("test_1.py", HEAD + PYTEST_CASES)
    project.write("pytest.ini", "[pytest]\ninmemorystorage_override = true\n")
    project.append("pytest.ini", "inmemorystorage_artifacts = out/artifacts\n")
    printed = project.run("-m", "pytest", "-p", "no:randomly", fails=True)
    assert "4 failed, 2 passed, 2 errors" in printed
    changes = (
        "created on default: '{0}/left.txt'\nchanged on default: 'changed.txt'\n"
        "deleted on default: 'module.txt'\ncreated on private: 'left.txt'\n"
    )
    slash, dash = directory_name("test_1.py::test_left[a/b]"), "test_1.py-test_left[a-b]"
    artifacts = tmp_path / "out" / "artifacts"
    assert read(artifacts) == {
        f"{dash}/changes.txt": changes.format("a-b"),
        f"{dash}/default/a-b/left.txt": "content",
        f"{dash}/default/changed.txt": "a-b",
        f"{dash}/private/left.txt": "content",
        f"{slash}/changes.txt": changes.format("a/b"),
        f"{slash}/default/a/b/left.txt": "content",
        f"{slash}/default/changed.txt": "a/b",
        f"{slash}/private/left.txt": "content",
        "test_1.py-test_asked/changes.txt": "",
        "test_1.py-test_set_up/changes.txt": "created on default: 'set-up.txt'\n",
        "test_1.py-test_set_up/default/set-up.txt": "content",
    }
    operations = (artifacts / dash / "operations.txt").read_text().splitlines()
    assert [line.partition(" on ")[0] for line in operations] == [
        "save 'a-b/left.txt' (7 bytes)",
        "save 'left.txt' (7 bytes)",
        "open 'changed.txt'",
        "delete 'module.txt'",
    ]
    assert f"Its artifacts are in {artifacts / dash}\n" in printed
    assert printed.count("Its artifacts are in ") == 4


@pytest.mark.slow
@pytest.mark.parametrize("way", list(RUNS))
def test_runner(tmp_path: Path, way: str) -> None:
    """The runner writes what a failed test left, subtests and classes included."""
    runner, options = RUNS[way]
    project = make_project(tmp_path, settings=f'{SETTINGS}\nTEST_RUNNER = "{runner}"\n')
    project.write("project_runner.py", RUNNER)
    project.write("test_1.py", HEAD + DJANGO_CASES)
    project.write("test_2.py", MODULE_CASES)
    printed = project.manage("test", *options, fails=True)
    artifacts = tmp_path / "artifacts"
    found = read(artifacts)
    first = "test_1.FirstTests"
    subtests = [directory_name(f"{first}.test_subtests (number={each})") for each in (0, 2)]
    of_class = directory_name("setUpClass (test_1.SetUpTests)")
    assert {name.partition("/")[0] for name in found} == {
        *(f"{first}.test_failed", f"{first}.test_error", f"{first}.test_twice"),
        *(*subtests, of_class),
    }
    assert found[f"{first}.test_failed/default/left.txt"] == "content"
    assert found[f"{first}.test_failed/private/left.txt"] == "content"
    assert found[f"{first}.test_error/changes.txt"] == "deleted on default: 'class.txt'\n"
    assert {f"{subtests[0]}/default/0.txt", f"{subtests[1]}/default/2.txt"} <= set(found)
    assert f"{of_class}/default/set-up.txt" in found
    for removed in ("test_failed/default/torn-down.txt", "test_twice/default/first.txt"):
        assert (f"{first}.{removed}" in found) is TELLS_EARLY
    assert printed.count("Its artifacts are in ") == (6 if TELLS_EARLY else 0)
    assert (f"Its artifacts are in {artifacts / of_class}\n" in printed) is TELLS_EARLY


@pytest.mark.slow
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_runner_in_parallel(tmp_path: Path, start_method: str) -> None:
    """Each process of a parallel run writes what its failed tests left."""
    project = make_project(tmp_path, settings=f'{SETTINGS}\nTEST_RUNNER = "{OWN}"\n')
    project.write("project_runner.py", RUNNER)
    project.write("manage_parallel.py", MANAGE)
    project.write("test_1.py", HEAD + FAILING_CASE)
    project.write("test_2.py", PASSING_CASE)
    project.run("manage_parallel.py", start_method, "test", "--parallel=2", fails=True)
    assert read(tmp_path / "artifacts") == {
        "test_1.Tests.test_failed/changes.txt": "created on default: 'left.txt'\n",
        "test_1.Tests.test_failed/default/left.txt": "content",
    }


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("default", "default"),
        ("tests/test_a.py::TestA::test_b[a-1.5]", "tests-test_a.py-TestA-test_b[a-1.5]"),
        ("tests.test_a.TestA.test_b", "tests.test_a.TestA.test_b"),
        ("test.py::test[a/b]", "test.py-test[a-b]-"),
        ("test.py::test[ä]", "test.py-test[-]-"),
        ('<>:"|?*\0', "-"),
        ("..", "..-"),
        ("test_" + "x" * 500, "test_" + "x" * 115 + "-"),
    ],
)
def test_directory_name(label: str, name: str) -> None:
    """An id whose characters are replaced has a hash at the end of its directory's name."""
    made = directory_name(label)
    hashed = 8 if name.endswith("-") else 0
    assert made[: len(made) - hashed] == name and len(made) == len(name) + hashed


@pytest.fixture
def left() -> Iterator[list[tuple[str, Media]]]:
    """Return the media of a test that saved a file."""
    with override_storages({"default": InMemoryStorage()}), isolate_storages() as savepoint:
        default_storage.save("a/left.txt", ContentFile(b"content"))
        yield [("default", Media(savepoint))]


def test_an_earlier_failure_is_replaced(tmp_path: Path, left: list[tuple[str, Media]]) -> None:
    """A test that fails again replaces its artifacts."""
    report = [f"Its artifacts are in {tmp_path / 'test'}"]
    assert write_artifacts(tmp_path, "test", left, []) == report
    default_storage.delete("a/left.txt")
    default_storage.save("b.txt", ContentFile(b"content"))
    assert write_artifacts(tmp_path, "test", left, ["one", "two"]) == report
    changes = {"changes.txt": "created on default: 'b.txt'\n", "default/b.txt": "content"}
    assert read(tmp_path / "test") == changes
    assert (tmp_path / "test" / "operations.txt").read_text() == "one\ntwo\n"


def test_other_directories_are_kept(tmp_path: Path, left: list[tuple[str, Media]]) -> None:
    """A directory without artifacts keeps its files."""
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "kept.txt").write_text("kept")
    write_artifacts(tmp_path, "test", left, [])
    assert read(tmp_path / "test").keys() == {"changes.txt", "default/a/left.txt", "kept.txt"}


def test_a_directory_that_cannot_be_written(tmp_path: Path, left: list[tuple[str, Media]]) -> None:
    """A disk error is reported, and does not hide the test's failure."""
    (tmp_path / "file").touch()
    (line,) = write_artifacts(tmp_path / "file", "test", left, [])
    assert line.startswith(f"Its artifacts could not be written to {tmp_path / 'file' / 'test'}: ")


@pytest.mark.parametrize(
    "name",
    ["../../a.txt", "d/../../../a.txt", "/{}/a.txt", "..\\a.txt", "d//a.txt", "a\0.txt", "d/"],
)
def test_odd_keys_of_a_bucket(tmp_path: Path, name: str) -> None:
    """A key that is no path below the directory is written there under another name."""
    name = name.format(tmp_path)
    files = mock.MagicMock(created=[name], changed=[], deleted=[])
    files.__getitem__.return_value = b"content"
    write_artifacts(tmp_path / "artifacts", "test", [("default", files)], [])
    (written,) = (tmp_path / "artifacts" / "test" / "default").iterdir()
    assert written.read_bytes() == b"content"
    assert {path.name for path in tmp_path.iterdir()} == {"artifacts"}


def test_a_storage_that_does_not_answer() -> None:
    """The report of a test leaves out a storage whose files cannot be read."""

    class Tenants(FileSystemStorage):
        @property
        def location(self) -> str:  # type: ignore[override]
            raise LookupError("no tenant")

    level = Level()
    with attribute(storages, "_storages", {"tenants": Tenants()}):
        assert list(all_media(level)) == []
    level.end()


def test_nothing_to_write(tmp_path: Path) -> None:
    """A test that used no storage has no artifacts."""
    assert write_artifacts(tmp_path, "test", [], []) == []
    assert not list(tmp_path.iterdir())
