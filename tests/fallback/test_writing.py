"""Writing: a change goes to the upper layer, as if it had all files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.images import ImageFile
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from fallback.layers import WRITES, Failing, Only, Recording, get, over, put, refuse, stocked
from uploads.models import Upload

from inmemorystorage import FallbackStorage, InMemoryStorage, ReadOnlyStorageError

EVERYTHING = ["a.txt", "d/a.txt", "d/b.txt"]


def change_everything(storage: Any) -> None:
    """Make every kind of change."""
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
def test_lower_layers_are_not_written(options: Any) -> None:
    """No call that writes, or asks for a name to save under, reaches a lower layer."""
    storage, _, lower = over(*EVERYTHING, **options)
    change_everything(storage)
    assert {operation for operation, _ in lower.calls} & WRITES == set()
    assert len(lower.calls) > 5
    assert [get(lower, name) for name in EVERYTHING] == [name.encode() for name in EVERYTHING]


def test_writable_layers_are_written() -> None:
    """The same calls reach a layer that is writable."""
    storage, _, lower = over(*EVERYTHING, writable=[1])
    change_everything(storage)
    assert {operation for operation, _ in lower.calls} >= {"_save", "delete", "get_available_name"}


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
def test_backends_refuse_writing(write: Any) -> None:
    """An item of `backends` that is a lower layer refuses to be written."""
    storage, _, lower = over("a.txt")
    with pytest.raises(ReadOnlyStorageError, match=r"read-only.*writable=\[…\].*a\.txt"):
        write(storage.backends[1])
    assert get(storage.backends[1], "a.txt") == get(lower, "a.txt") == b"a.txt"
    assert storage.backends[1].accessed_time("a.txt")
    assert repr(storage.backends[1]) == "<ReadOnlyStorage: Recording>"


def test_writable(settings: Any) -> None:
    """`writable` names writable layers, as `backends` does or by position."""
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
def test_writable_names_no_layer(writable: Any) -> None:
    """An item of `writable` that does not name exactly one layer raises an error."""
    backends = [InMemoryStorage(), InMemoryStorage()]
    with pytest.raises(Exception, match="which is 0 of the backends"):
        FallbackStorage(backends, writable=writable)
    with pytest.raises(Exception, match="which is 2 of the backends"):
        FallbackStorage(backends, writable=[InMemoryStorage()])


def test_empty_writable() -> None:
    """An empty `writable` makes every change an error."""
    storage = FallbackStorage([stocked("a.txt")], writable=[], cache_reads=True)
    for change in (lambda: put(storage, "b.txt"), lambda: storage.delete("a.txt")):
        with pytest.raises(ReadOnlyStorageError, match="writable, only and skip"):
            change()
    assert (get(storage, "a.txt"), storage.exists("b.txt")) == (b"a.txt", False)


def test_several_writable_layers(tmp_path: Any) -> None:
    """A save goes to the first layer that takes it, a change to the layer that has the file."""
    upper, middle = InMemoryStorage(max_size=5), InMemoryStorage()
    storage = FallbackStorage([upper, middle, stocked("c.txt")], writable=[0, 1])
    put(storage, "a.txt", b"five.")
    put(storage, "b.txt", b"no room for this there")
    assert (storage.which("a.txt"), storage.which("b.txt")) == (upper, middle)
    with storage.open("b.txt", "ab") as file:
        file.write(b"!")
    assert get(middle, "b.txt") == b"no room for this there!"
    put(middle, "a.txt", b"hidden")
    for name in ("a.txt", "b.txt", "c.txt"):
        storage.delete(name)
    assert storage.listdir("") == ([], [])


def test_a_failed_save() -> None:
    """A failed save raises the upper layer's own error."""
    storage = FallbackStorage([InMemoryStorage(max_size=1), InMemoryStorage()])
    with pytest.raises(OSError, match="No space left"):
        put(storage, "a.txt")
    assert not storage.exists("a.txt")


def test_available_names() -> None:
    """A name that is taken in a lower layer gets another one, free in all layers."""
    storage, upper, lower = over("a.txt")
    for available in (storage.get_available_name("a.txt"), put(storage, "a.txt")):
        assert available.startswith("a_") and not lower.exists(available)
    assert storage.get_available_name("b.txt") == "b.txt"
    assert (storage.is_name_available("a.txt"), storage.is_name_available("b.txt")) == (False, True)
    assert not storage.is_name_available("b.txt", max_length=3)
    assert len(storage.get_available_name("a" * 20, max_length=12)) == 12
    assert upper.listdir("")[1] != []


