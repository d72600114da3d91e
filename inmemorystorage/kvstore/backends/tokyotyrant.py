"""
``tokyotyrant://host:port``, a Tokyo Tyrant server over its dialect of memcached's protocol.

The dialect has less than the protocol: there is no ``gets`` and no ``cas``, flags are ignored, so
is the time when a value ends, and ``stats`` tells other things. A value is returned as it was
stored. Hence what is used is ``get``, ``set``, ``add`` and ``delete`` of one key, without flags and
without a time; there are no entries, and ``ttl`` has no effect: a value stays until it is deleted.
"""

from __future__ import annotations

from .memcached_clients import MemcachedProtocol


class StorageClass(MemcachedProtocol):
    """The database of a Tokyo Tyrant server, or of several that share the keys."""

    default_port = 1978
