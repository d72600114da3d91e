"""Operations captured and counted, on storages of any kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archive.models import Document
from archive.storages import RemoteStorage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.db.models.fields.files import FieldFile

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import (
    assertNumStorageOperations,
    capture_storage_operations,
    override_storages,
)
from inmemorystorage.testing.operations import OPERATIONS


@pytest.fixture(params=["memory", "disk"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return a storage with a file, in memory and on a disk."""
    disk = FileSystemStorage(location=tmp_path)
    storage: Storage = disk if request.param == "disk" else InMemoryStorage()
    storage.save("a.txt", ContentFile(b"four"))
    return storage


def test_an_operation(storage: Storage) -> None:
    """An operation has its name, storage, duration, bytes, and the line that asked."""
    with capture_storage_operations() as captured:
        storage.save("b.txt", ContentFile(b"three"))
    (operation,) = captured
    assert operation[:2] == ("save", "b.txt")
    assert operation.alias == type(storage).__name__
    assert operation.bytes == 5
    assert 0 < operation.duration < 60
    assert operation.line.function == "test_an_operation"
    assert Path(operation.line.path) == Path(__file__)
    assert operation.error is None


def test_each_operation(storage: Storage) -> None:
    """Each public operation is captured once, whatever it asks of the storage on its way."""
    calls: dict[str, tuple[Any, ...]] = dict.fromkeys(OPERATIONS, ("a.txt",))
    calls |= {"save": ("b.txt", b"text"), "listdir": ("",)}
    if isinstance(storage, FileSystemStorage):
        calls["save"] = ("b.txt", ContentFile(b"text"))
    else:
        del calls["path"]  # which it refuses
    with capture_storage_operations() as captured:
        for op in sorted(calls, key="delete".__eq__):
            answer = getattr(storage, op)(*calls[op])
            if op == "open":
                answer.close()
    assert sorted(each.op for each in captured) == sorted(calls)
    assert [each.bytes for each in captured.of("size")] == [4]
    assert [each.bytes for each in captured.of("save")] == [4]


def test_arguments_by_name(storage: Storage) -> None:
    """Names and contents are known also where they are given by name, or not at all."""
    with capture_storage_operations() as captured:
        storage.save(name="b.txt", content=ContentFile(b"123"))
        storage.save(None, ContentFile(b"12", name="c.txt"))
        storage.save("d.txt", ContentFile("é"))
        storage.listdir(path="")
    found = [(each.name, each.bytes) for each in captured]
    assert found == [("b.txt", 3), ("", 2), ("d.txt", 2), ("", None)]


def test_errors(storage: Storage) -> None:
    """An operation that raises is captured with the class of its error."""
    with capture_storage_operations() as captured, pytest.raises(FileNotFoundError):
        storage.size("missing")
    assert issubclass(captured[0].error or str, FileNotFoundError)
    assert re.search(r"^size 'missing' on \w+, \w+, \d+\.\d{3} ms, ", str(captured[0]))


@pytest.fixture
def overridden() -> Iterator[None]:
    """Replace all storages."""
    with override_storages():
        yield


@pytest.mark.usefixtures("overridden")
def test_through_alias_and_field() -> None:
    """A storage is called by its alias, or else by its field; the line is the project's."""
    document = Document()
    with capture_storage_operations() as captured:
        storages["private"].exists("a.txt")
        default_storage.exists("a.txt")
        document.one.save("b.txt", ContentFile(b"text"), save=False)
        document.one.size  # noqa: B018
    aliases = ["private", "default", "archive.Document.one", "archive.Document.one"]
    assert [each.alias for each in captured] == aliases
    assert {each.line.path for each in captured} == {__file__}
    assert isinstance(document.one, FieldFile)


@pytest.mark.usefixtures("overridden")
def test_one_storage_alone() -> None:
    """Operations on other storages than the one that is named are left out."""
    with capture_storage_operations("private") as captured:
        storages["private"].exists("a.txt")
        default_storage.exists("a.txt")
    assert [each.alias for each in captured] == ["private"]