def test_an_upper_layer_that_overwrites() -> None:
    """An upper layer that overwrites files hides those of lower layers."""
    storage = FallbackStorage([InMemoryStorage(allow_overwrite=True), stocked("a.txt")])
    assert put(storage, "a.txt", b"new") == "a.txt"
    assert get(storage, "a.txt") == b"new"
    assert storage.is_name_available("a.txt")


class SameName(InMemoryStorage):
    """A storage with one alternative for each name."""

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return the alternative."""
        return f"{file_root}-2{file_ext}"


def test_an_alternative_that_repeats() -> None:
    """An upper layer that repeats its alternative is not asked for ever."""
    storage = FallbackStorage([SameName(), stocked("a.txt", "a-2.txt")])
    assert put(storage, "a.txt") not in ("a.txt", "a-2.txt")
    storage = FallbackStorage([SameName(), stocked("a.txt")])
    assert put(storage, "a.txt") == "a-2.txt"


def test_an_upper_layer_without_names() -> None:
    """Django chooses a name if the upper layer has no method for it."""
    upper = Only(exists=False, save="a.txt", _save="a.txt")
    storage = FallbackStorage([upper, stocked("a.txt")], whiteouts=False)
    assert storage.get_available_name("b.txt") == "b.txt"
    assert storage.get_available_name("a.txt") != "a.txt"


@pytest.mark.parametrize("mode", ["ab", "a", "rb+", "r+"])
def test_opening_for_change(mode: str) -> None:
    """open() for a change copies a lower layer's file up, and leaves it as it is."""
    storage, upper, lower = over("d/a.txt")
    with storage.open("d/a.txt", mode) as file:
        assert get(upper, "d/a.txt") == b"d/a.txt"
        file.seek(0, 2)
        file.write(b"!" if "b" in mode else "!")
    assert (get(storage, "d/a.txt"), get(lower, "d/a.txt")) == (b"d/a.txt!", b"d/a.txt")


def test_opening_for_new_content() -> None:
    """open() in mode wb copies nothing, and in mode xb refuses a lower layer's file."""
    storage, upper, _ = over("a.txt")
    with pytest.raises(FileExistsError):
        storage.open("a.txt", "xb")
    assert not upper.exists("a.txt")
    with storage.open("a.txt", "wb") as file:
        assert storage.size("a.txt") == 0
        file.write(b"new")
    assert get(storage, "a.txt") == b"new"


def test_unknown_modes() -> None:
    """An unknown mode raises an error, and changes no file."""
    storage, upper, lower = over("a.txt")
    for mode in ("", "q", "rw", "w+w", "rbt", None):
        with lower.assert_no_calls(), pytest.raises((ValueError, TypeError)):
            storage.open("a.txt", mode)
    assert upper.listdir("") == ([], [])


