"""Open backends: one for each thread and URI, closed at the end of a request."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from django.core.signals import request_finished

from .backends import Backend, Damaged, find_class
from .uri import COMMON, Uri, parse

# Per thread, not per context: sync_to_async() carries a context into another thread.
_open = threading.local()
# The event loops on which a store was used, by process and thread. Django sends request_finished
# in another thread, and in a context that knows nothing of the view's.
_loops: dict[tuple[int, int], asyncio.AbstractEventLoop] = {}


def backend_for(uri: str) -> Backend:
    """
    Return this thread's backend for a URI; make it at the first call.

    Raises ``ImproperlyConfigured`` for an invalid URI; the message says what is wrong.
    """
    backends = _backends()
    if (loop := asyncio._get_running_loop()) is not None:
        _loops[os.getpid(), threading.get_ident()] = loop
    engine = _engine_of(uri)
    backend = backends.get(engine)
    if backend is None:
        backend = backends[engine] = make_backend(uri)
    return backend


@lru_cache(maxsize=512)
def _engine_of(uri: str) -> Uri:
    """Return a URI without the common parameters, so that all namespaces share one backend."""
    parsed = parse(uri)
    rest = {name: text for name, text in parsed.parameters.items() if name not in COMMON}
    return Uri(parsed.scheme, parsed.store, rest)


def make_backend(uri: str) -> Backend:
    """Return a new backend for a URI."""
    engine = _engine_of(uri)
    return find_class(engine.scheme).from_uri(engine)


def _backends() -> dict[Uri, Backend]:
    """Return this thread's backends; a forked process starts without its parent's."""
    pid = os.getpid()
    if getattr(_open, "pid", None) != pid:
        _open.pid = pid
        # Keep references, so that no finalizer writes to a connection that the parent still uses.
        _open.parents = getattr(_open, "parents", None), getattr(_open, "backends", None)
        _open.backends = {}
    backends: dict[Uri, Backend] = _open.backends
    return backends


def close_connections(**kwargs: Any) -> None:
    """Close the connections of this thread and of event loops; the next use opens new ones."""
    _close()
    for key, loop in [(key, loop) for key, loop in [*_loops.items()] if key[0] == os.getpid()]:
        if loop.is_closed():
            _loops.pop(key, None)
        elif loop.is_running():  # a stopped loop would collect these calls until it runs again
            with suppress(RuntimeError):  # it was closed just now
                loop.call_soon_threadsafe(_close)


def _close() -> None:
    for backend in _backends().values():
        with suppress(OSError, *backend.client_errors):  # the connection is gone already
            backend.close()


request_finished.connect(close_connections, dispatch_uid="inmemorystorage.kvstore")


@contextmanager
def reporting(uri: str, label: str) -> Iterator[Backend]:
    """
    Yield the backend for a URI, and raise its client's errors and `Damaged` as ``OSError``.

    :param label: the key or file name that the error reports.
    """
    backend = backend_for(uri)
    try:
        yield backend
    except Damaged as error:
        raise OSError(errno.EIO, f"{parse(uri)}: {error}", label) from error
    except backend.client_errors as error:
        number = backend.error_number(error)
        text = f"{parse(uri)}: {backend.error_text(error)}"
        raise OSError(number or errno.EIO, text, label) from error
