"""Each storage has the capabilities that are declared for it, and no others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import pytest
from contract.helpers import get, names, put, repickled, write
from contract.storages import Traits
from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage

PROBES: dict[str, Callable[[Storage], bool]] = {}


def probe(does: Callable[[Storage], bool]) -> Callable[[Storage], bool]:
    """Register a function that shows whether a storage has the capability of its name."""
    PROBES[does.__name__] = does
    return does


@probe
def refuses_names(storage: Storage) -> bool:
    """Delete a name outside of the storage."""
    with suppress(SuspiciousFileOperation):
        storage.delete("../a")
        return False
    return True


@probe
def lists_slash(storage: Storage) -> bool:
    """List a slash."""
    put(storage, "d/a")
    return storage.listdir("/") == (["d"], [])


@probe
def takes_odd_characters(storage: Storage) -> bool:
    """Save under a name with a newline."""
    put(storage, "a\nb")
    return names(storage) == ["a\nb"]


@probe
def takes_every_content(storage: Storage) -> bool:
    """Save content that can only be read."""

    class Stream:
        read = BytesIO(b"content").read

    storage.save("a", Stream())
    return get(storage, "a") == b"content"


@probe
def has_media_urls(storage: Storage) -> bool:
    """Ask for the URL of a file that does not exist."""
    return storage.url("a") == "/media/a"


@probe
def has_base_url(storage: Storage) -> bool:
    """Ask for the base URL."""
    return storage.base_url == "/media/"


@probe
def has_disk_options(storage: Storage) -> bool:
    """Ask for the permissions of files."""
    return storage.file_permissions_mode is settings.FILE_UPLOAD_PERMISSIONS


@probe
def shows_writes(storage: Storage) -> bool:
    """Read from an open handle after another handle has written."""
    put(storage, "a", b"old")
    with storage.open("a") as file:
        write(storage, "a", b"new content", "r+b")
        return file.read() == b"new content"


@probe
def copies_deeply(storage: Storage) -> bool:
    """Read from a pickled storage."""
    other = repickled(storage)
    return get(other, put(other, "a", b"content")) == b"content"


@pytest.mark.parametrize("capability", PROBES)
def test_capability(storage: Storage, can: Traits, capability: str) -> None:
    """A storage has the capabilities that are declared for it, and lacks all others."""
    try:
        does = PROBES[capability](storage)
    except Exception:
        does = False
    assert does == getattr(can, capability)
