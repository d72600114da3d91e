"""Fixtures of the tests that drive the gallery in a browser."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import chromium
from recorder import Recorder
from site_process import running_site


def pytest_addoption(parser):
    """Declare the options for screenshots of the pages."""
    group = parser.getgroup("gallery")
    group.addoption("--screenshots", type=Path, help="directory for screenshots of all pages")
    group.addoption("--docs-images", action="store_true", help="update the README's pictures")


@pytest.fixture(scope="session")
def browser():
    """Yield a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.EXECUTABLE, args=chromium.ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shown_site(tmp_path_factory):
    """Yield the URL of a gallery with its first pictures, in DEBUG, for tests that only look."""
    with running_site(log=tmp_path_factory.mktemp("site") / "log", GALLERY_DEBUG="1") as address:
        yield address


@pytest.fixture
def start_site(tmp_path):
    """Yield a function that starts an empty gallery for the test and returns its URL."""
    with ExitStack() as sites:

        def start(**environment):
            site = running_site("--no-seed", log=tmp_path / "log", **environment)
            return sites.enter_context(site)

        yield start


@pytest.fixture
def site(start_site):
    """Return the URL of an empty gallery."""
    return start_site()


@pytest.fixture
def recorder():
    """Yield a record of the pages' messages and requests; a complaint fails the test."""
    recorder = Recorder()
    yield recorder
    assert recorder.problems == []


@pytest.fixture
def new_page(browser, recorder, start_site):
    """
    Yield a function that opens a page in a new browser: no cookies, no cache.

    The page is closed before the site, so that it sends no request to a stopped site.
    """

    with ExitStack() as contexts:

        def open_page(width=1280, height=860, **options):
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            contexts.callback(context.close)
            return recorder.watch(context.new_page())

        yield open_page


@pytest.fixture
def page(new_page):
    """Return a page of the usual size."""
    return new_page()


@pytest.fixture
def screenshot(pytestconfig, tmp_path):
    """Return a function that saves a screenshot of a page in the directory of --screenshots."""
    directory = pytestconfig.getoption("screenshots") or tmp_path

    def take(page, name):
        return page.screenshot(path=directory / f"{name}.png")

    return take
