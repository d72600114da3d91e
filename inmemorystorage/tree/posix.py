"""
A tree as the kernel sees it: what each system call returns or raises for a path.

The rules are POSIX's path resolution (IEEE Std 1003.1-2024, 4.16) and the pages of open(2),
mkdir(2), unlink(2) and rmdir(2), in the order in which Linux checks them.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from ..behaviors import Behavior
from ..exceptions import os_error
from .journal import lock
from .nodes import Content, InMemoryDir, InMemoryFile, InMemoryNode


class Place(NamedTuple):
    """
    A place in a tree, whether or not anything is there.

    :param root: the directory at which the tree begins.
    :param parts: the components below it.
    :param path: the path that errors name.
    :param location: the directory of ``path`` if that is relative.
    """

    root: InMemoryDir
    parts: list[str]
    path: str
    location: str = ""

    @property
    def parent(self) -> Place:
        """Return the place of the directory above."""
        return self._replace(parts=self.parts[:-1], path=os.path.dirname(self.path))

    def below(self, name: str, *, has_path: bool) -> Place:
        """Return the place of a normalized name; with ``has_path`` errors name its whole path."""
        path = os.path.join(self.path, name) if has_path else name
        return Place(self.root, [*self.parts, *name.split("/")], path, self.path)


def look_up(place: Place, behavior: Behavior) -> InMemoryNode:
    """Return the node at ``place``, or raise what stat(2) raises."""
    _check_path(place.path, behavior)
    node = place.root.find(place.parts)
    if node is None:
        raise _reason(place, behavior)
    return node


def _reason(place: Place, behavior: Behavior) -> OSError:
    """Return the error of a lookup that finds nothing."""
    node: InMemoryNode = place.root
    for part in place.parts:
        if not isinstance(node, InMemoryDir):
            return os_error(errno.ENOTDIR, place.path)
        if _is_too_long(part, behavior.name_max):
            return os_error(errno.ENAMETOOLONG, place.path)
        child = node.children.get(part)
        if child is None:
            break
        node = child
    return os_error(errno.ENOENT, place.path)


def open_file(place: Place, flags: int, behavior: Behavior) -> InMemoryFile:
    """Return the file at ``place``; make, refuse or truncate it as open(2) does by ``flags``."""
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
    assert isinstance(node, InMemoryDir)  # the caller's look_up() would have raised ENOTDIR
    return node


def make_directories(place: Place, behavior: Behavior) -> InMemoryDir:
    """
    Return the directory at ``place``; make it and those above it as ``os.makedirs`` does.

    Raises ``FileExistsError`` for a file at ``place`` and ``NotADirectoryError`` for a file above
    it; directories that were made before the error stay.
    """
    # Where the parts begin in the path, which has fewer if it does not name the location.
    end = _length(place.path) - _length("/" + "/".join(place.parts))
    node: InMemoryNode = place.root
    with lock:
        for depth, part in enumerate(place.parts, start=1):
            size = len(os.fsencode(part))
            end += 1 + size
            if "\0" in part:
                raise ValueError("embedded null byte")
            if end >= behavior.path_max:
                raise os_error(errno.ENAMETOOLONG, _path_at(place, depth))
            if not isinstance(node, InMemoryDir):
                raise os_error(errno.ENOTDIR, os.path.join(place.location, _path_at(place, depth)))
            if size > behavior.name_max:
                raise os_error(errno.ENAMETOOLONG, _path_at(place, depth))
            node = node.children.get(part) or node.make_directories([part])
    if not isinstance(node, InMemoryDir):
        path = os.path.join(place.location, place.path)
        raise FileExistsError(f"{path} exists and is not a directory.")
    return node


def _path_at(place: Place, depth: int) -> str:
    """Return the path of the directory that ``depth`` of the parts lead to."""
    names = place.path.split("/")
    return "/".join(names[: len(names) - len(place.parts) + depth])


def find_target(place: Place, behavior: Behavior, *, overwrite: bool) -> InMemoryFile | None:
    """
    Return the file that storing at ``place`` would overwrite, or ``None`` for a new one.

    Raises ``FileExistsError`` for an existing entry, with ``overwrite`` ``IsADirectoryError`` for a
    directory, and what open(2) raises for a name that no file can have.
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
    place: Place, content: Content, behavior: Behavior, *, overwrite: bool, in_place: bool
) -> None:
    """
    Store ``content`` at ``place``, in an existing directory, all at once.

    :param overwrite: whether an existing file is overwritten.
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
    """Remove the node at ``place``: a file as unlink(2), a directory as rmdir(2) or whole."""
    with lock:
        node = look_up(place, behavior)
        if isinstance(node, InMemoryDir) and node.children and not behavior.deletes_trees:
            raise os_error(errno.ENOTEMPTY, place.path)
        if node.parent is None:
            raise os_error(errno.EBUSY, place.path)
        node.parent.unlink(node.name)


def _check_path(path: str, behavior: Behavior) -> None:
    if "\0" in path:
        raise ValueError("embedded null byte")
    if _is_too_long(path, behavior.path_max - 1):
        raise os_error(errno.ENAMETOOLONG, path)


def _length(path: str) -> int:
    """Return the bytes of a path, one for each character that no file system takes."""
    return len(path.encode(errors="replace"))


def _is_too_long(name: str, limit: int) -> bool:
    return len(os.fsencode(name)) > limit
