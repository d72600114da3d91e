"""The recipe for Playwright, whose files become a project, passes in Chromium."""

import re

import pytest
from recipes import make_recipe

from chromium import ARGUMENTS, EXECUTABLE

# Playwright's own browsers are not installed.
LAUNCH = f"""
from functools import partialmethod

from playwright.sync_api import BrowserType

BrowserType.launch = partialmethod(
    BrowserType.launch, executable_path={str(EXECUTABLE)!r}, args={ARGUMENTS!r}
)
"""


@pytest.mark.parametrize(
    ("headings", "options", "number"),
    [
        (("With pytest-playwright",), (), 4),
        (("With pytest-playwright", "Uploads to a bucket"), ("-k", "direct"), 2),
        (("With StaticLiveServerTestCase",), ("-p", "no:playwright", "uploads/tests.py"), 1),
    ],
)
def test_recipe(headings, options, number, tmp_path):
    """The tests of each part of the page pass."""
    project = make_recipe(tmp_path, "playwright.md", *headings)
    project.write("launch.py", LAUNCH)
    line = ("-o", "inmemorystorage_override=true")
    printed = project.run("-m", "pytest", "-p", "launch", *line, *options)
    assert re.findall(r"(\d+) passed", printed) == [str(number)]
