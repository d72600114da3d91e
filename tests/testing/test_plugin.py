"""The pytest plugin in generated projects: levels, settings, fixtures and reports."""

from __future__ import annotations

import time
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
    storages["staticfiles"].exists("static.txt")
    with default_storage.open("left.txt", "ab") as file:
        file.write(b"more")
    assert media["left.txt"] == b"content"

def test_in_set_up_fails():
    raise KeyError

def test_that_passes():
    save("not-reported.txt")
"""
BY_HAND = """
from pathlib import Path

def test_path():
    path = Path(__file__).parent / "media" / save("a.txt")
    assert path.exists()

def test_file():
    default_storage.open("kept.txt")
"""
SEEN = """
from urllib.request import urlopen

def test_media(media):
    assert dict(media) == {"a.txt": b"a"}

def test_live_server(live_server, media):
    with urlopen(f"{live_server.url}/media/a.txt") as response:
        assert response.read() == b"a"
"""
SET_UP_AGAIN = """
import django

def test_first():
    django.setup()
    save("a.txt")
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
UNUSED = """
import sys

from django.core.files.storage import Storage, base
from django.test import testcases
from django.utils.crypto import get_random_string

from inmemorystorage.tree.journal import Journal

SAVE, SERVE = Storage.save, testcases._MediaFilesHandler.serve

@pytest.mark.parametrize("run", [1, 2])
def test_nothing_is_there(run):
    save("a.txt")
    assert vars(Storage)["save"] is SAVE and "__init_subclass__" not in vars(Storage)
    assert testcases._MediaFilesHandler.serve is SERVE
    assert base.get_random_string is get_random_string
    assert not Journal.open and Journal.savepoint is None
    assert "inmemorystorage.storage" not in sys.modules
    assert "inmemorystorage.testing.operations" not in sys.modules

def test_that_fails():
    raise KeyError

class TestLive(testcases.LiveServerTestCase):
    available_apps = []

    def test_nothing_is_there(self):
        test_nothing_is_there(3)
"""
# The storage is imported by the first test.
LAZILY = """
@pytest.fixture(scope="module", autouse=True)
def of_module():
    save("module.txt")
    yield
    save("left.txt")

@pytest.mark.parametrize("run", [1, 2])
def test_first(run):
    assert files() == ["module.txt"]
    save("a.txt")
"""
WIDE = """
from inmemorystorage.testing import isolate_storages

@pytest.fixture(scope="module")
def level():
    with isolate_storages():
        save("level.txt")
        yield
        assert files() == ["level.txt"]
        save("after.txt")
    save("left.txt")

@pytest.fixture(scope="module")
def of_module(level):
    save("of-module.txt")

@pytest.fixture(scope="module")
def opened(of_module):
    with default_storage.open("level.txt") as file:
        yield file

@pytest.mark.parametrize("run", [1, 2])
def test_level(run, of_module, opened):
    assert files() == ["level.txt", "of-module.txt"]
    save("own.txt")

@pytest.fixture(scope="class")
def broken():
    save("broken.txt")
    raise KeyError

@pytest.mark.skip
def test_skipped():
    pass

class TestBroken:
    def test_broken(self, broken):
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

from inmemorystorage import InMemoryStorage

def test_leak():
    storage = InMemoryStorage()
    storage.save("a.txt", ContentFile(b""))
    global leaked
    leaked = storage.open("a.txt")

def test_leak_on_a_moved_disk():
    save("a.txt")
    global left
    left = default_storage.open("a.txt")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project whose storages pytest moves."""
    project = make_project(tmp_path)
    project.media.mkdir()
    project.write("pytest.ini", "[pytest]\ninmemorystorage_override = true\n")
    return project


def run(project: Project, *options: str, fails: bool = False) -> str:
    """Run the tests of a project in their order."""
    return project.run("-m", "pytest", "-p", "no:randomly", *options, fails=fails)


def test_levels_of_fixtures(project: Project) -> None:
    """Files of a fixture last as long as the fixture, even if it is set up late."""
    project.write("test_0.py", HEAD + PARAMETRIZED)
    project.write("test_1.py", HEAD + SCOPES)
    project.write("test_2.py", HEAD + AFTER_THE_MODULE)
    assert "7 passed" in run(project)
    assert not list(project.media.iterdir())


def test_report_of_a_failure(project: Project) -> None:
    """The report of a failed test shows its changes and its last operations."""
    project.write("test_1.py", HEAD + FAILING)
    printed = run(project, fails=True)
    assert "2 failed, 1 passed" in printed
    assert "created on default: 'left.txt'" in printed
    assert "save 'left.txt' (7 bytes) on default, " in printed
    assert "exists 'asked.txt' on default, " in printed
    assert printed.count(" Changes of files ") == 1
    assert printed.count(" Last operations on storages ") == 1
    assert "not-reported.txt" not in printed


def test_hints(project: Project) -> None:
    """The report of a test that fails by a real path, or a file that was not loaded, says so."""
    (project.media / "kept.txt").write_text("")
    project.append("pytest.ini", "inmemorystorage_load = none\n")
    project.write("test_1.py", HEAD + BY_HAND)
    printed = run(project, fails=True)
    assert "2 failed" in printed and printed.count(" Private directories ") == 2
    assert f"{project.media}/kept.txt exists, but tests run on a private" in printed
    assert f"{project.media}/a.txt is a real path of the project, but" in printed


