"""django-storages' storages on buckets in memory and on emulators, one in each process."""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from .emulators import azurite_server, fake_gcs_server, in_process, moto_server
from .stores import KIB

# An installed package comes first, so that a wheel can be measured; else the checkout does.
sys.path.append(str(Path(__file__).resolve().parents[2]))

CONTENT = b"x" * KIB
BUCKET = "media"
LISTED = "listed"
ACCOUNT, KEY = "inmemory", "aW4tbWVtb3J5"  # those of the tests' Azurite
S3_ACCOUNT = {"access_key": "in-memory", "secret_key": "in-memory", "region_name": "us-east-1"}
S3 = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {"bucket_name": BUCKET, **S3_ACCOUNT},
}
GCS = {
    "BACKEND": "storages.backends.gcloud.GoogleCloudStorage",
    "OPTIONS": {"bucket_name": BUCKET},
}
AZURE = {
    "BACKEND": "storages.backends.azure_storage.AzureStorage",
    "OPTIONS": {
        "account_name": ACCOUNT,
        "account_key": KEY,
        "azure_container": BUCKET,
        "expiration_secs": 60,
    },
}


def set_up(entry: Mapping[str, Any], **options: Any) -> None:
    """Set Django up with a default storage."""
    default = {**entry, "OPTIONS": {**entry["OPTIONS"], **options}}
    settings.configure(USE_TZ=True, STORAGES={"default": default})
    django.setup()


def moved(entry: Mapping[str, Any]) -> Any:
    """Return a storage on buckets in memory."""
    from inmemorystorage.testing import override_storages

    set_up(entry)
    override_storages().enable()
    return storages["default"]


def s3_floor(_: str) -> Any:
    """Return an S3Storage on buckets in memory."""
    return moved(S3)


def s3_moto(_: str) -> Any:
    """Return an S3Storage on moto in this process."""
    from moto import mock_aws

    set_up(S3)
    mock_aws().start()
    return with_bucket(storages["default"])


def s3_server(endpoint: str) -> Any:
    """Return an S3Storage on a server."""
    set_up(S3, endpoint_url=endpoint)
    return with_bucket(storages["default"])


def with_bucket(storage: Any) -> Any:
    """Create the bucket of an S3Storage."""
    storage.connection.meta.client.create_bucket(Bucket=BUCKET)
    return storage


def gcs_floor(_: str) -> Any:
    """Return a GoogleCloudStorage on buckets in memory."""
    return moved(GCS)


def gcs_server(endpoint: str) -> Any:
    """Return a GoogleCloudStorage on a server."""
    from object_stores.gcs_server import client_of

    set_up(GCS)
    storage: Any = storages["default"]
    storage._client = client_of(endpoint)
    storage.client.create_bucket(BUCKET)
    return storage


def azure_floor(_: str) -> Any:
    """Return an AzureStorage on buckets in memory."""
    return moved(AZURE)


def azure_server(endpoint: str) -> Any:
    """Return an AzureStorage on a server."""
    location = f"BlobEndpoint={endpoint}/{ACCOUNT}"
    account = f"AccountName={ACCOUNT};AccountKey={KEY}"
    set_up(AZURE, connection_string=f"{location};{account}")
    storage: Any = storages["default"]
    storage.client.create_container()
    return storage


@dataclass(frozen=True)
class Contestant:
    """
    A storage to measure.

    :param make: returns the storage, from the URL of its emulator.
    :param emulator: runs the emulator, and yields its URL.
    :param is_replayed: whether recorded responses answer the calls that are measured.
    """

    make: Callable[[str], Any]
    emulator: Callable[[], AbstractContextManager[Any]] = in_process
    is_replayed: bool = False


# This library's, and the client with recorded responses.
OURS, CLIENT = "in memory", "the client alone"
SERVICES = {
    "S3": {
        OURS: Contestant(s3_floor),
        CLIENT: Contestant(s3_floor, is_replayed=True),
        "moto in the process": Contestant(s3_moto),
        "moto's server": Contestant(s3_server, moto_server),
    },
    "Google Cloud Storage": {
        OURS: Contestant(gcs_floor),
        CLIENT: Contestant(gcs_floor, is_replayed=True),
        "fake-gcs-server": Contestant(gcs_server, fake_gcs_server),
    },
    "Azure": {
        OURS: Contestant(azure_floor),
        CLIENT: Contestant(azure_floor, is_replayed=True),
        "Azurite": Contestant(azure_server, azurite_server),
    },
}


