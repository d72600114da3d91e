"""``googleappengine://kind``: entities of App Engine's datastore, through its bundled services."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from google.appengine.api import datastore_errors
from google.appengine.ext import ndb
from google.appengine.runtime import apiproxy_errors

from .base import Backend, batches, decoded

_DEFAULT_KIND = "KeyValueStore"
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}").fullmatch

# Keep keys apart from those that the datastore reserves, "__...__".
_PREFIX = "="

# An answer may have 32 MB, a request 10 MB.
# https://cloud.google.com/appengine/docs/legacy/standard/python/datastore
_READ_AT_ONCE = 30
_WRITTEN_AT_ONCE = 500
_BYTES_AT_ONCE = 8 * 2**20

# Of concurrent transactions that add a key, all but the first must retry.
_TRANSACTION = {"retries": 20, "propagation": ndb.TransactionOptions.ALLOWED}

# Always read from the datastore: ndb's caches, in the thread and in memcache, may be stale.
_UNCACHED = {"use_cache": False, "use_memcache": False}

_NUMBERS: dict[type[Exception], int] = {
    datastore_errors.Timeout: errno.ETIMEDOUT,
    datastore_errors.TransactionFailedError: errno.ETIMEDOUT,
    apiproxy_errors.DeadlineExceededError: errno.ETIMEDOUT,
    apiproxy_errors.OverQuotaError: errno.ENOSPC,
    apiproxy_errors.RPCFailedError: errno.ECONNRESET,
}


@lru_cache(maxsize=64)
def _model(kind: str) -> Any:
    """Return the class for entities of a kind."""
    return type(kind, (ndb.Model,), {"__module__": __name__, "body": ndb.BlobProperty()})


class AppEngineBackend(Backend):
    """
    A store of entities, in the project in which the application runs.

    Takes part in an open transaction. Needs no setup.
    """

    client_errors = (datastore_errors.Error, apiproxy_errors.Error)
    # The name of a key may have 1500 bytes; an entity 1 MiB, including its key.
    key_max = 1500 - len(_PREFIX)
    value_max = 1_000_000
    adds = True

    def __init__(self, store: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(store, parameters)
        kind = store or _DEFAULT_KIND
        if not _KIND(kind):
            raise ImproperlyConfigured(
                f"googleappengine://{store.rpartition('@')[2]} must name a kind of entities: write "
                f"googleappengine:// or googleappengine://{_DEFAULT_KIND}, with at most 100 "
                "ASCII letters, digits and underscores. Credentials are the application's."
            )
        self._model = _model(kind)

    def get(self, key: str) -> bytes | None:
        return decoded(_value, self._key(key).get(**_UNCACHED))

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        found: list[Any] = []
        for batch in batches(keys, _READ_AT_ONCE):
            found += ndb.get_multi([*map(self._key, batch)], **_UNCACHED)
        return [decoded(_value, entity) for entity in found]

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self._entity(key, value).put(**_UNCACHED)

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        for batch in batches(
            values, _WRITTEN_AT_ONCE, size=_BYTES_AT_ONCE, measure=lambda each: len(each[1])
        ):
            entities = [self._entity(key, value) for key, value in dict(batch).items()]
            ndb.put_multi(entities, **_UNCACHED)

    def add(self, key: str, value: bytes) -> bool:
        def add() -> bool:
            absent = self._key(key).get(**_UNCACHED) is None
            if absent:
                self._entity(key, value).put(**_UNCACHED)
            return absent

        added: bool = ndb.transaction(add, **_TRANSACTION)
        return added

    def delete(self, key: str) -> None:
        self._key(key).delete(**_UNCACHED)

    def delete_many(self, keys: Iterable[str]) -> None:
        for batch in batches(keys, _WRITTEN_AT_ONCE):
            ndb.delete_multi({self._key(key) for key in batch}, **_UNCACHED)

    def error_number(self, error: Exception) -> int:
        return _NUMBERS.get(type(error), errno.EIO)

    def _key(self, key: str) -> Any:
        return ndb.Key(self._model, _PREFIX + key)

    def _entity(self, key: str, value: bytes) -> Any:
        return self._model(key=self._key(key), body=value)


def _value(entity: Any) -> bytes | None:
    return None if entity is None else bytes(entity.body)
