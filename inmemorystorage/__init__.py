"""A Django storage that keeps its files in memory."""

from .exceptions import PathDoesNotExist
from .nodes import InMemoryDir, InMemoryFile
from .storage import InMemoryStorage

__all__ = ["InMemoryDir", "InMemoryFile", "InMemoryStorage", "PathDoesNotExist"]
