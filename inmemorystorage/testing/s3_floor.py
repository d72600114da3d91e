"""The floor of storages on Amazon S3: botocore's requests are answered from buckets in memory."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

from ..buckets import s3
from ..buckets.http import Request
from .bucket_floor import BucketFloor
from .messages import plain_headers, received, sent_response
from .tools import method

# Clients sign with it if the project has no account. No request leaves the process.
ACCESS_KEY, SECRET_KEY = "in-memory", "in-memory"
# The attribute of a request to be answered.
_ENDPOINT = "inmemory_endpoint"
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


class S3Floor(BucketFloor):
    """
    Answer the requests of botocore's S3 clients.

    Requests that botocore's hooks answer first, such as those of moto and of ``Stubber``, and those
    of a mocked session, do not come here, nor do those to other services.
    """

    service = s3.SERVICE
    backends = frozenset({"storages.backends.s3.S3Storage", "django_s3_storage.storage.S3Storage"})
    hosts, mark = s3.HOSTS, re.compile("/s3/aws4_request")
    module = "botocore.session"
    waiting = ("botocore.endpoint", "botocore.waiter")
    extra, packages = "django-storages[s3]", frozenset({"boto3", "botocore"})

    def name_of(self, storage: Any) -> str:
        """Return the name of the bucket of a storage."""
        if hasattr(storage, "bucket_name"):
            return str(storage.bucket_name)
        return str(storage.settings.AWS_S3_BUCKET_NAME)  # of django-s3-storage

    def prefix_of(self, storage: Any) -> str:
        """Return the start of the keys of a storage."""
        if hasattr(storage, "location"):
            return super().prefix_of(storage)
        prefix = str(storage.settings.AWS_S3_KEY_PREFIX)
        return f"{prefix}/" if prefix else ""

    def is_public(self, storage: Any) -> bool:
        """Return whether anyone may read the objects of a storage; on its own domain anyone may."""
        return super().is_public(storage) or bool(getattr(storage, "custom_domain", None))

    def begin(self, stack: contextlib.ExitStack) -> S3Floor:
        """Begin to answer."""
        super().begin(stack)
        self._patch_after_import("s3transfer.manager", self._transferring)
        self._patch_after_import("aiobotocore.session", _async_patched)
        return self

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Pass the requests of clients to `answer` for a block."""
        from botocore.endpoint import Endpoint
        from botocore.httpsession import URLLib3Session
        from botocore.session import Session
        from botocore.signers import RequestSigner, S3PostPresigner

        with (
            method(Endpoint, "_send", self._mark),
            method(URLLib3Session, "send", self._send),
            method(Session, "create_client", _create_client),
            method(RequestSigner, "get_auth_instance", self._get_auth_instance),
            method(RequestSigner, "generate_presigned_url", self._presign_url),
            method(S3PostPresigner, "generate_presigned_post", self.sign_form),
        ):
            yield

    @contextlib.contextmanager
    def _transferring(self) -> Iterator[None]:
        """Run boto3's transfers, for whose end it waits, in the calling thread in a block."""
        from s3transfer.futures import NonThreadedExecutor
        from s3transfer.manager import TransferManager

        def make(
            init: Any,
            manager: Any,
            client: Any,
            config: Any = None,
            osutil: Any = None,
            executor_cls: Any = None,
        ) -> None:
            # A project that uses s3transfer itself passes its configuration, and may not wait.
            is_boto3 = hasattr(config, "use_threads")
            if is_boto3 and not self.is_left(str(client.meta.endpoint_url)):
                executor_cls = NonThreadedExecutor
            init(manager, client, config, osutil, executor_cls)

        with method(TransferManager, "__init__", make):
            yield

    def _get_auth_instance(self, get: Any, signer: Any, *args: Any, **kwargs: Any) -> Any:
        """
        Return what signs a request, and note its key, with which `answer` verifies the signature.

        A client of S3 that was made without an account signs with an invented one.
        """
        if signer._credentials is None and _is_s3(signer):
            from botocore.credentials import Credentials

            kwargs["request_credentials"] = Credentials(ACCESS_KEY, SECRET_KEY)
        auth = get(signer, *args, **kwargs)
        credentials = getattr(auth, "credentials", None)
        if credentials is not None:
            self.buckets.secrets[credentials.access_key] = credentials.secret_key
        return auth

    def _presign_url(self, presign: Any, signer: Any, *args: Any, **kwargs: Any) -> str:
        """Sign a URL as the service's own, and return that of a live server, if one runs."""
        url: str = presign(signer, *args, **kwargs)
        return self.served_url(url) if _is_s3(signer) else url

    def service_url(self, storage: Any, url: str) -> str:
        """Return the URL of the object for one on the storage's custom domain, which is public."""
        domain = getattr(storage, "custom_domain", None)  # of django-storages
        if not domain:
            return url
        path = url.partition(f"//{domain}")[2].partition("?")[0]
        return f"https://{self.name_of(storage)}.s3.amazonaws.com{path}"

    def endpoint_of(self, request: Request) -> str:
        """Return the service's URL: the host, without a bucket's name if the path has none."""
        if self.hosts.fullmatch(request.host):
            return ""
        self.make_named()
        if request.path.partition("/")[0] not in self.buckets:
            for name, _ in self.buckets.items():
                if request.host.startswith(f"{name}."):
                    return f"https://{request.host.removeprefix(f'{name}.')}"
        return ""

    def _mark(self, send: Any, endpoint: Any, request: Any) -> Any:
        """Note the endpoint in a request that is to be answered."""
        if endpoint._endpoint_prefix == "s3" and not self.is_left(request.url):
            vars(request)[_ENDPOINT] = endpoint.host
        return send(endpoint, request)

    def _send(self, send: Any, session: Any, request: Any) -> Any:
        """Answer a request instead of sending it, unless its endpoint is really reached."""
        from botocore.awsrequest import AWSResponse

        endpoint = vars(request).get(_ENDPOINT)
        if endpoint is None:
            return send(session, request)
        sent = received(request, plain_headers(request.headers))
        with _breaking(request):
            answered = sent_response(self.answer(sent, endpoint), sent.method)
            response = AWSResponse(request.url, answered.status, answered.headers, answered)
            if not request.stream_output:
                response.content  # noqa: B018 # read at once, as when it is received
        return response


