"""A Django storage that keeps its files in memory."""

from typing import TYPE_CHECKING, Any

from .exceptions import PathDoesNotExist
from .nodes import InMemoryDir, InMemoryFile

if TYPE_CHECKING:
    from .storage import InMemoryStorage

__all__ = ["InMemoryDir", "InMemoryFile", "InMemoryStorage", "PathDoesNotExist"]


def __getattr__(name: str) -> Any:
    # Django comes with the storage, when that is asked for: pytest loads the plugin without.
    if name == "InMemoryStorage":
        from .storage import InMemoryStorage

        return InMemoryStorage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
