"""Files for tests of several processes, on a key-value store that all of them reach."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from django.core.files.storage import Storage

from ..kvstore import KeyValueStorage
from ..kvstore.uri import with_namespace
from .tools import TestTool

# The URIs of the open shared storages.
_uris: list[str] = []


class shared_storage(TestTool):
    """
    Make an empty storage on a key-value store, and delete its files at the end.

    It is for tests whose live server or worker is another process, which makes a `KeyValueStorage`
    with the same ``uri``. Concurrent tests on one store share no files: each storage has its own
    namespace. As a context manager it returns the storage, which `override_storages` accepts.

    :param uri: the URI of a store that all those processes reach.
    :param options: options of the `KeyValueStorage`.
    """

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__()
        self._uri = uri
        self._options = options

    def __enter__(self) -> KeyValueStorage:  # type: ignore[override]
        storage: KeyValueStorage = super().__enter__()
        return storage

    def begin(self, stack: contextlib.ExitStack) -> KeyValueStorage:
        """Make the storage."""
        uri = with_namespace(self._uri, f"test-{uuid.uuid4().hex}")
        storage = KeyValueStorage(uri, **self._options)
        _uris.append(uri)
        stack.callback(_uris.remove, uri)
        stack.callback(_delete_files, uri)
        return storage


def _delete_files(uri: str) -> None:
    """Delete the files of a storage, and those of killed saves."""
    storage = KeyValueStorage(uri)
    with contextlib.suppress(NotImplementedError):  # memcached cannot list
        storage.delete(".")
    storage.sweep(older_than=0)


def is_shared(storage: Storage) -> bool:
    """Return whether a storage was made by `shared_storage`."""
    return isinstance(storage, KeyValueStorage) and storage.uri in _uris
