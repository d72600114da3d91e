"""What an entry of backends may be, and the errors for mistakes."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import pytest
from archive.storages import RemoteStorage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import (
    FileSystemStorage,
    InvalidStorageError,
    default_storage,
    storages,
)
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.utils.functional import SimpleLazyObject
from fallback.layers import get, over, put, stocked
from overrides import use_storage
from projects import make_project

from inmemorystorage import FallbackStorage, InMemoryStorage

DOTTED = "inmemorystorage.InMemoryStorage"
FALLBACK = "inmemorystorage.FallbackStorage"


def classes_of(storage: FallbackStorage) -> list[type]:
    """Return the classes of the layers, read-only ones included."""
    return [type(layer.find()) for layer in storage._layers.all]


def make_memory() -> InMemoryStorage:
    """Return a storage, as the callables of file fields do."""
    return InMemoryStorage(base_url="/made/")


def test_entries(settings: Any) -> None:
    """An entry is an alias, a dotted path, a class, an instance, a callable, or a dict of one."""
    use_storage(settings, "named", DOTTED, base_url="/named/")
    instance = InMemoryStorage()
    entries = ["named", DOTTED, InMemoryStorage, instance, make_memory]
    storage = FallbackStorage(entries)
    assert classes_of(storage) == [InMemoryStorage] * 5
    found = [layer.find() for layer in storage._layers.all]
    assert found[0] is storages["named"] and found[3] is instance
    assert found[4].base_url == "/made/"
    in_dicts = FallbackStorage(tuple({"BACKEND": entry} for entry in entries))
    assert classes_of(in_dicts) == [InMemoryStorage] * 5
    options = {"BACKEND": DOTTED, "OPTIONS": {"base_url": "/own/"}}
    assert FallbackStorage([options]).base_url == "/own/"


def test_lazy_objects() -> None:
    """A lazy object counts as the storage behind it, and default_storage as its alias."""
    instance = InMemoryStorage()
    storage = FallbackStorage([SimpleLazyObject(lambda: instance), default_storage])
    assert storage._layers.all[0].find() is instance
    assert storage._layers.all[1].find() is storages["default"]
    assert storage._layers.all[1].label == "default"


def test_layers_are_made_once(settings: Any) -> None:
    """The storage of a layer is made with the FallbackStorage, and never again."""
    made = []

    def make() -> InMemoryStorage:
        made.append(InMemoryStorage())
        return made[-1]

    storage = FallbackStorage([make])
    put(storage, "a.txt")
    assert get(storage, "a.txt") == b"content" and storage.listdir("") == ([], ["a.txt"])
    assert len(made) == 1


def test_an_alias_follows_the_settings(settings: Any) -> None:
    """An alias is the storage that the settings name at the time."""
    use_storage(settings, "named", DOTTED, base_url="/one/")
    storage = FallbackStorage(["named"])
    assert storage.url("a") == "/one/a"
    use_storage(settings, "named", DOTTED, base_url="/two/")
    assert storage.url("a") == "/two/a"


def test_the_setting(settings: Any) -> None:
    """Without backends, FALLBACK_STORAGES names them, and changes to it are followed."""
    one, two = stocked("one.txt"), stocked("two.txt")
    settings.FALLBACK_STORAGES = (one,)
    storage = FallbackStorage()
    assert storage.listdir("") == ([], ["one.txt"])
    with override_settings(FALLBACK_STORAGES=(DOTTED, two)):
        assert storage.listdir("") == ([], ["two.txt"])
        storage.delete("two.txt")
        assert storage.listdir("") == ([], [])
    assert storage.listdir("") == ([], ["one.txt"])


@pytest.mark.parametrize("value", [None, [], ()])
def test_the_setting_is_missing(settings: Any, value: Any) -> None:
    """A missing or empty setting raises an error that says what to set."""
    if value is not None:
        settings.FALLBACK_STORAGES = value
    with pytest.raises(ImproperlyConfigured, match=r"FALLBACK_STORAGES is missing or empty\. Set"):
        FallbackStorage()


@pytest.mark.parametrize(
    ("backends", "message"),
    [
        ([], "needs backends"),
        ("default", "a list of storages, not 'default'"),
        ({"BACKEND": DOTTED}, "a list of storages, not"),
        (7, "a list of storages, not 7"),
        (["nowhere"], r"'nowhere' is neither an alias of STORAGES \(default, .* nor the dotted"),
        (["nowhere.Storage"], "No module named 'nowhere'"),
        (["inmemorystorage.Nothing"], "'inmemorystorage.Nothing' is neither"),
        ([None], "None is not a storage"),
        ([7], "7 is not a storage"),
        ([{"OPTIONS": {}}], "BACKEND"),
        ([{"BACKEND": DOTTED, "OPTION": {}}], r"other keys of BACKEND, OPTIONS, only, skip"),
        ([{"BACKEND": DOTTED, "OPTIONS": {"x": 1}}], "x"),
        ([{"BACKEND": RemoteStorage, "OPTIONS": {"x": 1}}], "RemoteStorage cannot be made"),
        ([{"BACKEND": "default", "OPTIONS": {"x": 1}}], r"Set OPTIONS in STORAGES\['default'\]"),
        ([{"BACKEND": InMemoryStorage(), "OPTIONS": {"x": 1}}], "it is an instance already"),
        ([{"BACKEND": DOTTED, "skip": [1]}], r"skip must be a list of patterns, not \[1\]"),
        ([{"BACKEND": DOTTED, "timeout": "1"}], "timeout must be a number of seconds, not '1'"),
        ([{"BACKEND": DOTTED, "only": "*.jpg"}], r"only must be a list of patterns, not '\*.jpg'"),
    ],
)
def test_mistaken_entries(backends: Any, message: str) -> None:
    """An entry that names no storage raises an error that lists the choices."""
    with pytest.raises(ImproperlyConfigured, match=message):
        FallbackStorage(backends)


@pytest.mark.parametrize(
    ("option", "value"), [("writable", "default"), ("writable", 0), ("cache_size", "10")]
)
def test_options_of_wrong_types(option: str, value: Any) -> None:
    """An option of the wrong type raises an error that names it."""
    with pytest.raises(ImproperlyConfigured, match=rf"{option} must be .*, not {value!r}"):
        FallbackStorage([DOTTED], **{option: value})


def test_secrets_are_not_shown() -> None:
    """An error does not show the options of a backend."""
    secret = {"BACKEND": DOTTED, "OPTIONS": {"base_url": "/secret/"}}
    for backends, writable in ([secret | {"opti": 1}], None), ([secret], [{"x": "secret"}]):
        with pytest.raises(ImproperlyConfigured) as caught:
            FallbackStorage(backends, writable=writable)
        assert "secret" not in str(caught.value)


def test_callables_without_a_name() -> None:
    """A partial makes a storage, and a storage that is callable is used itself."""
    made = FallbackStorage([functools.partial(InMemoryStorage, base_url="/partial/")])
    assert made.base_url == "/partial/"

    class Callable(InMemoryStorage):
        __call__ = None

    called = Callable()
    type(called).__call__ = lambda self: None  # type: ignore[assignment, method-assign]
    assert FallbackStorage([called])._layers.all[0].find() is called


def test_attributes_before_init() -> None:
    """An attribute raises AttributeError before the storage has layers."""
    with pytest.raises(AttributeError, match="base_url"):
        FallbackStorage.__new__(FallbackStorage).base_url  # noqa: B018


def test_a_pickle_forgets_missing_names() -> None:
    """A pickle keeps the options of a layer, and none of its missing names."""
    storage = FallbackStorage([DOTTED, {"BACKEND": stocked("a.txt"), "missing_for": 60}])
    assert not storage.exists("b.txt")
    pickled = pickle.loads(pickle.dumps(storage))._layers.all[1]
    assert (len(pickled.missing_names), pickled.missing_for, pickled.down_for) == (0, 60, 30)


def test_an_alias_that_cannot_be_made(settings: Any) -> None:
    """An alias with a broken BACKEND raises its error at once."""
    use_storage(settings, "broken", "nowhere.Storage")
    with pytest.raises(InvalidStorageError, match="nowhere"):
        FallbackStorage(["broken"])


def test_recursion(settings: Any) -> None:
    """Backends that lead back to the same storage raise an error that shows the path."""
    use_storage(settings, "default", FALLBACK, backends=[DOTTED, "default"])
    with pytest.raises(ImproperlyConfigured, match="leads back to itself: default → default"):
        storages["default"]
    use_storage(settings, "one", FALLBACK, backends=["two"])
    use_storage(settings, "two", FALLBACK, backends=[DOTTED, "one"])
    with pytest.raises(ImproperlyConfigured, match="two → one → two"):
        storages["one"]
    settings.FALLBACK_STORAGES = [FALLBACK]
    with pytest.raises(ImproperlyConfigured, match="FALLBACK_STORAGES → FALLBACK_STORAGES"):
        FallbackStorage()


def test_options_in_storages(settings: Any) -> None:
    """FallbackStorage takes its options from STORAGES."""
    use_storage(settings, "shared", FALLBACK, backends=[DOTTED, stocked("a.txt")], whiteouts=False)
    assert storages["shared"].listdir("") == ([], ["a.txt"])
    assert storages["shared"]._layers.whiteouts is None


def test_equality() -> None:
    """A storage equals itself alone: one that the same call makes has its own files."""
    pair = [FallbackStorage([DOTTED]) for _ in range(2)]
    assert pair[0] == pair[0] != pair[1] and len({*pair}) == 2
    put(pair[0], "a.txt")
    assert {each: each.exists("a.txt") for each in pair} == {pair[0]: True, pair[1]: False}


@pytest.mark.parametrize("make", [FileSystemStorage, InMemoryStorage])
def test_migration_with_writable(make: Any) -> None:
    """A storage that a migration made again has the same writable layers."""
    first, second = make(base_url="/a/"), make(base_url="/b/")
    storage = FallbackStorage([first, second], writable=[second])
    text, imports = MigrationWriter.serialize(storage)
    scope: dict[str, Any] = {}
    exec("\n".join(sorted(imports)), scope)
    again = eval(text, scope)
    assert [each.is_writable for each in again._layers.all] == [False, True]


def test_copies() -> None:
    """Copies have the same files."""
    storage, _, _ = over("a.txt", cache_reads=True)
    put(storage, "b.txt")
    for other in (copy.copy(storage), copy.deepcopy(storage), pickle.loads(pickle.dumps(storage))):
        assert get(other, "a.txt") == b"a.txt" and get(other, "b.txt") == b"content"
        assert other.deconstruct()[0] == "inmemorystorage.FallbackStorage"


def test_pickles(settings: Any) -> None:
    """A pickle keeps an alias by its name, and a storage of a dotted path with its files."""
    use_storage(settings, "named", DOTTED, base_url="/one/")
    storage = FallbackStorage([DOTTED, "named"])
    put(storage, "a.txt")
    pickled = pickle.loads(pickle.dumps(storage))
    use_storage(settings, "named", DOTTED, base_url="/two/")
    assert get(pickled, "a.txt") == b"content" and pickled.url("b.txt") == "/two/b.txt"


def test_repr() -> None:
    """repr() names the layers, and says which are read-only."""
    storage, *_ = over()
    assert repr(storage) == "<FallbackStorage: InMemoryStorage, Recording (read-only)>"


MODELS = """
    from inmemorystorage import FallbackStorage

    class Own(InMemoryStorage):
        pass

    class Upload(models.Model):
        one = models.FileField(storage=FallbackStorage(["upper", "uploads.models.Own"]))
        two = models.FileField(storage=FallbackStorage([InMemoryStorage(base_url="/own/")]))
        three = models.FileField(storage=FallbackStorage())
