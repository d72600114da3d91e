"""Operations on storages of any kind are captured and counted."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import pickle
import re
import sys
import traceback
import unittest
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import lru_cache, partial, partialmethod
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from archive.models import Document
from archive.storages import RemoteStorage
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, base, default_storage, storages
from django.db.models.fields.files import FieldFile
from django.utils.functional import empty

from inmemorystorage import InMemoryStorage
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.testing import (
    Operation,
    assertNumStorageOperations,
    assertStored,
    capture_storage_operations,
    fail_storage,
    forbid_real_storages,
    override_storages,
)
from inmemorystorage.testing.operations import OPERATIONS
from inmemorystorage.testing.pytest_plugin import hide_kit


@pytest.fixture(params=["memory", "disk"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return a storage with a file, in memory and on a disk."""
    disk = FileSystemStorage(location=tmp_path)
    storage: Storage = disk if request.param == "disk" else InMemoryStorage()
    storage.save("a.txt", ContentFile(b"four"))
    return storage


def test_an_operation(storage: Storage) -> None:
    """An operation has its name, storage, duration, bytes, and the line that called it."""
    with capture_storage_operations() as captured:
        storage.save("b.txt", ContentFile(b"three"))
    (operation,) = captured
    assert operation == Operation("save", "b.txt", type(storage).__name__)
    assert operation.storage() is storage
    assert operation.bytes == 5
    assert 0 < operation.duration < 60
    assert operation.line.function == "test_an_operation"
    assert Path(operation.line.path) == Path(__file__)
    assert operation.error is None


class AsksItself(FileSystemStorage):
    """A storage that calls itself while it is being made, as Django 4.2's in memory does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.path("")


def test_storage_that_is_being_made(settings: Any) -> None:
    """A storage gets its alias as soon as its constructor has returned."""
    entry = {"BACKEND": f"{__name__}.AsksItself"}
    settings.STORAGES = {**settings.STORAGES, "default": entry}
    with capture_storage_operations() as captured:
        default_storage.exists("a.txt")
    assert captured == [Operation("path", "", "AsksItself"), Operation("exists", "a.txt")]


def test_storage_that_is_being_made_by_its_alias(settings: Any) -> None:
    """A capture of an alias makes no lazy storage, and has the alias's later operations."""
    entry = {"BACKEND": f"{__name__}.AsksItself"}
    settings.STORAGES = {**settings.STORAGES, "default": entry}
    with capture_storage_operations("default") as captured:
        InMemoryStorage().exists("b.txt")
        assert vars(default_storage)["_wrapped"] is empty
        default_storage.exists("a.txt")
    assert captured == [Operation("exists", "a.txt")]


def test_each_operation(storage: Storage) -> None:
    """Each public operation is captured once, whatever it calls on the storage itself."""
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
    """Names and contents are known when they are passed by keyword, or not at all."""
    with capture_storage_operations() as captured:
        storage.save(name="b.txt", content=ContentFile(b"123"))
        storage.save(None, ContentFile(b"12", name="c.txt"))
        storage.save("d.txt", ContentFile("é"))
        storage.listdir(path="")
    found = [(each.name, each.bytes) for each in captured]
    assert found == [("b.txt", 3), ("", 2), ("d.txt", 2), ("", None)]


def test_errors(storage: Storage) -> None:
    """An operation that raises is captured with the name of its error."""
    with capture_storage_operations() as captured, pytest.raises(FileNotFoundError):
        storage.size("missing")
    assert captured[0].error in ("FileNotFoundError", "PathDoesNotExist")
    assert re.search(r"^size 'missing' on \w+, \w+, \d+\.\d{3} ms, ", str(captured[0]))


@pytest.fixture
def overridden() -> Iterator[None]:
    """Replace all storages."""
    with override_storages():
        yield


@pytest.mark.usefixtures("overridden")
def test_through_alias_and_field() -> None:
    """An operation shows the alias or the field of its storage, and the project's line."""
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
    """Operations on other storages than the named one are left out."""
    with capture_storage_operations("private") as captured:
        storages["private"].exists("a.txt")
        default_storage.exists("a.txt")
    assert [each.alias for each in captured] == ["private"]


