"""
The checksum of what is stored: CRC-32, as in RFC 1952, section 8.

That of Intel's library is the same, and several times as fast as zlib's, where it is installed: the
extra ``isal``. Which of them a process has, nobody sees who reads what it has stored.
"""

from __future__ import annotations

__all__ = ["crc32"]

try:
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32
