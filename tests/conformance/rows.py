"""The storages of the published matrix, each with the server that it needs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from buckets import ACCOUNT, connect, s3_server
from django.core.files.storage import Storage
from django.test import override_settings
from django.utils.module_loading import import_string
from engines.stores import STARTED
from object_stores import azurite
from object_stores.gcs_server import client_of, gcs_server
from object_stores.seaweedfs import seaweedfs
from suites.sources import fetch

from inmemorystorage import InMemoryStorage
from inmemorystorage.fallback import FallbackStorage
from inmemorystorage.testing import override_storages

BUCKET = "conformance"
PREDECESSOR = "dj-inmemorystorage==2.1.0"
Factory = Callable[[], Storage]
Start = Callable[..., AbstractContextManager[Factory]]


@dataclass(frozen=True)
class Row:
    """
    A storage, and where its files are.

    :param title: the storage, as the matrix names it.
    :param short: the storage, as the head of a narrow column names it.
    :param place: where its files are, as the matrix names it.
    :param start: yields a function that returns the storage.
    :param is_quick: whether it needs no server and no package but Django.
    """

    title: str
    short: str
    place: str
    start: Start
    is_quick: bool = False


@contextmanager
def simple(path: str, **options: Any) -> Iterator[Factory]:
    """Yield a function that returns a new storage of a class."""
    yield lambda: import_string(path)(**options)


@contextmanager
def disk() -> Iterator[Factory]:
    """Yield a function that returns a storage in a directory on the disk."""
    with tempfile.TemporaryDirectory() as directory, simple(DISK, location=directory) as make:
        yield make


@contextmanager
def predecessor() -> Iterator[Factory]:
    """Yield the class of the predecessor, whose package has the name of this one."""
    cache = Path(os.environ.get("TOX_ENV_DIR", tempfile.gettempdir()), "dj-inmemorystorage-suites")
    source = str(fetch(PREDECESSOR, cache))
    ours = take_modules()
    sys.path.insert(0, source)
    try:
        theirs: Factory = import_string("inmemorystorage.InMemoryStorage")
    finally:
        sys.path.remove(source)
        take_modules()
        sys.modules.update(ours)
    yield theirs


def take_modules() -> dict[str, Any]:
    """Remove the modules of packages with this package's name from ``sys.modules``."""
    names = [name for name in sys.modules if name.partition(".")[0] == "inmemorystorage"]
    return {name: sys.modules.pop(name) for name in names}


@contextmanager
def fallback() -> Iterator[Factory]:
    """Yield a function that returns a storage on two layers in memory."""
    layers = [InMemoryStorage(), InMemoryStorage()]
    yield lambda: FallbackStorage(layers)


@contextmanager
def store(engine: str) -> Iterator[Factory]:
    """Yield a function that returns a storage on an engine of the tests."""
    with STARTED[engine]() as uri, simple(KEY_VALUE, uri=uri) as make:
        yield make


@contextmanager
def kit() -> Iterator[None]:
    """Let buckets in memory answer the requests of storages."""
    with override_storages():
        yield


@contextmanager
def moto() -> Iterator[str]:
    """Run moto's S3; yield its URL."""
    with s3_server() as server:
        yield server.endpoint


@contextmanager
def weed() -> Iterator[str]:
    """Run SeaweedFS's S3 gateway; yield its URL."""
    with seaweedfs() as server:
        yield server.endpoint


@contextmanager
def on_s3(
    server: Callable[[], AbstractContextManager[str | None]],
    make: Callable[..., Storage],
    **options: Any,
) -> Iterator[Factory]:
    """Yield a function that returns one storage, made for the URL of an S3 server."""
    with server() as endpoint:
        connect(endpoint).create_bucket(Bucket=BUCKET)
        storage = make(endpoint, **options)
        yield lambda: storage


def s3_storage(endpoint: str | None, **options: Any) -> Storage:
    """Return an S3Storage of django-storages."""
    from storages.backends.s3 import S3Storage

    return S3Storage(**ACCOUNT, bucket_name=BUCKET, endpoint_url=endpoint, **options)


def django_s3_storage(endpoint: str | None) -> Storage:
    """Return an S3Storage of django-s3-storage."""
    from django_s3_storage.storage import S3Storage

    return S3Storage(
        aws_region=ACCOUNT["region_name"],
        aws_access_key_id=ACCOUNT["access_key"],
        aws_secret_access_key=ACCOUNT["secret_key"],
        aws_s3_bucket_name=BUCKET,
        aws_s3_endpoint_url=endpoint or "",
    )


def minio_storage(endpoint: str | None) -> Storage:
    """Return a MinioMediaStorage of django-minio-storage."""
    from minio_storage.storage import MinioMediaStorage

    with override_settings(
        MINIO_STORAGE_ENDPOINT=str(endpoint).removeprefix("http://"),
        MINIO_STORAGE_ACCESS_KEY=ACCOUNT["access_key"],
        MINIO_STORAGE_SECRET_KEY=ACCOUNT["secret_key"],
        MINIO_STORAGE_USE_HTTPS=False,
        MINIO_STORAGE_MEDIA_BUCKET_NAME=BUCKET,
    ):
        return MinioMediaStorage()


