"""Buckets on loopback: moto's S3, and connections to it."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.util import find_spec
from typing import IO, Any

import pytest
from engines.aws import App, service

INSTALLED = all(map(find_spec, ["moto", "werkzeug", "storages", "boto3"]))
needs_s3 = pytest.mark.skipif(
    not INSTALLED, reason="moto[server,s3] and django-storages[s3] are not installed"
)

# Passed as options, so that the machine's own account is never used.
ACCOUNT = {"access_key": "nobody", "secret_key": "nothing", "region_name": "us-east-1"}
HARMLESS = frozenset({"GET", "HEAD"})
numbers = itertools.count(1)


@dataclass
class Server:
    """
    A running S3 server.

    :param endpoint: the URL at which it listens.
    :param requests: the method and the path of each request that it received, in order.
    :param refuses: whether it answers every request with 403.
    """

    endpoint: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list, repr=False)
    refuses: bool = False

    @cached_property
    def client(self) -> Any:
        """Return boto3's client for the server, independent of storages."""
        return connect(self.endpoint).meta.client

    def make_bucket(self) -> Bucket:
        """Create an empty bucket with a unique name."""
        bucket = Bucket(self, f"bucket-{next(numbers)}")
        self.client.create_bucket(Bucket=bucket.name)
        return bucket


@dataclass(frozen=True)
class Bucket:
    """A bucket, accessed without a storage."""

    server: Server
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of an S3Storage on this bucket."""
        return ACCOUNT | {
            "bucket_name": self.name,
            "endpoint_url": self.server.endpoint,
            "querystring_auth": False,
        }

    def requests(self) -> list[tuple[str, str]]:
        """Return the requests for the bucket."""
        path = f"/{self.name}"
        return [each for each in self.server.requests if f"{each[1]}/".startswith(f"{path}/")]

    def changes(self) -> list[tuple[str, str]]:
        """Return the requests that can change something in the bucket."""
        return [each for each in self.requests() if each[0] not in HARMLESS]

    def tags(self) -> dict[str, str]:
        """Return each object's ETag, which identifies its content, by key."""
        pages = self.server.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", ())}

    def fill(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """Put the contents directly into the server's memory, which is faster than by requests."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        for key, content in contents:
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(self.name, key, content)


def connect(endpoint: str) -> Any:
    """Return boto3's resource for a server, with the account of the options."""
    import boto3.session

    return boto3.session.Session().resource(
        "s3",
        endpoint_url=endpoint,
        region_name=ACCOUNT["region_name"],
        aws_access_key_id=ACCOUNT["access_key"],
        aws_secret_access_key=ACCOUNT["secret_key"],
    )


@cache
def shared_connections() -> type:
    """
    Return a class of S3Storage whose storages share a connection for each thread.

    Connecting costs more than most tests, and each storage opens its own connection.
    """
    from storages.backends.s3 import S3Storage

    connections: dict[tuple[str, int], Any] = {}

    class SharedS3Storage(S3Storage):  # type: ignore[misc]
        @property
        def connection(self) -> Any:
            key = self.endpoint_url, threading.get_ident()
            if key not in connections:
                connections[key] = connect(self.endpoint_url)
            return connections[key]

        unsigned_connection = connection

    SharedS3Storage.__qualname__ = SharedS3Storage.__name__  # pickled by this name
    return SharedS3Storage


def __getattr__(name: str) -> Any:
    if name == "SharedS3Storage":
        return shared_connections()
    raise AttributeError(name)


@contextmanager
def s3_server() -> Iterator[Server]:
    """Run an S3 server that records its requests."""
    server = Server()

    def around(moto: App) -> App:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            server.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            if not server.refuses:
                return moto(environ, start_response)
            start_response("403 Forbidden", [("Content-Length", "0")])
            return []

        return answer

    with service("s3", around) as server.endpoint, closing(server.client):
        yield server


def upload_in_threads(storage: Any, name: str, content: IO[bytes]) -> str:
    """Upload parts of 5 MiB with s3transfer's own manager, which has a pool of threads."""
    from s3transfer.manager import TransferConfig, TransferManager

    config = TransferConfig(multipart_threshold=1, multipart_chunksize=5_242_880)
    with TransferManager(storage.connection.meta.client, config) as manager:
        manager.upload(content, storage.bucket_name, name).result()
    return name


@contextmanager
def silent_port() -> Iterator[tuple[str, list[socket.socket]]]:
    """Accept connections and never answer; yield the URL, and the accepted connections."""
    accepted: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):  # the port is closed
            while True:
                accepted.append(listening.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", accepted
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()
