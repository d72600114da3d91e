"""Names that are the same in every run, and handles that were not closed."""

from __future__ import annotations

import gc
import threading
import warnings
from typing import Any

import pytest
from archive.models import Document
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, base

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import deterministic_names, override_storages
from inmemorystorage.testing.tools import TestTool
from inmemorystorage.testing.watch import watch_handles

SEEN: list[list[str]] = []


def names(count: int = 3) -> list[str]:
    """Save one name several times; return the names."""
    storage = InMemoryStorage()
    return [storage.save("photo.png", ContentFile(b"")) for _ in range(count)]


def test_one_seed_gives_the_same_names() -> None:
    """Alternative names follow the seed, and are of Django's form."""
    with deterministic_names(1):
        first = names()
    with deterministic_names(1):
        assert names() == first
    with deterministic_names(2):
        assert names() != first
    assert first[0] == "photo.png"
    assert all(len(name) == len("photo_a1B2c3D.png") and name.isascii() for name in first[1:])
    assert len(set(first)) == 3


def test_a_tool_that_is_dropped() -> None:
    """A tool that was enabled stays enabled, though no reference to it is left."""
    before, blocks = base.get_random_string, {*TestTool._open}
    deterministic_names().enable()
    gc.collect()
    patched = base.get_random_string
    (block,) = TestTool._open - blocks
    TestTool._open.remove(block)
    block.close()
    assert patched != base.get_random_string == before


def test_nested_seeds() -> None:
    """The outer seed continues after an inner one."""
    with deterministic_names(1):
        expected = [FileSystemStorage().get_alternative_name("a", ".b") for _ in range(2)]
    with deterministic_names(1):
        first = FileSystemStorage().get_alternative_name("a", ".b")
        with deterministic_names(2):
            names()
        assert [first, FileSystemStorage().get_alternative_name("a", ".b")] == expected


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_has_its_seed(run: int) -> None:
    """Two tests get different names."""
    SEEN.append(names())
    assert len({tuple(seen) for seen in SEEN}) == len(SEEN)


@pytest.fixture
def storage() -> InMemoryStorage:
    """Return a storage with a file."""
    storage = InMemoryStorage()
    storage.save("d/a.txt", ContentFile(b"content"))
    return storage


def told(caught: list[warnings.WarningMessage]) -> list[str]:
    """Return the warnings of handles."""
    return [str(each.message) for each in caught if each.category is ResourceWarning]


def test_a_handle_that_is_dropped(storage: InMemoryStorage) -> None:
    """A handle that is dropped unclosed is reported, with the line that opened it."""
    with warnings.catch_warnings(record=True) as caught, watch_handles():
        warnings.simplefilter("always")
        storage.open("d/a.txt").read()
        gc.collect()
        (message,) = told(caught)
    assert message.startswith("unclosed file 'd/a.txt', opened at ")
    assert message.endswith(" in test_a_handle_that_is_dropped")


@pytest.mark.parametrize("mode", ["rb", "r+b", "w"])
def test_a_handle_that_is_open_at_the_end(storage: InMemoryStorage, mode: str) -> None:
    """A handle that is still open at the end is reported there, once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with watch_handles():
            file = storage.open("d/a.txt", mode)
            assert not told(caught)
        assert len(told(caught)) == 1
        file.close()
        del file
        gc.collect()
        assert len(told(caught)) == 1


def test_handles_that_are_closed(storage: InMemoryStorage) -> None:
    """A handle that was closed, or opened outside of the block, is not reported."""
    outside = storage.open("d/a.txt")
    with warnings.catch_warnings(), watch_handles():
        warnings.simplefilter("error")
        with storage.open("d/a.txt") as file:
            assert file.read() == b"content"
            assert storage.save("copy", file) == "copy"
        storage.open("d/a.txt", "ab").close()
    outside.close()
    assert storage.size("copy") == 7


def test_handles_of_other_threads(storage: InMemoryStorage) -> None:
    """A handle of another thread is reported only if it is dropped unclosed."""
    opened: list[Any] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with watch_handles():
            thread = threading.Thread(target=lambda: opened.append(storage.open("d/a.txt")))
            thread.start()
            thread.join()
        assert not told(caught)
        opened.clear()
    assert len(told(caught)) == 1


@pytest.mark.parametrize("moved", [True, False])
def test_handles_of_moved_and_replaced_storages(moved: bool) -> None:
    """Handles of moved disks and replaced buckets are reported if the caller wants it."""
    with warnings.catch_warnings(record=True) as caught, override_storages():
        warnings.simplefilter("always")
        disk, bucket = FileSystemStorage(), Document._meta.get_field("remote").storage
        with watch_handles(moved=moved):
            for storage in (disk, bucket):
                storage.save("a.txt", ContentFile(b""))
            files = [storage.open("a.txt") for storage in (disk, bucket)]
        for file in files:
            file.close()
    assert len(told(caught)) == (2 if moved else 0)
