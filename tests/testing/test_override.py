"""override_storages() moves or replaces all storages, and restores them."""

from __future__ import annotations

import copy
import os
import pickle
import unittest
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from archive.models import Document, Draft, Letter
from archive.storages import NOWHERE, LocatedStorage, RemoteStorage, SignedStorage, shared
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.db import models
from django.test import override_settings
from django.utils.functional import empty
from projects import make_project

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.project import make_field_storages, unwrap
from inmemorystorage.testing import override_storages, replace_storage, replacement
from inmemorystorage.testing.floor import Floor

HERE = Path(__file__).parent
FIELDS = [
    *("inherited", "default", "one", "two", "same_place", "remote", "other_remote"),
    *("signed", "chosen", "alias", "lazy"),
]


@pytest.fixture
def overridden() -> Iterator[None]:
    """Move and replace all storages."""
    with override_storages():
        yield


def storage_of(name: str, model: Any = Document) -> Any:
    """Return the storage of a field."""
    return model._meta.get_field(name).storage


def save(storage: Any, name: str = "a.txt", content: bytes = b"content") -> Any:
    """Save a file; return its name."""
    return storage.save(name, ContentFile(content))


def everything() -> list[Any]:
    """Return the current state of everything that the kit changes."""
    # The kit makes lazy storages, which may have been dropped since they were made.
    bool(default_storage)
    make_field_storages()
    list(map(storages.__getitem__, storages.backends))
    fields = [(field.storage, vars(field)) for field in file_fields()]
    return [
        [(storage, type(storage), dict(attributes)) for storage, attributes in fields],
        [id(vars(storage)) for storage, _ in fields],
        dict(storages._storages),
        vars(default_storage)["_wrapped"],
        settings.MEDIA_ROOT,
        storages.create_storage.__func__,  # type: ignore[attr-defined]
    ]


def test_lazy_storage_of_a_chosen_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lazy storage is the project's own after the end, though the kit made it."""
    lazy = storage_of("lazy")
    monkeypatch.setitem(vars(lazy), "_wrapped", empty)
    monkeypatch.delitem(vars(storages)["_storages"], "private", raising=False)
    chosen = InMemoryStorage()
    with override_storages({"private": chosen}):
        save(lazy)
        assert chosen.exists("a.txt")
    assert unwrap(lazy) is not chosen


def file_fields() -> list[Any]:
    """Return all file fields of all models."""
    fields = [field for model in apps.get_models() for field in model._meta.get_fields()]
    return [field for field in fields if isinstance(field, models.FileField)]


@pytest.mark.usefixtures("overridden")
@pytest.mark.parametrize("name", FIELDS)
def test_no_field_reaches_its_disk_or_bucket(name: str) -> None:
    """A file saved through a field can be read, and its real storage is not reached."""
    storage = storage_of(name)
    assert save(storage) == "a.txt"
    assert not Path(NOWHERE).exists()
    with storage.open("a.txt") as file:
        assert file.read() == b"content"


@pytest.mark.usefixtures("overridden")
@pytest.mark.parametrize("alias", ["default", "private", "remote"])
def test_no_alias_reaches_its_disk_or_bucket(alias: str) -> None:
    """A file saved through an alias exists, and its real storage is not reached."""
    assert isinstance(save(storages[alias]), str)
    assert storages[alias].exists("a.txt")


def test_a_storage_in_a_global_of_a_module() -> None:
    """A storage in a module's global is moved or replaced, and restored afterwards."""
    kept = {"field": storage_of("remote"), "alias": storages["remote"], "private": shared}
    for_alias = InMemoryStorage()
    with override_storages({"remote": for_alias}):
        for storage in kept.values():
            assert save(storage) == "a.txt"
        assert for_alias.exists("a.txt")
    with pytest.raises(AssertionError, match="the network is used"):
        kept["alias"].exists("a.txt")
    assert not kept["private"].exists("a.txt")


@pytest.mark.usefixtures("overridden")
def test_models_that_extend_others() -> None:
    """A proxy and a child use their parent's storages, and the child's own field is replaced."""
    assert storage_of("remote", Draft) is storage_of("remote", Letter) is storage_of("remote")
    assert save(storage_of("scan", Letter)) == "a.txt"


