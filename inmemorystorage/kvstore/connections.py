"""The backends that are open: one for each thread and URI, closed when a request is finished."""

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

from .backends import Backend, find_class
from .uri import COMMON, Uri, parse

# Of the thread, and not of the context, which sync_to_async() takes into another thread.
_open = threading.local()
# The event loops on which a store has been used, by process and thread. The end of a request is
# told in another thread, and in a context that has nothing of its view's.
_loops: dict[tuple[int, int], asyncio.AbstractEventLoop] = {}


def backend_for(uri: str) -> Backend:
    """
    Return the backend behind a URI, the same for one thread each time.

    Raises ``ImproperlyConfigured`` for a URI that is mistaken, with what is wrong in it.
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
    """Return what a URI says of its backend: namespaces, of which tests have many, share one."""
    parsed = parse(uri)
    rest = {name: text for name, text in parsed.parameters.items() if name not in COMMON}
    return Uri(parsed.scheme, parsed.store, rest)


def make_backend(uri: str) -> Backend:
    """Return a new backend behind a URI."""
    engine = _engine_of(uri)
    return find_class(engine.scheme).from_uri(engine)


def _backends() -> dict[Uri, Backend]:
    """Return this thread's backends; a process that was forked has none of its parent's."""
    pid = os.getpid()
    if getattr(_open, "pid", None) != pid:
        _open.pid = pid
        # Kept, so that no finalizer speaks on a connection which the parent goes on to use.
        _open.parents = getattr(_open, "parents", None), getattr(_open, "backends", None)
        _open.backends = {}
    backends: dict[Uri, Backend] = _open.backends
    return backends


def close_connections(**kwargs: Any) -> None:
    """Close what this thread and event loops have open; it is opened again when it is used."""
    _close()
    for key, loop in [(key, loop) for key, loop in [*_loops.items()] if key[0] == os.getpid()]:
        if loop.is_closed():
            _loops.pop(key, None)
        elif loop.is_running():  # one at rest would gather these until it runs again
            with suppress(RuntimeError):  # it was closed right now
                loop.call_soon_threadsafe(_close)


def _close() -> None:
    for backend in _backends().values():
        with suppress(OSError, *backend.client_errors):  # then there is none any more
            backend.close()


request_finished.connect(close_connections, dispatch_uid="inmemorystorage.kvstore")


@contextmanager
def reporting(uri: str, label: str) -> Iterator[Backend]:
    """
    Give the backend behind a URI, and have the errors of its client become ``OSError``.

    :param label: the key or the file that the error names.
    """
    backend = backend_for(uri)
    try:
        yield backend
    except backend.client_errors as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # is one of ours, which a client's errors may have for a base
        number = backend.error_number(error)
        text = f"{parse(uri)}: {backend.error_text(error)}"
        raise OSError(number or errno.EIO, text, label) from error
