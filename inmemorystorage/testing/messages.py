"""Requests to buckets in memory, and the responses, as clients have them that send by urllib3."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping
from dataclasses import replace
from http.client import responses
from typing import Any

from ..buckets.http import Request, Response


def received(request: Any, headers: dict[str, str]) -> Request:
    """
    Return a prepared request of botocore or ``requests``, whose body is read.

    :param headers: its headers, as `plain_headers` returns them.
    """
    return Request(request.method, request.url, headers, _read(request.body))


def plain_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return headers by name in lower case, as text; names of metadata in Azure keep their case."""
    return {
        name if name.startswith("x-ms-meta-") else name.lower(): value.decode("latin-1")
        if isinstance(value, bytes)
        else str(value)
        for name, value in headers.items()
    }


def _read(body: Any) -> bytes:
    """Return a body as bytes; bytes by reference."""
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return bytes(body.read())
    return bytes(body) if isinstance(body, (bytearray, memoryview)) else b"".join(body)


def sent_response(answered: Response, method: str) -> Any:
    """Return a response as urllib3 does before its body is read."""
    from urllib3 import HTTPResponse

    if method == "HEAD":  # whatever an observer returned
        answered = replace(answered, body=b"")
    return HTTPResponse(
        _Body(answered),
        dict(answered.headers),
        answered.status,
        reason=responses.get(answered.status, ""),
        preload_content=False,
        decode_content=False,
        request_method=method,
    )


class _Body(io.BytesIO):
    """A body, whose connection may be reset."""

    def __init__(self, answered: Response) -> None:
        super().__init__(answered.body)
        self._reset_after = answered.reset_after

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes; raise if they are not all there when the connection is reset."""
        if self._reset_after is not None:
            left = self._reset_after - self.tell()
            if size is None or not 0 <= size <= left:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return super().read(size)
