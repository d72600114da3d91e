"""
The pytest plugin: files roll back with each test, and fixtures show them.

Without one of its settings it wraps nothing and watches nothing. Files in memory roll back in any
case, at no cost if there are none. Django is imported only in a Django project.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from ..tree.journal import Journal
from . import live_servers
from .levels import FixtureLevel, Level, isolate_examples

if TYPE_CHECKING:
    from .media import Media
    from .session import Session

OVERRIDE, STRICT, OFF = "inmemorystorage_override", "inmemorystorage_strict", "false"
ARTIFACTS, LOAD = "inmemorystorage_artifacts", "inmemorystorage_load"
LEFT = "inmemorystorage_left"
ORPHANS = "inmemorystorage_orphans"
REPEATED, ALLOWED = "inmemorystorage_repeated", "inmemorystorage_repeated_allow"

_session: pytest.StashKey[Session] = pytest.StashKey()
_level = pytest.StashKey[Level]()
_serving = pytest.StashKey[bool]()
LEVELS = "inmemorystorage_levels"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of pytest.ini."""
    parser.addini(OVERRIDE, "Move or replace all storages of the project during tests.", "bool")
    parser.addini(
        LOAD,
        "Which files of the project private directories begin with: none, all, or patterns; by "
        "default those that git tracks.",
        default="",
    )
    parser.addini(
        LEFT,
        "Directories that do not move, and URLs of services that are really reached, a line each.",
        "linelist",
    )
    parser.addini(
        STRICT,
        "Fail tests that write to a real storage (true), or that use one at all (reads).",
        default=OFF,
    )
    parser.addini(
        REPEATED,
        "Fail tests in which one line repeats an operation on a storage this many times.",
        default="",
    )
    parser.addini(
        ALLOWED,
        "Patterns of operations, kinds of requests and files whose lines may repeat them.",
        default="",
    )
    parser.addini(
        ORPHANS, "Fail tests that leave files to which no row refers (error).", default=""
    )
    parser.addini(ARTIFACTS, "Write the files of failed tests below this directory.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", f"real_storages: let the test use real storages despite {STRICT}."
    )


def has_django() -> bool:
    """Return whether Django is set up for a project."""
    apps = sys.modules.get("django.apps")
    return apps is not None and apps.apps.ready


# The run.


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Move or replace storages when Django is set up, before conftests and tests are imported."""
    if early_config.getini(OVERRIDE):
        _begin_with_django(early_config)
    return (yield)


def _begin_with_django(config: pytest.Config) -> None:
    """Begin the session when ``django.setup()`` returns, or now if it has returned."""
    if has_django():
        _begin_session(config)
        return
    from .imports import after_setup

    stack = contextlib.ExitStack()
    stack.enter_context(after_setup(partial(_begin_session, config)))
    config.add_cleanup(stack.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Watch storages during the tests, if pytest.ini says so."""
    config = session.config
    is_distributing = config.pluginmanager.has_plugin("dsession")  # of pytest-xdist: no test runs
    if not is_distributing:
        _begin_watch(config)
    return (yield)


def _begin_watch(config: pytest.Config) -> None:
    overrides, strict = config.getini(OVERRIDE), config.getini(STRICT)
    if overrides and not has_django():
        raise pytest.UsageError(
            f"{OVERRIDE} needs a Django project: install pytest-django, and name its "
            "settings in DJANGO_SETTINGS_MODULE."
        )
    others = (ARTIFACTS, REPEATED, ORPHANS)
    is_used = overrides or strict != OFF or any(config.getini(each) for each in others)
    if is_used and has_django():
        _begin_session(config)
        config.stash[_session].begin_watch()


def _begin_session(config: pytest.Config) -> None:
    """Begin the session, unless it has begun."""
    if _session in config.stash:
        return
    from . import session as sessions

    basetemp = config.getoption("basetemp")
    left = (*config.getini(LEFT), *([str(basetemp)] if basetemp else []))
    try:
        options = sessions.Options.read(
            config.getini(OVERRIDE),
            config.getini(STRICT),
            config.getini(LOAD),
            left,
            repeated=config.getini(REPEATED),
            orphans=config.getini(ORPHANS),
            allowed=config.getini(ALLOWED),
        )
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_session] = sessions.Session.begin(options)
    config.add_cleanup(config.stash[_session].end)