class BreaksWhileRead(InMemoryStorage):
    """A storage whose files break after their first bytes."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        file: Any = super()._open(name, mode)

        def read(*size: int) -> bytes:
            if file.tell():
                raise ConnectionResetError
            file.seek(1)
            return b"half"

        file.read = read
        return file


def test_a_file_that_breaks_while_it_is_copied(tmp_path: Any) -> None:
    """A file that cannot be read to its end is not copied at all."""
    upper = FileSystemStorage(tmp_path)
    storage = FallbackStorage([upper, stocked("a.txt", kind=BreaksWhileRead)])
    with pytest.raises(ConnectionResetError):
        storage.open("a.txt", "ab")
    assert not upper.exists("a.txt")


class BreaksWhileWritten(FileSystemStorage):
    """A disk that is full after half a file."""

    def _save(self, name: str, content: Any) -> str:
        super()._save(name, ContentFile(b"half"))
        raise OSError(28, "No space left on device")


def test_a_copy_that_cannot_be_written(tmp_path: Any) -> None:
    """A copy that cannot be written is deleted, and does not hide the file."""
    storage = FallbackStorage([BreaksWhileWritten(tmp_path), stocked("a.txt")])
    with pytest.raises(OSError, match="No space left"):
        storage.open("a.txt", "ab")
    assert get(storage, "a.txt") == b"a.txt"


class TakesNameFirst(InMemoryStorage):
    """A storage in which another process saves a file just before each save."""

    def _save(self, name: str, content: Any) -> str:
        super()._save(name, ContentFile(b"theirs"))
        return super()._save(name, content)


def test_a_copy_that_comes_too_late() -> None:
    """A file that another process stores during the copying is kept, without a second copy."""
    upper = TakesNameFirst()
    storage = FallbackStorage([upper, stocked("a.txt")])
    with storage.open("a.txt", "rb+") as file:
        assert file.read() == b"theirs"
    assert upper.listdir("")[1] == ["a.txt"]


def test_directories_of_lower_layers(tmp_path: Any) -> None:
    """A file can be opened for writing in a directory that only a lower layer has."""
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


def test_paths_of_copies(tmp_path: Any) -> None:
    """path() copies a file up, and returns the path of the copy."""
    (tmp_path / "lower").mkdir()
    upper, lower = FileSystemStorage(tmp_path / "upper"), FileSystemStorage(tmp_path / "lower")
    put(lower, "d/a.txt")
    storage = FallbackStorage([upper, lower], cache_reads=True)
    get(storage, "d/a.txt")
    for name in ("d/a.txt", "d", "missing.txt"):
        assert storage.path(name) == str(tmp_path / "upper" / name)
    with open(storage.path("d/a.txt"), "ab") as file:
        file.write(b"!")
    assert (get(storage, "d/a.txt"), get(lower, "d/a.txt")) == (b"content!", b"content")


def test_reserved_names() -> None:
    """Names in the reserved directory do not exist for callers, in any layer."""
    storage, upper, _ = over("a.txt", ".fallback/a.txt", "d/.fallback/b.txt")
    storage.delete("a.txt")
    assert upper.exists(".fallback") and storage.listdir("") == (["d"], [])
    assert storage.listdir("d") == ([], [])
    for name in (".fallback", ".fallback/a.txt", "d/.fallback/b.txt", "x/../.fallback/a.txt"):
        assert not storage.exists(name)
        for use in (storage.size, storage.open, storage.listdir):
            with pytest.raises(FileNotFoundError):
                use(name)
        for change in (lambda name: put(storage, name), storage.delete):
            with pytest.raises(SuspiciousFileOperation):
                change(name)


# Names that some storage, or some file system, takes for one in the reserved directory.
SPELLINGS = [
    r".fallback\deleted\.fallback\a.txt",
    r"d\..\.fallback\deleted/.fallback/a.txt",
    r"\.fallback\deleted\.fallback\a.txt",
    ".Fallback/deleted/.fallback/a.txt",
    ".FALLBACK/deleted/.FALLBACK/a.txt",
    ".fallbac\N{KELVIN SIGN}/deleted/.fallback/a.txt",
    ".fall\N{ZERO WIDTH NON-JOINER}back/deleted/.fallback/a.txt",
    "\N{FULLWIDTH FULL STOP}fallback/deleted/.fallback/a.txt",
    ".fallback. ./deleted/.fallback/a.txt",
    ".fallback::$INDEX_ALLOCATION/deleted/.fallback/a.txt",
]


class Lenient(InMemoryStorage):
    """A storage that reads a backslash as a slash, and ignores case."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        return super()._open(self._spelling(name), mode)

    def _save(self, name: str, content: Any) -> str:
        super()._save(self._spelling(name), content)
        return name

    def delete(self, name: str) -> None:
        """Delete a file, by any spelling."""
        super().delete(self._spelling(name))

    def exists(self, name: str) -> bool:
        """Return whether a file exists, by any spelling."""
        return super().exists(self._spelling(name))

    def _spelling(self, name: str) -> str:
        return name.replace("\\", "/").casefold()


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_of_reserved_names(name: str) -> None:
    """A whiteout can be neither made, read nor removed through another spelling of its name."""
    storage = FallbackStorage([Lenient(), stocked("a.txt", "b.txt")])
    storage.delete("a.txt")
    for mode in ("wb", "ab", "r+b", "xb"):
        for each in (name, name.replace("a.txt", "b.txt")):
            with pytest.raises(SuspiciousFileOperation):
                storage.open(each, mode)
    for change in (lambda each: put(storage, each), storage.delete, storage.get_available_name):
        with pytest.raises(SuspiciousFileOperation):
            change(name)
    for use in (storage.open, storage.size, storage.get_modified_time, storage.listdir):
        with pytest.raises(FileNotFoundError):
            use(name)
    assert not storage.exists(name) and storage.which(name) is None
    assert not storage.exists("a.txt") and storage.exists("b.txt")
    assert storage.listdir("") == ([], ["b.txt"])