@pytest.mark.usefixtures("overridden")
def test_equal_storages_share_their_files() -> None:
    """Storages of one directory share its files, and so do buckets with equal parameters."""
    save(storage_of("one"))
    assert storage_of("two").exists("a.txt") and storage_of("same_place").exists("a.txt")
    save(storage_of("remote"))
    assert storage_of("other_remote").exists("a.txt")
    assert not storage_of("scan", Letter).exists("a.txt")


@pytest.mark.usefixtures("overridden")
def test_a_disk_keeps_its_class() -> None:
    """A storage on a disk keeps its class, its overrides and its attributes."""
    storage = storage_of("signed")
    assert type(storage) is SignedStorage
    assert storage.url(save(storage)) == "/signed/a.txt?signed"
    assert save(storage, content=b"other") == "a.txt"
    assert Path(storage.path("a.txt")).read_bytes() == b"other"


@pytest.mark.usefixtures("overridden")
def test_a_bucket_keeps_the_name_and_the_overrides_of_its_class() -> None:
    """A replaced bucket keeps the name, the attributes and the overrides of its class."""
    storage: Any = ProjectStorage("mine")
    storage.tag = 1
    assert storage.url(save(storage)) == "/media/A.TXT?mine"
    assert isinstance(storage, InMemoryStorage) and isinstance(storage, ProjectStorage)
    kind = type(storage)
    names = kind.__name__, kind.__module__, kind.__qualname__
    assert names == ("ProjectStorage", __name__, "ProjectStorage")
    assert storage.bucket == "mine" and storage.tag == 1
    with pytest.raises(AttributeError, match=r"RemoteStorage.client would reach a real storage"):
        storage.client.list()
    assert not isinstance(kind.client, property)


@pytest.mark.usefixtures("overridden")
def test_media_root_is_private() -> None:
    """Storages on MEDIA_ROOT and code that works on its path see the same private files."""
    storage, other = FileSystemStorage(), FileSystemStorage()
    save(storage, "kept.txt")
    assert os.listdir(settings.MEDIA_ROOT) == ["kept.txt"]
    save(other, "d/other.txt")
    Path(settings.MEDIA_ROOT, "by-hand.txt").write_text("by hand")
    directories, names = storage.listdir("")
    assert (directories, sorted(names)) == (["d"], ["by-hand.txt", "kept.txt"])
    assert other.exists("kept.txt") and storage.exists("d/other.txt")


@pytest.mark.parametrize("kind", [str, Path])
def test_locations_in_storages(kind: Any) -> None:
    """A storage made by the OPTIONS in STORAGES shares the files of the alias."""
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
            other = LocatedStorage(**options)
            save(other, "other.txt")
            assert other.exists("a.txt") and storages["located"].exists("other.txt")
            assert settings.STORAGES["staticfiles"] == entries["staticfiles"]
        assert entries == settings.STORAGES
        assert storages["located"] is before
    assert not Path(NOWHERE).exists()


def test_options_of_the_default_storages(tmp_path: Path) -> None:
    """Other OPTIONS of default and staticfiles apply inside."""
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
    """A MEDIA_ROOT that a test overrides is left as the test says."""
    before = settings.MEDIA_ROOT
    for kind in (str, Path):
        with override_settings(MEDIA_ROOT=kind(tmp_path)):
            name = save(FileSystemStorage(), f"{kind.__name__}.txt")
            assert (tmp_path / name).read_bytes() == b"content"
            assert kind(tmp_path) == settings.MEDIA_ROOT
    assert before == settings.MEDIA_ROOT


FILE_SYSTEM = "django.core.files.storage.FileSystemStorage"


class ProjectStorage(RemoteStorage):
    """A bucket with a project's changes."""

    def get_valid_name(self, name: str) -> str:
        """Return the name in capitals."""
        return super().get_valid_name(name).upper()

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name.upper(), content)  # type: ignore[no-any-return]

    def url(self, name: str | None) -> str:
        """Return a URL with the bucket."""
        return f"{super().url(name)}?{self.bucket}"


class OwnStorage(Storage):
    """A storage that a test defines."""

    def exists(self, name: str) -> bool:
        """Raise an error."""
        raise NotImplementedError("a test's own")


class SlottedStorage(Storage):
    """A storage that cannot be replaced in place."""

    __slots__ = ("extra",)


