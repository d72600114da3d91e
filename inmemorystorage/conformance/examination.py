"""Examination: run the checks on one storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage

from . import facts, handles, names, opening, saving, sources, thorough
from .capabilities import NAMES, PROBES, Capabilities
from .catalog import Check, checks_of
from .report import FAILED, PASSED, SKIPPED, Report, Result
from .workspace import Workspace, as_storage, describe, do_nothing, expect_equal, new_directory

MODULES = (saving, names, facts, opening, handles, thorough)
CHECKS = [each for module in MODULES for each in checks_of(module)]

# The length to which the lines of a failure are shortened.
WIDTH = 400

T = TypeVar("T")


class Examination:
    """
    Run checks, each on a storage with its own directory, and remember the capabilities.

    :param make_storage: returns a storage; it may return the same one each time.
    :param declared: what the storage is known to have or to lack.
    :param thorough: whether thorough checks run too.
    :param leave_thread: called at the end of each thread that a check starts.
    :param found: the capabilities that an earlier examination found.
    :param directory: the directory in which the checks have theirs; checks that may save files
        outside of it are skipped. By default directories of checks are at the root.

    What ``make_storage`` raises is raised again, and fails no check. Raises ``TypeError`` if it
    returns no storage, and ``ImproperlyConfigured`` if Django has no settings, or if thorough
    checks shall run and Hypothesis is not installed.
    """

    def __init__(
        self,
        make_storage: Callable[[], Storage],
        declared: Capabilities,
        *,
        thorough: bool = False,
        leave_thread: Callable[[], object] = do_nothing,
        found: dict[str, bool] | None = None,
        directory: str = "",
    ) -> None:
        _ = settings.USE_TZ  # many checks need settings, which Django may have to set up
        if not callable(make_storage):
            raise TypeError(f"{make_storage!r} is not a function. Pass one that returns a storage.")
        if thorough and find_spec("hypothesis") is None:
            raise ImproperlyConfigured(
                "Thorough checks need Hypothesis. Install dj-inmemorystorage[conformance]."
            )
        self._make_storage = make_storage
        self._declared = declared
        self._thorough = thorough
        self._leave_thread = leave_thread
        self._found = {} if found is None else found
        self._directory = directory
        self.left: list[str] = []
        self.checks = [declaration_check(name, declared) for name in declared.given] + CHECKS

    @property
    def capabilities(self) -> dict[str, bool]:
        """Return the capabilities that are known so far, in order."""
        return {name: self._found[name] for name in NAMES if name in self._found}

    def has(self, capability: str) -> bool:
        """Return whether the probe of a capability finds it."""
        if capability not in self._found:
            self._found[capability] = self._in_workspace(lambda space: finds(capability, space))
        return self._found[capability]

    def result(self, check: Check) -> Result:
        """Run a check, and return its result."""
        reason = self._reason_to_skip(check)
        if reason:
            return Result(check, SKIPPED, reason)
        return self._in_workspace(lambda space: run_check(check, space))

    def declaration(self, capability: str) -> Result:
        """Compare a declared capability with what its probe finds, and return the result."""
        check = declaration_check(capability, self._declared)
        if capability not in self._declared.given:
            return Result(check, SKIPPED, f"{capability} is not declared")
        return self.result(check)

    def save_one(self) -> None:
        """Save and delete a file; raise what ``save()`` raises."""
        self._in_workspace(lambda space: space.save("a"))

    def report(
        self, progress: Callable[[list[Check], str], Iterable[Check]] = lambda checks, label: checks
    ) -> Report:
        """
        Run all checks; first those of declared capabilities.

        :param progress: passes the checks on, and shows how many there were.
        """
        name = type(self._new_storage()).__name__
        results = [self.result(check) for check in progress(self.checks, "checks")]
        for capability in NAMES if self._thorough else NAMES[:-1]:
            self.has(capability)
        return Report(name, tuple(results), self.capabilities, tuple(dict.fromkeys(self.left)))

    def _reason_to_skip(self, check: Check) -> str:
        if check.thorough and not self._thorough:
            return "it runs in thorough mode alone"
        for capability in check.needs:
            if not self.has(capability):
                return f"the storage lacks {capability}"
        for capability in check.lacks:
            if self.has(capability):
                return f"the storage has {capability}"
        if check.outside and self._directory:
            return "a storage that fails it saves files outside of the directory"
        return ""

    def clean(self) -> None:
        """Delete the directory of the examination, and try again to delete what is left."""
        # Never the root: the workspace deletes everything in its directory.
        space = Workspace(self._new_storage(), directory=self._directory or new_directory())
        for name in self.left:
            space.relative(name)
        self.left = space.clean()

    def _new_storage(self) -> Storage:
        return as_storage(self._make_storage())

    def _in_workspace(self, run: Callable[[Workspace], T]) -> T:
        directory = new_directory(self._directory)
        space = Workspace(self._new_storage(), self._leave_thread, directory, self.has)
        try:
            return run(space)
        finally:
            self.left += space.clean()


def run_check(check: Check, space: Workspace) -> Result:
    """Run a check in a workspace, and return its result."""
    try:
        check.run(space)
    except Exception as error:
        # Hypothesis notes the operations that lead to the error.
        message = "\n".join([describe(error), *getattr(error, "__notes__", ())])
        # Operations may have contents of many kilobytes.
        lines = [f"{line[:WIDTH]}{'…' * (len(line) > WIDTH)}" for line in message.split("\n")]
        return Result(check, FAILED, "\n".join(lines), error)
    return Result(check, PASSED)


def finds(capability: str, space: Workspace) -> bool:
    """Return whether a probe finds a capability; a probe that fails finds none."""
    with suppress(Exception):
        return PROBES[capability](space)
    return False


def declaration_check(capability: str, declared: Capabilities) -> Check:
    """Return the check that a capability is as declared."""
    expected = declared.given.get(capability)

    def run(space: Workspace) -> None:
        expect_equal(space.has(capability), expected, f"{capability}, which its probe finds out")

    sentence = f"The storage has or lacks {capability}, as it is declared."
    is_thorough = capability == "processes"
    return Check(f"declared_{capability}", sentence, sources.PARTIAL, run, thorough=is_thorough)


def check_storage(
    make_storage: Callable[[], Storage],
    capabilities: Capabilities | None = None,
    *,
    thorough: bool = False,
    leave_thread: Callable[[], object] = do_nothing,
) -> Report:
    """
    Check a storage, and report which checks passed.

    Each check saves files in its own directory, named ``conformance-…``, and deletes them.

    :param make_storage: returns a storage: a new one, or the same one each time.
    :param capabilities: what the storage is declared to have or to lack, which probes must confirm.
    :param thorough: also compare random operations with a model, and race threads and processes.
    :param leave_thread: called at the end of each thread that a check starts, to close connections.
    """
    declared = capabilities or Capabilities()
    return Examination(
        make_storage, declared, thorough=thorough, leave_thread=leave_thread
    ).report()
