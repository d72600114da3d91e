"""Answer requests of the library ``requests``, through which clients of object stores send."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.client import responses
from typing import Any, NamedTuple

from ..buckets.http import Request, Response
from .tools import method


class _Answering(NamedTuple):
    is_taken: Callable[[str, Mapping[str, str]], bool]
    answer: Callable[[Request], Response]


_answering: list[_Answering] = []
_patches = contextlib.ExitStack()


@contextlib.contextmanager
def answered_by(
    answer: Callable[[Request], Response], is_taken: Callable[[str, Mapping[str, str]], bool]
) -> Iterator[None]:
    """
    Answer requests in a block.

    One patch serves all blocks, which need not end in the reverse order of their beginnings.

    :param is_taken: called with the URL and the headers of a request; returns whether it is
        answered. Others are sent.
    """
    from requests.adapters import HTTPAdapter

    if not _answering:
        _patches.enter_context(method(HTTPAdapter, "send", _send))
    entry = _Answering(is_taken, answer)
    _answering.append(entry)
    try:
        yield
    finally:
        _answering.remove(entry)
        if not _answering:
            _patches.close()


def _send(send: Any, adapter: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
    """Answer a request instead of sending it."""
    headers = plain_headers(request.headers)
    for is_taken, answer in reversed(_answering):
        if is_taken(request.url, headers):
            received = Request(request.method, request.url, headers, _read(request.body))
            return adapter.build_response(request, _answered(answer, received, request))
    return send(adapter, request, *args, **kwargs)


def _answered(answer: Callable[[Request], Response], received: Request, request: Any) -> Any:
    """Return a response as urllib3 does; raise errors of the connection as ``requests`` does."""
    from requests import exceptions
    from urllib3 import HTTPResponse
    from urllib3.exceptions import ProtocolError

    try:
        answered = answer(received)
    except ConnectionResetError as error:
        aborted = ProtocolError("Connection aborted.", error)
        raise exceptions.ConnectionError(aborted, request=request) from error
    except TimeoutError as error:
        raise exceptions.ReadTimeout(error, request=request) from error
    if received.method == "HEAD":  # whatever an observer returned
        answered = replace(answered, body=b"")
    return HTTPResponse(
        _Body(answered),
        dict(answered.headers),
        answered.status,
        reason=responses.get(answered.status, ""),
        preload_content=False,
        request_method=received.method,
    )


class _Body(io.BytesIO):
    """A body, whose connection may be reset."""

    def __init__(self, answered: Response) -> None:
        super().__init__(answered.body)
        self._reset_after = answered.reset_after

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes; raise when the connection is reset."""
        if self._reset_after is None:
            return super().read(size)
        left = self._reset_after - self.tell()
        if left <= 0:
            raise ConnectionResetError("The connection was reset.")
        return super().read(left if size is None or size < 0 else min(size, left))


def plain_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return headers by name in lower case, as text; names of metadata in Azure keep their case."""
    return {
        name if name.startswith("x-ms-meta-") else name.lower(): value.decode("latin-1")
        if isinstance(value, bytes)
        else value
        for name, value in headers.items()
    }


def _read(body: Any) -> bytes:
    """Return a body as bytes; bytes by reference."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    return bytes(body.read()) if hasattr(body, "read") else b"".join(body)
