"""Files copied from one backend up to another, whole or not at all."""

from __future__ import annotations

import posixpath
import threading
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import IO

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.utils.crypto import get_random_string

from .backends import Backend, logger

# A few for all names: who copies one name waits for nobody but who copies it, as a rule.
_locks = [threading.RLock() for _ in range(64)]


def lock_of(name: str) -> threading.RLock:
    """Return the lock that is held while a name is copied."""
    return _locks[hash(name) % len(_locks)]


def copy_up(name: str, source: Backend, target: Backend) -> None:
    """
    Copy a file from one backend to another, unless that has it.

    It is read to its end before anything is written; what fails in writing leaves nothing behind.
    """
    with lock_of(name):
        if target.ask("exists", name):
            return
        with SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as content:
            _fetch(name, source, content)
            _store(name, File(content, name), target)
        logger.info("copied %r from %s to %s", name, source.label, target.label)


def _fetch(name: str, source: Backend, content: IO[bytes]) -> None:
    with source.ask("open", name) as file:
        for chunk in file.chunks():
            content.write(chunk)
    content.seek(0)


def _store(name: str, content: File[bytes], target: Backend) -> None:
    try:
        saved = target.ask("save", name, content)
    except BaseException:
        with suppress(Exception):
            target.ask("delete", name)
        raise
    if saved != name:  # somebody has stored a file there meanwhile, which counts
        target.ask("delete", saved)


def make_directory(directory: str, target: Backend) -> None:
    """Make a directory, with those above it, where the storage has directories."""
    witness = add_witness(directory, target)
    target.ask("delete", witness)


def add_witness(directory: str, target: Backend) -> str:
    """Store an empty file in a directory; return its name, which nobody else has."""
    name = posixpath.join(directory, f".{get_random_string(12)}")
    return str(target.ask("save", name, ContentFile(b"")))
