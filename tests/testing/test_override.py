"""override_storages(): what it puts in the place of what, and that all is put back."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import unittest
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from archive.models import Document, Draft, Letter
from archive.storages import NOWHERE, LocatedStorage, RemoteStorage, SignedStorage, shared
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage, staticfiles_storage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.db import models
from django.test import override_settings
from projects import make_project

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import override_storages, rebase, replace_storage
from inmemorystorage.testing.tools import attribute
from inmemorystorage.tree.mount import shared_tree

HERE = Path(__file__).parent
FIELDS = [
    *("inherited", "default", "one", "two", "same_place", "remote", "other_remote"),
    *("signed", "chosen", "alias", "lazy"),
]


@pytest.fixture
def overridden() -> Iterator[None]:
    """Replace all storages."""
    with override_storages():
        yield


def storage_of(name: str, model: Any = Document) -> Any:
    """Return the storage of a field."""
    return model._meta.get_field(name).storage


def save(storage: Any, name: str = "a.txt", content: bytes = b"content") -> Any:
    """Save something; return its name."""
    return storage.save(name, ContentFile(content))


def everything() -> list[Any]:
    """Return all that is replaced, as it is now, the objects themselves."""
    fields = [(field.storage, vars(field)) for field in file_fields()]
    return [
        [(storage, type(storage), dict(attributes)) for storage, attributes in fields],
        [id(vars(storage)) for storage, _ in fields],
        dict(storages._storages),
        vars(default_storage)["_wrapped"],
        settings.MEDIA_ROOT,
        storages.create_storage.__func__,  # type: ignore[attr-defined]
    ]


def file_fields() -> list[Any]:
    """Return all file fields of all models."""
    fields = [field for model in apps.get_models() for field in model._meta.get_fields()]
    return [field for field in fields if isinstance(field, models.FileField)]


@pytest.mark.usefixtures("overridden")
@pytest.mark.parametrize("name", FIELDS)
def test_each_field_is_in_memory(name: str) -> None:
    """However a field got its storage, a file saved through it is in memory."""
    storage = storage_of(name)
    assert save(storage) == "a.txt"
    assert not Path(NOWHERE).exists()
    with storage.open("a.txt") as file:
        assert file.read() == b"content"


@pytest.mark.usefixtures("overridden")
@pytest.mark.parametrize("alias", ["default", "private", "remote"])
def test_each_alias_is_in_memory(alias: str) -> None:
    """So is a file saved through an alias."""
    assert isinstance(save(storages[alias]), str)
    assert storages[alias].exists("a.txt")


def test_who_holds_a_storage_has_it_in_memory() -> None:
    """A storage that a module has kept for itself is in memory too, and real again afterwards."""
    kept = {"field": storage_of("remote"), "alias": storages["remote"], "private": shared}
    for_alias = InMemoryStorage()
    with override_storages({"remote": for_alias}):
        for storage in kept.values():
            assert save(storage) == "a.txt"
        assert for_alias.exists("a.txt")
    with pytest.raises(AssertionError, match="the network is used"):
        kept["alias"].exists("a.txt")
    assert type(kept["private"]) is FileSystemStorage


@pytest.mark.usefixtures("overridden")
def test_models_that_extend_others() -> None:
    """A proxy and a child have their parent's replacements, and the child's own field one too."""
    assert storage_of("remote", Draft) is storage_of("remote", Letter) is storage_of("remote")
    assert save(storage_of("scan", Letter)) == "a.txt"


def test_what_was_shared_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was one storage is one, what was not is not; one location is one tree."""
    # As they are when a project starts; changes of the settings make the aliases' storages anew.
    at_first = {"private": storage_of("alias"), "remote": storage_of("chosen")}
    monkeypatch.setattr(storages, "_storages", at_first)
    monkeypatch.setattr(storage_of("lazy"), "_wrapped", at_first["private"])
    with override_storages():
        assert storage_of("one") is storage_of("two")
        assert storage_of("alias") is storage_of("lazy")._wrapped is storages["private"]
        assert storage_of("chosen") is storages["remote"]
        assert storage_of("remote") is not storage_of("other_remote")
        save(storage_of("one"))
        save(storage_of("remote"))
        assert storage_of("same_place").exists("a.txt")
        assert not storage_of("other_remote").exists("a.txt")


