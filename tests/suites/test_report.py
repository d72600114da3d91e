"""What `run.py` prints."""

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
    """Each suite has a line, each storage a column with what ran, failed and ended in an error."""
    assert table({FORMTOOLS: BY_ROW}).splitlines() == [
        "ran / failed / errors   FileSystemStorage   ours as it comes",
        "django-formtools 2.7    3 / 1 / 0           2 / 0 / 1",
    ]


def test_differences() -> None:
    """Tests that end differently are named, with a sign per storage in the table's order."""
    assert differences(FORMTOOLS, BY_ROW).splitlines() == [
        "django-formtools 2.7: 2 tests end differently",
        "  .E  b",
        "  F-  c",
    ]
