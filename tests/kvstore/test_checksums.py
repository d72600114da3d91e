"""The checksum of what is stored."""

from __future__ import annotations

import runpy
import sys
import zlib

import pytest

from inmemorystorage.kvstore import checksums


@pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 5000])
def test_checksum_is_that_of_zlib(content):
    """Whatever computes it, one process reads what another has stored."""
    assert checksums.crc32(content) == zlib.crc32(content)
    assert checksums.crc32(memoryview(content)[3:]) == zlib.crc32(content[3:])
    assert checksums.crc32(content, 12345) == zlib.crc32(content, 12345)


def test_what_computes_it():
    """It is Intel's library where that is installed."""
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    assert checksums.crc32 is isal_zlib.crc32


def test_what_computes_it_elsewhere(monkeypatch):
    """The standard library does it where Intel's is not."""
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    assert runpy.run_path(checksums.__file__)["crc32"] is zlib.crc32
