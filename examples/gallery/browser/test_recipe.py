"""The recipe for Playwright, whose files become a project, passes in Chromium."""

import re

import pytest
from recipes import SETTINGS, make_recipe

from chromium import ARGUMENTS, EXECUTABLE

# Playwright's own browsers are not installed.
LAUNCH = f"""
from functools import partialmethod

from playwright.sync_api import BrowserType

BrowserType.launch = partialmethod(
    BrowserType.launch, executable_path={str(EXECUTABLE)!r}, args={ARGUMENTS!r}
)
"""
PYTEST = ("-m", "pytest")


@pytest.mark.parametrize(
    ("heading", "command", "number"),
    [
        ("With pytest-playwright", PYTEST, 4),
        ("Uploads to a bucket", (*PYTEST, "test_direct.py"), 2),
        ("With StaticLiveServerTestCase", ("-m", "django", "test"), 1),
    ],
)
def test_recipe(heading, command, number, tmp_path):
    """The tests of each part of the page pass."""
    project = make_recipe(tmp_path, "playwright.md", "With pytest-playwright", heading)
    project.append(SETTINGS, LAUNCH)
    project.manage("makemigrations", "uploads")
    printed = project.run(*command)
    assert re.findall(r"(?:Ran )?(\d+) (?:passed|test in)", printed) == [str(number)]
