"""The timed operations, as data.

The clock is the process's CPU time, which stops while another program has the processor; no
contestant waits for anything. Names and content objects are created before the clock starts.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from time import process_time_ns
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from .contestants import TEMPLATE_SAVE
from .site import Site, content_of
from .stores import KIB, MIB, Store

Names = list[str]
Timed = Callable[[Store, Names], tuple[int, Names]]


def _each(method: str) -> Timed:
    """Time a method that takes only a name."""

    def timed(store: Store, names: Names) -> tuple[int, Names]:
        call = getattr(store, method)
        start = process_time_ns()
        for name in names:
            call(name)
        return process_time_ns() - start, names

    return timed


def _saves(size: int, bind: Callable[[Store], Callable[[str, Any], str]]) -> Timed:
    """Time saves of `size` bytes, and return the names of the stored files."""
    data = b"x" * size

    def timed(store: Store, names: Names) -> tuple[int, Names]:
        save = bind(store)
        pairs = [(name, ContentFile(data)) for name in names]
        start = process_time_ns()
        stored = [save(name, content) for name, content in pairs]
        return process_time_ns() - start, stored

    return timed


def _reads(*length: int) -> Timed:
    """Time opening a file, reading `length` bytes (or all, as `read()` does) and closing it."""

    def timed(store: Store, names: Names) -> tuple[int, Names]:
        start = process_time_ns()
        for name in names:
            with store.open(name) as handle:
                handle.read(*length)
        return process_time_ns() - start, names

    return timed


def _own_save(store: Store) -> Callable[[str, Any], str]:
    return store.save


def _template_save(store: Store) -> Callable[[str, Any], str]:
    """Return Django's `Storage.save()` bound to a storage, bypassing its own class's."""
    return partial(Storage.save, store)  # type: ignore[arg-type]


def _hooked_save(store: Store) -> Callable[[str, Any], str]:
    """Return `save()` of a class that overrides a hook, as many projects' storages do."""

    class Hooked(type(store)):  # type: ignore[misc]
        def get_available_name(self, name: str, max_length: int | None = None) -> Any:
            return super().get_available_name(name, max_length=max_length)

    hooked: Any = copy.copy(store)
    hooked.__class__ = Hooked
    save: Callable[[str, Any], str] = hooked.save
    return save


def _leave(store: Store, names: Iterable[str]) -> None:
    pass


def _remove(store: Store, names: Iterable[str]) -> None:
    for name in names:
        store.delete(name)


def _restore(store: Store, names: Iterable[str]) -> None:
    for name in names:
        store.save(name, ContentFile(content_of(name)))


@dataclass(frozen=True)
class Operation:
    """Describe the names an operation takes, its timed part, and how to undo it.

    `calls` is the number of calls in a batch, whose figure is their mean. It is small, so that the
    data fits into the processor's caches: otherwise even a dict is slower among more files.
    """

    key: str
    label: str
    calls: int
    names: Callable[[Site, int], Names]
    timed: Timed
    undo: Callable[[Store, Iterable[str]], None] = _leave

    def measure(self, site: Site, calls: int, passes: int) -> float:
        """Time the last of several passes over the same names; return nanoseconds per call.

        The changes of each pass are undone after its clock has stopped.
        """
        names = self.names(site, calls)
        gc.collect()
        for _ in range(passes):
            elapsed, left = self.timed(site.store, names)
            self.undo(site.store, left)
        return elapsed / calls


OPERATIONS = {
    operation.key: operation
    for operation in (
        Operation("save-1k", "save 1 KiB", 100, Site.fresh, _saves(KIB, _own_save), _remove),
        Operation(
            "save-1k-taken",
            "save 1 KiB under a taken name",
            100,
            Site.existing,
            _saves(KIB, _own_save),
            _remove,
        ),
        Operation(
            "save-1k-accent",
            "save 1 KiB under a name that is not ASCII",
            100,
            Site.fresh_accented,
            _saves(KIB, _own_save),
            _remove,
        ),
        Operation(
            "save-1k-hook",
            "save 1 KiB, `get_available_name()` overridden",
            100,
            Site.fresh,
            _saves(KIB, _hooked_save),
            _remove,
        ),
        Operation(
            TEMPLATE_SAVE,
            "save 1 KiB through the template `Storage.save()`",
            100,
            Site.fresh,
            _saves(KIB, _template_save),
            _remove,
        ),
        Operation("save-1m", "save 1 MiB", 20, Site.fresh, _saves(MIB, _own_save), _remove),
        Operation("read-1k", "open + read 1 KiB", 100, Site.existing, _reads()),
        Operation("open-1k", "open 1 KiB, read one byte", 100, Site.existing, _reads(1)),
        Operation("open-100m", "open 100 MiB, read one byte", 100, Site.large, _reads(1)),
        Operation("exists-hit", "exists, hit", 100, Site.existing, _each("exists")),
        Operation("exists-miss", "exists, miss", 100, Site.fresh, _each("exists")),
        Operation("size", "size", 100, Site.existing, _each("size")),
        Operation("url", "url", 100, Site.existing, _each("url")),
        Operation("listdir", "listdir of 100 entries", 100, Site.listed, _each("listdir")),
        Operation("delete", "delete", 50, Site.existing, _each("delete"), _restore),
    )
}
