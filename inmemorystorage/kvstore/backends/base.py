"""What stands behind a URI: bytes by text keys, and where an engine can, a directory's entries."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Any, ClassVar, NamedTuple, TypeVar

from ..uri import Uri

_T = TypeVar("_T")


class Entry(NamedTuple):
    """
    What a directory keeps under a name.

    :param meta: what is told of it, short; a listing gives it.
    :param body: what is read with it; a listing leaves it out.
    """

    meta: bytes
    body: bytes = b""


class Inserted(Enum):
    """What became of an entry that was to be inserted."""

    DONE = "done"
    TAKEN = "taken"
    NO_DIRECTORY = "no directory"


class Backend(ABC):
    """
    An engine, reached by one thread: a store for bytes, by text keys that fit it.

    A third party's is called ``StorageClass``, in the module that the URI's scheme names, or is
    named itself. What it cannot do, it declares; what it declares, the layers above handle.

    :cvar parameters: what the URI may have behind ``?``, and what reads the text of each:
        a callable that raises ``ValueError`` with the cure.
    :cvar client_errors: the exceptions of the engine's client, which become ``OSError``.
    :cvar key_max: bytes that a key may have in UTF-8; longer ones are hashed above.
    :cvar plain_keys: a key must be of printable ASCII, without a blank; others are hashed above.
    :cvar value_max: bytes that a value may have, ``None`` for no limit; longer ones are cut above.
    :cvar takes_views: a value that is stored may be a ``memoryview`` of bytes, too.
    :cvar body_max: bytes of a content that is kept in its entry's body; for a longer one, that has
        four bytes for each value that the content is cut into.
    :cvar adds: `add` is there, and atomic.
    :cvar has_entries: the methods for entries are there.
    :cvar lists_entries: `list_entries` is there too.

    :param store: what the URI has between ``://`` and ``?``.
    :param parameters: what it has behind it, read.
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

    def __init__(self, store: str, parameters: Mapping[str, Any]) -> None:
        self.store = store
        self.options = parameters

    @classmethod
    def from_uri(cls, uri: Uri) -> Backend:
        """Return what stands behind ``uri``; nothing has to be connected yet."""
        return cls(uri.store, uri.options(cls.parameters))

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return the value of a key, ``None`` where there is none."""

    @abstractmethod
    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """
        Store a value under a key.

        :param ttl: seconds after which the engine may drop it, if it can.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a key; silent where it is not there."""

    def has_key(self, key: str) -> bool:
        """Return whether there is a value for a key."""
        return self.get(key) is not None

    def add(self, key: str, value: bytes) -> bool:
        """Store a value where there is none, atomically; return whether it was stored."""
        raise NotImplementedError

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of several keys, ``None`` for those that are not there."""
        return [self.get(key) for key in keys]

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        """Store several values; those before the one that fails may be stored."""
        for key, value in values:
            self.set(key, value, ttl)

    def delete_many(self, keys: Iterable[str]) -> None:
        """Delete several keys; silent for those that are not there."""
        for key in keys:
            self.delete(key)

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        """
        Return the entries at several places: pairs of a directory and a name.

        :param bodies: whether the bodies are wanted; without, they are empty.
        """
        raise NotImplementedError

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        """
        Store an entry where there is none, atomically.

        :param marker: the name of another entry which has to be in the directory; ``None``: none.
        """
        raise NotImplementedError

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        """Store an entry in the place of the one with that ``meta``, if it is still there."""
        raise NotImplementedError

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        """Remove the entry with that ``meta``, if it is still there; return whether it was."""
        raise NotImplementedError

    def list_entries(self, directory: str) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the ``meta`` of each entry of a directory."""
        raise NotImplementedError

    def create(self) -> str | None:
        """
        Make what the engine needs before it can be used, as a table.

        Return what was made; ``None`` where there is nothing to be made.
        """
        return None

    def error_number(self, error: Exception) -> int:
        """Return the errno of the ``OSError`` that a client's exception becomes."""
        return error.errno or errno.EIO if isinstance(error, OSError) else errno.EIO

    def error_text(self, error: Exception) -> str:
        """Return what that ``OSError`` says, without credentials."""
        return str(error)

    def attempt(self) -> AbstractContextManager[Any]:
        """Return a block after whose error a transaction that is open can go on."""
        return nullcontext()

    def close(self) -> None:  # noqa: B027 (there may be none)
        """Close connections; what is used after that, opens them again."""


def batches(
    items: Iterable[_T], count: int, *, size: int = 0, measure: Callable[[_T], int] = lambda item: 0
) -> Iterator[list[_T]]:
    """
    Yield items in lists; one that is larger than ``size`` is alone in its list.

    :param count: how many there are in a list at most.
    :param size: what those of a list measure together at most.
    :param measure: tells the size of an item.
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