def test_a_deleted_storage() -> None:
    """Capturing an operation keeps no storage alive, but its label."""
    with capture_storage_operations() as captured:
        InMemoryStorage().exists("a")
    assert captured[0].alias == "InMemoryStorage"
    assert captured[0].storage() is None


def test_repeated(storage: Storage) -> None:
    """repeated() groups the operations that one line called, the most frequent first."""
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
    """The capture has a length, indexes and slices, and stays the same after the block."""
    with capture_storage_operations(limit=2) as captured:
        for name in "abc":
            storage.exists(name)
    storage.exists("later")
    assert len(captured) == 2
    assert [each.name for each in captured] == ["b", "c"]
    assert captured[-1].name == "c" and captured[:1][0].name == "b"
    with captured:
        storage.exists("again")
    assert [each.name for each in captured] == ["again"]
    with capture_storage_operations(limit=0) as nothing:
        storage.exists("a")
    assert nothing == []


def test_operations_are_compared_by_what_was_asked(storage: Storage) -> None:
    """Operations are equal whose op, name, alias and error are; a list of them equals a capture."""
    both = []
    for content in (b"1", b"22"):
        with capture_storage_operations() as captured, suppress(FileNotFoundError):
            storage.save("b.txt", ContentFile(content))
            storage.delete("b.txt")
            storage.size("b.txt")
        both.append(captured)
    alias, error = type(storage).__name__, captured[2].error
    expected = [
        Operation("save", "b.txt", alias),
        Operation("delete", "b.txt", alias),
        Operation("size", "b.txt", alias, error=error),
    ]
    assert both[0] == both[1] == expected == both[0]
    assert [each.bytes for each in both[0]] == [1, None, None]
    assert {*both[0]} == {*both[1]}
    for other in (("open", "b.txt", alias), ("save", "c.txt", alias), ("save", "b.txt")):
        assert Operation(*other) != expected[0]
    assert expected[2] != Operation("size", "b.txt", alias)


def test_repr_of_operations_is_code() -> None:
    """The repr of captured operations evaluates to equal ones, without defaults."""
    storage = InMemoryStorage()
    with override_storages({"default": storage}), capture_storage_operations() as captured:
        default_storage.exists("a.txt")
        with suppress(FileNotFoundError):
            default_storage.size("it's")
        InMemoryStorage().exists("b")
    assert repr(captured) == (
        "[Operation('exists', 'a.txt'), Operation('size', \"it's\", error='PathDoesNotExist'), "
        "Operation('exists', 'b', alias='InMemoryStorage')]"
    )
    assert eval(repr(captured), {"Operation": Operation}) == captured
    assert str(captured).splitlines() == [*map(str, captured)]


def test_an_operation_made_by_a_test() -> None:
    """An operation that no storage called has no storage, duration and line, and a str."""
    operation = Operation("save", "a.txt")
    assert (operation.storage(), operation.bytes, operation.duration) == (None, None, 0)
    assert str(operation) == "save 'a.txt' on default, 0.000 ms, <unknown>:0 in <unknown>"


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_of_operations(storage: Storage, make: Callable[[Any], Any]) -> None:
    """A copy of an operation is equal, and has all but the storage."""
    with capture_storage_operations() as captured:
        storage.size("a.txt")
    copied = make(captured[0])
    assert copied == captured[0] and str(copied) == str(captured[0])
    assert (copied.bytes, copied.line) == (4, captured[0].line)
    assert captured[0].storage() is storage and copied.storage() is None


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_of_captures(storage: Storage, make: Callable[[Any], Any]) -> None:
    """A copy of a capture, also within its block, has the operations until then."""
    with capture_storage_operations() as captured:
        storage.exists("a.txt")
        within = make(captured)
        storage.exists("b.txt")
    afterwards = make(captured)
    assert within == captured[:1] and within.of("exists") == captured[:1]
    assert afterwards == captured and str(afterwards) == str(captured)
    with afterwards:
        storage.exists("c.txt")
    assert [each.name for each in afterwards] == ["c.txt"]
    assert len(captured) == 2


