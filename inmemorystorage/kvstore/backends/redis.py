"""
``redis://host:port/db``: Redis or Valkey; also ``rediss://`` (TLS), ``valkey://``, ``unix://``.

The keys of a directory share a hash tag, and so a slot of a cluster: the hash ``{.directory}:m``
contains the meta of each name, for listings, and ``{.directory}:e:name`` the meta and the body, so
that one command reads a whole entry. Scripts write them. A long body has its own key,
``{.directory}:b:name``, which the same command reads. It is set in the same request, under
``{.directory}:s:id``, and renamed by the script: as an argument, it would be copied twice.
The ``%`` and ``}`` of a directory are percent-encoded, so that no name makes the key of another.
"""

from __future__ import annotations

import errno
import math
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha1
from inspect import signature
from typing import Any, ClassVar, NamedTuple, TypeAlias
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
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    RedisClusterException,
    RedisError,
    TimeoutError,
)
from redis.retry import Retry

from ..uri import Uri, seconds, yes_or_no
from .base import Backend, Damaged, Entry, Inserted, batches, decoded
from .servers import BATCH_BYTES, BATCH_KEYS, batches_of_values, network_errno, pack, unpack

_PORT = 6379
_TIMEOUT = 5.0
# The variables in which the engines' command-line clients look for a password.
_PASSWORDS = ("REDISCLI_AUTH", "VALKEYCLI_AUTH")
_TLS = "ssl_"
# Bytes to read from a socket at once. The client collects smaller parts in a growing buffer, which
# costs more than the value itself for one of 1 MiB.
READ_SIZE = 2 * 2**20
# Without the client's name and version, a new connection saves two round trips.
_SILENT: dict[str, None] = (
    {"driver_info": None}
    if "driver_info" in signature(AbstractConnection.__init__).parameters
    else {"lib_name": None, "lib_version": None}
)
# Before redis-py 6, a cluster's client has a separate number of retries.
_TRIES: dict[str, int] = (
    {} if int(__version__.partition(".")[0]) >= 6 else {"cluster_error_retry_attempts": 0}
)

# A command and its arguments.
_Command: TypeAlias = tuple[Any, ...]

# How many values to request at once while their length is unknown.
_FIRST_KEYS = 8

# Bytes from which on a body has its own key: another command then costs less than the copies.
_LONG = 64 * 1024
# Milliseconds after which it expires if no script renamed it, because this process was killed.
_STAGED = 60 * 60 * 1000

_FULL = "used memory > 'maxmemory'"
_ERRNOS: dict[type[Exception], int] = {
    AuthenticationError: errno.EACCES,
    AuthorizationError: errno.EACCES,
    NoPermissionError: errno.EACCES,
    TimeoutError: errno.ETIMEDOUT,
}


class _Script(NamedTuple):
    """A script, which a server runs atomically."""

    text: str
    sha: str


def _script(text: str) -> _Script:
    return _Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# KEYS: the metas, the entry, its long body, and the staged body, if any.
# ARGV: the name, the packed entry, and the arguments named above each script. If the staged body
# has expired, RENAME fails before anything is changed. A full server refuses the first command
# that writes, and none after it: that is SET, here or before the script.
_PUT = """
local function put(meta)
  if KEYS[4] then
    redis.call('RENAME', KEYS[4], KEYS[3])
    redis.call('PERSIST', KEYS[3])
  end
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('HSET', KEYS[1], ARGV[1], meta)
  if not KEYS[4] then redis.call('UNLINK', KEYS[3]) end
end
local function leave(answer)
  if KEYS[4] then redis.call('UNLINK', KEYS[4]) end
  return answer
end
"""
# The meta, and the expected meta.
_REPLACE = _script(
    _PUT
    + """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[4] then return leave(0) end
put(ARGV[3])
return 1
"""
)
# The meta, and the required marker, if any.
_INSERT = _script(
    _PUT
    + """
if ARGV[4] and redis.call('HEXISTS', KEYS[1], ARGV[4]) == 0 then return leave('no directory') end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return leave('taken') end
put(ARGV[3])
return 'done'
"""
)
# The expected meta.
_REMOVE = _script("""
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[2], KEYS[3])
return 1
""")
# In one step: between two, another process may insert the entry and remove it.
_IS_EVICTED = """
return redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 and redis.call('EXISTS', KEYS[2]) == 0
"""
# As a script, a cluster runs it on the node that has its key.
_NOW = _script("return redis.call('TIME')")


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"it must be one of {', '.join(words)}.")
        return text

    return read


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("it must be a number, 0 or more.")
    return int(text)


