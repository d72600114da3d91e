"""An object store, as the kit's floors and the views of buckets use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .bucket import Buckets
from .http import Request, Response


class Target(NamedTuple):
    """
    The operation, the bucket and the object that a request is for.

    :param kind: the name of the operation in the service's reference: ``"HeadObject"``.
    :param bucket: the name of the bucket; empty for a request to the service itself.
    :param key: the key of the object; empty for a request to a bucket.
    """

    kind: str
    bucket: str
    key: str


class Service(NamedTuple):
    """
    An object store, as functions of its requests.

    ``identify`` and ``answer`` take the buckets, a request, and the URL of the service, which is
    empty for the service's own. Both raise `UnsupportedRequest` for a request that is not answered.

    :param name: the service: ``"s3"``.
    :param identify: returns the `Target` of a request.
    :param answer: returns the response to a request.
    :param refuse: returns a response with an HTTP status from 400 on, as the service sends it when
        the request is not the reason.
    :param throttling: the status with which the service asks a client to send fewer requests.
    """

    name: str
    identify: Callable[[Buckets, Request, str], Target]
    answer: Callable[[Buckets, Request, str], Response]
    refuse: Callable[[int], Response]
    throttling: int = 503
