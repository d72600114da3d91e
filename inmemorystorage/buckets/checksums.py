"""CRC32C, which Google Cloud Storage computes of each object."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache

_POLYNOMIAL = 0x82F63B78  # reversed; RFC 4960, appendix B, as "Objects", "crc32c" says


def crc32c(content: bytes) -> str:
    """Return the checksum in base64, as the service writes it."""
    return base64.b64encode(_function()(content).to_bytes(4, "big")).decode()


@cache
def _function() -> Callable[[bytes], int]:
    """Return Google's fast function if it is installed, as it is with the client."""
    try:
        from google_crc32c import value
    except ImportError:
        return slow_crc32c
    function: Callable[[bytes], int] = value
    return function


def slow_crc32c(content: bytes) -> int:
    """Compute the checksum in Python."""
    table = _table()
    checksum = 0xFFFFFFFF
    for byte in content:
        checksum = table[(checksum ^ byte) & 0xFF] ^ (checksum >> 8)
    return checksum ^ 0xFFFFFFFF


@cache
def _table() -> list[int]:
    table = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (_POLYNOMIAL if entry & 1 else 0)
        table.append(entry)
    return table
