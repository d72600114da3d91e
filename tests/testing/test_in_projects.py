"""Suites of generated projects pass with the kit's one line as without it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
from testing.faces import ABSENT, FACES, LINE, PLUGIN, SCENARIOS, UNUSED, Face, Suite

from inmemorystorage.testing import uploads

pytestmark = pytest.mark.slow

KEPT = {"media/kept.txt": "kept"}
# The suites that need nothing special of a project.
PLAIN = Suite(
    (
        "at_import",
        "attributes",
        "cases",
        "disk",
        "examples",
        "first_touch",
        "identity",
        "mocks",
        "odd",
        "overrides",
        "remade",
        "settings_along",
        "streams",
        "tenants",
    ),
    rolling=("examples_roll_back", "rolls_back", "rolled_back"),
    files=KEPT,
)
FIXTURES = Suite(
    ("pytest_fixtures",),
    rolling=("pytest_levels", "pytest_levels_after"),
    files=KEPT | {"conftest.py": (SCENARIOS / "conftest.py").read_text("utf-8")},
)


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    """Return a face of the kit."""
    return FACES[request.param]


def test_plain(face: Face, tmp_path: Path) -> None:
    """Tests of all kinds pass, nothing real is written, and files roll back."""
    plugins = ("-p", "hypothesispytest") if face is PLUGIN else ()
    face.passes_alike(PLAIN, tmp_path, *plugins, ways=(ABSENT, UNUSED, LINE))


def test_fixtures(tmp_path: Path) -> None:
    """Fixtures, subtests and reruns of pytest pass, and files roll back with fixtures."""
    PLUGIN.passes_alike(FIXTURES, tmp_path, ways=(ABSENT, UNUSED, LINE))


@pytest.mark.unmeasured
def test_handles(face: Face, tmp_path: Path) -> None:
    """A handle that outlives the kit works or is closed."""
    # The kit warns of handles that a test leaves open.
    suite = Suite(("handles",), files={"pytest.ini": "[pytest]\n"})
    face = face.by("-W", "ignore", *face.command)
    outcomes = face.passes_alike(suite, tmp_path, ways=(ABSENT, UNUSED, LINE))
    for outcome in outcomes.values():
        assert outcome.printed.count("HANDLES WERE USED") == 1
        assert "FAILED" not in outcome.printed
        assert "Exception" not in outcome.printed


# K1: the files of a project.

PICTURE = """
    import os

    from django.conf import settings
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage
    from django.db import models

    if not default_storage.exists("CACHEDIR.TAG"):
        default_storage.save("CACHEDIR.TAG", ContentFile(b"Signature"))

    class Picture(models.Model):
        image = models.ImageField(default="default.png")
"""
READY = """
    from pathlib import Path

    from django.apps import AppConfig
    from django.conf import settings

    class GalleryConfig(AppConfig):
        name = "gallery"

        def ready(self):
            from django.core.files.base import ContentFile
            from django.core.files.storage import default_storage

            default_storage.save("ready.txt", ContentFile(b"ready"))
            Path(settings.MEDIA_ROOT, "by-hand.txt").write_text("by hand")
"""
GALLERY = Suite(
    ("project_files",),
    settings='INSTALLED_APPS.append("gallery")\n',
    files={
        "gallery/__init__.py": "",
        "gallery/apps.py": READY,
        "gallery/models.py": PICTURE,
        "media/default.png": uploads.image("default.png", 2, 3).read(),
        "media/deep/er/tracked.txt": "tracked",
        "media/untracked.txt": "untracked",
        "private/tracked.txt": "private",
    },
)
CHECKOUT = replace(GALLERY, tracked=("media/default.png", "media/deep", "private"))
# Linux counts the start of a process in ticks; a file is older than the process only after some.
TICK = 0.1
# A test for a directory whose files are too many.
EMPTY = """
    from django.core.files.storage import default_storage
    from django.test import SimpleTestCase

    class Tests(SimpleTestCase):
        def test_nothing_is_loaded(self):
            self.assertFalse(default_storage.exists("kept.txt"))
            self.assertFalse(default_storage.exists("big.bin"))