@contextlib.contextmanager
def _breaking(request: Any) -> Iterator[None]:
    """Raise what botocore raises for a connection that is reset, or that times out."""
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
    from urllib3 import exceptions

    url = request.url
    try:
        yield
    except TimeoutError:
        timed_out = exceptions.ReadTimeoutError(cast("Any", None), url, "Read timed out.")
        raise ReadTimeoutError(endpoint_url=url, error=timed_out)  # noqa: B904 # as botocore does
    except (ConnectionResetError, exceptions.ProtocolError) as error:
        if isinstance(error, ConnectionResetError):
            error = exceptions.ProtocolError("Connection aborted.", error)
        raise ConnectionClosedError(error=error, request=request, endpoint_url=url)  # noqa: B904


def _create_client(create: Any, session: Any, service_name: str, *args: Any, **kwargs: Any) -> Any:
    """Make a client of S3 without looking for an account in the network."""
    is_known = session._credentials is not None or kwargs.get("aws_access_key_id")
    if service_name == "s3" and not is_known and not any(map(os.environ.get, _CREDENTIALS)):
        kwargs |= {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return create(session, service_name, *args, **kwargs)


def _async_patched() -> contextlib.AbstractContextManager[None]:
    """Let asynchronous clients be made without an account; aiohttp or httpx sends for them."""
    session = import_module("aiobotocore.session").AioSession
    return method(session, "_create_client", _create_client)


def _is_s3(signer: Any) -> bool:
    return bool(signer._service_id.hyphenize() == "s3")