def test_storage_with_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that cannot be replaced raises an error with the reason; others are restored."""
    monkeypatch.setattr(Document._meta.get_field("one"), "storage", SlottedStorage())
    before = everything()
    with pytest.raises(ImproperlyConfigured, match=r"SlottedStorage cannot.*since.*__slots__"):
        override_storages().enable()
    assert everything() == before


def test_private_directory_is_removed_at_the_end() -> None:
    """The private directory is removed at the end."""
    with override_storages():
        save(storage_of("one"))
        root = Floor.current and Floor.current.root
        assert root and os.listdir(root)
    assert not os.path.exists(root) and Floor.current is None


def test_equal_storages_in_memory_stay_apart() -> None:
    """Two aliases of equal entries in memory share no files."""
    for backend in ("inmemorystorage", "django.core.files.storage"):
        entry = {"BACKEND": f"{backend}.InMemoryStorage"}
        with override_settings(STORAGES={"one": entry, "two": entry}), override_storages():
            save(storages["one"])
            assert not storages["two"].exists("a.txt")


@pytest.mark.usefixtures("overridden")
def test_copies_of_replacements() -> None:
    """A storage that replaces another can be pickled and copied."""
    for storage in (ProjectStorage(), storage_of("remote")):
        name = save(storage)
        for copied in (pickle.loads(pickle.dumps(storage)), copy.copy(storage)):
            assert type(copied) is type(storage) and copied.exists(name)


def test_media_root_keeps_its_type() -> None:
    """MEDIA_ROOT stays a string or a path, as in the settings."""
    for kind in (str, Path):
        with override_settings(MEDIA_ROOT=kind("/media")), override_storages():
            assert isinstance(settings.MEDIA_ROOT, kind)


@pytest.mark.usefixtures("overridden")
def test_storages_that_come_later() -> None:
    """A storage that is made inside is replaced, and shares the files of equal ones."""
    parameters = {"BACKEND": "archive.storages.RemoteStorage", "OPTIONS": {"bucket": "new"}}
    made = storages.create_storage(parameters)
    assert save(made) == "a.txt"
    assert storages.create_storage(dict(parameters)).exists("a.txt")
    assert not storages["remote"].exists("a.txt")


@pytest.mark.usefixtures("overridden")
def test_settings_that_change() -> None:
    """Storages that Django makes again when settings change keep their files."""
    save(storages["remote"])
    with override_settings(STATIC_ROOT="/other"):
        assert storages["remote"].exists("a.txt")
    remote = {"BACKEND": "archive.storages.RemoteStorage", "OPTIONS": {"bucket": "other"}}
    with override_settings(STORAGES={"default": remote}):  # without OPTIONS on Django 4.2
        assert save(default_storage, "b.txt") == "b.txt"


def test_models_that_come_later() -> None:
    """A model that is defined inside uses replaced storages, and real ones afterwards."""
    with override_storages():

        class Late(models.Model):
            file = models.FileField(storage=shared)

            class Meta:
                app_label = "late"

        assert save(Late._meta.get_field("file").storage) == "a.txt"
    assert type(shared) is type(Late._meta.get_field("file").storage) is FileSystemStorage
    del apps.all_models["late"]


@pytest.mark.parametrize("changes", [False, True])
def test_default_storage_that_is_made_inside(settings: Any, changes: bool) -> None:
    """default_storage is that of its alias after a block in which it was made."""
    settings.STORAGES = dict(settings.STORAGES)  # Django makes storages again
    with override_storages({"private": InMemoryStorage()}):
        with override_settings(STORAGES=settings.STORAGES) if changes else nullcontext():
            save(default_storage)
    assert unwrap(default_storage) is storages["default"]
    assert type(storages["private"]) is SignedStorage


def test_staticfiles_stays() -> None:
    """The storage of static files is neither moved nor replaced, unless it is named."""
    for static_root in (None, "/static"):
        with override_settings(STATIC_ROOT=static_root):
            with override_storages():
                assert type(storages["staticfiles"]) is StaticFilesStorage
                assert storages["staticfiles"].location == static_root
            chosen = InMemoryStorage()
            with override_storages({"staticfiles": chosen}):
                assert storages["staticfiles"] is chosen
            assert type(storages["staticfiles"]) is StaticFilesStorage


def test_staticfiles_stays_the_object_that_it_was() -> None:
    """A storage of static files that was used before is not replaced either."""
    before = storages["staticfiles"]
    state = vars(before)
    with override_storages():
        assert storages["staticfiles"] is before
        assert type(before) is StaticFilesStorage and vars(before) is state


def test_chosen_storages() -> None:
    """A storage can be chosen for an alias and for a field, also one on the default storage."""
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


def test_a_chosen_storage_that_the_alias_has() -> None:
    """A storage can be chosen for the alias that already has it."""
    chosen = storages["default"]
    with override_storages({"default": chosen}):
        assert storages["default"] is chosen


@pytest.mark.parametrize("outer", [True, False])
def test_a_chosen_store(outer: bool) -> None:
    """A storage that is chosen is used as it is, within another override too."""
    chosen = KeyValueStorage("locmem://chosen")
    with override_storages() if outer else nullcontext(), override_storages({"default": chosen}):
        save(default_storage, "stored.txt")
        assert type(storages["default"]) is KeyValueStorage
    assert chosen.exists("stored.txt")
    chosen.delete("stored.txt")


def test_a_chosen_default() -> None:
    """The storage that is chosen for the alias default is the default storage."""
    chosen = InMemoryStorage()
    with override_storages({"default": chosen}):
        save(default_storage)
        assert chosen.exists("a.txt") and storage_of("default").exists("a.txt")


def test_a_field_on_a_chosen_alias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field whose storage is that of a chosen alias uses the chosen storage."""
    held = storage_of("alias")
    monkeypatch.setitem(vars(storages)["_storages"], "private", held)
    with override_storages({"private": FileSystemStorage(tmp_path)}):
        save(storages["private"], "by-alias.txt")
        save(held, "by-field.txt")
    assert sorted(os.listdir(tmp_path)) == ["by-alias.txt", "by-field.txt"]
    assert type(held) is SignedStorage


