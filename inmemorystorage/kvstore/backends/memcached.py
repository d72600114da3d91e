"""
``memcached://host:port;host:port``: one memcached, or several that share the keys.

An entry is one item, whose key is a digest of its directory and name. Hence there are no listings,
and a directory's marker is checked before an entry is added, not in the same step. Replacing and
removing use cas, so that one of several concurrent changes succeeds. memcached evicts items when it
is full.
"""

from __future__ import annotations

import errno
import math
import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from socket import socket
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from pymemcache.client.base import Client
from pymemcache.client.rendezvous import RendezvousHash
from pymemcache.exceptions import (
    MemcacheError,
    MemcacheServerError,
    MemcacheUnexpectedCloseError,
    MemcacheUnknownError,
)

from ..uri import Uri, seconds
from .base import Backend, Entry, Inserted, batches
from .servers import BATCH_KEYS, batches_of_values, network_errno, pack, unpack

_TIMEOUT = 5.0

# What a server answers if it refuses a value.
_REFUSALS = {"out of memory": errno.ENOSPC, "too large": errno.EFBIG}

# memcached reads more seconds than this as a date, in seconds since 1970.
_LONGEST_TTL = 30 * 24 * 60 * 60
# An item with this expiry has expired when it is stored.
_AT_ONCE = -1


class MemcachedProtocol(Backend):
    """
    A store on servers of any dialect of the protocol: get, set, add and delete of one key.

    :cvar default_port: the port of servers whose URI has none.
    """

    default_port: ClassVar[int]
    parameters: ClassVar[Mapping[str, Callable[[str], Any]]] = {"timeout": seconds}
    client_errors = (MemcacheError, OSError)
    key_max = 250
    plain_keys = True
    # A server's default limit for an item is 1 MiB, including the key and overhead.
    value_max = 2**20 - 1024
    adds = True

    def __init__(self, store: str, parameters: Mapping[str, Any], servers: Servers) -> None:
        super().__init__(store, parameters)
        self.servers = servers

    @classmethod
    def from_uri(cls, uri: Uri) -> MemcachedProtocol:
        options = uri.options(cls.parameters)
        if uri.place != uri.store or "/" in uri.place:
            raise ImproperlyConfigured(
                f"{uri} has more than hosts and ports: memcached has no users and no databases."
            )
        servers = Servers(uri.hosts(cls.default_port), options.get("timeout", _TIMEOUT))
        return cls(uri.store, options, servers)

    def get(self, key: str) -> bytes | None:
        value: bytes | None = self.servers.call("get", key)
        return value

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        _stored(self.servers.call("set", key, value, **self.expiry(ttl)), key)

    def delete(self, key: str) -> None:
        self.servers.call("delete", key)

    def add(self, key: str, value: bytes) -> bool:
        return bool(self.servers.call("add", key, value))

    def expiry(self, ttl: float | None) -> dict[str, int]:
        """Return the client's options for a value's expiry; not every dialect has it."""
        return {}

    def error_number(self, error: Exception) -> int:
        if isinstance(error, MemcacheUnexpectedCloseError):
            return errno.ECONNRESET
        refused = (number for text, number in _REFUSALS.items() if text in str(error).lower())
        return next(refused, None) or network_errno(error) or errno.EIO

    def error_text(self, error: Exception) -> str:
        """Return the text of that ``OSError``; the client's may be bytes or empty."""
        text = error.args[0] if error.args else None
        if isinstance(text, bytes):
            return text.decode(errors="replace")
        return str(error) or type(error).__name__

    def close(self) -> None:
        self.servers.close()


