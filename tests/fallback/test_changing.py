"""Changing files through a FallbackStorage: above alone, as if all were there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from fallback.layers import WRITES, Failing, Only, Recording, get, over, put, refuse, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage, ReadOnlyStorageError

EVERYTHING = ["a.txt", "d/a.txt", "d/b.txt"]


def use_everything(storage: Any) -> None:
    """Do whatever changes files."""
    put(storage, "a.txt")
    put(storage, "new.txt")
    for mode in ("rb+", "ab", "wb", "w+"):
        with storage.open("a.txt", mode) as file:
            file.write(b"new" if "b" in mode else "new")
    for name in ("a.txt", "d/a.txt", "d", "missing.txt"):
        storage.delete(name)
    storage.get_available_name("d/b.txt")
    storage.is_name_available("d/b.txt")


@pytest.mark.parametrize("options", [{}, {"cache_reads": True}, {"whiteouts": False}], ids=str)
def test_nothing_below_is_written(options: Any) -> None:
    """No call that writes, or asks for a name to write, ever reaches a backend below."""
    storage, _, below = over(*EVERYTHING, **options)
    use_everything(storage)
    assert {operation for operation, _ in below.calls} & WRITES == set()
    assert len(below.calls) > 5
    assert [get(below, name) for name in EVERYTHING] == [name.encode() for name in EVERYTHING]


def test_the_record_can_fail() -> None:
    """A backend that may be written is seen to be."""
    storage, _, below = over(*EVERYTHING, writable=[1])
    use_everything(storage)
    assert {operation for operation, _ in below.calls} >= {"_save", "delete", "get_available_name"}


@pytest.mark.parametrize(
    "write",
    [
        lambda each: each.save("a.txt", ContentFile(b"")),
        lambda each: each._save("a.txt", ContentFile(b"")),
        lambda each: each.delete("a.txt"),
        lambda each: each.open("a.txt", "wb"),
        lambda each: each.open("a.txt", mode="r+"),
        lambda each: each._open("a.txt", "ab"),
        lambda each: each.get_available_name("a.txt"),
    ],
)
def test_a_backend_below_refuses(write: Any) -> None:
    """Whoever gets hold of a backend below cannot write it either."""
    storage, _, below = over("a.txt")
    with pytest.raises(ReadOnlyStorageError, match=r"read-only.*writable=\[…\].*a\.txt"):
        write(storage.backends[1])
    assert get(storage.backends[1], "a.txt") == get(below, "a.txt") == b"a.txt"
    assert storage.backends[1].accessed_time("a.txt")
    assert repr(storage.backends[1]) == "<ReadOnlyStorage: Recording>"


def test_writable_says_otherwise(settings: Any) -> None:
    """`writable` names the backends that may be written, as `backends` does or by position."""
    settings.STORAGES |= {"second": {"BACKEND": "inmemorystorage.InMemoryStorage"}}
    one, third = stocked("a.txt"), {"BACKEND": "inmemorystorage.InMemoryStorage"}
    for writable in (["second"], [1]):
        storage = FallbackStorage([one, "second", third], writable=writable)
        put(storage, "b.txt")
        assert storage.which("b.txt") == "second"
        with pytest.raises(ReadOnlyStorageError):
            storage.open("a.txt", "ab")
        storage.delete("b.txt")
    path = third["BACKEND"]
    assert FallbackStorage([one, third], writable=[third])._layers.all[1].is_writable
    assert FallbackStorage([one, third], writable=[path])._layers.all[1].is_writable


@pytest.mark.parametrize(
    "writable", [["nowhere"], [2], [-1], [True], [InMemoryStorage(base_url="/")]]
)
def test_writable_that_is_none(writable: Any) -> None:
    """What `writable` names must be one of the backends, and one alone."""
    backends = [InMemoryStorage(), InMemoryStorage()]
    with pytest.raises(Exception, match="which is 0 of the backends"):
        FallbackStorage(backends, writable=writable)
    with pytest.raises(Exception, match="which is 2 of the backends"):
        FallbackStorage(backends, writable=[InMemoryStorage()])


def test_nothing_is_writable() -> None:
    """With an empty `writable` nothing is ever written."""
    storage = FallbackStorage([stocked("a.txt")], writable=[], cache_reads=True)
    for change in (lambda: put(storage, "b.txt"), lambda: storage.delete("a.txt")):
        with pytest.raises(ReadOnlyStorageError, match="writable, only and skip"):
            change()
    assert (get(storage, "a.txt"), storage.exists("b.txt")) == (b"a.txt", False)


def test_several_that_may_be_written(tmp_path: Any) -> None:
    """A save goes to the first that takes it, a change to the one that has the file."""
    above, middle = InMemoryStorage(max_size=5), InMemoryStorage()
    storage = FallbackStorage([above, middle, stocked("c.txt")], writable=[0, 1])
    put(storage, "a.txt", b"five.")
    put(storage, "b.txt", b"no room for this above")
    assert (storage.which("a.txt"), storage.which("b.txt")) == (above, middle)
    with storage.open("b.txt", "ab") as file:
        file.write(b"!")
    assert get(middle, "b.txt") == b"no room for this above!"
    put(middle, "a.txt", b"hidden")
    for name in ("a.txt", "b.txt", "c.txt"):
        storage.delete(name)
    assert storage.listdir("") == ([], [])


def test_the_error_of_a_save_is_the_storage_s_own() -> None:
    """A save that fails raises what the first backend raised."""
    storage = FallbackStorage([InMemoryStorage(max_size=1), InMemoryStorage()])
    with pytest.raises(OSError, match="No space left"):
        put(storage, "a.txt")
    assert not storage.exists("a.txt")


def test_names_that_are_free_in_all() -> None:
    """A name that is taken below gets another one, which is free in all."""
    storage, above, below = over("a.txt")
    for available in (storage.get_available_name("a.txt"), put(storage, "a.txt")):
        assert available.startswith("a_") and not below.exists(available)
    assert storage.get_available_name("b.txt") == "b.txt"
    assert (storage.is_name_available("a.txt"), storage.is_name_available("b.txt")) == (False, True)
    assert not storage.is_name_available("b.txt", max_length=3)
    assert len(storage.get_available_name("a" * 20, max_length=12)) == 12
    assert above.listdir("")[1] != []


def test_a_backend_that_overwrites() -> None:
    """Where the first backend writes over files, it does so over those below too."""
    storage = FallbackStorage([InMemoryStorage(allow_overwrite=True), stocked("a.txt")])
    assert put(storage, "a.txt", b"new") == "a.txt"
    assert get(storage, "a.txt") == b"new"
    assert storage.is_name_available("a.txt")


class SameName(InMemoryStorage):
    """A storage with one alternative for each name."""

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return that."""
        return f"{file_root}-2{file_ext}"