def test_a_callable_is_called_again_for_a_chosen_alias() -> None:
    """A field whose callable returns the storage of a chosen alias uses the chosen storage."""
    with override_settings(STATIC_URL="/other/"), override_storages({"remote": InMemoryStorage()}):
        assert storage_of("chosen") is storages["remote"]
    assert type(storage_of("chosen")) is RemoteStorage


@pytest.mark.usefixtures("overridden")
def test_a_callable_that_fails_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field whose callable fails now is replaced like any other."""
    field = Document._meta.get_field("chosen")
    monkeypatch.setitem(vars(field), "_storage_callable", lambda: storages["missing"])
    with override_storages({"remote": InMemoryStorage()}):
        assert save(field.storage) == "a.txt"  # type: ignore[attr-defined]


def test_a_storage_that_was_put_in_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage whose alias is not in STORAGES is replaced too."""
    strange = RemoteStorage()
    monkeypatch.setitem(vars(storages)["_storages"], "strange", strange)
    with override_storages():
        assert save(storages["strange"]) == "a.txt"
    assert type(strange) is RemoteStorage


@pytest.mark.parametrize("name", ["privat", "archive.Document.title", "Document.one"])
def test_names_that_do_not_exist(name: str) -> None:
    """A mistaken name is an error that lists the names that exist, and nothing is replaced."""
    before = everything()
    with (
        pytest.raises(ImproperlyConfigured, match=f"'{name}' is neither.*Document.one.*private"),
        override_storages({name: InMemoryStorage()}),
    ):
        pass
    assert everything() == before


def test_all_is_restored() -> None:
    """After nested use, and errors, each object is as before, and no file is left."""
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