def test_equal_captures_end_in_any_order(storage: Storage) -> None:
    """The end of a capture stops this one, and not another with the same operations."""
    outer, inner = capture_storage_operations(), capture_storage_operations()
    outer.enable()
    inner.enable()
    inner.disable()
    storage.exists("a.txt")
    outer.disable()
    assert (len(outer), len(inner)) == (1, 0)


def test_a_class_that_comes_later() -> None:
    """Operations of a class that the block defines are captured, those of mixins too."""

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
    """Classes are restored, also after an error, and new ones are not wrapped."""
    classes = [InMemoryStorage, FileSystemStorage, Storage, RemoteStorage]
    before = [{op: vars(cls).get(op) for op in OPERATIONS} for cls in classes]
    with pytest.raises(KeyError), capture_storage_operations():
        raise KeyError
    assert [{op: vars(cls).get(op) for op in OPERATIONS} for cls in classes] == before


def test_saving_keeps_its_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """save() in memory uses its fast path while it is observed, and afterwards."""
    storage = InMemoryStorage()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("Storage.save() is called")

    monkeypatch.setattr(base, "validate_file_name", fail)
    with capture_storage_operations():
        storage.save("a", ContentFile(b""))
    assert storage.save("b", ContentFile(b"")) == "b"


class Bound(Storage):
    """A storage whose operations are not plain functions."""

    path = None  # type: ignore[assignment]
    get_created_time = property(lambda self: lambda name: name)  # type: ignore[assignment]
    get_accessed_time = partial(str, "accessed at")  # type: ignore[assignment]
    made = 0

    @classmethod
    def delete(cls, name: str) -> str:
        """Return the class."""
        return cls.__name__ + name

    @staticmethod
    def exists(name: str) -> bool:
        """Return a truth."""
        return name == "a"

    @lru_cache  # noqa: B019
    def url(self, name: str | None) -> str:
        """Return a number, once."""
        self.made += 1
        return f"{name}{self.made}"

    def ask(self, way: str, name: str) -> str:
        """Return both."""
        return way + name

    size = partialmethod(ask, "size of ")  # type: ignore[assignment]


def use(storage: Any) -> list[Any]:
    """Call each operation that can be called."""
    with suppress(TypeError):  # a partial of a class is no method before Python 3.14
        storage.get_accessed_time()
    return [
        *(storage.delete("a"), storage.exists("a"), storage.url("a"), storage.url("a")),
        *(storage.size("a"), storage.get_created_time("a"), type(storage).delete("a")),
    ]


@pytest.mark.filterwarnings("ignore:functools.partial:FutureWarning")
def test_attributes_are_bound_as_before() -> None:
    """Static, class, partial and cached methods work as before, and are captured."""
    expected = use(Bound())
    storage: Any = Bound()
    with capture_storage_operations() as captured:
        assert use(storage) == expected
        assert storage.url.cache_info().hits and Bound.url.cache_info()  # type: ignore[attr-defined]
        Bound.url.cache_clear()  # type: ignore[attr-defined]
        vars(Bound)["url"].cache_clear()
        assert inspect.signature(storage.size) == inspect.signature(Bound().size)
        assert storage.path is Bound.path is None
        bound = storage.exists
    operations = ["get_accessed_time", "delete", "exists", "url", "url", "size"]
    assert [each.op for each in captured] == operations
    assert bound("a")


def test_methods_of_other_classes() -> None:
    """A mixin's method stays as it is for an object that is not a storage."""

    class Mixin:
        def save(self) -> str:
            """Save a model, for instance."""
            return "saved"

    class Mixed(Mixin, RemoteStorage):  # type: ignore[misc]
        pass

    with capture_storage_operations() as captured:
        assert Mixin().save() == "saved"
        assert Mixed().save() == "saved"
    assert len(captured) == 1


