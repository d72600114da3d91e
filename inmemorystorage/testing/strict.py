"""No test writes to a storage that is not in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage

from ..fallback import FallbackStorage
from ..project import labelled_layers
from ..storage import InMemoryStorage
from ..tree.mount import is_lent
from .operations import Call, add_observer, remove_observer
from .places import storage_label
from .replacement import IN_MEMORY
from .shared import is_shared
from .tools import TestTool


class RealStorageError(AssertionError):
    """A test writes to a storage that is not in memory."""


class forbid_real_storages(TestTool):
    """
    Fail what saves, opens for writing or deletes on a storage that is not in memory.

    Raises `RealStorageError` there, before anything is done, and once more at the end where the
    project has swallowed it. A ``FileSystemStorage`` that stands in the private directory of a
    replaced MEDIA_ROOT is in memory too, and so is Django's ``InMemoryStorage``.

    :param tells_of_swallowed: whether the error is raised once more.
    """

    def __init__(self, *, tells_of_swallowed: bool = True) -> None:
        super().__init__()
        self._tells_of_swallowed = tells_of_swallowed
        self._errors: list[RealStorageError] = []

    def enable(self) -> None:
        """Forbid."""
        self._errors = []
        add_observer(self)

    def disable(self) -> None:
        """Forbid no more; raise what was swallowed."""
        remove_observer(self)
        for error in self._errors if self._tells_of_swallowed else ():
            if not has_reached_test_runner(error):
                raise error

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None:
            self._errors = []  # it fails already
        self.disable()

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any:
        """Let an operation pass, or fail it."""
        if call.writes and not allow_real_storages.depth and not is_in_memory(call.storage):
            label, kind = storage_label(call.storage), type(call.storage).__name__
            where = kind if label == kind else f"{kind} of {label!r}"
            self._errors.append(
                RealStorageError(
                    f"{call.op}({call.name!r}) on the {where}, which is not in memory. Replace "
                    "it with override_storages(), or let this one test through with "
                    "allow_real_storages() (with pytest @pytest.mark.real_storages)."
                )
            )
            raise self._errors[-1]
        return proceed(call)


class allow_real_storages(TestTool):
    """Let a block, a test or a class of tests write to real storages, where that is forbidden."""

    depth = 0

    def enable(self) -> None:
        """Allow."""
        allow_real_storages.depth += 1

    def disable(self) -> None:
        """Allow no more."""
        allow_real_storages.depth -= 1


def has_reached_test_runner(error: BaseException) -> bool:
    """Return whether an error has come through all of a test, so that the test has failed by it."""
    frame = error.__traceback__ and error.__traceback__.tb_frame
    module = frame.f_globals.get("__name__", "") if frame else ""
    return module.partition(".")[0] in ("unittest", "_pytest", "pluggy")


def is_in_memory(storage: Storage) -> bool:
    """Return whether what is written to a storage ends with the process, or with its test."""
    if isinstance(storage, FileSystemStorage) and not isinstance(storage, InMemoryStorage):
        return is_lent(os.fspath(storage.location))
    if isinstance(storage, FallbackStorage):
        return all(is_in_memory(part) for _, part in labelled_layers("", storage))
    return isinstance(storage, IN_MEMORY) or is_shared(storage)
