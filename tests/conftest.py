"""Hypothesis's profiles, servers that the tests share, and the guard on MEDIA_ROOT."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from buckets import Server, s3_server
from django.conf import settings
from django.core.checks.registry import registry
from engines.stores import Stores, leave_thread
from media_guard import fail_if_written

# A timing never decides a test, hence no deadline and no check for slow examples.
hypothesis.settings.register_profile(
    "brief",
    derandomize=True,  # the same examples in each run; tox run -e thorough draws others
    max_examples=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "examples", hypothesis.settings.get_profile("brief"), max_examples=200
)
hypothesis.settings.register_profile(  # two tests of programs are 100,000 operations
    "weekly", hypothesis.settings.get_profile("brief"), max_examples=1900, derandomize=False
)
hypothesis.settings.register_profile(
    "thorough", hypothesis.settings.get_profile("brief"), max_examples=20_000, derandomize=False
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "brief"))


with suppress(ImportError):
    import botocore.session

    _make_loader = cache(botocore.session.create_loader)

    def _share_loader(*arguments: Any) -> Any:
        """Return one loader for all sessions; each would parse megabytes of JSON otherwise."""
        loader = _make_loader(*arguments)
        # Each session of boto3 adds its directory to them.
        loader.search_paths[:] = dict.fromkeys(loader.search_paths)
        return loader

    botocore.session.create_loader = _share_loader


def pytest_collection_finish() -> None:
    """Freeze the collected tests, so that the garbage collector skips thousands of objects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that is marked `unmeasured`, and the processes it starts, without coverage."""
    if item.get_closest_marker("unmeasured") is None:
        return (yield)
    trace, threads_trace = sys.gettrace(), threading.gettrace()
    try:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            return (yield)
    finally:
        threading.settrace(threads_trace)  # type: ignore[arg-type]
        sys.settrace(trace)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Fail a test that wrote to MEDIA_ROOT, after its fixtures of every scope are torn down."""
    yield
    fail_if_written(Path(settings.MEDIA_ROOT))


@pytest.fixture
def restored_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the system checks that a test registers."""
    monkeypatch.setattr(registry, "registered_checks", set(registry.registered_checks))


@pytest.fixture(scope="session")
def stores(django_db_blocker: Any) -> Iterator[Stores]:
    """Yield stores, each started by the first test that uses it."""
    stack = ExitStack()
    yield Stores(stack, django_db_blocker.unblock)
    with django_db_blocker.unblock():
        stack.close()


@pytest.fixture
def store_uri(stores: Stores, django_db_blocker: Any) -> Iterator[Callable[[str], str]]:
    """Return a function that returns the URI of a named store, in a namespace of this test."""
    with django_db_blocker.unblock():
        yield stores.uri
        leave_thread()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Yield one S3 server for all tests."""
    with s3_server() as server:
        yield server