@pytest.mark.usefixtures("overridden")
def test_what_a_project_overrides_is_kept() -> None:
    """A class derived from FileSystemStorage keeps its ways, with memory under it."""
    storage = storage_of("signed")
    assert isinstance(storage, SignedStorage) and isinstance(storage, InMemoryStorage)
    assert storage.url(save(storage)) == "/signed/a.txt?signed"
    assert save(storage, content=b"other") == "a.txt"
    assert Path(storage.path("a.txt")).read_bytes() == b"other"


@pytest.mark.usefixtures("overridden")
def test_a_disk_behaves_like_a_disk() -> None:
    """A FileSystemStorage is replaced by one that is one to the last errno, and has its paths."""
    storage = storage_of("inherited")
    assert isinstance(storage, FileSystemStorage)
    with pytest.raises(FileNotFoundError):
        storage.open("missing/a.txt", "w")
    assert Path(storage.path(save(storage))).read_bytes() == b"content"


@pytest.mark.usefixtures("overridden")
def test_media_root_is_private() -> None:
    """Who goes to MEDIA_ROOT by himself finds the files there, and writes where nobody looks."""
    replacement = replace_storage(FileSystemStorage())
    save(replacement, "kept.txt")
    stray = FileSystemStorage()
    assert os.listdir(settings.MEDIA_ROOT) == ["kept.txt"]
    save(stray, "d/stray.txt")
    Path(settings.MEDIA_ROOT, "by-hand.txt").write_text("by hand")
    assert replacement.listdir("") == (["d"], ["kept.txt", "by-hand.txt"])
    assert stray.exists("kept.txt") and replacement.exists("d/stray.txt")


@pytest.mark.parametrize("kind", [str, Path])
def test_who_makes_storages_by_the_settings(kind: Any) -> None:
    """A view that makes its storage by the settings has that one's files, and reaches no disk."""
    disk = {"BACKEND": "archive.storages.LocatedStorage"}
    entries = {
        "located": disk | {"OPTIONS": {"location": kind(f"{NOWHERE}/located")}},
        "missing": {"BACKEND": "nowhere.Storage", "OPTIONS": {"location": "/missing"}},
        "remote": {"BACKEND": "archive.storages.RemoteStorage", "OPTIONS": {"bucket": "b"}},
        "staticfiles": disk | {"OPTIONS": {"location": "/static"}},
    }
    with override_settings(STORAGES=entries):
        before = storages["located"]
        with override_storages():
            assert storages["located"] is before
            save(storages["located"])
            options = settings.STORAGES["located"]["OPTIONS"]
            assert isinstance(options["location"], kind)
            stray = LocatedStorage(**options)
            save(stray, "stray.txt")
            assert stray.exists("a.txt") and storages["located"].exists("stray.txt")
            assert settings.STORAGES["staticfiles"] == entries["staticfiles"]
        assert entries == settings.STORAGES
        assert storages["located"] is before
    assert not Path(NOWHERE).exists()


def test_options_of_the_default_storages(tmp_path: Path) -> None:
    """What stands beside a location among the OPTIONS of default and staticfiles counts inside."""
    static = "django.contrib.staticfiles.storage.StaticFilesStorage"
    disk = "django.core.files.storage.FileSystemStorage"
    project = make_project(
        tmp_path,
        settings=f"""
        INSTALLED_APPS += ["django.contrib.staticfiles"]
        STORAGES = {{
            "default": {{
                "BACKEND": "{disk}",
                "OPTIONS": {{"location": BASE_DIR / "own", "base_url": "/own/"}},
            }},
            "staticfiles": {{"BACKEND": "{static}", "OPTIONS": {{"base_url": "/css/"}}}},
        }}
        """,
    )
    urls = project.python(
        """
        from django.core.files.storage import default_storage, storages
        from inmemorystorage.testing import override_storages
        with override_storages():
            print(default_storage.url("a"), storages["staticfiles"].url("a"))
        """
    )
    assert urls == "/own/a /css/a"


