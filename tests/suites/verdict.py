"""Decide which outcomes are faults; each fault is a sentence."""

from collections.abc import Mapping

from .catalogue import DISK, DJANGO, LENT, LIKE_DISK, PLAIN, Row, Suite
from .trial import ByRow, Outcome, Outcomes

Listed = Mapping[str, str]
ListedByRow = Mapping[Row, Listed]

ABSENT = Outcome("not run")
# The runner's own outcome beside the tests.
WATCH = "nothing is written to MEDIA_ROOT"
BAD = ("failed", "error")
MESSAGE_MAX = 120


def judge_suite(suite: Suite, by_row: ByRow, listed: ListedByRow) -> list[str]:
    """Return the faults of a suite: tests that fail on our storage and pass on FileSystemStorage.

    Tests listed for one of our storages are exceptions. A storage on which nothing ran has only
    that fault.
    """
    return too_few(suite, by_row) + [
        fault
        for row in (PLAIN, LENT)
        if by_row[row]
        for fault in against_list(row, by_row, lost(by_row[DISK], by_row[row]), listed.get(row, {}))
    ]


def judge_kit(suite: Suite, by_row: ByRow, listed: ListedByRow) -> list[str]:
    """Return the unlisted tests that pass only without the library's runner."""
    [kit] = listed
    fails = lost(by_row[DISK], by_row[kit])
    watched = [] if WATCH in by_row[kit] else [f"{kit.title}: {suite.title} was not watched"]
    return too_few(suite, by_row) + watched + against_list(kit, by_row, fails, listed[kit])


def judge_in_memory_tests(suite: Suite, by_row: ByRow, listed: ListedByRow) -> list[str]:
    """Return the faults in Django's tests of its in-memory storage.

    Django's storage passes them all. Our default storage fails the listed ones, each just as
    FileSystemStorage does. The filesystem row fails what FileSystemStorage fails, no more and
    no less.
    """
    django, disk, plain, like_disk = (bad(by_row[row]) for row in (DJANGO, DISK, PLAIN, LIKE_DISK))
    return [
        *too_few(suite, by_row),
        *each(DJANGO, django),
        *against_list(PLAIN, by_row, plain, listed[PLAIN]),
        *each(PLAIN, unlike(plain, disk), " (FileSystemStorage does not fail like this)"),
        *each(LIKE_DISK, unlike(like_disk, disk), " (FileSystemStorage does not fail like this)"),
        *each(DISK, unlike(disk, like_disk), f" ({LIKE_DISK.title} does not fail like this)"),
    ]


def judge_predecessor_tests(suite: Suite, by_row: ByRow, listed: ListedByRow) -> list[str]:
    """Return the predecessor's unlisted tests that our default storage fails."""
    fails = bad(by_row[PLAIN])
    return too_few(suite, by_row) + against_list(PLAIN, by_row, fails, listed[PLAIN])


def too_few(suite: Suite, by_row: ByRow) -> list[str]:
    """Return a fault per row on which the suite ran too few tests."""
    return [
        f"{row.title}: {suite.title} ran {len(outcomes)} tests of at least {suite.at_least}"
        for row, outcomes in by_row.items()
        if len(outcomes) < suite.at_least
    ]


def against_list(row: Row, by_row: ByRow, fails: Outcomes, listed: Listed) -> list[str]:
    """Return unlisted tests that fail, and listed ones that pass."""
    surprises = {test: outcome for test, outcome in fails.items() if test not in listed}
    stale = listed.keys() - fails.keys() - bad(by_row[row]).keys()
    return each(row, surprises) + [
        f"{row.title}: {test} is listed, but does not fail" for test in sorted(stale)
    ]


def each(row: Row, fails: Outcomes, note: str = "") -> list[str]:
    """Return a fault per outcome."""
    return [
        f"{row.title}: {test} {end.state}: {end.message[:MESSAGE_MAX]}{note}"
        for test, end in fails.items()
    ]


def bad(outcomes: Outcomes) -> Outcomes:
    """Return the outcomes that are failures or errors."""
    return {test: outcome for test, outcome in outcomes.items() if outcome.state in BAD}


def lost(before: Outcomes, after: Outcomes) -> Outcomes:
    """Return the outcomes `after` of the tests that passed only `before`.

    An error outside the tests of `before`, such as in a class's set-up, counts too.
    """
    passed = [test for test, outcome in before.items() if outcome.state == "passed"]
    ends = {test: after.get(test, ABSENT) for test in passed}
    new = {test: outcome for test, outcome in bad(after).items() if test not in before}
    return {test: outcome for test, outcome in ends.items() if outcome.state != "passed"} | new


def unlike(fails: Outcomes, others: Outcomes) -> Outcomes:
    """Return the failures that are not in `others` at the same line with the same exception."""
    return {
        test: outcome
        for test, outcome in fails.items()
        if cause(outcome) != cause(others.get(test, ABSENT))
    }


def cause(outcome: Outcome) -> tuple[int, str]:
    """Return the line where the test failed and the built-in class of the exception."""
    return outcome.line, outcome.kind
