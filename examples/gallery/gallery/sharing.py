"""The database and the key, which the processes on one store share beside the files."""

import hashlib
import os
from pathlib import Path

from django.core.files import locks
from django.core.management.utils import get_random_secret_key
from inmemorystorage.kvstore.uri import without_credentials

DIRECTORY = Path(__file__).parent.parent / "shared"


def directory_of(store: str) -> Path:
    """Return the directory that belongs to a store, unreadable to other users."""
    top = Path(os.environ.get("GALLERY_SHARED", DIRECTORY))
    directory = top / hashlib.sha256(without_credentials(store).encode()).hexdigest()[:12]
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def key_in(directory: Path) -> str:
    """Return the SECRET_KEY in a directory; the first caller creates it, and the others wait."""
    with open(directory / "secret_key", "a+", opener=_for_the_owner_alone) as file:
        locks.lock(file, locks.LOCK_EX)  # until it is closed
        file.seek(0)
        key = file.read()
        if not key:
            key = get_random_secret_key()
            file.write(key)
    return key


def _for_the_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
