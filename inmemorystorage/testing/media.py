"""The files that a test can see, and what has become of them since it began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from django.core.files.storage import storages

from ..storage import InMemoryStorage
from ..tree.journal import Savepoint
from ..tree.nodes import InMemoryDir, InMemoryFile, InMemoryNode
from .tools import TestTool


class Media(Mapping[str, bytes]):
    """
    The files of one storage: a read-only mapping of their names to their contents.

    :param savepoint: when the time began that ``created``, ``changed`` and ``deleted`` tell of;
        ``None``: now.
    :param alias: of the storage, which must be in memory.
    """

    def __init__(self, savepoint: Savepoint | None = None, alias: str = "default") -> None:
        self._savepoint = savepoint
        self._alias = alias
        self._frozen: Changes | None = None

    @property
    def storage(self) -> InMemoryStorage:
        """Return the storage, as the alias has it now."""
        storage = storages[self._alias]
        if not isinstance(storage, InMemoryStorage):
            raise TypeError(
                f"The storage {self._alias!r} is a {type(storage).__module__}."
                f"{type(storage).__name__}, whose files nobody can see here. Replace it with "
                "override_storages()."
            )
        return storage

    def alias(self, alias: str) -> Media:
        """Return the files of another storage."""
        return Media(self._savepoint, alias)

    def __getitem__(self, name: str) -> bytes:
        return self._files()[name].content

    def __iter__(self) -> Iterator[str]:
        return iter(self._files())

    def __len__(self) -> int:
        return len(self._files())

    def __repr__(self) -> str:
        return self.storage.tree()

    def glob(self, pattern: str) -> list[str]:
        """Return the names that match: ``*`` is within a directory, ``**`` any directories."""
        parts = pattern.split("/")
        return [name for name in self if _matches(name.split("/"), parts)]

    @property
    def created(self) -> list[str]:
        """Return the names of the files that were not there."""
        before = self._changes().before
        return [name for name in self._changes().now if name not in before]

    @property
    def deleted(self) -> list[str]:
        """Return the names of the files that are no longer there."""
        now = self._changes().now
        return [name for name in self._changes().before if name not in now]

    @property
    def changed(self) -> list[str]:
        """Return the names of the files whose content is another."""
        changes = self._changes()
        both = [name for name in changes.before if name in changes.now]
        return [name for name in both if changes.before[name] != changes.now[name]]

    def _files(self) -> dict[str, InMemoryFile]:
        return dict(sorted(files_at(self._directory(), "")))

    def _changes(self) -> Changes:
        directory = self._directory()
        noted = {} if self._savepoint is None else self._savepoint.noted()
        return self._frozen or Changes(directory, noted)

    def freeze(self) -> None:
        """Have ``created``, ``changed`` and ``deleted`` tell of the time until now."""
        self._frozen = self._changes()

    def _directory(self) -> InMemoryDir:
        storage = self.storage
        storage._mount.pull_all()  # what was done at lent paths is seen
        return storage.filesystem


class capture_media(TestTool):
    """
    Give a `Media` of the files of the project, and of what becomes of them inside.

    What is captured lasts: nothing is undone at the end. After it, ``created``, ``changed`` and
    ``deleted`` tell of the block.
    """

    def __init__(self, alias: str = "default") -> None:
        super().__init__()
        self._alias = alias
        self._captured: list[tuple[Media, Savepoint]] = []

    def enable(self) -> Media:
        """Begin, and return the files."""
        savepoint = Savepoint()
        self._captured.append((Media(savepoint, self._alias), savepoint))
        return self._captured[-1][0]

    def disable(self) -> None:
        """End."""
        media, savepoint = self._captured.pop()
        try:
            media.freeze()
        finally:
            savepoint.release()


class Changes:
    """
    The contents of those files below a directory that may have changed.

    :param top: the directory.
    :param noted: what the journal has noted: of nodes how they were.
    """

    def __init__(self, top: InMemoryDir, noted: Mapping[Any, Any]) -> None:
        self._noted = noted
        self.now: dict[str, bytes] = {}
        self.before: dict[str, bytes] = {}
        root, place = top.location()
        for node, before in noted.items():
            node_root, parts = node.location()
            if node_root is not root:
                continue
            is_below = parts[: len(place)] == place
            name = "/".join(parts[len(place) :])
            if is_below and isinstance(node, InMemoryDir):
                self._compare_entries(node, f"{name}/" if name else "", before.entries)
            elif is_below:
                self._compare_file(name, node)
            elif isinstance(node, InMemoryDir):
                self._compare_top(top, place, parts, before.entries)

    def _compare_file(self, name: str, file: InMemoryFile) -> None:
        if not self._is_new(file):
            self.now[name] = file.content
            self.before[name] = self._content_before(file)

    def _compare_top(
        self, top: InMemoryDir, place: list[str], above: list[str], entries: Any
    ) -> None:
        """Compare with the directory that was in the place of this one, if one above knows."""
        depth = len(above)
        if place[:depth] != above or place[depth : depth + 1] not in ([name] for name in entries):
            return
        old = entries[place[depth]]
        for part in place[depth + 1 :]:
            old = self._entries_before(old).get(part)
        self.now |= {name: file.content for name, file in files_at(top, "")}
        self.before |= dict(self._files_before(old, ""))

    def _entries_before(self, node: Any) -> dict[str, Any]:
        if not isinstance(node, InMemoryDir):
            return {}
        noted = self._noted[node].entries if node in self._noted else {}
        return {**node.children.copy(), **noted}

    def _compare_entries(self, directory: InMemoryDir, above: str, entries: Any) -> None:
        for name, before in entries.items():
            now = directory.children.get(name)
            self.now |= {each: file.content for each, file in files_at(now, above + name)}
            self.before |= dict(self._files_before(before, above + name))

    def _files_before(self, node: Any, name: str) -> Iterator[tuple[str, bytes]]:
        if isinstance(node, InMemoryFile):
            yield name, self._content_before(node)
        for entry, child in self._entries_before(node).items():
            yield from self._files_before(child, f"{name}/{entry}" if name else entry)

    def _content_before(self, file: InMemoryFile) -> bytes:
        return bytes(self._noted[file][-1]) if file in self._noted else file.content

    def _is_new(self, file: InMemoryFile) -> bool:
        """Return whether a file is an entry that is noted, and so compared there."""
        above = self._noted.get(file.parent)
        return above is not None and file.name in above.entries


def files_at(node: InMemoryNode | None, name: str) -> Iterator[tuple[str, InMemoryFile]]:
    """Yield a file, or the files below a directory, with their names."""
    if isinstance(node, InMemoryFile):
        yield name, node
    elif isinstance(node, InMemoryDir):
        for entry, child in node.children.copy().items():
            yield from files_at(child, f"{name}/{entry}" if name else entry)


def _matches(name: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "**":
        return any(_matches(name[start:], pattern[1:]) for start in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], pattern[0]) and _matches(name[1:], pattern[1:])


def all_media(savepoint: Savepoint | None) -> Iterator[tuple[str, Media]]:
    """Yield the files of each storage in memory that an alias stands for, with the alias."""
    for alias, storage in list(storages._storages.items()):  # type: ignore[attr-defined]
        if isinstance(storage, InMemoryStorage):
            yield alias, Media(savepoint, alias)
