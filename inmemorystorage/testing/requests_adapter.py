"""Answer requests of the library ``requests``, through which clients of object stores send."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..buckets.http import Request, Response
from .messages import plain_headers, received, sent_response
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
            with _raising(request):
                answered = answer(received(request, headers))
            return adapter.build_response(request, sent_response(answered, request.method))
    return send(adapter, request, *args, **kwargs)


@contextlib.contextmanager
def _raising(request: Any) -> Iterator[None]:
    """Raise errors of a connection in a block as ``requests`` does."""
    from requests import exceptions
    from urllib3.exceptions import ProtocolError

    try:
        yield
    except ConnectionResetError as error:
        aborted = ProtocolError("Connection aborted.", error)
        raise exceptions.ConnectionError(aborted, request=request) from error
    except TimeoutError as error:
        raise exceptions.ReadTimeout(error, request=request) from error
