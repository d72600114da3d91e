"""Move storages to private directories in tests, roll their files back, and see what happened."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import uploads
    from .asserts import (
        InMemoryStorageTestMixin,
        assertNotStored,
        assertStorageUnchanged,
        assertStored,
    )
    from .faults import fail_storage
    from .isolation import isolate_storages
    from .ledger import (
        Operation,
        Repeated,
        StorageRequest,
        StorageRequests,
        assertNumStorageOperations,
        assertNumStorageRequests,
        capture_storage_operations,
    )
    from .media import Media, capture_media
    from .orphans import assertNoOrphans
    from .override import override_storages
    from .repeated import forbid_repeated_operations
    from .replacement import replace_storage
    from .runner import InMemoryStorageRunner, InMemoryStorageRunnerMixin
    from .shared import shared_storage
    from .strict import RealStorageError, allow_real_storages, forbid_real_storages
    from .watch import deterministic_names, watch_handles

__all__ = [
    "InMemoryStorageRunner",
    "InMemoryStorageRunnerMixin",
    "InMemoryStorageTestMixin",
    "Media",
    "Operation",
    "RealStorageError",
    "Repeated",
    "StorageRequest",
    "StorageRequests",
    "allow_real_storages",
    "assertNoOrphans",
    "assertNotStored",
    "assertNumStorageOperations",
    "assertNumStorageRequests",
    "assertStorageUnchanged",
    "assertStored",
    "capture_media",
    "capture_storage_operations",
    "deterministic_names",
    "fail_storage",
    "forbid_real_storages",
    "forbid_repeated_operations",
    "isolate_storages",
    "override_storages",
    "replace_storage",
    "shared_storage",
    "uploads",
    "watch_handles",
]

# The modules that define them, imported on first access: pytest loads its plugin without Django.
_MODULES = (
    *("asserts", "faults", "isolation", "ledger", "media", "orphans"),
    *("override", "repeated", "replacement", "runner", "shared", "strict", "watch"),
)


def __getattr__(name: str) -> Any:
    if name == "uploads":
        return import_module(f"{__name__}.uploads")
    for module in _MODULES if name in __all__ else ():
        found = vars(import_module(f"{__name__}.{module}"))
        if name in found:
            return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
