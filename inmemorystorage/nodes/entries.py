"""The entries of a directory, and how they were."""

from __future__ import annotations

from typing import Any

from .base import InMemoryNode, State


class Entries(dict[str, InMemoryNode]):
    """The entries of a directory; who takes one out by hand has all storages look anew."""

    def __setitem__(self, name: str, node: InMemoryNode) -> None:
        super().__setitem__(name, node)
        State.epoch += 1

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        State.epoch += 1

    def pop(self, *args: Any) -> Any:
        """Take out an entry by its name."""
        node = super().pop(*args)
        State.epoch += 1
        return node

    def popitem(self) -> tuple[str, InMemoryNode]:
        """Take out the last entry."""
        item = super().popitem()
        State.epoch += 1
        return item

    def clear(self) -> None:
        """Take out all entries."""
        super().clear()
        State.epoch += 1

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Put in entries, in the place of those of their names."""
        super().update(*args, **kwargs)
        State.epoch += 1

    def __ior__(self, other: Any) -> Entries:  # type: ignore[misc, override]
        self.update(other)
        return self


class DirectoryBefore:
    """A directory's times, what those entries were that changed, and the order if one went."""

    __slots__ = ("entries", "order", "times")

    def __init__(self, *times: float) -> None:
        self.times = times
        self.entries: dict[str, InMemoryNode | None] = {}
        self.order: tuple[str, ...] | None = None

    def merged(self, older: DirectoryBefore) -> DirectoryBefore:
        """Return what was before, as far as this or an older one has noted it."""
        merged = DirectoryBefore(*older.times)
        merged.entries = self.entries | older.entries
        merged.order = older.order or self.order
        return merged
