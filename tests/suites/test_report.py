"""The tables that `run.py` prints."""

import pytest

from suites.catalogue import DISK, FORMTOOLS, PLAIN
from suites.report import differences, table
from suites.trial import Outcome

pytestmark = pytest.mark.once

BY_ROW = {
    DISK: {"a": Outcome("passed"), "b": Outcome("passed"), "c": Outcome("failed")},
    PLAIN: {"a": Outcome("passed"), "b": Outcome("error")},
}


def test_table() -> None:
    """The table has a line for each suite, and a column of counts for each storage."""
    assert table({FORMTOOLS: BY_ROW}).splitlines() == [
        "ran / failed / errors   FileSystemStorage   ours as it comes",
        "django-formtools 2.7    3 / 1 / 0           2 / 0 / 1",
    ]


def test_differences() -> None:
    """The list names tests that end differently, with a sign for each storage."""
    assert differences(FORMTOOLS, BY_ROW).splitlines() == [
        "django-formtools 2.7: 2 tests end differently",
        "  .E  b",
        "  F-  c",
    ]
