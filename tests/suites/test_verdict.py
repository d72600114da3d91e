"""The faults that `run.py` reports."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from suites.catalogue import DISK, DJANGO, FORMTOOLS, KIT, LENT, LIKE_DISK, PLAIN, Row
from suites.trial import Outcome, Outcomes
from suites.verdict import (
    WATCH,
    judge_in_memory_tests,
    judge_kit,
    judge_predecessor_tests,
    judge_suite,
)

pytestmark = pytest.mark.once

SUITE = replace(FORMTOOLS, at_least=1)
PASSED = Outcome("passed")
FAILED = Outcome("failed", "AssertionError: 1 != 2", "AssertionError", 7)
ERROR = Outcome("error", "KeyError: 1", "KeyError", 8)


def by_row(**outcomes: Outcome) -> dict[Row, Outcomes]:
    """Return the outcome of the one test for each row, by default passed."""
    named = {"disk": DISK, "django": DJANGO, "plain": PLAIN, "lent": LENT, "like": LIKE_DISK}
    return {row: {"test": outcomes.get(name, PASSED)} for name, row in named.items()}


def judged(listed: Iterable[str] = (), **outcomes: Outcome) -> list[str]:
    """Return the faults of a suite with one test."""
    return judge_suite(SUITE, by_row(**outcomes), {PLAIN: dict.fromkeys(listed, "reason")})


def judged_in_memory(listed: Iterable[str] = (), **outcomes: Outcome) -> list[str]:
    """Return the faults of Django's in-memory tests, as if there were one test."""
    reasons = {PLAIN: dict.fromkeys(listed, "reason")}
    return judge_in_memory_tests(SUITE, by_row(**outcomes), reasons)


def test_all_passed() -> None:
    """A suite in which every test passes has no fault."""
    assert judged() == judged_in_memory() == []


@pytest.mark.parametrize("end", [FAILED, ERROR, Outcome("skipped", "no disk")])
def test_lent_loses_a_test(end: Outcome) -> None:
    """A test that passes on FileSystemStorage must pass with lent paths."""
    [fault] = judged(lent=end)
    assert fault == f"ours, lent paths: test {end.state}: {end.message}"


def test_list_of_each_storage() -> None:
    """A test listed for the default options is not listed for lent paths."""
    assert len(judged(["test"], plain=FAILED, lent=FAILED)) == 1
    both = {PLAIN: {"test": "reason"}, LENT: {"test": "reason"}}
    assert judge_suite(SUITE, by_row(plain=FAILED, lent=FAILED), both) == []


def test_lost_test_is_missing() -> None:
    """A test that did not run is a fault, like one that failed."""
    outcomes = by_row() | {LENT: {"other": PASSED}}
    assert judge_suite(SUITE, outcomes, {}) == ["ours, lent paths: test not run: "]


def test_failing_set_up() -> None:
    """An error outside of any test is a fault."""
    outcomes = by_row() | {LENT: {"test": PASSED, "setUpClass (tests.Case)": ERROR}}
    assert len(judge_suite(SUITE, outcomes, {})) == 1


def test_disk_fails_too() -> None:
    """A test that fails on FileSystemStorage too is no fault."""
    assert judged(disk=FAILED, plain=FAILED, lent=ERROR) == []


def test_unlisted_failure() -> None:
    """A failure with the default options is a fault unless it is listed."""
    assert judged(plain=FAILED) == ["ours as it comes: test failed: AssertionError: 1 != 2"]
    assert judged(["test"], plain=FAILED) == []


def test_stale_list() -> None:
    """A listed test that passes is a fault."""
    assert judged(["test"]) == ["ours as it comes: test is listed, but does not fail"]


def test_listed_and_failing_everywhere() -> None:
    """A listed test that fails on FileSystemStorage too is no fault."""
    assert judged(["test"], disk=FAILED, plain=FAILED) == []


def test_too_few_tests() -> None:
    """A suite that ran too few tests is a fault."""
    faults = judge_suite(SUITE, {row: {} for row in by_row()}, {})
    assert faults[0] == "FileSystemStorage: django-formtools 2.7 ran 0 tests of at least 1"
    assert len(faults) == len(by_row())


def test_in_memory_test_contradicted_by_disk() -> None:
    """A listed in-memory test may fail if it fails on FileSystemStorage and the filesystem row."""
    assert judged_in_memory(["test"], disk=FAILED, plain=FAILED, like=FAILED) == []


@pytest.mark.parametrize("plain", [replace(FAILED, line=9), replace(FAILED, kind="KeyError")])
def test_in_memory_test_fails_otherwise(plain: Outcome) -> None:
    """A failure at another line or of another kind than FileSystemStorage's is a fault."""
    [fault] = judged_in_memory(["test"], disk=FAILED, plain=plain, like=FAILED)
    assert fault.endswith("(FileSystemStorage does not fail like this)")


def test_filesystem_row_is_not_like_the_disk() -> None:
    """The filesystem row must fail exactly what FileSystemStorage fails."""
    assert len(judged_in_memory(disk=FAILED)) == 1
    assert len(judged_in_memory(like=FAILED)) == 1


def test_django_fails_its_own() -> None:
    """A test that Django's storage fails is a fault of the run."""
    assert judged_in_memory(django=ERROR) == ["Django's in-memory: test error: KeyError: 1"]


def test_the_runner_added() -> None:
    """The library's runner must pass each test that passed without it, and watch MEDIA_ROOT."""
    before = {"test": PASSED, "other": FAILED}
    watched = {WATCH: PASSED}
    listed: dict[Row, dict[str, str]] = {KIT: {}}
    assert not judge_kit(SUITE, {DISK: before, KIT: before | watched}, listed)
    assert len(judge_kit(SUITE, {DISK: before, KIT: before}, listed)) == 1
    assert len(judge_kit(SUITE, {DISK: before, KIT: before | {WATCH: FAILED}}, listed)) == 1
    assert len(judge_kit(SUITE, {DISK: before, KIT: watched | {"test": FAILED}}, listed)) == 1


def test_predecessor() -> None:
    """An unlisted test of the predecessor that fails is a fault, and a listed one that passes."""
    fails, listed = {PLAIN: {"test": FAILED}}, {PLAIN: {"test": "reason"}}
    assert not judge_predecessor_tests(SUITE, fails, listed)
    assert len(judge_predecessor_tests(SUITE, fails, {PLAIN: {}})) == 1
    assert len(judge_predecessor_tests(SUITE, {PLAIN: {"test": PASSED}}, listed)) == 1
    assert len(judge_predecessor_tests(SUITE, {PLAIN: {}}, {PLAIN: {}})) == 1