@pytest.mark.parametrize("name", [".fallbacks/a.txt", "d.fallback/a.txt", "fallback/a.txt", "…"])
def test_names_that_are_not_reserved(name: str) -> None:
    """A name that is only similar to the reserved directory's can be used."""
    storage, *_ = over("a.txt")
    assert put(storage, name) == name and storage.exists(name)


@pytest.mark.parametrize("mode", ["ww", "wU", "wz", "w b", "rw", "bw+x"])
def test_unknown_modes_of_reserved_names(mode: str) -> None:
    """A mode that Python does not have is refused, and no layer is asked to open in it."""
    upper = Recording()
    storage = FallbackStorage([upper, stocked("a.txt")])
    for name in ("a.txt", ".fallback/deleted/.fallback/a.txt"):
        with upper.assert_no_calls(), pytest.raises(ValueError, match="mode"):
            storage.open(name, mode)


def test_a_broken_upper_layer() -> None:
    """A change raises the upper layer's error, and is not tried in a lower layer."""
    lower = Recording()
    storage = FallbackStorage([Failing(PermissionError("closed")), lower])
    for change in (lambda: put(storage, "a.txt"), lambda: storage.delete("a.txt")):
        with assert_not_written(lower), pytest.raises(PermissionError, match="closed"):
            change()


@contextmanager
def assert_not_written(lower: Recording) -> Iterator[None]:
    """Fail if the block writes the storage."""
    lower.calls.clear()
    yield
    assert not {operation for operation, _ in lower.calls} & WRITES


def test_django_s_own_storages() -> None:
    """Django's own storages can be layers."""
    upper: Storage = DjangoInMemoryStorage()
    storage = FallbackStorage([upper, stocked("a.txt")])
    assert put(storage, "a.txt") != "a.txt"
    storage.delete("a.txt")
    assert not storage.exists("a.txt")


@pytest.mark.parametrize("mode", ["wb", "r+b", "ab"])
@pytest.mark.parametrize("cache_reads", [True, False])
def test_reopening_for_change(mode: str, cache_reads: bool) -> None:
    """A file that was read is copied up when it is opened again for a change."""
    storage, upper, lower = over("a.txt", "b.txt", cache_reads=cache_reads, cache_size=5)
    file = storage.open("a.txt")
    assert file.read() == b"a.txt" and not file.writable()
    file.close()
    with file.open(mode):
        assert file.writable()
        file.write(b"new")
        file.writelines([b"er"])
        file.truncate()
    get(storage, "b.txt")
    assert b"newer" in get(storage, "a.txt") and b"newer" in get(upper, "a.txt")
    assert get(lower, "a.txt") == b"a.txt"


def test_reopening_for_reading() -> None:
    """A file can be opened again for reading, until it is deleted."""
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


def on_disk(directory: Any) -> Any:
    """Return a storage on a disk."""
    return FileSystemStorage(directory)


def lending(directory: Any) -> Any:
    """Return a storage in memory that lends its paths."""
    return InMemoryStorage(location=directory, behaves_like="filesystem", lend_paths=True)


KINDS = [on_disk, lending, lambda _: InMemoryStorage(), lambda _: DjangoInMemoryStorage()]
kinds = pytest.mark.parametrize("kind", KINDS, ids=["disk", "lending", "memory", "Django's memory"])


def write_through(file: Any) -> None:
    """Close a file, open it again for a change, and write; ignore refusals."""
    with suppress(OSError, ValueError, AttributeError):
        file.close()
    for mode in ("r+b", "wb", "ab", "w"):
        with suppress(OSError, ValueError, AttributeError), file.open(mode) as opened:
            opened.write(b"mine" if "b" in mode else "mine")
    for use in ("write", "writelines"):
        with suppress(OSError, ValueError, AttributeError, TypeError):
            getattr(file, use)([b"mine"] if use == "writelines" else b"mine")


HOLDERS: dict[str, Any] = {
    "the handle": lambda storage: storage.open("d/a.txt"),
    "its stream": lambda storage: storage.open("d/a.txt").file,
    "File": lambda storage: File(storage.open("d/a.txt")),
    "File of its stream": lambda storage: File(storage.open("d/a.txt").file),
    "ImageFile": lambda storage: ImageFile(storage.open("d/a.txt")),
    "text": lambda storage: storage.open("d/a.txt", "r"),
    "text's stream": lambda storage: storage.open("d/a.txt", "r").file,
    "FieldFile": lambda storage: field_file(storage),
    "a backend": lambda storage: storage.backends[1].open("d/a.txt"),
    "a backend's stream": lambda storage: storage.backends[1].open("d/a.txt").file,
    "File of a backend": lambda storage: File(storage.backends[1].open("d/a.txt")),
}


