"""fail_storage(): operations on storages fail on purpose."""

from __future__ import annotations

import errno
import io
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

import pytest
import time_machine
from archive.models import Document
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from freezegun import freeze_time

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import fail_storage as failing
from inmemorystorage.testing import override_storages

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(params=["memory", "filesystem", "disk"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return a storage of each kind."""
    if request.param == "disk":
        return FileSystemStorage(location=tmp_path)
    return InMemoryStorage(behaves_like=request.param, location="/faults")


def save(storage: Storage, *names: str) -> list[str]:
    """Save under some names; return the names of the saves that succeeded."""
    saved = []
    for name in names:
        with suppress(type(FULL)):
            saved.append(storage.save(name, ContentFile(b"content")))
    return saved


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        ({}, []),
        ({"after": 2}, ["a.png", "b.png"]),
        ({"times": 2}, ["c.txt", "d.png"]),
        ({"after": 1, "times": 2}, ["a.png", "d.png"]),
        ({"name": "*.txt"}, ["a.png", "b.png", "d.png"]),
        ({"name": "*.png", "after": 1, "times": 1}, ["a.png", "c.txt", "d.png"]),
    ],
)
def test_which_operations_fail(storage: Storage, options: Any, saved: list[str]) -> None:
    """Matching operations fail, after the given number, all of them or as often as given."""
    with failing("save", FULL, **options) as fault:
        assert save(storage, "a.png", "b.png", "c.txt", "d.png") == saved
    assert fault.fired == 4 - len(saved)


def test_one_storage_alone() -> None:
    """With an alias, operations on other storages succeed."""
    with override_storages(), failing("save", FULL, alias="default"):
        assert save(InMemoryStorage(), "a") == ["a"]
        assert save(default_storage, "a") == []


@pytest.mark.parametrize("op", ["open", "delete", "exists", "listdir", "size", "url"])
def test_each_operation_can_fail(storage: Storage, op: str) -> None:
    """Each operation can fail, also with an error class."""
    with failing(op, PermissionError), pytest.raises(PermissionError):
        getattr(storage, op)("a")


def test_inner_operations_do_not_fail(storage: Storage) -> None:
    """exists() that save() calls does not fail, only the test's own call does."""
    with failing("exists", FULL, must_fire=False) as fault:
        assert save(storage, "a") == ["a"]
    assert fault.matched == 0


@pytest.mark.parametrize("content", [ContentFile(b"content"), ContentFile("content")])
def test_a_save_that_breaks(storage: Storage, content: Any) -> None:
    """A save fails after the given bytes, and leaves what the storage's behavior leaves."""
    with failing("save", FULL, after_bytes=3), pytest.raises(OSError, match="No space"):
        storage.save("a", content)
    if isinstance(storage, InMemoryStorage) and not storage.behavior.keeps_partial_save:
        assert not storage.exists("a")
    else:
        assert storage.size("a") == 3


class Chunked(File):  # type: ignore[type-arg]
    """A file that generates its chunks, as an export does, and cannot be read otherwise."""

    def __init__(self) -> None:
        super().__init__(None, "a")

    def chunks(self) -> Iterator[bytes]:  # type: ignore[override]
        """Yield chunks of four bytes, without an end."""
        return itertools.repeat(b"1234")


class Duck:
    """An object with ``chunks()`` that is not a ``File``."""

    name = "a"

    def chunks(self) -> list[str]:
        """Return all chunks."""
        return ["123", "4567"]


class Reader:
    """A reader that can only be read once, as a server's response."""

    def __init__(self) -> None:
        self.read = io.BytesIO(b"1234567").read


@contextmanager
def pipe() -> Iterator[IO[bytes]]:
    """Yield a pipe with seven bytes, which cannot seek."""
    reading, writing = os.pipe()
    os.write(writing, b"1234567")
    os.close(writing)
    with open(reading, "rb") as file:
        yield file


@pytest.mark.parametrize("limit", [0, 3, 4, 7])
@pytest.mark.parametrize("make", [pipe, Reader, Chunked, Duck], ids=lambda make: make.__name__)
def test_a_save_of_a_stream_that_breaks(storage: Storage, make: Any, limit: int) -> None:
    """A save of a stream, or of chunks, raises the error after the given bytes."""
    with pipe() if make is pipe else nullcontext(make()) as content:
        with failing("save", FULL, after_bytes=limit), pytest.raises(OSError, match="No space"):
            storage.save("a", content)
    if isinstance(storage, InMemoryStorage) and not storage.behavior.keeps_partial_save:
        assert not storage.exists("a")
    else:
        whole = b"12341234" if make is Chunked else b"1234567"
        with storage.open("a") as file:
            assert file.read() == whole[:limit]


@pytest.mark.parametrize("make", [Reader, Duck], ids=lambda make: make.__name__)
def test_a_save_that_ends_before_it_breaks(storage: Storage, make: Any) -> None:
    """A save of fewer bytes succeeds."""
    with failing("save", FULL, after_bytes=8, must_fire=False) as fault:
        storage.save("a", make())
    with storage.open("a") as file:
        assert file.read() == b"1234567"
    assert (fault.matched, fault.fired) == (1, 0)


def test_a_save_of_bytes_that_breaks() -> None:
    """Bytes, text and plain file objects raise the error after the given bytes too."""
    storage = InMemoryStorage()
    for content in (b"content", "content"):
        with failing("save", FULL, after_bytes=0), pytest.raises(OSError, match="No space"):
            storage.save(name="a", content=content)


def test_writing_that_breaks(storage: Storage) -> None:
    """A handle raises the error after the given bytes, and keeps those."""
    with failing("open", FULL, after_bytes=3):
        file = storage.open("a", "wb")
        assert file.write(b"12") == 2
        with pytest.raises(OSError, match="No space"):
            file.write(b"345")
        file.close()
    with storage.open("a") as file:
        assert file.read() == b"123"


def test_an_error_that_never_fires(storage: Storage) -> None:
    """A block fails if its error was never raised, unless must_fire=False."""
    with pytest.raises(AssertionError, match=r"call 2 of save\('\*'\) to fail.*called 1 times"):
        with failing("save", FULL, after=1):
            save(storage, "a")
    with failing("save", FULL, must_fire=False):
        pass
    with pytest.raises(KeyError), failing("save", FULL):
        raise KeyError


def test_errors_are_new_each_time(storage: Storage) -> None:
    """Two failures raise two errors, each with its own traceback."""
    raised = []
    with failing("save", FULL):
        for _ in range(2):
            with pytest.raises(OSError, match="No space") as error:
                storage.save("a", ContentFile(b""))
            raised.append(error.value)
    assert raised[0] is not raised[1] and FULL not in raised


def test_delay_waits(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delay waits while the clock runs."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    with failing("exists", delay=1.5):
        assert not storage.exists("a")
    assert waited == [1.5]


def test_delay_moves_a_clock_that_is_held(storage: Storage) -> None:
    """A delay advances a clock that time-machine has stopped, and does not wait."""
    with time_machine.travel(1_000_000, tick=False), failing("exists", delay=3600):
        storage.exists("a")
        assert time.time() == 1_003_600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("read", FULL), "'read' is not an operation"),
        (("save",), "an error to raise, or a delay"),
        (("delete", FULL, 3), "writes no bytes"),
    ],
)
def test_mistakes(arguments: Any, message: str) -> None:
    """fail_storage() raises ValueError for arguments that make no sense."""
    op, *error = arguments
    after_bytes = {"after_bytes": error.pop()} if error[1:] else {}
    with pytest.raises(ValueError, match=message):
        failing(op, *error, **after_bytes)


