"""DictStorage: a small storage that passes all checks, and whose faults the checks must find."""

from __future__ import annotations

import io
import posixpath
import threading
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import product
from typing import Any, ClassVar
from urllib.parse import quote

from django.core.files.base import File
from django.core.files.storage import Storage

MODES = {"".join(sorted(map(str, each))) for each in product("rwax", ["", "b", "t"], ["", "+"])}


def now() -> datetime:
    """Return the time of a change."""
    return datetime.now(timezone.utc)


@dataclass
class Stored:
    """The content and the times of a file."""

    content: bytearray = field(default_factory=bytearray)
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    accessed: datetime = field(default_factory=now)


class Device(io.RawIOBase):
    """Read and write the bytes of a stored file."""

    def __init__(self, stored: Stored, mode: str) -> None:
        self.stored = stored
        # FileIO forgets whether it has truncated its file.
        self.mode = "rb+" if "w" in mode and "+" in mode else mode
        self.position = len(stored.content) if "a" in mode else 0

    def readable(self) -> bool:
        """Return whether the mode reads."""
        return "r" in self.mode or "+" in self.mode

    def writable(self) -> bool:
        """Return whether the mode writes."""
        return "r" not in self.mode or "+" in self.mode

    def seekable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes at the position."""
        part = self.stored.content[self.position : self.position + len(buffer)]
        buffer[: len(part)] = part
        self.position += len(part)
        return len(part)

    def write(self, part: Any) -> int:
        """Write bytes at the position, or at the end if the mode appends."""
        content = self.stored.content
        if "a" in self.mode:
            self.position = len(content)
        content.extend(bytes(max(0, self.position - len(content))))
        content[self.position : self.position + len(part)] = part
        self.position += len(part)
        self.stored.modified = now()
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        if self.closed:
            raise ValueError("seek of closed file")
        position = offset + (0, self.position, len(self.stored.content))[whence]
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self.position = position
        return position

    def truncate(self, size: int | None = None) -> int:
        """Cut the content, or fill it with zeros."""
        size = self.position if size is None else size
        content = self.stored.content
        content[size:] = bytes(max(0, size - len(content)))
        return size


class Handle(File):  # type: ignore[type-arg]  # not generic when it runs
    """An open file."""

    def __init__(self, storage: DictStorage, name: str, mode: str) -> None:
        self.storage = storage
        stream = storage.stream(name, mode)
        super().__init__(stream, name)
        # A text stream has no mode, and a binary one its device's.
        self.mode = stream.raw.mode if "b" in mode else mode

    def open(self, mode: str | None = None, *arguments: Any, **options: Any) -> Handle:
        """Rewind the handle, or open it again."""
        if self.closed:
            self.file = self.storage.stream(str(self.name), mode or self.mode)
        else:
            self.seek(0)
        return self


class DictStorage(Storage):
    """A storage of files in a dict, which keeps existing files."""

    encoding: ClassVar[str] = "utf-8"
    newline: ClassVar[str | None] = None
    handle: ClassVar[type[Handle]] = Handle
    device: ClassVar[type[Device]] = Device

    def __init__(self) -> None:
        self.files: dict[str, Stored] = {}
        self.directories = {""}
        self.lock = threading.Lock()

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return how a migration creates the storage."""
        return "conformance.small.DictStorage", [], {}

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        return self.handle(self, name, mode)

    def stream(self, name: str, mode: str) -> Any:
        """Return a stream on a file; create or truncate the file as the mode says."""
        if "".join(sorted(mode)) not in MODES:
            raise ValueError(f"invalid mode: {mode!r}")
        device = self.device(self.stored(name, mode), mode.replace("t", ""))
        kinds = {(True, False): io.BufferedReader, (False, True): io.BufferedWriter}
        kind: Any = kinds.get((device.readable(), device.writable()), io.BufferedRandom)
        if "b" in mode:
            return kind(device)
        return io.TextIOWrapper(kind(device), self.encoding, newline=self.newline)

    def stored(self, name: str, mode: str) -> Stored:
        """Return the file that a mode opens."""
        stored = self.files.get(name)
        if stored is not None and "x" in mode:
            raise FileExistsError(17, "File exists", name)
        if stored is None and "r" in mode:
            raise FileNotFoundError(2, "No such file", name)
        if stored is None:
            return self.add(name)
        if "w" in mode:
            stored.content.clear()
            stored.modified = now()
        return stored

    def add(self, name: str, content: bytes = b"") -> Stored:
        """Add a file, and the directories above it."""
        directory = posixpath.dirname(name)
        while directory:
            self.directories.add(directory)
            directory = posixpath.dirname(directory)
        self.files[name] = Stored(bytearray(content))
        return self.files[name]

    def _save(self, name: str, content: File[Any]) -> str:
        data = self.read(content)
        with self.lock:
            while name in self.files:
                name = self.get_available_name(name)
            self.add(name, data)
        return name

    def read(self, content: File[Any]) -> bytes:
        """Return the bytes of a content."""
        return b"".join(map(self.encode, content.chunks()))

    def encode(self, chunk: bytes | str) -> bytes:
        """Return the bytes of a chunk, which may be text."""
        return chunk.encode() if isinstance(chunk, str) else chunk

    def delete(self, name: str) -> None:
        """Delete a file, or an empty directory."""
        self.files.pop(name, None)
        if not any(self.listdir(name)):
            self.directories.discard(name)

    def exists(self, name: str) -> bool:
        """Return whether there is a file or a directory."""
        return name in self.files or name in self.directories

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the names of the directories and of the files in a directory."""
        return self.below(path, self.directories - {""}), self.below(path, self.files)

    def below(self, path: str, names: Any) -> list[str]:
        """Return the last components of the names in a directory."""
        return [posixpath.basename(each) for each in names if posixpath.dirname(each) == path]

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return len(self.files[name].content)

    def url(self, name: str | None) -> str:
        """Return a URL below /media/."""
        return f"/media/{quote(name or '')}"

    def get_created_time(self, name: str) -> datetime:
        """Return when a file was created."""
        return self.files[name].created

    def get_modified_time(self, name: str) -> datetime:
        """Return when a file was modified."""
        return self.files[name].modified

    def get_accessed_time(self, name: str) -> datetime:
        """Return when a file was opened, here: saved."""
        return self.files[name].accessed
