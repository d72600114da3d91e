"""
Buckets in memory: objects by key, and uploads in parts.

A bucket is no tree: ``a``, ``a/b`` and ``dir//a`` are three keys side by side. Objects and uploads
are immutable, and a change replaces one, so that the journal of `tree.journal` undoes changes of
buckets together with those of files.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

from ..tree.journal import Journal, begin, lock, record

Value = TypeVar("Value")


class Entries(Generic[Value]):
    """Values by key, in the order of their keys; the journal undoes changes."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        # In the order of code points, which is the order of bytes in UTF-8.
        self.keys: list[str] = []

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def get(self, key: str) -> Value | None:
        """Return the value of a key, or ``None``."""
        return self._values.get(key)

    def items(self) -> list[tuple[str, Value]]:
        """Return each key and its value, in the order of the keys."""
        with lock:
            return [(key, self._values[key]) for key in self.keys]

    def put(self, key: str, value: Value) -> None:
        """Set the value of a key."""
        with lock:
            self._note(key)
            self._set(key, value)

    def remove(self, key: str) -> Value | None:
        """Remove a key; return its value, or ``None`` if it had none."""
        with lock:
            if key not in self._values:
                return None
            self._note(key)
            return self._unset(key)

    def _note(self, key: str) -> None:
        if Journal.savepoint is not None:
            record(self).setdefault(key, self._values.get(key))

    def _set(self, key: str, value: Value) -> None:
        if key not in self._values:
            insort(self.keys, key)
        self._values[key] = value

    def _unset(self, key: str) -> Value | None:
        del self.keys[bisect_left(self.keys, key)]
        return self._values.pop(key)

    def snapshot(self) -> dict[str, Value | None]:
        """Return what `restore` takes; keys are noted there as they change."""
        return {}

    def take_out(self, before: dict[str, Value | None]) -> None:
        """Remove the keys that are new."""
        for key, value in before.items():
            if value is None and key in self._values:
                self._unset(key)

    def restore(self, before: dict[str, Value | None]) -> None:
        """Put back the values that were replaced or removed."""
        for key, value in before.items():
            if value is not None:
                self._set(key, value)

    def merge(
        self, older: dict[str, Value | None] | None, newer: dict[str, Value | None]
    ) -> dict[str, Value | None]:
        """Return the values before both snapshots."""
        return newer | (older or {})


