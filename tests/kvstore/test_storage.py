"""`KeyValueStorage`: its options, names, copies and migrations."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from kvstore.helpers import LONG, make, memory, read, save

from inmemorystorage.kvstore import KeyValueStorage, get_kvstore


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ttl": 0}, "ttl=0: it must be a number of seconds"),
        ({"ttl": -1}, "ttl=-1"),
        ({"ttl": "60"}, "ttl='60': it must be a number of seconds"),
        ({"ttl": timedelta(hours=1)}, "ttl=.*: it must be a number of seconds"),
        ({"ttl": float("inf")}, "ttl=inf: .* None for files that do not expire"),
        ({"location": None}, "location=None: it must be the name of a directory"),
        ({"location": b"media"}, "location=b'media'"),
        ({"chunk_size": 0}, "chunk_size=0: it must be a number of bytes"),
        ({"chunk_size": "1M"}, "chunk_size='1M'"),
        ({"behaves_like": "filesytem"}, "Did you mean 'filesystem'"),
        ({"uri": "locmem://?namespace=a:b"}, "namespace 'a:b'"),
        ({"uri": "locmem://?serializer=xml"}, "no serializer 'xml'"),
        ({"uri": "locmem://?namespaec=a"}, "Did you mean 'namespace'"),
        ({"uri": "locmen://"}, "Did you mean 'locmem'"),
        ({"uri": "tokyotyrant://127.0.0.1"}, "cannot keep files.*redis://"),
    ],
)
def test_mistaken_options_raise(options: dict[str, Any], message: str) -> None:
    """A mistaken option raises an error that names it and the valid values."""
    if "tokyo" in options.get("uri", ""):
        pytest.importorskip("pymemcache")
    with pytest.raises(ImproperlyConfigured, match=message):
        KeyValueStorage(**{"uri": "locmem://"} | options)


def test_storages_setting() -> None:
    """STORAGES makes the storage from its OPTIONS."""
    backend = {
        "BACKEND": "inmemorystorage.kvstore.KeyValueStorage",
        "OPTIONS": {"uri": make().uri, "base_url": "/shared/"},
    }
    with override_settings(STORAGES={"shared": backend}):
        storage = storages["shared"]
        save(storage, "a")  # type: ignore[arg-type]
        assert storage.url("a") == "/shared/a"


def test_locations_are_directories_of_one_store() -> None:
    """A storage at the top sees the files of a storage with a location."""
    top, below = make(), None
    below = KeyValueStorage(top.uri, location="/media//photos/")
    assert (below.location, below.listdir(""), below.exists("")) == ("media/photos", ([], []), True)
    save(below, "d/a")
    assert read(top, "media/photos/d/a") == LONG
    assert top.listdir("media") == (["photos"], [])
    assert below.listdir("") == (["d"], [])
    save(top, "b")
    assert not below.exists("b")
    with pytest.raises(FileNotFoundError):
        below.open("b")
    below.delete(".")
    assert (below.listdir(""), read(top, "b")) == (([], []), LONG)


def test_namespaces_are_separate() -> None:
    """Files are in their namespace only, and keys of the store are not among them."""
    one = make()
    others = [KeyValueStorage(f"{one.uri}?namespace={name}") for name in ["a", "b"]]
    for storage in [one, *others]:
        assert save(storage, "d/a") == "d/a"
    get_kvstore(one.uri).set("d/a", "value")
    one.delete("d")
    assert [each.listdir("") for each in [one, *others]] == [([], []), (["d"], []), (["d"], [])]
    assert get_kvstore(one.uri).get("d/a") == "value"


def test_names_that_the_backend_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """listdir() returns original names if the backend takes short, plain keys only."""
    storage = make()
    monkeypatch.setattr(type(memory_backend(storage)), "key_max", 60)
    monkeypatch.setattr(type(memory_backend(storage)), "plain_keys", True)
    names = ["x" * 200, "日本/" + "y" * 100, "日本/é", "plain", "sha256-" + "0" * 64]
    for name in names:
        assert save(storage, name) == name
    assert storage.listdir("") == (["日本"], [names[0], "plain", names[4]])
    assert storage.listdir("日本") == ([], ["y" * 100, "é"])
    with storage.open(names[0], "ab") as file:
        file.write(b"more")
    assert read(storage, names[0]) == LONG + b"more"
    for name in names:
        storage.delete(name)
    storage.delete("日本")
    assert storage.listdir("") == ([], [])


def memory_backend(storage: KeyValueStorage) -> Any:
    """Return the backend of a storage."""
    from inmemorystorage.kvstore.connections import backend_for

    return backend_for(storage.uri)


def test_equality() -> None:
    """Storages made by the same call are equal."""
    one = make(base_url="/a/")
    assert one == KeyValueStorage(one.uri, chunk_size=10, base_url="/a/")
    assert hash(one) == hash(KeyValueStorage(one.uri, chunk_size=10, base_url="/a/"))
    for other in [make(base_url="/a/"), KeyValueStorage(one.uri), "text"]:
        assert one != other


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_copies_share_files(duplicate: Any) -> None:
    """A copied or pickled storage has the same files."""
    storage = make()
    save(storage, "a")
    assert read(duplicate(storage), "a") == LONG
    assert duplicate(storage) == storage


def test_credentials_are_hidden() -> None:
    """Neither repr() nor a migration contains the password."""
    storage = KeyValueStorage("locmem://user:secret@name?namespace=n", ttl=60)
    path, positional, options = storage.deconstruct()
    assert (path, positional) == ("inmemorystorage.kvstore.KeyValueStorage", ())
    assert options == {"uri": "locmem://name?namespace=n", "ttl": 60}
    field = models.FileField(storage=storage)
    assert "secret" not in repr(vars(storage._contents)["entries"])
    for text in [repr(storage), str(storage), MigrationWriter.serialize(field)[0]]:
        assert "secret" not in text
        assert "locmem://name" in text


def test_deconstructing_a_subclass() -> None:
    """deconstruct() returns the path of a subclass."""
    path, _, options = Own(make().uri, location="d").deconstruct()
    assert path == f"{__name__}.Own"
    assert options["location"] == "d"


class Own(KeyValueStorage):
    """A subclass."""


def test_times_of_the_location() -> None:
    """The location itself has a constant, early time."""
    storage = make()
    save(storage, "d/a")
    assert storage.get_modified_time("") == storage.get_created_time(".")
    assert storage.get_modified_time("d/a") - storage.get_modified_time("d") < timedelta(minutes=1)


def test_filesystem_behavior_limits_names() -> None:
    """With the filesystem's behavior, open() refuses long names and exists() returns False."""
    storage = KeyValueStorage(make().uri, behaves_like="filesystem")
    for name in ["x" * 256, "/".join("x" * 2100)]:
        with pytest.raises(OSError, match="File name too long"):
            storage.open(name, "wb")
        assert not storage.exists(name)


def test_two_processes_make_one_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that make the same directory concurrently share it."""
    storage = make()
    make_directories = storage._tree.make_directories

    def late(names: Any) -> None:
        other = KeyValueStorage(storage.uri)
        save(other, "d/e/b")
        make_directories(names)

    monkeypatch.setattr(storage._tree, "make_directories", late)
    assert save(storage, "d/e/a") == "d/e/a"
    assert storage.listdir("d/e") == ([], ["b", "a"])


def test_delete_tolerates_concurrent_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    """delete() of a directory ignores files that another process deletes concurrently."""
    storage = make()
    for name in ["d/a", "d/b"]:
        save(storage, name)
    names = storage._tree.names

    def listed(name: Any) -> Any:
        found = names(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(storage._tree, "names", names)
            if "a" in found[1]:
                storage.delete("d/a")
        return found

    monkeypatch.setattr(storage._tree, "names", listed)
    storage.delete("d")
    assert storage.listdir("") == ([], [])


def test_deleting_the_location_empties_it() -> None:
    """delete('.') deletes the files and keeps the location."""
    storage = make()
    save(storage, "d/a")
    storage.delete(".")
    assert storage.listdir("") == ([], [])
    assert list(memory(storage).directories) == []
