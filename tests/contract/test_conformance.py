"""Each storage passes the conformance suite, with the capabilities that are declared for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from contract.storages import Subject
from django.core.files.storage import Storage
from engines.stores import leave_thread

from inmemorystorage.conformance import Report, Workspace, check_storage
from inmemorystorage.conformance.saving import existing_file_is_replaced
from inmemorystorage.conformance.thorough import threads_that_save_one_name_lose_nothing


def failed(report: Report) -> set[str]:
    """Return the names of the checks that a storage does not pass."""
    return {each.check.name for each in report.failures}


def test_conformance(subject: Subject, make_storage: Callable[..., Storage]) -> None:
    """A storage has the capabilities that are declared for it, and passes all checks of them."""
    report = check_storage(
        make_storage, subject.can, thorough=subject.is_fast, leave_thread=leave_thread
    )
    assert failed(report) == subject.fails, str(report)
    assert not report.left
    if subject.can.atomic_names and not subject.is_fast:
        threads_that_save_one_name_lose_nothing.run(Workspace(make_storage(), leave_thread))


def test_conformance_of_overwriting(subject: Subject, make_storage: Callable[..., Storage]) -> None:
    """A storage with allow_overwrite passes all checks too, a slow one that of overwriting."""
    if not subject.can.allows_overwrite:
        pytest.skip("this storage has no allow_overwrite")
    make = partial(make_storage, allow_overwrite=True)
    if not subject.is_fast:
        existing_file_is_replaced.run(Workspace(make(), leave_thread))
        return
    can = replace(subject.can, overwrites=True, atomic_names=False)
    report = check_storage(make, can, leave_thread=leave_thread)
    assert failed(report) == subject.fails, str(report)
