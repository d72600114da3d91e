"""shared_storage(): files that a test shares with other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

import inmemorystorage
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.backends import locmem
from inmemorystorage.kvstore.connections import backend_for
from inmemorystorage.kvstore.files.chunks import ChunkedUpload
from inmemorystorage.testing import (
    RealStorageError,
    forbid_real_storages,
    override_storages,
    replace_storage,
    shared_storage,
)

# What a worker does, which has the URI from its environment.
WORKER = """
import os, sys
from django.conf import settings
settings.configure()
from django.core.files.base import ContentFile
from inmemorystorage.kvstore import KeyValueStorage
storage = KeyValueStorage(os.environ["STORAGE_URI"])
with storage.open("upload") as upload:
    storage.save("answer", ContentFile(upload.read().upper()))
"""


def memory(uri: str) -> locmem.StoreData:
    """Return the dicts behind a URI."""
    backend = backend_for(uri)
    assert isinstance(backend, locmem.LocmemBackend)
    return backend.data


def test_a_storage_of_the_tests_own() -> None:
    """A shared storage is empty, shares nothing with others on its store, and leaves nothing."""
    with shared_storage("locmem://shared?namespace=n") as one, shared_storage(one.uri) as two:
        assert one.save("d/a", ContentFile(b"one")) == two.save("d/a", ContentFile(b"two" * 2**20))
        assert one.uri != two.uri
    assert (memory("locmem://shared").values, memory("locmem://shared").directories) == ({}, {})


def test_it_takes_options() -> None:
    """shared_storage() passes options to the storage."""
    with shared_storage("locmem://shared", base_url="/shared/") as storage:
        assert storage.url("a") == "/shared/a"


def test_files_of_killed_saves_are_swept() -> None:
    """The end sweeps files of killed saves, however new they are."""
    with shared_storage("locmem://shared") as storage:
        upload = ChunkedUpload(storage._contents, "a", ("d", "a"), "content")
        upload.__enter__()
        upload.store(iter([b"chunk"]))
    assert (memory("locmem://shared").values, memory("locmem://shared").directories) == ({}, {})


@shared_storage("locmem://shared")
def test_as_a_decorator() -> None:
    """A decorated test runs with the storage."""


def test_as_a_chosen_storage() -> None:
    """A shared storage can be chosen for an alias, and strict tests may write to it."""
    other = KeyValueStorage("locmem://other")
    with (
        shared_storage("locmem://shared") as storage,
        override_storages({"default": storage}),
        forbid_real_storages(reads=True),
    ):
        default_storage.save("a", ContentFile(b"content"))
        assert storage.exists("a")
        other.save("a", ContentFile(b"content"))
    assert not other.exists("a")


def test_a_shared_storage_within_an_override() -> None:
    """A shared storage that a test makes within an override is used as it is."""
    with override_storages(), shared_storage("locmem://shared") as storage:
        storage.save("a", ContentFile(b"content"))
        assert type(storage) is KeyValueStorage


def test_strict_mode_knows_shared_storages() -> None:
    """Strict mode allows a shared storage, and no other storage on a store."""
    other = KeyValueStorage("locmem://other")
    with (
        shared_storage("locmem://shared") as storage,
        forbid_real_storages(tells_of_swallowed=False),
    ):
        storage.save("a", ContentFile(b"content"))
        with pytest.raises(RealStorageError):
            other.save("a", ContentFile(b"content"))


@pytest.mark.once
def test_another_process_has_the_same_files(store_uri: Callable[[str], str]) -> None:
    """A worker with the URI reads files of the test, and the test those of the worker."""
    with shared_storage(store_uri("redis")) as storage:
        storage.save("upload", ContentFile(b"content"))
        environment = {
            "STORAGE_URI": storage.uri,
            "PYTHONPATH": str(Path(inmemorystorage.__file__).parents[1]),
        }
        command = [sys.executable, "-c", WORKER]
        subprocess.run(command, env=os.environ | environment, check=True)
        with storage.open("answer") as file:
            assert file.read() == b"CONTENT"


@pytest.mark.once
def test_on_a_store_that_cannot_list(store_uri: Callable[[str], str]) -> None:
    """A store that cannot delete, as memcached, raises no error at the end."""
    with shared_storage(store_uri("memcached")) as storage:
        storage.save("a", ContentFile(b"content"))
        assert storage.exists("a")


def test_key_value_storages_are_replaced() -> None:
    """A storage of the project on a store is replaced by one in memory that behaves like it."""
    options: dict[str, Any] = {"base_url": "/kv/", "behaves_like": "filesystem"}
    storage = KeyValueStorage("locmem://replaced", allow_overwrite=True, **options)
    replacement = replace_storage(storage)
    assert replacement.url("a") == "/kv/a"
    assert replacement.behavior == storage.behavior
    assert replacement.get_available_name("a") == "a"
