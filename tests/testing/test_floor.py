"""The floor: directories move, with the storages, settings and constants that name them."""

from __future__ import annotations

import errno
import functools
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.test import override_settings
from django.urls import include, re_path
from django.urls import path as path_of
from django.utils.functional import SimpleLazyObject, cached_property
from django.views.static import serve
from projects import Project, make_project

from inmemorystorage.testing import floor as floor_module
from inmemorystorage.testing import project_files
from inmemorystorage.testing.floor import Floor
from inmemorystorage.testing.project_files import Loader
from inmemorystorage.testing.project_settings import project_directories

FILE_SYSTEM = {"BACKEND": "django.core.files.storage.FileSystemStorage"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a project, which is the working directory."""
    home = tmp_path / "project"
    home.mkdir()
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def before(home: Path) -> Iterator[dict[str, Any]]:
    """Set up a project on a disk; return its settings."""
    storages = {
        "default": FILE_SYSTEM,
        "private": {**FILE_SYSTEM, "OPTIONS": {"location": str(home / "private")}},
        "bucket": {"BACKEND": "missing.Storage", "OPTIONS": {"location": "/bucket"}},
        "remote": {"BACKEND": "archive.storages.RemoteStorage", "OPTIONS": {"location": "/b"}},
        "staticfiles": {**FILE_SYSTEM, "OPTIONS": {"location": str(home / "static")}},
    }
    media = str(home / "media")
    values: dict[str, Any] = {
        "MEDIA_ROOT": media,
        "STORAGES": storages,
        "SENDFILE_ROOT": home / "media" / "sent",
        "UPLOADS": {"dirs": [f"{media}/up/", "relative"], "pair": (1, media), "url": media},
        "OTHER": (1, "2"),
        "UPLOADS_URL": f"{media}/up/",
    }
    with override_settings(**values):
        yield values


@pytest.fixture
def floor(before: dict[str, Any]) -> Iterator[Floor]:
    """Return a floor under the project."""
    floor = Floor()
    floor.begin()
    yield floor
    floor.end()


def save(storage: Any, name: str = "a.txt") -> Path:
    """Save a file; return its path."""
    return Path(storage.path(storage.save(name, ContentFile(b"content"))))


def test_settings(home: Path, before: dict[str, Any], floor: Floor) -> None:
    """Settings that name a moved directory, or one below, name the private one."""
    media = f"{floor.root}{home}/media"
    assert media == settings.MEDIA_ROOT
    assert Path(media, "sent") == settings.SENDFILE_ROOT
    assert {
        "dirs": [f"{media}/up/", "relative"],
        "pair": (1, media),
        "url": f"{home}/media",
    } == settings.UPLOADS
    assert f"{home}/media/up/" == settings.UPLOADS_URL
    options = settings.STORAGES["private"]["OPTIONS"]
    assert options == {"location": f"{floor.root}{home}/private"}
    assert settings.STORAGES["staticfiles"]["OPTIONS"] == {"location": f"{home}/static"}


def test_lazy_settings(home: Path, before: dict[str, Any]) -> None:
    """Lazy objects in settings, and in those that a test overrides, are not resolved."""
    resolve = mock.Mock(return_value=str(home / "media"))
    lazy = SimpleLazyObject(resolve)
    with override_settings(OWNER=lazy, UPLOADS={"pair": (lazy, 1)}), Floor() as floor:
        with override_settings(UPLOADS=[lazy], OWNER=lazy, MEDIA_URL="/other/"):
            assert FileSystemStorage().location == f"{floor.root}{home}/media"
    resolve.assert_not_called()


def test_all_is_restored(home: Path, before: dict[str, Any]) -> None:
    """At the end settings and storages are restored, and the private directory is removed."""
    storage = FileSystemStorage(home / "own")
    classes = {name: vars(FileSystemStorage)[name] for name in ("location", "deconstruct")}
    floor = Floor()
    floor.begin()
    path = save(storage)
    assert save(default_storage).is_relative_to(floor.root)
    assert not path.is_relative_to(home)
    floor.end()
    assert (
        f"{home}/media",
        home / "media" / "sent",
    ) == (settings.MEDIA_ROOT, settings.SENDFILE_ROOT)
    assert storage.location == f"{home}/own"
    assert vars(FileSystemStorage)["location"] is classes["location"]
    assert vars(FileSystemStorage)["deconstruct"] is classes["deconstruct"]
    assert "__init_subclass__" not in vars(FileSystemStorage)
    assert not os.path.exists(floor.root)
    assert os.listdir(home) == []


def test_a_storage_moves_at_its_first_operation(home: Path, floor: Floor) -> None:
    """A storage that is unknown at first moves at its first operation."""
    storage = FileSystemStorage("own")
    assert (storage.location, storage.base_location) == (f"{home}/own", "own")
    path = save(storage)
    assert str(path) == f"{floor.root}{home}/own/a.txt"
    assert storage.location == os.path.dirname(path)
    assert FileSystemStorage(home / "own").base_location == path.parent
    assert os.listdir(home) == []


def test_temporary_directories_in_the_project_stay(home: Path, floor: Floor) -> None:
    """A storage on a temporary directory that a test made in the project stays there."""
    with tempfile.TemporaryDirectory(dir=home) as made:
        assert save(FileSystemStorage(made)) == Path(made, "a.txt")
    assert save(FileSystemStorage(home / "other")).is_relative_to(floor.root)
    with tempfile.TemporaryDirectory(dir=save(default_storage).parent) as private:
        assert save(FileSystemStorage(private)).is_relative_to(floor.root)


def test_another_file_system(home: Path, floor: Floor) -> None:
    """A storage stays while a test has a file system without the private directory."""
    storage = FileSystemStorage(home / "made")
    with mock.patch.object(floor, "root", str(home / "missing")):
        assert save(storage) == home / "made" / "a.txt"


def test_temporary_directories_stay(tmp_path: Path, floor: Floor) -> None:
    """A storage below the temporary directory, outside of the project, stays."""
    for location in (tmp_path / "files", tempfile.mkdtemp(dir=tmp_path)):
        storage = FileSystemStorage(location)
        assert save(storage).parent == Path(location)
        assert storage.location == str(location)


def test_static_files_stay(home: Path, floor: Floor) -> None:
    """Directories of static files stay."""
    with override_settings(STATICFILES_DIRS=[home / "css", ("prefix", home / "js")]):
        for name in ("css", "js"):
            assert FileSystemStorage(home / name).path("a") == f"{home}/{name}/a"
    assert StaticFilesStorage(home / "any").path("a") == f"{home}/any/a"
    assert StaticFilesStorage().location is None


@pytest.mark.parametrize("value", ["media_root", Path("media_root")])
def test_media_root_is_overridden(home: Path, floor: Floor, value: Any) -> None:
    """A MEDIA_ROOT that a test overrides stays as the test says."""
    moved = default_storage.location
    with override_settings(MEDIA_ROOT=value):
        assert default_storage.location == str(home / "media_root")
        assert save(default_storage) == home / "media_root" / "a.txt"
        assert FileSystemStorage(home / "media_root").path("b") == f"{home}/media_root/b"
    assert default_storage.location == moved
    with override_settings(MEDIA_ROOT=f"{moved}/below"):
        assert default_storage.location == f"{moved}/below"


def test_storages_are_overridden(home: Path, floor: Floor) -> None:
    """A location in STORAGES, or another setting, that a test overrides stays as it says."""
    entry = {**FILE_SYSTEM, "OPTIONS": {"location": "rel"}}
    with override_settings(STORAGES={"default": FILE_SYSTEM, "private": entry}):
        assert save(storages["private"]) == home / "rel" / "a.txt"
    with override_settings(UPLOADS={"x": [home / "up", 1]}):
        assert save(FileSystemStorage(home / "up")) == home / "up" / "a.txt"
    assert save(FileSystemStorage(home / "up")).is_relative_to(floor.root)


def test_no_media_root(home: Path) -> None:
    """Without MEDIA_ROOT the working directory stays, and directories below it move."""
    with override_settings(MEDIA_ROOT="", STORAGES={"default": FILE_SYSTEM}):
        floor = Floor()
        floor.begin()
        assert FileSystemStorage(home / "below").path("a") == f"{floor.root}{home}/below/a"
        assert FileSystemStorage(home).path("a") == default_storage.location + "/a"
        assert floor.loader.notes == []
        for _ in range(2):
            assert default_storage.path("a") == f"{home}/a"
        (note,) = floor.loader.notes
        assert note.startswith(
            "MEDIA_ROOT is not set, so tests used files in the working directory"
        )
        floor.end()


def test_a_test_without_media_root(floor: Floor, home: Path) -> None:
    """A test that overrides MEDIA_ROOT by nothing uses the working directory, without a note."""
    with override_settings(MEDIA_ROOT=""):
        assert save(FileSystemStorage()) == home / "a.txt"
    assert floor.loader.notes == []


def test_the_project_is_media_root(home: Path) -> None:
    """If MEDIA_ROOT is the whole project, other settings in it stay."""
    with override_settings(MEDIA_ROOT=home, STORAGES={"default": FILE_SYSTEM}, DATA=home / "data"):
        floor = Floor()
        floor.begin()
        assert Path(f"{floor.root}{home}") == settings.MEDIA_ROOT
        assert home / "data" == settings.DATA
        floor.end()


@pytest.mark.parametrize(("others", "moves"), [([], True), (["css"], False)])
def test_a_directory_that_holds_media_alone(home: Path, others: list[str], moves: bool) -> None:
    """A directory of the project that contains nothing but MEDIA_ROOT moves, without others."""
    public = home / "public"
    (public / "media").mkdir(parents=True)
    for name in others:
        (public / name).mkdir()
    values = {"MEDIA_ROOT": public / "media", "PUBLIC_ROOT": public, "STATIC_ROOT": home / "css"}
    values["INDEX"] = public / "index"
    with override_settings(**values, STORAGES={"default": FILE_SYSTEM}):
        floor = Floor()
        floor.begin()
        moved = Path(floor.root + str(public))
        assert (moved if moves else public) == settings.PUBLIC_ROOT
        assert public / "index" == settings.INDEX
        assert moved / "media" == settings.MEDIA_ROOT
        floor.end()


class Tenant(FileSystemStorage):
    """A storage whose location is below that of its base class."""

    @property
    def location(self) -> str:  # type: ignore[override]
        """Return a directory of the tenant."""
        return os.path.join(super().location, "tenant")

    @location.setter
    def location(self, location: str) -> None:
        vars(self)["was_set"] = location

    @location.deleter
    def location(self) -> None:
        vars(self)["was_set"] = None


class Elsewhere(FileSystemStorage):
    """A storage with a cached location."""

    found = 0

    @cached_property
    def base_location(self) -> Any:  # type: ignore[override]
        """Return a directory, and count."""
        type(self).found += 1
        return os.path.join(os.getcwd(), "elsewhere")


class Cached(FileSystemStorage):
    """A storage whose location the standard library caches."""

    @functools.cached_property
    def location(self) -> str:  # type: ignore[override]
        """Return a directory below MEDIA_ROOT."""
        return os.path.join(settings.MEDIA_ROOT, "cached")


class Descriptor:
    """A descriptor that is no property."""

    def __get__(self, storage: Any, owner: Any = None) -> str:
        """Return a directory."""
        return os.path.join(os.getcwd(), type(storage).__name__)


class Described(FileSystemStorage):
    """A storage whose location is a descriptor."""

    location: Any = Descriptor()


def test_other_descriptors(home: Path, before: dict[str, Any]) -> None:
    """A location that the standard library's cached_property or another descriptor gives moves."""
    storage = Cached()
    floor = Floor()
    with floor:
        assert storage.path("a") == f"{floor.root}{home}/media/cached/a"
        assert Described().path("a") == f"{floor.root}{home}/Described/a"
    assert storage.path("a") == f"{home}/media/cached/a"


class TextPath(str):
    """A path that is a kind of string, as some packages have it."""


@pytest.mark.parametrize("kind", [TextPath, type(Path()), PurePosixPath])
def test_the_type_of_media_root(home: Path, kind: Any) -> None:
    """A moved MEDIA_ROOT keeps its type."""
    with override_settings(MEDIA_ROOT=kind(home / "media")):
        floor = Floor()
        with floor:
            assert type(settings.MEDIA_ROOT) is kind
            assert str(settings.MEDIA_ROOT) == f"{floor.root}{home}/media"


def test_classes_with_locations(home: Path, floor: Floor) -> None:
    """Locations that classes define move, also of a class that is defined later."""

    class Later(FileSystemStorage):
        location = os.path.join(os.getcwd(), "later")

    media = f"{floor.root}{home}/media"
    assert Tenant().path("a") == f"{media}/tenant/a"
    assert Tenant(home / "own").path("a") == f"{floor.root}{home}/own/tenant/a"
    assert Elsewhere().path("a") == f"{floor.root}{home}/elsewhere/a"
    assert Later().path("a") == f"{floor.root}{home}/later/a"
    assert Later.location == f"{home}/later"


def test_locations_are_set(home: Path, floor: Floor) -> None:
    """An assigned location is kept, also by the property of a class."""
    storage: Any = FileSystemStorage()
    storage.location = f"{home}/assigned"
    assert storage.path("a") == f"{floor.root}{home}/assigned/a"
    del storage.location
    assert storage.path("a") == f"{floor.root}{home}/media/a"
    tenant: Any = Tenant()
    tenant.location = "x"
    assert tenant.was_set == "x"
    del tenant.location
    assert tenant.was_set is None


def test_deconstruct(home: Path, floor: Floor) -> None:
    """deconstruct() has the project's paths, and a storage made of them works on the floor."""
    storages: list[Any] = [
        FileSystemStorage(settings.SENDFILE_ROOT),
        FileSystemStorage(location=settings.MEDIA_ROOT, base_url="/m/"),
        FileSystemStorage([settings.MEDIA_ROOT, {"x": (settings.MEDIA_ROOT, 1)}]),
    ]
    described = [storage.deconstruct()[1:] for storage in storages]
    media = f"{home}/media"
    assert described == [
        ((home / "media" / "sent",), {}),
        ((), {"location": media, "base_url": "/m/"}),
        (([media, {"x": (media, 1)}],), {}),
    ]
    args, kwargs = described[1]
    assert save(FileSystemStorage(*args, **kwargs)).is_relative_to(floor.root)


def test_constants(before: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A module's constant that is the object of a setting moves along, and back."""
    module: Any = types.ModuleType("constants")
    module.ROOT, module.OTHER = settings.MEDIA_ROOT, "".join(["", settings.MEDIA_ROOT])
    monkeypatch.setitem(sys.modules, "constants", module)
    named = str(settings.MEDIA_ROOT)
    floor = Floor()
    floor.begin()
    assert (f"{floor.root}{named}", named) == (module.ROOT, module.OTHER)
    floor.end()
    assert named == module.ROOT


def test_settings_follow_a_new_location(home: Path, before: dict[str, Any]) -> None:
    """A setting moves with the first operation of a storage in the directory that it names."""
    with override_settings(REPORTS=str(home / "reports")):
        floor = Floor()
        floor.begin()
        storage = FileSystemStorage(settings.REPORTS)
        assert f"{home}/reports" == settings.REPORTS
        assert save(storage).parent == Path(settings.REPORTS)
        floor.end()
        assert f"{home}/reports" == settings.REPORTS


def test_known_storages(tmp_path: Path, home: Path, before: dict[str, Any]) -> None:
    """The storage of an alias moves when the floor begins, unless it is temporary."""
    (home / "media" / "nested").mkdir(parents=True)
    nested = str(home / "media" / "nested")
    locations = {
        "nested": nested,
        "known": str(home / "known"),
        "temporary": str(tmp_path / "temporary"),
    }
    entries = {
        alias: {**FILE_SYSTEM, "OPTIONS": {"location": each}} for alias, each in locations.items()
    }
    made: Any = {"broken": Broken(), "static": StaticFilesStorage(home / "s")}
    made |= {alias: FileSystemStorage(**entry["OPTIONS"]) for alias, entry in entries.items()}
    with mock.patch.dict(vars(storages)["_storages"], made):
        floor = Floor()
        floor.begin()
        assert made["known"].location == f"{floor.root}{home}/known"
        assert os.path.isdir(made["nested"].location)
        assert made["temporary"].location == locations["temporary"]
        floor.end()


class Broken(FileSystemStorage):
    """A storage whose location raises an error."""

    @property
    def location(self) -> str:  # type: ignore[override]
        """Raise."""
        raise LookupError


def test_mocks_run(floor: Floor) -> None:
    """A method that a test patches on the class of storages runs."""
    for name in ("_save", "save", "exists", "path", "_open"):
        with mock.patch.object(FileSystemStorage, name, side_effect=KeyError):
            with pytest.raises(KeyError):
                getattr(default_storage, name)("a.txt")


@pytest.mark.parametrize("exists", [True, False])
def test_the_directory_exists_as_the_real_one(
    home: Path, before: dict[str, Any], exists: bool
) -> None:
    """MEDIA_ROOT exists at first exactly if the real one does."""
    if exists:
        (home / "media" / "below").mkdir(parents=True)
    floor = Floor()
    floor.begin()
    assert os.path.isdir(settings.MEDIA_ROOT) == exists
    assert os.path.isdir(os.path.dirname(settings.MEDIA_ROOT))
    if exists:
        assert os.path.isdir(FileSystemStorage(home / "media" / "below").path(""))
    floor.end()


def test_the_end_removes_read_only_directories(tmp_path: Path) -> None:
    """The end opens read-only directories first, and follows no links."""
    directory, outside = tmp_path / "private", tmp_path / "outside"
    outside.mkdir(mode=0o555)
    (directory / "a" / "b").mkdir(parents=True)
    (directory / "a" / "link").symlink_to(outside)
    os.chmod(directory / "a", 0o500)
    remove = shutil.rmtree

    def note_modes(path: str, **options: Any) -> None:
        modes = {each.name: stat.S_IMODE(each.lstat().st_mode) for each in directory.rglob("[ab]")}
        assert modes == {"a": 0o700, "b": 0o700}
        remove(path, **options)

    with mock.patch.object(shutil, "rmtree", note_modes):
        floor_module._remove(str(directory))
    assert not directory.exists()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o555


def test_no_shared_memory() -> None:
    """Without enough shared memory, the floor is in the temporary directory."""
    for patch in (
        mock.patch.object(floor_module, "SHARED_MEMORY", "/nowhere"),
        mock.patch.object(floor_module, "ENOUGH", 1 << 60),
    ):
        with patch:
            assert floor_module._best_parent() is None


# The files of the project.


def fill(home: Path) -> Path:
    """Make a MEDIA_ROOT with entries of all kinds."""
    media = home / "media"
    (media / "deep" / "er").mkdir(parents=True)
    (media / "empty").mkdir()
    (media / "a.png").write_bytes(b"a")
    (media / "deep" / "er" / "b.png").write_bytes(b"b")
    (home / "c.txt").write_bytes(b"c")
    (media / "inside").symlink_to("a.png")
    (media / "out").symlink_to("../c.txt")
    (media / "nowhere").symlink_to("/nowhere")
    (media / "above").symlink_to("..")
    os.mkfifo(media / "pipe")
    return media


def loaded(media: Path, choice: str = "") -> dict[str, bytes | None]:
    """Return what a loader copies: contents by names, ``None`` for directories."""
    target = media.parent / "copy"
    Loader(choice).load(str(media), str(target))
    paths = {str(path.relative_to(target)): path for path in target.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else None for name, path in paths.items()}


ALL = {
    "a.png": b"a",
    "deep": None,
    "deep/er": None,
    "deep/er/b.png": b"b",
    "empty": None,
    "inside": b"a",
    "out": b"c",
}


def test_files_outside_of_git(home: Path) -> None:
    """Outside of a checkout all files are copied; of a link that leads out, the target."""
    with mock.patch.object(project_files, "tracked_files", return_value=None):
        assert loaded(fill(home)) == ALL
    assert os.readlink(home / "copy" / "inside") == "a.png"
    assert not (home / "copy" / "out").is_symlink()


@pytest.mark.parametrize(("name", "limit"), [("LIMIT", 3), ("ENTRIES", 2)])
def test_too_many_files(home: Path, name: str, limit: int) -> None:
    """Outside of a checkout too many files are not copied, and a note says so."""
    with (
        mock.patch.object(project_files, "tracked_files", return_value=None),
        mock.patch.object(
            project_files, "files_made_by_this_process", return_value=iter(["a.png"])
        ),
        mock.patch.object(project_files, name, limit),
    ):
        loader = Loader()
        loader.load(str(fill(home)), str(home / "copy"))
    assert os.listdir(home / "copy") == ["a.png"]
    assert [project_files.OPTION in note for note in loader.notes] == [True]


def test_files_that_cannot_be_read(home: Path) -> None:
    """A file that cannot be copied is left out, and a note says so."""
    media = fill(home)
    os.symlink("loop", media / "loop")
    os.chmod(media / "deep", 0o555)
    refused = PermissionError(errno.EACCES, "Permission denied", str(media / "a.png"))
    copy, loader = shutil.copy2, Loader("all")

    def copy_others(source: str, target: str) -> None:
        if source.endswith("a.png"):
            raise refused
        copy(source, target)

    with mock.patch.object(shutil, "copy2", copy_others):
        loader.load(str(media), str(home / "copy"))
    assert not (home / "copy" / "a.png").exists()
    assert (home / "copy" / "deep" / "er" / "b.png").exists()
    assert stat.S_IMODE(os.stat(home / "copy" / "deep").st_mode) == 0o555
    assert os.stat(home / "copy" / "deep").st_mtime_ns == os.stat(media / "deep").st_mtime_ns
    assert [f"without: 1. The first error is: {refused}" in note for note in loader.notes] == [True]


def test_choices(home: Path) -> None:
    """All files, none, or those that match patterns are copied."""
    media = fill(home)
    assert loaded(media, "none") == {}
    assert loaded(media, "deep/*  x*") == {key: ALL[key] for key in ALL if key.startswith("deep")}
    assert loaded(media, "all") == ALL


def git(home: Path, *arguments: str) -> None:
    """Run git."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t", *arguments]
    subprocess.run(command, cwd=home, check=True, capture_output=True)


def test_files_in_git(home: Path) -> None:
    """In a checkout the files that git tracks are copied, and those of this process."""
    media = fill(home)
    git(home, "init")
    git(home, "add", "media/a.png", "media/deep")
    git(home, "commit", "-m", "files")
    (media / "deep" / "er" / "b.png").unlink()
    with mock.patch.object(project_files, "process_began", return_value=None):
        assert loaded(media) == {"a.png": b"a"}
    with mock.patch.object(project_files, "process_began", return_value=0):
        assert "out" in loaded(media)


def test_a_project_that_git_ignores(home: Path) -> None:
    """A project of which git tracks no file is not in a checkout."""
    git(home, "init")
    (home / "below").mkdir()
    assert project_files.tracked_files(str(home / "below")) is None
    (home / "a.txt").write_bytes(b"")
    git(home, "add", "a.txt")
    assert project_files.tracked_files(str(home / "below")) == []


def test_git_is_missing(home: Path) -> None:
    """Without git, a project is not in a checkout."""
    with mock.patch.object(project_files.subprocess, "run", side_effect=FileNotFoundError):
        assert project_files.tracked_files(str(home)) is None


def test_the_start_of_the_process(home: Path) -> None:
    """A file that was just made counts as one of this process, if its start is known."""
    (home / "a.txt").write_bytes(b"")
    assert list(project_files.files_made_by_this_process(str(home))) == ["a.txt"]
    with mock.patch.object(project_files, "process_began", return_value=float("inf")):
        assert list(project_files.files_made_by_this_process(str(home))) == []
    with mock.patch("builtins.open", side_effect=FileNotFoundError):
        assert project_files.process_began() is None


def check(project: Project, code: str) -> None:
    """Run code on a floor in a project."""
    begin = "from inmemorystorage.testing.floor import Floor; floor = Floor(); floor.begin()\n"
    project.python(begin + code)


@pytest.mark.slow
def test_a_project(tmp_path: Path) -> None:
    """In a generated project a field's storage moves, and no real directory is made."""
    models = """
    from django.core.files.storage import FileSystemStorage

    private = FileSystemStorage(location="private", base_url="/p/")

    class Upload(models.Model):
        file = models.FileField(storage=private)
        other = models.FileField()
    """
    project = make_project(tmp_path, models=models)
    check(
        project,
        "from uploads.models import Upload, private\n"
        "from django.core.files.base import ContentFile\n"
        "assert private.location == floor.root + str(__import__('os').getcwd()) + '/private'\n"
        "private.save('a', ContentFile(b''))\n"
        "assert Upload._meta.get_field('file').deconstruct()[3]['storage'] is private\n"
        "assert private.deconstruct()[2]['location'] == 'private'\n",
    )
    assert not (tmp_path / "private").exists()


def test_relocating(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has a copy of its parent's files, and what named these names the copy."""
    storage = FileSystemStorage(settings.MEDIA_ROOT)
    path = save(default_storage)
    module: Any = types.ModuleType("constants")
    module.__file__ = "/srv/project/constants.py"
    module.Tests = type("Tests", (), {"media": settings.MEDIA_ROOT, "__module__": "constants"})
    module.Imported = type("Imported", (), {"media": settings.MEDIA_ROOT})
    module.path = path
    monkeypatch.setitem(sys.modules, "constants", module)
    monkeypatch.setitem(sys.modules, "replaced", module.Tests)  # a class instead of a module
    former, remove = floor.root, floor._remove
    urls: Any = types.ModuleType("relocated_urls")
    serving = re_path("^(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT})
    included = path_of("files/", include([serving]), {"root": settings.MEDIA_ROOT})
    urls.urlpatterns = [serving, included]
    monkeypatch.setitem(sys.modules, "relocated_urls", urls)

    with override_settings(ROOT_URLCONF="relocated_urls"):
        floor.relocate()
    try:
        for named in (settings.MEDIA_ROOT, storage.location, module.Tests.media):
            assert named.startswith(f"{floor.root}/")
        assert serving.default_args["document_root"] == settings.MEDIA_ROOT
        assert included.default_kwargs["root"] == settings.MEDIA_ROOT
        assert module.Imported.media.startswith(former)
        assert module.path.read_bytes() == b"content"
        assert module.path.is_relative_to(floor.root)
        assert floor.named(str(path)) == floor.named(str(module.path))
        save(default_storage, "b.txt")
        assert not path.with_name("b.txt").exists()
    finally:
        remove()  # the parent's, and the worker's in it
    assert not os.path.exists(floor.root)


@pytest.mark.parametrize(("began", "content"), [(None, b"new"), (0, b"old")])
def test_a_copy_of_the_parent(home: Path, began: float | None, content: bytes) -> None:
    """A new process begins with the files that its parent has then, and with those it makes."""
    media = home / "media"
    media.mkdir()
    (media / "old.txt").write_bytes(b"old")
    (media / "link").symlink_to("old.txt")
    with override_settings(MEDIA_ROOT=str(media), STORAGES={"default": FILE_SYSTEM}):
        with Floor() as parent:
            save(default_storage)
            Path(default_storage.path("old.txt")).write_bytes(b"new")
            copy = Floor(parent=parent.root)
            remove, parent._remove = parent._remove, lambda: None
            lock, parent._lock = parent._lock, os.dup(parent._lock)
        with mock.patch.object(project_files, "process_began", return_value=began), copy:
            names = default_storage.listdir("")[1]
            assert sorted(names) == ["a.txt", "link", "old.txt"]
            assert Path(default_storage.path("link")).read_bytes() == content
        os.close(lock)
        remove()


def test_paths_that_modules_computed(home: Path, before: dict[str, Any], tmp_path: Path) -> None:
    """Constants of modules and classes, and defaults, of a project move, and are restored."""
    code = f"""
from pathlib import Path
HERE = {str(home)!r}
EXPORTS = {str(home / "media" / "exports")!r}
BELOW = Path({str(home / "private")!r}, "a")
ELSEWHERE = {str(tmp_path / "other")!r}
RELATIVE, NUMBER = "media", 1

class Report:
    folder = Path({str(home / "media")!r}) / "reports"

    def write(self, folder=EXPORTS, *, other=BELOW):
        return folder, other

Report.itself = Report
"""
    module: Any = types.ModuleType("computed")
    module.__file__ = str(home / "computed.py")
    exec(code, vars(module))
    report = module.Report()

    def paths() -> list[str]:
        return [*map(str, (module.EXPORTS, module.BELOW, report.folder, *report.write()))]

    real, others = paths(), (module.HERE, module.ELSEWHERE, module.RELATIVE, module.NUMBER)
    with mock.patch.dict(sys.modules, {"computed": module}):
        with Floor() as floor:
            assert paths() == [f"{floor.root}{path}" for path in real]
            assert others == (module.HERE, module.ELSEWHERE, module.RELATIVE, module.NUMBER)
        assert paths() == real


def test_directories_of_the_project(home: Path) -> None:
    """The directory of the settings belongs to the project, also while they are overridden."""
    directories = project_directories()
    assert directories == [str(home), str(Path(__file__).parents[1])]
    with override_settings(DEBUG=True):
        assert project_directories() == directories


def test_the_directory_of_code_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant that names the directory of a module stays, also if that is MEDIA_ROOT."""
    tests = home / "tests"
    tests.mkdir()
    module: Any = types.ModuleType("computed")
    module.__file__ = str(tests / "computed.py")
    module.HERE = str(tests)
    module.IMAGES = str(tests / "images")
    module.LAZY = SimpleLazyObject(lambda: pytest.fail("it is resolved"))
    monkeypatch.setitem(sys.modules, "computed", module)
    with override_settings(MEDIA_ROOT=f"{home}/tests"), Floor() as floor:
        assert str(tests) == module.HERE
        assert f"{floor.root}{tests}/images" == module.IMAGES