def test_the_fixture(fail_storage: Any) -> None:
    """The fixture's faults begin with the call, and end with the test."""
    storage = InMemoryStorage()
    assert save(storage, "a") == ["a"]
    fault = fail_storage("save", FULL)
    assert save(storage, "b", "c") == []
    assert fault.fired == 2


@pytest.mark.parametrize("size", [-1, None, 2, 5])
def test_a_save_that_reads_by_itself(tmp_path: Path, size: int | None) -> None:
    """A save fails on a storage that reads its content itself, whole or in parts."""

    class Reading(FileSystemStorage):
        def _save(self, name: str, content: Any) -> str:
            parts = iter(lambda: content.read(size), b"")
            return str(super()._save(name, ContentFile(b"".join(parts))))

    storage = Reading(tmp_path)
    for limit in (0, 2, 3, 5):
        with failing("save", FULL, after_bytes=limit), pytest.raises(OSError, match="No space"):
            storage.save("a", ContentFile(b"12345"))
    with failing("save", FULL, after_bytes=6, must_fire=False):
        assert storage.size(storage.save("a", ContentFile(b"12345"))) == 5


def test_an_error_that_cannot_be_copied(storage: Storage) -> None:
    """An error that cannot be copied is raised itself."""

    class Refused(Exception):
        def __init__(self, code: int, reason: str) -> None:
            super().__init__(code)

    with failing("exists", Refused(1, "no")), pytest.raises(Refused):
        storage.exists("a")


def test_used_again(storage: Storage) -> None:
    """A fault that is entered again checks again that the error was raised."""
    fault = failing("save", FULL)
    with pytest.raises(KeyError), fault:
        raise KeyError
    with pytest.raises(AssertionError, match="to fail"), fault:
        pass


def test_never(storage: Storage) -> None:
    """With times=0 every operation succeeds."""
    with failing("save", FULL, times=0, must_fire=False):
        assert save(storage, "a") == ["a"]


def test_a_field_on_the_default_storage() -> None:
    """alias= accepts a field whose storage has an alias, or is lazy."""
    for field in ("default", "lazy", "alias"):
        with override_storages():
            document = Document()
            with failing("save", FULL, alias=f"archive.Document.{field}"):
                with pytest.raises(OSError, match="No space"):
                    getattr(document, field).save("a", ContentFile(b""), save=False)


@pytest.mark.parametrize("tool", [failing("save", FULL, alias="defualt")])
def test_an_alias_that_is_not_there(tool: Any) -> None:
    """fail_storage() raises ImproperlyConfigured for an unknown alias."""
    with pytest.raises(ImproperlyConfigured, match="'defualt' is neither an alias"):
        tool.enable()


def test_delay_moves_the_clock_of_freezegun(storage: Storage) -> None:
    """A delay advances a clock that freezegun has stopped."""
    with freeze_time("2026-01-01") as frozen, failing("exists", delay=60):
        storage.exists("a")
        assert frozen().minute == 1


def test_enabled_by_hand(storage: Storage) -> None:
    """enable() and disable() do what a block does."""
    fault = failing("save", FULL).enable()
    assert save(storage, "a") == []
    fault.disable()
    assert save(storage, "a") == ["a"]
    with pytest.raises(AssertionError, match="to fail"):
        fault.enable().disable()