def field_file(storage: Any) -> Any:
    """Return what a model's field makes of ``obj.file = File(storage.open(name))``."""
    file = FieldFile(Upload(), FileField(storage=storage), None)
    opened = File(storage.open("d/a.txt"))
    file.name, file.file = opened.name, opened
    return file


@kinds
@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("cache_reads", [True, False])
def test_no_handle_writes_a_lower_layer(
    kind: Any, holder: str, cache_reads: bool, tmp_path: Any
) -> None:
    """Whatever holds a handle of a lower layer's file cannot write that file."""
    lower = kind(tmp_path / "lower")
    put(lower, "d/a.txt")
    storage = FallbackStorage([kind(tmp_path / "upper"), lower], cache_reads=cache_reads)
    write_through(HOLDERS[holder](storage))
    assert get(lower, "d/a.txt") == b"content"
    assert lower.listdir("d") == ([], ["a.txt"])


@kinds
@pytest.mark.parametrize("cache_reads", [True, False])
def test_the_name_of_a_handle(kind: Any, cache_reads: bool, tmp_path: Any) -> None:
    """A handle of a lower layer's file is called as the file is in the storage."""
    lower = kind(tmp_path / "lower")
    put(lower, "d/a.txt")
    storage = FallbackStorage([kind(tmp_path / "upper"), lower], cache_reads=cache_reads)
    for mode in ("rb", "r"):
        with storage.open("./d//a.txt", mode) as file, storage.backends[1].open("d/a.txt") as below:
            assert (file.name, below.name) == ("d/a.txt", "d/a.txt")
            assert not hasattr(file.file, "name")


def test_a_handle_of_a_backend() -> None:
    """A backend's handle reads as its file does, and opens it again for reading only."""
    storage, *_ = over("a.txt")
    for file in (storage.backends[1].open("a.txt"), storage.open("a.txt")):
        assert file.readable() and not file.writable() and file.size == 5
        assert [*file] == [*file.file] == [*file.chunks()] == [b"a.txt"]
        assert io.TextIOWrapper(file.file).read() == ""
    file = storage.backends[1].open("a.txt")
    file.close()
    assert file.open().read() == b"a.txt"
    file.close()
    with pytest.raises(ReadOnlyStorageError):
        file.open("r+b")


def test_reopening_with_an_encoding(tmp_path: Any) -> None:
    """A closed file is opened again with the arguments of Python's open()."""
    storage = FallbackStorage([FileSystemStorage(tmp_path), stocked("a.txt", "b.txt")])
    file = storage.open("a.txt")
    file.close()
    with file.open("w", encoding="utf-16-le", newline="\r\n"):
        assert file.write("é\n") == 2
    assert get(storage, "a.txt") == "é\r\n".encode("utf-16-le")
    with file.open("r", encoding="ascii", errors="replace"):
        assert file.read(1) == "\N{REPLACEMENT CHARACTER}"
    with file.open("r", -1, "utf-16-le"):
        assert file.read() == "é\n"
    file = storage.open("b.txt")
    assert file.open("r", nonsense=1) is file  # an open file is only rewound, as Django's
    file.close()
    with file.open("rt", errors="replace"):
        assert (file.read(), file.mode) == ("b.txt", "rt")


@pytest.mark.parametrize(
    ("mode", "arguments", "error"),
    [
        ("rb", {"encoding": "utf-8"}, ValueError),
        ("rb", {"errors": "strict"}, ValueError),
        ("rb", {"newline": ""}, ValueError),
        ("r", {"encoding": "nonsense"}, LookupError),
        ("r", {"newline": "nonsense"}, ValueError),
        ("r", {"nonsense": 1}, TypeError),
        ("rb", {"nonsense": 1}, TypeError),
        ("z", {"encoding": "utf-8"}, ValueError),
    ],
)
def test_arguments_that_python_refuses(
    mode: str, arguments: Any, error: type[Exception], tmp_path: Any
) -> None:
    """A closed file refuses arguments that Python's open() refuses, as it does."""
    storage, *_ = over("a.txt")
    file = storage.open("a.txt")
    file.close()
    with pytest.raises(error):
        file.open(mode, **arguments)
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    with pytest.raises(error), path.open(mode, **arguments):
        pass  # Python refuses them as well
    assert file.open().read() == b"a.txt"