class RedisBackend(Backend):
    """A database of a Redis or Valkey server, or a cluster."""

    parameters: ClassVar[Mapping[str, Callable[[str], Any]]] = {
        "timeout": seconds,
        "db": _number,
        "cluster": yes_or_no,
        "ssl_cert_reqs": _one_of("none", "optional", "required"),
        "ssl_check_hostname": yes_or_no,
        "ssl_ca_certs": str,
        "ssl_certfile": str,
        "ssl_keyfile": str,
    }
    client_errors = (RedisError, RedisClusterException)
    adds = has_entries = lists_entries = takes_views = True
    clock_margin = 0

    def __init__(
        self, store: str, parameters: Mapping[str, Any], connect: Callable[[], Any]
    ) -> None:
        super().__init__(store, parameters)
        self._connect = connect

    @classmethod
    def from_uri(cls, uri: Uri) -> RedisBackend:
        options = uri.options(cls.parameters)
        return cls(uri.store, options, _connector(uri, options))

    @cached_property
    def _client(self) -> Any:
        return self._connect()

    def get(self, key: str) -> bytes | None:
        value: bytes | None = self._client.get(key)
        return value

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self._client.set(key, value, px=_milliseconds(ttl))

    def delete(self, key: str) -> None:
        self._client.unlink(key)

    def has_key(self, key: str) -> bool:
        return bool(self._client.exists(key))

    def add(self, key: str, value: bytes) -> bool:
        return bool(self._client.set(key, value, nx=True))

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of several keys, many with each request: more if they are short."""
        found: list[bytes | None] = []
        number = _FIRST_KEYS
        while batch := keys[len(found) : len(found) + number]:
            values = self._sent([("GET", key) for key in batch])
            found += values
            if sum(len(value or b"") for value in values) < BATCH_BYTES // 2:
                number = min(2 * number, BATCH_KEYS)
        return found

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        expiry = () if ttl is None else ("PX", _milliseconds(ttl))
        for batch in batches_of_values(values):
            self._sent([("SET", key, value, *expiry) for key, value in batch])

    def delete_many(self, keys: Iterable[str]) -> None:
        for batch in batches(keys, BATCH_KEYS):
            self._sent([("UNLINK", key) for key in batch])

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        """Return the entries at several places, each whole, in one round trip."""
        if bodies:
            values = self._sent([("MGET", *_entry_keys(*place)) for place in places])
            entries = [_entry(*pair) for pair in values]
            if None in entries:
                missing = [each for each, e in zip(places, entries, strict=True) if e is None]
                self._check_evicted(missing)
            return entries
        if len(places) > 1:  # directories above a name, whose entries are short
            mget = getattr(self._client, "mget_nonatomic", self._client.mget)
            packed = mget([_entry_keys(*place)[0] for place in places])
            return [None if each is None else Entry(unpack(each).meta) for each in packed]
        fields = [("HGET", _metas(directory), _encode(name)) for directory, name in places]
        return [None if meta is None else Entry(meta) for meta in self._sent(fields)]

    def _check_evicted(self, places: list[tuple[str, str]]) -> None:
        """Raise `Damaged` for entries of which the server evicted all but the meta."""
        script = ("EVAL", _IS_EVICTED, 2)
        asked = [(*script, _metas(d), _entry_keys(d, n)[0], _encode(n)) for d, n in places]
        if any(self._sent(asked)):
            raise Damaged("the server has evicted a part of this entry")

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        markers = () if marker is None else (_encode(marker),)
        return Inserted(self._put(_INSERT, directory, name, entry, *markers).decode())

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        return bool(self._put(_REPLACE, directory, name, entry, meta))

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        keys = _metas(directory), *_entry_keys(directory, name)
        return bool(self._run(_REMOVE, keys, (_encode(name), meta)))

    def _put(self, script: _Script, directory: str, name: str, entry: Entry, *args: bytes) -> Any:
        """Run a script that puts an entry; stage a long body before it, in the same request."""
        keys = [_metas(directory), *_entry_keys(directory, name)]
        before: list[_Command] = []
        if len(entry.body) > _LONG:
            keys.append(_key(directory, b"s:" + uuid.uuid4().hex.encode()))
            before.append(("SET", keys[-1], entry.body, "PX", _STAGED))
            entry = Entry(entry.meta)
        return self._run(script, keys, (_encode(name), pack(entry), entry.meta, *args), before)

    def list_entries(self, directory: str) -> Iterator[tuple[str, bytes]]:
        entries: dict[bytes, bytes] = self._client.hgetall(_metas(directory))
        return ((decoded(_decode, name), meta) for name, meta in entries.items())

    def now(self) -> float:
        """Return the time of the server; of a cluster, that of one node."""
        seconds, microseconds = self._run(_NOW, [_metas("")], ())
        return int(seconds) + int(microseconds) / 1e6

    def error_number(self, error: Exception) -> int:
        cause = error.__cause__ if isinstance(error, RedisClusterException) else error
        if _FULL in str(cause):
            return errno.ENOSPC
        if isinstance(cause, tuple(_ERRNOS)):
            return next(number for kind, number in _ERRNOS.items() if isinstance(cause, kind))
        return _lost(cause) if isinstance(cause, ConnectionError) else errno.EIO

    def error_text(self, error: Exception) -> str:
        """Return the text of that ``OSError``; restore what the client drops, or add the cure."""
        if isinstance(error, MovedError):
            return "the server belongs to a cluster: add ?cluster=1 to the URI"
        return f"OOM {error}" if isinstance(error, OutOfMemoryError) else str(error)

    def close(self) -> None:
        """Close the connections; keep a cluster's map of slots."""
        client: Any = self.__dict__.get("_client")
        if hasattr(client, "get_nodes"):
            clients = [node.redis_connection for node in client.get_nodes()]
        else:
            clients = [client]
        for each in (each for each in clients if each is not None):
            each.connection_pool.disconnect()

    def _run(
        self,
        script: _Script,
        keys: Sequence[bytes],
        args: Sequence[bytes],
        before: Sequence[_Command] = (),
    ) -> Any:
        """Run a script after other commands; send its text if the server does not know it."""
        operands = (len(keys), *keys, *args)
        try:
            return self._sent([*before, ("EVALSHA", script.sha, *operands)])[-1]
        except NoScriptError:
            return self._client.eval(script.text, *operands)

    def _sent(self, commands: Sequence[_Command]) -> list[Any]:
        """Send commands in one request; a single command is faster without a pipeline."""
        if len(commands) == 1:
            return [self._client.execute_command(*commands[0])]
        with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            # Raise errors below: the client would write each value into the message.
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def _connector(uri: Uri, options: Mapping[str, Any]) -> Callable[[], Any]:
    """
    Return a function that makes the client for a URI.

    Raises ``ImproperlyConfigured`` for an invalid URI.
    """
    tls = {name: value for name, value in options.items() if name.startswith(_TLS)}
    if tls and uri.scheme != "rediss":
        raise ImproperlyConfigured(
            f"{uri} cannot take the parameter {min(tls)}, which is for rediss:// only."
        )
    if uri.scheme == "unix":
        return _at_a_path(uri, options)
    return _at_hosts(uri, options, tls)


