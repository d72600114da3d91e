"""
``memcached://host:port;host:port``, one memcached or several that share the keys.

An entry is one item, whose key is a digest of its directory and name: there is no listing, and a
directory's marker is looked at before an entry is added, not in the same step. Replacing and
removing are by cas, so that of several one succeeds. memcached drops what it has no room for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from hashlib import sha256

from pymemcache.exceptions import MemcacheServerError

from .base import Entry, Inserted
from .batches import BATCH_KEYS, batches, batches_of_values
from .memcached_clients import MemcachedProtocol, stored
from .packing import pack, unpack

# More seconds than this are for memcached a date, in seconds since 1970.
_LONGEST_TTL = 30 * 24 * 60 * 60
# With this, an item is over when it is stored.
_AT_ONCE = -1


class StorageClass(MemcachedProtocol):
    """What one memcached has, or several."""

    default_port = 11211
    has_entries = True
    body_max = MemcachedProtocol.value_max - 2**14

    def expiry(self, ttl: float | None) -> dict[str, int]:
        """Return when a value ends; memcached counts whole seconds."""
        if ttl is None:
            return {}
        seconds = max(1, math.ceil(ttl))
        return {"expire": seconds if seconds <= _LONGEST_TTL else int(time.time()) + seconds}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of several keys, in one request to each server."""
        found: dict[str, bytes] = {}
        for batch in batches(keys, BATCH_KEYS):
            for answer in self.servers.call_many("get_many", dict.fromkeys(batch, b"")):
                found |= answer
        return [found.get(key) for key in keys]

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        """Store several values, some with each request; those before one that fails may be."""
        for batch in batches_of_values(values):
            for failed in self.servers.call_many("set_many", dict(batch), **self.expiry(ttl)):
                stored(not failed, ", ".join(failed))

    def delete_many(self, keys: Iterable[str]) -> None:
        """Delete several keys; silent for those that are not there."""
        for batch in batches(keys, BATCH_KEYS):
            for _ in self.servers.call_many("delete_many", dict.fromkeys(batch, b"")):
                pass

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        """Return the entries at several places, with bodies or without."""
        values = self.get_many([_item(*place) for place in places])
        entries = (None if value is None else unpack(value) for value in values)
        return [each if bodies or each is None else Entry(each.meta) for each in entries]

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        """Store an entry where there is none, atomically; the marker is looked at before."""
        if marker is not None and self.get(_item(directory, marker)) is None:
            return Inserted.NO_DIRECTORY
        added = self.add(_item(directory, name), pack(entry))
        return Inserted.DONE if added else Inserted.TAKEN

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        """Store an entry in the place of the one with that ``meta``, if it is still there."""
        return self._exchange(_item(directory, name), meta, pack(entry), {})

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        """Remove the entry with that ``meta``, if it is still there; return whether it was."""
        # The protocol has no delete with a condition: what is over at once takes its place.
        return self._exchange(_item(directory, name), meta, b"", {"expire": _AT_ONCE})

    def _exchange(self, key: str, meta: bytes, value: bytes, expiry: dict[str, int]) -> bool:
        while True:
            found, version = self.servers.call("gets", key)
            if found is None or unpack(found).meta != meta:
                return False
            if version == b"0":
                raise MemcacheServerError("the server has no cas: it was started with -C")
            if self.servers.call("cas", key, value, version, **expiry):
                return True
            # Somebody else was faster: what is there now may still have this meta.


def _item(directory: str, name: str) -> str:
    """Return the key of an entry: without a colon, which all keys of values have."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (directory, name)]
    digest = sha256(b"%d:" % len(parts[0]) + b"".join(parts))
    return f"entry-{digest.hexdigest()}"
