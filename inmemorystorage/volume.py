"""
A tree as the kernel sees it: what each system call answers for a path, errno and all.

The rules are POSIX's path resolution (IEEE Std 1003.1, 4.16) and the pages of open(2), mkdir(2),
unlink(2) and rmdir(2), in the order in which Linux checks them.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from .behaviors import Behavior
from .exceptions import os_error
from .journal import lock
from .nodes import InMemoryDir, InMemoryFile, InMemoryNode


class Place(NamedTuple):
    """
    A place in a tree, whether or not anything is there.

    :param root: the directory at which the tree begins.
    :param parts: the components below it.
    :param path: what errors name.
    :param location: where ``path`` begins if it is not absolute.
    """

    root: InMemoryDir
    parts: list[str]
    path: str
    location: str = ""

    @property
    def parent(self) -> Place:
        """Return the place of the directory above."""
        return self._replace(parts=self.parts[:-1], path=os.path.dirname(self.path))


def look_up(place: Place, behavior: Behavior) -> InMemoryNode:
    """Return what is at ``place``, or raise what stat(2) raises."""
    _check_path(place.path, behavior)
    node: InMemoryNode = place.root
    for part in place.parts:
        node = _enter(node, part, place.path, behavior)
    return node


def open_file(place: Place, flags: int, behavior: Behavior) -> InMemoryFile:
    """Return the file at ``place``, made, refused or truncated as open(2) does by ``flags``."""
    with lock:
        try:
            node = look_up(place, behavior)
        except FileNotFoundError:
            if not flags & os.O_CREAT or not place.parts:
                raise
            return _create(place, behavior)
        if flags & os.O_EXCL:
            raise os_error(errno.EEXIST, place.path)
        if not isinstance(node, InMemoryFile):
            raise os_error(errno.EISDIR, place.path)
        if flags & os.O_TRUNC:
            node.truncate(0)
        return node


def _create(place: Place, behavior: Behavior) -> InMemoryFile:
    if behavior.creates_parents:
        make_directories(place.parent, behavior)
    file = InMemoryFile()
    _directory_above(place, behavior).link(place.parts[-1], file)
    return file


def _directory_above(place: Place, behavior: Behavior) -> InMemoryDir:
    node = look_up(place._replace(parts=place.parts[:-1]), behavior)
    assert isinstance(node, InMemoryDir)  # or looking up what is in it had met ENOTDIR
    return node


def make_directories(place: Place, behavior: Behavior) -> InMemoryDir:
    """
    Return the directory at ``place``, made with all above it, as ``os.makedirs`` makes them.

    Raises ``FileExistsError`` where a file is at ``place`` and ``NotADirectoryError`` where one is
    above it; directories that could be made before the error stay.
    """
    names = place.path.split("/")
    with lock:
        directory = place.root
        for depth, part in enumerate(place.parts, start=1):
            above = "/".join(names[: len(names) - len(place.parts) + depth])
            _check_path(above, behavior)
            _check_component(part, above, behavior)
            child = directory.children.get(part)
            if child is None:
                child = InMemoryDir()
                directory.link(part, child)
            if not isinstance(child, InMemoryDir):
                is_last = depth == len(place.parts)
                raise _blocked(os.path.join(place.location, above), is_last=is_last)
            directory = child
        return directory


def _blocked(path: str, *, is_last: bool) -> OSError:
    if is_last:
        return FileExistsError(f"{path} exists and is not a directory.")
    return os_error(errno.ENOTDIR, path)


def find_target(place: Place, behavior: Behavior, *, overwrite: bool) -> InMemoryFile | None:
    """
    Return the file that storing at ``place`` would write over, or ``None`` for a new one.

    Raises ``FileExistsError`` where something is there, with ``overwrite`` ``IsADirectoryError``
    where that is a directory, and what open(2) raises for a name that no file can have.
    """
    try:
        node = look_up(place, behavior)
    except FileNotFoundError:
        return None
    if not overwrite:
        raise os_error(errno.EEXIST, place.path)
    if not isinstance(node, InMemoryFile):
        raise os_error(errno.EISDIR, place.path)
    return node


def store(
    place: Place, content: bytes, behavior: Behavior, *, overwrite: bool, in_place: bool
) -> None:
    """
    Put ``content`` at ``place``, where the directory above is there, all at once.

    :param overwrite: whether a file that is there is written over.
    :param in_place: whether handles that are open on that file see the new content.

    Raises what `find_target` raises.
    """
    with lock:
        if behavior.creates_parents:
            make_directories(place.parent, behavior)
        file = find_target(place, behavior, overwrite=overwrite)
        if file is not None and in_place:
            file.replace(content)
        else:
            _directory_above(place, behavior).link(place.parts[-1], InMemoryFile(content))


def remove(place: Place, behavior: Behavior) -> None:
    """Remove what is at ``place``: a file as unlink(2), a directory as rmdir(2) or whole."""
    with lock:
        node = look_up(place, behavior)
        if isinstance(node, InMemoryDir) and node.children and not behavior.deletes_trees:
            raise os_error(errno.ENOTEMPTY, place.path)
        if node.parent is None:
            raise os_error(errno.EBUSY, place.path)
        node.parent.unlink(node.name)


def _enter(node: InMemoryNode, name: str, path: str, behavior: Behavior) -> InMemoryNode:
    if not isinstance(node, InMemoryDir):
        raise os_error(errno.ENOTDIR, path)
    _check_component(name, path, behavior)
    child = node.children.get(name)
    if child is None:
        raise os_error(errno.ENOENT, path)
    return child


def _check_path(path: str, behavior: Behavior) -> None:
    if "\0" in path:
        raise ValueError("embedded null byte")
    if len(os.fsencode(path)) >= behavior.path_max:
        raise os_error(errno.ENAMETOOLONG, path)


def _check_component(name: str, path: str, behavior: Behavior) -> None:
    if len(os.fsencode(name)) > behavior.name_max:
        raise os_error(errno.ENAMETOOLONG, path)
