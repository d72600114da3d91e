"""Copy files between a tree and a real directory, or to the next process; draw trees as text."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from shutil import SpecialFileError
from typing import IO, NamedTuple, cast

from django.core.files.storage import Storage, storages

from .exceptions import os_error
from .project import labelled_fields, labelled_layers, labelled_storages, unwrap
from .tree.journal import lock
from .tree.mount import Mount, shared_tree
from .tree.nodes import InMemoryDir, InMemoryFile, InMemoryNode, total_size
from .walk import Branch, draw_tree, join

# The label of the tree that storages share by their location.
_SHARED = ""


class RealFile(NamedTuple):
    """A file that was read from a real directory; its parts are relative to that directory."""

    parts: list[str]
    content: bytes
    modified: float


def draw(directory: InMemoryDir) -> Iterator[str]:
    """Yield a line for each entry below a directory: its name, and the size of a file in bytes."""
    return draw_tree(_branches(directory))


def _branches(directory: InMemoryDir) -> Iterator[Branch]:
    for name, node in sorted(directory.children.copy().items()):
        if isinstance(node, InMemoryDir):
            yield f"{name}/", _branches(node)
        else:
            yield f"{name} ({total_size(node):,})", ()


def load_directory(directory: InMemoryDir, source: Path) -> list[str]:
    """Copy all files below ``source`` into ``directory``, or, on an error, none."""
    files = list(_read(source))
    with lock:
        _check_fits(directory, files)
        for file in files:
            node = InMemoryFile(file.content)
            node.modified = file.modified
            directory.make_directories(file.parts[:-1]).link(file.parts[-1], node)
    return ["/".join(file.parts) for file in files]


def _read(source: Path) -> Iterator[RealFile]:
    if not source.is_dir():
        code = errno.ENOTDIR if source.exists() else errno.ENOENT
        raise os_error(code, str(source))
    for path in sorted(_walk(source)):
        parts = list(path.relative_to(source).parts)
        yield RealFile(parts, path.read_bytes(), path.stat().st_mtime)


def _walk(source: Path) -> Iterator[Path]:
    pending: list[tuple[str | Path, frozenset[tuple[int, int]]]] = [(source, frozenset())]
    while pending:
        directory, above = pending.pop()
        status = os.stat(directory)
        inode = status.st_dev, status.st_ino
        if inode in above:  # a symbolic link leads in a circle
            continue
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append((entry.path, above | {inode}))
                elif entry.is_file() or entry.is_symlink():  # a broken link raises when it is read
                    yield Path(entry.path)
                else:
                    raise SpecialFileError(f"{entry.path} is neither a file nor a directory.")


def _check_fits(directory: InMemoryDir, files: list[RealFile]) -> None:
    growth = sum(len(file.content) - _room_at(directory, file.parts) for file in files)
    directory.charge(growth, "load")
    directory.charge(-growth, "load")


def _room_at(directory: InMemoryDir, parts: list[str]) -> int:
    """Return the size of the file that a new one replaces; raise if a node is in the way."""
    node: InMemoryNode | None = directory
    for part in parts:
        if not isinstance(node, InMemoryDir):
            raise os_error(errno.ENOTDIR, "/".join(parts))
        node = node.children.get(part)
        if node is None:
            return 0
    if not isinstance(node, InMemoryFile):
        raise os_error(errno.EISDIR, "/".join(parts))
    return node.size


def dump_directory(directory: InMemoryDir, target: Path) -> list[str]:
    """Copy all files below ``directory`` into the real directory ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    pending: list[tuple[str, InMemoryNode]] = [("", directory)]
    while pending:
        name, node = pending.pop()
        if isinstance(node, InMemoryDir):
            (target / name).mkdir(exist_ok=True)
            entries = sorted(node.children.copy().items(), reverse=True)
            pending += [(join(name, entry), child) for entry, child in entries]
        else:
            _write(target / name, cast("InMemoryFile", node))
            names.append(name)
    return names


def _write(path: Path, file: InMemoryFile) -> None:
    content = file.shared_content()
    with path.open("wb") as handle:
        for position, piece in [(0, content)] if isinstance(content, bytes) else content.pieces():
            handle.seek(position)
            handle.write(piece)
        handle.truncate(len(content))
    os.utime(path, (file.accessed, file.modified))


def dump_files(file: IO[bytes]) -> None:
    """
    Write the files of all in-memory storages of the project, with their times.

    The trees are pickled: never load a file from an untrusted source.
    """
    with lock:
        trees = {_SHARED: shared_tree}
        for label, storage in labelled_storages():
            mount = _mount_of(storage)
            if mount is not None:
                mount.pull_all()
                trees[label] = mount.top
        pickle.dump(trees, file, protocol=pickle.HIGHEST_PROTOCOL)


def load_files(file: IO[bytes]) -> None:
    """Load the files that another process dumped into the storages that have the same labels."""
    trees: dict[str, InMemoryDir] = pickle.load(file)
    grafted: set[int] = set()
    with lock:
        for label, tree in trees.items():
            root = _root(label)
            if root is None or id(tree) in grafted:  # several labels may have one tree
                continue
            grafted.add(id(tree))
            _graft(root, tree)


def _graft(root: InMemoryDir, tree: InMemoryDir) -> None:
    """Move the entries of a tree into another one; merge directories of one name."""
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
    """Return the tree of the storage with a label, or ``None`` if the project has none."""
    if label == _SHARED:
        return shared_tree
    mount = _mount_of(_storage(label))
    return None if mount is None else mount.top


def _mount_of(storage: Storage | None) -> Mount | None:
    mount = getattr(storage, "_mount", None)
    return mount if isinstance(mount, Mount) else None


def _storage(label: str) -> Storage | None:
    if label in storages.backends:
        return storages[label]
    field = dict(labelled_fields()).get(label)
    if field is not None:
        return unwrap(field.storage)
    whole, is_layer, _ = label.rpartition(".backends[")
    storage = _storage(whole) if is_layer else None
    return None if storage is None else dict(labelled_layers(whole, storage)).get(label)