def test_a_storage_that_is_gone() -> None:
    """To be captured keeps no storage alive."""
    with capture_storage_operations() as captured:
        InMemoryStorage().exists("a")
    assert captured[0].alias == "a storage that is gone"


def test_repeated(storage: Storage) -> None:
    """What one line asks for again and again is grouped, the most often asked first."""
    with capture_storage_operations() as captured:
        for name in ("a", "b", "a"):
            storage.exists(name)
        for name in ("x", "y"):
            storage.exists(name)
        storage.exists("once")
    first, second = captured.repeated()
    assert (first.op, first.names, len(second)) == ("exists", ["a", "b", "a"], 2)
    assert re.fullmatch(
        r"3 times exists on \w+, .*test_operations.py:\d+ in test_repeated: a, b", str(first)
    )


def test_captured_is_a_sequence(storage: Storage) -> None:
    """It has a length, indexes and slices, and stays what it was after the block."""
    with capture_storage_operations(limit=2) as captured:
        for name in "abc":
            storage.exists(name)
    storage.exists("later")
    assert len(captured) == 2
    assert [each.name for each in captured] == ["b", "c"]
    assert captured[-1].name == "c" and captured[:1][0].name == "b"
    with captured:
        storage.exists("anew")
    assert [each.name for each in captured] == ["anew"]


def test_a_class_that_comes_later() -> None:
    """Operations of a class that is defined inside are captured, those of mixins too."""

    class Mixin:
        def size(self, name: str) -> int:
            return len(name)

    with capture_storage_operations() as captured:

        class Late(Mixin, RemoteStorage):
            def exists(self, name: str) -> bool:
                return True

        late = Late()
        assert late.exists("a") and late.size("abc") == 3
    assert [each.op for each in captured] == ["exists", "size"]


def test_nothing_is_wrapped_afterwards() -> None:
    """Classes are as they were, also after an error, and new ones are left alone."""
    classes = [InMemoryStorage, FileSystemStorage, Storage, RemoteStorage]
    before = [{op: vars(cls).get(op) for op in OPERATIONS} for cls in classes]
    with pytest.raises(KeyError), capture_storage_operations():
        raise KeyError
    assert [{op: vars(cls).get(op) for op in OPERATIONS} for cls in classes] == before


def test_the_short_way_of_saving_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither observed nor after that does an in-memory storage lose its short way to save."""
    storage = InMemoryStorage()

    def fail(*args: Any) -> str:
        raise AssertionError("the template is taken")

    monkeypatch.setattr(Storage, "save", fail)
    with capture_storage_operations():
        storage.save("a", ContentFile(b""))
    assert storage.save("b", ContentFile(b"")) == "b"


@pytest.mark.parametrize(("num", "op"), [(2, None), (1, "save"), (0, "delete")])
def test_the_right_number(num: int, op: str | None, storage: Storage) -> None:
    """Just so many operations pass, of all or of one kind."""
    with assertNumStorageOperations(num, op):
        storage.save("b", ContentFile(b""))
        storage.exists("b")


def test_another_number(storage: Storage) -> None:
    """More or fewer operations fail, and are shown as Django shows queries."""
    with pytest.raises(AssertionError) as raised, assertNumStorageOperations(1):
        storage.exists("a") and storage.exists("b")
        storage.exists("c")
    lines = str(raised.value).splitlines()
    assert lines[:2] == ["2 operations executed, 1 expected", "Captured operations were:"]
    assert re.match(r"1\. exists 'a' on ", lines[2]) and lines[3].startswith("2. exists 'c'")


def test_another_error_goes_first(storage: Storage) -> None:
    """Where the block raises, its number of operations is not what is wrong."""
    with pytest.raises(KeyError), assertNumStorageOperations(5):
        raise KeyError


@pytest.mark.parametrize(
    "of", [assertNumStorageOperations(1).of, lambda op: assertNumStorageOperations(1, op)]
)
def test_no_such_operation(of: Any) -> None:
    """A mistaken operation is refused, with those that there are."""
    with pytest.raises(ValueError, match="'read' is no operation. There are: open, save, delete"):
        of("read")
