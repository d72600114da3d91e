"""Backends for the tests: some that are strict, some that are watched, some that are broken."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import ClassVar
from uuid import uuid4

from inmemorystorage.kvstore.backends import Inserted, locmem


def new_uri(cls="Memory", query=""):
    """Return the URI of a new store, of a class of this module."""
    return f"{__name__}.{cls}://{uuid4().hex}{query}"


class Memory(locmem.LocmemBackend):
    """A dict, which tests look into."""

    takes_views = True

    def set(self, key, value, ttl=None):
        """Store the bytes of a view, too."""
        super().set(key, bytes(value), ttl)

    @property
    def values(self):
        """Return what is stored, by the engine's keys."""
        return self._memory.values


class Tight(Memory):
    """An engine that takes short values under short and plain keys, and says so."""

    key_max = 160
    plain_keys = True
    value_max = 80

    def set(self, key, value, ttl=None):
        """Refuse what has been declared as too much."""
        assert len(key) <= self.key_max and key.isascii() and key.isprintable() and " " not in key
        assert len(value) <= self.value_max
        super().set(key, value, ttl)


class KeysAndValues(Memory):
    """An engine that declares nothing beside keys and values."""

    adds = has_entries = lists_entries = takes_views = False


class Lost(Exception):
    """What the client of `Failing` raises."""


class Failing(Tight):
    """An engine whose client raises on demand."""

    client_errors = (Lost,)
    failing: ClassVar[dict[str, int]] = {}

    def set(self, key, value, ttl=None):
        """Fail when the number of calls is reached that the test has asked for."""
        self._fail("set")
        super().set(key, value, ttl)

    def get(self, key):
        """Fail when asked to."""
        self._fail("get")
        return super().get(key)

    def close(self):
        """Fail when asked to."""
        self._fail("close")

    def _fail(self, operation):
        left = self.failing.get(operation)
        if left is not None:
            self.failing[operation] = left - 1
            if left <= 0:
                raise Lost(f"no {operation}")


@contextmanager
def failing(**after):
    """Have operations of `Failing` fail after so many that succeed."""
    Failing.failing = after
    try:
        yield
    finally:
        Failing.failing = {}


class Counting(Memory):
    """An engine that counts how often it was made, and closed."""

    made: ClassVar[list[Counting]] = []

    def __init__(self, store, parameters):
        super().__init__(store, parameters)
        self.thread = threading.get_ident()
        self.closed = 0
        self.made.append(self)

    def close(self):
        """Count."""
        self.closed += 1


class Socketed(Tight):
    """An engine whose client raises what sockets do."""

    client_errors = (OSError,)


class Interfered(Tight):
    """An engine in which something happens between two requests of one reader."""

    between: ClassVar[list] = []

    def get_many(self, keys):
        """Let the other do its work before the pieces are read."""
        if self.between:
            self.between.pop()()
        return super().get_many(keys)


class NoStore:
    """What is no backend."""


# Each of these has one fault, of which the suite has to tell.


class KeepsTheFirst(Memory):
    """set() does not replace."""

    def set(self, key, value, ttl=None):
        """Store where nothing is."""
        self.values.setdefault(key, value)


class IgnoresCase(Memory):
    """Keys that differ in case are one."""

    def get(self, key):
        """Read another's."""
        return super().get(key.lower())

    def set(self, key, value, ttl=None):
        """Overwrite another's."""
        super().set(key.lower(), value)

    def delete(self, key):
        """Delete another's."""
        super().delete(key.lower())


class CutsKeys(Memory):
    """Long keys are cut, and that is not declared."""

    def get(self, key):
        """Read what has the same beginning."""
        return super().get(key[:250])

    def set(self, key, value, ttl=None):
        """Store under a part of the key."""
        super().set(key[:250], value)


class CutsValues(Memory):
    """Long values are cut, and that is not declared."""

    def set(self, key, value, ttl=None):
        """Store the beginning."""
        super().set(key, value[:10_000])


