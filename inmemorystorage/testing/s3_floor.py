"""
The floor of storages on S3: buckets in memory in place of a connection.

An ``S3Storage`` keeps its class, its options and its code, and so do the clients of boto3: while an
`S3Floor` is active, buckets in memory answer what a client of S3 would send to an endpoint.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import weakref
from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.storage import Storage, default_storage, storages

from ..buckets import s3
from ..buckets.bucket import Buckets
from ..buckets.http import Request
from ..project import labelled_fields, unwrap
from .tools import TestTool

# Clients sign with it if the project has no account. No request leaves the process.
ACCESS_KEY, SECRET_KEY = "in-memory", "in-memory"
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


class S3Floor(TestTool):
    """
    Answer the requests of botocore's S3 clients in this process, from buckets in memory.

    Clients are answered whether they were made before or while the floor is active, without
    credentials, a region or a network. The buckets that storages and settings name exist from the
    start; others exist after ``create_bucket()``. Requests that botocore's hooks answer first, such
    as those of moto and of ``Stubber``, do not come here, nor do those to other services.

    :param left: endpoints that are really reached, such as ``"http://127.0.0.1:5000"``: an emulator
        that the tests run.

    ``buckets`` are the buckets; ``current`` is the active floor.
    """

    current: ClassVar[S3Floor | None] = None

    def __init__(self, left: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.buckets = Buckets()
        self._left = {urlsplit(each).netloc for each in left}
        self._founded: set[str] = set()
        self._storages: weakref.WeakSet[Any] = weakref.WeakSet()
        self._stack = contextlib.ExitStack()

    def enable(self) -> S3Floor:
        """Begin to answer."""
        from botocore.endpoint import Endpoint
        from botocore.session import Session
        from botocore.signers import RequestSigner

        with contextlib.ExitStack() as stack:
            stack.enter_context(_method(Endpoint, "_send", self._send))
            stack.enter_context(_method(Session, "create_client", _create_client))
            stack.enter_context(_method(RequestSigner, "get_auth_instance", _get_auth_instance))
            with contextlib.suppress(ImportError):  # a project may use boto3 alone
                module = import_module("storages.backends.s3")
                stack.enter_context(_method(module.S3Storage, "__init__", self._notice))
            self._before, S3Floor.current = S3Floor.current, self
            self._stack = stack.pop_all()
        return self

    def disable(self) -> None:
        """Let clients reach their endpoints again."""
        S3Floor.current = self._before
        self._stack.close()

    def _send(self, send: Any, endpoint: Any, request: Any) -> Any:
        """Answer a request instead of sending it."""
        from botocore.awsrequest import AWSResponse

        if endpoint._endpoint_prefix != "s3" or self._is_left(request.url):
            return send(endpoint, request)
        self._make_named_bucket(request)
        received = Request(
            request.method, request.url, _plain(request.headers), _read(request.body)
        )
        answered = s3.answer(self.buckets, received, endpoint.host)
        body = _Body(answered.body)
        return AWSResponse(request.url, answered.status, dict(answered.headers), body)

    def _is_left(self, url: str) -> bool:
        host = urlsplit(url).netloc
        return any(host == each or host.endswith(f".{each}") for each in self._left)

    def _notice(self, init: Any, storage: Any, *args: Any, **kwargs: Any) -> None:
        """Remember a storage: its bucket exists."""
        init(storage, *args, **kwargs)
        self._storages.add(storage)

    def _make_named_bucket(self, request: Any) -> None:
        """Make the bucket that a request is for, if the project names it."""
        name = request.context.get("s3_redirect", {}).get("bucket")
        is_known = not name or name in self._founded or name in self.buckets
        if not is_known and name in self._named_buckets():
            self._founded.add(name)
            self.buckets.found(name)

    def _named_buckets(self) -> Iterator[Any]:
        """Yield the names of the buckets of storages, and of settings."""
        for storage in [*_project_storages(), *self._storages]:
            with contextlib.suppress(Exception):  # it may need a tenant, for instance
                yield storage.bucket_name
        for name in dir(settings):
            if "BUCKET" in name:
                yield getattr(settings, name)


def is_on_floor(storage: Storage) -> bool:
    """Return whether a storage stands on the active floor, and so needs no replacement."""
    module: Any = sys.modules.get("storages.backends.s3")
    is_active = S3Floor.current is not None and module is not None
    return is_active and isinstance(storage, module.S3Storage)


def _project_storages() -> Iterator[Storage]:
    made = vars(storages)["_storages"]
    for each in (
        *made.values(),
        default_storage,
        *(field.storage for _, field in labelled_fields()),
    ):
        yield unwrap(each)


@contextlib.contextmanager
def _method(cls: Any, name: str, replacement: Any) -> Iterator[None]:
    """Call ``replacement`` with a method and its arguments, instead of the method, in a block."""
    original = getattr(cls, name)

    @functools.wraps(original)
    def method(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    setattr(cls, name, method)
    try:
        yield
    finally:
        setattr(cls, name, original)


def _create_client(create: Any, session: Any, service: str, *args: Any, **kwargs: Any) -> Any:
    """Make a client of S3 without looking for an account in the network."""
    is_known = session._credentials is not None or kwargs.get("aws_access_key_id")
    if service == "s3" and not is_known and not any(map(os.environ.get, _CREDENTIALS)):
        kwargs |= {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return create(session, service, *args, **kwargs)


def _get_auth_instance(get: Any, signer: Any, *args: Any, **kwargs: Any) -> Any:
    """Sign the requests of a client of S3 that was made without an account."""
    if signer._credentials is None and signer._service_id.hyphenize() == "s3":
        from botocore.credentials import Credentials

        kwargs["request_credentials"] = Credentials(ACCESS_KEY, SECRET_KEY)
    return get(signer, *args, **kwargs)


class _Body(io.BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, amt: int = 0, decode_content: bool = False) -> Iterator[bytes]:
        """Yield all that is left."""
        yield self.read()


def _plain(headers: Any) -> dict[str, str]:
    """Return headers by name in lower case, as text."""
    return {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in headers.items()
    }


def _read(body: Any) -> bytes:
    """Return a body as bytes; bytes by reference."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return (
        body if isinstance(body, bytes) else bytes(body.read() if hasattr(body, "read") else body)
    )
