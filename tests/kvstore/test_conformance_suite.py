"""The suite that ships for third parties: who passes it, and who does not."""

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
    """An engine with limits, which are kept above it."""

    uri = new_uri("Tight")


def run(uri, *bases):
    """Run the suite on a store, as unittest does; return the result."""
    case = type("Suite", (StoreConformance, *bases), {"uri": uri})
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def names(results):
    """Return the names of the tests that a result tells of."""
    return {test._testMethodName for test, _ in results}


@pytest.mark.parametrize("base", [unittest.TestCase, SimpleTestCase])
def test_the_suite_runs_under_unittest(base):
    """It is as good with unittest's and Django's classes."""
    result = run(new_uri(), base)
    assert result.wasSuccessful() and result.testsRun > 15, result.errors + result.failures
    assert not result.skipped


def test_what_is_not_declared_is_skipped():
    """A backend with keys and values alone passes; the rest is skipped, with what it has not."""
    result = run(new_uri("KeysAndValues"), unittest.TestCase)
    assert result.wasSuccessful()
    reasons = {reason.rpartition("has not ")[2] for _, reason in result.skipped}
    assert reasons == {"adds", "has_entries", "lists_entries", "takes_views"}


def test_pickles_pass_but_for_what_json_cannot_say():
    """With ?serializer=pickle, what JSON has no word for is stored, and the rest is as it is."""
    result = run(new_uri(query="?serializer=pickle"), unittest.TestCase)
    assert names(result.failures + result.errors) == {"test_what_cannot_be_said_is_refused"}


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("KeepsTheFirst", "set_replaces"),
        ("IgnoresCase", "every_key_is_a_key_of_its_own"),
        ("CutsKeys", "every_key_is_a_key_of_its_own"),
        ("CutsValues", "values_longer_than_the_engine_takes"),
        ("KeepsText", "bytes_are_kept_as_they_are"),
        ("KeepsAscii", "every_value_is_read_as_it_was_set"),
        ("HasNoEmptyValue", "bytes_are_kept_as_they_are"),
        ("InventsValues", "missing_key_reads_none"),
        ("ComplainsOfMissing", "deleting_a_missing_key_is_silent"),
        ("DeletesNothing", "deleted_key_is_gone"),
        ("DeletesOneOfMany", "many_are_stored_and_deleted_at_once"),
        ("SkipsMissing", "get_many_gives_what_is_there"),
        ("SkipsMissing", "many_are_stored_and_deleted_at_once"),
        ("AddsAlways", "add_stores_where_nothing_is"),
        ("AddsInTwoSteps", "one_of_many_adds"),
        ("IsClosedForGood", "works_after_its_connections_were_closed"),
        ("IsPrivate", "threads_share_a_store"),
        ("IgnoresNamespaces", "namespaces_never_meet"),
        ("IgnoresMarkers", "entries_where_a_marker_is"),
        ("InsertsInTwoSteps", "one_of_many_inserts"),
        ("ReplacesAny", "entries"),
        ("ListsAll", "entries_are_listed"),
    ],
)
def test_a_fault_is_found(fault, test):
    """A backend with a fault fails the test that is about it."""
    result = run(new_uri(fault), unittest.TestCase)
    assert f"test_{test}" in names(result.failures + result.errors)
