"""The engines: the backend class of each scheme, and the extra that installs its client."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ...options import hint
from .base import Backend, Damaged, Entry, Inserted, decoded

__all__ = ["Backend", "Damaged", "Entry", "Inserted", "decoded", "find_class"]

# The class of each scheme, and the extra that installs its client.
SCHEMES: dict[str, tuple[str, str | None]] = {
    "locmem": ("locmem.LocmemBackend", None),
    "db": ("db.DatabaseBackend", None),
    "memcached": ("memcached.MemcachedBackend", "memcached"),
    "redis": ("redis.RedisBackend", "redis"),
    "rediss": ("redis.RedisBackend", "redis"),
    "valkey": ("redis.RedisBackend", "redis"),
    "unix": ("redis.RedisBackend", "redis"),
    "sdb": ("simpledb.SimpleDBBackend", "aws"),
    "simpledb": ("simpledb.SimpleDBBackend", "aws"),
    "dynamodb": ("dynamodb.DynamoDBBackend", "aws"),
    "googleappengine": ("appengine.AppEngineBackend", "appengine"),
    "appengine": ("appengine.AppEngineBackend", "appengine"),
    "tokyotyrant": ("memcached.TokyoTyrantBackend", "memcached"),
}


@lru_cache(maxsize=64)
def find_class(scheme: str) -> type[Backend]:
    """
    Return the class of a scheme: one of `SCHEMES`, or a dotted path.

    Raises ``ImproperlyConfigured`` for an unknown scheme, and if a client library is not installed.
    """
    if scheme in SCHEMES:
        return _built_in(scheme)
    if "." in scheme:
        return _third_party(scheme)
    raise ImproperlyConfigured(
        f"No key-value store has the scheme {scheme!r}.{hint(scheme, SCHEMES)} "
        f"The schemes are {', '.join(SCHEMES)}, and dotted paths."
    )


def _built_in(scheme: str) -> type[Backend]:
    path, extra = SCHEMES[scheme]
    try:
        found: type[Backend] = import_string(f"{__name__}.{path}")
    except ImportError as error:
        if extra is None:
            raise
        raise ImproperlyConfigured(
            f"{scheme}:// needs a client that is not installed ({error}). "
            f"Install it with: pip install dj-inmemorystorage[{extra}]"
        ) from error
    return found


def _third_party(path: str) -> type[Backend]:
    try:
        found = _import(path)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"The key-value store {path!r} cannot be imported: {error}"
        ) from error
    if isinstance(found, type) and issubclass(found, Backend):
        return found
    raise ImproperlyConfigured(
        f"{path!r} is not a key-value store: its StorageClass must be a subclass of "
        "inmemorystorage.kvstore.Backend."
    )


def _import(path: str) -> Any:
    """Return a module's ``StorageClass``, or the object that the path names."""
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        if not path.startswith(error.name or " "):
            raise
        return import_string(path)
    return getattr(module, "StorageClass", module)
