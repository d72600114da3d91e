"""The suite that ships for third parties: the backends that pass it, and those that fail."""

from __future__ import annotations

import unittest

import pytest
from django.test import SimpleTestCase
from kvstores import new_uri

from inmemorystorage.kvstore.conformance import StoreConformance


class TestLocmem(StoreConformance):
    """A dict in the process."""

    uri = "locmem://conformance"


class TestTight(StoreConformance):
    """An engine with limits, which the layers above respect."""

    uri = new_uri("Tight")


def run(uri, *bases):
    """Run the suite on a store, as unittest does; return the result."""
    case = type("Suite", (StoreConformance, *bases), {"uri": uri})
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def names(results):
    """Return the names of the tests in a list of results."""
    return {test._testMethodName for test, _ in results}


@pytest.mark.parametrize("base", [unittest.TestCase, SimpleTestCase])
def test_the_suite_runs_under_unittest(base):
    """The suite runs on unittest's and Django's classes."""
    result = run(new_uri(), base)
    assert result.wasSuccessful() and result.testsRun > 15, result.errors + result.failures
    assert not result.skipped


def test_undeclared_capabilities_are_skipped():
    """The suite skips tests of capabilities that a backend does not declare."""
    result = run(new_uri("KeysAndValues"), unittest.TestCase)
    assert result.wasSuccessful()
    reasons = {reason.rpartition("declare ")[2] for _, reason in result.skipped}
    assert reasons == {"adds", "has_entries", "lists_entries", "takes_views"}


def test_pickles_pass_except_one_test():
    """A store of pickles passes all tests, except that it accepts any value."""
    result = run(new_uri(query="?serializer=pickle"), unittest.TestCase)
    assert names(result.failures + result.errors) == {"test_unserializable_values_are_refused"}


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("KeepsTheFirst", "set_replaces"),
        ("IgnoresCase", "keys_are_distinct"),
        ("CutsKeys", "keys_are_distinct"),
        ("CutsValues", "values_longer_than_the_limit"),
        ("KeepsText", "backend_stores_any_bytes"),
        ("KeepsAscii", "values_keep_their_types"),
        ("HasNoEmptyValue", "backend_stores_any_bytes"),
        ("InventsValues", "missing_key_reads_none"),
        ("ComplainsOfMissing", "deleting_a_missing_key_is_silent"),
        ("DeletesNothing", "deleted_key_is_gone"),
        ("DeletesOneOfMany", "set_many_and_delete_many"),
        ("SkipsMissing", "get_many_omits_missing_keys"),
        ("SkipsMissing", "set_many_and_delete_many"),
        ("AddsAlways", "add_stores_missing_keys_only"),
        ("AddsInTwoSteps", "one_concurrent_add_succeeds"),
        ("IsClosedForGood", "store_reopens_connections"),
        ("IsPrivate", "threads_share_a_store"),
        ("IgnoresNamespaces", "namespaces_are_separate"),
        ("IgnoresMarkers", "insert_requires_the_marker"),
        ("InsertsInTwoSteps", "one_concurrent_insert_succeeds"),
        ("ReplacesAny", "entries"),
        ("ListsAll", "list_entries"),
    ],
)
def test_a_fault_is_found(fault, test):
    """A faulty backend fails the test of its fault."""
    result = run(new_uri(fault), unittest.TestCase)
    assert f"test_{test}" in names(result.failures + result.errors)
