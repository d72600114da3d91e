"""The pytest plugin: files roll back with each test. It imports Django only where a project is."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from ..journal import Savepoint, recording_in

# The scopes that have a level, the outermost first.
SCOPES = ("module", "class", "function")
_levels = pytest.StashKey[dict[str, Savepoint]]()


def _level(request: pytest.FixtureRequest) -> Iterator[Savepoint]:
    levels = request.config.stash.setdefault(_levels, {})
    savepoint = levels[request.scope] = Savepoint()
    yield savepoint
    del levels[request.scope]
    savepoint.rollback()


@pytest.fixture(autouse=True, scope="module")
def _isolate_module(request: pytest.FixtureRequest) -> Iterator[Savepoint]:
    """Undo what fixtures of the module did to files."""
    yield from _level(request)


@pytest.fixture(autouse=True, scope="class")
def _isolate_class(
    request: pytest.FixtureRequest, _isolate_module: Savepoint
) -> Iterator[Savepoint]:
    """Undo what the set-up of the class did to files."""
    yield from _level(request)


@pytest.fixture(autouse=True)
def _isolate_function(
    request: pytest.FixtureRequest, _isolate_class: Savepoint
) -> Iterator[Savepoint]:
    """Undo what the test did to files."""
    yield from _level(request)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Have what a fixture does to files last as long as the fixture, also if it is made late."""
    levels = request.config.stash.get(_levels, {})
    is_level = fixturedef.argname.startswith("_isolate_")
    if is_level or fixturedef.scope == "function":
        return (yield)
    with recording_in(levels.get(fixturedef.scope)):
        return (yield)