def test_a_name_taken_below_ends() -> None:
    """A first backend that gives one alternative again and again is not asked for ever."""
    storage = FallbackStorage([SameName(), stocked("a.txt", "a-2.txt")])
    assert put(storage, "a.txt") not in ("a.txt", "a-2.txt")
    storage = FallbackStorage([SameName(), stocked("a.txt")])
    assert put(storage, "a.txt") == "a-2.txt"


def test_a_first_backend_without_names() -> None:
    """A first backend that chooses no names has them chosen."""
    backend = Only(exists=False, save="a.txt", _save="a.txt")
    storage = FallbackStorage([backend, stocked("a.txt")], whiteouts=False)
    assert storage.get_available_name("b.txt") == "b.txt"
    assert storage.get_available_name("a.txt") != "a.txt"


@pytest.mark.parametrize("mode", ["ab", "a", "rb+", "r+"])
def test_opening_for_change_copies_up(mode: str) -> None:
    """A file below is copied up before it is changed; the one below stays."""
    storage, above, below = over("d/a.txt")
    with storage.open("d/a.txt", mode) as file:
        assert get(above, "d/a.txt") == b"d/a.txt"
        file.seek(0, 2)
        file.write(b"!" if "b" in mode else "!")
    assert (get(storage, "d/a.txt"), get(below, "d/a.txt")) == (b"d/a.txt!", b"d/a.txt")