def _at_a_path(uri: Uri, options: Mapping[str, Any]) -> Callable[[], Any]:
    if not uri.place.startswith("/"):
        raise ImproperlyConfigured(f"{uri} must name a socket: write unix:///path/to.sock.")
    if options.get("cluster"):
        raise ImproperlyConfigured(f"{uri} cannot be a cluster, which has hosts and ports.")
    path, db = unquote(uri.place), options.get("db", 0)
    return lambda: _client(UnixDomainSocketConnection, path=path, db=db, **_common(uri, options))


def _at_hosts(uri: Uri, options: Mapping[str, Any], tls: dict[str, Any]) -> Callable[[], Any]:
    hosts, db = uri.hosts(_PORT), _database(uri, options)
    if options.get("cluster"):
        if db:
            raise ImproperlyConfigured(f"{uri} is a cluster, which has database 0 only.")
        nodes = [ClusterNode(*host) for host in hosts]
        if uri.scheme == "rediss":
            tls = {"ssl": True} | tls
        return lambda: RedisCluster(startup_nodes=nodes, **tls, **_common(uri, options), **_TRIES)
    if len(hosts) > 1:
        raise ImproperlyConfigured(f"{uri} has several hosts, which requires ?cluster=1.")
    host, port = hosts[0]
    kind = SSLConnection if uri.scheme == "rediss" else Connection
    return lambda: _client(kind, host=host, port=port, db=db, **tls, **_common(uri, options))


def _client(connection_class: Any, **options: Any) -> Redis:
    # An explicit pool accepts all options of connections in every version of the client.
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
        # RESP2 is enough, and saves a new connection the round trip that negotiates RESP3.
        "protocol": 2,
        # No retries: after a lost answer, the client cannot know whether the command ran.
        "retry": Retry(NoBackoff(), 0),
        **_SILENT,
    }


def _key(directory: str, rest: bytes) -> bytes:
    """
    Return a key in a directory's slot.

    The dot ensures that the hash tag is not empty, the encoding that it ends at the first ``}``.
    """
    tag = _encode(directory).replace(b"%", b"%25").replace(b"}", b"%7D")
    return b"{." + tag + b"}:" + rest


def _metas(directory: str) -> bytes:
    return _key(directory, b"m")


def _entry_keys(directory: str, name: str) -> tuple[bytes, bytes]:
    """Return the keys of an entry and of its long body."""
    encoded = _encode(name)
    return _key(directory, b"e:" + encoded), _key(directory, b"b:" + encoded)


def _entry(packed: bytes | None, body: bytes | None) -> Entry | None:
    """Return the entry from the values of these keys."""
    if packed is None:
        return None
    entry = unpack(packed)
    return entry if body is None else Entry(entry.meta, body)


def _lost(error: ConnectionError) -> int:
    # A message that starts with "Error" wraps the socket's error, which is the context then;
    # otherwise the context is whatever the caller handles.
    behind = error.__context__ if str(error).startswith("Error") else None
    return network_errno(behind) or errno.ECONNRESET


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")


def _milliseconds(ttl: float | None) -> int | None:
    return None if ttl is None else max(1, math.ceil(ttl * 1000))