class KeepsText(Memory):
    """Values are text, and bytes that are none are lost."""

    def set(self, key, value, ttl=None):
        """Store what is text."""
        super().set(key, value.decode("utf-8", "ignore").encode())


class KeepsAscii(Memory):
    """Values are ASCII, and the rest is lost."""

    def set(self, key, value, ttl=None):
        """Store what is ASCII."""
        super().set(key, value.decode("ascii", "ignore").encode())


class HasNoEmptyValue(Memory):
    """An empty value reads as none."""

    def get(self, key):
        """Take nothing for nothing."""
        return super().get(key) or None


class InventsValues(Memory):
    """What is missing reads as empty."""

    def get(self, key):
        """Make up a value."""
        return super().get(key) or b"null"


class ComplainsOfMissing(Memory):
    """Deleting what is not there raises."""

    def delete(self, key):
        """Be loud."""
        del self.values[key]


class DeletesNothing(Memory):
    """Deleted keys stay."""

    def delete(self, key):
        """Do nothing."""


class DeletesOneOfMany(Memory):
    """Of several keys, one is deleted."""

    def delete_many(self, keys):
        """Delete the first."""
        for key in [*keys][:1]:
            self.delete(key)


class SkipsMissing(Memory):
    """Several values come without a place for those that are missing."""

    def get_many(self, keys):
        """Leave out what is not there."""
        return [value for value in map(self.get, keys) if value is not None]


class AddsAlways(Memory):
    """add() replaces."""

    def add(self, key, value):
        """Store in any case."""
        self.set(key, value)
        return True


class AddsInTwoSteps(Memory):
    """add() looks first, and then stores."""

    def add(self, key, value):
        """Leave time for others in the middle."""
        if self.has_key(key):
            return False
        time.sleep(0.01)
        self.set(key, value)
        return True


class IsClosedForGood(Memory):
    """What was closed cannot be used again."""

    closed = False

    def set(self, key, value, ttl=None):
        """Refuse when closed."""
        assert not self.closed
        super().set(key, value)

    def get(self, key):
        """Refuse when closed."""
        assert not self.closed
        return super().get(key)

    def close(self):
        """Close."""
        self.closed = True


class IsPrivate(Memory):
    """Each thread has a store of its own."""

    def __init__(self, store, parameters):
        super().__init__(f"{store}-{threading.get_ident()}", parameters)


class IgnoresNamespaces(Memory):
    """What is before the first colon does not count."""

    def get(self, key):
        """Read any namespace's."""
        return super().get(key.partition(":")[2])

    def set(self, key, value, ttl=None):
        """Store for all namespaces."""
        super().set(key.partition(":")[2], value)

    def delete(self, key):
        """Delete from all namespaces."""
        super().delete(key.partition(":")[2])


class IgnoresMarkers(Memory):
    """Entries are inserted where no marker is."""

    def insert_entry(self, directory, name, entry, *, marker):
        """Insert in any case."""
        return super().insert_entry(directory, name, entry, marker=None)


class InsertsInTwoSteps(Memory):
    """Entries are looked for first, and then inserted."""

    def insert_entry(self, directory, name, entry, *, marker):
        """Leave time for others in the middle."""
        found = self.read_entries([(directory, name)])[0]
        if found is not None:
            return Inserted.TAKEN
        time.sleep(0.01)
        self._memory.directories.setdefault(directory, {})[name] = entry
        return Inserted.DONE


class ReplacesAny(Memory):
    """Entries are replaced by who does not know them."""

    def replace_entry(self, directory, name, meta, entry):
        """Replace what is there."""
        found = self.read_entries([(directory, name)])[0]
        return found is not None and super().replace_entry(directory, name, found.meta, entry)


class ListsAll(Memory):
    """A listing has the entries of all directories."""

    def list_entries(self, directory):
        """Give what is in any."""
        for entries in [*self._memory.directories.values()]:
            yield from ((name, entry.meta) for name, entry in entries.items())
