"""
Check that a storage does what Django's documentation says.

In one call, on a storage of any class::

    report = check_storage(lambda: MyStorage())
    print(report)
    assert report.ok

As tests, for pytest and, with ``unittest.TestCase`` as a second base, for unittest::

    class TestMyStorage(StorageConformance):
        def make_storage(self):
            return MyStorage()
"""

from __future__ import annotations

from .capabilities import Capabilities
from .catalog import Check, Source
from .examination import CHECKS, Examination, check_storage
from .report import Report, Result
from .suite import StorageConformance
from .workspace import Workspace

__all__ = [
    "CHECKS",
    "Capabilities",
    "Check",
    "Examination",
    "Report",
    "Result",
    "Source",
    "StorageConformance",
    "Workspace",
    "check_storage",
]
