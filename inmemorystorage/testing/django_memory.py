"""Roll the files of Django's in-memory storages back."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import six
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.core.files.storage import Storage

from ..project import labelled_storages
from .levels import Level, States
from .operations import prepared_by


class Node(NamedTuple):
    """
    The state of a file or a directory.

    ``content`` is ``None`` for a directory.
    """

    cls: type
    attributes: dict[str, Any]
    content: bytes | str | None


class DjangoMemory:
    """
    The nodes of the project's storages of Django's class, by storage and path.

    ``current`` is the active one, whose nodes roll back.
    """

    current: ClassVar[DjangoMemory | None] = None

    def __init__(self) -> None:
        self._storages: weakref.WeakSet[Storage] = weakref.WeakSet()

    def know(self, storage: Storage) -> None:
        """Roll the files of a storage back from now on, if it is one of Django's."""
        if isinstance(storage, DjangoInMemoryStorage) and storage not in self._storages:
            self._storages.add(storage)
            states = dict(_nodes(storage))
            for level in Level.open:
                level.add(self, states)

    def capture(self) -> States:
        """Return the nodes that exist."""
        # A test may have given a storage another class.
        known = [each for each in self._storages if isinstance(each, DjangoInMemoryStorage)]
        return {key: node for storage in known for key, node in _nodes(storage)}

    def changes(self, level: Level, storage: Storage) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Return the contents of files that changed in a level, before and now, by name."""
        before, now = level.changes(self)
        return _contents(before, storage), _contents(now, storage)

    def apply(self, states: States) -> None:
        """Restore nodes."""
        # Deletions first, then directories before their entries.
        for (storage, path), node in sorted(states.items(), key=lambda each: len(each[0][1])):
            above = _find(storage, path[:-1])
            if node is None and above is not None:
                above._children.pop(path[-1], None)
        for (storage, path), node in sorted(states.items(), key=lambda each: len(each[0][1])):
            if node is not None:
                _restore(storage, path, node)


@contextlib.contextmanager
def rolled_back() -> Iterator[None]:
    """Roll the files of Django's storages back with levels that begin in a block."""
    memory = DjangoMemory()
    with prepared_by(memory.know):
        Level.captured.append(memory)
        DjangoMemory.current = memory
        try:
            for _, storage in labelled_storages():
                memory.know(storage)
            yield
        finally:
            DjangoMemory.current = None
            Level.captured.remove(memory)


def _contents(states: States, storage: Storage) -> dict[str, bytes]:
    return {
        "/".join(path): six.ensure_binary(node.content)
        for (owner, path), node in sorted(states.items(), key=lambda each: each[0][1])
        if owner is storage and node is not None and node.content is not None
    }


def _nodes(storage: Any) -> Iterator[tuple[Any, Node]]:
    pending: list[tuple[tuple[str, ...], Any]] = [((), storage._root)]
    while pending:
        path, node = pending.pop()
        children = getattr(node, "_children", None)
        content = node.file.getvalue() if children is None else None
        attributes = {
            name: value for name, value in vars(node).items() if name not in ("_children", "file")
        }
        yield (storage, path), Node(type(node), attributes, content)
        pending += [((*path, name), child) for name, child in (children or {}).items()]


def _find(storage: Any, path: tuple[str, ...]) -> Any:
    node = storage._root
    for name in path:
        node = getattr(node, "_children", {}).get(name)
    return node


def _restore(storage: Any, path: tuple[str, ...], before: Node) -> None:
    """Restore a node, in place if it has the same class."""
    node = _find(storage, path)
    if type(node) is not before.cls:
        node = before.cls()
        _find(storage, path[:-1])._children[path[-1]] = node
    if before.content is not None:
        node._content_type = type(before.content)
        node._initialize_stream()
        node.file.write(before.content)
    vars(node).update(before.attributes)
