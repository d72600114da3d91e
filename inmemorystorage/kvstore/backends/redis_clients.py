"""What the URI of a Redis server says, as a client of redis-py."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured
from redis import Redis, RedisCluster, __version__
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.retry import Retry

from ..uri import Uri, seconds, yes_or_no

_PORT = 6379
_TIMEOUT = 5.0
# Where the engines' own command-line clients look for a password.
_PASSWORDS = ("REDISCLI_AUTH", "VALKEYCLI_AUTH")
_TLS = "ssl_"
# What is read from a socket at once. The client gathers what comes in smaller parts in a buffer
# that grows, which costs more for a value of 1 MiB than the value itself does.
READ_SIZE = 2 * 2**20
# A new connection does not begin with two round trips to tell the client's name and version.
_SILENT: dict[str, None] = (
    {"driver_info": None}
    if "driver_info" in signature(AbstractConnection.__init__).parameters
    else {"lib_name": None, "lib_version": None}
)
# Before 6, a cluster's client has a number of its own for how often it tries again.
_TRIES: dict[str, int] = (
    {} if int(__version__.partition(".")[0]) >= 6 else {"cluster_error_retry_attempts": 0}
)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"it is one of {', '.join(words)}.")
        return text

    return read


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("it is a number, 0 or more.")
    return int(text)


PARAMETERS: Mapping[str, Callable[[str], Any]] = {
    "timeout": seconds,
    "db": _number,
    "cluster": yes_or_no,
    "ssl_cert_reqs": _one_of("none", "optional", "required"),
    "ssl_check_hostname": yes_or_no,
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
}


def connector(uri: Uri, options: Mapping[str, Any]) -> Callable[[], Any]:
    """
    Return what makes a client of the server behind a URI.

    Raises ``ImproperlyConfigured`` for a URI that is mistaken.
    """
    tls = {name: value for name, value in options.items() if name.startswith(_TLS)}
    if tls and uri.scheme != "rediss":
        raise ImproperlyConfigured(
            f"{uri} cannot have the parameter {min(tls)}: that is for rediss://."
        )
    if uri.scheme == "unix":
        return _at_a_path(uri, options)
    return _at_hosts(uri, options, tls)


def _at_a_path(uri: Uri, options: Mapping[str, Any]) -> Callable[[], Any]:
    if not uri.place.startswith("/"):
        raise ImproperlyConfigured(f"{uri} names no socket: write unix:///path/to.sock.")
    if options.get("cluster"):
        raise ImproperlyConfigured(f"{uri} cannot be a cluster: that is for hosts and ports.")
    path, db = unquote(uri.place), options.get("db", 0)
    return lambda: _client(UnixDomainSocketConnection, path=path, db=db, **_common(uri, options))


def _at_hosts(uri: Uri, options: Mapping[str, Any], tls: dict[str, Any]) -> Callable[[], Any]:
    hosts, db = uri.hosts(_PORT), _database(uri, options)
    if options.get("cluster"):
        if db:
            raise ImproperlyConfigured(f"{uri} is a cluster, which has no other database than 0.")
        nodes = [ClusterNode(*host) for host in hosts]
        if uri.scheme == "rediss":
            tls = {"ssl": True} | tls
        return lambda: RedisCluster(startup_nodes=nodes, **tls, **_common(uri, options), **_TRIES)
    if len(hosts) > 1:
        raise ImproperlyConfigured(f"{uri} has several hosts, which only ?cluster=1 can have.")
    host, port = hosts[0]
    kind = SSLConnection if uri.scheme == "rediss" else Connection
    return lambda: _client(kind, host=host, port=port, db=db, **tls, **_common(uri, options))


def _client(connection_class: Any, **options: Any) -> Redis:
    # A pool of our own takes all that connections have, whatever the client's version hands on.
    return Redis(connection_pool=ConnectionPool(connection_class=connection_class, **options))


def _database(uri: Uri, options: Mapping[str, Any]) -> int:
    path = uri.place.partition("/")[2]
    if not path:
        return int(options.get("db", 0))
    if "db" in options:
        raise ImproperlyConfigured(f"{uri} has two databases: one in its path, and ?db=.")
    try:
        return _number(path)
    except ValueError as error:
        raise ImproperlyConfigured(f"{uri} has the database {path!r}: {error}") from None


def _common(uri: Uri, options: Mapping[str, Any]) -> dict[str, Any]:
    user, password = uri.credentials
    if user is None and password is None:
        password = next((os.environ[name] for name in _PASSWORDS if os.environ.get(name)), None)
    timeout = options.get("timeout", _TIMEOUT)
    return {
        "username": user,
        "password": password,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "socket_read_size": READ_SIZE,
        # All that is to be said, without a round trip for each new connection to agree on it.
        "protocol": 2,
        # Whether a command was carried out when its answer was lost, a second try cannot know.
        "retry": Retry(NoBackoff(), 0),
        **_SILENT,
    }
