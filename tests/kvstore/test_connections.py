"""When backends are made, shared and closed."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import kvstores
import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

import inmemorystorage
from inmemorystorage.kvstore import connections, get_kvstore, kvstore
from inmemorystorage.kvstore.connections import backend_for, close_connections

FORK = """
import os
from django.conf import settings
settings.configure()
from inmemorystorage.kvstore.connections import backend_for, close_connections

class Client:
    def __del__(self):
        if os.getpid() != parent:
            os._exit(3)  # used the parent's connection

parent = os.getpid()
backend = backend_for("locmem://name")
backend.client = Client()
identity = id(backend)
del backend


def fork(generations):
    child = os.fork()
    if not child:
        close_connections()
        mine = backend_for("locmem://name")
        if id(mine) == identity or hasattr(mine, "client"):
            os._exit(4)
        os._exit(fork(generations - 1) if generations else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


status = fork(1)
assert id(backend_for("locmem://name")) == identity
raise SystemExit(status)
"""

SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}


@pytest.fixture
def uri():
    """Return the URI of a new store of `Counting`, whose count is reset."""
    kvstores.Counting.made.clear()
    return kvstores.new_uri("Counting")


def test_a_thread_has_one_backend(uri):
    """A thread makes its backend at the first use, and then reuses it."""
    store = get_kvstore(uri)
    for number in range(3):
        store.set("a", number)
    assert get_kvstore(uri).get("a") == 2
    assert len(kvstores.Counting.made) == 1


def test_namespaces_share_a_backend(uri):
    """Namespaces of a store share its backend, and leave nothing behind."""
    assert backend_for(uri) is backend_for(f"{uri}?namespace=other&serializer=pickle")
    assert backend_for(uri) is not backend_for(f"{uri}-other")
    for number in range(1200):
        assert backend_for(f"{uri}?namespace=n{number}") is backend_for(uri)
    stores = [uri.partition("://")[2], f"{uri}-other".partition("://")[2]]
    assert sum(each.store in stores for each in connections._open.backends) == 2


def test_each_thread_has_its_own_backend(uri):
    """Threads that share a store use separate backends."""
    store, barrier = get_kvstore(uri), threading.Barrier(4)

    def work(number):
        barrier.wait()
        store.set(f"{number}", number)
        return threading.get_ident()

    with ThreadPoolExecutor(4) as threads:
        used = {*threads.map(work, range(4)), threading.get_ident()}
    assert {each.thread for each in kvstores.Counting.made} == used
    assert len(kvstores.Counting.made) == 5
    assert store.get_many(["0", "1", "2", "3"]) == {"0": 0, "1": 1, "2": 2, "3": 3}


def test_a_thread_with_the_context_of_another_has_its_own(uri):
    """sync_to_async() carries the context into another thread, but not its backend."""

    async def work():
        return backend_for(uri), await sync_to_async(backend_for, thread_sensitive=False)(uri)

    mine, other = asyncio.run(work())
    assert mine is not other


def test_the_end_of_a_request_closes(uri):
    """request_finished closes the thread's backends; the next request reuses them."""

    def view(request):
        kvstore.set("visits", kvstore.get("visits", 0) + 1)
        return HttpResponse(str(kvstore.get("visits")))

    with override_settings(KEY_VALUE_STORE_BACKEND=uri, ROOT_URLCONF=(path("", view),)):
        client = Client()
        assert client.get("/").content == b"1"
        (backend,) = kvstores.Counting.made
        assert backend.closed == 1
        assert client.get("/").content == b"2"
    assert (kvstores.Counting.made, backend.closed) == ([backend], 2)


@pytest.mark.parametrize("threads", [False, True])
def test_the_end_of_an_asynchronous_request_closes(uri, threads):
    """request_finished closes the backends of asynchronous views, on the loop or in threads."""

    async def view(request):
        await sync_to_async(kvstore.set)("a", 1) if threads else kvstore.set("a", 1)
        return HttpResponse()

    async def ask():
        asked = asyncio.Queue()
        await asked.put({"type": "http.request"})
        await ASGIHandler()(SCOPE, asked.get, asyncio.Queue().put)
        for _ in range(500):  # the loop closes them in one of its next turns
            if all(closed := [backend.closed for backend in kvstores.Counting.made]):
                break
            await asyncio.sleep(0.01)
        return closed

    with override_settings(KEY_VALUE_STORE_BACKEND=uri, ROOT_URLCONF=(path("", view),)):
        assert asyncio.run(ask()) == [1]


def test_the_end_of_a_request_forgets_closed_event_loops(uri):
    """close_connections() drops its references to closed event loops."""

    async def work():
        backend_for(uri)

    asyncio.run(work())
    close_connections()
    assert not [loop for loop in connections._loops.values() if loop.is_closed()]


def test_the_end_of_a_request_skips_stopped_event_loops(uri):
    """close_connections() schedules no callbacks on a stopped loop, which would collect them."""

    async def work():
        return backend_for(uri)

    with closing(asyncio.new_event_loop()) as loop:
        backend = loop.run_until_complete(work())
        close_connections()
        closed = backend.closed
        loop.run_until_complete(work())
    assert backend.closed == closed


def test_the_end_of_a_request_closes_no_other_threads(uri):
    """close_connections() leaves the backends of other threads open."""
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(backend_for, uri).result()
        close_connections()
        assert other.closed == 0


def test_close_connections_ignores_errors_of_clients():
    """close_connections() goes on after a client's error."""
    failing, counting = kvstores.new_uri("Failing"), kvstores.new_uri("Counting")
    backends = [backend_for(failing), backend_for(counting)]
    with kvstores.failing(close=0):
        close_connections()
    assert backends[1].closed == 1


def test_close_connections_raises_other_errors():
    """close_connections() raises errors that are not the client's."""
    backend = backend_for(kvstores.new_uri("Counting"))
    backend.close = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        close_connections()
    del backend.close


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_process_has_none_of_its_parents():
    """A forked process opens its own backends, and never touches its parent's."""
    environment = os.environ | {"PYTHONPATH": str(Path(inmemorystorage.__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-c", FORK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_of_a_client_become_os_errors():
    """A client's error becomes an OSError with the store, the key, an errno and the cause."""
    uri = kvstores.new_uri("Failing")
    store = get_kvstore(uri)
    with kvstores.failing(get=0), pytest.raises(OSError, match="no get") as caught:
        store.get("a key")
    error = caught.value
    assert (error.errno, error.filename) == (errno.EIO, "a key")
    assert error.strerror == f"{uri}: no get"
    assert isinstance(error.__cause__, kvstores.Lost)


def test_errors_of_several_keys_name_them():
    """An error of get_many() names all keys."""
    store = get_kvstore(kvstores.new_uri("Failing"))
    with kvstores.failing(get=0), pytest.raises(OSError, match="no get") as caught:
        store.get_many(["a", "b"])
    assert caught.value.filename == "a, b"
