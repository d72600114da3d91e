"""The storages that the contract is run on, a line each, with their capabilities."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from buckets import Bucket, needs_s3, shared_connections
from django.core.files.storage import FileSystemStorage, Storage

from inmemorystorage import InMemoryStorage
from inmemorystorage.kvstore import KeyValueStorage


@dataclass(frozen=True)
class Capabilities:
    """
    Describe where storages may differ; everything else is the contract.

    :param makes_parents: ``open(name, "w")`` makes the directories above the file.
    :param deletes_trees: ``delete()`` deletes a directory with its content.
    :param deletes_quietly: ``delete()`` of a name below a file is silent.
    :param has_paths: ``path()`` answers, and a handle's ``name`` is the path.
    :param has_paths_below: ``path()`` of a missing file is one in a lower layer.
    :param looks_before_paths: ``path()`` looks for the file, and so refuses what is no name.
    :param has_files_at_paths: what is at ``path()`` is the file.
    :param limits_names: a name may have 255 bytes for each of its components.
    :param keeps_partial_saves: a content that breaks half-way leaves its first half behind.
    :param overwrites: the storage takes ``allow_overwrite``.
    :param follows_media_root: without a location the files are below MEDIA_ROOT.
    :param opens_like_python: open() has Python's modes, and its handles behave like Python's.
    :param has_directories: a directory exists by itself, and is not a file.
    :param refuses_names: a name that leads out of the storage, or has NUL in it, is refused by
        every method.
    :param takes_odd_characters: a name may contain a newline.
    :param takes_every_content: what save() takes need not be seekable, or be binary; a temporary
        upload is gone from the disk afterwards.
    :param gives_each_a_name: concurrent saves under one name get different names.
    :param has_media_urls: url() is the quoted name below the base URL.
    :param has_base_url: it takes ``base_url``, and a migration can write it down.
    :param has_disk_options: it takes a path as ``location``, and permission modes.
    :param shows_writes: an open handle sees what others write to its file.
    :param has_every_time: get_accessed_time() and get_created_time() answer, to the microsecond,
        and a time is an error for what is not there.
    :param copies_deeply: a deep copy and a pickled copy work like the storage.
    """

    makes_parents: bool = False
    deletes_trees: bool = False
    deletes_quietly: bool = False
    has_paths: bool = True
    has_paths_below: bool = False
    looks_before_paths: bool = False
    has_files_at_paths: bool = True
    limits_names: bool = True
    keeps_partial_saves: bool = True
    overwrites: bool = True
    follows_media_root: bool = True
    opens_like_python: bool = True
    has_directories: bool = True
    refuses_names: bool = True
    takes_odd_characters: bool = True
    takes_every_content: bool = True
    gives_each_a_name: bool = True
    has_media_urls: bool = True
    has_base_url: bool = True
    has_disk_options: bool = True
    shows_writes: bool = True
    has_every_time: bool = True
    copies_deeply: bool = True


@dataclass(frozen=True)
class Place:
    """
    The place of a test's storages.

    :param directory: an existing directory for this test.
    :param make_bucket: creates a bucket; the first call starts the server.
    :param store_uri: returns the URI of a key-value store, started by the first call.
    """

    directory: Path
    make_bucket: Callable[[], Bucket]
    store_uri: Callable[[str], str]

    def make_directory(self, name: str) -> Path:
        """Make a directory next to the test's directory."""
        directory = self.directory.with_name(name)
        directory.mkdir()
        return directory


@dataclass(frozen=True)
class Subject:
    """
    A storage that the contract is run on.

    :param factory: called with the test's place, returns a callable that creates storages
        there from the storage's options.
    :param marks: the marks of its tests.
    """

    label: str
    factory: Callable[[Place], Callable[..., Storage]]
    can: Capabilities
    marks: tuple[pytest.MarkDecorator, ...] = ()


def on_disk(place: Place) -> Callable[..., Storage]:
    """Return a factory of storages on the disk."""
    return partial(FileSystemStorage, location=place.directory)


def in_memory(place: Place, **options: Any) -> Callable[..., Storage]:
    """Return a factory of storages in memory."""
    return partial(InMemoryStorage, location=place.directory, **options)


def in_bucket(place: Place) -> Callable[..., Storage]:
    """Return a factory of storages in a bucket; they do not use a base URL."""
    from boto3.s3.transfer import TransferConfig

    # One request does not need ten threads.
    options = place.make_bucket().options | {"transfer_config": TransferConfig(use_threads=False)}

    def make(base_url: str = "", **others: Any) -> Storage:
        return shared_connections()(file_overwrite=False, **options, **others)

    return make


def on_locmem(place: Place, **options: Any) -> Callable[..., Storage]:
    """Return a factory of storages on a dict of this process."""
    return partial(KeyValueStorage, f"locmem://{place.directory}", **options)


def in_store(name: str) -> Callable[[Place], Callable[..., Storage]]:
    """Return a factory of storages on a key-value store that the tests start."""

    def factory(place: Place) -> Callable[..., Storage]:
        return partial(KeyValueStorage, place.store_uri(name))

    return factory


DISK = Capabilities(
    # Django's has it since 5.1.
    overwrites="allow_overwrite" in inspect.signature(FileSystemStorage.__init__).parameters
)
LIKE_DISK = replace(DISK, has_files_at_paths=False, overwrites=True)
LENDING = replace(LIKE_DISK, has_files_at_paths=True, follows_media_root=False)
MEMORY = Capabilities(
    makes_parents=True,
    deletes_trees=True,
    deletes_quietly=True,
    has_paths=False,
    has_files_at_paths=False,
    limits_names=False,
    keeps_partial_saves=False,
)
BUCKET = replace(
    MEMORY,
    overwrites=False,
    follows_media_root=False,
    opens_like_python=False,
    has_directories=False,
    refuses_names=False,
    takes_odd_characters=False,  # moto refuses them; S3 does not
    takes_every_content=False,
    gives_each_a_name=False,
    has_media_urls=False,
    has_base_url=False,
    has_disk_options=False,
    shows_writes=False,
    has_every_time=False,
    copies_deeply=False,  # it loses boto3's TransferConfig
)
# A save stores a new content, and open handles keep reading the old one.
KEY_VALUE = replace(MEMORY, follows_media_root=False, has_disk_options=False, shows_writes=False)
like_disk = partial(in_memory, behaves_like="filesystem")

# A server of buckets takes its time, and is not installed everywhere.
IN_BUCKETS = (pytest.mark.once, needs_s3)

SUBJECTS = [
    # Django's comes first: where it fails, the contract is wrong.
    Subject("FileSystemStorage", on_disk, DISK),
    Subject("memory", in_memory, MEMORY),
    Subject("filesystem", like_disk, LIKE_DISK),
    Subject("lend_paths", partial(like_disk, lend_paths=True), LENDING),
    Subject("locmem", on_locmem, KEY_VALUE),
    Subject("locmem in small chunks", partial(on_locmem, chunk_size=7), KEY_VALUE),
    *(
        Subject(name, in_store(name), KEY_VALUE, (pytest.mark.once,))
        for name in ["redis", "cluster", "sqlite", "postgresql", "mariadb", "dynamodb"]
    ),
    Subject("S3Storage", in_bucket, BUCKET, IN_BUCKETS),
]
