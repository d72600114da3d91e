"""cache_reads: a file is read from a lower layer once, and from its copy later."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from fallback.layers import get, over, put, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.fallback.copies import copy_up
from inmemorystorage.testing import fail_storage


def copies(upper: Any) -> list[str]:
    """Return the names of the files in the upper layer."""
    return sorted(upper.listdir("")[1])


def test_a_second_read_asks_no_lower_layer() -> None:
    """A second read opens the copy, whatever the mode of the first."""
    storage, upper, lower = over("a.txt", cache_reads=True)
    with storage.open("a.txt", "r") as file:
        assert file.read() == "a.txt"
    with lower.assert_no_calls():
        assert get(storage, "a.txt") == b"a.txt"
        assert storage.exists("a.txt") and storage.size("a.txt") == 5
    assert get(upper, "a.txt") == b"a.txt"


def test_a_copy_is_not_the_file() -> None:
    """A copy changes neither the times of a file, nor its URL, nor which()."""
    upper, lower = InMemoryStorage(base_url="/upper/"), InMemoryStorage(base_url="/lower/")
    put(lower, "a.txt")
    storage = FallbackStorage([upper, lower], cache_reads=True)
    before = storage.get_modified_time("a.txt"), storage.url("a.txt"), storage.which("a.txt")
    get(storage, "a.txt")
    assert upper.exists("a.txt")
    after = storage.get_modified_time("a.txt"), storage.url("a.txt"), storage.which("a.txt")
    assert after == before and after[2] is lower


def test_the_least_recently_read_copy_is_deleted() -> None:
    """The least recently read copy is deleted when the copies exceed cache_size."""
    storage, upper, _ = over("1.txt", "2.txt", "3.txt", cache_reads=True, cache_size=10)
    for name in ("1.txt", "2.txt", "1.txt", "3.txt"):
        assert get(storage, name) == name.encode()
    assert copies(upper) == ["1.txt", "3.txt"]
    assert get(storage, "2.txt") == b"2.txt"
    assert copies(upper) == ["2.txt", "3.txt"]


def test_a_file_that_is_too_large() -> None:
    """A file larger than cache_size is read, and not copied."""
    storage, upper, _ = over("a.txt", "longer.txt", cache_reads=True, cache_size=5)
    assert get(storage, "a.txt") == b"a.txt" and get(storage, "longer.txt") == b"longer.txt"
    assert copies(upper) == ["a.txt"]


@pytest.mark.parametrize("change", ["ab", "rb+", "wb", "delete and save", "path"])
def test_a_changed_copy_stays(change: str, tmp_path: Any) -> None:
    """A copy that was changed is never deleted to make room."""
    upper: Any = FileSystemStorage(tmp_path)
    storage = FallbackStorage([upper, stocked("1.txt", "2.txt")], cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    if change == "path":
        storage.path("1.txt")
    elif change == "delete and save":
        storage.delete("1.txt")
        assert not upper.exists("1.txt")
        put(storage, "1.txt")
    else:
        storage.open("1.txt", change).close()
    get(storage, "2.txt")
    assert copies(upper) == ["1.txt", "2.txt"]


def test_saving_over_a_copy() -> None:
    """save() over a copy makes it a file that stays."""
    upper = InMemoryStorage(allow_overwrite=True)
    storage = FallbackStorage([upper, stocked("1.txt", "2.txt")], cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    put(storage, "1.txt", b"mine")
    get(storage, "2.txt")
    assert get(storage, "1.txt") == b"mine"


def test_copies_of_an_earlier_process(tmp_path: Any) -> None:
    """Copies of an earlier process are read, and deleted to make room."""
    lower = stocked("d/1.txt", "d/2.txt")
    make = {"cache_reads": True, "cache_size": 7}
    get(FallbackStorage([FileSystemStorage(tmp_path), lower], **make), "d/1.txt")
    later = FallbackStorage([FileSystemStorage(tmp_path), lower], **make)
    assert get(later, "d/1.txt") == b"d/1.txt" and get(later, "d/2.txt") == b"d/2.txt"
    assert not (tmp_path / "d" / "1.txt").exists()
    assert get(pickle.loads(pickle.dumps(later)), "d/1.txt") == b"d/1.txt"


def test_a_copy_that_another_storage_changed_stays(tmp_path: Any) -> None:
    """A copy that another storage changed is not deleted to make room."""
    storage, upper, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    other = FallbackStorage([upper, stocked("1.txt")], cache_reads=True)
    other.open("1.txt", "ab").close()
    get(storage, "2.txt")
    assert copies(upper) == ["1.txt", "2.txt"]


def test_deleted_copies(tmp_path: Any) -> None:
    """A file is read from the lower layer again after its copy was deleted there."""
    storage, upper, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=20)
    get(storage, "1.txt")
    upper.delete("1.txt")
    assert storage.exists("1.txt") and get(storage, "1.txt") == b"1.txt"
    upper.delete("1.txt")
    later = FallbackStorage(storage._entries, cache_reads=True, cache_size=7)
    assert get(later, "2.txt") == b"2.txt" and get(later, "1.txt") == b"1.txt"


def test_a_full_upper_layer(caplog: pytest.LogCaptureFixture) -> None:
    """A copy that cannot be written is logged, and the file is read all the same."""
    storage = FallbackStorage([InMemoryStorage(max_size=3), stocked("a.txt")], cache_reads=True)
    with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
        assert get(storage, "a.txt") == b"a.txt"
    assert "cannot keep a copy of 'a.txt'" in caplog.text
    assert storage.which("a.txt") is not None


def test_a_copy_that_is_deleted_at_once() -> None:
    """A reader whose copy was deleted at once reads the lower layer's file."""
    storage, upper, _ = over("a.txt", cache_reads=True)
    keep = storage._layers.cache.keep

    def keep_and_lose(name: str, *args: Any) -> bool:
        kept = keep(name, *args)
        upper.delete(name)
        return bool(kept)

    storage._layers.cache.keep = keep_and_lose
    assert get(storage, "a.txt") == b"a.txt"