@pytest.mark.usefixtures("overridden")
def test_a_media_root_that_a_test_overrides(tmp_path: Path) -> None:
    """Where a test names a MEDIA_ROOT of its own, files are at the one that the settings name."""
    before = settings.MEDIA_ROOT
    with override_settings(MEDIA_ROOT=tmp_path):
        for storage in (replace_storage(FileSystemStorage()), FileSystemStorage()):
            name = save(storage, "own.txt")
            assert Path(settings.MEDIA_ROOT, name).read_bytes() == b"content"
        assert isinstance(settings.MEDIA_ROOT, Path)
    with override_settings(MEDIA_ROOT=str(tmp_path)):
        assert save(FileSystemStorage(), "stray.txt") == "stray.txt"
    assert before == settings.MEDIA_ROOT
    assert not list(tmp_path.iterdir())


class SlottedStorage(Storage):
    """A storage that cannot become another one."""

    __slots__ = ("extra",)


def test_storage_with_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that cannot be replaced is told with the reason, and all others are put back."""
    monkeypatch.setattr(Document._meta.get_field("one"), "storage", SlottedStorage())
    before = everything()
    with pytest.raises(ImproperlyConfigured, match=r"SlottedStorage cannot.*since.*__slots__"):
        override_storages().enable()
    assert everything() == before


def test_private_directory_goes_with_the_override() -> None:
    """Nothing keeps it: neither the storages, which live on, nor a cycle that waits for a gc."""
    gc.collect()  # what other tests left
    gc.disable()
    try:
        with override_storages():
            save(storage_of("one"))
            assert shared_tree.mirror is not None
        assert shared_tree.mirror is None
    finally:
        gc.enable()


def test_equal_storages_in_memory_stay_apart() -> None:
    """Two aliases of equal entries share nothing where they shared nothing before."""
    for backend in ("inmemorystorage", "django.core.files.storage"):
        entry = {"BACKEND": f"{backend}.InMemoryStorage"}
        with override_settings(STORAGES={"one": entry, "two": entry}), override_storages():
            save(storages["one"])
            assert not storages["two"].exists("a.txt")


def test_copies_of_replacements() -> None:
    """A replacement can be pickled and copied, whatever class of a project it has."""
    with override_storages():
        storage = storage_of("signed")
        save(storage)
        for copied in (pickle.loads(pickle.dumps(storage)), copy.copy(storage)):
            assert type(copied) is type(storage) and copied.exists("a.txt")


def test_media_root_keeps_its_type() -> None:
    """Projects write ``settings.MEDIA_ROOT / "name"``, or add strings to it."""
    for kind in (str, Path):
        with override_settings(MEDIA_ROOT=kind("/media")), override_storages():
            assert isinstance(settings.MEDIA_ROOT, kind)


@pytest.mark.usefixtures("overridden")
def test_storages_that_come_later() -> None:
    """create_storage() gives a replacement; of equal parameters the same."""
    parameters = {"BACKEND": "archive.storages.RemoteStorage", "OPTIONS": {"bucket": "new"}}
    made = storages.create_storage(parameters)
    assert save(made) == "a.txt"
    assert storages.create_storage(dict(parameters)) is made
    assert storages["remote"] is not made


@pytest.mark.usefixtures("overridden")
def test_settings_that_change_meanwhile() -> None:
    """A change of STORAGES makes storages anew, in memory too, with their files."""
    remote = storages["remote"]
    with override_settings(STATIC_ROOT="/other"):
        assert storages["remote"] is remote
    backend = {"BACKEND": "archive.storages.RemoteStorage"}
    with override_settings(STORAGES={"default": backend}):
        assert save(default_storage) == "a.txt"


def test_models_that_come_later() -> None:
    """A model that is made inside has replacements, and the real storages after it."""
    with override_storages():

        class Late(models.Model):
            file = models.FileField(storage=shared)

            class Meta:
                app_label = "late"

        assert save(Late._meta.get_field("file").storage) == "a.txt"
    assert type(shared) is type(Late._meta.get_field("file").storage) is FileSystemStorage
    del apps.all_models["late"]


def test_staticfiles_stays() -> None:
    """The storage of static files is not replaced, unless it is named."""
    for static_root in (None, "/static"):
        with override_settings(STATIC_ROOT=static_root):
            with override_storages():
                assert type(storages["staticfiles"]) is StaticFilesStorage
            with override_storages({"staticfiles": None}):
                assert isinstance(storages["staticfiles"], InMemoryStorage)
                assert isinstance(staticfiles_storage, StaticFilesStorage)
                assert not static_root or save(staticfiles_storage) == "a.txt"
            assert type(storages["staticfiles"]) is StaticFilesStorage


def test_staticfiles_stays_the_object_that_it_was() -> None:
    """A storage of static files that somebody has used before is not replaced either."""
    before = storages["staticfiles"]
    state = vars(before)
    with override_storages():
        assert storages["staticfiles"] is before
        assert type(before) is StaticFilesStorage and vars(before) is state


def test_chosen_storages() -> None:
    """A storage can be chosen for an alias, and for a field, also one on the default storage."""
    for_alias, for_field, for_default = (InMemoryStorage() for _ in range(3))
    chosen = {
        "private": for_alias,
        "archive.Document.two": for_field,
        "archive.Document.default": for_default,
    }
    with override_storages(chosen):
        assert storages["private"] is for_alias
        assert storage_of("two") is for_field is not storage_of("one")
        assert storage_of("default") is for_default
        with override_settings(STATIC_ROOT="/other"):
            assert storages["private"] is for_alias


def test_who_holds_a_chosen_alias_has_the_chosen_storage(tmp_path: Path) -> None:
    """A field whose storage is that of the alias has what was chosen, as it is."""
    held = storage_of("alias")
    private = attribute(storages, "_storages", {"private": held})
    with private, override_storages({"private": FileSystemStorage(tmp_path)}):
        save(storages["private"], "by-alias.txt")
        save(held, "by-field.txt")
    assert sorted(os.listdir(tmp_path)) == ["by-alias.txt", "by-field.txt"]
    assert type(held) is SignedStorage


def test_a_callable_is_asked_again_for_a_chosen_alias() -> None:
    """What it gave when the model was made is none of storages any more after settings change."""
    with override_settings(STATIC_URL="/other/"), override_storages({"remote": InMemoryStorage()}):
        assert storage_of("chosen") is storages["remote"]
    assert type(storage_of("chosen")) is RemoteStorage


@pytest.mark.usefixtures("overridden")
def test_a_callable_that_cannot_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its field has the usual replacement."""
    field = Document._meta.get_field("chosen")
    monkeypatch.setitem(vars(field), "_storage_callable", lambda: storages["missing"])
    with override_storages({"remote": InMemoryStorage()}):
        assert save(field.storage) == "a.txt"  # type: ignore[attr-defined]


