"""A user's code for the type checker, with every call in the documentation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages
from django.db import models
from django.http import HttpRequest
from django.test import TestCase
from django.test.runner import DiscoverRunner
from django.urls import path
from typing_extensions import assert_type

from inmemorystorage import (
    FallbackStorage,
    InMemoryDir,
    InMemoryFile,
    InMemoryStorage,
    PathDoesNotExist,
)
from inmemorystorage.kvstore import KeyValueStorage, get_kvstore, kvstore
from inmemorystorage.kvstore import models as kvmodels
from inmemorystorage.serving import media_urlpatterns, serve
from inmemorystorage.testing import (
    InMemoryStorageRunnerMixin,
    InMemoryStorageTestMixin,
    Media,
    Operation,
    StorageRequest,
    capture_storage_operations,
    fail_storage,
    forbid_repeated_operations,
    isolate_storages,
    override_storages,
    replace_storage,
    shared_storage,
)

# Every argument of the constructor, as a test or a settings module passes it.
InMemoryStorage()
InMemoryStorage(InMemoryDir(), "/media/")
InMemoryStorage(
    location="/media",
    file_permissions_mode=0o640,
    directory_permissions_mode=0o750,
    allow_overwrite=True,
    behaves_like="filesystem",
    max_size=1024 * 1024,
    lend_paths=True,
    querystring_auth=True,
    querystring_expire=600,
)


def is_public(request: HttpRequest, name: str) -> bool:
    """Return whether a request may read a file."""
    return request.user.is_authenticated or name.startswith("public/")


urlpatterns = [
    path("files/<path:name>", serve, {"alias": "default", "as_attachment": True}),
    *media_urlpatterns("media/", alias="default", debug_only=False, public=is_public),
]


class Invoice(models.Model):
    """A model whose fields have their own storage, given as an object and as a callable."""

    pdf = models.FileField(storage=InMemoryStorage(base_url="/invoices/"))
    scan = models.FileField(storage=lambda: storages["default"])


def use_as_any_storage(storage: InMemoryStorage) -> None:
    """Call the methods of Django's Storage."""
    django_storage: Storage = storage
    assert_type(django_storage.save("a.txt", ContentFile(b"a")), str)
    assert_type(storage.exists("a.txt"), bool)
    assert_type(storage.size("a.txt"), int)
    assert_type(storage.url("a.txt"), str)
    assert_type(storage.url("a.txt", expire=60), str)
    assert_type(storage.path("a.txt"), str)
    assert_type(storage.get_modified_time("a.txt"), datetime)
    assert_type(storage.get_available_name("a.txt", max_length=100), str)
    directories, files = storage.listdir("")
    assert_type(directories, list[str])
    assert_type(files, list[str])
    storage.delete("a.txt")


def save_any_content(storage: InMemoryStorage, path: Path) -> list[str]:
    """Save contents beyond a `File`: bytes, text and readable objects."""
    with path.open("rb") as stream:
        return [
            storage.save("a.bin", b"a"),
            storage.save("a.txt", "a"),
            storage.save("b.bin", stream),
            storage.save("c.bin", ContentFile("c")),
        ]


def share_files() -> tuple[list[str], list[str]]:
    """Use files in a key-value store as those of any storage."""
    storage: Storage = KeyValueStorage("locmem://", ttl=60, base_url="/shared/")
    with shared_storage("redis://127.0.0.1:6379/0", chunk_size=1024) as shared:
        assert_type(shared.sweep(older_than=60), int)
        with override_storages({"default": shared}):
            storage.save("a", ContentFile(b"a"))
    return storage.listdir("")


def use_handles(storage: InMemoryStorage) -> None:
    """Open for reading and for writing; the result is Django's `File`."""
    with storage.open("a.txt", "w") as handle:
        handle.write("a")
    with storage.open("a.txt") as handle:
        as_file: File[bytes] = handle
        assert as_file.read() == b"a"


def use_the_tree(storage: InMemoryStorage, directory: Path) -> None:
    """Draw the storage, and copy it from and to a disk."""
    assert_type(storage.tree(), str)
    storage.load(directory)
    storage.dump(str(directory))
    root: InMemoryDir = storage.filesystem
    root.add_child("a", InMemoryFile("content"))
    assert_type(root.exists("a"), bool)
    assert_type(root.size("a"), int)
    assert_type(root.save("b", b"b"), str)


def handle_errors(read: Callable[[], bytes]) -> str:
    """Catch the package's error, and read its attributes."""
    try:
        read()
    except PathDoesNotExist as error:
        missing: FileNotFoundError = error
        assert missing.errno
        return assert_type(error.path, str)
    return ""


class Runner(InMemoryStorageRunnerMixin, DiscoverRunner):
    """A project's test runner."""

    inmemorystorage_strict = True


class UploadTests(InMemoryStorageTestMixin, TestCase):
    """A project's tests, with the assertions."""

    def test_upload(self) -> None:
        """Use the mixin's methods."""
        with isolate_storages(), override_storages({"default": InMemoryStorage()}):
            self.assertStored("a.txt", b"content")
        with fail_storage("save", OSError, name="*.png"), self.assertNumStorageOperations(1):
            pass
        with fail_storage("save", status=503, times=1), self.assertNumStorageRequests(5):
            pass
        with forbid_repeated_operations(10, allow=["delete"]):
            pass


def use_the_kit(media: Media, captured: capture_storage_operations) -> None:
    """Read the kit's records."""
    assert_type(media["a.txt"], bytes)
    assert_type(media.created, list[str])
    assert_type(captured[0], Operation)
    assert_type(captured[0].op, str)
    assert_type(captured.requests[0], StorageRequest)
    assert_type(captured.cost({"HeadObject": 1}), float)
    assert_type(replace_storage(storages["default"]), Storage)


def use_several() -> None:
    """Use several storages in order."""
    FallbackStorage()
    storage = FallbackStorage(
        ["local", Storage, InMemoryStorage(), {"BACKEND": "production", "timeout": 3}],
        writable=["local", 2],
        whiteouts=False,
        cache_reads=True,
        cache_size=1024,
    )
    assert_type(storage.exists("a.txt"), bool)
    assert_type(storage.listdir(""), tuple[list[str], list[str]])
    assert_type(storage.url("a.txt"), str)
    assert_type(storage.get_modified_time("a.txt"), datetime)


class Visitor(kvmodels.Model):
    """An object in a key-value store."""

    address = kvmodels.Field(pk=True)
    pages = kvmodels.Field(default=0)
    tags = kvmodels.Field[list[str]](default=list)
    since = kvmodels.DateTimeField(default=datetime.now)
    seen = kvmodels.DateTimeField()
    picture = kvmodels.BytesField()

    class Meta:
        """The options of the model."""

        store = "locmem://visitors"


def use_a_key_value_store(visitor: Visitor) -> None:
    """Call the methods of a store, and read the fields of a model."""
    assert_type(kvstore.has_key("a"), bool)
    assert_type("a" in get_kvstore("locmem://"), bool)
    assert_type(kvstore.get_many(["a"]), dict[str, Any])
    assert_type(visitor.pages, int)
    assert_type(visitor.tags, list[str])
    assert_type(visitor.since, datetime)
    assert_type(visitor.seen, datetime | None)
    assert_type(visitor.picture, bytes | None)
    assert_type(Visitor.get("::1"), Visitor | None)
    assert_type(Visitor.get_many(["::1"]), dict[Any, Visitor])
    try:
        assert_type(Visitor.get_or_raise("::1"), Visitor)
    except Visitor.DoesNotExist:
        visitor.save()