"""
SETTINGS = """
    STORAGES = {
        "default": {"BACKEND": "inmemorystorage.FallbackStorage"},
        "upper": {"BACKEND": "inmemorystorage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    FALLBACK_STORAGES = ["upper", {"BACKEND": "inmemorystorage.InMemoryStorage", "timeout": 3}]
"""


@pytest.mark.slow
def test_migrations(tmp_path: Any) -> None:
    """makemigrations writes a field with this storage once, and finds no changes later."""
    project = make_project(tmp_path, settings=SETTINGS, models=MODELS)
    project.manage("makemigrations", "uploads")
    assert "No changes" in project.manage("makemigrations", "uploads", "--check")
    project.manage("migrate")
    assert "no issues" in project.manage("check")


@pytest.mark.slow
def test_check(tmp_path: Any) -> None:
    """manage.py check reports backends that cannot be made."""
    project = make_project(tmp_path, settings=SETTINGS + '    FALLBACK_STORAGES = ["default"]\n')
    said = project.manage("check", fails=True)
    assert "inmemorystorage.E001" in said and "leads back to itself" in said


def test_default_file_storage(settings: Any) -> None:
    """DEFAULT_FILE_STORAGE may name this class."""
    from inmemorystorage.checks import own_class

    assert own_class(FALLBACK) is FallbackStorage