def test_media_without_a_setting(tmp_path: Path) -> None:
    """The fixture media shows the files of a disk that is not moved; live servers serve them."""
    project = make_project(tmp_path)
    project.write("uploads/models.py", "")
    project.media.mkdir()
    (project.media / "a.txt").write_text("a")
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_1.py", HEAD + SEEN)
    assert "2 passed" in run(project)


def test_django_that_is_set_up_before(project: Project) -> None:
    """Storages move at once if Django is set up, and only once if it is set up again."""
    project.write("test_1.py", HEAD + SET_UP_AGAIN)
    code = """
    import django, pytest
    django.setup()
    print(pytest.main(["-p", "no:randomly", "test_1.py"]))
    """
    assert "1 passed" in project.python(code, set_up="")
    assert "1 passed" in run(project)
    assert not list(project.media.iterdir())


def test_too_many_files(project: Project) -> None:
    """A directory with too many files to begin with is reported at the end."""
    with (project.media / "big.bin").open("wb") as file:
        file.truncate(51 << 20)
    time.sleep(0.05)  # the kernel counts the start of a process in hundredths of a second
    project.write("test_1.py", HEAD + "def test():\n    assert files() == []\n")
    assert f"{project.media} has too many files to load" in run(project)


def test_strict(project: Project) -> None:
    """Strict mode fails a test that writes to a real storage, unless it is marked."""
    project.write("pytest.ini", "[pytest]\ninmemorystorage_strict = true\n")
    project.write("test_1.py", HEAD + STRICT)
    printed = run(project, "--strict-markers", fails=True)
    assert "1 failed, 2 passed, 2 errors" in printed
    assert "RealStorageError: save('b.txt') on the FileSystemStorage in '" in printed
    assert "RealStorageError: save('c.txt') on the FileSystemStorage in '" in printed
    assert [each.name for each in (project.directory / "real").iterdir()] == ["a.txt"]


def test_strict_reads(project: Project) -> None:
    """inmemorystorage_strict = reads fails every operation on a real storage."""
    project.write("pytest.ini", "[pytest]\ninmemorystorage_strict = reads\n")
    project.write("test_1.py", HEAD + "def test():\n    FileSystemStorage('real').exists('a')\n")
    assert "RealStorageError: exists('a') on the FileSystemStorage" in run(project, fails=True)


def test_a_mistaken_setting(project: Project) -> None:
    """An unknown value of inmemorystorage_strict is an error."""
    project.append("pytest.ini", "inmemorystorage_strict = ja\n")
    project.write("test_1.py", "def test():\n    pass\n")
    message = "inmemorystorage_strict must be true, false or reads, not 'ja'."
    assert message in run(project, fails=True)


def test_installed_and_unused(tmp_path: Path) -> None:
    """Without a setting the plugin wraps nothing, opens no level and imports no storage."""
    project = make_project(tmp_path)
    project.write("uploads/models.py", "")
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_1.py", HEAD + UNUSED)
    printed = run(project, fails=True)
    assert "1 failed, 3 passed" in printed
    assert "storages" not in printed.partition("test_that_fails")[2]
    assert len(list(project.media.iterdir())) == 3


def test_memory_rolls_back_without_a_setting(tmp_path: Path) -> None:
    """An InMemoryStorage that the first test imports rolls back with fixtures and tests."""
    settings = 'STORAGES = {"default": {"BACKEND": "inmemorystorage.InMemoryStorage"}}\n'
    project = make_project(tmp_path, settings=settings)
    project.write("uploads/models.py", "")
    project.write("pytest.ini", "[pytest]\n")
    for number in (1, 2):
        project.write(f"test_{number}.py", HEAD + LAZILY)
    assert "4 passed" in run(project)


def test_levels_of_wide_fixtures(project: Project) -> None:
    """A level that a fixture opens, and its clean-up, last as long as the fixture."""
    project.write("test_1.py", HEAD + WIDE)
    project.write("test_2.py", HEAD + "def test_after():\n    assert files() == []\n")
    printed = run(project, fails=True)
    assert "3 passed, 1 skipped, 1 error" in printed, printed
    assert "unclosed" not in printed


def test_tools(project: Project) -> None:
    """Fixtures count and fail, names are the same in each run, open handles are reported."""
    project.write("test_1.py", HEAD + TOOLS)
    printed = run(project, fails=True)
    run(project, fails=True)
    assert "7 passed, 2 errors" in printed  # warnings are errors there
    assert "Expected call 1 of save('*') to fail, but it was called 0 times." in printed
    assert "ResourceWarning: unclosed file 'a.txt', opened at test_1.py" in printed
    names = [(project.directory / f"names-{each}").read_text().split() for each in (1, 2)]
    assert all(first == second for first, second in names)
    assert names[0] != names[1]


@pytest.mark.parametrize(("override", "fails"), [("false", False), ("true", True)])
def test_without_django(tmp_path: Path, override: str, fails: bool) -> None:
    """Without a Django project the plugin does nothing, or says what its settings need."""
    project = Project(tmp_path)
    project.write("pytest.ini", f"[pytest]\ninmemorystorage_override = {override}\n")
    project.write("test_1.py", "import sys\ndef test():\n    assert 'django' not in sys.modules\n")
    plugins = ["-p", "no:django", "-p", "no:inmemorystorage"]
    printed = run(project, *plugins, "-p", "inmemorystorage.testing.pytest_plugin", fails=fails)
    assert ("1 passed" in printed) is not fails
    assert ("inmemorystorage_override needs a Django project: install" in printed) is fails
