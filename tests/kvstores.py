"""Backends for the tests, some of them strict, observed or faulty."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import ClassVar
from uuid import uuid4

from inmemorystorage.kvstore.backends import Inserted, locmem


def new_uri(cls="Memory", query=""):
    """Return the URI of a new store with one of the classes of this module."""
    return f"{__name__}.{cls}://{uuid4().hex}{query}"


class Memory(locmem.LocmemBackend):
    """A locmem backend whose values tests can inspect."""

    takes_views = True

    def set(self, key, value, ttl=None):
        """Store a copy, since the value may be a memoryview."""
        super().set(key, bytes(value), ttl)

    @property
    def values(self):
        """Return the stored values by the engine's keys."""
        return self.data.values


class Tight(Memory):
    """An engine with limits for keys and values, which it declares."""

    key_max = 160
    plain_keys = True
    value_max = 80

    def set(self, key, value, ttl=None):
        """Refuse keys and values beyond the declared limits."""
        assert len(key) <= self.key_max and key.isascii() and key.isprintable() and " " not in key
        assert len(value) <= self.value_max
        super().set(key, value, ttl)


class KeysAndValues(Memory):
    """An engine without any optional capability."""

    adds = has_entries = lists_entries = takes_views = False


class Lost(Exception):
    """The error that the client of `Failing` raises."""


class Failing(Tight):
    """An engine whose client raises errors on demand."""

    client_errors = (Lost,)
    failing: ClassVar[dict[str, int]] = {}

    def set(self, key, value, ttl=None):
        """Fail when asked to."""
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
    """Let operations of `Failing` fail after that many successful calls."""
    Failing.failing = after
    try:
        yield
    finally:
        Failing.failing = {}


class Counting(Memory):
    """An engine that records how often it was made and closed."""

    made: ClassVar[list[Counting]] = []

    def __init__(self, store, parameters):
        super().__init__(store, parameters)
        self.thread = threading.get_ident()
        self.closed = 0
        self.made.append(self)

    def close(self):
        """Count the call."""
        self.closed += 1


class Socketed(Tight):
    """An engine whose client raises OSError."""

    client_errors = (OSError,)


class Interfered(Tight):
    """An engine that calls a function between two requests of a reader."""

    between: ClassVar[list] = []

    def get_many(self, keys):
        """Call the next function before reading pieces."""
        if self.between:
            self.between.pop()()
        return super().get_many(keys)


class NoStore:
    """A class that is not a backend."""


# Each of these backends has one fault, which the conformance suite must find.


class KeepsTheFirst(Memory):
    """set() does not replace."""

    def set(self, key, value, ttl=None):
        """Store under missing keys only."""
        self.values.setdefault(key, value)


class IgnoresCase(Memory):
    """Keys ignore case."""

    def get(self, key):
        """Read the lower-case key."""
        return super().get(key.lower())

    def set(self, key, value, ttl=None):
        """Set the lower-case key."""
        super().set(key.lower(), value)

    def delete(self, key):
        """Delete the lower-case key."""
        super().delete(key.lower())


class CutsKeys(Memory):
    """Long keys are truncated, without a declared limit."""

    def get(self, key):
        """Read the truncated key."""
        return super().get(key[:250])

    def set(self, key, value, ttl=None):
        """Set the truncated key."""
        super().set(key[:250], value)


class CutsValues(Memory):
    """Long values are truncated, without a declared limit."""

    def set(self, key, value, ttl=None):
        """Store the truncated value."""
        super().set(key, value[:10_000])


class KeepsText(Memory):
    """Values lose bytes that are not UTF-8."""

    def set(self, key, value, ttl=None):
        """Drop bytes that are not UTF-8."""
        super().set(key, value.decode("utf-8", "ignore").encode())


class KeepsAscii(Memory):
    """Values lose bytes that are not ASCII."""

    def set(self, key, value, ttl=None):
        """Drop bytes that are not ASCII."""
        super().set(key, value.decode("ascii", "ignore").encode())


class HasNoEmptyValue(Memory):
    """An empty value is read as missing."""

    def get(self, key):
        """Return None for an empty value."""
        return super().get(key) or None


class InventsValues(Memory):
    """A missing key is read as a value."""

    def get(self, key):
        """Invent a value."""
        return super().get(key) or b"null"


class ComplainsOfMissing(Memory):
    """Deleting a missing key raises."""

    def delete(self, key):
        """Raise for a missing key."""
        del self.values[key]


class DeletesNothing(Memory):
    """Deleted keys stay."""

    def delete(self, key):
        """Do nothing."""


class DeletesOneOfMany(Memory):
    """delete_many() deletes one key."""

    def delete_many(self, keys):
        """Delete the first key."""
        for key in [*keys][:1]:
            self.delete(key)


class SkipsMissing(Memory):
    """get_many() omits missing keys instead of returning None."""

    def get_many(self, keys):
        """Omit missing keys."""
        return [value for value in map(self.get, keys) if value is not None]


class AddsAlways(Memory):
    """add() replaces a value."""

    def add(self, key, value):
        """Store unconditionally."""
        self.set(key, value)
        return True


class AddsInTwoSteps(Memory):
    """add() checks and stores in two steps."""

    def add(self, key, value):
        """Pause between the steps."""
        if self.has_key(key):
            return False
        time.sleep(0.01)
        self.set(key, value)
        return True


class IsClosedForGood(Memory):
    """A closed backend cannot be used again."""

    closed = False

    def set(self, key, value, ttl=None):
        """Refuse if closed."""
        assert not self.closed
        super().set(key, value)

    def get(self, key):
        """Refuse if closed."""
        assert not self.closed
        return super().get(key)

    def close(self):
        """Close."""
        self.closed = True


class IsPrivate(Memory):
    """Each thread has its own store."""

    def __init__(self, store, parameters):
        super().__init__(f"{store}-{threading.get_ident()}", parameters)


class IgnoresNamespaces(Memory):
    """Keys ignore the text before the first colon."""

    def get(self, key):
        """Read from all namespaces."""
        return super().get(key.partition(":")[2])

    def set(self, key, value, ttl=None):
        """Store for all namespaces."""
        super().set(key.partition(":")[2], value)

    def delete(self, key):
        """Delete from all namespaces."""
        super().delete(key.partition(":")[2])


class IgnoresMarkers(Memory):
    """Entries are inserted without their marker."""

    def insert_entry(self, directory, name, entry, *, marker):
        """Insert without checking the marker."""
        return super().insert_entry(directory, name, entry, marker=None)


class InsertsInTwoSteps(Memory):
    """insert_entry() checks and inserts in two steps."""

    def insert_entry(self, directory, name, entry, *, marker):
        """Pause between the steps."""
        found = self.read_entries([(directory, name)])[0]
        if found is not None:
            return Inserted.TAKEN
        time.sleep(0.01)
        self.data.directories.setdefault(directory, {})[name] = entry
        return Inserted.DONE


class ReplacesAny(Memory):
    """replace_entry() ignores the expected meta."""

    def replace_entry(self, directory, name, meta, entry):
        """Replace any entry."""
        found = self.read_entries([(directory, name)])[0]
        return found is not None and super().replace_entry(directory, name, found.meta, entry)


class ListsAll(Memory):
    """A listing has the entries of all directories."""

    def list_entries(self, directory):
        """Yield the entries of all directories."""
        for entries in [*self.data.directories.values()]:
            yield from ((name, entry.meta) for name, entry in entries.items())
