"""The files of one process handed over to the next."""

from __future__ import annotations

import pickle
from typing import IO

from django.core.files.storage import Storage, storages

from .journal import lock
from .location import disk
from .nodes import InMemoryDir
from .project import labelled_fields, labelled_layers, labelled_storages, unwrap
from .storage import InMemoryStorage

# What the tree of the storages that share by their location is called.
_SHARED = ""


def hand_over(file: IO[bytes]) -> None:
    """
    Write the files of all storages in memory that the project has, with their times.

    The trees are pickled: only who trusts the file may take them over.
    """
    with lock:
        trees = {_SHARED: disk}
        for label, storage in labelled_storages():
            if isinstance(storage, InMemoryStorage):
                storage._pull_all()
                trees[label] = storage._top()
        pickle.dump(trees, file, protocol=pickle.HIGHEST_PROTOCOL)


def take_over(file: IO[bytes]) -> None:
    """Put the files that another process wrote into the storages that have the same names."""
    trees: dict[str, InMemoryDir] = pickle.load(file)
    grafted: set[int] = set()
    with lock:
        for label, tree in trees.items():
            root = _root(label)
            if root is None or id(tree) in grafted:
                continue
            grafted.add(id(tree))  # which several names may have
            _graft(root, tree)


def _graft(root: InMemoryDir, tree: InMemoryDir) -> None:
    """Move what is in a tree into another one; directories of one name become one."""
    pending = [(root, tree)]
    while pending:
        into, source = pending.pop()
        for name, node in source.children.copy().items():
            there = into.children.get(name)
            if isinstance(there, InMemoryDir) and isinstance(node, InMemoryDir):
                pending.append((there, node))
            else:
                into.link(name, node, checks_quota=False)


def _root(label: str) -> InMemoryDir | None:
    """Return the tree that a name has now, or ``None``: the project has it no longer."""
    if label == _SHARED:
        return disk
    storage = _storage(label)
    return storage._top() if isinstance(storage, InMemoryStorage) else None


def _storage(label: str) -> Storage | None:
    if label in storages.backends:
        return storages[label]
    field = dict(labelled_fields()).get(label)
    if field is not None:
        return unwrap(field.storage)
    whole, is_part, _ = label.rpartition(".backends[")
    storage = _storage(whole) if is_part else None
    return None if storage is None else dict(labelled_layers(whole, storage)).get(label)
