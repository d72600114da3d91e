"""StorageConformance: the checks as a class of tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.core.files.storage import Storage

from .capabilities import NAMES, Capabilities
from .catalog import Check
from .examination import CHECKS, Examination, declaration_check
from .report import Result


class StorageConformance:
    """
    Tests that a storage passes, one for each check.

    pytest runs a subclass as it is; with ``unittest.TestCase`` as a second base, unittest and
    Django's runner do.

    :cvar capabilities: what the storage is declared to have or to lack, which probes must confirm.
    :cvar thorough: also compare random operations with a model, and race threads and processes.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()
    thorough: ClassVar[bool] = False
    # What the probes found, shared by the tests of a class.
    _found: ClassVar[dict[str, bool]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._found = {}

    def make_storage(self) -> Storage:
        """Return a storage: a new one, or the same one each time."""
        raise NotImplementedError(f"{type(self).__name__} must define make_storage().")

    def leave_thread(self) -> None:
        """Do nothing; override it to close what a thread of a check has opened."""

    def examination(self) -> Examination:
        """Return an examination of the storage."""
        return Examination(
            self.make_storage,
            self.capabilities,
            thorough=self.thorough,
            leave_thread=self.leave_thread,
            found=self._found,
        )


def add_test(check: Check, run: Callable[[Examination], Result]) -> None:
    """Give the class a test that runs a check."""

    def test(self: StorageConformance) -> None:
        run(self.examination()).raise_for_outcome()

    test.__name__ = f"test_{check.name}"
    test.__qualname__ = f"{StorageConformance.__qualname__}.{test.__name__}"
    test.__doc__ = check.sentence
    setattr(StorageConformance, test.__name__, test)


for _name in NAMES:
    add_test(
        declaration_check(_name, Capabilities()),
        partial(Examination.declaration, capability=_name),
    )
for _check in CHECKS:
    add_test(_check, partial(Examination.result, check=_check))
