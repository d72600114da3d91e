"""The floor of storages on Google Cloud Storage: its client is answered from buckets in memory."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest import mock

from ..buckets import gcs
from ..buckets.gcs_access import EMAIL, invented_key
from ..exceptions import UnsupportedRequest
from .bucket_floor import BucketFloor
from .messages import plain_headers
from .requests_adapter import answered_by
from .tools import method

PROJECT = "in-memory"
# Where the project has an account, which its clients use.
_ACCOUNT = ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST")
# The modules of the client's retries.
_RETRYING = ("retry_base", "retry_unary", "retry_streaming")
_HOSTS = ("storage.googleapis.com", "storage.mtls.googleapis.com")


class GCSFloor(BucketFloor):
    """
    Answer the requests of Google's clients of Cloud Storage, and others to its host.

    A mock of ``requests``, such as that of ``responses``, is asked first.
    """

    service = gcs.SERVICE
    backends = frozenset({"storages.backends.gcloud.GoogleCloudStorage"})
    hosts = re.compile(r"(?:.+\.)?storage\.(?:mtls\.)?googleapis\.com")
    mark = re.compile(
        r"//www\.googleapis\.com/(upload/|download/)?storage/v1/|/storage/v1/.*gcloud-python/"
    )
    module = "google.cloud.storage.client"
    waiting = tuple(f"google.api_core.retry.{name}" for name in _RETRYING)
    extra, packages = "django-storages[google]", frozenset({"google"})

    def begin(self, stack: contextlib.ExitStack) -> GCSFloor:
        """Begin to answer."""
        super().begin(stack)
        self._patch_after_import("storages.backends.gcloud", _without_default_account)
        self._patch_after_import("google.cloud.storage.transfer_manager", _workers_in_threads)
        for module in ("grpc", "grpc.aio"):
            self._patch_after_import(module, partial(_without_channels, module))
        return self

    def prefix_of(self, storage: Any) -> str:
        """Return the start of the keys of a storage on the service."""
        location: str = storage.location.strip("/")
        return f"{location}/" if location else ""

    def is_public(self, storage: Any) -> bool:
        """Return whether anyone may read the objects of a storage; on its own domain anyone may."""
        is_granted = storage.default_acl == "publicRead" or bool(storage.custom_endpoint)
        return super().is_public(storage) or is_granted

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Pass the requests of clients to `answer` for a block."""
        from google.auth.transport.requests import AuthorizedSession
        from google.cloud.storage import _signing
        from google.cloud.storage.blob import Blob
        from google.cloud.storage.bucket import Bucket
        from google.cloud.storage.client import Client

        with (
            method(Client, "__init__", _init),
            method(Client, "generate_signed_post_policy_v4", self.sign_form),
            method(Blob, "generate_signed_url", self._sign),
            method(Bucket, "generate_signed_url", self._sign),
            method(Blob, "create_resumable_upload_session", self._sign),
            mock.patch.object(Blob, "public_url", self._public_url(Blob.public_url)),
            mock.patch.object(Client, "_http", self._noting(Client._http)),
            method(_signing, "_sign_message", _refuse_to_sign),
            method(AuthorizedSession, "request", self._request),
            answered_by(self.answer, self.is_taken),
            _without_observations(),
        ):
            yield

    def _noting(self, session: Any) -> property:
        """Return the session of a client, which notes the client's endpoint before it sends."""

        def noted(client: Any) -> Any:
            self._endpoints.add(client._base_connection.API_BASE_URL)
            return session.fget(client)

        return property(noted)

    def _sign(self, sign: Any, *args: Any, **kwargs: Any) -> str:
        """Sign a URL as the service's own, and return that of a live server, if one runs."""
        url: str = sign(*args, **kwargs)
        # The storage whose domain it is knows the bucket.
        return url if kwargs.get("bucket_bound_hostname") else self.served_url(url)

    def _public_url(self, public_url: Any) -> property:
        return property(lambda blob: self.served_url(public_url.fget(blob)))

    def service_url(self, storage: Any, url: str) -> str:
        """Return the URL of the object for one on the storage's custom domain, which is public."""
        domain = storage.custom_endpoint
        if not domain:
            return url
        key = url.removeprefix(domain).partition("?")[0]
        return f"https://{_HOSTS[0]}/{self.name_of(storage)}{key}"

    def _request(self, request: Any, session: Any, *args: Any, **kwargs: Any) -> Any:
        """Send a request without credentials, so that none are refreshed."""
        names = ("method", "url", "data", "headers", "max_allowed_time", "timeout")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        if not self.is_taken(given["url"], plain_headers(given.get("headers") or {})):
            return request(session, *args, **kwargs)
        from requests import Session

        given.pop("max_allowed_time", None)
        return Session.request(session, **given)


