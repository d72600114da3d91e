"""Code that DynamoDB and SimpleDB share: a client for all threads, and its errors."""

from __future__ import annotations

import errno
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from boto3.session import Session
from botocore import exceptions
from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured

from ...forks import PerProcess
from ..uri import Uri
from .base import Backend

# The names of DynamoDB's tables and SimpleDB's domains.
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}").fullmatch

# Retries of a request that conflicts with others: some seconds in all.
_ATTEMPTS = 10
_PAUSE = 0.02

# One client serves all threads of a process, with a connection for each.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=50,
    retries={"mode": "standard", "max_attempts": 4},
)
_lock = PerProcess(threading.Lock)

_NUMBERS = {
    "EndpointConnectionError": errno.ECONNREFUSED,
    "ConnectionClosedError": errno.ECONNRESET,
    "ConnectTimeoutError": errno.ETIMEDOUT,
    "ReadTimeoutError": errno.ETIMEDOUT,
    "NoCredentialsError": errno.EACCES,
    "AccessDeniedException": errno.EACCES,
    "UnrecognizedClientException": errno.EACCES,
    "AuthFailure": errno.EACCES,
    "InvalidClientTokenId": errno.EACCES,
    "NumberDomainBytesExceeded": errno.ENOSPC,
    "NumberDomainAttributesExceeded": errno.ENOSPC,
    "ProvisionedThroughputExceededException": errno.ETIMEDOUT,
    "ThrottlingException": errno.ETIMEDOUT,
}
_MISSING = {"ResourceNotFoundException", "NoSuchDomain"}


# The arguments of a session, and the options that they come from.
_SESSION = {
    "region_name": "region",
    "profile_name": "profile",
    "aws_access_key_id": "user",
    "aws_secret_access_key": "password",
}


@lru_cache(maxsize=32)
def _make_client(
    process: int, service: str, endpoint_url: str | None, **session: str | None
) -> Any:
    return Session(**session).client(service, endpoint_url=endpoint_url, config=_CONFIG)


class AwsBackend(Backend):
    """
    A store in one of Amazon's services.

    :cvar service: boto3's name of the service.
    """

    parameters: ClassVar[Mapping[str, Callable[[str], Any]]] = {
        "region": str,
        "endpoint_url": str,
        "profile": str,
    }
    client_errors = (exceptions.BotoCoreError, exceptions.ClientError)
    service: str

    def __init__(self, store: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(store, parameters)
        if not _NAME(store):
            raise ImproperlyConfigured(
                f"{self} is not a valid name: it must be 3 to 255 ASCII letters, digits, "
                "underscores, hyphens and dots."
            )

    @classmethod
    def from_uri(cls, uri: Uri) -> Backend:
        """Return the backend for ``uri``; its credentials override those that boto3 finds."""
        user, password = uri.credentials
        if (user is None) != (password is None):  # boto3 would look for others
            raise ImproperlyConfigured(
                f"{uri} has incomplete credentials: write {uri.scheme}://key-id:secret@{uri.place}."
            )
        given = {"user": user, "password": password}
        return cls(uri.place, uri.options(cls.parameters) | given)

    def __str__(self) -> str:
        return f"{self.service}://{self.store}"

    @property
    def client(self) -> Any:
        """Return the client, which all threads of the process share, so that none closes it."""
        session = {name: self.options.get(option) for name, option in _SESSION.items()}
        url = self.options.get("endpoint_url")
        try:
            with _lock.value:
                return _make_client(os.getpid(), self.service, url, **session)
        except exceptions.NoRegionError:
            raise ImproperlyConfigured(
                f"{self} has no region: write {self}?region=..., or set AWS_DEFAULT_REGION."
            ) from None
        except (
            exceptions.ProfileNotFound,
            exceptions.PartialCredentialsError,
            ValueError,
        ) as error:
            raise ImproperlyConfigured(f"{self} cannot be reached: {error}") from None

    def error_number(self, error: Exception) -> int:
        return _NUMBERS.get(code_of(error), errno.EIO)

    def error_text(self, error: Exception) -> str:
        """Return the service's message, with the cure for a missing table or domain."""
        cure = f" - make it with: manage.py createkvstoretable '{self}?...'"
        return f"{error}{cure if code_of(error) in _MISSING else ''}"


def code_of(error: Exception) -> str:
    """Return the code of an error: the service's, or the name of boto3's exception class."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    code: str = response.get("Error", {}).get("Code", type(error).__name__)
    return code


def codes_of(error: Exception) -> list[str]:
    """Return the code of an error, followed by those of each part of a transaction."""
    reasons = (getattr(error, "response", None) or {}).get("CancellationReasons", ())
    return [code_of(error), *(reason.get("Code", "") for reason in reasons)]


def attempts(store: str) -> Iterator[int]:
    """
    Yield the number of each attempt, after a pause that grows.

    Raises ``TimeoutError`` with the name of the store after the last attempt.
    """
    for number in range(_ATTEMPTS):
        # Random pauses, so that conflicting requests do not meet again.
        time.sleep(random.random() * min(2, _PAUSE * 2**number) if number else 0)
        yield number
    raise TimeoutError(errno.ETIMEDOUT, f"the service was too busy in {_ATTEMPTS} attempts", store)
