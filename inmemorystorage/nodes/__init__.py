"""The tree: `InMemoryDir` and `InMemoryFile` nodes."""

from .base import InMemoryNode, Mirror, Quota, State
from .directory import InMemoryDir
from .file import InMemoryFile
from .names import Listing, check_entry_name, split_path
from .walk import files_below, find, total_size

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
    "find",
    "split_path",
    "total_size",
]