def test_many_readers_at_once() -> None:
    """Concurrent readers of two files all read them, and make one copy of each at most."""
    storage, upper, _ = over("a.txt", "b.txt", cache_reads=True, cache_size=5)
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda n: get(storage, "ab"[n % 2] + ".txt"), range(200)))
    assert read == [b"a.txt", b"b.txt"] * 100
    assert len(copies(upper)) <= 2


def keep(storage: Any, name: str) -> bool:
    """Copy a file up as a reader does that has just opened it."""
    with storage.backends[1].open(name) as file:
        return bool(storage._layers.cache.keep(name, storage._layers.all[1], file))


def test_a_second_copy() -> None:
    """A reader that comes to copy a file a second time leaves the copy as it is."""
    storage, upper, _ = over("a.txt", cache_reads=True)
    assert keep(storage, "a.txt") and keep(storage, "a.txt")
    layers = storage._layers
    assert copy_up("a.txt", layers.all[1], layers.all[0], layers.whiteouts.hides)
    assert copies(upper) == ["a.txt"]


def test_a_file_deleted_while_it_is_read() -> None:
    """A file that was deleted after it was opened is not copied."""
    storage, upper, _ = over("a.txt", cache_reads=True)
    storage.delete("a.txt")
    assert not keep(storage, "a.txt")
    assert copies(upper) == [] and not storage.exists("a.txt")


def test_deleting_with_concurrent_readers() -> None:
    """A deleted file stays deleted, whatever concurrent readers copy."""
    for _ in range(20):
        storage, *_ = over("a.txt", cache_reads=True)
        with ThreadPoolExecutor(3) as threads:
            for _ in range(4):
                threads.submit(get, storage, "a.txt")
            threads.submit(storage.delete, "a.txt")
        assert not storage.exists("a.txt")


def test_a_copy_changed_in_the_upper_layer_stays() -> None:
    """A copy that was changed directly in the upper layer is not deleted to make room."""
    storage, upper, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    with upper.open("1.txt", "wb") as file:
        file.write(b"mine, and no copy")
    get(storage, "2.txt")
    assert get(storage, "1.txt") == b"mine, and no copy"
    get(storage, "2.txt")
    assert copies(upper) == ["1.txt", "2.txt"]


def test_an_exclusive_open_of_a_copy() -> None:
    """An exclusive open that fails leaves a copy a copy."""
    storage, upper, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    with pytest.raises(FileExistsError):
        storage.open("1.txt", "xb")
    get(storage, "2.txt")
    assert copies(upper) == ["2.txt"]


class NoTimes(InMemoryStorage):
    """A storage without times and listings."""

    def get_modified_time(self, name: str) -> Any:
        """Refuse, as Django's base class does."""
        raise NotImplementedError

    def listdir(self, path: str) -> Any:
        """Refuse, as Django's base class does."""
        raise NotImplementedError


def test_a_storage_without_times_and_listings() -> None:
    """Copies are kept in a storage without times and listings."""
    upper = NoTimes()
    storage = FallbackStorage([upper, stocked("1.txt", "2.txt")], cache_reads=True, cache_size=5)
    for name in ("1.txt", "2.txt", "1.txt"):
        assert get(storage, name) == name.encode()
    assert upper.exists("1.txt") and not upper.exists("2.txt")
    put(storage, "3.txt")
    storage.delete("1.txt")
    assert not storage.exists("1.txt")


