"""Files copied from one backend up to another, whole or not at all."""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.utils.crypto import get_random_string

from .backends import Backend, logger

# A few for all names: who changes one name waits for nobody but who changes it, as a rule.
_locks = [threading.RLock() for _ in range(64)]
_on_their_way: set[str] = set()


def lock_of(name: str) -> threading.RLock:
    """Return the lock that is held while a name is copied, or changed."""
    return _locks[hash(name) % len(_locks)]


def wait_for_copy(name: str) -> None:
    """Wait until a file is whole that another thread is copying."""
    if name in _on_their_way:
        with lock_of(name):
            pass


@contextmanager
def _being_copied(name: str) -> Iterator[None]:
    with lock_of(name):
        _on_their_way.add(name)
        try:
            yield
        finally:
            _on_their_way.discard(name)


def copy_up(name: str, source: Backend, target: Backend, file: Any = None) -> None:
    """
    Copy a file from one backend to another, unless that has it.

    It is read to its end before anything is written; what fails in writing leaves nothing behind.
    Other threads wait for it with `wait_for_copy`.

    :param file: the file, if it is open for reading bytes already.
    """
    with _being_copied(name):
        if target.ask("exists", name):
            return
        with SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as content:
            if file is None:
                with source.ask("open", name) as opened:
                    _fetch(opened, content)
            else:
                _fetch(file, content)
            _store(name, File(content, name), target)
        logger.info("copied %r from %s to %s", name, source.label, target.label)


def _fetch(file: Any, content: IO[bytes]) -> None:
    for chunk in file.chunks():
        content.write(chunk)
    content.seek(0)


def _store(name: str, content: File[bytes], target: Backend) -> None:
    try:
        target.store(name, content)
    except BaseException:
        with suppress(Exception):
            target.ask("delete", name)
        raise


def make_directory(directory: str, target: Backend) -> None:
    """Make a directory, with those above it, where the storage has directories."""
    witness = add_witness(directory, target)
    target.ask("delete", witness)


def add_witness(directory: str, target: Backend) -> str:
    """Store an empty file in a directory; return its name, which nobody else has."""
    name = posixpath.join(directory, f".{get_random_string(12)}")
    target.store(name, ContentFile(b""))
    return name
