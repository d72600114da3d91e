"""Store values under keys: `KeyValueStore`, and the store of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ..options import hint
from .backends import Backend, decoded
from .connections import backend_for, reporting
from .limits import Pieces, fit
from .serializers import SERIALIZERS, Serializer
from .uri import MaskedUri, parse

SETTING = "KEY_VALUE_STORE_BACKEND"
_NAMESPACE = "kvstore"
_NAMESPACES = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch


def namespace_of(uri: str) -> str:
    """
    Return the prefix of all keys of a URI: its namespace and a colon.

    Raises ``ImproperlyConfigured`` for a namespace that some engine does not accept in a key, or
    that contains a colon, so that its keys could be those of another one.
    """
    namespace = parse(uri).parameters.get("namespace", _NAMESPACE)
    if not _NAMESPACES(namespace):
        raise ImproperlyConfigured(
            f"{parse(uri)} cannot have the namespace {namespace!r}: it must be 1 to 64 ASCII "
            "letters, digits, dots, hyphens and underscores."
        )
    return namespace + ":"


def find_serializer(uri: str) -> Serializer:
    """Return the serializer of a URI; raise ``ImproperlyConfigured`` if it does not exist."""
    name = parse(uri).parameters.get("serializer", "json")
    if name not in SERIALIZERS:
        raise ImproperlyConfigured(
            f"{parse(uri)} has no serializer {name!r}.{hint(name, SERIALIZERS)} "
            f"It has {', '.join(SERIALIZERS)}."
        )
    return SERIALIZERS[name]


class KeyValueStore:
    """
    Store values under keys, in the engine that a URI names.

    Values are anything that JSON has a type for, and ``bytes``, ``datetime``, ``date``, ``time``,
    ``timedelta``, ``Decimal`` and ``UUID``, alone or nested; reading restores these types. A tuple
    is read as a list. Keys are text of any length with any characters. Each operation raises
    ``OSError`` with the key if the engine does not answer or refuses.

    :param uri: ``scheme://store?parameters``.

    Raises ``ImproperlyConfigured`` for an invalid URI.
    """

    def __init__(self, uri: str) -> None:
        namespace_of(uri)
        find_serializer(uri)
        uri = MaskedUri(uri) if isinstance(uri, str) else uri
        backend_for(uri)
        self._uri = uri

    @property
    def uri(self) -> str:
        """Return the URI, including its credentials."""
        return self._uri

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or ``default`` for a missing key."""
        with reporting(self.uri, str(key)) as backend:
            place = self._key(backend, key)
            found = self._pieces(backend).join(place, backend.get(place))
            return default if found is None else decoded(self._serializer.loads, found)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values of the keys that exist, in as few requests as possible."""
        wanted = [*dict.fromkeys(keys)]
        with reporting(self.uri, ", ".join(map(str, wanted))) as backend:
            places = [self._key(backend, key) for key in wanted]
            stored = backend.get_many(places)
        found = {}
        for key, place, value in zip(wanted, places, stored, strict=True):
            with reporting(self.uri, str(key)) as backend:
                whole = self._pieces(backend).join(place, value)
                if whole is not None:
                    found[key] = decoded(self._serializer.loads, whole)
        return found

    def set(self, key: str, value: Any) -> None:
        """
        Store a value under a key.

        Raises ``TypeError`` for a value that cannot be serialized, and stores nothing then.
        """
        data = self._serializer.dumps(value)
        with reporting(self.uri, str(key)) as backend:
            self._pieces(backend).set(self._key(backend, key), data)

    def delete(self, key: str) -> None:
        """Delete a key; do nothing for a missing key."""
        with reporting(self.uri, str(key)) as backend:
            self._pieces(backend).delete(self._key(backend, key))

    def has_key(self, key: str) -> bool:
        """Return whether a key has a value; ``None`` is a value."""
        with reporting(self.uri, str(key)) as backend:
            return backend.has_key(self._key(backend, key))

    def __contains__(self, key: str) -> bool:
        return self.has_key(key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {parse(self.uri)}>"

    @property
    def _serializer(self) -> Serializer:
        return find_serializer(self.uri)

    def _key(self, backend: Backend, key: str) -> str:
        return fit(backend, f"{namespace_of(self.uri)}v:", str(key))

    def _pieces(self, backend: Backend) -> Pieces:
        return Pieces(backend, f"{namespace_of(self.uri)}p:")


class DefaultStore(KeyValueStore):
    """The store of the setting KEY_VALUE_STORE_BACKEND; follows changes of the setting."""

    def __init__(self) -> None:
        """Read no setting yet: settings may not be configured."""

    @property
    def uri(self) -> str:
        """Return the setting; raise ``ImproperlyConfigured`` if it is missing."""
        uri = getattr(settings, SETTING, None)
        if not isinstance(uri, str) or not uri:
            raise ImproperlyConfigured(
                f"The setting {SETTING} is missing or not a str. Set it to the URI of a store, "
                "such as 'redis://127.0.0.1:6379/0' or 'locmem://'."
            )
        return uri


kvstore = DefaultStore()


def get_kvstore(uri: str | None = None) -> KeyValueStore:
    """
    Return the store for a URI, by default that of the setting KEY_VALUE_STORE_BACKEND.

    Raises ``ImproperlyConfigured`` for an invalid URI; the message says what is wrong. The URI of
    the setting is checked at the store's first use.
    """
    return kvstore if uri is None else KeyValueStore(uri)
