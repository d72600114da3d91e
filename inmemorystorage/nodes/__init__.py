"""The tree: `InMemoryDir` and `InMemoryFile` nodes."""

from .base import InMemoryNode, Mirror, Quota, State, lock
from .directory import InMemoryDir, files_below, total_size
from .file import InMemoryFile
from .names import Listing, check_entry_name, split_path

__all__ = [
    "InMemoryDir",
    "InMemoryFile",
    "InMemoryNode",
    "Listing",
    "Mirror",
    "Quota",
    "State",
    "check_entry_name",
    "files_below",
    "lock",
    "split_path",
    "total_size",
]
