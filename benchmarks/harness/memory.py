"""Bytes of memory per stored file, beyond its content.

A new process saves N files of 1 KiB with different contents, and keeps nothing but the
storage. Of the memory that this takes, N x 1024 is subtracted, and the rest is divided by N: names,
nodes, dict entries, directories and the header of the bytes object all count.

`traced` is tracemalloc's count: the bytes requested from Python's allocators. `resident`
is the growth of the process's resident set, which has the allocators' rounding and the fragments
in it. Neither sees tmpfs, whose pages belong to the kernel: there, `st_blocks` says how many bytes
the file occupies, without the inode and the directory entry.
"""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from django.core.files.base import ContentFile

from .site import Site, photo
from .stores import KIB


def per_file(site: Site, method: str) -> float:
    """Fill an empty site and return the bytes that each file took beyond its content.

    One file is saved and deleted first, so that imports by the first save do not count.
    """
    site.store.delete(site.store.save("warm.jpg", ContentFile(b"warm")))
    gc.collect()
    return METHODS[method](site) / site.files - KIB


def _traced(site: Site) -> int:
    tracemalloc.start()
    site.fill_photos()
    gc.collect()
    current, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return current


def _resident(site: Site) -> int:
    before = _resident_bytes()
    site.fill_photos()
    gc.collect()
    return _resident_bytes() - before


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _occupied(site: Site) -> int:
    site.fill_photos()
    paths = (site.store.path(photo(number)) for number in range(site.files))
    return sum(os.stat(path).st_blocks * 512 for path in paths)


METHODS: dict[str, Callable[[Site], int]] = {
    "traced": _traced,
    "resident": _resident,
    "occupied": _occupied,
}
