"""Assertions about files, as functions and in a mixin for test cases."""

from __future__ import annotations

import contextlib
import difflib
import unittest
from collections.abc import Iterator
from typing import Any, cast

from .difference import difference
from .isolation import isolate_class
from .ledger import assertNumStorageOperations, assertNumStorageRequests
from .media import Media, capture_media
from .orphans import assertNoOrphans
from .tools import enable_for_class
from .watch import Watch


def assertStored(name: str, content: bytes | str | None = None, *, alias: str = "default") -> None:
    """
    Fail unless a file of that name exists, with that content if one is given.

    A failure shows where the contents differ: text by lines, others from the first differing byte.

    :param content: bytes, or text, which is compared as UTF-8.
    """
    media = Media(None, alias)
    if name not in media:
        raise AssertionError(f"{name!r} is not stored.{_hint(name, media)}\n{media!r}")
    expected = content.encode() if isinstance(content, str) else content
    if expected is not None and media[name] != expected:
        raise AssertionError(
            f"{name!r} holds {_short(media[name])}, not {_short(expected)}.\n"
            f"{difference(expected, media[name])}\n{media!r}"
        )


def assertNotStored(name: str, *, alias: str = "default") -> None:
    """Fail if a file of that name exists."""
    media = Media(None, alias)
    if name in media:
        raise AssertionError(f"{name!r} is stored.\n{media!r}")


@contextlib.contextmanager
def assertStorageUnchanged(*, alias: str = "default") -> Iterator[None]:
    """Fail if a file is created, changed or deleted in the block."""
    with capture_media(alias) as media:
        yield
        made = {"created": media.created, "changed": media.changed, "deleted": media.deleted}
    if any(made.values()):
        lines = [f"{what}: {', '.join(names)}" for what, names in made.items() if names]
        raise AssertionError("The storage has changed.\n" + "\n".join([*lines, repr(media)]))


def _hint(name: str, media: Media) -> str:
    near = difflib.get_close_matches(name, media, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _short(content: bytes) -> str:
    return repr(content) if len(content) <= 60 else f"{content[:50]!r}… ({len(content):,} bytes)"


class StorageAssertionsMixin:
    """The assertions, as methods of a test case."""

    assertStored = staticmethod(assertStored)
    assertNotStored = staticmethod(assertNotStored)
    assertStorageUnchanged = staticmethod(assertStorageUnchanged)
    assertNoOrphans = assertNoOrphans
    assertNumStorageOperations = assertNumStorageOperations
    assertNumStorageRequests = assertNumStorageRequests


# Shared by all test cases with the mixin.
_watch = Watch()


class InMemoryStorageTestMixin(StorageAssertionsMixin):
    """
    Roll files back with each test and each class of tests: those in memory, and on moved disks.

    It watches the tests, and has the assertions as methods, such as ``self.assertStored()``. List
    it before the test case: ``class UploadTests(InMemoryStorageTestMixin, TestCase)``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if issubclass(cls, unittest.TestCase):
            enable_for_class(cast("type[unittest.TestCase]", cls), _watch)
            isolate_class(cls, _watch)