def test_opening_anew() -> None:
    """A file that is written anew is not copied first; one that must not be there is refused."""
    storage, above, _ = over("a.txt")
    with pytest.raises(FileExistsError):
        storage.open("a.txt", "xb")
    assert not above.exists("a.txt")
    with storage.open("a.txt", "wb") as file:
        assert storage.size("a.txt") == 0
        file.write(b"new")
    assert get(storage, "a.txt") == b"new"


def test_modes_that_there_are_not() -> None:
    """A mode that open() does not know does nothing to any file."""
    storage, above, below = over("a.txt")
    for mode in ("", "q", "rw", "w+w", "rbt", None):
        with below.asked_nothing(), pytest.raises((ValueError, TypeError)):
            storage.open("a.txt", mode)
    assert above.listdir("") == ([], [])


class BreaksHalfWay(InMemoryStorage):
    """A storage whose files break after their first bytes."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        file: Any = super()._open(name, mode)

        def chunks(chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"half"
            raise ConnectionResetError

        file.chunks = chunks
        return file


def test_a_file_that_breaks_while_it_is_copied(tmp_path: Any) -> None:
    """A file that cannot be read to its end is not copied at all."""
    above = FileSystemStorage(tmp_path)
    storage = FallbackStorage([above, stocked("a.txt", kind=BreaksHalfWay)])
    with pytest.raises(ConnectionResetError):
        storage.open("a.txt", "ab")
    assert not above.exists("a.txt")


class BreaksInWriting(FileSystemStorage):
    """A disk that is full when a file is half written."""

    def _save(self, name: str, content: Any) -> str:
        super()._save(name, ContentFile(b"half"))
        raise OSError(28, "No space left on device")


def test_a_copy_that_cannot_be_written(tmp_path: Any) -> None:
    """Where there is no room for the copy, no half of it stays to hide the file below."""
    storage = FallbackStorage([BreaksInWriting(tmp_path), stocked("a.txt")])
    with pytest.raises(OSError, match="No space left"):
        storage.open("a.txt", "ab")
    assert get(storage, "a.txt") == b"a.txt"


class TakenMeanwhile(InMemoryStorage):
    """A storage in which somebody else saves a file just before one is saved."""

    def _save(self, name: str, content: Any) -> str:
        super()._save(name, ContentFile(b"theirs"))
        return super()._save(name, content)


def test_a_copy_that_comes_too_late() -> None:
    """What somebody stores while a file is copied counts, and there is no second copy."""
    above = TakenMeanwhile()
    storage = FallbackStorage([above, stocked("a.txt")])
    with storage.open("a.txt", "rb+") as file:
        assert file.read() == b"theirs"
    assert above.listdir("")[1] == ["a.txt"]


def test_directories_below_are_directories(tmp_path: Any) -> None:
    """A directory below can be written into where the first backend wants it to be there."""
    storage = FallbackStorage(
        [FileSystemStorage(tmp_path), stocked("d/e/a.txt", "f/a.txt", "file")]
    )
    with storage.open("d/e/new.txt", "wb") as file:
        file.write(b"new")
    assert storage.listdir("d/e") == ([], ["new.txt", "a.txt"])
    with pytest.raises(FileNotFoundError):
        storage.open("nowhere/new.txt", "wb")
    for name in ("d", "d/e", "f"):
        with pytest.raises(IsADirectoryError):
            storage.open(name, "wb")
    for name in ("file/a", "file/a/b"):
        with pytest.raises((NotADirectoryError, FileExistsError)):
            put(storage, name)


def test_paths_lead_above(tmp_path: Any) -> None:
    """Where the first backend has paths, the path of a file below is that of a copy above."""
    (tmp_path / "below").mkdir()
    above, below = FileSystemStorage(tmp_path / "above"), FileSystemStorage(tmp_path / "below")
    put(below, "d/a.txt")
    storage = FallbackStorage([above, below], cache_reads=True)
    get(storage, "d/a.txt")
    for name in ("d/a.txt", "d", "missing.txt"):
        assert storage.path(name) == str(tmp_path / "above" / name)
    with open(storage.path("d/a.txt"), "ab") as file:
        file.write(b"!")
    assert (get(storage, "d/a.txt"), get(below, "d/a.txt")) == (b"content!", b"content")


def test_a_name_for_marks_is_refused() -> None:
    """The directory of the marks is not there for users, wherever they look."""
    storage, above, _ = over("a.txt", ".fallback/a.txt", "d/.fallback/b.txt")
    storage.delete("a.txt")
    assert above.exists(".fallback") and storage.listdir("") == (["d"], [])
    assert storage.listdir("d") == ([], [])
    for name in (".fallback", ".fallback/a.txt", "d/.fallback/b.txt", "x/../.fallback/a.txt"):
        assert not storage.exists(name)
        for use in (storage.size, storage.open, storage.listdir):
            with pytest.raises(FileNotFoundError):
                use(name)
        for change in (lambda name: put(storage, name), storage.delete):
            with pytest.raises(SuspiciousFileOperation):
                change(name)


def test_errors_of_a_broken_first_backend() -> None:
    """What cannot be written is the error of the first backend, and the next is not tried."""
    below = Recording()
    storage = FallbackStorage([Failing(PermissionError("closed")), below])
    for change in (lambda: put(storage, "a.txt"), lambda: storage.delete("a.txt")):
        with below_is_not_written(below), pytest.raises(PermissionError, match="closed"):
            change()


@contextmanager
def below_is_not_written(below: Recording) -> Iterator[None]:
    """Fail if the storage below is written meanwhile."""
    below.calls.clear()
    yield
    assert not {operation for operation, _ in below.calls} & WRITES


def test_django_s_storages_can_be_backends() -> None:
    """Storages of Django's own are backends as any."""
    above: Storage = DjangoInMemoryStorage()
    storage = FallbackStorage([above, stocked("a.txt")])
    assert put(storage, "a.txt") != "a.txt"
    storage.delete("a.txt")
    assert not storage.exists("a.txt")