@pytest.mark.parametrize(
    "name",
    [
        *("_save", "delete", "exists", "url", "size", "path", "listdir", "_open", "save", "open"),
        *("get_modified_time", "get_available_name"),
    ],
)
def test_patches_of_a_class(name: str, tmp_path: Path) -> None:
    """A patch of a class replaces the operation, whether it begins before or in the capture."""
    disk = FileSystemStorage(location=tmp_path)
    before = vars(FileSystemStorage).get(name)
    arguments = {"_save": ("a", None), "save": ("a", ContentFile(b""))}.get(name, ("a",))
    patch = mock.patch.object(FileSystemStorage, name, side_effect=OSError("patched"))
    with patch, capture_storage_operations(), pytest.raises(OSError, match="patched"):
        getattr(disk, name)(*arguments)
    with capture_storage_operations():
        with patch as patched, pytest.raises(OSError, match="patched"):
            getattr(disk, name)(*arguments)
        assert patched.called
        disk.save("a", ContentFile(b""))
        patch.start()
    with pytest.raises(OSError, match="patched"):
        getattr(disk, name)(*arguments)
    patch.stop()
    assert disk.exists(disk.save("a", ContentFile(b"")))
    with capture_storage_operations():
        pass
    assert vars(FileSystemStorage).get(name) is before


@pytest.mark.parametrize("make", [InMemoryStorage, partial(KeyValueStorage, "locmem://patched")])
@pytest.mark.parametrize("watched", [False, True])
def test_patches_of_djangos_class(make: Callable[[], Storage], watched: bool) -> None:
    """Patches of Storage.save() and get_available_name() replace those of InMemoryStorage."""
    storage = make()
    storage.delete("a")
    content = ContentFile(b"")
    with capture_storage_operations() if watched else nullcontext():
        with mock.patch.object(Storage, "save", return_value="other") as save:
            assert storage.save("a", content) == "other"
            assert storage.save("a", content, max_length=9) == "other"
        assert save.call_args_list == [
            mock.call("a", content),
            mock.call("a", content, max_length=9),
        ]
        with mock.patch.object(Storage, "get_available_name", return_value="b") as choose:
            assert storage.save("a", content) == storage.save("a", content) == "b"
        assert choose.call_args_list[0] == mock.call("a", max_length=None)
        assert storage.save("a", content) == "a"


class Unknown(File):  # type: ignore[type-arg]
    """A stream that cannot seek, and whose size is unknown."""

    @property
    def size(self) -> int:  # type: ignore[override]
        """Refuse."""
        raise AssertionError("asked for its size")

    def seek(self, *args: Any) -> int:
        """Refuse."""
        raise AssertionError("asked to seek")

    def chunks(self, *args: Any) -> Iterator[bytes]:
        """Yield the content."""
        yield self.file.read()


def test_content_is_asked_for_nothing(tmp_path: Path) -> None:
    """The kit calls neither size nor seek() on a content."""
    read, write = os.pipe()
    os.write(write, b"content")
    os.close(write)
    with capture_storage_operations() as captured, open(read, "rb") as pipe:
        FileSystemStorage(tmp_path).save("a", Unknown(pipe))
    assert [(each.op, each.bytes) for each in captured] == [("save", None)]
    assert (tmp_path / "a").read_bytes() == b"content"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 restores a traceback")
def test_tracebacks_read_as_without_the_capture(tmp_path: Path) -> None:
    """A traceback has the frames of the storage, and none of what watches it."""

    class Bound(FileSystemStorage):
        listdir = partialmethod(FileSystemStorage.listdir)

    def frames_of(operation: Callable[[], Any]) -> list[str]:
        with pytest.raises(FileNotFoundError) as raised:
            operation()
        return [entry.name for entry in traceback.extract_tb(raised.tb)]

    storage = Bound(tmp_path)
    operations = [partial(storage.open, "none"), partial(storage.listdir, "none")]
    before = [frames_of(operation) for operation in operations]
    with capture_storage_operations() as captured:
        operations = [partial(storage.open, "none"), partial(storage.listdir, "none")]
        assert [frames_of(operation) for operation in operations] == before
    assert [operation.op for operation in captured] == ["open", "listdir"]


