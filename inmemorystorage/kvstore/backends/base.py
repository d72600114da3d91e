"""`Backend`: the interface of an engine that stores bytes, and maybe entries of directories."""

from __future__ import annotations

import errno
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Any, ClassVar, NamedTuple, TypeVar

from ..uri import Uri

_T = TypeVar("_T")


class Entry(NamedTuple):
    """
    The record of a name in a directory.

    :param meta: short data that a listing includes.
    :param body: data that a listing omits.
    """

    meta: bytes
    body: bytes = b""


class Damaged(Exception):
    """The engine does not have what was stored; raised again as ``OSError`` (``EIO``)."""


def decoded(loads: Callable[[Any], _T], stored: Any) -> _T:
    """Return what ``loads`` returns for stored data; raise `Damaged` for any exception."""
    try:
        return loads(stored)
    except Exception as error:
        raise Damaged("the store has damaged this data") from error


class Inserted(Enum):
    """The result of inserting an entry."""

    DONE = "done"
    TAKEN = "taken"
    NO_DIRECTORY = "no directory"


class Backend(ABC):
    """
    An engine as one thread uses it: stores bytes under text keys within its limits.

    A third party's backend is named ``StorageClass`` in the module that the URI's scheme names, or
    the scheme names the class. A backend declares its limits and capabilities; the layers above
    respect them.

    :cvar parameters: the parameters that the URI may have after ``?``, and the function that reads
        each: it raises ``ValueError`` with the cure.
    :cvar client_errors: the exceptions of the engine's client, raised again as ``OSError``.
    :cvar key_max: maximum bytes of a key in UTF-8; longer keys are hashed above.
    :cvar plain_keys: keys must be printable ASCII without blanks; others are hashed above.
    :cvar value_max: maximum bytes of a value, ``None`` for no limit; longer values are cut above.
    :cvar takes_views: `set_many` accepts a ``memoryview`` of bytes as a value.
    :cvar body_max: maximum bytes of content in an entry's body; for longer content, the body has
        four bytes for each chunk.
    :cvar adds: `add` is implemented, and atomic.
    :cvar has_entries: the methods for entries are implemented, except for `list_entries`.
    :cvar lists_entries: `list_entries` is implemented.
    :cvar clock_margin: seconds that clocks may differ by, if `now` is this machine's: files live
        longer by them. 0 for a clock that all processes share.

    :param store: the URI's text between ``://`` and ``?``.
    :param parameters: the URI's parameters, converted.
    """

    parameters: ClassVar[Mapping[str, Callable[[str], Any]]] = {}
    client_errors: ClassVar[tuple[type[Exception], ...]] = ()
    key_max: int | None = None
    plain_keys: bool = False
    value_max: int | None = None
    takes_views: bool = False
    body_max: int = 2**63
    adds: bool = False
    has_entries: bool = False
    lists_entries: bool = False
    clock_margin: float = 15 * 60

    def __init__(self, store: str, parameters: Mapping[str, Any]) -> None:
        self.store = store
        self.options = parameters

    @classmethod
    def from_uri(cls, uri: Uri) -> Backend:
        """Return the backend for ``uri``; it may connect later."""
        return cls(uri.store, uri.options(cls.parameters))

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return the value of a key, ``None`` for a missing key."""

    @abstractmethod
    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """
        Store a value under a key.

        :param ttl: seconds after which the engine may drop the value, if it supports that.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a key; do nothing for a missing key."""

    def has_key(self, key: str) -> bool:
        """Return whether a key has a value."""
        return self.get(key) is not None

    def add(self, key: str, value: bytes) -> bool:
        """Store a value unless the key exists, atomically; return whether it was stored."""
        raise NotImplementedError

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of several keys, ``None`` for each missing key."""
        return [self.get(key) for key in keys]

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        """Store several values; after an error, some of them may be stored."""
        for key, value in values:
            self.set(key, value, ttl)

    def delete_many(self, keys: Iterable[str]) -> None:
        """Delete several keys; skip missing ones."""
        for key in keys:
            self.delete(key)

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        """
        Return the entries at several places: pairs of a directory and a name.

        :param bodies: whether to read the bodies; otherwise they are empty.
        """
        raise NotImplementedError

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        """
        Store an entry unless it exists, atomically.

        :param marker: the name of an entry that must exist in the directory, if any.
        """
        raise NotImplementedError

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        """Replace the entry with that ``meta``; return whether it was replaced."""
        raise NotImplementedError

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        """Remove the entry with that ``meta``; return whether it was removed."""
        raise NotImplementedError

    def list_entries(self, directory: str) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the ``meta`` of each entry of a directory."""
        raise NotImplementedError

    def now(self) -> float:
        """Return the engine's time in seconds since the epoch; this machine's if it has none."""
        return time.time()

    def create(self) -> str | None:
        """
        Make what the engine needs before its first use, such as a table.

        Return a description of it, or ``None`` if there was nothing to make.
        """
        return None

    def error_number(self, error: Exception) -> int:
        """Return the errno of the ``OSError`` that replaces a client's exception."""
        return error.errno or errno.EIO if isinstance(error, OSError) else errno.EIO

    def error_text(self, error: Exception) -> str:
        """Return the text of that ``OSError``, without credentials."""
        return str(error)

    def attempt(self) -> AbstractContextManager[Any]:
        """Return a context manager; after an error in it, an open transaction is still usable."""
        return nullcontext()

    def close(self) -> None:  # noqa: B027 (a backend may have no connections)
        """Close the connections; the next use opens new ones."""


def batches(
    items: Iterable[_T], count: int, *, size: int = 0, measure: Callable[[_T], int] = lambda item: 0
) -> Iterator[list[_T]]:
    """
    Yield items in lists; an item larger than ``size`` gets its own list.

    :param count: maximum number of items in a list.
    :param size: maximum total size of the items in a list.
    :param measure: returns the size of an item.
    """
    batch: list[_T] = []
    total = 0
    for item in items:
        total += measure(item)
        if batch and (len(batch) == count or total > size):
            yield batch
            batch, total = [], measure(item)
        batch.append(item)
    if batch:
        yield batch
