"""Fixtures that run servers; a module for Amazon's stores sets its ``SERVICE``."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from engines.aws import account, service
from engines.redis import Server, redis_server
from engines.stores import leave_thread

from inmemorystorage.kvstore.connections import close_connections


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the service; return its URL."""
    with account(), service(request.module.SERVICE) as url:
        yield url


@pytest.fixture(scope="module")
def uri(endpoint: str, request: pytest.FixtureRequest) -> str:
    """Return the URI of a store whose table or domain exists."""
    uri = f"{request.module.SERVICE}://store?region=us-east-1&endpoint_url={endpoint}"
    call_command("createkvstoretable", uri, verbosity=0)
    return uri


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a Redis server of the test alone, which it may stop."""
    pytest.importorskip("redis")
    with redis_server() as server:
        yield server
        leave_thread()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_connections()
