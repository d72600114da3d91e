"""The live servers that run: which of them a test uses, and its URL."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from typing import Any

# The URL of the site whose request this thread is answering; ``None`` where no site counts.
_answering: ContextVar[str | None] = ContextVar("answering", default="")
# The threads of servers that run, in the order of their start.
_running: list[Any] = []
# The names of the fixtures that started servers, which run on for other tests.
_fixtures: dict[Any, str] = {}
# The names of the fixtures that the current test uses.
_used: Collection[str] = ()


def site_url() -> str:
    """
    Return the URL of the site at which URLs of buckets are answered, or an empty string.

    It is the site that is answering a request in this thread, or the last live server that was
    started, unless a fixture started it that the current test does not use.
    """
    answering = _answering.get()
    if answering or answering is None:
        return answering or ""
    for thread in reversed(_running):
        if thread not in _fixtures or _fixtures[thread] in _used:
            return f"http://{thread.host}:{thread.port}"
    return ""


@contextlib.contextmanager
def answering(url: str | None) -> Iterator[None]:
    """Note the URL of a site that answers a request in a block; ``None``: that none does."""
    token = _answering.set(url)
    try:
        yield
    finally:
        _answering.reset(token)


@contextlib.contextmanager
def running(thread: Any) -> Iterator[None]:
    """Note the thread of a server that runs in a block."""
    _running.append(thread)
    try:
        yield
    finally:
        _running.remove(thread)
        _fixtures.pop(thread, None)


@contextlib.contextmanager
def started_by(fixture: str) -> Iterator[None]:
    """Note the name of the fixture that starts servers in a block."""
    before = [*_running]
    yield
    for thread in _running:
        if thread not in before:
            _fixtures.setdefault(thread, fixture)


def use(fixtures: Collection[str]) -> None:
    """Note the fixtures that the test which begins now uses."""
    global _used
    _used = fixtures
