"""What all servers that speak memcached's protocol can do, through pymemcache."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from .base import Backend
from .networks import network_errno

_TIMEOUT = 5.0

# What a server says in the place of a value that it does not store.
_REFUSALS = {"out of memory": errno.ENOSPC, "too large": errno.EFBIG}


class Servers:
    """
    The servers that share keys, each key on one of them, as pymemcache's HashClient spreads them.

    Beside it, as a HashClient takes a server that was lost for one without the key, and another
    in its place: here it is an error until it is back.

    :param hosts: hosts and ports.
    :param timeout: seconds, for connecting and for each answer.
    """

    def __init__(self, hosts: Sequence[tuple[str, int]], timeout: float) -> None:
        self._clients = {
            f"{host}:{port}": Client(
                (host, port),
                connect_timeout=timeout,
                timeout=timeout,
                no_delay=True,
                default_noreply=False,  # without an answer, nobody knows what became of it
            )
            for host, port in hosts
        }
        # With one, there is nothing to be found out, which costs more than the rest.
        only = None if len(self._clients) > 1 else next(iter(self._clients))
        places = RendezvousHash([*self._clients])
        self._place: Callable[[str], str] = (lambda key: only) if only else places.get_node

    def call(self, command: str, key: str, *args: Any, **options: Any) -> Any:
        """Call a client's method on the server of a key."""
        return self._call(self._place(key), command, key, *args, **options)

    def call_many(self, command: str, pairs: Mapping[str, Any], **options: Any) -> Iterator[Any]:
        """Call a client's method on keys, or on keys with values; yield each server's answer."""
        places: dict[str, dict[str, Any]] = {}
        for key, value in pairs.items():
            places.setdefault(self._place(key), {})[key] = value
        for place, group in places.items():
            yield self._call(place, command, group, **options)

    def close(self) -> None:
        """Close the connections; they are opened again when they are used."""
        for client in self._clients.values():
            client.close()

    def _call(self, place: str, command: str, *args: Any, **options: Any) -> Any:
        client = self._clients[place]
        try:
            return getattr(client, command)(*args, **options)
        except (KeyError, ValueError) as error:  # which the client lets out of its parser
            client.close()
            raise MemcacheUnknownError(f"an answer that was not asked for ({error})") from error
        except BaseException:
            # Also when it was interrupted: the next would read the answer to this one.
            client.close()
            raise


class MemcachedProtocol(Backend):
    """
    Values by keys, with what every dialect has: get, set, add and delete, of one key.

    :cvar default_port: where servers listen.
    """

    default_port: ClassVar[int]
    parameters: ClassVar[Mapping[str, Callable[[str], Any]]] = {"timeout": seconds}
    client_errors = (MemcacheError, OSError)
    key_max = 250
    plain_keys = True
    # A server's limit for an item is 1 MiB, if it was not started with another; what it keeps
    # beside the value, and the key, are in it.
    value_max = 2**20 - 1024
    adds = True

    def __init__(self, store: str, parameters: Mapping[str, Any], servers: Servers) -> None:
        super().__init__(store, parameters)
        self.servers = servers

    @classmethod
    def from_uri(cls, uri: Uri) -> MemcachedProtocol:
        """Return the backend behind ``uri``; nothing is connected yet."""
        options = uri.options(cls.parameters)
        if uri.place != uri.store or "/" in uri.place:
            raise ImproperlyConfigured(
                f"{uri} has more than hosts and ports: there are no users and no databases."
            )
        servers = Servers(uri.hosts(cls.default_port), options.get("timeout", _TIMEOUT))
        return cls(uri.store, options, servers)

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, ``None`` where there is none."""
        value: bytes | None = self.servers.call("get", key)
        return value

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Store a value under a key."""
        stored(self.servers.call("set", key, value, **self.expiry(ttl)), key)

    def delete(self, key: str) -> None:
        """Delete a key; silent where it is not there."""
        self.servers.call("delete", key)

    def add(self, key: str, value: bytes) -> bool:
        """Store a value where there is none, atomically; return whether it was stored."""
        return bool(self.servers.call("add", key, value))

    def expiry(self, ttl: float | None) -> dict[str, int]:
        """Return what a client is told of a value's end: nothing, if no dialect is known."""
        return {}

    def error_number(self, error: Exception) -> int:
        """Return the errno of the ``OSError`` that a client's exception becomes."""
        if isinstance(error, MemcacheUnexpectedCloseError):
            return errno.ECONNRESET
        refused = (number for text, number in _REFUSALS.items() if text in str(error))
        return next(refused, None) or network_errno(error) or errno.EIO

    def error_text(self, error: Exception) -> str:
        """Return what that ``OSError`` says; the client's own may be bytes, or without a text."""
        text = error.args[0] if error.args else None
        if isinstance(text, bytes):
            return text.decode(errors="replace")
        return str(error) or type(error).__name__

    def close(self) -> None:
        """Close the connections; they are opened again when they are used."""
        self.servers.close()


def stored(answer: object, key: str) -> None:
    """Raise an error of the client's where a server has not stored a value without saying why."""
    if answer is not True:
        raise MemcacheServerError(f"the server has not stored {key}")
