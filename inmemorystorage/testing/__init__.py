"""Files in tests: rolled back, replaced, seen, counted and made to fail."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Where each name is. Imported when it is asked for: pytest loads its plugin where no Django is.
_HOMES = {
    "InMemoryFileSystemStorage": "replacement",
    "InMemoryStorageRunner": "runner",
    "InMemoryStorageRunnerMixin": "runner",
    "InMemoryStorageTestMixin": "mixin",
    "Media": "media",
    "Operation": "recording",
    "RealStorageError": "strict",
    "Repeated": "recording",
    "assertNotStored": "asserts",
    "assertNumStorageOperations": "recording",
    "assertStorageUnchanged": "asserts",
    "assertStored": "asserts",
    "capture_media": "media",
    "capture_storage_operations": "recording",
    "deterministic_names": "names",
    "fail_storage": "faults",
    "forbid_real_storages": "strict",
    "isolate_storages": "isolation",
    "override_storages": "override",
    "rebase": "replacement",
    "replace_storage": "replacement",
    "watch_handles": "leaks",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
