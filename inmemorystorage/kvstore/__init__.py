"""Key-value stores behind one URI, models on them, and a storage that processes share."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .backends import Backend
from .store import KeyValueStore, get_kvstore, kvstore

if TYPE_CHECKING:
    from .storage import KeyValueStorage

__all__ = ["Backend", "KeyValueStorage", "KeyValueStore", "get_kvstore", "kvstore"]


def __getattr__(name: str) -> Any:
    if name == "KeyValueStorage":
        return import_module(f"{__name__}.storage").KeyValueStorage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