"""
# What the project itself writes before the tests, into the real directory.
WRITTEN = ("media", "media/CACHEDIR.TAG", "media/by-hand.txt", "media/ready.txt")


@pytest.mark.unmeasured
@pytest.mark.parametrize("suite", [GALLERY, CHECKOUT], ids=["directory", "checkout"])
def test_project_files(suite: Suite, face: Face, tmp_path: Path) -> None:
    """The private directory begins with the project's files, and those saved while it is set up."""
    face.passes_alike(suite, tmp_path, writes=WRITTEN)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("load", "are_missing"),
    [("", True), ("none", True), ("*.png", True), ("all", False), ("un*.txt *.png", False)],
)
def test_files_to_load(load: str, are_missing: bool, face: Face, tmp_path: Path) -> None:
    """An option says which files are loaded; an error about a missing one names the option."""
    suite = replace(CHECKOUT, modules=("missing",))
    project = suite.make(tmp_path / LINE, LINE)
    sleep(TICK)
    options = {"load": load} if load else {}
    printed = face.run(project, LINE, fails=are_missing, **options).printed
    assert (len(re.findall(r"^(?:FAILED|ERROR: |E   .*Error).*", printed, re.M)) > 0) is are_missing
    assert ("inmemorystorage_load" in printed) is are_missing
    assert (f"{project.media}/untracked.txt" in printed) is are_missing


def test_too_many_files(face: Face, tmp_path: Path) -> None:
    """Outside of a checkout more than 50 MB are not loaded, and a warning says so."""
    files = {"media/kept.txt": "kept", "test_empty.py": EMPTY, "pytest.ini": "[pytest]\n"}
    project = Suite(files=files).make(tmp_path / LINE, LINE)
    with (project.media / "big.bin").open("wb") as file:
        file.truncate((50 << 20) + 1)
    sleep(TICK)
    printed = face.by("-W", "default", *face.command).run(project, LINE).printed
    assert "inmemorystorage_load" in printed
    assert str(project.media) in printed


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", ["str", "Path"])
def test_tests_make_media_root(kind: str, face: Face, tmp_path: Path) -> None:
    """MEDIA_ROOT does not exist at first where the real one does not."""
    suite = Suite(("own_root",), settings=f'MEDIA_ROOT = {kind}(BASE_DIR / "own")\n')
    face.passes_alike(suite, tmp_path)


@pytest.mark.unmeasured
def test_paths_made_by_hand(face: Face, tmp_path: Path) -> None:
    """The report of a failure recognises a path of MEDIA_ROOT that a test made by hand."""
    suite = Suite(("by_hand",))
    printed = face.run(suite.make(tmp_path / ABSENT, ABSENT), ABSENT).printed
    assert "by hand" not in printed
    printed = face.run(suite.make(tmp_path / LINE, LINE), LINE, fails=True).printed
    assert printed.count("settings.MEDIA_ROOT") >= 2


# A project without DJANGO_SETTINGS_MODULE, whose conftest sets Django up.
CONFIGURING = """
import django
import project_settings
from django.conf import settings

def configure():
    values = vars(project_settings).items()
    settings.configure(**{name: value for name, value in values if name.isupper()})
    django.setup()
"""
CONFTESTS = {
    "module": f"{CONFIGURING}\nconfigure()\n",
    "hook": f"{CONFIGURING}\ndef pytest_configure():\n    configure()\n",
}
WITHOUT_MODULE = """
import os, pytest, sys
del os.environ["DJANGO_SETTINGS_MODULE"]
sys.path.insert(0, "")
sys.exit(pytest.main())
"""


@pytest.mark.unmeasured
@pytest.mark.parametrize("options", [(), ("-p", "no:django")], ids=["pytest-django", "alone"])
@pytest.mark.parametrize("conftest", CONFTESTS)
def test_configured_by_conftest(conftest: str, options: tuple[str, ...], tmp_path: Path) -> None:
    """The floor moves before test modules are imported, also where a conftest sets Django up."""
    suite = Suite(("at_import",), files=KEPT | {"conftest.py": CONFTESTS[conftest]})
    face = PLUGIN.by("-c", WITHOUT_MODULE, *PLUGIN.command[2:], *options)
    face.passes_alike(suite, tmp_path)


@pytest.mark.unmeasured
def test_nothing_is_wrapped(tmp_path: Path) -> None:
    """Installed and unused, the plugin leaves each class and function as it is."""
    described = []
    for way in (ABSENT, UNUSED):
        project = Suite(("patched_nothing",)).make(tmp_path / "project" / way, way)
        PLUGIN.run(project, way)
        text = (project.directory / "described.txt").read_text()
        described.append(text.replace(str(project.directory), ""))
    assert described[0] == described[1]