@pytest.mark.parametrize("mode", ["wb", "r+b", "ab"])
@pytest.mark.parametrize("cache_reads", [True, False])
def test_a_file_below_opened_again_for_change(mode: str, cache_reads: bool) -> None:
    """A file that is open for reading, and opened again for change, is changed above."""
    storage, above, below = over("a.txt", "b.txt", cache_reads=cache_reads, cache_size=5)
    file = storage.open("a.txt")
    assert file.read() == b"a.txt" and not file.writable()
    file.close()
    with file.open(mode):
        assert file.writable()
        file.write(b"new")
        file.writelines([b"er"])
        file.truncate()
    get(storage, "b.txt")
    assert b"newer" in get(storage, "a.txt") and b"newer" in get(above, "a.txt")
    assert get(below, "a.txt") == b"a.txt"


def test_a_file_below_opened_again_for_reading() -> None:
    """A file can be read again, and more than once, until it is gone."""
    storage, *_ = over("a.txt")
    file = storage.open("a.txt", "r")
    assert file.read() == file.open().read() == "a.txt"
    assert file.readable() and file.name == "a.txt" and file.size == 5
    file.close()
    with file.open("rb"):
        assert file.read() == b"a.txt"
    storage.delete("a.txt")
    with pytest.raises(ValueError, match="cannot be reopened"):
        file.open()
    with pytest.raises(AttributeError, match="nonsense"):
        file.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="_nonsense"):
        file._nonsense  # noqa: B018


