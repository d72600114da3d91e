"""Files for tests of several processes: on a store that all reach, in a namespace of the test's."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from django.core.files.storage import Storage

from ..kvstore import KeyValueStorage
from ..kvstore.uri import with_namespace
from .tools import TestTool

# The URIs of those that tests have now.
_uris: list[str] = []


class shared_storage(TestTool):
    """
    Make a storage on a key-value store that is empty, and gone with all its files at the end.

    For tests whose live server or worker is another process: that one makes a
    `KeyValueStorage` with the same ``uri``. Tests that run at once on one store never meet: each
    storage has a namespace of its own. As a context manager it gives the storage, which
    `override_storages` takes.

    :param uri: of a store that all those processes reach.
    :param options: of the `KeyValueStorage`.
    """

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__()
        self._uri = uri
        self._options = options
        self._made: list[str] = []

    def __enter__(self) -> KeyValueStorage:  # type: ignore[override]
        return self.enable()

    def enable(self) -> KeyValueStorage:
        """Make the storage."""
        uri = with_namespace(self._uri, f"test-{uuid.uuid4().hex}")
        storage = KeyValueStorage(uri, **self._options)
        self._made.append(uri)
        _uris.append(uri)
        return storage

    def disable(self) -> None:
        """Delete its files, and what killed processes have left of others."""
        uri = self._made.pop()
        _uris.remove(uri)
        storage = KeyValueStorage(uri)
        with contextlib.suppress(NotImplementedError):  # of memcached, which forgets by itself
            storage.delete(".")
        storage.sweep(older_than=0)


def is_shared(storage: Storage) -> bool:
    """Return whether a storage is one that a test has made for itself."""
    return isinstance(storage, KeyValueStorage) and storage.uri in _uris