@pytest.mark.parametrize("mode", ["rb", "wb", "ab"])
def test_reopening_a_deleted_file(mode: str) -> None:
    """A file that was deleted cannot be opened again in any mode, as on a disk."""
    storage, *_ = over("a.txt")
    file = storage.open("a.txt")
    file.close()
    storage.delete("a.txt")
    with pytest.raises(ValueError, match="cannot be reopened"):
        file.open(mode)
    assert not storage.exists("a.txt")


@pytest.mark.parametrize("use", ["write", "writelines", "truncate"])
def test_writable_handles(use: str) -> None:
    """A handle that its storage would let write refuses to, in a lower layer."""
    lower = DjangoInMemoryStorage()
    put(lower, "a.txt")
    with FallbackStorage([InMemoryStorage(), lower]).open("a.txt") as file:
        for each in (file, file.file):
            with pytest.raises(io.UnsupportedOperation, match=use):
                getattr(each, use)(b"")
    assert get(lower, "a.txt") == b"content"


def test_deleting_during_an_outage() -> None:
    """A file that was deleted during an outage stays deleted after it."""
    lower = stocked("a.txt")
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": lower, "down_for": 0}])
    lower.exists = refuse  # type: ignore[method-assign]
    storage.delete("a.txt")
    del lower.exists
    assert not storage.exists("a.txt")


def test_names_during_an_outage() -> None:
    """save() takes another name if a layer cannot tell whether it has the name."""
    lower = stocked("a.txt")
    storage = FallbackStorage([InMemoryStorage(), lower])
    lower.exists = refuse  # type: ignore[method-assign]
    assert put(storage, "a.txt") != "a.txt"


def test_half_a_file() -> None:
    """Half a file in one layer does not hide the whole in the next."""
    first = FallbackStorage([SavesHalf(), InMemoryStorage()], writable=[0, 1])
    assert put(first, "a.txt", b"whole") == "a.txt"
    assert get(first, "a.txt") == b"whole"
    both = FallbackStorage([SavesHalf(), SavesHalf()], writable=[0, 1])
    with pytest.raises(OSError, match="No space left") as caught:
        put(both, "a.txt")
    assert len(caught.value.__notes__) == 1


class SavesHalf(InMemoryStorage):
    """A storage that saves half a file, and fails."""

    def _save(self, name: str, content: Any) -> str:
        super()._save(name, ContentFile(b"half"))
        raise OSError(28, "No space left on device")


class Renaming(InMemoryStorage):
    """A storage that chooses other names than it is asked for."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that was not asked for."""
        return f"renamed-{name.replace('/', '-')}"


def test_an_upper_layer_that_renames() -> None:
    """Whiteouts and copies keep their names, whatever names the upper layer chooses."""
    storage = FallbackStorage([Renaming(), stocked("a.txt", "b.txt")])
    storage.delete("a.txt")
    assert not storage.exists("a.txt")
    with storage.open("b.txt", "ab") as file:
        file.write(b"!")
    assert get(storage, "b.txt") == b"b.txt!"
    assert put(storage, "c.txt") == "renamed-c.txt"


class Hashing(InMemoryStorage):
    """A storage that stores files under other names than it is given."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(f"hash-{len(name)}", content)


def test_an_upper_layer_that_cannot_keep_names() -> None:
    """An upper layer that cannot store whiteouts raises an error that says so."""
    storage = FallbackStorage([Hashing(), stocked("a.txt")])
    with pytest.raises(OSError, match="must keep names as they are"):
        storage.delete("a.txt")


class Clearing(InMemoryStorage):
    """A storage that deletes the file of a name that it is asked for, as many projects' do."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Delete the file, and return its name."""
        self.delete(name)
        return name


def test_an_upper_layer_that_clears_names() -> None:
    """An upper layer that deletes a file for its name overwrites a copy, too."""
    storage = FallbackStorage([Clearing(), stocked("a.txt")])
    storage.open("a.txt", "ab").close()
    assert put(storage, "a.txt", b"new") == "a.txt"
    assert get(storage, "a.txt") == b"new"


def test_writing_a_deleted_name() -> None:
    """A file that was deleted from an earlier layer can be written to a later one."""
    storage = FallbackStorage([stocked("a.txt"), InMemoryStorage()], writable=[1])
    storage.delete("a.txt")
    with storage.open("a.txt", "wb") as file:
        file.write(b"new")
    assert get(storage, "a.txt") == b"new"
