"""Send recorded responses to the clients of object stores, to measure the clients alone."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import responses as reasons
from typing import Any
from unittest import mock

from inmemorystorage.buckets.http import Response
from inmemorystorage.testing.bucket_floor import Exchange, Proceed, observed_by


class Recorder(list[Response]):
    """The responses from buckets in memory."""

    def observe_request(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Note a response."""
        self.append(proceed(exchange))
        return self[-1]


@contextmanager
def replayed(call: Callable[[], object]) -> Iterator[None]:
    """Make a call, and answer requests in the block as those of the call were answered."""
    responses = Recorder()
    with observed_by(responses):
        call()
    turns = itertools.cycle(responses)

    def to_botocore(client: Any, request: Any) -> Any:
        return botocore_response(request, next(turns))

    def to_requests(adapter: Any, request: Any, **_: Any) -> Any:
        return adapter.build_response(request, urllib3_response(request.method, next(turns)))

    with (
        mock.patch("botocore.endpoint.Endpoint._send", to_botocore),
        mock.patch("requests.adapters.HTTPAdapter.send", to_requests),
    ):
        yield


class _Body(io.BytesIO):
    def stream(self, amt: int = 0, decode_content: bool = False) -> Iterator[bytes]:
        """Yield all, as urllib3 does."""
        yield self.read()


def botocore_response(request: Any, response: Response) -> Any:
    """Return a response as botocore's session does."""
    from botocore.awsrequest import AWSResponse

    headers, body = dict(response.headers), _Body(response.body)
    received = AWSResponse(request.url, response.status, headers, body)
    if not request.stream_output:
        received.content  # noqa: B018
    return received


def urllib3_response(method: str, response: Response) -> Any:
    """Return a response as urllib3 does."""
    from urllib3 import HTTPResponse

    return HTTPResponse(
        io.BytesIO(response.body),
        dict(response.headers),
        response.status,
        reason=reasons.get(response.status, ""),
        preload_content=False,
        request_method=method,
    )
