"""Django's InMemoryStorage stays as it is, and its files roll back and can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.core.files.storage.memory import InMemoryFileNode
from overrides import use_storage

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.testing import (
    Media,
    assertNumStorageOperations,
    assertStored,
    isolate_storages,
    override_storages,
)
from inmemorystorage.testing.levels import FixtureLevel, Level

BACKEND = "django.core.files.storage.InMemoryStorage"


@pytest.fixture
def storage(settings: Any) -> Iterator[Storage]:
    """Return Django's storage, which is the default one and has some files."""
    use_storage(settings, "default", BACKEND, base_url="/files/")
    with override_storages():
        for name in ("kept.txt", "changed.txt", "d/e/gone.txt", "text.txt"):
            save(name)
        yield storages["default"]


def save(name: str, content: Any = b"content") -> None:
    """Save a file to the default storage."""
    assert default_storage.save(name, ContentFile(content)) == name


def state(storage: Any, name: str = "") -> Any:
    """Return all entries of a directory, with times and the nodes themselves."""
    node = storage._resolve(name)
    if not hasattr(node, "_children"):
        return id(node), node.modified_time, node.created_time, node.file.getvalue()
    below = {child: state(storage, f"{name}/{child}".strip("/")) for child in node._children}
    return node.modified_time, below


def change(storage: Storage) -> None:
    """Change contents, times and directories."""
    save("new.txt")
    save("n/e/w.txt", "text")
    with storage.open("changed.txt", "r+b") as file:
        file.write(b"CHANGED")
    with storage.open("text.txt", "r") as text:
        assert text.read() == "content"
    storage.delete("d/e/gone.txt")
    storage.delete("d/e")
    save("d/e", b"a file")


def test_it_is_left_as_it_is(storage: Storage) -> None:
    """The storage keeps its class and its options."""
    assert type(storage) is DjangoInMemoryStorage
    assert storage.url("a.txt") == "/files/a.txt"


def test_levels(storage: Storage) -> None:
    """A level that ends restores contents, times and directories, nested ones too."""
    before = state(storage)
    with isolate_storages():
        change(storage)
        changed = state(storage)
        with isolate_storages():
            storage.delete("changed.txt")
            save("changed.txt", b"other")
        assert state(storage)[1].keys() == changed[1].keys()
        assert_content(storage, "changed.txt", b"CHANGED")
    after = state(storage)
    assert_content(storage, "d/e/gone.txt", b"content")
    assert without_ids(after) == without_ids(before)
    assert after[1]["text.txt"] == before[1]["text.txt"]


def without_ids(state: Any) -> Any:
    """Return a state without the identities of nodes that were deleted and restored."""
    if isinstance(state[-1], dict):
        return state[0], {name: without_ids(each) for name, each in state[1].items()}
    return state[1:]


def assert_content(storage: Storage, name: str, content: bytes) -> None:
    """Fail unless a file has a content."""
    with storage.open(name) as file:
        assert file.read() == content


def test_a_late_fixture(storage: Storage) -> None:
    """Files that a fixture saves during a test last as long as the fixture."""
    test, fixture = Level(), FixtureLevel()
    save("of-test.txt")
    with fixture.recording():
        save("of-fixture.txt")
        storage.delete("kept.txt")
    test.end()
    assert not storage.exists("of-test.txt") and storage.exists("of-fixture.txt")
    test = Level()
    fixture.resume()
    save("of-clean-up.txt")
    fixture.end()
    names = set(storage.listdir("")[1])
    assert names == {"kept.txt", "changed.txt", "text.txt"}
    test.end()
    assert set(storage.listdir("")[1]) == names


def test_a_storage_that_is_used_for_the_first_time(storage: Storage) -> None:
    """A storage that is unknown at first rolls back from its first operation on."""
    with override_storages():
        other = DjangoInMemoryStorage()
        other._resolve("early.txt", True, InMemoryFileNode)  # type: ignore[attr-defined]
        with isolate_storages():
            other.save("late.txt", ContentFile(b""))
        assert other.listdir("") == ([], ["early.txt"])


def test_media(storage: Storage) -> None:
    """media shows its files and their changes, and counts as no operation."""
    with isolate_storages() as level:
        media = Media(level)
        change(storage)
        with assertNumStorageOperations(0):
            assert media["new.txt"] == b"content" and "missing" not in media
            assert media.created == ["d/e", "n/e/w.txt", "new.txt"]
            assert media.changed == ["changed.txt"] and media.deleted == ["d/e/gone.txt"]
            assert "├── n/\n│   └── e/\n│       └── w.txt (4)" in repr(media)
    assertStored("kept.txt", b"content")
    assert not Media(None).created


def test_media_of_other_storages(storage: Storage) -> None:
    """media shows the files of a FallbackStorage and of a store, and no changes."""
    layers = FallbackStorage(backends=[InMemoryStorage(), InMemoryStorage()])
    store = KeyValueStorage("locmem://media")
    with override_storages({"default": layers}), isolate_storages() as level:
        save("d/a.txt")
        assert dict(Media(level)) == {"d/a.txt": b"content"}
        with pytest.raises(TypeError, match="changes of a FallbackStorage are unknown"):
            assert Media(level).created
    missing = FallbackStorage(backends=[FileSystemStorage("/nowhere/missing")])
    with override_storages({"default": missing}):
        assert list(Media(None)) == []
    with override_storages({"default": store}):
        assert list(Media(None)) == []