def test_an_error_half_way_restores_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while storages are replaced restores the replaced ones."""

    def fail(storage: Any) -> Any:
        raise KeyError(storage)

    before = everything()
    monkeypatch.setattr("inmemorystorage.testing.replacement.replace_storage", fail)
    with pytest.raises(KeyError):
        override_storages().enable()
    assert everything() == before


def test_migrations_see_no_change(tmp_path: Path) -> None:
    """makemigrations finds no changes inside, in a project whose migrations are complete."""
    project = make_project(tmp_path, models=(HERE / "project_models.py").read_text("utf-8"))
    project.manage("makemigrations", "uploads")
    checked = project.python(
        """
        from django.core.management import call_command
        from inmemorystorage import FallbackStorage, InMemoryStorage
        from inmemorystorage.testing import override_storages
        with override_storages({"uploads.Upload.default": InMemoryStorage()}):
            call_command("makemigrations", check=True, dry_run=True)
        """
    )
    assert "No changes detected" in checked


def test_the_table_is_open() -> None:
    """A registered function chooses the replacement for a class of storages."""
    kept = replace_storage.registry.copy()

    @replace_storage.register
    def _(storage: RemoteStorage) -> InMemoryStorage:
        return InMemoryStorage(base_url=f"https://{storage.bucket}.example/")

    storage: Any = ProjectStorage("mine")
    try:
        with override_storages():
            assert storage.url(save(storage)) == "https://mine.example/A.TXT?mine"
    finally:
        replace_storage.register(RemoteStorage, kept[object])


def test_as_a_decorator_of_a_test_case() -> None:
    """A decorated TestCase has all storages moved or replaced, from before setUpClass() on."""
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
    """A storage without deconstruct() keeps its files when Django makes it again."""
    entry = {"BACKEND": "archive.storages.PlainStorage"}
    with override_settings(STORAGES={"plain": entry}), override_storages():
        assert save(storages["plain"]) == "a.txt"
        with override_settings(STATIC_ROOT="/other"):
            assert storages["plain"].exists("a.txt")


def test_layers_that_cannot_be_deconstructed() -> None:
    """Layers without deconstruct() share no files, and keep them when Django makes them again."""
    plain = {"BACKEND": "archive.storages.PlainStorage"}
    layers = {"backends": [plain, {**plain}], "writable": [0, 1]}
    entry = {"BACKEND": "inmemorystorage.FallbackStorage", "OPTIONS": layers}
    with override_settings(STORAGES={"layered": entry}), override_storages():
        upper, lower = storages["layered"].layers
        assert save(upper) == "a.txt"
        assert not lower.exists("a.txt")
        with override_settings(STATIC_ROOT="/other"):
            again = storages["layered"].layers
            assert again[0] is not upper
            assert [layer.exists("a.txt") for layer in again] == [True, False]


def test_settings_change_while_a_storage_in_memory_is_replaced(tmp_path: Path) -> None:
    """A storage that is chosen for an alias stays chosen when settings change."""
    assert isinstance(storages["default"], InMemoryStorage)
    with override_storages({"default": FileSystemStorage(tmp_path)}):
        with override_settings(MEDIA_URL="/other/", MEDIA_ROOT="/other"):
            assert type(storages["default"]) is FileSystemStorage
    assert isinstance(storages["default"], InMemoryStorage)


@pytest.mark.usefixtures("overridden")
def test_storages_of_a_test_module() -> None:
    """A storage whose class a test module defines stays as it is."""
    with pytest.raises(NotImplementedError, match="a test's own"):
        OwnStorage().exists("a.txt")


@pytest.mark.usefixtures("overridden")
def test_fakes_of_an_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage of an installed class stays without attributes or with a mock; others do not."""

    class Installed(OwnStorage):
        _open = _save = OwnStorage.exists

    monkeypatch.setattr(replacement, "is_installed", lambda cls: True)
    fake, bucket = Installed(), Installed()
    vars(bucket)["bucket_name"] = "bucket"
    with pytest.raises(NotImplementedError, match="a test's own"):
        fake.exists("a.txt")
    assert save(bucket) == "a.txt"
    vars(fake)["client"] = mock.Mock()
    with pytest.raises(NotImplementedError, match="a test's own"):
        fake.exists("a.txt")


@pytest.mark.usefixtures("overridden")
def test_layers_of_a_fallback_storage(tmp_path: Path) -> None:
    """A FallbackStorage stays; its layers are moved or replaced."""
    (tmp_path / "below.txt").write_bytes(b"below")
    remote = {"BACKEND": "archive.storages.RemoteStorage", "OPTIONS": {"bucket": "layer"}}
    below = {"BACKEND": FILE_SYSTEM, "OPTIONS": {"location": str(tmp_path)}}
    storage = FallbackStorage(backends=[remote, below])
    assert save(storage) == "a.txt" and type(storage) is FallbackStorage
    with storage.open("below.txt") as file:
        assert file.read() == b"below"
