"""A directory of a tree as text for a person, and copied from and to a real directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from shutil import SpecialFileError
from typing import NamedTuple, cast

from .exceptions import os_error
from .journal import lock
from .location import LocationMixin
from .nodes import InMemoryDir, InMemoryFile, files_below, total_size
from .walk import Branch, draw_tree


class TransferMixin(LocationMixin):
    """Show the files of a storage, and copy them from and to a real directory."""

    def tree(self) -> str:
        """Return the tree as text for a person: a line for each name, with a file's bytes."""
        self._pull_all()
        return "\n".join([f"{self._named_location()}/", *draw(self._find_base() or InMemoryDir())])

    def load(self, directory: str | os.PathLike[str]) -> list[str]:
        """
        Copy all files below a real directory into the storage; return their names.

        Files of the same name are replaced, modification times are kept. Raises ``OSError`` where
        one cannot be read or does not fit, and has copied none then.
        """
        self._pull_all()
        return load(self.filesystem, Path(directory))

    def dump(self, directory: str | os.PathLike[str]) -> list[str]:
        """
        Copy all files of the storage below a real directory; return their names.

        The directory is made where it is not there; files of the same name are replaced,
        modification times are kept. Raises ``OSError`` where one cannot be written.
        """
        self._pull_all()
        return dump(self.filesystem, Path(directory))

    def __repr__(self) -> str:
        self._pull_all()
        files = list(files_below(self._find_base() or InMemoryDir()))
        return (
            f"<{type(self).__name__} behaves_like={self.behavior.name!r} "
            f"location={self._named_location()!r} "
            f"files={len(files)} bytes={sum(file.size for file in files)}>"
        )


class RealFile(NamedTuple):
    """A file that was read from a real directory, named relative to it."""

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


def load(directory: InMemoryDir, source: Path) -> list[str]:
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


def _walk(source: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    real_path = os.path.realpath(source)
    if real_path in above:  # a symbolic link leads in a circle
        return
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _walk(Path(entry.path), above | {real_path})
            elif entry.is_file() or entry.is_symlink():  # reading a broken link says so
                yield Path(entry.path)
            else:
                raise SpecialFileError(f"{entry.path} is neither a file nor a directory.")


def _check_fits(directory: InMemoryDir, files: list[RealFile]) -> None:
    growth = sum(len(file.content) - _room_at(directory, file.parts) for file in files)
    directory.charge(growth, "load")
    directory.charge(-growth, "load")


def _room_at(directory: InMemoryDir, parts: list[str]) -> int:
    """Return the size of the file that a new one replaces; refuse what is in its way."""
    node: object = directory
    for part in parts:
        if not isinstance(node, InMemoryDir):
            raise os_error(errno.ENOTDIR, "/".join(parts))
        if part not in node.children:
            return 0
        node = node.children[part]
    if not isinstance(node, InMemoryFile):
        raise os_error(errno.EISDIR, "/".join(parts))
    return node.size


def dump(directory: InMemoryDir, target: Path) -> list[str]:
    """Copy all that is below ``directory`` into the real directory ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for name, node in sorted(directory.children.copy().items()):
        if isinstance(node, InMemoryDir):
            names += [f"{name}/{below}" for below in dump(node, target / name)]
        else:
            (target / name).write_bytes(cast("InMemoryFile", node).content)
            os.utime(target / name, (node.accessed, node.modified))
            names.append(name)
    return names
