"""
The pytest plugin: files roll back with each test, and can be seen.

It imports Django, and what needs it, only where a project is.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from ..tree.journal import Note, Savepoint

if TYPE_CHECKING:
    from .media import Media

OVERRIDE, STRICT = "inmemorystorage_override", "inmemorystorage_strict"
ARTIFACTS = "inmemorystorage_artifacts"

_savepoint = pytest.StashKey[Savepoint]()
_operations = pytest.StashKey[Any]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of pytest.ini."""
    parser.addini(OVERRIDE, "Replace all storages of the project by storages in memory.", "bool")
    parser.addini(STRICT, "Fail what writes to a storage that is not in memory.", "bool")
    parser.addini(ARTIFACTS, "Write what a failed test left below this directory.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", f"real_storages: let the test write to real storages in spite of {STRICT}."
    )


def has_django() -> bool:
    """Return whether there is a Django project, ready to be used."""
    apps = sys.modules.get("django.apps")
    return apps is not None and apps.apps.ready


# Levels of files: of the test, and of each fixture that outlasts one.


@pytest.fixture(autouse=True, scope="session")
def _inmemorystorage_session(request: pytest.FixtureRequest) -> Iterator[None]:
    """Replace all storages, if pytest.ini says so, and have live servers serve what is there."""
    with contextlib.ExitStack() as stack:
        if request.config.getini(OVERRIDE):
            if not has_django():
                raise pytest.UsageError(
                    f"{OVERRIDE} needs a Django project: install pytest-django, and name its "
                    "settings in DJANGO_SETTINGS_MODULE."
                )
            from .override import override_storages

            stack.enter_context(override_storages())
        if request.config.getini(STRICT) and has_django():
            from .strict import forbid_real_storages

            stack.enter_context(forbid_real_storages(tells_of_swallowed=False))
        if has_django():
            from .live import serve_live_media

            stack.enter_context(serve_live_media())
        yield


@pytest.fixture(autouse=True)
def _inmemorystorage_function(
    request: pytest.FixtureRequest, _inmemorystorage_session: None
) -> Iterator[None]:
    """Undo what the test did to files, and watch it."""
    savepoint = request.node.stash[_savepoint] = Savepoint()
    with contextlib.ExitStack() as stack:
        stack.callback(savepoint.rollback)
        if has_django():
            _watch(request.node, stack)
        yield


def _watch(item: pytest.Item, stack: contextlib.ExitStack) -> None:
    from .artifacts import LAST
    from .leaks import watch_handles
    from .names import deterministic_names
    from .operations import capture_storage_operations
    from .strict import allow_real_storages, forbid_real_storages

    item.stash[_operations] = stack.enter_context(capture_storage_operations(limit=LAST))
    stack.enter_context(watch_handles())
    stack.enter_context(deterministic_names(item.nodeid))
    if item.config.getini(STRICT):
        stack.enter_context(forbid_real_storages())
    if item.get_closest_marker("real_storages") is not None:
        stack.enter_context(allow_real_storages())


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Have what a fixture does to files last as long as the fixture, also if it is made late."""
    if fixturedef.scope == "function" or fixturedef.argname == "_inmemorystorage_session":
        return (yield)
    note = Note()
    fixturedef.addfinalizer(note.undo)
    with note.recording():
        return (yield)


# What tests ask for.


@pytest.fixture
def media(request: pytest.FixtureRequest, _inmemorystorage_function: None) -> Media:
    """Return the files of the default storage: a mapping of names to contents."""
    from .media import Media

    return Media(request.node.stash[_savepoint])


@pytest.fixture
def assert_num_storage_operations() -> Callable[..., Any]:
    """Return a context manager that fails unless just so many operations happen in it."""
    from .operations import assertNumStorageOperations

    return assertNumStorageOperations


@pytest.fixture
def fail_storage() -> Iterator[Callable[..., Any]]:
    """Return a function that has operations fail from now on; it takes what the tool takes."""
    from .faults import fail_storage

    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(fail_storage(*args, **kwargs))


@pytest.fixture(scope="session")
def uploads() -> ModuleType:
    """Return the module that makes uploads: ``uploads.image("a.png", 640, 480)``."""
    from . import uploads

    return uploads


# What the report of a test that fails says.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the files that the test made, and its last operations."""
    report = yield
    if report.failed and _operations in item.stash:
        report.sections += _sections(item, call.when)
    return report


def _sections(item: pytest.Item, when: str) -> Iterator[tuple[str, str]]:
    from .artifacts import change_lines, write_artifacts
    from .media import all_media

    media = list(all_media(item.stash[_savepoint]))
    operations = item.stash[_operations]
    lines = change_lines(media)
    directory = item.config.getini(ARTIFACTS)
    if directory and when != "teardown":  # which has rolled back what there was
        path = item.config.rootpath / directory
        lines += write_artifacts(path, item.nodeid, media, operations)
    if lines:
        yield "Files that the test has left", "\n".join(lines)
    if len(operations):
        yield "Last operations on storages", "\n".join(map(str, operations))
