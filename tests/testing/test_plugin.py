"""The pytest plugin, in projects of its own: levels, settings, fixtures and reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project, make_project

pytestmark = pytest.mark.slow

HEAD = """
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages

def save(name):
    return default_storage.save(name, ContentFile(b"content"))

def files():
    return sorted(default_storage.listdir("")[1])
"""
SCOPES = """
@pytest.fixture(scope="session")
def of_session():
    save("session.txt")
    yield
    default_storage.delete("session.txt")

@pytest.fixture(scope="module")
def of_module(of_session):
    save("module.txt")

@pytest.fixture(scope="class")
def of_class():
    save("class.txt")

class TestOne:
    def test_first(self):
        assert files() == []
        save("own.txt")

    def test_late(self, request):
        assert files() == []
        save("own.txt")
        request.getfixturevalue("of_class")
        request.getfixturevalue("of_module")
        assert files() == ["class.txt", "module.txt", "own.txt", "session.txt"]

    def test_after(self):
        assert files() == ["class.txt", "module.txt", "session.txt"]
        default_storage.delete("module.txt")

def test_after_the_class(of_module):
    assert files() == ["module.txt", "session.txt"]
"""
PARAMETRIZED = """
@pytest.fixture(scope="module", params=[1, 2])
def parametrized(request):
    assert save("parametrized.txt") == "parametrized.txt"

def test_parametrized(parametrized):
    assert files() == ["parametrized.txt"]
"""
AFTER_THE_MODULE = """
def test_after_the_module():
    assert files() == ["session.txt"]
"""
FAILING = """
def test_that_fails(media):
    save("left.txt")
    default_storage.exists("asked.txt")
    with default_storage.open("left.txt", "ab") as file:
        file.write(b"more")
    assert media["left.txt"] == b"content"

def test_in_set_up_fails():
    raise KeyError

def test_that_passes():
    save("not-told.txt")
"""
STRICT = """
real = FileSystemStorage(location="real")

@pytest.mark.real_storages
def test_marked():
    assert real.save("a.txt", ContentFile(b"")) == "a.txt"

@pytest.fixture(scope="module")
def of_module():
    real.save("m.txt", ContentFile(b""))

def test_fixture(of_module):
    pass

def test_not_marked():
    real.save("b.txt", ContentFile(b""))

def test_swallowed():
    try:
        real.save("c.txt", ContentFile(b""))
    except Exception:
        pass
"""
TOOLS = """
import errno

def test_counting(assert_num_storage_operations):
    with assert_num_storage_operations(2):
        save("a.txt")
        files()

def test_failing(fail_storage):
    fail_storage("save", OSError(errno.ENOSPC, "full"), name="*.png")
    save("a.txt")
    with pytest.raises(OSError):
        save("a.png")

def test_failing_never(fail_storage):
    fail_storage("save", OSError(errno.ENOSPC, "full"))

@pytest.mark.parametrize("run", [1, 2])
def test_names(run, request):
    save("photo.png")
    with open(f"names-{run}", "a") as file:
        print(save("photo.png"), file=file)

def test_leak():
    save("a.txt")
    global leaked
    leaked = default_storage.open("a.txt")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project whose storages pytest replaces."""
    project = make_project(tmp_path)
    project.write("pytest.ini", "[pytest]\ninmemorystorage_override = true\n")
    return project


def run(project: Project, *options: str, fails: bool = False) -> str:
    """Run the tests of a project in their order."""
    return project.run("-m", "pytest", "-p", "no:randomly", *options, fails=fails)


def test_levels_of_fixtures(project: Project) -> None:
    """What a fixture makes lasts as long as the fixture, also where it is asked for late."""
    project.write("test_0.py", HEAD + PARAMETRIZED)
    project.write("test_1.py", HEAD + SCOPES)
    project.write("test_2.py", HEAD + AFTER_THE_MODULE)
    assert "7 passed" in run(project)
    assert not project.media.exists()


def test_report_of_a_failure(project: Project) -> None:
    """A test that fails shows its files and its last operations; one that passes nothing."""
    project.write("test_1.py", HEAD + FAILING)
    printed = run(project, fails=True)
    assert "2 failed, 1 passed" in printed
    assert "created on default: 'left.txt'" in printed
    assert "save 'left.txt' (7 bytes) on default, " in printed
    assert "exists 'asked.txt' on default, " in printed
    assert printed.count(" Files that the test has left ") == 1
    assert printed.count(" Last operations on storages ") == 1
    assert "not-told.txt" not in printed


def test_strict(project: Project) -> None:
    """Strict mode fails the test that writes to a real storage, but not one that is marked."""
    project.append("pytest.ini", "inmemorystorage_strict = true\n")
    project.write("test_1.py", HEAD + STRICT)
    printed = run(project, "--strict-markers", fails=True)
    assert "1 failed, 2 passed, 2 errors" in printed
    assert "RealStorageError: save('b.txt') on the FileSystemStorage, which is" in printed
    assert "RealStorageError: save('c.txt') on the FileSystemStorage, which is" in printed
    assert [each.name for each in (project.directory / "real").iterdir()] == ["a.txt"]


def test_tools(project: Project) -> None:
    """Fixtures count and fail; names are the same in each run; what is left open is told of."""
    project.write("test_1.py", HEAD + TOOLS)
    printed = run(project, fails=True)
    run(project, fails=True)
    assert "6 passed, 2 errors" in printed  # warnings are errors there
    assert "No save() of '*' has failed: there were 0 of them" in printed
    assert "ResourceWarning: unclosed file 'a.txt' in memory, opened at test_1.py" in printed
    names = [(project.directory / f"names-{each}").read_text().split() for each in (1, 2)]
    assert all(first == second for first, second in names)
    assert names[0] != names[1]


@pytest.mark.parametrize(("override", "fails"), [("false", False), ("true", True)])
def test_without_django(tmp_path: Path, override: str, fails: bool) -> None:
    """Where there is no Django project the plugin stays out of the way, or says what it needs."""
    project = Project(tmp_path)
    project.write("pytest.ini", f"[pytest]\ninmemorystorage_override = {override}\n")
    project.write("test_1.py", "import sys\ndef test():\n    assert 'django' not in sys.modules\n")
    plugins = ["-p", "no:django", "-p", "no:inmemorystorage"]
    printed = run(project, *plugins, "-p", "inmemorystorage.testing.pytest_plugin", fails=fails)
    assert ("1 passed" in printed) is not fails
    assert ("inmemorystorage_override needs a Django project: install" in printed) is fails
