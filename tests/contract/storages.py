"""The storages that the contract runs on, a line each, with their capabilities."""

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
from inmemorystorage.conformance import Capabilities
from inmemorystorage.conformance.capabilities import NAMES
from inmemorystorage.kvstore import KeyValueStorage

# What all storages have here, except for those below.
EVERYTHING = dict.fromkeys(NAMES, True) | {"overwrites": False}


@dataclass(frozen=True)
class Traits(Capabilities):
    """
    Describe where storages differ, beyond the capabilities of the conformance suite.

    :param makes_parents: ``open(name, "w")`` makes the directories above the file.
    :param deletes_trees: ``delete()`` deletes a directory with its content.
    :param deletes_quietly: ``delete()`` of a name below a file is silent.
    :param has_paths_below: ``path()`` of a missing file is a path in a lower layer.
    :param looks_before_paths: ``path()`` looks for the file first, and so refuses bad names.
    :param has_files_at_paths: the file is on the disk at ``path()``.
    :param limits_names: a component of a name may have at most 255 bytes.
    :param keeps_partial_saves: save() keeps the chunks of content that raises after them.
    :param allows_overwrite: the storage takes ``allow_overwrite``.
    :param follows_media_root: without a location the files are below MEDIA_ROOT.
    :param refuses_names: every method refuses a name outside of the storage or with NUL in it.
    :param lists_slash: ``listdir("/")`` lists the storage.
    :param takes_odd_characters: a name may contain a newline.
    :param takes_every_content: save() also takes text and streams that cannot seek, and removes
        the temporary file of an upload.
    :param has_media_urls: url() is the quoted name below the base URL.
    :param has_base_url: the storage takes ``base_url``, and a migration can serialize it.
    :param has_disk_options: the storage takes a path as ``location``, and permission modes.
    :param shows_writes: an open handle sees what other handles write to its file.
    :param copies_deeply: a deep copy and a pickled copy work like the storage.
    """

    makes_parents: bool = False
    deletes_trees: bool = False
    deletes_quietly: bool = False
    has_paths_below: bool = False
    looks_before_paths: bool = False
    has_files_at_paths: bool = True
    limits_names: bool = True
    keeps_partial_saves: bool = True
    allows_overwrite: bool = True
    follows_media_root: bool = True
    refuses_names: bool = True
    lists_slash: bool = False
    takes_odd_characters: bool = True
    takes_every_content: bool = True
    has_media_urls: bool = True
    has_base_url: bool = True
    has_disk_options: bool = True
    shows_writes: bool = True
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
    A storage that the contract runs on.

    :param factory: takes the test's place, and returns a callable that creates storages there
        from their options.
    :param marks: the marks of its tests.
    :param fails: the checks of the conformance suite that it does not pass.
    """

    label: str
    factory: Callable[[Place], Callable[..., Storage]]
    can: Traits
    marks: tuple[pytest.MarkDecorator, ...] = ()
    fails: frozenset[str] = frozenset()

    @property
    def is_fast(self) -> bool:
        """Return whether all checks, thorough ones included, are fast enough for each run."""
        return not self.marks or self.label == "redis"


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
    """Return a factory of storages in a dict of this process."""
    return partial(KeyValueStorage, f"locmem://{place.directory}", **options)


def in_store(name: str) -> Callable[[Place], Callable[..., Storage]]:
    """Return a factory of storages in a key-value store that the tests start."""

    def factory(place: Place) -> Callable[..., Storage]:
        return partial(KeyValueStorage, place.store_uri(name))

    return factory


DISK = Traits(
    **EVERYTHING,
    # FileSystemStorage takes it since Django 5.1.
    allows_overwrite="allow_overwrite" in inspect.signature(FileSystemStorage.__init__).parameters,
)
LIKE_DISK = replace(DISK, has_files_at_paths=False, allows_overwrite=True, processes=False)
LENDING = replace(LIKE_DISK, has_files_at_paths=True, follows_media_root=False)
MEMORY = replace(
    LIKE_DISK,
    makes_parents=True,
    deletes_trees=True,
    deletes_quietly=True,
    paths=False,
    limits_names=False,
    lists_slash=True,
    keeps_partial_saves=False,
)
BUCKET = replace(
    MEMORY,
    processes=True,
    allows_overwrite=False,
    follows_media_root=False,
    modes=False,
    directories=False,
    refuses_names=False,
    takes_odd_characters=False,  # moto refuses them; S3 does not
    takes_every_content=False,
    atomic_names=False,
    has_media_urls=False,
    has_base_url=False,
    has_disk_options=False,
    shows_writes=False,
    created_time=False,
    accessed_time=False,
    copies_deeply=False,  # it loses boto3's TransferConfig
)
# A save stores a new content, and open handles keep reading the old one.
KEY_VALUE = replace(
    MEMORY, processes=None, follows_media_root=False, has_disk_options=False, shows_writes=False
)
like_disk = partial(in_memory, behaves_like="filesystem")

# Its path() is where the file would be on a disk.
NO_FILE = frozenset({"file_is_at_its_path"})
# One of its options is boto3's TransferConfig.
NOT_SERIALIZED = frozenset({"storage_is_serialized"})
# boto3 sends the number of a text's characters as its length in bytes.
FAILS_ON_S3 = NOT_SERIALIZED | {"text_is_saved"}

# Most of their time is spent in clients.
ON_SERVERS = (pytest.mark.once, pytest.mark.unmeasured)
# The S3 server is not installed everywhere.
IN_BUCKETS = (*ON_SERVERS, needs_s3)

SUBJECTS = [
    # Django's comes first: where it fails, the contract is wrong.
    Subject("FileSystemStorage", on_disk, DISK),
    Subject("memory", in_memory, MEMORY),
    Subject("filesystem", like_disk, LIKE_DISK, fails=NO_FILE),
    Subject("lend_paths", partial(like_disk, lend_paths=True), LENDING),
    Subject("locmem", on_locmem, KEY_VALUE),
    Subject(
        "locmem in small chunks",
        partial(on_locmem, chunk_size=7),
        KEY_VALUE,
        (pytest.mark.unmeasured,),
    ),
    *(
        Subject(name, in_store(name), KEY_VALUE, ON_SERVERS)
        for name in ["redis", "cluster", "sqlite", "postgresql", "mariadb", "dynamodb"]
    ),
    Subject("S3Storage", in_bucket, BUCKET, IN_BUCKETS, FAILS_ON_S3),
]