def save(storage: Any, name: str) -> None:
    """Save a file."""
    storage.save(name, ContentFile(CONTENT))


def read(storage: Any, name: str) -> None:
    """Open a file and read it."""
    with storage.open(name) as file:
        if file.read() != CONTENT:
            raise SystemExit(f"{name} has other content than was stored")


@dataclass(frozen=True)
class Operation:
    """A call on a storage with a name, and whether a file of that name exists."""

    call: Callable[[Any, str], object]
    is_stored: bool = True


COMMON = {
    "save 1 KiB": Operation(save, is_stored=False),
    "exists, hit": Operation(lambda storage, name: storage.exists(name)),
    "exists, miss": Operation(lambda storage, name: storage.exists(name), is_stored=False),
    "size": Operation(lambda storage, name: storage.size(name)),
    "open and read 1 KiB": Operation(read),
    "listdir of 1,000": Operation(lambda storage, name: storage.listdir(LISTED), is_stored=False),
    "url": Operation(lambda storage, name: storage.url(name), is_stored=False),
    "delete": Operation(lambda storage, name: storage.delete(name)),
}
OPERATIONS = {
    "S3": {
        **COMMON,
        "bucket.put_object": Operation(
            lambda storage, name: storage.bucket.put_object(Key=name, Body=CONTENT),
            is_stored=False,
        ),
        "bucket.Object.get": Operation(
            lambda storage, name: storage.bucket.Object(name).get()["Body"].read()
        ),
        "client.head_object": Operation(
            lambda storage, name: storage.connection.meta.client.head_object(
                Bucket=BUCKET, Key=name
            )
        ),
    },
    "Google Cloud Storage": {
        **COMMON,
        "blob.upload_from_string": Operation(
            lambda storage, name: storage.bucket.blob(name).upload_from_string(CONTENT),
            is_stored=False,
        ),
        "blob.download_as_bytes": Operation(
            lambda storage, name: storage.bucket.blob(name).download_as_bytes()
        ),
        "bucket.get_blob": Operation(lambda storage, name: storage.bucket.get_blob(name)),
    },
    "Azure": {
        **COMMON,
        "client.upload_blob": Operation(
            lambda storage, name: storage.client.upload_blob(name, CONTENT), is_stored=False
        ),
        "client.download_blob": Operation(
            lambda storage, name: storage.client.download_blob(name).readall()
        ),
        "get_blob_properties": Operation(
            lambda storage, name: storage.client.get_blob_client(name).get_blob_properties()
        ),
    },
}
_numbers = itertools.count()


class Worker:
    """
    The storage of this process, with files in a directory.

    Each process measures one storage: moto in the process answers all clients there.
    """

    storage: Any
    contestant: Contestant

    @classmethod
    def start(cls, service: str, label: str, endpoint: str, listed: int) -> None:
        """Make the storage."""
        cls.contestant = SERVICES[service][label]
        cls.storage = cls.contestant.make(endpoint)
        for number in range(listed):
            save(cls.storage, f"{LISTED}/{number:04}.bin")
        gc.collect()
        gc.freeze()

    @classmethod
    def measure(cls, service: str, label: str, calls: int) -> float:
        """Return the microseconds of a call of an operation, with a new name for each."""
        operation = OPERATIONS[service][label]
        names = [f"files/{next(_numbers)}.bin" for _ in range(calls)]
        if operation.is_stored:
            for name in names:
                save(cls.storage, name)
        with cls.answered(partial(operation.call, cls.storage, names[0])):
            gc.collect()
            start = perf_counter_ns()
            for name in names:
                operation.call(cls.storage, name)
            taken = perf_counter_ns() - start
        for name in names:
            cls.storage.delete(name)
        return taken / calls / 1000

    @classmethod
    def answered(cls, call: Callable[[], object]) -> AbstractContextManager[None]:
        """Return a block in which requests are answered, by recorded responses if replayed."""
        if not cls.contestant.is_replayed:
            return nullcontext()
        from .replay import replayed

        return replayed(call)
