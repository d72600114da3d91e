"""What the entry of a name says: whether it is a file, and where its content is."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class Kind(Enum):
    """What is at a name."""

    FILE = b"f"
    DIRECTORY = b"d"
    # A name that somebody saves to: taken, and nothing is there to be read.
    CLAIM = b"c"


def new_id() -> str:
    """Return an identifier that no other has."""
    return secrets.token_hex(10)


@dataclass(frozen=True)
class Record:
    """
    An entry, apart from the content that is in it.

    :param inode: which file it is, whatever its content.
    :param content: which content it is; no two have the same.
    :param size: bytes of the content.
    :param chunk_size: bytes of each chunk but the last; 0 where the content is in the entry itself.
    :param checksum: CRC-32 of a content that is in the entry; those of chunks are there instead.
    :param created: seconds since the epoch, as the next two.
    :param expires: when it is gone by itself; ``None``: never.
    :param name: the name, where the engine does not take it as it is.
    """

    kind: Kind
    inode: str
    content: str = ""
    size: int = 0
    chunk_size: int = 0
    checksum: int = 0
    created: float = 0
    modified: float = 0
    expires: float | None = None
    name: str | None = None

    @classmethod
    def new(cls, kind: Kind, ttl: float | None = None, **values: Any) -> Record:
        """Return the record of what is made now, to expire after ``ttl`` seconds."""
        now = time.time()
        expires = None if ttl is None else now + ttl
        return cls(kind, new_id(), new_id(), created=now, modified=now, expires=expires, **values)

    def changed(self, content: Record) -> Record:
        """Return the record of this file with another content."""
        return replace(content, inode=self.inode, created=self.created, name=self.name)

    @property
    def is_there(self) -> bool:
        """Return whether a reader sees it."""
        return self.kind is not Kind.CLAIM and not self.is_expired

    @property
    def is_expired(self) -> bool:
        """Return whether its time is over."""
        return self.expires is not None and self.expires <= time.time()

    @property
    def chunks(self) -> int:
        """Return how many chunks the content has."""
        return -(-self.size // self.chunk_size) if self.chunk_size else 0

    def chunk_length(self, number: int) -> int:
        """Return how many bytes a chunk has."""
        return min(self.chunk_size, self.size - number * self.chunk_size)

    def dump(self) -> bytes:
        """Return the record as it is stored: its kind, then what is not as usual."""
        values = {short: vars(self)[name] for short, name in _LONG.items() if vars(self)[name]}
        return self.kind.value + _DENSE.encode(values).encode()

    @classmethod
    def load(cls, meta: bytes) -> Record:
        """Return the record that was stored."""
        values = json.loads(meta[1:])
        return cls(Kind(meta[:1]), **{_LONG[short]: each for short, each in values.items()})


# A json.dumps() that is told to leave out the spaces makes one of these each time.
_DENSE = json.JSONEncoder(separators=(",", ":"))
_LONG = {
    "i": "inode",
    "c": "content",
    "s": "size",
    "k": "chunk_size",
    "h": "checksum",
    "t": "created",
    "m": "modified",
    "x": "expires",
    "n": "name",
}
