"""A Django storage that keeps its files in memory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .exceptions import PathDoesNotExist, ReadOnlyStorageError
from .tree.nodes import InMemoryDir, InMemoryFile

if TYPE_CHECKING:
    from .fallback import FallbackStorage
    from .storage import InMemoryStorage

__all__ = ["FallbackStorage", "InMemoryDir", "InMemoryFile", "InMemoryStorage"]
__all__ += ["PathDoesNotExist", "ReadOnlyStorageError"]


def __getattr__(name: str) -> Any:
    # Django comes with the storages, when those are asked for: pytest loads the plugin without.
    modules = {"FallbackStorage": "fallback", "InMemoryStorage": "storage"}
    if name in modules:
        return getattr(import_module(f"{__name__}.{modules[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