@pytest.mark.parametrize("use", ["write", "writelines", "truncate"])
def test_handles_that_can_be_written(use: str) -> None:
    """A backend whose handles can be written, however they were opened, is not written by them."""
    below = DjangoInMemoryStorage()
    put(below, "a.txt")
    with (
        FallbackStorage([InMemoryStorage(), below]).open("a.txt") as file,
        pytest.raises(io.UnsupportedOperation, match=use),
    ):
        getattr(file, use)
    assert get(below, "a.txt") == b"content"


def test_a_deletion_while_nobody_answers() -> None:
    """What is deleted while a backend does not answer stays deleted when it does."""
    below = stocked("a.txt")
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": below, "down_for": 0}])
    below.exists = refuse  # type: ignore[method-assign]
    storage.delete("a.txt")
    del below.exists
    assert not storage.exists("a.txt")


def test_names_while_nobody_answers() -> None:
    """Where a backend cannot tell whether it has a name, another name is taken."""
    below = stocked("a.txt")
    storage = FallbackStorage([InMemoryStorage(), below])
    below.exists = refuse  # type: ignore[method-assign]
    assert put(storage, "a.txt") != "a.txt"


def test_half_a_file_in_the_first_of_two() -> None:
    """What a backend has half written does not hide what the next one has stored."""
    first = FallbackStorage([HalfSaving(), InMemoryStorage()], writable=[0, 1])
    assert put(first, "a.txt", b"whole") == "a.txt"
    assert get(first, "a.txt") == b"whole"
    both = FallbackStorage([HalfSaving(), HalfSaving()], writable=[0, 1])
    with pytest.raises(OSError, match="No space left") as caught:
        put(both, "a.txt")
    assert len(caught.value.__notes__) == 1


class HalfSaving(InMemoryStorage):
    """A storage that saves half a file, and fails."""

    def _save(self, name: str, content: Any) -> str:
        super()._save(name, ContentFile(b"half"))
        raise OSError(28, "No space left on device")


class Renaming(InMemoryStorage):
    """A storage that chooses names of its own when it is asked for one."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that nobody has asked for."""
        return f"renamed-{name.replace('/', '-')}"


def test_a_first_backend_that_renames() -> None:
    """Marks and copies have the names that they must have, whatever a backend likes to choose."""
    storage = FallbackStorage([Renaming(), stocked("a.txt", "b.txt")])
    storage.delete("a.txt")
    assert not storage.exists("a.txt")
    with storage.open("b.txt", "ab") as file:
        file.write(b"!")
    assert get(storage, "b.txt") == b"b.txt!"
    assert put(storage, "c.txt") == "renamed-c.txt"


class Hashing(InMemoryStorage):
    """A storage that keeps its files under other names than it is given."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(f"hash-{len(name)}", content)


def test_a_first_backend_that_cannot_keep_names() -> None:
    """A backend in which there can be no marks is told to be one."""
    storage = FallbackStorage([Hashing(), stocked("a.txt")])
    with pytest.raises(OSError, match="must keep names as they are"):
        storage.delete("a.txt")


class Clearing(InMemoryStorage):
    """A storage that deletes the file whose name it is asked for, as many projects have it."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name itself."""
        self.delete(name)
        return name


def test_a_first_backend_that_clears_names() -> None:
    """A backend that makes room for a name writes over its own files, also those copied up."""
    storage = FallbackStorage([Clearing(), stocked("a.txt")])
    storage.open("a.txt", "ab").close()
    assert put(storage, "a.txt", b"new") == "a.txt"
    assert get(storage, "a.txt") == b"new"


def test_what_was_deleted_above_can_be_written() -> None:
    """A file that was deleted from a backend before the one that is written can be made again."""
    storage = FallbackStorage([stocked("a.txt"), InMemoryStorage()], writable=[1])
    storage.delete("a.txt")
    with storage.open("a.txt", "wb") as file:
        file.write(b"new")
    assert get(storage, "a.txt") == b"new"
