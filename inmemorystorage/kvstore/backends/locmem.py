"""``locmem://name``: dicts of this process, one for each name."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...forks import PerProcess
from .base import Backend, Entry, Inserted


class StoreData:
    """The data that all backends of one name share."""

    def __init__(self) -> None:
        self.lock = PerProcess(threading.RLock)
        self.values: dict[str, bytes] = {}
        self.directories: dict[str, dict[str, Entry]] = {}


stores: defaultdict[str, StoreData] = defaultdict(StoreData)


class LocmemBackend(Backend):
    """A store in the memory of this process."""

    adds = has_entries = lists_entries = True
    clock_margin = 0

    def __init__(self, store: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(store, parameters)
        self.data = stores[store]

    def get(self, key: str) -> bytes | None:
        return self.data.values.get(key)

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self.data.values[key] = value

    def add(self, key: str, value: bytes) -> bool:
        with self.data.lock.value:
            if key in self.data.values:
                return False
            self.data.values[key] = value
            return True

    def delete(self, key: str) -> None:
        self.data.values.pop(key, None)

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        return [self.data.directories.get(each, {}).get(name) for each, name in places]

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        with self.data.lock.value:
            entries = self.data.directories.get(directory, {})
            if marker is not None and marker not in entries:
                return Inserted.NO_DIRECTORY
            if name in entries:
                return Inserted.TAKEN
            self.data.directories.setdefault(directory, {})[name] = entry
            return Inserted.DONE

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        with self.data.lock.value:
            if not self._has(directory, name, meta):
                return False
            self.data.directories[directory][name] = entry
            return True

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        """Remove the entry with that ``meta``, and its directory if that is empty then."""
        with self.data.lock.value:
            if not self._has(directory, name, meta):
                return False
            entries = self.data.directories[directory]
            del entries[name]
            if not entries:
                del self.data.directories[directory]
            return True

    def list_entries(self, directory: str) -> Iterator[tuple[str, bytes]]:
        with self.data.lock.value:
            entries = [*self.data.directories.get(directory, {}).items()]
        return ((name, entry.meta) for name, entry in entries)

    def _has(self, directory: str, name: str, meta: bytes) -> bool:
        entry = self.data.directories.get(directory, {}).get(name)
        return entry is not None and entry.meta == meta
