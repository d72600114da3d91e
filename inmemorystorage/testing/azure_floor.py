"""The floor of storages on Azure: requests to its Blob service are answered from buckets."""

from __future__ import annotations

import base64
import contextlib
import re
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from ..buckets import azure
from ..buckets.azure_call import address_of
from ..buckets.http import Request, Response
from ..serving.bucket import own_url
from .bucket_floor import BucketFloor, Exchange
from .operations import prepared_by
from .requests_adapter import answered_by
from .tools import method

# The account of storages whose settings have none. No request leaves the process.
ACCOUNT = "inmemory"
KEY = base64.b64encode(b"in-memory").decode()
_OPTIONS = ("connection_string", "account_key", "sas_token", "token_credential")
# How the client names itself, at whatever URL the service is.
_CLIENT = "azsdk-python-storage-blob/"
_EMULATOR = "127.0.0.1:10000"


class AzureFloor(BucketFloor):
    """
    Answer the requests of Azure's clients of the Blob service, and others to its hosts.

    A container is the bucket ``"account/container"``. A storage without an account gets one, so
    that its client signs.
    """

    service = azure.SERVICE
    backends = frozenset({"storages.backends.azure_storage.AzureStorage"})
    hosts, mark = re.compile(r".+\.blob\..+"), re.compile(_CLIENT)
    setting = "CONTAINER"
    module = "azure.storage.blob._shared.base_client"
    waiting = ("azure.core.pipeline.transport._base", "azure.storage.blob._download")
    extra, packages = "django-storages[azure]", frozenset({"azure"})

    def begin(self, stack: contextlib.ExitStack) -> AzureFloor:
        """Begin to answer."""
        super().begin(stack)
        self._patch_after_import("azure.core.pipeline.transport._aiohttp", self._async_patched)
        stack.enter_context(prepared_by(self._prepare))
        return self

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Pass the requests of clients to `answer` for a block."""
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy

        def authorize(original: Any, policy: Any, request: Any) -> None:
            if not self._give_token(request):
                original(policy, request)

        with (
            method(BearerTokenCredentialPolicy, "on_request", authorize),
            answered_by(self.answer, self.is_taken),
        ):
            yield

    @contextlib.contextmanager
    def _async_patched(self) -> Iterator[None]:
        """Pass the requests of asynchronous clients to `answer` for a block."""
        from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
        from azure.core.pipeline.transport import AioHttpTransport, AsyncioRequestsTransport

        async def authorize(original: Any, policy: Any, request: Any) -> None:
            if not self._give_token(request):
                await original(policy, request)

        async def send(original: Any, transport: Any, request: Any, **kwargs: Any) -> Any:
            if not self.is_taken(request.url, request.headers):
                return await original(transport, request, **kwargs)
            async with AsyncioRequestsTransport() as moved:
                response = await moved.send(request, stream=kwargs.get("stream", False))
            # Older clients call it, as they know aiohttp's responses alone.
            response.load_body = getattr(response, "load_body", _load_nothing)
            return response

        with (
            method(AsyncBearerTokenCredentialPolicy, "on_request", authorize),
            method(AioHttpTransport, "send", send),
        ):
            yield

    def _give_token(self, request: Any) -> bool:
        """Authorize a request with an invented token, if it is answered here."""
        from azure.core.pipeline.policies import _authentication

        sent = request.http_request
        if not self.is_taken(sent.url, sent.headers):
            return False
        # A method of a class in older versions, and a function in newer ones.
        base = _authentication._BearerTokenCredentialPolicyBase
        enforce = getattr(base, "_enforce_https", None) or _authentication._enforce_https
        enforce(request)
        sent.headers["Authorization"] = "Bearer in-memory"
        return True

    def is_left(self, url: str) -> bool:
        """Return whether the endpoint of a URL is really reached."""
        is_named = "UseDevelopmentStorage=true" in self._named_endpoints
        return super().is_left(url) and not (is_named and urlsplit(url).netloc == _EMULATOR)

    def answer(self, request: Request, endpoint: str = "") -> Response:
        """Answer a request; raise `UnsupportedRequest` for one that is not answered."""
        headers = request.headers
        if "authorization" not in headers and _CLIENT in headers.get("user-agent", ""):
            request = _signed(request)
        if "x-ms-copy-source" in headers:
            source = own_url(headers["x-ms-copy-source"])  # it may be the URL on a live server
            request = replace(request, headers={**request.headers, "x-ms-copy-source": source})
            self.make_named(address_of(source).bucket)
        return super().answer(request, endpoint)

    def _answer(self, endpoint: str, exchange: Exchange) -> Response:
        return azure.answer(self.buckets, exchange.request, endpoint, key_of=self.key_of)

    # Accounts and containers.

    def name_of(self, storage: Any) -> str:
        """Return the name of the bucket of a storage."""
        self._prepare(storage)
        return address_of(storage.client.url).bucket

    def prefix_of(self, storage: Any) -> str:
        """Return the start of the keys of a storage."""
        location = str(storage.location).strip("./")
        return f"{location}/" if location else ""

    def service_url(self, storage: Any, url: str) -> str:
        """Return the URL on the account's host for one on the storage's custom domain."""
        if not storage.custom_domain:
            return url
        own = urlsplit(storage.client.url)
        return urlsplit(url)._replace(scheme=own.scheme, netloc=own.netloc).geturl()

    def make_named(self, wanted: str = "") -> None:
        """Make the container that the project names, or all of them: in each known account."""
        named = set(self._named())
        known = {wanted} if wanted else {*named, *(name for name, _ in self.buckets.items())}
        accounts = {each.partition("/")[0] for each in known if "/" in each}
        for name in named:
            names = [name] if "/" in name else [f"{account}/{name}" for account in accounts]
            for each in names:
                if wanted in ("", each):
                    self.make(each)

    def key_of(self, account: str) -> str | None:
        """Return the key of an account, if the project has exactly one for it."""
        given = [vars(each) for each in self._held()]
        given.append({
            "account_name": getattr(settings, "AZURE_ACCOUNT_NAME", None),
            "account_key": getattr(settings, "AZURE_ACCOUNT_KEY", None),
        })  # fmt: skip
        keys = {each.get("account_key") for each in given if each.get("account_name") == account}
        keys.discard(None)
        return keys.pop() if len(keys) == 1 else None

    def remember(self, storage: Any) -> None:
        """Note a storage that was made, and name its account."""
        self._storages[id(storage)] = storage
        if not _has_credential(storage):
            storage.account_name = storage.account_name or ACCOUNT

    def _prepare(self, storage: Any) -> None:
        """Give a storage a key until the floor ends, if it has no credential."""
        if self.holds(storage) and not _has_credential(storage):
            names = ("account_name", "account_key", "_client", "_service_client")
            before = {name: getattr(storage, name) for name in names}
            self._stack.callback(_restore, weakref.ref(storage), before)
            storage.account_name = storage.account_name or ACCOUNT
            storage.account_key = KEY

    def is_public(self, storage: Any) -> bool:
        """Return whether anyone may read the objects of a storage, whose URLs are not signed."""
        return not (storage.expiration_secs or storage.sas_token) or bool(storage.custom_domain)


def _restore(reference: weakref.ref[Any], attributes: dict[str, Any]) -> None:
    storage = reference()
    if storage is not None:
        vars(storage).update(attributes)


async def _load_nothing() -> None:
    """Do nothing: a response loads its body when it is read."""


def _has_credential(storage: Any) -> bool:
    return any(getattr(storage, name, None) for name in _OPTIONS)


def _signed(request: Request) -> Request:
    """Return a request of a client without an account, as signed; a SAS stays as it is."""
    if "sig" in request.query:
        return request
    account = address_of(request.url).account
    signature = f"SharedKey {account}:{'A' * 43}="
    return replace(request, headers={**request.headers, "authorization": signature})