@contextlib.contextmanager
def _without_observations() -> Iterator[None]:
    """Keep clients from asking for buckets in a thread, which they do for OpenTelemetry."""
    try:
        module = import_module("google.cloud.storage._bucket_metadata_cache")
    except ImportError:
        yield
        return
    cache = module.BucketMetadataCache
    with (
        method(cache, "get_or_queue_fetch", lambda *_: None),
        method(cache, "check_and_evict", lambda *_: None),
    ):
        yield


def _workers_in_threads() -> contextlib.AbstractContextManager[None]:
    """Let the client's transfer manager have threads as workers: processes have no buckets."""
    module = import_module("google.cloud.storage.transfer_manager")
    name = "_get_pool_class_and_requirements"

    def choose(original: Any, worker_type: str) -> Any:
        return original(module.THREAD if worker_type == module.PROCESS else worker_type)

    return method(module, name, choose) if hasattr(module, name) else contextlib.nullcontext()


def _without_channels(module: str) -> contextlib.AbstractContextManager[None]:
    """Refuse to connect to the service by gRPC in a block."""

    def connect(original: Any, target: str, *args: Any, **kwargs: Any) -> Any:
        if target.partition(":443")[0].endswith(_HOSTS):
            raise UnsupportedRequest(
                f"Buckets in memory do not answer gRPC, by which a client would reach {target}. "
                "Use the client's JSON API, google.cloud.storage.Client, in this test."
            )
        return original(target, *args, **kwargs)

    return method(import_module(module), "secure_channel", connect)


# Accounts.


@contextlib.contextmanager
def _without_default_account() -> Iterator[None]:
    """Let storages with ``iam_sign_blob`` look for no account in the network."""
    module = import_module("storages.backends.gcloud")
    account = SimpleNamespace(default=lambda **_: (invented_credentials(), PROJECT))
    storage, name = module.GoogleCloudStorage, "_get_iam_sign_blob_params"
    with (  # older releases have neither
        mock.patch.object(module, "auth", account, create=True),
        method(storage, name, _sign_by_mock)
        if hasattr(storage, name)
        else contextlib.nullcontext(),
    ):
        yield


def _sign_by_mock(parameters: Any, storage: Any) -> Any:
    """Return the parameters that a mock of an account has; refuse to ask for those of any other."""
    from google.auth.credentials import Credentials

    if storage.credentials is None or isinstance(storage.credentials, Credentials):
        return _refuse_to_sign()
    return parameters(storage)


def _refuse_to_sign(*_: Any, **__: Any) -> Any:
    raise UnsupportedRequest(
        "Buckets in memory do not answer signBlob, which the option iam_sign_blob asks for. Turn "
        "it off in tests (GS_IAM_SIGN_BLOB = False): an invented account signs."
    )


def _init(init: Any, client: Any, *args: Any, **kwargs: Any) -> None:
    """Make a client without looking for an account in the network."""
    names = ("project", "credentials", "_http", "client_info", "client_options")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if _needs_account(given):
        kwargs["credentials"] = invented_credentials()
        args = args[:1]
    init(client, *args, **kwargs)


def _needs_account(given: dict[str, Any]) -> bool:
    import google.auth

    options = given.get("client_options") or {}
    chosen: Any = options if isinstance(options, dict) else vars(options)
    own = [
        *(given.get(name) for name in ("credentials", "_http", "api_key")),
        *(chosen.get(name) for name in ("credentials_file", "api_key")),
    ]
    is_mocked = google.auth.default.__module__ != "google.auth._default"
    return not any(own) and not is_mocked and not any(map(os.environ.get, _ACCOUNT))


def invented_credentials() -> Any:
    """Return credentials of an invented account, which can sign."""
    from google.auth.crypt import base
    from google.oauth2 import service_account

    class Signer(base.Signer):  # type: ignore[misc]
        key_id = "in-memory"

        def sign(self, message: str | bytes) -> bytes:
            return invented_key().sign(message.encode() if isinstance(message, str) else message)

    return service_account.Credentials(Signer(), EMAIL, "", project_id=PROJECT)