# The levels of files: of each test, and of each fixture with a wider scope.


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin the level of a test, unless there is nothing that could roll back."""
    plugins = item.config.pluginmanager
    if not plugins.has_plugin(LEVELS) and _may_roll_back(item):
        plugins.register(Levels(), LEVELS)
        Levels().pytest_runtest_setup(item)


def _may_roll_back(item: pytest.Item) -> bool:
    """Return whether the storages move, or there is a storage in memory, or may be soon."""
    if _session in item.config.stash or "inmemorystorage.storage" in sys.modules:
        return True
    if "media" in getattr(item, "fixturenames", ()):
        return True
    if not has_django():
        return False
    from django.conf import settings

    return "inmemorystorage" in str(settings.STORAGES)


class Levels:
    """The hooks of levels, which the plugin registers when something may roll back."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin the level of a test, which ends after its own fixtures and before wider ones."""
        stash = item.config.stash
        if _level in stash:  # of a skipped test
            stash[_level].end()
        stash[_level] = Level()
        live_servers.use(getattr(item, "fixturenames", ()))
        session = stash.get(_session, None)
        if session is not None:
            has_examples = "hypothesis.extra.django" in sys.modules
            isolate_examples(has_examples and getattr(item, "cls", None))
            is_marked = session.watch.is_strict and item.get_closest_marker("real_storages")
            session.watch.begin_test(lambda: item.nodeid, allows_real=bool(is_marked))
        # Runs after all finalizers of the test; one that addfinalizer() adds here would not last.
        item.teardown = partial(_tear_down, item, item.teardown)  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Keep the changes of a fixture as long as the fixture, even if it is set up late."""
        # A class-scoped fixture of a test function that is in no class lives as long as the test.
        is_of_test = fixturedef.scope == "class" and request.cls is None
        if fixturedef.scope == "function" or is_of_test:
            return (yield)
        _serve_memory(fixturedef, request)
        session = request.config.stash.get(_session, None)
        level = FixtureLevel()
        fixturedef.addfinalizer(level.end)
        with contextlib.ExitStack() as stack:
            stack.enter_context(level.recording())
            if fixturedef.scope != "class":
                stack.enter_context(live_servers.started_by(fixturedef.argname))
            if session is not None:
                stack.enter_context(session.watch.paused())
                stack.enter_context(_keep_files(fixturedef, request.config))
            result = yield
        fixturedef.addfinalizer(level.resume)  # called first, so that the clean-up belongs to it
        return result


def _tear_down(item: pytest.Item, teardown: Callable[[], None]) -> None:
    del item.teardown
    stash = item.config.stash
    try:
        teardown()
        if _session in stash:
            stash[_session].watch.end_test()
    finally:
        stash[_level].end()
        del stash[_level]


def _keep_files(
    fixturedef: pytest.FixtureDef[Any], config: pytest.Config
) -> contextlib.AbstractContextManager[None]:
    """Keep the files of migrations, if pytest-django sets up databases that it keeps."""
    if fixturedef.argname != "django_db_setup" or not config.getoption("reuse_db", False):
        return contextlib.nullcontext()
    from .kept_files import keep_files

    return keep_files()


def _serve_memory(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Let live servers serve files in memory, if the project keeps files there."""
    stash = request.config.stash
    if _session in stash or _serving in stash or not _is_live_server(fixturedef, request):
        return
    from django.core.files.storage import default_storage

    stash[_serving] = True
    with contextlib.suppress(Exception):
        bool(default_storage)  # imports its class
    if Journal.has_trees:
        from .live import serve_live_media

        serve_live_media().enable()


def _is_live_server(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> bool:
    testcases: Any = sys.modules.get("django.test.testcases")
    if testcases is None or fixturedef.scope != "class":
        return fixturedef.argname == "live_server"
    return issubclass(request.cls or object, testcases.LiveServerTestCase)


# Fixtures.


@pytest.fixture
def media(request: pytest.FixtureRequest) -> Media:
    """Return the files of the default storage: a mapping of names to contents."""
    from .media import Media

    return Media(request.config.stash[_level])


@pytest.fixture
def assert_num_storage_operations() -> Callable[..., Any]:
    """Return a context manager that fails unless its block calls so many operations."""
    from .ledger import assertNumStorageOperations

    return assertNumStorageOperations


@pytest.fixture
def assert_num_storage_requests() -> Callable[..., Any]:
    """Return a context manager that fails unless its block sends so many requests to buckets."""
    from .ledger import assertNumStorageRequests

    return assertNumStorageRequests


@pytest.fixture
def assert_no_orphans() -> Callable[..., Any]:
    """Return a context manager that fails if its block leaves files without a row."""
    from .orphans import assertNoOrphans

    return assertNoOrphans


@pytest.fixture
def fail_storage() -> Iterator[Callable[..., Any]]:
    """Return a function that makes operations fail until the test ends, as `fail_storage`."""
    from .faults import fail_storage

    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(fail_storage(*args, **kwargs))


@pytest.fixture
def forbid_repeated_operations() -> Iterator[Callable[..., Any]]:
    """Return a function that forbids a line to repeat operations until the test ends."""
    from .repeated import forbid_repeated_operations

    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(
            forbid_repeated_operations(*args, **kwargs)
        )


@pytest.fixture(scope="session")
def uploads() -> ModuleType:
    """Return the module that makes uploads: ``uploads.image("a.png", 640, 480)``."""
    from . import uploads

    return uploads


# Reports.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave the kit's lines out, and add the changed files and the last operations."""
    if call.excinfo is not None:
        hide_kit()
    report = yield
    if report.failed:
        report.sections += _sections(item, call)
    return report


def hide_kit() -> None:
    """Mark the modules of the kit, whose lines pytest shows with ``--full-trace`` alone."""
    for name, module in [*sys.modules.items()]:
        if name.startswith(f"{__package__}."):
            vars(module)["__tracebackhide__"] = True


def _sections(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[tuple[str, str]]:
    stash = item.config.stash
    if _session in stash and call.excinfo is not None:
        from .hints import hints

        sentences = hints(call.excinfo.value)
        if sentences:
            yield "Private directories", "\n".join(sentences)
    operations = list(stash[_session].watch.operations) if _session in stash else []
    # After its teardown a test has no level, and has left nothing.
    level = stash.get(_level, None)
    if level and (Journal.has_trees or level.snapshot) and has_django():
        from .artifacts import change_lines, write_artifacts
        from .media import all_media

        media = list(all_media(level))
        lines = change_lines(media)
        directory = item.config.getini(ARTIFACTS)
        if directory:
            path = item.config.rootpath / directory
            lines += write_artifacts(path, item.nodeid, media, operations)
        if lines:
            yield "Changes of files", "\n".join(lines)
    if operations:
        yield "Last operations on storages", "\n".join(map(str, operations))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Report directories that did not move, or have too many files to load."""
    session = config.stash.get(_session, None)
    for note in session.notes if session else ():
        terminalreporter.write_line(note, yellow=True)