@dataclass(frozen=True)
class Attributes:
    """
    The data of an object besides its content.

    :param headers: those sent with the content, by name in lower case: ``content-type``.
    :param metadata: the user's own metadata, by name.
    :param tags: names and values, in order.
    :param acl: data of the wire about access; the bucket does not read it.
    :param blocks: names and sizes of the parts of the content, in order, if they stay known.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    acl: Any = ()
    blocks: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class StoredObject:
    """
    An object: content and attributes at a moment.

    :param etag: identifies the content, without quotes.
    :param modified: when it was stored, in seconds since the epoch.
    :param checksums: of the content, by the name of their algorithm.
    :param generation: increases with each store in a bucket.
    :param metageneration: counts the attributes that the content has had.
    :param created: when the content was stored; ``modified`` may be when the attributes were.
    :param parts: the parts that the content was uploaded in, if the service remembers them.
    """

    content: bytes
    attributes: Attributes
    etag: str
    modified: float
    checksums: Mapping[str, str] = field(default_factory=dict)
    generation: int = 1
    metageneration: int = 1
    created: float = 0.0
    parts: tuple[StoredPart, ...] = ()


class StoredPart(NamedTuple):
    """A part of an object that was uploaded in parts."""

    number: int
    size: int
    checksums: Mapping[str, str]


class Part(NamedTuple):
    """A part of an upload."""

    content: bytes
    etag: str
    modified: float
    checksums: Mapping[str, str]


@dataclass(frozen=True)
class Upload:
    """
    An upload in parts, by number or name, that has not been completed.

    :param checksum: data of the wire about checksums; the bucket does not read it.
    """

    key: str
    attributes: Attributes
    begun: float
    parts: Mapping[Any, Part] = field(default_factory=dict)
    checksum: Any = ()

    def with_part(
        self, number: int | str, content: bytes, checksums: Mapping[str, str] | None = None
    ) -> Upload:
        """Return the upload with another part, or with new content of a part."""
        part = Part(content, etag_of(content), time.time(), checksums or {})
        return replace(self, parts={**self.parts, number: part})


class Page(NamedTuple):
    """
    A part of a listing.

    :param objects: keys and objects; ``prefixes``: common starts of keys up to a delimiter.
    :param end: the last key or prefix on the page if more follow, otherwise empty.
    """

    objects: list[tuple[str, StoredObject]]
    prefixes: list[str]
    end: str


class Bucket:
    """Objects by key, uploads by identifier, and data of the wire about the bucket by name."""

    def __init__(self) -> None:
        self.created = time.time()
        self.objects: Entries[StoredObject] = Entries()
        self.uploads: Entries[Upload] = Entries()
        self.properties: Entries[Any] = Entries()
        self._generation = 0

    def store(
        self,
        key: str,
        content: bytes,
        attributes: Attributes,
        *,
        etag: str = "",
        checksums: Mapping[str, str] | None = None,
        parts: tuple[StoredPart, ...] = (),
    ) -> StoredObject:
        """Store an object, by reference to its content, and return it."""
        etag, now = etag or etag_of(content), time.time()
        # A rollback does not reset it; microseconds, as long as the clock is not frozen.
        self._generation = max(self._generation + 1, int(now * 1e6))
        stored = StoredObject(
            *(content, attributes, etag, now, checksums or {}, self._generation),
            created=now,
            parts=parts,
        )
        self.objects.put(key, stored)
        return stored

    def list(
        self,
        prefix: str,
        delimiter: str,
        after: str,
        limit: int,
        *,
        start: str = "",
        stop: str = "",
        keeps_groups: bool = False,
    ) -> Page:
        """
        List objects in the order of their keys.

        :param prefix: the start of the keys.
        :param delimiter: keys that have it after the prefix are grouped up to there.
        :param after: the key, or the group, after which to begin.
        :param limit: how many keys and groups to return at most.
        :param start: the least key; ``stop``: the least key to leave out, unless it is empty.
        :param keeps_groups: also list the object whose key is the name of a group.
        """
        objects: list[tuple[str, StoredObject]] = []
        prefixes: list[str] = []
        end = ""
        with lock:
            for key, group in self._grouped(prefix, delimiter, after, start, stop):
                if group and group == after:
                    continue
                if len(objects) + len(prefixes) >= limit:
                    return Page(objects, prefixes, end)
                if group:
                    prefixes.append(group)
                if not group or (keeps_groups and key == group):
                    objects.append((key, self.objects[key]))
                end = group or key
        return Page(objects, prefixes, "")

    def _grouped(
        self, prefix: str, delimiter: str, after: str, start: str, stop: str
    ) -> Iterator[tuple[str, str]]:
        """Yield each key that has no group, and the first key of each group with the group."""
        keys = self.objects.keys
        position = max(
            bisect_left(keys, prefix), bisect_right(keys, after), bisect_left(keys, start)
        )
        last = bisect_left(keys, stop) if stop else len(keys)
        while position < last and keys[position].startswith(prefix):
            key = keys[position]
            group = group_of(key, prefix, delimiter)
            yield key, group
            position = _end_of_group(keys, group, position) if group else position + 1


def _end_of_group(keys: list[str], group: str, position: int) -> int:
    """Return the position after the keys of a group, the first of which is at a position."""
    return bisect_left(keys, True, position, key=lambda key: not key.startswith(group))


def group_of(key: str, prefix: str, delimiter: str) -> str:
    """Return a key up to the delimiter after a prefix, or an empty string without one."""
    if not delimiter:
        return ""
    before, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + before + found if found else ""


class Buckets(Entries[Bucket]):
    """
    The buckets of an account, by name.

    ``public`` has the names of the buckets whose objects anyone may read, and ``secrets`` the
    secret keys of clients by their public ones, with which signatures are verified. Unless
    ``may_list`` is true, clients have no right to list objects.

    :param note_public: adds names to ``public``; called before a bucket is taken as private.
    """

    def __init__(self, note_public: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._note_public = note_public
        self.public: Entries[bool] = Entries()
        self.secrets: dict[str, str] = {}
        self.may_list = True
        begin()  # so that open savepoints note what changes here

    def create(self, name: str) -> Bucket:
        """Create an empty bucket."""
        bucket = Bucket()
        self.put(name, bucket)
        return bucket

    def create_permanent(self, name: str) -> None:
        """Create an empty bucket that no rollback removes."""
        with lock:
            self._set(name, Bucket())

    def is_public(self, name: str) -> bool:
        """Return whether anyone may read the objects of a bucket."""
        if name not in self.public:
            self._note_public()
        return name in self.public


def etag_of(content: bytes) -> str:
    """Return the MD5 digest of a content in hexadecimal."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
