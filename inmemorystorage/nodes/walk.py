"""What is below a node."""

from __future__ import annotations

from collections.abc import Iterator

from .base import InMemoryNode
from .file import InMemoryFile


def find(node: InMemoryNode, parts: list[str]) -> InMemoryNode | None:
    """Return what is at ``parts`` below a node, or ``None``."""
    found: InMemoryNode | None = node
    for part in parts:
        found = None if found is None else found.children.get(part)
    return found


def files_below(directory: InMemoryNode) -> Iterator[InMemoryFile]:
    """Yield all files below a directory, or the file itself."""
    nodes = [directory]
    while nodes:
        node = nodes.pop()
        if isinstance(node, InMemoryFile):
            yield node
        else:
            nodes.extend(reversed(node.children.copy().values()))  # type: ignore[attr-defined]


def total_size(node: InMemoryNode) -> int:
    """Return the bytes of a file, or of all the files below a directory."""
    return sum(file.size for file in files_below(node))
