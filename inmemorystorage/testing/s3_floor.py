"""The floor of storages on Amazon S3: botocore's requests are answered from buckets in memory."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any

from ..buckets import s3
from ..buckets.http import Request
from .bucket_floor import BucketFloor, method

# Clients sign with it if the project has no account. No request leaves the process.
ACCESS_KEY, SECRET_KEY = "in-memory", "in-memory"
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


class S3Floor(BucketFloor):
    """
    Answer the requests of botocore's S3 clients.

    Requests that botocore's hooks answer first, such as those of moto and of ``Stubber``, do not
    come here, nor do those to other services.
    """

    service = s3.SERVICE
    backends = frozenset({"storages.backends.s3.S3Storage", "django_s3_storage.storage.S3Storage"})
    module = "botocore.session"
    extra, packages = "django-storages[s3]", frozenset({"boto3", "botocore"})

    def name_of(self, storage: Any) -> str:
        """Return the name of the bucket of a storage."""
        if hasattr(storage, "bucket_name"):
            return str(storage.bucket_name)
        return str(storage.settings.AWS_S3_BUCKET_NAME)  # of django-s3-storage

    def prefix_of(self, storage: Any) -> str:
        """Return what the keys of a storage begin with."""
        if hasattr(storage, "location"):
            return super().prefix_of(storage)
        prefix = str(storage.settings.AWS_S3_KEY_PREFIX)
        return f"{prefix}/" if prefix else ""

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Pass the requests of clients to `answer` for a block."""
        from botocore.endpoint import Endpoint
        from botocore.session import Session
        from botocore.signers import RequestSigner

        with (
            method(Endpoint, "_send", self._send),
            method(Session, "create_client", _create_client),
            method(RequestSigner, "get_auth_instance", _get_auth_instance),
        ):
            yield

    def _send(self, send: Any, endpoint: Any, request: Any) -> Any:
        """Answer a request instead of sending it."""
        from botocore.awsrequest import AWSResponse

        if endpoint._endpoint_prefix != "s3" or self.is_left(request.url):
            return send(endpoint, request)
        received = Request(
            request.method, request.url, _plain(request.headers), _read(request.body)
        )
        answered = self.answer(received, endpoint.host)
        body = _Body(answered.body)
        return AWSResponse(request.url, answered.status, dict(answered.headers), body)


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