class MemcachedBackend(MemcachedProtocol):
    """A store in one memcached, or in several."""

    default_port = 11211
    has_entries = True
    body_max = MemcachedProtocol.value_max - 2**14

    def expiry(self, ttl: float | None) -> dict[str, int]:
        """Return when a value expires; memcached counts whole seconds."""
        if ttl is None:
            return {}
        seconds = max(1, math.ceil(ttl))
        return {"expire": seconds if seconds <= _LONGEST_TTL else int(time.time()) + seconds}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of several keys, in one request to each server."""
        found: dict[str, bytes] = {}
        for batch in batches(keys, BATCH_KEYS):
            for answer in self.servers.call_many("get_many", dict.fromkeys(batch, b"")):
                found |= answer
        return [found.get(key) for key in keys]

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        for batch in batches_of_values(values):
            for failed in self.servers.call_many("set_many", dict(batch), **self.expiry(ttl)):
                _stored(not failed, ", ".join(failed))

    def delete_many(self, keys: Iterable[str]) -> None:
        for batch in batches(keys, BATCH_KEYS):
            for _ in self.servers.call_many("delete_many", dict.fromkeys(batch, b"")):
                pass

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        values = self.get_many([_item(*place) for place in places])
        entries = (None if value is None else unpack(value) for value in values)
        return [each if bodies or each is None else Entry(each.meta) for each in entries]

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        """Store an entry unless it exists, atomically; check the marker before that."""
        if marker is not None and self.get(_item(directory, marker)) is None:
            return Inserted.NO_DIRECTORY
        added = self.add(_item(directory, name), pack(entry))
        return Inserted.DONE if added else Inserted.TAKEN

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        return self._exchange(_item(directory, name), meta, pack(entry), {})

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        # The protocol has no conditional delete: replace the item by one that has expired.
        return self._exchange(_item(directory, name), meta, b"", {"expire": _AT_ONCE})

    def _exchange(self, key: str, meta: bytes, value: bytes, expiry: dict[str, int]) -> bool:
        while True:
            found, version = self.servers.call("gets", key)
            if found is None or unpack(found).meta != meta:
                return False
            if version == b"0":
                raise MemcacheServerError("the server has no cas: it was started with -C")
            if self.servers.call("cas", key, value, version, **expiry):
                return True
            # Another process was faster: the item may still have this meta.


class TokyoTyrantBackend(MemcachedProtocol):
    """
    ``tokyotyrant://host:port``: a Tokyo Tyrant server, by its dialect of memcached's protocol.

    The dialect lacks ``gets`` and ``cas``, ignores flags and expiry, and answers ``stats``
    differently. Hence this backend uses ``get``, ``set``, ``add`` and ``delete`` of one key,
    without flags and expiry. It has no entries, and ignores ``ttl``: a value never expires.
    """

    default_port = 1978


class Servers:
    """
    Servers that share keys, distributed as by pymemcache's HashClient.

    A HashClient reads a key of a lost server as missing, and then uses another server. Here, a lost
    server is an error until it is back.

    :param hosts: hosts and ports.
    :param timeout: seconds to wait for a connection and for each answer.
    """

    def __init__(self, hosts: Sequence[tuple[str, int]], timeout: float) -> None:
        self._clients = {
            f"{host}:{port}": Client(
                (host, port),
                connect_timeout=timeout,
                timeout=timeout,
                no_delay=True,
                default_noreply=False,  # without an answer, errors would go unnoticed
            )
            for host, port in hosts
        }
        # With one server, skip hashing the key, which costs more than the rest.
        only = None if len(self._clients) > 1 else next(iter(self._clients))
        places = RendezvousHash([*self._clients])
        self._place: Callable[[str], str] = (lambda key: only) if only else places.get_node

    def call(self, command: str, key: str, *args: Any, **options: Any) -> Any:
        """Call a method of the client for a key's server."""
        return self._call(self._place(key), command, key, *args, **options)

    def call_many(self, command: str, pairs: Mapping[str, Any], **options: Any) -> Iterator[Any]:
        """Call a client's method for keys, maybe with values; yield each server's answer."""
        places: dict[str, dict[str, Any]] = {}
        for key, value in pairs.items():
            places.setdefault(self._place(key), {})[key] = value
        for place, group in places.items():
            yield self._call(place, command, group, **options)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        for client in self._clients.values():
            client.close()

    def _call(self, place: str, command: str, *args: Any, **options: Any) -> Any:
        client = self._clients[place]
        if client.sock is not None and _is_readable(client.sock):
            client.close()  # the server has closed it while it was idle
        try:
            return getattr(client, command)(*args, **options)
        except (KeyError, ValueError) as error:  # raised by the client's parser
            client.close()
            raise MemcacheUnknownError(f"the server sent an unexpected answer ({error})") from error
        except BaseException:
            # After an interrupt too: the next request would read the answer to this one.
            client.close()
            raise


def _is_readable(connection: socket) -> bool:
    """Return whether a connection has data, or its end, before a request is sent."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _stored(answer: object, key: str) -> None:
    """Raise the client's error if a server refused a value without a reason."""
    if answer is not True:
        raise MemcacheServerError(f"the server did not store {key}")


def _item(directory: str, name: str) -> str:
    """Return the key of an entry: without a colon, unlike all keys of values."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (directory, name)]
    digest = sha256(b"%d:" % len(parts[0]) + b"".join(parts))
    return f"entry-{digest.hexdigest()}"