def test_an_operation_inside_of_another(tmp_path: Path) -> None:
    """Opening a source while it is saved is an operation on the source's storage."""
    source, target = InMemoryStorage(), FileSystemStorage(tmp_path)
    source.save("source", ContentFile(b"content"))

    class Lazy(File):  # type: ignore[type-arg]
        def chunks(self, *args: Any) -> Iterator[bytes]:
            """Open the source, and yield its content."""
            with source.open("source") as file:
                yield file.read()

    with capture_storage_operations() as captured:
        target.save("target", Lazy(None))
    assert sorted(each.op for each in captured) == ["open", "save"]


def test_classes_are_not_kept_alive() -> None:
    """A class that a test defines is freed while operations are watched."""
    with capture_storage_operations():

        class Short(RemoteStorage):
            def exists(self, name: str) -> bool:
                """Return a truth."""
                return bool(super().exists(name))

        reference = weakref.ref(Short)
        del Short
        gc.collect()
        assert reference() is None


@pytest.mark.parametrize(("num", "op"), [(2, None), (1, "save"), (0, "delete")])
def test_the_right_number(num: int, op: str | None, storage: Storage) -> None:
    """The expected number of operations passes, of all or of one kind."""
    with assertNumStorageOperations(num, op):
        storage.save("b", ContentFile(b""))
        storage.exists("b")


def test_a_removed_working_directory(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a working directory an operation shows the whole path of its line."""
    (tmp_path / "removed").mkdir()
    monkeypatch.chdir(tmp_path / "removed")
    (tmp_path / "removed").rmdir()
    with capture_storage_operations() as captured:
        storage.exists("a")
    assert f" ms, {__file__}:" in str(captured)


def test_another_number(storage: Storage) -> None:
    """More or fewer operations fail, with a list as Django's of queries."""
    with pytest.raises(AssertionError) as raised, assertNumStorageOperations(1):
        storage.exists("a") and storage.exists("b")
        storage.exists("c")
    lines = str(raised.value).splitlines()
    assert lines[:2] == ["2 operations executed, 1 expected", "Captured operations were:"]
    assert re.match(r"1\. exists 'a' on ", lines[2]) and lines[3].startswith("2. exists 'c'")


def test_another_error_is_raised_instead(storage: Storage) -> None:
    """An error in the block propagates instead of the number of operations."""
    with pytest.raises(KeyError), assertNumStorageOperations(5):
        raise KeyError


def test_a_number_for_each_test_of_a_class(storage: Storage) -> None:
    """In a decorated test case each test must call the number of operations."""

    @assertNumStorageOperations(1)
    class Tests(unittest.TestCase):
        def test_a(self) -> None:
            storage.exists("a")

        def test_b(self) -> None:
            storage.exists("a")
            storage.exists("b")

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(result)
    ((failed, message),) = result.failures
    assert failed.id().endswith("test_b") and "2 operations executed, 1 expected" in message


@pytest.mark.parametrize(
    "of", [assertNumStorageOperations(1).of, lambda op: assertNumStorageOperations(1, op)]
)
def test_no_such_operation(of: Any) -> None:
    """An unknown operation raises ValueError with the known ones."""
    with pytest.raises(ValueError, match="'read' is not an operation. Operations are: open, save"):
        of("read")


def _save_while_it_fails() -> None:
    with fail_storage("save", OSError("full")):
        default_storage.save("a", ContentFile(b"content"))


def _save_while_real_storages_are_forbidden() -> None:
    with forbid_real_storages():
        FileSystemStorage(location="/proc/none").save("a", ContentFile(b"content"))


def _count() -> None:
    with assertNumStorageOperations(1):
        pass


@pytest.mark.parametrize(
    "fail",
    [
        _save_while_it_fails,
        _save_while_real_storages_are_forbidden,
        _count,
        partial(assertStored, "missing"),
    ],
)
def test_reports_leave_out_the_kit(fail: Callable[[], None]) -> None:
    """A report of pytest shows the test's lines, and none of the kit's, for what the kit raises."""
    with pytest.raises((OSError, AssertionError)) as raised:
        fail()
    hide_kit()
    files = [Path(each.path) for each in raised.traceback if not each.ishidden(raised)]
    kit = Path(inspect.getfile(capture_storage_operations)).parent
    assert files and not [each for each in files if kit in each.parents]