class CannotDelete(InMemoryStorage):
    """A storage that fails after half a save, and then cannot delete the half."""

    def _save(self, name: str, content: Any) -> str:
        if name.startswith(".fallback"):
            return super()._save(name, content)
        super()._save(name, ContentFile(b"half"))
        raise OSError(28, "No space left on device")

    def delete(self, name: str) -> None:
        """Delete the storage's own files alone."""
        if not name.startswith(".fallback"):
            raise OSError(5, "Input/output error")
        super().delete(name)


def test_half_a_copy_that_stays() -> None:
    """Half a copy that cannot be deleted is still noted as a copy."""
    storage = FallbackStorage([CannotDelete(), stocked("a.txt")], cache_reads=True)
    assert get(storage, "a.txt") == b"a.txt"
    assert "a.txt" in storage._layers.cache


def test_deep_copies_share_the_limit() -> None:
    """Copies of a storage, as Django makes of fields, share one limit."""
    storage, upper, _ = over("1.txt", "2.txt", "3.txt", cache_reads=True, cache_size=10)
    for number, each in enumerate([storage, copy.deepcopy(storage), copy.copy(storage)], start=1):
        get(each, f"{number}.txt")
    assert copies(upper) == ["2.txt", "3.txt"]


class Slow(InMemoryStorage):
    """A storage that shows the first half of a file before it writes the second."""

    def __init__(self) -> None:
        super().__init__(behaves_like="filesystem", location=f"/slow/{id(self)}")
        self.half_there = threading.Event()
        self.goes_on = threading.Event()

    def _save(self, name: str, content: Any) -> str:
        if name.startswith(".fallback"):
            return super()._save(name, content)
        saved = super()._save(name, ContentFile(b"ha"))
        self.half_there.set()
        self.goes_on.wait(10)
        with self.open(name, "wb") as file:
            file.write(content.read())
        return saved


@pytest.mark.parametrize("cache_reads", [True, False])
def test_half_a_copy_is_not_seen(cache_reads: bool) -> None:
    """Readers wait while another thread copies a file, until the copy is whole."""
    upper = Slow()
    storage = FallbackStorage([upper, stocked("half.txt")], cache_reads=cache_reads)
    with ThreadPoolExecutor(3) as threads:
        mode = "rb" if cache_reads else "rb+"
        copying = threads.submit(lambda: storage.open("half.txt", mode).close())
        assert upper.half_there.wait(10)
        reading = threads.submit(get, storage, "half.txt")
        size = threads.submit(storage.size, "half.txt")
        upper.goes_on.set()
        assert (reading.result(10), size.result(10)) == (b"half.txt", 8)
        copying.result(10)


def test_half_a_copy_of_a_cached_file_is_not_seen() -> None:
    """Readers wait for a copy whose source is a FallbackStorage that makes a copy itself."""
    sizes: list[int] = []

    class ReadWhileHalf(InMemoryStorage):
        def _save(self, name: str, content: Any) -> str:
            super()._save(name, ContentFile(b"half"))
            reader = threading.Thread(target=lambda: sizes.append(len(get(storage, "a.txt"))))
            reader.start()
            reader.join(0.2)
            with self.open(name, "wb") as file:
                file.write(b"".join(content.chunks()))
            readers.append(reader)
            return name

    readers: list[threading.Thread] = []
    inner = FallbackStorage([InMemoryStorage(), stocked("a.txt")], cache_reads=True)
    storage = FallbackStorage([ReadWhileHalf(), inner])
    storage.open("a.txt", "ab").close()
    readers[0].join()
    assert sizes == [len(b"a.txt")]


def test_an_error_of_the_lower_layer() -> None:
    """open() raises the error of the lower layer."""
    storage, *_ = over("a.txt", cache_reads=True)
    with fail_storage("open", PermissionError("closed")), pytest.raises(PermissionError):
        storage.open("a.txt")


def test_room_that_cannot_be_made() -> None:
    """A copy that cannot be deleted still counts, and is deleted when that is possible."""
    storage, upper, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    upper.delete = refuse
    assert get(storage, "2.txt") == b"2.txt"
    del upper.delete
    assert get(storage, "2.txt") == b"2.txt"
    assert copies(upper) == ["2.txt"]


def refuse(name: str) -> None:
    """Raise as a read-only disk does."""
    raise OSError(30, "Read-only file system")


def test_concurrent_changes_and_copies() -> None:
    """Concurrent readers, which delete copies, and writers of the same files all finish."""
    names = [f"{number}.txt" for number in range(6)]
    storage, *_ = over(*names, cache_reads=True, cache_size=10)

    def use(number: int) -> None:
        name = names[number % 6]
        if number % 7:
            get(storage, name)
        else:
            storage.open(name, "ab").close()

    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(use, range(600), timeout=60)] == [None] * 600
    assert [get(storage, name) for name in names] == [name.encode() for name in names]
