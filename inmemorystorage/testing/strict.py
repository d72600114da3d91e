"""Strict mode: fail tests that use real storages."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage

from ..fallback import FallbackStorage, ReadOnlyStorage
from ..project import labelled_layers
from ..storage import InMemoryStorage
from ..tree.mount import is_lent
from .bucket_floor import floor_of
from .floor import Floor, is_static
from .operations import Call, operations_observed_by
from .paths import is_inside
from .places import storage_label
from .project_settings import project_directories
from .shared import is_shared
from .tools import TestTool


class RealStorageError(AssertionError):
    """A test uses a real storage."""


class forbid_real_storages(TestTool):
    """
    Fail operations that save, open for writing or delete on a real storage.

    A storage is real unless it is in memory, or on a bucket in memory, or is a
    ``FileSystemStorage`` on a moved or a temporary directory. Raises `RealStorageError` before the
    operation does anything, and again at the end if the project swallowed it.

    :param reads: whether all other operations fail too, except those that read static files.
    :param tells_of_swallowed: whether a swallowed error is raised again.
    """

    def __init__(self, *, reads: bool = False, tells_of_swallowed: bool = True) -> None:
        super().__init__()
        self._reads = reads
        self._tells_of_swallowed = tells_of_swallowed
        self._errors: list[RealStorageError] = []
        self.allows = False

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Begin to forbid."""
        self._errors = []
        stack.enter_context(operations_observed_by(self, sees_inner=True))

    def check(self) -> None:
        """Raise an error that the project swallowed since the last call."""
        errors, self._errors = self._errors, []
        for error in errors if self._tells_of_swallowed else ():
            if not has_reached_test_runner(error):
                raise error

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Proceed with an operation, or fail it."""
        if self.allows or allow_real_storages.depth or not self._forbids(call):
            return proceed(call)
        self._errors.append(
            RealStorageError(
                f"{call.op}({call.name!r}) on the {_describe(call.storage)}, which is a real "
                "storage. Move or replace it with override_storages(), or allow it in this test "
                "with allow_real_storages() (with pytest @pytest.mark.real_storages)."
            )
        )
        raise self._errors[-1]

    def _forbids(self, call: Call) -> bool:
        is_meant = call.writes or (self._reads and not is_static(call.storage))
        return is_meant and not is_in_memory(call.storage)


class allow_real_storages(TestTool):
    """Let a block, a test or a class of tests use real storages in strict mode."""

    depth = 0

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Begin to allow."""
        allow_real_storages.depth += 1
        stack.callback(self._stop)

    def _stop(self) -> None:
        allow_real_storages.depth -= 1


def has_reached_test_runner(error: BaseException) -> bool:
    """Return whether an error left the test, which therefore failed."""
    frame = error.__traceback__ and error.__traceback__.tb_frame
    module = frame.f_globals.get("__name__", "") if frame else ""
    return module.partition(".")[0] in ("unittest", "_pytest", "pluggy")


def is_in_memory(storage: Storage) -> bool:
    """Return whether files that are written to a storage are gone after the process or the test."""
    if isinstance(storage, FileSystemStorage) and not isinstance(storage, InMemoryStorage):
        location = os.fspath(storage.location)
        is_moved = Floor.current is not None and Floor.current.holds(location)
        return is_moved or is_lent(location) or is_temporary(location)
    if isinstance(storage, FallbackStorage):
        return all(is_in_memory(part) for _, part in labelled_layers("", storage))
    if isinstance(storage, ReadOnlyStorage):
        return is_in_memory(storage.find())
    if isinstance(storage, (InMemoryStorage, DjangoInMemoryStorage)):
        return True
    return is_shared(storage) or floor_of(storage) is not None


def _describe(storage: Storage) -> str:
    """Return the class of a storage, its alias or field, and its directory on a disk."""
    label, kind = storage_label(storage), type(storage).__name__
    where = kind if label == kind else f"{kind} of {label!r}"
    if isinstance(storage, FileSystemStorage):
        where += f" in {os.fspath(storage.location)!r}"
    return where


def is_temporary(path: str) -> bool:
    """Return whether a directory is temporary, and not that of a project in a temporary one."""
    temporary = tempfile.gettempdir()
    return is_inside(path, temporary) and not any(
        is_inside(path, project) and is_inside(project, temporary)
        for project in project_directories()
    )