@contextmanager
def gcs_on_kit() -> Iterator[Factory]:
    """Yield a function that returns a GoogleCloudStorage on buckets in memory."""
    with kit(), simple(GCS, bucket_name=BUCKET) as make:
        yield make


@contextmanager
def gcs_on_server() -> Iterator[Factory]:
    """Yield a function that returns a GoogleCloudStorage on fake-gcs-server."""
    with gcs_server() as endpoint, simple(GCS, bucket_name=BUCKET) as make:
        storage: Any = make()
        storage._client = client_of(endpoint)
        storage.client.create_bucket(BUCKET)
        yield lambda: storage


@contextmanager
def azure_on_kit() -> Iterator[Factory]:
    """Yield a function that returns an AzureStorage on buckets in memory."""
    with kit(), simple(AZURE, azure_container=BUCKET) as make:
        yield make


@contextmanager
def azure_on_azurite() -> Iterator[Factory]:
    """Yield a function that returns an AzureStorage on Azurite."""
    with azurite.run_azurite() as server:
        account = {"account_name": azurite.ACCOUNT, "account_key": azurite.KEY}
        parts = {
            "AccountName": azurite.ACCOUNT,
            "AccountKey": azurite.KEY,
            "BlobEndpoint": f"{server.endpoint}/{azurite.ACCOUNT}",
        }
        connection = ";".join(f"{name}={value}" for name, value in parts.items())
        place = {"connection_string": connection, "azure_container": server.make_container()}
        with simple(AZURE, **account, **place) as make:
            storage = make()
            yield lambda: storage


DISK = "django.core.files.storage.FileSystemStorage"
KEY_VALUE = "inmemorystorage.kvstore.KeyValueStorage"
GCS = "storages.backends.gcloud.GoogleCloudStorage"
AZURE = "storages.backends.azure_storage.AzureStorage"


def on_s3_servers(make: Callable[..., Storage]) -> dict[str, Start]:
    """Return the functions that start a storage on each S3 server, by the server's name."""
    servers = {"buckets in memory": kit, "moto": moto, "SeaweedFS": weed}
    return {place: partial(on_s3, server, make) for place, server in servers.items()}


def rows(
    package: str,
    name: str,
    starts: dict[str, Start],
    *,
    short: str = "",
    is_quick: bool = False,
    **options: Any,
) -> list[Row]:
    """Return the rows of a class with options, one for each place."""
    shown = ", ".join(f"{option}={value!r}".replace("'", '"') for option, value in options.items())
    title = f"{package} `{name}{shown and f'({shown})'}`".strip()
    return [
        Row(title, short or name, place, partial(start, **options), is_quick)
        for place, start in starts.items()
    ]


MEMORY = {"memory": partial(simple, "inmemorystorage.InMemoryStorage")}
DJANGOS_MEMORY = {"memory": partial(simple, "django.core.files.storage.InMemoryStorage")}
KEY_VALUE_MEMORY = {"memory": partial(simple, KEY_VALUE, uri="locmem://")}
KEY_VALUE_STORES = {"SQLite": partial(store, "sqlite"), "Redis": partial(store, "redis")}
S3_SERVERS = on_s3_servers(s3_storage)
GCS_SERVERS = {"buckets in memory": gcs_on_kit, "fake-gcs-server": gcs_on_server}
AZURE_SERVERS = {"buckets in memory": azure_on_kit, "Azurite": azure_on_azurite}
MINIO_SERVERS = on_s3_servers(minio_storage)
del MINIO_SERVERS["buckets in memory"]  # which answer no client of MinIO
LIKE_A_DISK = {"behaves_like": "filesystem"}
ROWS = [
    *rows("Django", "FileSystemStorage", {"a disk": disk}, is_quick=True),
    *rows("Django", "InMemoryStorage", DJANGOS_MEMORY, short="Django", is_quick=True),
    *rows("dj-inmemorystorage 2.1", "InMemoryStorage", {"memory": predecessor}, short="2.1"),
    *rows("", "InMemoryStorage", MEMORY, is_quick=True),
    *rows("", "InMemoryStorage", MEMORY, short="ours", is_quick=True, **LIKE_A_DISK),
    *rows("", "InMemoryStorage", MEMORY, is_quick=True, **LIKE_A_DISK, lend_paths=True),
    *rows("", "FallbackStorage", {"two `InMemoryStorage`": fallback}, is_quick=True),
    *rows("", "KeyValueStorage", KEY_VALUE_MEMORY, is_quick=True),
    *rows("", "KeyValueStorage", KEY_VALUE_STORES),
    *rows("django-storages", "S3Storage", S3_SERVERS, short="S3"),
    *rows("django-storages", "S3Storage", S3_SERVERS, short="S3 (False)", file_overwrite=False),
    *rows("django-storages", "GoogleCloudStorage", GCS_SERVERS, short="GCS"),
    *rows("django-storages", "AzureStorage", AZURE_SERVERS, short="Azure"),
    *rows("django-s3-storage", "S3Storage", on_s3_servers(django_s3_storage)),
    *rows("django-minio-storage", "MinioMediaStorage", MINIO_SERVERS, short="MinIO"),
]