def test_a_storage_that_was_put_in_by_hand() -> None:
    """It is replaced though STORAGES has no such alias."""
    strange = RemoteStorage()
    with attribute(storages, "_storages", {"strange": strange}), override_storages():
        assert save(storages["strange"]) == "a.txt"
    assert type(strange) is RemoteStorage


@pytest.mark.parametrize("name", ["privat", "archive.Document.title", "Document.one"])
def test_names_that_are_not_there(name: str) -> None:
    """A mistaken name is an error that has those that there are, and nothing is replaced."""
    before = everything()
    with (
        pytest.raises(ImproperlyConfigured, match=f"'{name}' is neither.*Document.one.*private"),
        override_storages({name: InMemoryStorage()}),
    ):
        pass
    assert everything() == before


def test_all_is_put_back() -> None:
    """After nested use, and errors, each object has what it had, and no file is left."""
    before = everything()
    with suppress(KeyError), override_storages():
        inner = override_storages({"archive.Document.one": InMemoryStorage()})
        with inner:
            save(storage_of("inherited"))
        assert not storage_of("inherited").exists("a.txt")
        save(storage_of("inherited"))
        raise KeyError
    assert everything() == before
    with override_storages():
        assert not storage_of("inherited").exists("a.txt")


def test_an_error_half_way_puts_all_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one storage cannot be replaced, none is."""

    def fail(storage: Any) -> Any:
        raise KeyError(storage)

    before = everything()
    monkeypatch.setattr("inmemorystorage.testing.override.replace_storage", fail)
    with pytest.raises(KeyError):
        override_storages().enable()
    assert everything() == before


def test_migrations_see_no_change(tmp_path: Path) -> None:
    """makemigrations finds nothing to do inside, in a project whose migrations are complete."""
    project = make_project(tmp_path, models=(HERE / "project_models.py").read_text("utf-8"))
    project.manage("makemigrations", "uploads")
    checked = project.python(
        """
        from django.core.management import call_command
        from inmemorystorage import InMemoryStorage
        from inmemorystorage.testing import override_storages
        with override_storages({"uploads.Upload.default": InMemoryStorage()}):
            call_command("makemigrations", check=True, dry_run=True)
        """
    )
    assert "No changes detected" in checked


def test_the_table_is_open() -> None:
    """Others say what stands for their storages, and keep what projects derive from them."""

    class InMemoryRemoteStorage(InMemoryStorage, RemoteStorage):  # type: ignore[misc]
        def __init__(self, bucket: str = "bucket") -> None:
            InMemoryStorage.__init__(self, base_url=f"https://{bucket}.example/")

    class ProjectStorage(RemoteStorage):
        def get_valid_name(self, name: str) -> str:
            return name.upper()

    kept = replace_storage.registry.copy()

    @replace_storage.register
    def _(storage: RemoteStorage) -> InMemoryStorage:
        return rebase(type(storage), InMemoryRemoteStorage)(storage.bucket)  # type: ignore[arg-type]

    try:
        storage = replace_storage(ProjectStorage("mine"))
        assert storage.url(save(storage)) == "https://mine.example/a.txt"
        assert storage.get_valid_name("a") == "A"
    finally:
        replace_storage.register(RemoteStorage, kept[object])


def test_as_a_decorator_of_a_test_case() -> None:
    """A decorated TestCase has all storages replaced, from before setUpClass() on."""
    seen = []

    @override_storages({"archive.Document.chosen": InMemoryStorage()})
    class Tests(unittest.TestCase):
        @classmethod
        def setUpClass(cls) -> None:
            seen.append(save(storage_of("chosen")))

        def test_a(self) -> None:
            seen.append(save(storage_of("remote")))

    assert unittest.defaultTestLoader.loadTestsFromTestCase(Tests)(unittest.TestResult())
    assert seen == ["a.txt", "a.txt"]
    assert type(storage_of("remote")) is RemoteStorage


def test_a_storage_that_cannot_be_deconstructed() -> None:
    """A storage that migrations know nothing of is replaced like any."""
    with override_settings(STORAGES={"plain": {"BACKEND": "archive.storages.PlainStorage"}}):
        with override_storages():
            assert save(storages["plain"]) == "a.txt"


def test_settings_change_while_a_storage_in_memory_is_replaced(tmp_path: Path) -> None:
    """A storage in memory that is another one for a while takes changes of settings as that one."""
    assert isinstance(storages["default"], InMemoryStorage)
    with override_storages({"default": FileSystemStorage(tmp_path)}):
        with override_settings(MEDIA_URL="/other/", MEDIA_ROOT="/other"):
            assert type(storages["default"]) is FileSystemStorage
    assert isinstance(storages["default"], InMemoryStorage)
